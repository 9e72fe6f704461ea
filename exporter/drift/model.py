"""What a comparison is made from, and what it yields. Instants are epoch seconds by our clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from exporter.config import CloudMapping
from exporter.drift.site import Site
from exporter.driftkinds import LEVELS, DriftKind, Level
from exporter.openstack.model import Hypervisor
from exporter.openstack.networkmodel import NetworkReading

MOST = 500
"""Drifts that are kept; how many there are is counted exactly."""

_K = TypeVar("_K")
_V = TypeVar("_V")

Scope = tuple[DriftKind, str]
"""What was looked for where: the kind, and the vCenter's name, empty for what is of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One region of a cloud and its vCenters. What is None is not known now.

    ``sites`` has every vCenter of the cloud by name; ``networks`` None was not read yet.
    """

    cloud: str
    mapping: CloudMapping
    sites: Mapping[str, Site | None]
    hypervisors: Mapping[str, Hypervisor] | None = None
    networks: NetworkReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Something that does not fit: ``found`` is what is wrong with ``subject``, ``advice`` what to do about it.

    ``subject`` is the name of a network, switch, cluster, datastore or host. ``vcenter`` is empty for what is of none.
    """

    kind: DriftKind
    cloud: str
    subject: str
    found: str
    advice: str
    vcenter: str = ""

    @property
    def level(self) -> Level:
        """How grave it is."""
        return LEVELS[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Kinds that could not be looked for, and why. ``vcenter`` is empty for what is of none."""

    kinds: tuple[DriftKind, ...]
    reason: str
    vcenter: str = ""


def _nothing() -> Mapping[_K, _V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison found, the gravest first, as much as is kept.

    ``counts`` has an exact number for each scope that was looked at, 0 included; a scope that could not be looked at
    has none, and stands in ``unchecked``.
    """

    drifts: tuple[Drift, ...] = ()
    counts: Mapping[Scope, int] = field(default_factory=_nothing)
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def is_drifted(self) -> bool:
        """Whether anything graver than a note was found."""
        return any(count and LEVELS[kind] is not Level.NOTE for (kind, _), count in self.counts.items())
