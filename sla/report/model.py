"""A report as a value. ``sla.report.document`` writes it down field by field: the names here are the schema's.

``start``, ``end``, ``at`` and what ends in ``_at`` are instants (epoch seconds), ``_seconds`` durations, ``_ratio``
shares of 1. None: there is no such number. ``class_`` is written as ``class``.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a timer in the period.

    ``undecided``: it ran on at the end. ``earlier``: it was decided before the period and counted there.
    """

    MET = "met"
    BREACHED = "breached"
    UNDECIDED = "undecided"
    EARLIER = "earlier"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The instants from ``start`` to before ``end``."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Span:
    """The period. ``until_at`` is how far it can be known: its end, or when the report was made."""

    start: float
    end: float
    until_at: float
    zone: str
    label: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Tally:
    """How many. ``incidents`` is met + breached + undecided; shares are of those decided, met + breached.

    ``provisional`` of those met may still be undone by a re-opening. Of those breached, ``breached_possible`` only if
    it was down while nobody could look; ``breached_approved`` also without what was granted as maintenance afterwards.
    """

    incidents: int
    met: int
    breached: int
    undecided: int
    provisional: int
    breached_certain: int
    breached_possible: int
    breached_approved: int
    within_ratio: float | None
    within_low_ratio: float | None
    within_high_ratio: float | None
    within_approved_ratio: float | None


@dataclass(frozen=True, slots=True)
class SiteTally:
    """One site's part; ``site`` is empty for what has none."""

    site: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One promise of a class, ``limit_seconds`` as of the end of the period. ``until``: what stops its timer."""

    target: str
    limit_seconds: float
    until: str
    total: Tally
    sites: tuple[SiteTally, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of ``n`` durations. Without any, the others are None."""

    n: int
    median_seconds: float | None = None
    p90_seconds: float | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """From the first failed observation to: its detection, its acknowledgement, its resolution. By the clock."""

    detect: Statistics
    acknowledge: Statistics
    resolve: Statistics


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long incidents lasted within the period, added up, and how much of that is told apart.

    Announced maintenance is not charged. ``approved`` was granted afterwards, ``requested`` was not (yet); both are
    charged and shown. In ``unknown`` nobody could look.
    """

    down_seconds: float
    excluded_announced_seconds: float
    excluded_approved_seconds: float
    excluded_requested_seconds: float
    unknown_seconds: float


@dataclass(frozen=True, slots=True)
class Availability:
    """By a named method, from ``start`` to ``end``. Where it is not ``recorded``, or nothing was observed, there are no
    numbers. Announced maintenance is neither in ``observed_seconds`` nor in ``down_seconds``."""

    method: str
    recorded: bool
    ratio: float | None = None
    approved_ratio: float | None = None
    observed_seconds: float | None = None
    down_seconds: float | None = None
    unknown_seconds: float | None = None
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget of an objective over the whole period, spent by down-time of the method incident_time.

    ``left_seconds`` below 0 is overdrawn. ``exhausted_at`` is when nothing was left; ``projected_at`` when nothing will
    be left at the rate so far, if that comes before the end.
    """

    objective_ratio: float
    total_seconds: float
    used_seconds: float
    left_seconds: float
    used_ratio: float
    burn_rate: float | None
    exhausted_at: float | None
    projected_at: float | None


@dataclass(frozen=True, slots=True)
class Resource:
    """One that failed, with its sums."""

    resource: str
    site: str
    incidents: int
    breached: int
    down_seconds: float


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One class. ``tally`` is over all its targets: met where all are, breached where one is.

    ``began`` incidents have their start in the period; ``mtbf_seconds`` is the observed up-time per one of those.
    """

    class_: str
    description: str
    severity: str
    kept: bool
    tally: Tally
    targets: tuple[TargetReport, ...]
    times: Times
    seconds: Seconds
    availability: tuple[Availability, ...]
    budget: Budget | None
    began: int
    mtbf_seconds: float | None
    cancelled: int
    reopens: int
    flaps: int
    resources: tuple[Resource, ...]
    resources_left_out: int


@dataclass(frozen=True, slots=True)
class CrossingReport:
    """A timer reached ``percent`` of its limit; the agent came to know at ``noticed_at``."""

    cycle: int
    percent: int
    at: float
    noticed_at: float


@dataclass(frozen=True, slots=True)
class TimerReport:
    """One incident against one target, as of the end of the period.

    ``cycle`` of ``cycles`` is the one that decides, and whose seconds these are. ``elapsed_seconds`` counts against the
    limit; see ``sla.timers.Timer``. ``crossings`` has those of all cycles.
    """

    target: str
    limit_seconds: float
    outcome: Outcome
    decided_at: float | None
    provisional: bool
    cycle: int
    cycles: int
    elapsed_seconds: float
    elapsed_approved_seconds: float
    elapsed_certain_seconds: float
    paused_seconds: float
    gaps_seconds: float
    breached_at: float | None
    breach_certain: bool | None
    breached_approved: bool
    crossings: tuple[CrossingReport, ...]


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """One incident as of the end of the period. ``outcome`` is over all its targets, ``state`` is open, resolved or
    cancelled (then the reason is in ``cancelled_because``, and it does not count)."""

    id: str
    class_: str
    resource: str
    site: str
    state: str
    outcome: Outcome
    start: float
    opened_at: float | None
    noticed_at: float | None
    acked_at: float | None
    acked_by: str
    resolved_at: float | None
    cancelled_because: str
    reopens: int
    flaps: int
    during_maintenance: bool
    policy: str
    seconds: Seconds
    timers: tuple[TimerReport, ...]


@dataclass(frozen=True, slots=True)
class WindowReport:
    """A maintenance window that touches the period. ``announced``: beforehand, so that it pauses timers."""

    id: str
    start: float
    end: float
    announced: bool
    announced_at: float
    class_: str
    resource: str
    source: str
    comment: str


@dataclass(frozen=True, slots=True)
class LateNotice:
    """A breach that the agent noticed more than a minute afterwards."""

    incident: str
    class_: str
    resource: str
    target: str
    breached_at: float
    noticed_at: float
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class ClockJumpReport:
    """What a clock did (``sla.model.Jump``), and by how much."""

    at: float
    delta_seconds: float
    kind: str


@dataclass(frozen=True, slots=True)
class LeaderChange:
    """From here on another process wrote the log."""

    at: float
    epoch: int


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """Incidents from ``at`` on began under this policy."""

    at: float
    version: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the data is. ``unobserved`` are the longest stretches in which no agent looked, in order of time."""

    observed_seconds: float
    unobserved_seconds: float
    unobserved: tuple[Stretch, ...]
    unobserved_left_out: int
    clock_jumps: tuple[ClockJumpReport, ...]
    leader_changes: tuple[LeaderChange, ...]
    policies: tuple[PolicyReport, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a lane: ``down``, ``over`` (beyond the limit), ``excluded`` (announced) or ``unknown``."""

    kind: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Lane:
    """A resource on the timeline. ``breaches`` are instants, written as ``breaches_at``."""

    class_: str
    resource: str
    site: str
    bars: tuple[Bar, ...]
    breaches_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The resources that failed, worst first; the rest is counted."""

    lanes: tuple[Lane, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Report:
    """The whole. ``kept``: no target was missed in the period."""

    generated_at: float
    period: Span
    only_classes: tuple[str, ...]
    only_sites: tuple[str, ...]
    kept: bool
    classes: tuple[ClassReport, ...]
    incidents: tuple[IncidentReport, ...]
    windows: tuple[WindowReport, ...]
    late_notices: tuple[LateNotice, ...]
    quality: Quality
    timeline: Timeline
