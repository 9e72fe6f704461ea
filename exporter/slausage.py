"""For how long each resource was observed, down, excluded and unknown: sums by UTC day, kept in the store. Pure.

From one look to the next a resource counts as it was found at the first of the two.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from exporter.bridge import Verdicts
from exporter.conditions import Verdict
from sla.model import Health, Selector, Window
from sla.policy import Policy
from sla.store.base import Aggregate

MOST = 1000
"""Resources of a class that have sums of their own; the rest is summed up as ``other``."""
OTHER = "other"
GAP = 60.0
"""Seconds between two looks above which the time between them is unknown."""
_KEY = "usage/"
_DIGITS = 3

Sums: TypeAlias = list[float]
"""Seconds observed, down, excluded, unknown."""


class Usage:
    """The sums of all days, and of those days that changed."""

    def __init__(self) -> None:
        self.totals: dict[str, dict[str, Sums]] = {}
        self._days: dict[str, dict[str, dict[str, Sums]]] = {}
        self._changed: set[str] = set()
        self._until: float | None = None
        self._verdicts: dict[str, Mapping[str, Verdict]] = {}
        self._excluded: frozenset[tuple[str, str]] = frozenset()
        self._weights: dict[str, dict[str, Sums]] = {}

    def load(self, aggregates: Iterable[Aggregate]) -> None:
        """Begins with what the store has. Raises ValueError, KeyError or TypeError for what is none of ours."""
        newest: dict[str, str] = {}
        for one in aggregates:
            if not one.key.startswith(_KEY):
                continue
            class_, made = one.key.removeprefix(_KEY), json.loads(one.body)
            self._until = max(float(made["until"]), self._until or 0.0)
            newest[class_] = max(one.day, newest.get(class_, one.day))
            for resource, sums in made["resources"].items():
                self._add((one.day, class_, resource), map(float, sums))
        self._changed.clear()
        # Who was looked at last has been unknown since.
        self._verdicts = {
            class_: dict.fromkeys(self._days[day][class_], Verdict(Health.UNKNOWN)) for class_, day in newest.items()
        }
        self._days = {day: self._days[day] for day in set(newest.values())}
        self._weigh(self._verdicts, self._excluded)

    def look(self, now: float, verdicts: Verdicts, excluded: frozenset[tuple[str, str]], *, skipped: float) -> None:
        """The next look; ``skipped`` are seconds before ``now`` that the clock left out. ``excluded``: (class,
        resource) in announced maintenance."""
        if self._until is not None and now > self._until:
            for start, end in _days(self._until, max(self._until, now - skipped)):
                self._account(_day(start), end - start, known=now - skipped - self._until <= GAP)
        self._until = now
        self._weigh(verdicts, excluded)

    def _weigh(self, verdicts: Verdicts, excluded: frozenset[tuple[str, str]]) -> None:
        """How often a second counts for each sum, from here on; worked out again only where something has changed."""
        for class_, its in verdicts.items():
            if excluded == self._excluded and self._verdicts.get(class_) is its and class_ in self._weights:
                continue
            weights: dict[str, Sums] = {}
            for resource, verdict in its.items():
                sums = weights.setdefault(self._name(class_, resource), [0.0] * 4)
                for index, weight in enumerate(_weights(verdict.health, (class_, resource) in excluded)):
                    sums[index] += weight
            self._weights[class_] = weights
        self._weights = {class_: weights for class_, weights in self._weights.items() if class_ in verdicts}
        self._verdicts, self._excluded = dict(verdicts), excluded

    def _name(self, class_: str, resource: str) -> str:
        totals = self.totals.setdefault(class_, {})
        name = resource if resource in totals or len(totals) < MOST else OTHER
        totals.setdefault(name, [0.0] * 4)
        return name

    def _account(self, day: str, seconds: float, *, known: bool) -> None:
        for class_, weights in self._weights.items():
            for name, sums in weights.items():
                more = (
                    [seconds * weight for weight in sums] if known else [0.0, 0.0, 0.0, seconds * (sums[0] + sums[3])]
                )
                self._add((day, class_, name), more)

    def _add(self, key: tuple[str, str, str], more: Iterable[float]) -> None:
        day, class_, name = key
        today = self._days.setdefault(day, {}).setdefault(class_, {}).setdefault(name, [0.0] * 4)
        total = self.totals.setdefault(class_, {}).setdefault(name, [0.0] * 4)
        for index, value in enumerate(more):
            today[index] += value
            total[index] += value
        self._changed.add(day)

    def changed(self) -> list[Aggregate]:
        """The days to write, as they are now. ``written`` when they are."""
        return [
            Aggregate(day, f"{_KEY}{class_}", self._text(resources))
            for day in sorted(self._changed)
            for class_, resources in self._days[day].items()
        ]

    def written(self, aggregates: Iterable[Aggregate]) -> None:
        """These are in the store; of them only the newest day will change again."""
        newest = max(self._days, default="")
        for day in {one.day for one in aggregates} - {newest}:
            self._days.pop(day, None)
            self._changed.discard(day)

    def _text(self, resources: Mapping[str, Sums]) -> str:
        found = {name: [round(value, _DIGITS) for value in sums] for name, sums in sorted(resources.items())}
        return json.dumps({"until": self._until, "resources": found}, separators=(",", ":"))


def _weights(health: Health, is_excluded: bool) -> tuple[float, float, float, float]:
    """What a second counts for: observed, down, excluded, unknown."""
    if health is Health.UNKNOWN:
        return (0.0, 0.0, 0.0, 1.0)
    if is_excluded:
        return (1.0, 0.0, 1.0, 0.0)
    return (1.0, 1.0 if health is Health.DOWN else 0.0, 0.0, 0.0)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _days(start: float, end: float) -> Iterator[tuple[float, float]]:
    """The stretch in pieces that end with a UTC day."""
    while start < end:
        today = datetime.fromtimestamp(start, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(end, (today + timedelta(days=1)).timestamp())
        yield start, until
        start = until


def excluded(
    policy: Policy, windows: Iterable[Window], verdicts: Verdicts, *, now: float
) -> frozenset[tuple[str, str]]:
    """The (class, resource) that a window covers now which was announced in time."""
    active = [w for w in windows if w.start <= now < w.end and (w.announced_at or 0.0) <= w.start]
    return frozenset(
        (class_, resource)
        for class_, its in (verdicts.items() if active else ())
        if class_ in policy.classes and policy.classes[class_].pausable
        for resource, verdict in its.items()
        if any(_covers(window.scope, (class_, resource), verdict) for window in active)
    )


def _covers(scope: Selector, key: tuple[str, str], verdict: Verdict) -> bool:
    return (
        not scope.incident
        and scope.class_ in {"", key[0]}
        and scope.resource in {"", key[1]}
        and set(scope.labels) <= set(verdict.labels)
    )
