"""Inventory -> rows of the families in ``catalog``. Pure.

An entity's rows depend on its Entity and its Facts alone, so they need not be made again while both are the same
objects. What is unknown (None) has no row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from exporter import catalog
from exporter.model import Entity, Family, Kind, Row
from exporter.vcenter.facts import DatastoreFacts, Disk, Facts, HostFacts, PortgroupFacts, TriggeredAlarm, VmFacts
from exporter.vcenter.inventory import Inventory

Pairs = tuple[tuple[str, str], ...]
Rows = Iterator[tuple[Family, Row]]


def rows(inventory: Inventory, vcenter: str) -> Mapping[Family, list[Row]]:
    """All rows of an inventory. ``vcenter`` is the name in the configuration."""
    out: dict[Family, list[Row]] = {}
    for family, row in rows_of_vcenter(inventory, vcenter):
        out.setdefault(family, []).append(row)
    for moid, entity in inventory.entities.items():
        for family, row in rows_of(entity, inventory.facts[moid], vcenter):
            out.setdefault(family, []).append(row)
    return out


def rows_of_vcenter(inventory: Inventory, vcenter: str) -> Rows:
    """The rows that are of no single entity."""
    base = (("vcenter", vcenter),)
    counts = dict.fromkeys(Kind, 0)
    for entity in inventory.entities.values():
        counts[entity.kind] += 1
    for kind, count in counts.items():
        yield catalog.ENTITIES, Row((*base, ("kind", kind.value)), float(count))
    yield catalog.INVENTORY_COMPLETE, Row(base, float(inventory.complete))
    for (name, path, reason), count in inventory.missing.items():
        labels = (("type", name), ("property", path), ("reason", reason))
        yield catalog.INVENTORY_MISSING, Row((*base, *labels), float(count))


def rows_of(entity: Entity, facts: Facts, vcenter: str) -> Rows:
    """The rows of one entity, each with the labels ``vcenter``, ``moid`` and the name under the kind's word."""
    kind = entity.kind
    base = (("vcenter", vcenter), ("moid", entity.moid), (kind.value, entity.name))
    more = ((label, tell(facts)) for label, tell in _INFOS.get(kind, ()))
    yield catalog.INFO[kind], Row(base + _known((*entity.labels.items(), *more)), 1.0)
    for family, name in _NUMBERS.get(kind, ()):
        value = getattr(facts, name)
        if value is not None:
            yield family, Row(base, float(value))
    for family, label, name in (*_STATES.get(kind, ()), (catalog.OVERALL_STATUS[kind], "status", "overall_status")):
        state = getattr(facts, name)
        if state is not None:
            yield family, Row((*base, (label, state)), 1.0)
    if kind in _SPECIALS:
        yield from _SPECIALS[kind](facts, base)
    shared = (("vcenter", vcenter), ("kind", kind.value), ("moid", entity.moid), ("entity", entity.name))
    yield from _alarms(facts.alarms or (), shared)
    for name, value in (facts.attributes or {}).items():
        yield catalog.CUSTOM_ATTRIBUTE, Row((*shared, ("name", name), ("value", value)), 1.0)


def _known(pairs: Iterable[tuple[str, str | bool | None]]) -> Pairs:
    """Label pairs without those whose value is unknown; truth as ``true`` and ``false``."""
    return tuple(
        (label, str(value).lower() if isinstance(value, bool) else value)
        for label, value in pairs
        if value is not None and value != ""
    )


def _alarms(alarms: Iterable[TriggeredAlarm], shared: Pairs) -> Rows:
    counts: dict[str, int] = {}
    for alarm in {alarm.name: alarm for alarm in alarms}.values():
        counts[alarm.severity] = counts.get(alarm.severity, 0) + 1
        state = _known((("severity", alarm.severity), ("acknowledged", alarm.acknowledged)))
        yield catalog.ALARM_INFO, Row((*shared, ("alarm", alarm.name), *state), 1.0)
        if alarm.since is not None:
            yield catalog.ALARM_TRIGGERED, Row((*shared, ("alarm", alarm.name)), alarm.since)
    for severity, count in counts.items():
        yield catalog.ALARMS, Row((*shared, ("severity", severity)), float(count))


