"""Property values of one object -> its facts. Pure.

Properties are those of ``propertyspec``, units those of the vSphere API reference: MHz, MB, KB, and bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exporter.model import Kind
from exporter.vcenter import facts
from exporter.vcenter.facts import Facts
from exporter.vcenter.openstackmarks import ports, volumes
from exporter.vcenter.readers import Alarm, ClusterSummary, Member, Mount, Switch
from exporter.vcenter.vmreaders import Devices, Layout, SnapshotTree

MEBI = 1024**2
MEGA = 1_000_000
UNLIMITED = -1
"""ResourceAllocationInfo.limit: no limit."""

ALARMING = frozenset({"yellow", "red"})
"""The states of an alarm that is triggered (ManagedEntityStatus)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One object's property values, and what is needed to make sense of them.

    ``known`` tells whether the absence of a property means that it is unset: it was asked for and not refused.
    ``names`` resolves an id to a name, ``fields`` the key of a custom attribute.
    """

    moid: str
    values: Mapping[str, Any]
    known: Callable[[str], bool]
    names: Callable[[str | None], str | None]
    fields: Mapping[int, str]

    def text(self, path: str) -> str | None:
        """The text at ``path``; None also where it is empty."""
        return self.values.get(path) or None

    def scaled(self, path: str, factor: int) -> int | None:
        """The integer at ``path`` times ``factor``."""
        return _times(self.values.get(path), factor)


def derive(kind: Kind, sight: Sight) -> Facts:
    """The facts of one entity; the type is that of its kind (``VmFacts`` of a VM)."""
    return _DERIVATIONS[kind](
        sight,
        overall_status=sight.text("overallStatus"),
        alarms=_alarms(sight),
        attributes=_attributes(sight),
    )


def snapshot_bytes(tree: SnapshotTree, layout: Layout | None) -> int | None:
    """What snapshots cost: files the disks were given since the root snapshots were made, and all saved states.

    What a disk consisted of when the first snapshot was made is not counted: it would be there without any snapshot,
    and a linked clone shares it. None where the layout is unknown or older than the snapshots.
    """
    if layout is None or not all(root in layout.snapshots for root in tree.roots):
        return None
    before = frozenset[int]().union(*(layout.snapshots[root] for root in tree.roots))
    files = layout.current.union(*layout.snapshots.values()) - before
    return sum(layout.size.get(key, 0) for key in files | layout.states)


def _times(value: int | None, factor: int) -> int | None:
    return None if value is None else value * factor


def _alarms(sight: Sight) -> tuple[facts.TriggeredAlarm, ...] | None:
    if not sight.known("triggeredAlarmState"):
        return None
    found: tuple[Alarm, ...] = sight.values.get("triggeredAlarmState") or ()
    # A parent also lists the alarms of what is below it (ManagedEntity.triggeredAlarmState).
    return tuple(
        facts.TriggeredAlarm(sight.names(alarm.alarm) or alarm.alarm, alarm.severity, alarm.time, alarm.acknowledged)
        for alarm in found
        if alarm.entity == sight.moid and alarm.severity in ALARMING
    )


def _attributes(sight: Sight) -> Mapping[str, str] | None:
    if not sight.known("customValue"):
        return None
    found: tuple[tuple[int, str], ...] = sight.values.get("customValue") or ()
    return MappingProxyType({sight.fields[key]: value for key, value in found if key in sight.fields})


def _plain(_: Sight, **common: Any) -> Facts:
    return Facts(**common)


def _vm(sight: Sight, **common: Any) -> Facts:
    value = sight.values.get
    hardware: Devices | None = value("config.hardware.device")
    return facts.VmFacts(
        **common,
        power_state=sight.text("runtime.powerState"),
        connection_state=sight.text("runtime.connectionState"),
        host=sight.text("runtime.host"),
        uuid=sight.text("config.uuid"),
        instance_uuid=sight.text("config.instanceUuid"),
        template=value("config.template"),
        guest_os=sight.text("guest.guestFullName") or sight.text("config.guestFullName"),
        hardware_version=sight.text("config.version"),
        vcpus=value("config.hardware.numCPU"),
        memory_bytes=sight.scaled("config.hardware.memoryMB", MEBI),
        boot_time=value("runtime.bootTime"),
        tools_running=sight.text("guest.toolsRunningStatus"),
        tools_status=sight.text("guest.toolsVersionStatus2"),
        tools_version=sight.text("guest.toolsVersion"),
        hostname=sight.text("guest.hostName"),
        ip_address=sight.text("guest.ipAddress"),
        nics=None if hardware is None else _nics(hardware, sight),
        disks=None if hardware is None else _disks(hardware, sight),
        snapshots=_snapshots(sight),
        consolidation_needed=value("runtime.consolidationNeeded"),
        annotation=sight.text("config.annotation"),
        managed_by=value("config.managedBy"),
        options=value("config.extraConfig"),
    )


def _disks(hardware: Devices, sight: Sight) -> tuple[facts.Disk, ...]:
    found = volumes(hardware.disks, sight.values.get("config.extraConfig") or {})
    return tuple(
        facts.Disk(
            label=disk.label,
            device=disk.device,
            backing=disk.backing,
            mode=disk.mode,
            datastore=sight.names(disk.datastore),
            thin=disk.thin,
            capacity_bytes=disk.capacity,
            uuid=disk.uuid,
            volume=volume,
        )
        for disk, volume in zip(hardware.disks, found, strict=True)
    )


def _nics(hardware: Devices, sight: Sight) -> tuple[facts.Nic, ...]:
    found = ports(hardware.nics, sight.values.get("config.extraConfig") or {})
    return tuple(
        # The key of a distributed port group is its managed object id.
        facts.Nic(nic.label, nic.device, mac=nic.mac, network=sight.names(nic.network) or nic.network, port=port)
        for nic, port in zip(hardware.nics, found, strict=True)
    )


def _snapshots(sight: Sight) -> facts.Snapshots | None:
    if not sight.known("snapshot"):
        return None
    tree: SnapshotTree | None = sight.values.get("snapshot")
    if tree is None:
        return facts.Snapshots(0, None, 0)
    size = snapshot_bytes(tree, sight.values.get("layoutEx"))
    return facts.Snapshots(tree.total, tree.oldest, size, image=tree.image)


def _host(sight: Sight, **common: Any) -> Facts:
    value = sight.values.get
    return facts.HostFacts(
        **common,
        power_state=sight.text("runtime.powerState"),
        connection_state=sight.text("runtime.connectionState"),
        maintenance=value("runtime.inMaintenanceMode"),
        ha_state=sight.text("runtime.dasHostState.state"),
        version=sight.text("summary.config.product.version"),
        build=sight.text("summary.config.product.build"),
        vendor=sight.text("summary.hardware.vendor"),
        model=sight.text("summary.hardware.model"),
        uuid=sight.text("summary.hardware.uuid"),
        cpu_model=sight.text("summary.hardware.cpuModel"),
        cpu_packages=value("summary.hardware.numCpuPkgs"),
        cpu_cores=value("summary.hardware.numCpuCores"),
        cpu_threads=value("summary.hardware.numCpuThreads"),
        cpu_hertz=sight.scaled("summary.hardware.cpuMhz", MEGA),
        memory_bytes=value("summary.hardware.memorySize"),
        nics=value("summary.hardware.numNics"),
        hbas=value("summary.hardware.numHBAs"),
        boot_time=value("runtime.bootTime"),
        multipath=value("config.storageDevice.multipathInfo"),
        certificate_expiry=value("config.certificate"),
    )


def _cluster(sight: Sight, **common: Any) -> Facts:
    value = sight.values.get
    summary: ClusterSummary = value("summary") or ClusterSummary(*(None,) * len(ClusterSummary._fields))
    return facts.ClusterFacts(
        **common,
        hosts=summary.hosts,
        effective_hosts=summary.effective_hosts,
        cpu_cores=summary.cpu_cores,
        cpu_threads=summary.cpu_threads,
        cpu_hertz=_times(summary.cpu_mhz, MEGA),
        effective_cpu_hertz=_times(summary.effective_cpu_mhz, MEGA),
        memory_bytes=summary.memory_bytes,
        effective_memory_bytes=_times(summary.effective_memory_mb, MEBI),
        ha_enabled=value("configuration.dasConfig.enabled"),
        admission_control=value("configuration.dasConfig.admissionControlEnabled"),
        failover_hosts=summary.failover_level,
        configured_failover_hosts=value("configuration.dasConfig.failoverLevel"),
        drs_enabled=value("configuration.drsConfig.enabled"),
        drs_level=sight.text("configuration.drsConfig.defaultVmBehavior"),
    )


def _datastore(sight: Sight, **common: Any) -> Facts:
    value = sight.values.get
    mounts: tuple[Mount, ...] | None = value("host")
    return facts.DatastoreFacts(
        **common,
        type=sight.text("summary.type"),
        url=sight.text("summary.url"),
        capacity_bytes=value("summary.capacity"),
        free_bytes=value("summary.freeSpace"),
        uncommitted_bytes=value("summary.uncommitted"),
        accessible=value("summary.accessible"),
        maintenance_mode=sight.text("summary.maintenanceMode"),
        shared=value("summary.multipleHostAccess"),
        mounts=None if mounts is None else tuple(_mount(mount, sight) for mount in mounts),
    )


def _mount(mount: Mount, sight: Sight) -> facts.HostMount:
    return facts.HostMount(sight.names(mount.host) or mount.host, mount.accessible, mount.mounted)


def _pool(sight: Sight, **common: Any) -> Facts:
    return facts.PoolFacts(
        **common,
        cpu_reservation_hertz=sight.scaled("config.cpuAllocation.reservation", MEGA),
        cpu_reservation_used_hertz=sight.scaled("runtime.cpu.reservationUsed", MEGA),
        cpu_limit_hertz=_limit(sight, "config.cpuAllocation.limit", MEGA),
        memory_reservation_bytes=sight.scaled("config.memoryAllocation.reservation", MEBI),
        memory_reservation_used_bytes=sight.scaled("runtime.memory.reservationUsed", 1),
        memory_limit_bytes=_limit(sight, "config.memoryAllocation.limit", MEBI),
        vapp_state=sight.text("summary"),
    )


def _limit(sight: Sight, path: str, factor: int) -> int | None:
    return None if sight.values.get(path) == UNLIMITED else sight.scaled(path, factor)


def _switch(sight: Sight, **common: Any) -> Facts:
    config: Switch = sight.values.get("config") or Switch(*(None,) * len(Switch._fields))
    return facts.SwitchFacts(
        **common,
        uuid=sight.text("uuid"),
        version=config.version,
        mtu_bytes=config.mtu,
        uplinks=config.uplinks,
        ports=config.ports,
        hosts=config.hosts,
        members=_members(config, sight),
        uplink_groups=config.uplink_groups,
    )


def _members(config: Switch, sight: Sight) -> tuple[Member, ...] | None:
    """Of DVSConfigInfo.host, else of DVSSummary.hostMember, which says nothing of NICs."""
    if config.members:
        return config.members
    hosts: tuple[str, ...] | None = sight.values.get("summary.hostMember")
    return config.members if hosts is None else tuple(Member(host, None) for host in hosts)


def _portgroup(sight: Sight, **common: Any) -> Facts:
    return facts.PortgroupFacts(
        **common,
        switch=sight.names(sight.values.get("config.distributedVirtualSwitch")),
        switch_moid=sight.text("config.distributedVirtualSwitch"),
        vlan=sight.values.get("config.defaultPortConfig"),
        binding=sight.text("config.type"),
        ports=sight.values.get("config.numPorts"),
    )


_DERIVATIONS: Mapping[Kind, Callable[..., Facts]] = MappingProxyType(
    {
        Kind.VM: _vm,
        Kind.HOST: _host,
        Kind.CLUSTER: _cluster,
        Kind.DATASTORE: _datastore,
        Kind.RESOURCE_POOL: _pool,
        Kind.VAPP: _pool,
        Kind.DATACENTER: _plain,
        Kind.FOLDER: _plain,
        Kind.SWITCH: _switch,
        Kind.PORTGROUP: _portgroup,
    }
)
