"""The timers of an incident, computed from its history by interval arithmetic. Nothing here is stored."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sla.calendar import Calendar, closed
from sla.incident import Cycle, Incident, State
from sla.intervals import Interval, Intervals, crossing, intersect, length, subtract, union
from sla.model import Window
from sla.policy import IncidentClass, Target, Unknown, Until

_HORIZON = 20 * 366 * 86400.0


class Run(StrEnum):
    """What a timer does."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Pause:
    """A window as an incident meets it: from when the engine heard of it, at the earliest, to its end."""

    start: float
    end: float
    window: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What an incident is judged by, beside its own history.

    ``pauses`` are the windows that pause it, ``requests`` those announced too late, with when the engine heard of
    them. ``rebases`` are stretches that the clock skipped.
    """

    class_: IncidentClass
    calendar: Calendar | None = None
    pauses: tuple[Pause, ...] = ()
    requests: tuple[tuple[float, Window], ...] = ()
    rebases: Intervals = ()

    @property
    def maintenance(self) -> Intervals:
        """When timers pause for maintenance; windows that overlap count once."""
        return union((pause.start, pause.end) for pause in self.pauses) if self.pauses else ()


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer as it stands. Durations are seconds, instants effective seconds since the epoch.

    ``elapsed`` is what counts against ``limit``; ``paused`` is what does not although the incident lasted (maintenance,
    closed hours, the clock's skips), ``gaps`` the time between resolutions and re-openings that resumed. The three add
    up to the time from start to end. ``elapsed_approved`` is less the windows approved afterwards, ``elapsed_certain``
    less the stretches of which nobody knows whether it was still down. ``crossings`` has each percentage, None where it
    is not reached. ``breach_certain`` is None without a breach. ``deadline`` is when the limit will be reached if
    nothing changes; None if it was, if the timer stands still without known end, or if it recovers.
    """

    target: str
    cycle: int
    state: Run
    limit: float
    elapsed: float
    paused: float
    gaps: float
    elapsed_approved: float
    elapsed_certain: float
    crossings: Mapping[int, float | None]
    breached_at: float | None
    breach_certain: bool | None
    deadline: float | None


def stop_of(incident: Incident, cycle: Cycle, target: Target) -> float:
    """Where the timer of that cycle stops; infinite while it goes on."""
    end = cycle.end
    if cycle is incident.cycle and end is None:
        end = incident.end
    if target.until is Until.RESOLUTION:
        return math.inf if end is None else end
    return min((at for at in (cycle.acked_at, cycle.first_end, end) if at is not None), default=math.inf)


def uncharged(incident: Incident, terms: Terms, cycle: Cycle) -> Iterator[Interval]:
    """What the timers of that cycle do not charge, closed hours excepted."""
    yield from terms.maintenance
    yield from terms.rebases
    yield from cycle.gaps
    if terms.class_.unknown_policy is Unknown.PAUSE:
        yield from incident.unobserved
        if incident.unobserved_since is not None:
            yield incident.unobserved_since, math.inf


def held(incident: Incident, terms: Terms) -> Iterator[Interval]:
    """Stretches in which no hold-down advances: unobserved ones, and the clock's skips."""
    yield from terms.rebases
    yield from incident.unobserved
    if incident.unobserved_since is not None:
        yield incident.unobserved_since, math.inf


def reached(incident: Incident, terms: Terms, cycle: Cycle, *, target: Target, seconds: float) -> float | None:
    """The instant at which the timer reaches ``seconds``, with all windows known now; None if it never does."""
    stop = stop_of(incident, cycle, target)
    holes = tuple(uncharged(incident, terms, cycle))
    if not holes and terms.calendar is None:
        return cycle.start + seconds if cycle.start + seconds <= stop else None
    runs = subtract(((cycle.start, stop),), holes)
    if terms.calendar is None:
        return crossing(runs, seconds)
    reach, end = seconds, runs[-1][1] if runs else cycle.start
    while True:
        until = min(cycle.start + reach, end)
        found = crossing(_open(runs, terms.calendar, (cycle.start, until)), seconds)
        if found is not None or until >= end or reach > _HORIZON:
            return found
        reach *= 2


