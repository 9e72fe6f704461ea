"""One incident against the period: what became of its timers, and which of its seconds are which. Pure.

An incident is decided once: a breach at the instant of the breach, success when its timer stops for good. The decision
counts in the period that holds that instant, so the reports of consecutive periods add up.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sla.incident import TERMINAL, Cycle, Incident, State
from sla.intervals import Interval, Intervals, intersect, length, subtract, union
from sla.policy import Reopen, Target, Until
from sla.report.material import Case
from sla.report.model import CrossingReport, IncidentReport, Outcome, Seconds, TimerReport
from sla.timers import stop_of, timers

_RESOLUTION = Target("resolution", math.inf)
_TOLERANCE = 1e-6
"""Seconds by which a sum of fractions may miss the limit that it has reached."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, and when; ``at`` is None while nothing is. ``cycle`` (from 1) is the one that decides."""

    outcome: Outcome
    at: float | None
    cycle: int
    provisional: bool = False

    def within(self, span: Interval) -> Outcome:
        """As the report of that period counts it."""
        if self.outcome is Outcome.VOID:
            return Outcome.VOID
        if self.at is None or self.at >= span[1]:
            return Outcome.UNDECIDED
        return Outcome.EARLIER if self.at < span[0] else self.outcome


def cycles_of(incident: Incident) -> tuple[Cycle, ...]:
    """All its cycles in order."""
    return (*incident.cycles, incident.cycle)


def verdict(case: Case, target: Target) -> Verdict:
    """What was decided on one target, with all that is known now."""
    incident, cycles = case.incident, cycles_of(case.incident)
    if incident.state is State.CANCELLED:
        return Verdict(Outcome.VOID, None, len(cycles))
    breaches = [
        (crossing.at, number)
        for number, cycle in enumerate(cycles, 1)
        for crossing in cycle.crossings
        if (crossing.target, crossing.percent) == (target.name, 100)
    ]
    if breaches:
        at, number = min(breaches)
        return Verdict(Outcome.BREACHED, at, number)
    stop = stop_of(incident, cycles[-1], target)
    if stop == math.inf or (incident.state is State.RECOVERING and stop == incident.good_since):
        return Verdict(Outcome.UNDECIDED, None, len(cycles))
    again = target.until is Until.RESOLUTION or case.terms.class_.reopen_policy is Reopen.NEW_CYCLE
    return Verdict(Outcome.MET, stop, len(cycles), provisional=again and incident.state not in TERMINAL)


def overall(case: Case) -> Verdict:
    """On all targets together: breached with the first breach, met when the last timer stopped."""
    found = [verdict(case, target) for target in case.terms.class_.targets]
    if breached := [one for one in found if one.outcome is Outcome.BREACHED]:
        return min(breached, key=lambda one: one.at or 0.0)
    if undecided := [one for one in found if one.outcome is not Outcome.MET]:
        return undecided[0]
    return max(found, key=lambda one: one.at or 0.0)


@dataclass(frozen=True)
class Part:
    """The part of an incident that lies in the period ``span``; its end is how far the report knows."""

    case: Case
    span: Interval

    @cached_property
    def whole(self) -> Intervals:
        """When it was down, over all its cycles, without the gaps of re-openings that resume."""
        incident, found = self.case.incident, list[Interval]()
        for cycle in cycles_of(incident):
            lasted = (cycle.start, stop_of(incident, cycle, _RESOLUTION))
            found += subtract((lasted,), (*cycle.gaps, *self.case.terms.rebases))
        return union(found)

    @cached_property
    def down(self) -> Intervals:
        """When it was down in the period."""
        return intersect(self.whole, (self.span,))

    @cached_property
    def announced(self) -> Intervals:
        """When announced maintenance paused it."""
        return intersect(self.down, self.case.terms.maintenance)

    @cached_property
    def approved(self) -> Intervals:
        """What was granted afterwards."""
        return subtract(intersect(self.down, self._requests(granted=True)), self.announced)

    @cached_property
    def requested(self) -> Intervals:
        """What was announced too late, and not granted."""
        return subtract(intersect(self.down, self._requests(granted=False)), (*self.announced, *self.approved))

    @cached_property
    def unknown(self) -> Intervals:
        """When nobody could look."""
        incident = self.case.incident
        found = [*incident.unobserved, *(doubt for cycle in cycles_of(incident) for doubt in cycle.doubts)]
        found += [] if incident.doubt is None else [incident.doubt]
        if incident.known_until is not None and incident.state not in TERMINAL:
            found.append((incident.known_until, math.inf))
        return intersect(self.down, found)

    def _requests(self, *, granted: bool) -> Iterator[Interval]:
        incident = self.case.incident
        for _, window in self.case.terms.requests:
            if window.id in incident.requested and (window.id in incident.approved) is granted:
                yield window.start, window.end

    @property
    def touches(self) -> bool:
        """Whether it was there in the period: it ended, or was decided, no earlier than the period began."""
        incident = self.case.incident
        if incident.start >= self.span[1]:
            return False
        ends = [end for _, end in self.whole] or [incident.start]
        return max(*ends, incident.start, overall(self.case).at or -math.inf) >= self.span[0]

    @property
    def resolved_at(self) -> float | None:
        """When it was resolved for good, if that is before the end of the period."""
        incident = self.case.incident
        return incident.resolved_at if _before(incident.resolved_at, self.span[1]) else None

    @cached_property
    def report(self) -> IncidentReport:
        """The incident as of the end of the period."""
        return _report(self)


