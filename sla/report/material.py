"""The log -> what a report is made of: incidents with the terms they are judged by, and what happened beside them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sla import facts
from sla.engine import Engine, restore
from sla.incident import Incident, State
from sla.intervals import Intervals, union
from sla.model import AgentStarted, Tick, Window
from sla.policy import Policy, policy_of
from sla.record import Record
from sla.report.model import ClockJumpReport, LeaderChange, PolicyReport
from sla.store.base import Aggregate, Stored
from sla.timers import Terms

USAGE = "usage/"
"""What the key of an aggregate of the agent's looks begins with; the class follows."""
_SILENCE = 60.0
"""Seconds without a heartbeat after which the agent counts as gone; it beats every few seconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """An incident and the terms it is judged by."""

    incident: Incident
    terms: Terms

    @property
    def site(self) -> str:
        """Its label ``site``, or empty."""
        return dict(self.incident.labels).get("site", "")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the agent's looks at one resource came to, from ``start`` to ``end``: a UTC day, or what it has so far.

    ``observed`` seconds include ``down`` and ``excluded`` (announced maintenance) ones, ``unknown`` ones are beside.
    """

    class_: str
    resource: str
    start: float
    end: float
    observed: float
    down: float
    excluded: float
    unknown: float


@dataclass(frozen=True, slots=True)
class Material:
    """What a report is made of.

    ``known_until`` is the last instant at which an agent was there (None: there never was one), ``unobserved`` when
    none was, before it began included. ``heard`` says of each window when the engine heard of it. ``policies`` are in
    the order in which they came into force.
    """

    cases: tuple[Case, ...] = ()
    unobserved: Intervals = ()
    known_until: float | None = None
    windows: tuple[tuple[float, Window], ...] = ()
    policies: tuple[tuple[float, Policy], ...] = ()
    breaches: tuple[facts.Breached, ...] = ()
    reopened: tuple[tuple[str, float], ...] = ()
    flapped: tuple[tuple[str, float], ...] = ()
    clock_jumps: tuple[ClockJumpReport, ...] = ()
    leader_changes: tuple[LeaderChange, ...] = ()
    usage: tuple[Usage, ...] = ()

    @property
    def policy_reports(self) -> tuple[PolicyReport, ...]:
        """When each version came into force."""
        return tuple(PolicyReport(at, policy.version) for at, policy in self.policies)


@dataclass(slots=True)
class _Watch:
    """What passes on the way to the engine and is of use beside it."""

    first: float | None = None
    epoch: int | None = None
    unobserved: list[tuple[float, float]] = field(default_factory=list)
    heard: dict[str, float] = field(default_factory=dict)
    policies: list[tuple[float, Policy]] = field(default_factory=list)
    breaches: list[facts.Breached] = field(default_factory=list)
    reopened: list[tuple[str, float]] = field(default_factory=list)
    flapped: list[tuple[str, float]] = field(default_factory=list)
    jumps: list[ClockJumpReport] = field(default_factory=list)
    leaders: list[LeaderChange] = field(default_factory=list)

    def pass_on(self, log: Iterable[Stored]) -> Iterator[Record]:
        for stored in log:
            record = stored.record
            if self.first is None or record.at < self.first:
                self.first = record.at
            if self.epoch is not None and stored.epoch != self.epoch:
                self.leaders.append(LeaderChange(record.at, stored.epoch))
            self.epoch = stored.epoch
            if record.kind in _NOTED:
                self._note(facts.decode(record))
            yield record

    def _note(self, fact: facts.Fact) -> None:
        match fact:
            case facts.AgentRun(unobserved_since=float(since)) if since < fact.at:
                self.unobserved.append((since, fact.at))
            case facts.WindowAdded():
                self.heard[fact.window.id] = fact.at
            case facts.PolicySelected():
                self.policies.append((fact.at, policy_of(fact.text)))
            case facts.Breached():
                self.breaches.append(fact)
            case facts.Reopened():
                self.reopened.append((fact.incident, fact.at))
            case facts.Flapped():
                self.flapped.append((fact.incident, fact.at))
            case facts.ClockJumped():
                self.jumps.append(ClockJumpReport(fact.at, fact.delta, fact.jump))


