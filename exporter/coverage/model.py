"""What is known of what a cloud offers on VMware: what was seen, and what follows. Frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from exporter.openstack.networkmodel import NetworkReading
from exporter.openstack.services import Outcome, Reading


class State(StrEnum):
    """Whether a feature can be used; ``by_hand``: it can, where somebody keeps both sides in step."""

    MISSING = "missing"
    UNKNOWN = "unknown"
    BY_HAND = "by_hand"
    WORKS = "works"


class Evidence(StrEnum):
    """What a state rests on, the best first: it happened, an API says so, the driver is known for it, nothing."""

    SEEN = "seen"
    API = "api"
    DRIVER = "driver"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the driver from ``since`` to ``until``, both Compute microversions and included."""

    state: State
    source: str
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (999, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature of the table, as ``exporter/data/coverage.yml`` describes it."""

    name: str
    title: str
    weight: int
    advice: str
    operations: tuple[str, ...] = ()
    trait: str = ""
    check: str = ""
    driver: tuple[Known, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All features; ``grades`` are (letter, least share), the best first; ``reference`` is the analysis' grade."""

    features: tuple[Feature, ...]
    grades: tuple[tuple[str, float], ...]
    reference: str


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often an operation succeeded and failed."""

    ok: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Zone:
    """A host aggregate: its hosts, and the availability zone that it makes, if any."""

    name: str
    hosts: frozenset[str]
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers on VMware hosts: how many are active, and how many have volumes."""

    active: int = 0
    with_volumes: int = 0


@dataclass(frozen=True, slots=True)
class Failover:
    """The clusters that hypervisors are: how many have vSphere HA on, and the names of those that have not."""

    on: int
    off: tuple[str, ...] = ()


def _unread() -> Reading[Any]:
    return Reading(Outcome.ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of a cloud. A reading that failed says why; None is unknown.

    ``hosts`` are the compute hosts of VMware hypervisors. ``done`` is by operation, or by type of migration.
    ``traits`` are those that every VMware hypervisor has, ``unplaced`` the hypervisors without inventory in Placement.
    ``pools`` are the storage protocols of Cinder's back ends, ``nsx`` whether vCenter has an extension of NSX.
    """

    hosts: Reading[frozenset[str]]
    version: tuple[int, int] | None = None
    done: Mapping[str, Outcomes] = field(default_factory=dict)
    migrations: Reading[Mapping[str, Outcomes]] = field(default_factory=_unread)
    servers: Servers | None = None
    traits: Reading[frozenset[str]] = field(default_factory=_unread)
    unplaced: tuple[str, ...] = ()
    network: NetworkReading | None = None
    pools: Reading[tuple[str, ...]] = field(default_factory=_unread)
    zones: Reading[tuple[Zone, ...]] = field(default_factory=_unread)
    failover: Failover | None = None
    nsx: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the table: ``found`` says what it rests on, ``advice`` what to do, empty where there is nothing."""

    feature: str
    title: str
    weight: int
    state: State
    evidence: Evidence
    found: str
    advice: str = ""


_POINTS: Mapping[State, float] = {State.WORKS: 1.0, State.BY_HAND: 0.5, State.MISSING: 0.0}


@dataclass(frozen=True, slots=True)
class Coverage:
    """The table of one cloud, the features in the catalogue's order."""

    cloud: str
    items: tuple[Item, ...]
    grades: tuple[tuple[str, float], ...]
    reference: str

    @property
    def score(self) -> float | None:
        """Points of the features that are known over their weight, 0..1; None where none is known."""
        known = [item for item in self.items if item.state is not State.UNKNOWN]
        weight = sum(item.weight for item in known)
        return sum(item.weight * _POINTS[item.state] for item in known) / weight if weight else None

    @property
    def known(self) -> float:
        """The share of all weight that is known, 0..1."""
        whole = sum(item.weight for item in self.items)
        unknown = sum(item.weight for item in self.items if item.state is State.UNKNOWN)
        return 1.0 - unknown / whole if whole else 0.0

    @property
    def grade(self) -> str | None:
        """The letter of the score; None without one."""
        score = self.score
        return None if score is None else next(letter for letter, least in self.grades if score >= least)

    @property
    def lacking(self) -> tuple[Item, ...]:
        """What is missing, unknown or by hand: in this order, and the weightiest first."""
        order = list(State)
        found = (item for item in self.items if item.state is not State.WORKS)
        return tuple(sorted(found, key=lambda item: (order.index(item.state), -item.weight)))
