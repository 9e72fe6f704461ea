"""What time alone does to an incident: every instant at which something happens though nothing was observed.

The instants are computed from the incident's history, so it makes no difference when, or how often, somebody looks.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sla import facts
from sla.incident import ONGOING, Incident, State
from sla.intervals import deadline
from sla.model import CancelReason
from sla.timers import Terms, held, reached

LATE = 60.0
"""Seconds after which the notice of a breach counts as late."""


@dataclass(frozen=True, slots=True)
class Edge:
    """``fact`` becomes true at ``at``; where ``after``, only when that instant is over."""

    at: float
    fact: facts.Fact
    after: bool = False


def next_edge(incident: Incident, terms: Terms, now: float) -> Edge | None:
    """The earliest edge of the incident, with all windows known now; ``now`` is when it is noticed."""
    return min(_edges(incident, terms, now), key=lambda edge: edge.at, default=None)


def _edges(incident: Incident, terms: Terms, now: float) -> Iterator[Edge]:
    """Of those at one instant, the first here comes first."""
    state = incident.state
    if state is State.SUSPECT:
        yield from _opening(incident, terms, now)
    elif state in ONGOING:
        yield from _crossings(incident, terms, now)
    if state is State.RECOVERING:
        yield from _resolution(incident, terms, now)
    if state in ONGOING:
        yield from _pausing(incident, terms)
        yield from _orphaning(incident, terms)
    if state in ONGOING or state is State.RESOLVED:
        yield from _flapping(incident, terms)
        yield from _requests(incident, terms)
    if state is State.RESOLVED:
        yield closing(incident, terms)


def _opening(incident: Incident, terms: Terms, now: float) -> Iterator[Edge]:
    class_ = terms.class_
    if incident.bad_count >= class_.open_count and incident.unobserved_since is None:
        at = _hold_down(incident, terms, (incident.start, class_.open_after))
        yield Edge(at, facts.Opened(incident=incident.id, at=at, noticed_at=now))


def _hold_down(incident: Incident, terms: Terms, hold: tuple[float, float]) -> float:
    """When a hold-down (its start, its seconds) is over; not before enough observations are there."""
    at = deadline(*hold, held(incident, terms))
    return max(at, incident.counted_at, *(end for _, end in incident.unobserved[-1:]))


def _resolution(incident: Incident, terms: Terms, now: float) -> Iterator[Edge]:
    class_, since = terms.class_, incident.good_since
    if since is None or incident.good_count < class_.clear_count or incident.unobserved_since is not None:
        return
    at = _hold_down(incident, terms, (since, class_.clear_after))
    if incident.flapping:
        doubled = max(class_.clear_after, min(2 * class_.clear_after, class_.flap.clear_max))
        at = min(_hold_down(incident, terms, (since, doubled)), max(at, _calm_at(incident, terms)))
    yield Edge(at, facts.Resolved(incident=incident.id, at=at, resolved_at=since, noticed_at=now))


def _crossings(incident: Incident, terms: Terms, now: float) -> Iterator[Edge]:
    cycle = incident.cycle
    done = {(crossing.target, crossing.percent) for crossing in cycle.crossings}
    for target in terms.class_.targets:
        percent = next((percent for percent in target.percents if (target.name, percent) not in done), None)
        if percent is None:
            continue
        at = reached(incident, terms, cycle, target=target, seconds=target.limit * percent / 100)
        if at is not None:
            yield Edge(at, _crossed(incident, (target.name, percent), at=at, now=now))


def _crossed(incident: Incident, what: tuple[str, int], *, at: float, now: float) -> facts.Crossed:
    target, percent = what
    cycle = len(incident.cycles) + 1
    judgement = incident.judgement
    if percent < 100:
        return facts.Crossed(
            incident=incident.id,
            at=at,
            target=target,
            percent=percent,
            cycle=cycle,
            judgement=judgement,
            noticed_at=now,
        )
    return facts.Breached(
        incident=incident.id,
        at=at,
        target=target,
        percent=percent,
        cycle=cycle,
        judgement=judgement,
        noticed_at=now,
        late=now - at > LATE,
    )


def _pausing(incident: Incident, terms: Terms) -> Iterator[Edge]:
    if not terms.pauses:
        return
    since, covered = incident.paused_at, terms.maintenance
    if incident.paused:
        end = next((end for start, end in covered if start <= since < end), since)
        window = max((pause.window for pause in terms.pauses if pause.end == end), default="")
        yield Edge(end, facts.Resumed(incident=incident.id, at=end, window=window))
    else:
        at = next((max(start, since) for start, end in covered if end > since), None)
        if at is not None:
            window = min(pause.window for pause in terms.pauses if pause.start <= at < pause.end)
            yield Edge(at, facts.Paused(incident=incident.id, at=at, window=window))


def _orphaning(incident: Incident, terms: Terms) -> Iterator[Edge]:
    if incident.vanished_since is not None:
        at = deadline(incident.vanished_since, terms.class_.orphan_after, terms.rebases)
        fact = facts.Cancelled(incident=incident.id, at=at, reason=CancelReason.ORPHANED.value, actor="")
        yield Edge(at, fact, after=True)


def _flapping(incident: Incident, terms: Terms) -> Iterator[Edge]:
    if incident.flapping:
        at = _calm_at(incident, terms)
        yield Edge(at, facts.FlappingOff(incident=incident.id, at=at))


def _calm_at(incident: Incident, terms: Terms) -> float:
    """When fewer than ``off`` changes are left in the window."""
    flap = terms.class_.flap
    if len(incident.changes) < flap.off:
        return incident.seen
    return deadline(incident.changes[-flap.off], flap.window, terms.rebases)


def is_flapping(incident: Incident, terms: Terms, at: float) -> bool:
    """Whether so many changes lie in the window before ``at`` that flapping begins."""
    flap = terms.class_.flap
    if len(incident.changes) < flap.on:
        return False
    return at < deadline(incident.changes[-flap.on], flap.window, terms.rebases)


def _requests(incident: Incident, terms: Terms) -> Iterator[Edge]:
    end = math.inf if incident.end is None else incident.end
    for heard_at, window in terms.requests:
        if window.id in incident.requested or incident.opened_at is None:
            continue
        if window.start < end and window.end > incident.start:
            at = max(heard_at, incident.opened_at)
            yield Edge(at, facts.ExclusionRequest(incident=incident.id, at=at, window=window.id))


def closing(incident: Incident, terms: Terms) -> Edge:
    """When a resolved incident can be re-opened no more: at once, if it took longer than that to see it resolved."""
    since = incident.start if incident.resolved_at is None else incident.resolved_at
    last = deadline(since, terms.class_.reopen_within, terms.rebases)
    at = max(last, incident.seen)
    return Edge(at, facts.Closed(incident=incident.id, at=at), after=at == last)