_NOTED = frozenset(
    kind.kind
    for kind in (
        facts.AgentRun,
        facts.WindowAdded,
        facts.PolicySelected,
        facts.Breached,
        facts.Reopened,
        facts.Flapped,
        facts.ClockJumped,
    )
)


def gather(
    log: Iterable[Stored], *, until: float, heartbeat: float | None = None, aggregates: Sequence[Aggregate] = ()
) -> Material:
    """What the whole log says, up to ``until`` at least, in log order; ``heartbeat`` is the last effective time stored.

    Where no agent was there since the heartbeat, timers run on to ``until`` as they would if one started then, in
    memory only: nobody looked. Raises ValueError where the log, or an aggregate, is damaged.
    """
    watch = _Watch()
    engine = restore(watch.pass_on(log), keep=True)
    known = max(
        (at for at in (heartbeat, engine.now if watch.first is not None else None) if at is not None), default=None
    )
    unobserved = [*watch.unobserved, (float("-inf"), float("inf") if watch.first is None else watch.first)]
    if known is not None and until > known + _SILENCE:
        unobserved.append((known, until))
        watch.breaches += _breaches(engine.handle(AgentStarted(until, known)))
    watch.breaches += _breaches(
        engine.handle(Tick(max(engine.now, until if known is None else min(until, known + _SILENCE))))
    )
    return Material(
        cases=tuple(_cases(engine)),
        unobserved=union(unobserved),
        known_until=known,
        windows=tuple((watch.heard[window.id], window) for window in engine.windows),
        policies=tuple(watch.policies),
        breaches=tuple(watch.breaches),
        reopened=tuple(watch.reopened),
        flapped=tuple(watch.flapped),
        clock_jumps=tuple(watch.jumps),
        leader_changes=tuple(watch.leaders),
        usage=tuple(found for one in aggregates if one.key.startswith(USAGE) for found in _usage(one)),
    )


def _breaches(found: Iterable[facts.Fact]) -> list[facts.Breached]:
    return [fact for fact in found if isinstance(fact, facts.Breached)]


def _cases(engine: Engine) -> Iterator[Case]:
    """Every incident but suspicions, by start, with all windows known now among its terms."""
    tracks = ((track.incident, track.terms) for track in engine._tracks.values())  # noqa: SLF001 - Judged has no terms
    for incident, terms in sorted((*engine._finished, *tracks), key=_order):  # noqa: SLF001
        if incident is not None and terms is not None and incident.state is not State.SUSPECT:
            yield Case(incident, terms)


def _order(found: tuple[Incident | None, Terms | None]) -> tuple[float, str, str]:
    incident = found[0]
    return (incident.start, incident.class_, incident.resource) if incident else (0.0, "", "")


def _usage(aggregate: Aggregate) -> Iterator[Usage]:
    """One day of one class: ``{"until": at, "resources": {name: [observed, down, excluded, unknown]}}``."""
    try:
        made = json.loads(aggregate.body)
        start = datetime.fromisoformat(aggregate.day).replace(tzinfo=UTC).timestamp()
        end = min(start + 86400, float(made["until"]))
        for resource, sums in made["resources"].items():
            observed, down, excluded, unknown = map(float, sums)
            yield Usage(
                class_=aggregate.key.removeprefix(USAGE),
                resource=resource,
                start=start,
                end=end,
                observed=observed,
                down=down,
                excluded=excluded,
                unknown=unknown,
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"aggregate {aggregate.day} {aggregate.key}: cannot be read ({type(error).__name__}); restore a copy"
        ) from None
