"""One condition of a policy, followed over what the agent exports: series in, the health of each resource out. Pure.

A resource is down by a series that is there and compares, never by one that is missing. A series that is missing means
that nobody could look, as long as its source says that it could not; then, and if it stays away, the resource is gone.
"""

import math
import operator
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, TypeAlias

from exporter.model import Family
from sla.model import Health, Labels
from sla.policy import Condition, Guard

OWN = ""
"""The source of what is on the agent's own registry."""
MISSING = 60.0
"""Seconds that a resource must be missing to count as gone: a source that is reloaded is away for a moment."""
SETTLING = 600.0
"""The same for one that this process has not seen yet, but an open incident names."""

_SERIES = re.compile(rb"^[A-Za-z_:][\w:]*(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RANK = {Health.UP: 0, Health.UNKNOWN: 1, Health.DOWN: 2}

Place: TypeAlias = tuple[str, str]
"""A source of the publisher and a part of it."""
Series: TypeAlias = tuple[Mapping[str, str], float]
Key: TypeAlias = tuple[str, ...]
"""The values of the labels ``on`` of a guard."""


class Verdict(NamedTuple):
    """What is thought of a resource, and the labels of the series that says so."""

    health: Health
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What the agent exports at one moment.

    ``parts`` are rendered families by source and part, ``own`` the series of the agent's registry by name.
    ``untried`` are vCenters that were not asked yet, of which nothing is known.
    """

    parts: Mapping[Place, Mapping[Family, bytes]] = field(default_factory=dict)
    own: Mapping[str, tuple[Series, ...]] = field(default_factory=dict)
    untried: frozenset[str] = frozenset()


class Standing:
    """What the sources say of themselves: whether their series can be believed, and whether none is missing."""

    NEEDED = ("vsphere_up", "novacenter_cloud_up")
    READ = ("novacenter_cloud_reading", "openstack_services_unknown", "novacenter_inventory_complete")

    def __init__(self, sight: Sight) -> None:
        self._vcenters = {
            labels.get("vcenter", ""): value == 1 and labels.get("vcenter") not in sight.untried
            for labels, value in sight.own.get("vsphere_up", ())
        }
        self._clouds = {
            f"cloud {labels.get('cloud', '')}": value == 1 for labels, value in sight.own.get("novacenter_cloud_up", ())
        }
        self._partial = frozenset(_partial(sight, self.READ))
        self.untried = sight.untried

    @property
    def key(self) -> object:
        """Equal where nothing has changed."""
        return (tuple(self._vcenters.items()), tuple(self._clouds.items()), self._partial, self.untried)

    def believed(self, place: Place) -> bool:
        """Whether what is shown there is of now. What a cloud could not read is not shown, but for its operations."""
        source, part = place
        if source in self._vcenters:
            return self._vcenters[source]
        return part != "operations" or self._clouds.get(source, True)

    def complete(self, place: Place) -> bool:
        """Whether a series that is not there would be, if there were what it tells of. A removed source counts."""
        source, _ = place
        return self.believed(place) and self._clouds.get(source, True) and source not in self._partial


def _partial(sight: Sight, names: tuple[str, ...]) -> Iterator[str]:
    """The sources that say themselves that they could not read everything."""
    for (source, _), families in sight.parts.items():
        for family, body in families.items():
            if family.name not in names:
                continue
            for labels, value in parse(body):
                if family.name == "novacenter_inventory_complete":
                    doubt = value == 0
                else:
                    doubt = value > 0 and labels.get("outcome", "failed") == "failed"
                if doubt:
                    yield source


def parse(body: bytes) -> Iterator[Series]:
    """Labels and value of each line, as ``exposition.lines`` writes them."""
    for labels, value in _SERIES.findall(body):
        yield dict(map(_unescaped, _LABEL.findall(labels.decode()))), float(value)


def _unescaped(pair: tuple[str, str]) -> tuple[str, str]:
    name, value = pair
    return (name, _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)) if "\\" in value else pair


def _shown(sight: Sight, name: str) -> Iterator[tuple[Place, object, Callable[[], Iterable[Series]]]]:
    """Where the metric is: the place, what is equal where its series are, and what reads them."""
    for place, families in sight.parts.items():
        body = next((body for family, body in families.items() if family.name == name), None)
        if body:
            yield place, body, partial(parse, body)
    if own := sight.own.get(name):
        # The series of a vCenter is there before anybody has asked it.
        asked = tuple((labels, math.nan if labels.get("vcenter") in sight.untried else value) for labels, value in own)
        yield (OWN, ""), asked, lambda: asked


def _compiled(labels: Iterable[tuple[str, str]]) -> Callable[[Mapping[str, str]], bool]:
    """Whether labels match all the patterns."""
    patterns = [(name, re.compile(pattern)) for name, pattern in labels]
    return lambda found: all(pattern.fullmatch(found.get(name, "")) for name, pattern in patterns)


class GuardWatch:
    """Follows one guard, for all the conditions that have it. Series that did not change are not read again."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._matches = _compiled(guard.labels)
        self._kept: dict[Place, tuple[object, frozenset[Key]]] = {}

    def look(self, sight: Sight, standing: Standing) -> frozenset[Key]:
        """For what it is met: by a series of a source that is believed."""
        kept, self._kept = self._kept, {}
        for place, body, read in _shown(sight, self.guard.metric):
            before = kept.get(place)
            same = before is not None and before[0] == body
            self._kept[place] = before if before and same else (body, frozenset(self._met(read())))
        return frozenset[Key]().union(*(keys for place, (_, keys) in self._kept.items() if standing.believed(place)))

    def _met(self, series: Iterable[Series]) -> Iterator[Key]:
        compare, than = _COMPARE[self.guard.compare], self.guard.value
        for labels, value in series:
            if not math.isnan(value) and compare(value, than) and self._matches(labels):
                key = _key(self.guard, labels)
                if all(key):
                    yield key


def _key(guard: Guard | None, labels: Mapping[str, str]) -> Key:
    return tuple(labels.get(name, "") for name in guard.on) if guard else ()


def worse(one: Verdict | None, other: Verdict) -> Verdict:
    """Of two verdicts on a resource the worse; of equal ones the first."""
    return other if one is None or _RANK[other.health] > _RANK[one.health] else one


class _Entry(NamedTuple):
    resource: str
    labels: Labels
    value: float
    key: Key = ()


_Kept: TypeAlias = tuple[object, tuple[_Entry, ...]]


@dataclass(slots=True)
class _Known:
    """A resource that was there: where, and since when it is missing (None: it is not)."""

    place: Place | None
    missing_since: float | None = None


class _Increase:
    """How much counters grew within a window. Only steps are kept, so one that stands still costs nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._first: dict[Place, float] = {}
        self._last: dict[tuple[Place, Labels], float] = {}
        self._steps: dict[tuple[Place, Labels], deque[tuple[float, float]]] = {}

    def began(self, place: Place, now: float) -> None:
        """The place is looked at; a counter that appears there later began at 0."""
        self._first.setdefault(place, now)

    def take(self, place: Place, entry: _Entry, now: float) -> float:
        """The increase within the window up to now."""
        key = (place, entry.labels)
        last = self._last.get(key, 0.0 if self._first[place] < now else entry.value)
        self._last[key] = entry.value
        steps = self._steps.setdefault(key, deque())
        if entry.value != last:
            steps.append((now, entry.value - last if entry.value > last else entry.value))
        while steps and steps[0][0] <= now - self._seconds:
            steps.popleft()
        return sum(step for _, step in steps)

    def whole(self, place: Place, now: float) -> bool:
        """Whether the place was looked at for a whole window."""
        return now - self._first[place] >= self._seconds


class Watch:
    """Follows one condition. ``extra`` gives further labels for the labels of a series (its site)."""

    def __init__(self, condition: Condition, *, extra: Callable[[Mapping[str, str]], Labels] = lambda _: ()) -> None:
        self.condition = condition
        self._extra = extra
        self._matches = _compiled(condition.labels)
        self._compare = _COMPARE[condition.compare]
        self._known: dict[str, _Known] = {}
        self._bodies: dict[Place, _Kept] = {}
        self._since: dict[str, float] = {}
        self._increase = _Increase(condition.over) if condition.over > 0 else None
        self._edition = 0
        self._awaited = True
        self._key: object = None
        self._result: dict[str, Verdict] = {}

    def expect(self, resource: str) -> None:
        """An open incident names the resource; if it does not turn up, that is told."""
        self._known.setdefault(resource, _Known(None))

    def look(
        self, sight: Sight, standing: Standing, now: float, *, met: frozenset[Key] = frozenset()
    ) -> tuple[Mapping[str, Verdict], tuple[str, ...]]:
        """The verdict on each resource, and those that are gone from here on, at effective time ``now``.

        ``met`` is for what the condition's guard is met, if it has one. The mapping is the same object as last time
        where nothing has changed.
        """
        places = self._read(sight)
        key = (standing.key, self._edition, met)
        if key == self._key and self._increase is None and not self._since and not self._awaited:
            return self._result, ()
        found: dict[str, Verdict] = {}
        for place, entries in places.items():
            believed = standing.believed(place)
            for entry, health in self._judge(place, entries, now=now, met=met if believed else None):
                found[entry.resource] = worse(found.get(entry.resource), Verdict(health, entry.labels))
                self._known[entry.resource] = _Known(place)
        if self.condition.hold > 0:
            found = {resource: self._held(resource, verdict, now) for resource, verdict in found.items()}
        gone = tuple(self._missing(found, standing, now))
        self._awaited = any(known.missing_since is not None for known in self._known.values())
        self._key, self._result = key, found
        return found, gone

    def _read(self, sight: Sight) -> dict[Place, tuple[_Entry, ...]]:
        """The matching series of each place. ``_edition`` changes with them."""
        kept, self._bodies = self._bodies, {}
        for place, body, read in _shown(sight, self.condition.metric):
            self._keep(place, body, kept.get(place), read=read)
        self._edition += self._bodies.keys() != kept.keys()
        return {place: entries for place, (_, entries) in self._bodies.items()}

    def _keep(self, place: Place, body: object, kept: _Kept | None, *, read: Callable[[], Iterable[Series]]) -> None:
        if kept is None or kept[0] != body:
            kept = (body, tuple(self._matching(read())))
            self._edition += 1
        self._bodies[place] = kept

    def _matching(self, series: Iterable[Series]) -> Iterator[_Entry]:
        for labels, value in series:
            if self._matches(labels):
                names = [labels.get(name, "") for name in self.condition.resource]
                if all(names):
                    kept = dict(labels) | {"condition": self.condition.name} | dict(self._extra(labels))
                    key = _key(self.condition.only, labels)
                    yield _Entry("/".join(names), tuple(sorted(kept.items())), value, key)

    def _judge(
        self, place: Place, entries: tuple[_Entry, ...], *, now: float, met: frozenset[Key] | None
    ) -> Iterator[tuple[_Entry, Health]]:
        """``met`` is None where the place is not believed."""
        increase, guarded = self._increase, self.condition.only is not None
        if increase is not None and met is not None:
            increase.began(place, now)
        for entry in entries:
            if met is None or math.isnan(entry.value):
                yield entry, Health.UNKNOWN
                continue
            # A counter is followed behind its guard, too: what it grew there is not taken for growth of later.
            value = entry.value if increase is None else increase.take(place, entry, now)
            if guarded and entry.key not in met:
                yield entry, Health.UNKNOWN
                continue
            down = self._compare(value, self.condition.value)
            # An increase only grows while its window fills: that it is great enough is known before the window is full.
            known = increase is None or increase.whole(place, now) or (down and self.condition.compare in {">", ">="})
            yield entry, (Health.DOWN if down else Health.UP) if known else Health.UNKNOWN

    def _held(self, resource: str, verdict: Verdict, now: float) -> Verdict:
        if verdict.health is Health.UP:
            self._since.pop(resource, None)
        elif verdict.health is Health.DOWN and now - self._since.setdefault(resource, now) < self.condition.hold:
            return Verdict(Health.UP, verdict.labels)
        return verdict

    def _missing(self, found: dict[str, Verdict], standing: Standing, now: float) -> Iterator[str]:
        """Adds what cannot be seen as unknown, and yields what is gone."""
        for resource in [resource for resource in self._known if resource not in found]:
            known = self._known[resource]
            if known.place is not None and not standing.complete(known.place):
                known.missing_since = None
            elif known.missing_since is None:
                known.missing_since = now
            patience = SETTLING if known.place is None else MISSING
            if known.missing_since is not None and now - known.missing_since >= patience:
                del self._known[resource]
                self._since.pop(resource, None)
                yield resource
            else:
                found[resource] = Verdict(Health.UNKNOWN)


def expected(labels: Labels, conditions: Iterable[Condition]) -> Condition | None:
    """The condition that an incident with these labels was found by; None if it is not one of these."""
    name = dict(labels).get("condition")
    return next((condition for condition in conditions if condition.metric and condition.name == name), None)
