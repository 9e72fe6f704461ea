"""What was measured, as an assessment takes it: sketches of days, and what one look has seen. All are frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sla.objectives.model import Past
from sla.sketch import Sketch

VMWARE, NATIVE = "vmware", "native"
"""The kinds of build that are compared."""
VMDK, RDM = "vmdk", "rdm"
"""The backings of a virtual disk that are compared; both modes of raw device mapping are ``rdm``."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Seconds that our calls to one vCenter took. ``light`` ask for so little that their time is that of the API."""

    vcenter: str
    operation: str
    light: bool
    seconds: Sketch


@dataclass(frozen=True, slots=True)
class Builds:
    """Seconds of the builds of one flavor that succeeded on one kind of hypervisor."""

    cloud: str
    kind: str
    flavor: str
    seconds: Sketch


@dataclass(frozen=True, slots=True)
class Hours:
    """Builds of a day (UTC) that ended well in the hour before a look, one value per look: the greatest is the busiest
    hour."""

    cloud: str
    date: str
    builds: Sketch


@dataclass(frozen=True, slots=True)
class DiskLoad:
    """Virtual disks of one backing and direction: operations and bytes per second, one value per disk and look."""

    vcenter: str
    backing: str
    direction: str
    iops: Sketch = field(default_factory=Sketch)
    bytes: Sketch = field(default_factory=Sketch)


@dataclass(frozen=True, slots=True)
class DiskLatency:
    """Seconds of virtual disks of one backing and direction while they did ``load`` operations per second (a band)."""

    vcenter: str
    backing: str
    direction: str
    load: str
    seconds: Sketch


@dataclass(frozen=True, slots=True)
class BusyDisk:
    """One of the busiest disks: its name, and what it did."""

    vcenter: str
    backing: str
    vm: str
    disk: str
    iops: Sketch
    seconds: Sketch


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that the driver should do: ``state`` is works, missing, by_hand or unknown; ``found`` says why."""

    title: str
    state: str
    found: str = ""
    advice: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a cloud offers. ``score`` (0 to 1) and ``grade`` None where nothing is known."""

    cloud: str
    score: float | None
    grade: str | None
    known: float
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True, slots=True)
class Incidents:
    """Incidents of a class that touch the window: how many, breached ones of them, and each one's counted seconds.

    ``observed`` are the seconds in which the agent looked, None where it never did; ``open`` those still on.
    """

    class_: str
    seconds: tuple[float, ...]
    breached: int
    open: int
    observed: float | None


@dataclass(frozen=True, slots=True)
class Gate:
    """What the canary gate said last. ``phase`` is pending, running, passed, failed, inconclusive or aborted."""

    release: str
    phase: str
    sentence: str
    valid_days: int
    needed_days: int
    at: float


@dataclass(frozen=True, slots=True)
class Drifts:
    """Where OpenStack and vSphere do not fit together in a cloud: how many, and each in a sentence with its advice.

    ``looked`` is the number of kinds that could be looked for, ``unchecked`` says why others could not.
    """

    cloud: str
    count: int
    looked: int
    found: tuple[tuple[str, str, str], ...] = ()
    unchecked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection of the agent: whether both ends prove who they are, and when the first certificate expires (epoch).

    ``mutual`` None is not known. ``local`` never leaves the machine.
    """

    name: str
    mutual: bool | None
    expires: float | None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One way to join the two clouds and what it costs: at first, and each year."""

    name: str
    title: str
    first: float
    yearly: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class Costs:
    """The ways, the one in ``use``, and what their cost is spread over: ``vms`` machines for ``hours`` a year each.

    ``vms`` None is not known. ``years`` is how far is looked ahead.
    """

    ways: tuple[Way, ...]
    use: str
    vms: float | None
    counted: str
    hours: float = 8766.0
    years: float = 5.0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything, from ``start`` to ``at`` (epoch seconds). ``days`` are those that have data.

    ``why`` has a reason for each part that is missing, by the part's name. ``governed`` is the number of machines by
    the way that governs them.
    """

    at: float
    start: float
    days: int = 0
    calls: tuple[Calls, ...] = ()
    hosts: Mapping[str, Sketch] = field(default_factory=dict)
    builds: tuple[Builds, ...] = ()
    hours: tuple[Hours, ...] = ()
    disks: tuple[DiskLoad, ...] = ()
    latencies: tuple[DiskLatency, ...] = ()
    busy: tuple[BusyDisk, ...] = ()
    cpu: Mapping[str, Sketch] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()
    incidents: tuple[Incidents, ...] = ()
    gate: Gate | None = None
    drifts: tuple[Drifts, ...] = ()
    edges: tuple[Edge, ...] = ()
    costs: Costs | None = None
    governed: Mapping[str, int] = field(default_factory=dict)
    before: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    failed: tuple[tuple[str, str], ...] = ()
