"""An incident as the fold of its facts: ``apply`` is the only way in which one changes, live and when a log is read.

So a state that was rebuilt from the log is the state that was there when it was written.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sla import facts
from sla.intervals import Interval, Intervals
from sla.model import Labels
from sla.policy import Reopen

_CHANGES_KEPT = 100


class State(StrEnum):
    """Where an incident is. There is no breached state: a breach is an instant, and a resolution does not undo it."""

    SUSPECT = "suspect"
    OPEN = "open"
    ACKED = "acked"
    RECOVERING = "recovering"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    CLEAR = "clear"


ONGOING = frozenset({State.SUSPECT, State.OPEN, State.ACKED, State.RECOVERING})
"""What the table calls "any open"."""
TERMINAL = frozenset({State.CLOSED, State.CANCELLED, State.CLEAR})
"""Nothing happens to these any more; CLEAR is a suspicion that came to nothing."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A timer reached ``percent`` of its limit at ``at``; the engine noticed at ``noticed_at``."""

    target: str
    percent: int
    at: float
    noticed_at: float


@dataclass(frozen=True, slots=True)
class Cycle:
    """One measured stretch: from ``start`` to ``end`` (None: it is not over).

    ``first_end`` is the first of its resolutions, ``acked_at`` the first acknowledgement. ``gaps`` lie between a
    resolution and a re-opening that resumed. ``doubts`` are stretches at whose end it was good: since when, nobody saw.
    """

    start: float
    end: float | None = None
    first_end: float | None = None
    acked_at: float | None = None
    gaps: Intervals = ()
    doubts: Intervals = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of one incident. All times are effective seconds since the epoch.

    ``seen`` is the newest instant among its facts. ``counted_at`` is when the last observation came that counted
    towards ``bad_count`` or ``good_count``. ``good_since`` is the first good observation of a recovery; ``doubt`` goes
    before it where nobody looked. ``unobserved_since`` is set while nobody can look, ``known_until`` then is the last
    instant known. ``paused_at`` is when ``paused``, whether maintenance covers it, was last determined. ``changes`` are
    the latest changes between open and recovering. ``acked`` holds until it opens again. ``cycles`` are those before
    ``cycle``.
    """

    id: str
    class_: str
    resource: str
    labels: Labels
    policy: str
    start: float
    cycle: Cycle
    seen: float
    counted_at: float
    paused_at: float
    paused: bool = False
    during_maintenance: bool = False
    state: State = State.SUSPECT
    cycles: tuple[Cycle, ...] = ()
    bad_count: int = 1
    good_count: int = 0
    opened_at: float | None = None
    noticed_at: float | None = None
    acked: bool = False
    acked_by: str = ""
    good_since: float | None = None
    doubt: Interval | None = None
    resolved_at: float | None = None
    closed_at: float | None = None
    cancelled_because: str = ""
    unobserved: Intervals = ()
    unobserved_since: float | None = None
    known_until: float | None = None
    vanished_since: float | None = None
    changes: tuple[float, ...] = ()
    flapping: bool = False
    flaps: int = 0
    reopens: int = 0
    judgement: int = 0
    requested: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()

    @property
    def end(self) -> float | None:
        """Where its timers stop for now: the first good observation, its resolution, or its cancellation."""
        if self.good_since is not None:
            return self.good_since
        return self.closed_at if self.state in TERMINAL else None


def identify(class_: str, resource: str, start: float) -> str:
    """The id of the incident of that class and resource that began at ``start``: 12 hexadecimal digits."""
    return hashlib.sha256(f"{class_}\0{resource}\0{start!r}".encode()).hexdigest()[:12]


def apply(incident: Incident | None, fact: facts.Fact) -> Incident:
    """The incident after the fact. Raises ValueError where the fact does not follow, which means a damaged log."""
    if isinstance(fact, facts.ObservedBad):
        return _begin(fact)
    if incident is None or incident.id != fact.incident:
        raise ValueError(f"record {fact.key}: comes before the beginning of its incident; the log is damaged")
    return _APPLY[type(fact)](incident, fact)


def _begin(fact: facts.ObservedBad) -> Incident:
    return Incident(
        id=fact.incident,
        class_=fact.class_,
        resource=fact.resource,
        labels=fact.labels,
        policy=fact.policy,
        start=fact.at,
        cycle=Cycle(fact.at),
        seen=fact.at,
        counted_at=fact.at,
        paused_at=fact.at,
        paused=fact.paused,
        during_maintenance=fact.paused,
    )


def _judged(incident: Incident, at: float) -> dict[str, Any]:
    """What any observation does that is not unknown: it ends a stretch unobserved, and the resource is there."""
    changed: dict[str, Any] = {"seen": max(incident.seen, at), "vanished_since": None}
    if incident.unobserved_since is not None:
        changed |= {
            "unobserved": (*incident.unobserved, (incident.unobserved_since, at)),
            "unobserved_since": None,
            "known_until": None,
        }
    return changed


def _still_bad(incident: Incident, fact: facts.StillBad) -> Incident:
    counted_at = fact.at if fact.count > incident.bad_count else incident.counted_at
    return replace(incident, bad_count=fact.count, counted_at=counted_at, **_judged(incident, fact.at))


def _still_good(incident: Incident, fact: facts.StillGood) -> Incident:
    counted_at = fact.at if fact.count > incident.good_count else incident.counted_at
    return replace(incident, good_count=fact.count, counted_at=counted_at, **_judged(incident, fact.at))


def _blip(incident: Incident, fact: facts.Blip) -> Incident:
    return replace(incident, state=State.CLEAR, closed_at=fact.at, **_judged(incident, fact.at))


def _opened(incident: Incident, fact: facts.Opened) -> Incident:
    return _seen(incident, fact, state=State.OPEN, opened_at=fact.at, noticed_at=fact.noticed_at)


def _unobserved(incident: Incident, fact: facts.Unobserved) -> Incident:
    return _seen(incident, fact, unobserved_since=fact.at, known_until=fact.known_until)


def _acked(incident: Incident, fact: facts.Acked) -> Incident:
    state = State.ACKED if incident.state is State.OPEN else incident.state
    cycle = incident.cycle if incident.cycle.acked_at is not None else replace(incident.cycle, acked_at=fact.at)
    return _seen(incident, fact, state=state, acked=True, acked_by=fact.actor, cycle=cycle)


def _recovering(incident: Incident, fact: facts.Recovering) -> Incident:
    return replace(
        incident,
        state=State.RECOVERING,
        good_since=fact.at,
        good_count=1,
        counted_at=fact.at,
        doubt=None if fact.known_until is None else (fact.known_until, fact.at),
        changes=_changed(incident, fact.at),
        **_judged(incident, fact.at),
    )


def _flapped(incident: Incident, fact: facts.Flapped) -> Incident:
    return replace(
        incident,
        state=State.ACKED if incident.acked else State.OPEN,
        good_since=None,
        good_count=0,
        doubt=None,
        flaps=incident.flaps + 1,
        changes=_changed(incident, fact.at),
        **_judged(incident, fact.at),
    )


def _changed(incident: Incident, at: float) -> tuple[float, ...]:
    return (*incident.changes, at)[-_CHANGES_KEPT:]


def _flapping_on(incident: Incident, fact: facts.FlappingOn) -> Incident:
    return _seen(incident, fact, flapping=True)


def _flapping_off(incident: Incident, fact: facts.FlappingOff) -> Incident:
    return _seen(incident, fact, flapping=False)


def _resolved(incident: Incident, fact: facts.Resolved) -> Incident:
    first_end = fact.resolved_at if incident.cycle.first_end is None else incident.cycle.first_end
    return _seen(
        incident,
        fact,
        state=State.RESOLVED,
        resolved_at=fact.resolved_at,
        cycle=replace(incident.cycle, end=fact.resolved_at, first_end=first_end),
        unobserved_since=None,
        known_until=None,
        vanished_since=None,
    )


def _reopened(incident: Incident, fact: facts.Reopened) -> Incident:
    again = fact.policy == Reopen.NEW_CYCLE
    return _seen(
        incident,
        fact,
        state=State.OPEN,
        opened_at=fact.at,
        paused_at=fact.at,
        cycle=Cycle(fact.at) if again else _continued(incident, fact),
        cycles=(*incident.cycles, _with_doubt(incident)) if again else incident.cycles,
        acked=False,
        good_since=None,
        good_count=0,
        doubt=None,
        resolved_at=None,
        reopens=incident.reopens + 1,
        changes=_changed(incident, fact.at),
    )


def _continued(incident: Incident, fact: facts.Reopened) -> Cycle:
    if fact.policy == Reopen.TOTAL_SPAN or incident.resolved_at is None:
        return replace(incident.cycle, end=None)
    cycle = _with_doubt(incident)
    return replace(cycle, end=None, gaps=(*cycle.gaps, (incident.resolved_at, fact.at)))


def _with_doubt(incident: Incident) -> Cycle:
    cycle = incident.cycle
    return cycle if incident.doubt is None else replace(cycle, doubts=(*cycle.doubts, incident.doubt))


def _closed(incident: Incident, fact: facts.Closed) -> Incident:
    return _seen(incident, fact, state=State.CLOSED, closed_at=fact.at)


def _cancelled(incident: Incident, fact: facts.Cancelled) -> Incident:
    return _seen(incident, fact, state=State.CANCELLED, closed_at=fact.at, cancelled_because=fact.reason)


def _paused(incident: Incident, fact: facts.Paused) -> Incident:
    return _seen(incident, fact, paused=True, paused_at=fact.at)


def _resumed(incident: Incident, fact: facts.Resumed) -> Incident:
    return _seen(incident, fact, paused=False, paused_at=fact.at)


def _requested(incident: Incident, fact: facts.ExclusionRequest) -> Incident:
    return _seen(incident, fact, requested=(*incident.requested, fact.window))


def _approved(incident: Incident, fact: facts.ExclusionApproved) -> Incident:
    return _seen(incident, fact, approved=(*incident.approved, fact.window))


def _crossed(incident: Incident, fact: facts.Crossed) -> Incident:
    crossing = Crossing(fact.target, fact.percent, fact.at, fact.noticed_at)
    return _seen(incident, fact, cycle=replace(incident.cycle, crossings=(*incident.cycle.crossings, crossing)))


def _vanished(incident: Incident, fact: facts.Vanished) -> Incident:
    return _seen(incident, fact, vanished_since=fact.at)


def _reapplied(incident: Incident, fact: facts.Reapplied) -> Incident:
    return _seen(
        incident,
        fact,
        policy=fact.policy,
        judgement=incident.judgement + 1,
        cycle=replace(incident.cycle, crossings=()),
    )


def _seen(incident: Incident, fact: facts.Fact, **changed: Any) -> Incident:
    return replace(incident, seen=max(incident.seen, fact.at), **changed)


_APPLY: dict[type[facts.Fact], Callable[[Incident, Any], Incident]] = {
    facts.StillBad: _still_bad,
    facts.StillGood: _still_good,
    facts.Blip: _blip,
    facts.Opened: _opened,
    facts.Unobserved: _unobserved,
    facts.Acked: _acked,
    facts.Recovering: _recovering,
    facts.Flapped: _flapped,
    facts.FlappingOn: _flapping_on,
    facts.FlappingOff: _flapping_off,
    facts.Resolved: _resolved,
    facts.Reopened: _reopened,
    facts.Closed: _closed,
    facts.Cancelled: _cancelled,
    facts.Paused: _paused,
    facts.Resumed: _resumed,
    facts.ExclusionRequest: _requested,
    facts.ExclusionApproved: _approved,
    facts.Crossed: _crossed,
    facts.Breached: _crossed,
    facts.Vanished: _vanished,
    facts.Reapplied: _reapplied,
}
