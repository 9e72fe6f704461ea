"""The timers of one incident at one instant after another, without computing again what only time has moved.

While an incident and its terms are as they were, a timer that has stopped stays as it is, and one that runs without
interruption grows with the clock. All others are computed anew: what comes out equals ``timers.timers``, always.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sla.incident import Incident
from sla.intervals import Interval
from sla.timers import Terms, Timer, doubts, granted, stop_of, timer_of, uncharged


@dataclass(frozen=True, slots=True)
class _Running:
    """A timer that charges every second from ``start`` to ``until`` at least. ``made`` has what does not change."""

    start: float
    until: float
    made: Timer

    def at(self, now: float) -> Timer:
        """As it stands at ``now``, from ``start`` on and before ``until``."""
        whole, made = now - self.start, self.made
        return Timer(
            made.target,
            made.cycle,
            made.state,
            made.limit,
            whole,
            0.0,
            0.0,
            whole,
            whole,
            made.crossings,
            made.breached_at,
            None if made.breached_at is None else whole >= made.limit,
            made.deadline,
        )


class Standing:
    """Remembers of one incident at a time how its timers move."""

    __slots__ = ("_incident", "_parts", "_since", "_terms")

    def __init__(self) -> None:
        self._incident: Incident | None = None
        self._terms: Terms | None = None
        self._since = math.inf
        self._parts: tuple[Timer | _Running | None, ...] = ()

    def timers(self, incident: Incident, terms: Terms, now: float) -> tuple[Timer, ...]:
        """All timers of all its cycles as they stand at ``now``; time may go back."""
        if incident is not self._incident or terms is not self._terms or now < self._since:
            return self._learnt(incident, terms, now)
        return tuple(
            [
                part.at(now)
                if type(part) is _Running and now < part.until
                else part
                if type(part) is Timer
                else _computed(incident, terms, number, now=now)
                for number, part in enumerate(self._parts)
            ]
        )

    def _learnt(self, incident: Incident, terms: Terms, now: float) -> tuple[Timer, ...]:
        found: list[Timer] = []
        parts: list[Timer | _Running | None] = []
        for number in range(1, len(incident.cycles) + 2):
            cycle = incident.cycles[number - 1] if number <= len(incident.cycles) else incident.cycle
            for target in terms.class_.targets:
                timer = timer_of(incident, terms, number, target=target, now=now)
                found.append(timer)
                stop = stop_of(incident, cycle, target)
                if stop <= now:
                    parts.append(timer)
                    continue
                until = _uninterrupted(incident, terms, number) if stop == math.inf else -math.inf
                parts.append(_Running(cycle.start, until, timer) if cycle.start <= now < until else None)
        self._incident, self._terms, self._since, self._parts = incident, terms, now, tuple(parts)
        return tuple(found)


def _computed(incident: Incident, terms: Terms, number: int, *, now: float) -> Timer:
    """The timer of that number, which counts from 0 over all cycles and targets."""
    targets = terms.class_.targets
    cycle, target = divmod(number, len(targets))
    return timer_of(incident, terms, cycle + 1, target=targets[target], now=now)


def _uninterrupted(incident: Incident, terms: Terms, number: int) -> float:
    """Until when nothing has interrupted or put in doubt the cycle since its start."""
    cycle = incident.cycle if number > len(incident.cycles) else incident.cycles[number - 1]
    if terms.calendar is not None:
        return -math.inf

    def spans() -> Iterator[Interval]:
        yield from uncharged(incident, terms, cycle)
        yield from doubts(incident, cycle)
        yield from granted(incident, terms)

    # One that ends where the cycle starts takes nothing from it; one that begins at an instant counts from there on.
    return min((start for start, end in spans() if end > cycle.start), default=math.inf)
