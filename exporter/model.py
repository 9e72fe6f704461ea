"""Values that cross layers. All are frozen; a new picture of the world replaces the old one whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of entity, by the word used in metric names, labels and configuration."""

    VM = "vm"
    HOST = "host"
    CLUSTER = "cluster"
    DATASTORE = "datastore"
    RESOURCE_POOL = "resource_pool"
    VAPP = "vapp"
    DATACENTER = "datacenter"
    FOLDER = "folder"
    SWITCH = "switch"
    PORTGROUP = "portgroup"


VIM_TYPES: Mapping[str, Kind] = {
    "VirtualMachine": Kind.VM,
    "HostSystem": Kind.HOST,
    "ClusterComputeResource": Kind.CLUSTER,
    "ComputeResource": Kind.CLUSTER,
    "Datastore": Kind.DATASTORE,
    "ResourcePool": Kind.RESOURCE_POOL,
    "VirtualApp": Kind.VAPP,
    "Datacenter": Kind.DATACENTER,
    "Folder": Kind.FOLDER,
    "StoragePod": Kind.FOLDER,
    "DistributedVirtualSwitch": Kind.SWITCH,
    "VmwareDistributedVirtualSwitch": Kind.SWITCH,
    "DistributedVirtualPortgroup": Kind.PORTGROUP,
}
"""vSphere managed object type -> kind. A standalone host's ComputeResource counts as its cluster; a StoragePod
(datastore cluster) is a folder of datastores."""

REALTIME_KINDS = (Kind.VM, Kind.HOST)
"""Kinds with a 20 s provider (vSphere API reference, PerfProviderSummary.currentSupported)."""

HISTORICAL_KINDS = (Kind.CLUSTER, Kind.DATASTORE, Kind.RESOURCE_POOL, Kind.DATACENTER)
"""Kinds that only have rollups of 300 s (PerfProviderSummary.summarySupported)."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One managed object as the inventory knows it.

    ``type`` is the vSphere type (``VirtualMachine``), ``moid`` its managed object id (``vm-42``), ``path`` the
    inventory path of names from the root (``/DC0/vm/web-1``; a slash inside a name stands as ``%2f``, as vCenter
    writes it).
    ``queryable`` is false where vCenter has no samples to give: a VM that is not powered on, a host that is not
    connected, an inaccessible datastore. Such an entity stays in the inventory with its state.
    ``labels`` are the values that ``labels:`` of the configuration may copy on to performance series. ``devices`` are
    further labels of a device's series, by its name in performance counters: ``scsi0:0`` -> (("volume", "..."),).
    """

    moid: str
    kind: Kind
    type: str
    name: str
    path: str = ""
    queryable: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counter:
    """One performance counter of one vCenter. ``id`` differs between vCenters; ``name`` does not.

    ``name`` is ``group.counter.rollup`` (``cpu.usage.average``), ``unit`` vSphere's unit key (``percent``).
    """

    id: int
    name: str
    unit: str
    stats: str
    level: int
    summary: str


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: ``kind`` is ``gauge``, ``counter`` or ``info``; counters are named with ``_total``."""

    name: str
    kind: str
    help: str
    unit: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One series of a family with its value: label pairs in order, and the number."""

    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True)
class Request:
    """A request of ours. ``source`` is the vCenter's or cloud's name, ``operation`` a SOAP method or a path.

    ``service`` is its type in the cloud's catalogue, empty for vCenter; ``outcome`` is ok, or ``SourceError.outcome``.
    """

    source: str
    operation: str
    outcome: str
    seconds: float
    service: str = ""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Running totals of one kind. ``received`` counts ``late`` too; what is neither received nor missing is awaited."""

    expected: int = 0
    received: int = 0
    late: int = 0
    missing: int = 0
