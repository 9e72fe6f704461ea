"""The values that the canary gate works on. Times are seconds since the epoch, dates are days (UTC, ``2026-11-23``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from sla.canary.spec import Spec, Statistic, UnitKind
from sla.sketch import Sketch

DAY = 86400.0
SETTLE = 3600.0
"""Seconds after its end from which a day is judged: what was measured has been written down by then."""


class Arm(StrEnum):
    """The part that a unit plays. ``rest`` is neither canary nor control and runs the old version."""

    CANARY = "canary"
    CONTROL = "control"
    REST = "rest"


class Phase(StrEnum):
    """How far a run is. ``pending``: before its first whole day. ``error``: what is known contradicts itself."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ABORTED = "aborted"
    ERROR = "error"


class State(StrEnum):
    """What came of one check, the worst first."""

    ERROR = "error"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    PASSED = "passed"


class Kind(StrEnum):
    """Kinds of occurrences."""

    SLA_BREACH = "sla_breach"
    EVALUATOR_DEAD = "evaluator_dead"
    VERSION_CHANGED = "version_changed"
    COHORT_CHANGED = "cohort_changed"
    MAINTENANCE = "maintenance"
    GUARD = "guard"
    ABORTED = "aborted"


EXIT: Mapping[Phase, int] = {
    Phase.PASSED: 0,
    Phase.ERROR: 1,
    Phase.FAILED: 10,
    Phase.INCONCLUSIVE: 11,
    Phase.PENDING: 12,
    Phase.RUNNING: 12,
    Phase.ABORTED: 13,
}
"""The exit code of a command, by phase. 1 and 2 are taken: an uncaught error exits 1, wrong usage exits 2."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the workload. ``id`` never changes; ``cluster`` is its stratum.

    ``size`` (more than 0) and ``load`` (None: not known) only serve to find a control that is like a canary.
    """

    id: str
    cluster: str = ""
    name: str = ""
    size: float = 1.0
    load: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A unit and its part; ``partner`` is the id of a canary's control, and of a control's canary."""

    unit: Unit
    arm: Arm
    partner: str = ""


@dataclass(frozen=True)
class Cohort:
    """Who takes part in the run of a release; ``members`` are in order of their ids."""

    release: str
    kind: UnitKind
    members: tuple[Member, ...]

    def units(self, arm: Arm) -> tuple[Unit, ...]:
        """The units of an arm."""
        return tuple(member.unit for member in self.members if member.arm is arm)

    def arm(self, unit: str) -> Arm | None:
        """The arm of a unit; None for one that is not known."""
        return self._arms.get(unit)

    @cached_property
    def _arms(self) -> Mapping[str, Arm]:
        return {member.unit.id: member.arm for member in self.members}

    @property
    def share(self) -> float:
        """Canaries, as a share of all units."""
        return len(self.units(Arm.CANARY)) / len(self.members)

    @property
    def size_share(self) -> float:
        """The canaries' share of the size of all units."""
        return sum(unit.size for unit in self.units(Arm.CANARY)) / sum(member.unit.size for member in self.members)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a unit brought in one measure on one day; ``unit`` is empty for the installation as a whole."""

    date: str
    unit: str
    measure: str
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that happened at an instant.

    ``unit``: whom it is attributed to; empty: the whole installation. ``name``: the class of the incident for
    ``sla_breach``, the guard's name for ``guard``. ``until``: the end of a ``maintenance`` that was announced.
    """

    at: float
    kind: Kind
    unit: str = ""
    name: str = ""
    detail: str = ""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Detectable:
    """What a comparison will be able to tell, declared before the run.

    ``deviation`` is the standard deviation of the daily differences in the ``n`` days before the start, ``baseline``
    the mean of the controls. A difference of ``at_80`` (``at_90``) in the direction that is worse fails the run with
    a probability of 0.8 (0.9). ``shows_margin``: with a release like the old one, passing has a probability of 0.8 or
    more. None: it cannot be said, and ``reason`` says why.
    """

    check: str
    n: int
    deviation: float | None
    baseline: float | None
    at_80: float | None
    at_90: float | None
    margin: float | None
    shows_margin: bool
    reason: str = ""


@dataclass(frozen=True)
class Run:
    """A run as it was begun. Nothing of it changes afterwards."""

    spec: Spec
    started: float
    cohort: Cohort
    detectable: tuple[Detectable, ...] = ()

    @property
    def release(self) -> str:
        """The id of the release."""
        return self.spec.release

    @property
    def first_day(self) -> str:
        """The first whole day after the start."""
        return whole_day(self.started)

    @property
    def history(self) -> tuple[str, str]:
        """First and last of the days before the start that canaries and controls are compared on: up to 14."""
        last = date_of(self.started) - timedelta(days=1)
        return (last - timedelta(days=self.spec.max_days - 1)).isoformat(), last.isoformat()


@dataclass(frozen=True)
class Observations:
    """All that is known of a run, in any order."""

    readings: tuple[Reading, ...] = field(default=())
    occurrences: tuple[Occurrence, ...] = field(default=())


def date_of(at: float) -> date:
    """The day that holds an instant."""
    return datetime.fromtimestamp(at, UTC).date()


def whole_day(at: float) -> str:
    """The first day that begins at this instant or later."""
    day = date_of(at)
    return (day if begin_of(day.isoformat()) >= at else day + timedelta(days=1)).isoformat()


def begin_of(day: str) -> float:
    """When a day begins."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


def days_from(first: str, count: int) -> tuple[str, ...]:
    """``count`` days in order, the first one included."""
    begin = date.fromisoformat(first)
    return tuple((begin + timedelta(days=number)).isoformat() for number in range(count))


__all__ = [
    "DAY",
    "EXIT",
    "SETTLE",
    "Arm",
    "Cohort",
    "Detectable",
    "Kind",
    "Member",
    "Observations",
    "Occurrence",
    "Phase",
    "Reading",
    "Run",
    "Spec",
    "State",
    "Statistic",
    "Unit",
    "UnitKind",
    "begin_of",
    "date_of",
    "days_from",
    "whole_day",
]