def _open(runs: Intervals, calendar: Calendar | None, span: Interval) -> Intervals:
    return subtract(intersect(runs, (span,)), closed(calendar, *span))


def timers(incident: Incident, terms: Terms, now: float) -> tuple[Timer, ...]:
    """All timers of all its cycles as they stand at ``now``."""
    return tuple(
        timer_of(incident, terms, number, target=target, now=now)
        for number in range(1, len(incident.cycles) + 2)
        for target in terms.class_.targets
    )


def timer_of(incident: Incident, terms: Terms, number: int, *, target: Target, now: float) -> Timer:
    """The timer of one target in the cycle of that number, which counts from 1, as it stands at ``now``."""
    cycle = incident.cycles[number - 1] if number <= len(incident.cycles) else incident.cycle
    stop = stop_of(incident, cycle, target)
    span = (cycle.start, max(cycle.start, min(stop, now)))
    elapsed, certain, approved, gaps = _sums(incident, terms, cycle, span=span)
    crossings: dict[int, float | None] = dict.fromkeys(target.percents)
    for found in cycle.crossings:
        if found.target == target.name:
            crossings[found.percent] = found.at
    breached_at = crossings[100]
    goes_on = breached_at is None and stop == math.inf
    return Timer(
        target=target.name,
        cycle=number,
        state=_run(incident, terms, span, stop=stop),
        limit=target.limit,
        elapsed=elapsed,
        paused=span[1] - span[0] - gaps - elapsed,
        gaps=gaps,
        elapsed_approved=approved,
        elapsed_certain=certain,
        crossings=crossings,
        breached_at=breached_at,
        breach_certain=None if breached_at is None else certain >= target.limit,
        deadline=reached(incident, terms, cycle, target=target, seconds=target.limit) if goes_on else None,
    )


def _sums(incident: Incident, terms: Terms, cycle: Cycle, *, span: Interval) -> tuple[float, float, float, float]:
    """Seconds of ``span`` that are charged, that are certain, that are charged but for approved windows; its gaps."""
    holes, doubtful = tuple(uncharged(incident, terms, cycle)), tuple(doubts(incident, cycle))
    allowed = tuple(granted(incident, terms))
    if not (holes or doubtful or allowed or terms.calendar):  # what most incidents are, and quick
        whole = span[1] - span[0]
        return whole, whole, whole, 0.0
    runs = _open(subtract((span,), holes), terms.calendar, span)
    return (
        length(runs),
        length(subtract(runs, doubtful)),
        length(subtract(runs, allowed)),
        length(intersect((span,), cycle.gaps)),
    )


def _run(incident: Incident, terms: Terms, span: Interval, *, stop: float) -> Run:
    """Whether it runs at the end of ``span``, which is now unless it has stopped."""
    if incident.state in {State.CANCELLED, State.CLEAR}:
        return Run.VOID
    if stop < math.inf and (incident.state is not State.RECOVERING or stop != incident.good_since):
        return Run.MET
    now = span[1]
    unknown = incident.unobserved_since is not None and terms.class_.unknown_policy is Unknown.PAUSE
    shut = (*terms.maintenance, *closed(terms.calendar, now, now + 1)) if terms.pauses or terms.calendar else ()
    return Run.PAUSED if unknown or any(start <= now < end for start, end in shut) else Run.RUNNING


def doubts(incident: Incident, cycle: Cycle) -> Iterator[Interval]:
    """Stretches of that cycle of which nobody knows whether it was still down."""
    yield from cycle.doubts
    if cycle is incident.cycle and incident.doubt is not None:
        yield incident.doubt
    if cycle is incident.cycle and incident.known_until is not None:
        yield incident.known_until, math.inf


def granted(incident: Incident, terms: Terms) -> Iterator[Interval]:
    """The windows that were announced too late and approved afterwards."""
    for _, window in terms.requests:
        if window.id in incident.approved:
            yield window.start, window.end