def _before(at: float | None, end: float) -> bool:
    return at is not None and at < end


def seconds(parts: Iterable[Part]) -> Seconds:
    """Their sums."""
    every = list(parts)
    return Seconds(
        down_seconds=sum(length(part.down) for part in every),
        excluded_announced_seconds=sum(length(part.announced) for part in every),
        excluded_approved_seconds=sum(length(part.approved) for part in every),
        excluded_requested_seconds=sum(length(part.requested) for part in every),
        unknown_seconds=sum(length(part.unknown) for part in every),
    )


def timer_report(part: Part, target: Target) -> TimerReport:
    """The timer of one target as of the end of the period."""
    case, end = part.case, part.span[1]
    found = verdict(case, target)
    cycles = [cycle for cycle in cycles_of(case.incident) if cycle.start < end]
    number = min(found.cycle, len(cycles))
    timer = next(
        timer
        for timer in timers(case.incident, case.terms, end)
        if (timer.target, timer.cycle) == (target.name, number)
    )
    outcome = found.within(part.span)
    breached = timer.breached_at is not None and timer.breached_at < end
    return TimerReport(
        target=target.name,
        limit_seconds=target.limit,
        outcome=outcome,
        decided_at=found.at if _before(found.at, end) else None,
        provisional=found.provisional and outcome is Outcome.MET,
        cycle=number,
        cycles=len(cycles),
        elapsed_seconds=timer.elapsed,
        elapsed_approved_seconds=timer.elapsed_approved,
        elapsed_certain_seconds=timer.elapsed_certain,
        paused_seconds=timer.paused,
        gaps_seconds=timer.gaps,
        breached_at=timer.breached_at if breached else None,
        breach_certain=timer.breach_certain if breached else None,
        breached_approved=breached and timer.elapsed_approved >= timer.limit - _TOLERANCE,
        crossings=tuple(_crossings(cycles, target, end)),
    )


def _crossings(cycles: Iterable[Cycle], target: Target, end: float) -> Iterator[CrossingReport]:
    for number, cycle in enumerate(cycles, 1):
        for crossing in cycle.crossings:
            if crossing.target == target.name and crossing.at < end:
                yield CrossingReport(number, crossing.percent, crossing.at, crossing.noticed_at)


def _report(part: Part) -> IncidentReport:
    incident, end = part.case.incident, part.span[1]
    outcome = overall(part.case).within(part.span)
    void = outcome is Outcome.VOID
    resolved = "open" if part.resolved_at is None else "resolved"
    acked = min((cycle.acked_at for cycle in cycles_of(incident) if cycle.acked_at is not None), default=math.inf)
    return IncidentReport(
        id=incident.id,
        class_=incident.class_,
        resource=incident.resource,
        site=part.case.site,
        state="cancelled" if void else resolved,
        outcome=outcome,
        start=incident.start,
        opened_at=incident.opened_at,
        noticed_at=incident.noticed_at,
        acked_at=acked if acked < end else None,
        acked_by=incident.acked_by if acked < end else "",
        resolved_at=part.resolved_at,
        cancelled_because=incident.cancelled_because,
        reopens=incident.reopens,
        flaps=incident.flaps,
        during_maintenance=incident.during_maintenance,
        policy=incident.policy,
        seconds=seconds([part]),
        timers=tuple(timer_report(part, target) for target in part.case.terms.class_.targets),
    )
