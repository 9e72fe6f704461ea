"""What happened to a run's units, from the log of the SLA engine and from the inventory, as occurrences. Pure.

An occurrence is noted once, when it comes to be known, and never changes: so a verdict of the past can be given again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.canary.units import Name
from sla import facts
from sla.canary.model import Arm, Kind, Occurrence, Run, Unit
from sla.model import Selector, Window

DEAD = 3600.0
"""Seconds without an evaluator that are told as its death. What is shorter only costs coverage."""

Noted = Iterator[tuple[str, Occurrence]]
"""A key by which it is noted once, and what happened."""


@dataclass(slots=True)
class LogReader:
    """Follows the log of the SLA engine from ``since`` (effective epoch seconds) on: what it tells of a run.

    ``take`` is given the log from its beginning, each fact once, and ``due`` asked afterwards.
    """

    run: Run
    _incidents: dict[str, facts.ObservedBad] = field(default_factory=dict)
    _breaches: dict[str, facts.Breached] = field(default_factory=dict)
    _windows: dict[str, tuple[float, Window]] = field(default_factory=dict)
    _gaps: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, fact: facts.Fact) -> None:
        """The next fact."""
        match fact:
            case facts.ObservedBad():
                self._incidents[fact.incident] = fact
            case facts.Breached() if fact.at >= self.run.started:
                self._breaches[fact.key] = fact
            case facts.Cancelled():
                self._breaches = {key: one for key, one in self._breaches.items() if one.incident != fact.incident}
            case facts.WindowAdded() if fact.window.end > self.run.started:
                announced = fact.at if fact.window.announced_at is None else fact.window.announced_at
                self._windows[fact.window.id] = (announced, fact.window)
            case facts.WindowEnded() if fact.window in self._windows:
                announced, window = self._windows[fact.window]
                if fact.at <= window.start:
                    del self._windows[fact.window]
            case facts.AgentRun() if fact.unobserved_since is not None and fact.at >= self.run.started:
                since = max(fact.unobserved_since, self.run.started)
                if fact.at - since >= DEAD:
                    self._gaps[fact.key] = (since, fact.at)
            case _:
                pass

    def due(self, now: float, places: Mapping[Name, str]) -> Noted:
        """What has become true by ``now``: breaches, windows that have begun, and times without an evaluator."""
        for key, breach in self._breaches.items():
            incident = self._incidents.get(breach.incident)
            if incident is not None:
                unit = attributed(dict(incident.labels), places)
                yield (
                    f"breach {key}",
                    Occurrence(breach.at, Kind.SLA_BREACH, unit, name=incident.class_, detail=breach.incident),
                )
        for announced, window in self._windows.values():
            if announced <= window.start <= now:
                yield from _maintenance(self.run, window, places)
        for key, (since, until) in self._gaps.items():
            detail = f"nothing was judged for {(until - since) / 3600:.1f} h"
            yield f"dead {key}", Occurrence(until, Kind.EVALUATOR_DEAD, detail=detail)


def attributed(labels: Mapping[str, str], places: Mapping[Name, str]) -> str:
    """The unit that an incident with these labels is of; empty where it is of none alone: a vCenter, an API."""
    source = labels.get("vcenter") or labels.get("cloud", "")
    return places.get((source, labels.get("host", "")), "")


def _maintenance(run: Run, window: Window, places: Mapping[Name, str]) -> Noted:
    start = max(window.start, run.started)
    detail = window.id if not window.comment else f"{window.id}: {window.comment}"
    if window.scope == Selector(class_=window.scope.class_):
        yield f"window {window.id}", Occurrence(start, Kind.MAINTENANCE, detail=detail, until=window.end)
        return
    for unit in covered(window.scope, units(run), places):
        said = Occurrence(start, Kind.MAINTENANCE, unit.id, detail=detail, until=window.end)
        yield f"window {window.id} {unit.id}", said


def units(run: Run) -> tuple[Unit, ...]:
    """Canaries and controls."""
    return (*run.cohort.units(Arm.CANARY), *run.cohort.units(Arm.CONTROL))


def covered(scope: Selector, among: Iterable[Unit], places: Mapping[Name, str]) -> tuple[Unit, ...]:
    """The units that a window is about, as far as its labels name a vCenter, cloud, host or cluster, or its resource
    one of these: ``vc1``, ``vc1/esx1``. A label that is about something else covers none."""
    wanted = dict(scope.labels)
    found = []
    for unit in among:
        source, _, _ = unit.id.rpartition("/")
        names = {name for name, id_ in places.items() if id_ == unit.id} | {(source, unit.name)}
        known = {"vcenter": {source}, "cloud": {source}, "host": {name for _, name in names}}
        known["cluster"] = {unit.cluster.removeprefix(f"{source}/"), unit.name}
        resources = {source, unit.name, unit.id, *("/".join(name) for name in names)}
        by_labels = all(value in known.get(label, set()) for label, value in wanted.items())
        if by_labels and (not scope.resource or scope.resource in resources):
            found.append(unit)
    return tuple(found)


@dataclass(slots=True)
class UnitWatch:
    """Follows the units themselves: whether they are there, in the same cluster, and which version they run.

    ``versions`` are those known last. A unit must be missing for ``patience`` seconds to be gone.
    """

    run: Run
    versions: dict[str, str]
    patience: float = 600.0
    _missing: dict[str, float] = field(default_factory=dict)

    def look(
        self, there: Mapping[str, Unit], versions: Mapping[str, str], *, known: frozenset[str], now: float
    ) -> Noted:
        """What has changed. ``there`` are all units of the sources ``known``, of which alone something can be said."""
        for unit in units(self.run):
            if unit.id.rpartition("/")[0] not in known:
                self._missing.pop(unit.id, None)
                continue
            yield from self._presence(unit, there.get(unit.id), now)
            yield from self._version(unit, versions.get(unit.id), now)

    def _presence(self, unit: Unit, found: Unit | None, now: float) -> Noted:
        if found is None:
            since = self._missing.setdefault(unit.id, now)
            if now - since >= self.patience:
                yield (
                    f"gone {unit.id}",
                    _changed(unit, since, f"{unit.name or unit.id} is not in the inventory any more"),
                )
            return
        self._missing.pop(unit.id, None)
        if found.cluster != unit.cluster:
            detail = f"{unit.name or unit.id} has moved from {unit.cluster} to {found.cluster}"
            yield f"moved {unit.id} {found.cluster}", _changed(unit, now, detail)

    def _version(self, unit: Unit, found: str | None, now: float) -> Noted:
        if found is None:
            return
        before = self.versions.get(unit.id)
        self.versions[unit.id] = found
        if before is not None and before != found:
            detail = f"{unit.name or unit.id}: {before} -> {found}"
            yield (
                f"version {unit.id} {now!r}",
                Occurrence(now, Kind.VERSION_CHANGED, unit.id, name=found, detail=detail),
            )


def _changed(unit: Unit, at: float, detail: str) -> Occurrence:
    return Occurrence(at, Kind.COHORT_CHANGED, unit.id, detail=detail)


def versions_known(baseline: Mapping[str, str], noted: Iterable[Occurrence]) -> dict[str, str]:
    """What each unit ran last: at the start, and by the changes noted since."""
    changes = {one.unit: one.name for one in noted if one.kind is Kind.VERSION_CHANGED and one.name}
    return {**baseline, **changes}


def share(run: Run, there: Iterable[Unit]) -> float | None:
    """The canaries' share of the size of all units that there are; None where there is none."""
    total = canary = 0.0
    for unit in there:
        total += unit.size
        if run.cohort.arm(unit.id) is Arm.CANARY:
            canary += unit.size
    return canary / total if total else None
