"""What the model knows of each managed object: plain frozen values, one type per kind of entity.

The wire form (pyVmomi data objects) is made from these on demand by ``simulator.properties``. Sizes are bytes unless
the name says otherwise; instants are seconds since the epoch.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alarm:
    """A triggered alarm: the alarm definition's managed object id, its status and when it was triggered."""

    alarm: str
    status: str
    time: float
    acknowledged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What every entity has. ``custom`` holds (custom attribute key, text) pairs."""

    name: str
    status: str = "green"
    alarms: tuple[Alarm, ...] = ()
    custom: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDefinition(Facts):
    """The definition of an alarm; ``system_name`` is its untranslated name."""

    system_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(Facts):
    """A folder. ``child_types`` are vSphere type names that it may hold."""

    child_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Datacenter(Facts):
    """A datacenter with the managed object ids of its four folders."""

    vm_folder: str
    host_folder: str
    datastore_folder: str
    network_folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster(Facts):
    """A cluster, or the ComputeResource of a standalone host."""

    ha: bool = True
    drs: bool = True


@dataclass(frozen=True, slots=True)
class Lun:
    """A disk that a host sees. ``paths`` holds a state per path: ``active``, ``standby``, ``dead`` or ``disabled``."""

    name: str
    capacity: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host(Facts):
    """An ESXi host. ``certificate_days`` is the life left of its certificate when the model was made.

    ``loads`` holds how busy its CPU was ordered to be, 0 to 1, and since when; None is busy as ever.
    """

    uuid: str
    cores: int
    mhz: int
    memory: int
    booted: float
    datastores: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    luns: tuple[Lun, ...] = ()
    nics: tuple[str, ...] = ("vmnic0", "vmnic1")
    hbas: tuple[str, ...] = ("vmhba1", "vmhba2")
    connection: str = "connected"
    maintenance: bool = False
    certificate_days: float = 400.0
    version: str = "8.0.3"
    build: str = "24022510"
    loads: tuple[tuple[float, float | None], ...] = ()

    @property
    def load(self) -> float | None:
        """How busy its CPU is by order now."""
        return self.loads[-1][1] if self.loads else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore(Facts):
    """A datastore. ``unmounted`` names the hosts that have lost it while it is accessible elsewhere.

    ``lost`` is what a host says of a mount that it cannot access (HostMountInfoInaccessibleReason).
    """

    url: str
    capacity: int
    free: int
    kind: str = "VMFS"
    accessible: bool = True
    maintenance: str = "normal"
    unmounted: tuple[str, ...] = ()
    lost: str = "AllPathsDown_Start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Facts):
    """A resource pool or, with ``vapp_folder`` set to its VM folder, a vApp."""

    owner: str
    vapp_folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Facts):
    """A distributed switch. ``unplugged`` names the hosts on it without a physical NIC."""

    uuid: str
    mtu: int = 9000
    unplugged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Facts):
    """A network; with ``switch`` set, a distributed port group."""

    switch: str | None = None
    vlan: int = 0


@dataclass(frozen=True, slots=True)
class Disk:
    """A virtual disk. ``lun`` is the mapped LUN of an RDM; ``volume`` is the Cinder volume behind it."""

    key: int
    capacity: int
    datastore: str
    path: str
    uuid: str
    thin: bool = True
    mode: str = "persistent"
    lun: str | None = None
    volume: str | None = None

    @property
    def instance(self) -> str:
        """The disk's name in virtualDisk counters: controller and unit, as ``scsi0:1``."""
        return f"scsi{(self.key - 2000) // 16}:{(self.key - 2000) % 16}"


@dataclass(frozen=True, slots=True)
class Nic:
    """A virtual network card on a port group or network. ``port`` is the Neutron port behind it."""

    key: int
    network: str
    mac: str
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot and those taken on top of it."""

    moid: str
    name: str
    created: float
    children: tuple["Snapshot", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vm(Facts):
    """A virtual machine. ``started`` is when it was last powered on; samples begin there.

    ``manager`` is the extension that manages it, as (key, type); None where OpenStack's marks say, or nobody does.
    """

    uuid: str
    instance_uuid: str
    host: str
    pool: str
    cpus: int
    memory_mb: int
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    power: str = "poweredOn"
    started: float = 0.0
    template: bool = False
    guest: str = "ubuntu64Guest"
    tools: str = "toolsOk"
    annotation: str = ""
    manager: tuple[str, str] | None = None
    extra: tuple[tuple[str, str], ...] = ()
    snapshots: tuple[Snapshot, ...] = ()

    @property
    def datastores(self) -> tuple[str, ...]:
        """Managed object ids of the datastores that hold its disks, without repetition."""
        return tuple(dict.fromkeys(d.datastore for d in self.disks))

    @property
    def networks(self) -> tuple[str, ...]:
        """Managed object ids of the networks that its cards are on, without repetition."""
        return tuple(dict.fromkeys(n.network for n in self.nics))