def _vm(facts: VmFacts, base: Pairs) -> Rows:
    tools = _known(
        (
            ("running_status", facts.tools_running),
            ("version_status", facts.tools_status),
            ("version", facts.tools_version),
        )
    )
    if tools:
        yield catalog.VM_TOOLS, Row(base + tools, 1.0)
    if facts.tools_running is not None:
        yield catalog.VM_TOOLS_RUNNING, Row(base, float(facts.tools_running != "guestToolsNotRunning"))
    guest = _known((("hostname", facts.hostname), ("ip_address", facts.ip_address)))
    if guest:
        yield catalog.VM_GUEST, Row(base + guest, 1.0)
    for disk in {disk.label: disk for disk in facts.disks or ()}.values():
        yield from _disk(disk, (*base, *_known((("disk", disk.label), ("device", disk.device)))))
    if facts.nics is not None:
        yield catalog.VM_NICS, Row(base, float(len(facts.nics)))
    for nic in {nic.device: nic for nic in facts.nics or ()}.values():
        names = (("nic", nic.label), ("device", nic.device))
        plugged = (("mac", nic.mac), ("network", nic.network), ("port", nic.port))
        yield catalog.VM_NIC, Row((*base, *_known((*names, *plugged))), 1.0)
    if facts.snapshots is not None:
        yield catalog.VM_SNAPSHOTS, Row(base, float(facts.snapshots.count))
        if facts.snapshots.oldest is not None:
            yield catalog.VM_SNAPSHOT_OLDEST, Row(base, facts.snapshots.oldest)
        if facts.snapshots.size_bytes is not None:
            yield catalog.VM_SNAPSHOT_BYTES, Row(base, float(facts.snapshots.size_bytes))


def _disk(disk: Disk, base: Pairs) -> Rows:
    if disk.capacity_bytes is not None:
        yield catalog.VM_DISK_CAPACITY, Row(base, float(disk.capacity_bytes))
    labels = (("backing", disk.backing), ("mode", disk.mode), ("datastore", disk.datastore), ("thin", disk.thin))
    yield catalog.VM_DISK, Row((*base, *_known((*labels, ("uuid", disk.uuid), ("volume", disk.volume)))), 1.0)


def _host(facts: HostFacts, base: Pairs) -> Rows:
    if facts.multipath is None:
        return
    for state, count in facts.multipath.paths.items():
        yield catalog.HOST_PATHS, Row((*base, ("state", state)), float(count))
    yield catalog.HOST_LUNS, Row(base, float(facts.multipath.luns))
    yield catalog.HOST_LUNS_NO_REDUNDANCY, Row(base, float(facts.multipath.no_redundancy))
    yield catalog.HOST_LUNS_DOWN, Row(base, float(facts.multipath.all_paths_down))


def _datastore(facts: DatastoreFacts, base: Pairs) -> Rows:
    size, free, promised = facts.capacity_bytes, facts.free_bytes, facts.uncommitted_bytes
    if size is not None and free is not None and promised is not None:
        yield catalog.DATASTORE_PROVISIONED, Row(base, float(size - free + promised))
    for mount in facts.mounts or ():
        labels = (*base, ("host", mount.host))
        if mount.accessible is not None:
            yield catalog.DATASTORE_MOUNT_ACCESSIBLE, Row(labels, float(mount.accessible))
        if mount.mounted is not None:
            yield catalog.DATASTORE_MOUNTED, Row(labels, float(mount.mounted))


def _manager(facts: VmFacts) -> str | None:
    """The extension that created the VM and manages it (``org.openstack.compute``)."""
    return facts.managed_by[0] if facts.managed_by else None


def _vlan(facts: PortgroupFacts) -> str | None:
    return facts.vlan.ids if facts.vlan else None


def _vlan_mode(facts: PortgroupFacts) -> str | None:
    return facts.vlan.mode if facts.vlan else None


def _pool_numbers(kind: Kind) -> tuple[tuple[Family, str], ...]:
    return (
        (catalog.POOL_CPU_RESERVATION[kind], "cpu_reservation_hertz"),
        (catalog.POOL_CPU_RESERVATION_USED[kind], "cpu_reservation_used_hertz"),
        (catalog.POOL_CPU_LIMIT[kind], "cpu_limit_hertz"),
        (catalog.POOL_MEMORY_RESERVATION[kind], "memory_reservation_bytes"),
        (catalog.POOL_MEMORY_RESERVATION_USED[kind], "memory_reservation_used_bytes"),
        (catalog.POOL_MEMORY_LIMIT[kind], "memory_limit_bytes"),
    )


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda facts: getattr(facts, name)


