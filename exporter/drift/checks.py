"""What a check is: the kinds it looks for, what it takes, and how it finds. Pure.

``reads`` are the kinds of object that must all be there: where the configuration leaves some out (``objects``), what
is missing tells nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Flag, auto
from typing import NamedTuple

from exporter.drift.plan import Plan
from exporter.drift.site import Site
from exporter.driftkinds import DriftKind
from exporter.model import Kind


class Needs(Flag):
    """What must be known for a check to say anything, and what must be configured."""

    NETWORKS = auto()
    PORTS = auto()
    HYPERVISORS = auto()
    SWITCHES = auto()
    ALL_SITES = auto()
    CLUSTERS = auto()
    BACKENDS = auto()
    STORES = auto()


class Found(NamedTuple):
    """What is wrong with what."""

    kind: DriftKind
    subject: str
    found: str


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """A check of each vCenter by itself."""

    kinds: tuple[DriftKind, ...]
    needs: Needs
    reads: frozenset[Kind]
    find: Callable[[Plan, Site], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class CloudCheck:
    """A check of the cloud as a whole."""

    kinds: tuple[DriftKind, ...]
    needs: Needs
    reads: frozenset[Kind]
    find: Callable[[Plan], Iterable[Found]]


Founds = Iterator[Found]
