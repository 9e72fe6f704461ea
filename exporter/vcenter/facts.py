"""What is known of each entity beyond its name: typed values per kind. ``derive`` makes them from properties. Pure.

None means unknown: not read yet, not permitted, or not said by vCenter; it is never 0, -1 or an empty text. Quantities
are in base units: bytes, hertz, seconds since the epoch. References to other objects are resolved to their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.vcenter.readers import Member, Multipath, Vlan


@dataclass(frozen=True, slots=True)
class TriggeredAlarm:
    """An alarm that is yellow or red on the entity itself (not on something below it)."""

    name: str
    severity: str
    since: float | None
    acknowledged: bool | None


@dataclass(frozen=True, slots=True)
class Disk:
    """A virtual disk. ``label`` is ``Hard disk 1``, ``device`` ``scsi0:0``, ``datastore`` a name; see DiskDevice.

    ``volume`` is the id of the Cinder volume that it is (see ``openstackmarks``).
    """

    label: str
    device: str
    backing: str | None
    mode: str | None
    datastore: str | None
    thin: bool | None
    capacity_bytes: int | None
    uuid: str | None
    volume: str | None = None


@dataclass(frozen=True, slots=True)
class Nic:
    """A virtual network card. ``label`` is ``Network adapter 1``, ``device`` ``4000``; see NicDevice.

    ``network`` is a name. ``port`` is the id of the Neutron port that it is plugged into (see ``openstackmarks``).
    """

    label: str
    device: str
    mac: str | None
    network: str | None
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshots:
    """A VM's snapshots. ``size_bytes`` is what was written since the oldest was made, and all saved states.

    ``image`` are the names of those that Nova makes for the time of an upload of an image.
    """

    count: int
    oldest: float | None
    size_bytes: int | None
    image: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostMount:
    """How one host sees a datastore. ``host`` is its name, or its id where the name is not readable."""

    host: str
    accessible: bool | None
    mounted: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of every entity; all there is of datacenters and folders. ``attributes`` are custom attributes, name -> value."""

    overall_status: str | None = None
    alarms: tuple[TriggeredAlarm, ...] | None = None
    attributes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VmFacts(Facts):
    """Of a virtual machine. ``host`` is an id; ``managed_by`` (extension key, type); ``options`` OpenStack's marks."""

    power_state: str | None = None
    connection_state: str | None = None
    host: str | None = None
    uuid: str | None = None
    instance_uuid: str | None = None
    template: bool | None = None
    guest_os: str | None = None
    hardware_version: str | None = None
    vcpus: int | None = None
    memory_bytes: int | None = None
    boot_time: float | None = None
    tools_running: str | None = None
    tools_status: str | None = None
    tools_version: str | None = None
    hostname: str | None = None
    ip_address: str | None = None
    nics: tuple[Nic, ...] | None = None
    disks: tuple[Disk, ...] | None = None
    snapshots: Snapshots | None = None
    consolidation_needed: bool | None = None
    annotation: str | None = None
    managed_by: tuple[str, str] | None = None
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts(Facts):
    """Of an ESXi host. ``ha_state`` is ClusterDasFdmAvailabilityState; ``certificate_expiry`` epoch seconds."""

    power_state: str | None = None
    connection_state: str | None = None
    maintenance: bool | None = None
    ha_state: str | None = None
    version: str | None = None
    build: str | None = None
    vendor: str | None = None
    model: str | None = None
    uuid: str | None = None
    cpu_model: str | None = None
    cpu_packages: int | None = None
    cpu_cores: int | None = None
    cpu_threads: int | None = None
    cpu_hertz: int | None = None
    memory_bytes: int | None = None
    nics: int | None = None
    hbas: int | None = None
    boot_time: float | None = None
    multipath: Multipath | None = None
    certificate_expiry: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts(Facts):
    """Of a cluster, or of the ComputeResource of a standalone host, which has neither HA nor DRS."""

    hosts: int | None = None
    effective_hosts: int | None = None
    cpu_cores: int | None = None
    cpu_threads: int | None = None
    cpu_hertz: int | None = None
    effective_cpu_hertz: int | None = None
    memory_bytes: int | None = None
    effective_memory_bytes: int | None = None
    ha_enabled: bool | None = None
    admission_control: bool | None = None
    failover_hosts: int | None = None
    configured_failover_hosts: int | None = None
    drs_enabled: bool | None = None
    drs_level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatastoreFacts(Facts):
    """Of a datastore. ``maintenance_mode`` is normal, enteringMaintenance or inMaintenance."""

    type: str | None = None
    url: str | None = None
    capacity_bytes: int | None = None
    free_bytes: int | None = None
    uncommitted_bytes: int | None = None
    accessible: bool | None = None
    maintenance_mode: str | None = None
    shared: bool | None = None
    mounts: tuple[HostMount, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts(Facts):
    """Of a resource pool or vApp. A limit is None also where there is none. ``vapp_state`` is of a vApp only."""

    cpu_reservation_hertz: int | None = None
    cpu_reservation_used_hertz: int | None = None
    cpu_limit_hertz: int | None = None
    memory_reservation_bytes: int | None = None
    memory_reservation_used_bytes: int | None = None
    memory_limit_bytes: int | None = None
    vapp_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchFacts(Facts):
    """Of a distributed switch. ``members`` are its hosts, ``uplink_groups`` the ids of its uplinks' port groups."""

    uuid: str | None = None
    version: str | None = None
    mtu_bytes: int | None = None
    uplinks: int | None = None
    ports: int | None = None
    hosts: int | None = None
    members: tuple[Member, ...] | None = None
    uplink_groups: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortgroupFacts(Facts):
    """Of a distributed port group. ``switch`` is a name, ``switch_moid`` its id.

    ``binding`` is earlyBinding, lateBinding or ephemeral.
    """

    switch: str | None = None
    switch_moid: str | None = None
    vlan: Vlan | None = None
    binding: str | None = None
    ports: int | None = None