_NUMBERS: Mapping[Kind, tuple[tuple[Family, str], ...]] = MappingProxyType(
    {
        Kind.VM: (
            (catalog.VM_VCPUS, "vcpus"),
            (catalog.VM_MEMORY, "memory_bytes"),
            (catalog.VM_BOOT_TIME, "boot_time"),
            (catalog.VM_CONSOLIDATION, "consolidation_needed"),
        ),
        Kind.HOST: (
            (catalog.HOST_MAINTENANCE, "maintenance"),
            (catalog.HOST_CPU_PACKAGES, "cpu_packages"),
            (catalog.HOST_CPU_CORES, "cpu_cores"),
            (catalog.HOST_CPU_THREADS, "cpu_threads"),
            (catalog.HOST_CPU_HERTZ, "cpu_hertz"),
            (catalog.HOST_MEMORY, "memory_bytes"),
            (catalog.HOST_NICS, "nics"),
            (catalog.HOST_HBAS, "hbas"),
            (catalog.HOST_BOOT_TIME, "boot_time"),
            (catalog.HOST_CERTIFICATE, "certificate_expiry"),
        ),
        Kind.CLUSTER: (
            (catalog.CLUSTER_HOSTS, "hosts"),
            (catalog.CLUSTER_EFFECTIVE_HOSTS, "effective_hosts"),
            (catalog.CLUSTER_CPU_CORES, "cpu_cores"),
            (catalog.CLUSTER_CPU_THREADS, "cpu_threads"),
            (catalog.CLUSTER_CPU, "cpu_hertz"),
            (catalog.CLUSTER_EFFECTIVE_CPU, "effective_cpu_hertz"),
            (catalog.CLUSTER_MEMORY, "memory_bytes"),
            (catalog.CLUSTER_EFFECTIVE_MEMORY, "effective_memory_bytes"),
            (catalog.CLUSTER_HA, "ha_enabled"),
            (catalog.CLUSTER_ADMISSION_CONTROL, "admission_control"),
            (catalog.CLUSTER_FAILOVER, "failover_hosts"),
            (catalog.CLUSTER_FAILOVER_CONFIGURED, "configured_failover_hosts"),
            (catalog.CLUSTER_DRS, "drs_enabled"),
        ),
        Kind.DATASTORE: (
            (catalog.DATASTORE_CAPACITY, "capacity_bytes"),
            (catalog.DATASTORE_FREE, "free_bytes"),
            (catalog.DATASTORE_UNCOMMITTED, "uncommitted_bytes"),
            (catalog.DATASTORE_ACCESSIBLE, "accessible"),
        ),
        Kind.RESOURCE_POOL: _pool_numbers(Kind.RESOURCE_POOL),
        Kind.VAPP: _pool_numbers(Kind.VAPP),
        Kind.SWITCH: (
            (catalog.SWITCH_MTU, "mtu_bytes"),
            (catalog.SWITCH_UPLINKS, "uplinks"),
            (catalog.SWITCH_PORTS, "ports"),
            (catalog.SWITCH_HOSTS, "hosts"),
        ),
        Kind.PORTGROUP: ((catalog.PORTGROUP_PORTS, "ports"),),
    }
)
"""Families whose value is an attribute of the facts: a quantity, or 1 and 0 for true and false."""

_STATES: Mapping[Kind, tuple[tuple[Family, str, str], ...]] = MappingProxyType(
    {
        Kind.VM: (
            (catalog.VM_POWER_STATE, "state", "power_state"),
            (catalog.VM_CONNECTION_STATE, "state", "connection_state"),
        ),
        Kind.HOST: (
            (catalog.HOST_POWER_STATE, "state", "power_state"),
            (catalog.HOST_CONNECTION_STATE, "state", "connection_state"),
            (catalog.HOST_HA_STATE, "state", "ha_state"),
        ),
        Kind.CLUSTER: ((catalog.CLUSTER_DRS_LEVEL, "level", "drs_level"),),
        Kind.DATASTORE: ((catalog.DATASTORE_MAINTENANCE, "state", "maintenance_mode"),),
        Kind.VAPP: ((catalog.VAPP_STATE, "state", "vapp_state"),),
    }
)
"""Families with one series, for the present state: (family, label, attribute of the facts)."""

_INFOS: Mapping[Kind, tuple[tuple[str, Callable[[Any], str | bool | None]], ...]] = MappingProxyType(
    {
        Kind.VM: (
            ("guest_os", _attribute("guest_os")),
            ("hardware_version", _attribute("hardware_version")),
            ("template", _attribute("template")),
            ("managed_by", _manager),
        ),
        Kind.HOST: tuple((name, _attribute(name)) for name in ("version", "build", "vendor", "model", "cpu_model")),
        Kind.DATASTORE: tuple((name, _attribute(name)) for name in ("type", "url", "shared")),
        Kind.SWITCH: (("version", _attribute("version")),),
        Kind.PORTGROUP: (
            ("switch", _attribute("switch")),
            ("vlan", _vlan),
            ("vlan_mode", _vlan_mode),
            ("binding", _attribute("binding")),
        ),
    }
)
"""What an info series tells besides the entity's own labels."""

_SPECIALS: Mapping[Kind, Callable[[Any, Pairs], Rows]] = MappingProxyType(
    {Kind.VM: _vm, Kind.HOST: _host, Kind.DATASTORE: _datastore}
)
