"""What the counters and histograms of incidents stand at: a fold of the log, so a restart changes nothing. Pure."""

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sla import facts
from sla.engine import Judged
from sla.incident import State
from sla.policy import IncidentClass, Policy, Until
from sla.timers import Timer

PERCENTS = (25, 50, 80, 100, 150, 200, 400)
"""Bucket edges in percent of the target."""
DETECT_PERCENTS = (1, 2, 5, 10, *PERCENTS)
DELAYS = (1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 86400.0)
OUTCOMES = ("met", "breached", "cancelled")
DIRECTIONS = ("forward", "backward", "behind")
_HISTOGRAMS = ("resolve", "ack", "detect", "delay")


@dataclass(slots=True)
class Histogram:
    """Counts by bucket edge, which are not cumulative; the last one is of what exceeds all edges."""

    edges: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.edges) + 1)

    def observe(self, value: float) -> None:
        """One more; a value at an edge belongs to it."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.total += value


class Tally:
    """The counters up to now. ``before`` (epoch seconds): incidents that were over by then came in by ``carry``."""

    def __init__(self) -> None:
        self.before = -math.inf
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.histograms: dict[tuple[str, str], Histogram] = {}
        self._classes: dict[str, str] = {}
        self._crossed: dict[str, set[tuple[str, int, int]]] = {}

    def count(self, *name: str) -> int:
        """One counter, by its kind and labels."""
        return self.counts[name]

    def histogram(self, kind: str, class_: str, edges: tuple[float, ...]) -> Histogram:
        """One histogram; with ``edges`` where there is none yet, or where it has others and can begin anew."""
        found = self.histograms.get((kind, class_))
        if found is None or (found.edges != edges and not sum(found.counts)):
            found = self.histograms[kind, class_] = Histogram(edges)
        return found

    def take(self, fact: facts.Fact) -> None:
        """A fact of the log, each once."""
        match fact:
            case facts.ObservedBad():
                self._classes[fact.incident] = fact.class_
            case facts.Crossed():
                self._cross(fact)
            case facts.ClockJumped(jump="step"):
                self.counts["clock_jumps", "forward" if fact.delta > 0 else "backward"] += 1
            case facts.ClockJumped(jump="behind"):
                self.counts["clock_jumps", "behind"] += 1
            case facts.Reopened():
                self._of_class("reopens", fact)
            case facts.Flapped():
                self._of_class("flaps", fact)
            case facts.Blip():
                self._of_class("blips", fact)
                self._classes.pop(fact.incident, None)

    def _of_class(self, name: str, fact: facts.Fact) -> None:
        self.counts[name, self._classes.get(fact.incident, "")] += 1

    def _cross(self, fact: facts.Crossed) -> None:
        key, known = (fact.target, fact.percent, fact.cycle), self._crossed.setdefault(fact.incident, set())
        if key in known:
            return  # judged again under another policy
        known.add(key)
        class_ = self._classes.get(fact.incident, "")
        self.counts["crossings", class_, fact.target, str(fact.percent)] += 1
        if isinstance(fact, facts.Breached):
            self.counts["breaches", class_, fact.target] += 1
            self.histogram("delay", "", DELAYS).observe(max(0.0, fact.noticed_at - fact.at))

    def finish(self, judged: Judged, class_: IncidentClass | None) -> None:
        """An incident that is over; ``class_`` as it is in force now, for the edges."""
        incident, timers = judged.incident, judged.timers
        self._classes.pop(incident.id, None)
        self._crossed.pop(incident.id, None)
        if incident.state is State.CANCELLED:
            self.counts["incidents", incident.class_, "cancelled"] += 1
            return
        outcome = "breached" if any(timer.breached_at is not None for timer in timers) else "met"
        self.counts["incidents", incident.class_, outcome] += 1
        if class_ is None:
            return
        detect = self.histogram("detect", class_.name, edges(class_, "detect"))
        if incident.noticed_at is not None:
            detect.observe(max(0.0, incident.noticed_at - incident.start))
        acked_at = (*incident.cycles, incident.cycle)[0].acked_at
        if acked_at is not None:
            self.histogram("ack", class_.name, edges(class_, "ack")).observe(acked_at - incident.start)
        resolution = judging(class_, Until.RESOLUTION)
        resolve = self.histogram("resolve", class_.name, edges(class_, "resolve"))
        for timer in timers:
            if resolution is not None and timer.target == resolution:
                resolve.observe(_reached(timer))

    def carried(self) -> str:
        """All of it as JSON, for ``carry``."""
        return json.dumps(
            {
                "before": self.before,
                "counts": [[*key, value] for key, value in sorted(self.counts.items()) if value],
                "histograms": [
                    [*key, list(one.edges), one.counts, one.total] for key, one in sorted(self.histograms.items())
                ],
            }
        )

    def carry(self, text: str) -> None:
        """Begins with what was carried. Raises ValueError, KeyError or TypeError for what is none."""
        made: Mapping[str, Any] = json.loads(text)
        self.before = float(made["before"])
        for *key, value in made["counts"]:
            self.counts[tuple(key)] += int(value)
        for kind, class_, found, counts, total in made["histograms"]:
            self.histograms[kind, class_] = Histogram(tuple(found), list(counts), float(total))


def _reached(timer: Timer) -> float:
    """What it reached; a breach at the very limit still lies above it."""
    return timer.elapsed if timer.breached_at is None else max(timer.elapsed, math.nextafter(timer.limit, math.inf))


def judging(class_: IncidentClass, until: Until) -> str | None:
    """The name of the first target of that kind."""
    return next((target.name for target in class_.targets if target.until is until), None)


def edges(class_: IncidentClass, kind: str) -> tuple[float, ...]:
    """The bucket edges of a class's histogram in seconds, by its targets."""
    until = Until.ACK if kind == "ack" else Until.RESOLUTION
    limits = [target.limit for target in class_.targets if target.until is until]
    limit = limits[0] if limits else class_.targets[0].limit
    return tuple(limit * percent / 100 for percent in (DETECT_PERCENTS if kind == "detect" else PERCENTS))


def over(log: Iterable[facts.Fact], before: float) -> frozenset[str]:
    """The incidents and blips of which nothing was heard at ``before`` or later, because they were over."""
    ended: set[str] = set()
    newest: dict[str, float] = {}
    for fact in log:
        if fact.incident:
            newest[fact.incident] = max(fact.at, newest.get(fact.incident, fact.at))
            if fact.kind in facts.TERMINAL:
                ended.add(fact.incident)
    return frozenset(incident for incident in ended if newest[incident] < before)


def folded(log: Iterable[facts.Fact], finished: Sequence[Judged], policy: Policy, *, carried: str = "") -> Tally:
    """The tally of a log and of the incidents in it that are over. What is carried is left out of the log."""
    tally = Tally()
    if carried:
        tally.carry(carried)
    known = list(log)
    gone = over(known, tally.before)
    for fact in known:
        if fact.incident not in gone:
            tally.take(fact)
    for one in finished:
        if one.incident.id not in gone:
            tally.finish(one, policy.classes.get(one.incident.class_))
    return tally
