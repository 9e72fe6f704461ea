"""What a canary run has to show. Frozen values; ``specfile`` reads them from YAML."""

from dataclasses import dataclass
from enum import StrEnum

OBSERVED = "unit_observed_seconds"
"""The measure of coverage: the seconds of a day in which a unit was observed, as a total."""
MAINTENANCE = "unit_maintenance"
"""The measure of maintenance: 0 or 1 at each look."""


class UnitKind(StrEnum):
    """What the workload is divided into: ESXi hosts, nova-compute services, or clusters."""

    HOST = "host"
    SERVICE = "service"
    CLUSTER = "cluster"


class Statistic(StrEnum):
    """What is made of the values of a measure.

    ``share_above``: the share of values above a threshold. ``ratio``: events for each unit of exposure.
    """

    MEAN = "mean"
    P50 = "p50"
    P95 = "p95"
    SHARE_ABOVE = "share_above"
    RATIO = "ratio"


class Scope(StrEnum):
    """Whose values are looked at: those of the canaries, or those of the whole installation."""

    COHORT = "cohort"
    WHOLE = "whole"


class Worse(StrEnum):
    """Which way a measure goes when things get worse."""

    HIGHER = "higher"
    LOWER = "lower"


class EventKind(StrEnum):
    """Events that a guard can count."""

    SLA_BREACH = "sla_breach"
    EVALUATOR_DEAD = "evaluator_dead"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is made of a measure. ``threshold`` belongs to ``share_above``, ``per`` to ``ratio``: the measures
    that add up to the exposure (a count of values; seconds for ``unit_observed_seconds``)."""

    measure: str
    statistic: Statistic
    per: tuple[str, ...] = ()
    threshold: float = 0.0

    @property
    def measures(self) -> frozenset[str]:
        """All that it needs."""
        return frozenset({self.measure, *self.per})


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of the whole run and the value that it has to keep, inclusive: the primary judgement.

    ``least`` is whether ``limit`` is the least value that is good, instead of the greatest. A target that is not
    ``required`` can fail the run; that it could not be shown does not hold the run back.
    """

    name: str
    figure: Figure
    limit: float
    least: bool = False
    scope: Scope = Scope.COHORT
    required: bool = True
    min_events: int = 30
    description: str = ""


@dataclass(frozen=True, slots=True)
class Margin:
    """By how much canaries may be worse: the greater one of a share of the control's value and an absolute amount."""

    relative: float = 0.0
    absolute: float = 0.0

    def of(self, control: float) -> float:
        """The amount, beside a control of this value."""
        return max(self.relative * abs(control), self.absolute)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure of the canaries beside that of their controls, day by day."""

    name: str
    figure: Figure
    margin: Margin
    worse: Worse = Worse.HIGHER
    required: bool = True
    min_events: int = 30
    description: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    """What ends a run at once.

    Either events (of ``class_``, where that is not empty), or the count of a measure: more than ``limit`` since the
    start fail. Or a measure that, within one day and at one unit, is above ``above`` for ``lasting`` seconds or more.
    """

    name: str
    event: EventKind | None = None
    class_: str = ""
    measure: str = ""
    limit: int = 0
    above: float | None = None
    lasting: float = 0.0
    scope: Scope = Scope.COHORT
    description: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole specification. Shares are 0..1, ``max_maintenance`` is in seconds, ``freeze`` are dates that count not.

    ``alpha`` is how often a release that is no worse may fail, over all comparisons together; ``day_correlation``
    is how much a day is taken to be like the one before it (as a correlation) when the noise is estimated.
    """

    release: str
    unit: UnitKind
    targets: tuple[Target, ...]
    comparisons: tuple[Comparison, ...] = ()
    guards: tuple[Guard, ...] = ()
    share: float = 0.10
    seed: str = ""
    min_days: int = 7
    max_days: int = 14
    min_coverage: float = 0.95
    max_maintenance: float = 7200.0
    max_restarts: int = 3
    min_events: int = 30
    alpha: float = 0.05
    day_correlation: float = 0.45
    freeze: tuple[str, ...] = ()

    @property
    def measures(self) -> frozenset[str]:
        """Every measure that it needs."""
        checks: tuple[Target | Comparison, ...] = (*self.targets, *self.comparisons)
        guards = {guard.measure for guard in self.guards if guard.measure}
        return frozenset({OBSERVED, MAINTENANCE}).union(guards, *(check.figure.measures for check in checks))
