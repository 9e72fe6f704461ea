"""The engine: events in, facts out, for all resources. It holds the incidents, windows and policies its facts made.

Nothing here reads a clock: whoever calls ``handle`` says what time it is, in the event.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, TypeAlias

from sla import facts, machine
from sla.edges import next_edge
from sla.incident import TERMINAL, Incident, State, apply
from sla.intervals import Intervals, union
from sla.model import (
    Ack,
    AgentStarted,
    Announce,
    Approve,
    Cancel,
    ClockJump,
    EndWindow,
    Event,
    Gone,
    Health,
    Jump,
    Observation,
    PolicyChange,
    Reapply,
    Selector,
    Tick,
    Window,
)
from sla.policy import Policy, policy_of
from sla.record import Record
from sla.standing import Standing
from sla.timers import Pause, Terms, Timer, timers

Facts: TypeAlias = tuple[facts.Fact, ...]
_KEPT = 86400.0
_PLACE = attrgetter("incident.start", "incident.class_", "incident.resource")


class UnknownClassError(ValueError):
    """An observation is of a class that the policy in force does not have."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An incident and its timers as they stand."""

    incident: Incident
    timers: tuple[Timer, ...]


class _Track:
    """What the engine remembers of one resource of a class, beside facts: what was last heard, what comes next."""

    __slots__ = ("due", "healths", "idle", "incident", "key", "last", "seen", "standing", "terms")

    def __init__(self, key: tuple[str, str]) -> None:
        self.key = key
        self.incident: Incident | None = None
        self.terms: Terms | None = None
        self.last = -math.inf
        self.healths: tuple[Health, ...] = ()
        self.seen = -math.inf
        self.due = math.inf
        self.idle = machine.idle(None, None)
        self.standing = Standing()


class Engine:
    """All incidents that are not over; with ``keep``, those that are over too.

    ``policy`` is the one in force (None: none yet, so nothing can begin), ``now`` the newest effective time heard of,
    ``stale`` how many observations came twice or too late and were ignored.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.policy: Policy | None = None
        self.now = -math.inf
        self.stale = 0
        self._keep = keep
        self._policies: dict[str, Policy] = {}
        self._windows: dict[str, tuple[float, Window]] = {}
        self._rebases: Intervals = ()
        self._tracks: dict[tuple[str, str], _Track] = {}
        self._finished: list[tuple[Incident, Terms]] = []
        self._left: dict[tuple[str, str], float] = {}
        self._heap: list[tuple[float, tuple[str, str]]] = []

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The incidents that are not over (suspicions included), by start."""
        found = (track.incident for track in self._tracks.values() if track.incident)
        return tuple(sorted(found, key=lambda incident: (incident.start, incident.class_, incident.resource)))

    @property
    def windows(self) -> tuple[Window, ...]:
        """All windows heard of, as they are now, by start."""
        return tuple(sorted((window for _, window in self._windows.values()), key=lambda one: (one.start, one.id)))

    def judged(self, now: float) -> tuple[Judged, ...]:
        """Every incident known with its timers at ``now``, by start. Those of the past are there if they are kept."""
        result = [Judged(incident, timers(incident, terms, now)) for incident, terms in self._finished]
        result += [
            Judged(track.incident, track.standing.timers(track.incident, track.terms, now))
            for track in self._tracks.values()
            if track.incident is not None and track.terms is not None
        ]
        return tuple(sorted(result, key=_PLACE))

    def next_deadline(self) -> float | None:
        """When a ``Tick`` will next change something, if nothing else happens before; None: never."""
        while self._heap and self._track(self._heap[0][1]).due != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def handle(self, event: Event) -> Facts:
        """The facts that follow from the event, in the order in which to log them.

        Raises UnknownClassError for an observation of a class that the policy in force does not have.
        """
        if isinstance(event, Observation):
            return self.observe(event)
        self.now = max(self.now, event.at)
        found: Facts = _HANDLERS[type(event)](self, event)
        return found

    def observe(self, observation: Observation) -> Facts:
        """``handle`` for an observation, which is what there are many of."""
        key = (observation.class_, observation.resource)
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = self._known(key)
        at, health = observation.at, observation.health
        if at <= track.last and (at < track.last or health in track.healths):
            self.stale += 1
            return ()
        track.healths = (health,) if at > track.last else (*track.healths, health)
        track.last = at
        self.now = max(self.now, at)
        found = () if at < track.due and health in track.idle else self._observed(track, observation)
        if health is not Health.UNKNOWN:
            track.seen = at
        return found

    def _known(self, key: tuple[str, str]) -> _Track:
        if self.policy is None or key[0] not in self.policy.classes:
            raise UnknownClassError(f"the policy has no class {key[0]!r}")
        return _Track(key)

    def _observed(self, track: _Track, observation: Observation) -> Facts:
        found: Facts = ()
        if track.incident is not None and track.terms is not None:
            if observation.at < track.incident.seen:
                self.stale += 1
                return ()
            step = machine.observe(track.incident, observation, track.terms, known_until=track.seen)
            found = self._settle(track, step)
        if track.incident is None and observation.health is Health.DOWN:
            found += self._begin(track, observation)
        return found

    def _begin(self, track: _Track, observation: Observation) -> Facts:
        if self.policy is None or track.key[0] not in self.policy.classes:
            raise UnknownClassError(f"the policy has no class {track.key[0]!r}")
        scope = Selector("", observation.class_, observation.resource, observation.labels)
        track.terms = self._terms(self.policy, scope, observation.at)
        return self._settle(track, machine.begin(observation, track.terms, self.policy.version))

    def _settle(self, track: _Track, step: machine.Step) -> Facts:
        incident, found = step
        if incident.state in TERMINAL:
            if self._keep and track.terms is not None and incident.state is not State.CLEAR:
                self._finished.append((incident, track.terms))
            track.incident, track.terms = None, None
        else:
            track.incident = incident
        self._schedule(track)
        return found

    def _schedule(self, track: _Track) -> None:
        edge = None
        if track.incident is not None and track.terms is not None:
            edge = next_edge(track.incident, track.terms, self.now)
        track.idle = machine.idle(track.incident, track.terms)
        track.due = math.inf if edge is None else edge.at
        if track.due < math.inf:
            heappush(self._heap, (track.due, track.key))

    def _track(self, key: tuple[str, str]) -> _Track:
        return self._tracks.get(key) or _Track(key)

    def _terms(self, policy: Policy, scope: Selector, start: float) -> Terms:
        class_ = policy.classes[scope.class_]
        windows = [
            (heard, window)
            for heard, window in self._windows.values()
            if class_.pausable and window.end > start and window.scope.covers(scope)
        ]
        return Terms(
            class_=class_,
            calendar=policy.calendar(class_, dict(scope.labels).get("site", "")),
            pauses=tuple(
                Pause(max(heard, window.start), window.end, window.id)
                for heard, window in windows
                if _in_time(window, heard) and max(heard, window.start) < window.end
            ),
            requests=tuple((heard, window) for heard, window in windows if not _in_time(window, heard)),
            rebases=self._rebases,
        )

    def _renewed(self, track: _Track) -> None:
        """The terms of the track's incident, after windows, clock or policy changed."""
        if track.incident is not None:
            policy = self._policies[track.incident.policy]
            track.terms = self._terms(policy, _scope(track.incident), track.incident.start)
            self._schedule(track)

    def _selected(self, scope: Selector) -> list[_Track]:
        return [
            track
            for track in self._tracks.values()
            if track.incident is not None and scope.covers(_scope(track.incident))
        ]

    def _each(self, tracks: Iterable[_Track], step: Callable[[Incident, Terms], machine.Step]) -> Facts:
        found: list[facts.Fact] = []
        for track in tracks:
            if track.incident is not None and track.terms is not None:
                found += self._settle(track, step(track.incident, track.terms))
        return tuple(found)

    def _ticked(self, event: Tick) -> Facts:
        due: dict[tuple[str, str], None] = {}
        while self._heap and self._heap[0][0] <= event.at:
            at, key = heappop(self._heap)
            if self._track(key).due == at:
                due[key] = None
        return self._each(
            [self._tracks[key] for key in due],
            lambda incident, terms: machine.advance(incident, terms, event.at),
        )

    def _commanded(self, event: Ack | Cancel | Approve) -> Facts:
        return self._each(self._selected(event.scope), lambda incident, terms: machine.command(incident, event, terms))

    def _reapplied(self, event: Reapply) -> Facts:
        policy, found = self.policy, list(self._ticked(Tick(event.at)))
        for track in self._selected(event.scope):
            if policy is None or track.incident is None or track.incident.policy == policy.version:
                continue
            if track.key[0] in policy.classes:
                track.incident, told = machine.reapply(track.incident, policy.version, (event.at, event.actor))
                self._renewed(track)
                found += told
                found += self._each([track], lambda incident, terms: machine.advance(incident, terms, event.at))
        return tuple(found)

    def _announced(self, event: Announce) -> Facts:
        if event.window.id in self._windows:
            return ()
        announced_at = event.at if event.window.announced_at is None else event.window.announced_at
        return self._changed(
            facts.WindowAdded(at=self.now, window=replace(event.window, announced_at=announced_at)), event.window.scope
        )

    def _window_ended(self, event: EndWindow) -> Facts:
        heard, window = self._windows.get(event.window, (0.0, None))
        if window is None or event.at < heard or window.end <= max(self.now, window.start):
            return ()
        return self._changed(facts.WindowEnded(at=self.now, window=event.window, actor=event.actor), window.scope)

    def _changed(self, fact: facts.Fact, scope: Selector) -> Facts:
        self._absorb(fact)
        tracks = self._selected(scope)
        for track in tracks:
            self._renewed(track)
        return (fact, *self._each(tracks, lambda incident, terms: machine.advance(incident, terms, self.now)))

    def _policy_changed(self, event: PolicyChange) -> Facts:
        if self.policy is not None and self.policy.version == event.policy.version:
            return ()
        fact = facts.PolicySelected(at=self.now, version=event.policy.version, text=event.policy.text)
        self._absorb(fact)
        return (fact,)

    def _gone(self, event: Gone) -> Facts:
        track = self._tracks.get((event.class_, event.resource))
        if track is None or event.at < track.seen:
            return ()
        self._forget(track, event.at)
        return self._each([track], lambda incident, terms: machine.vanish(incident, event, terms))

    def _forget(self, left: _Track, at: float) -> None:
        """Frees what is kept of resources that left long ago; until then, it tells what was delivered twice."""
        self._left[left.key] = at
        for key, since in list(self._left.items()):
            if since < at - _KEPT:
                del self._left[key]
                if (track := self._tracks.get(key)) and track.incident is None and track.last <= since:
                    del self._tracks[key]

    def _started(self, event: AgentStarted) -> Facts:
        since = event.at if event.last_heartbeat is None else event.last_heartbeat
        fact = facts.AgentRun(at=event.at, unobserved_since=event.last_heartbeat)
        return (
            fact,
            *self._each(
                self._tracks.values(),
                lambda incident, terms: machine.unobserve(incident, terms, since, now=event.at),
            ),
        )

    def _jumped(self, event: ClockJump) -> Facts:
        fact = facts.ClockJumped(at=event.at, delta=event.delta, jump=event.kind.value)
        if event.kind is not Jump.REBASE:
            return (fact,)
        found = self._each(
            self._tracks.values(),
            lambda incident, terms: machine.advance(incident, terms, event.at - event.delta),
        )
        return (*found, *self._changed(fact, Selector()))

    def _absorb(self, fact: facts.Fact) -> None:
        """What a fact about the engine as a whole changes in it, live and when a log is read."""
        match fact:
            case facts.WindowAdded():
                self._windows[fact.window.id] = (fact.at, fact.window)
            case facts.WindowEnded():
                heard, window = self._windows[fact.window]
                self._windows[fact.window] = (heard, replace(window, end=max(fact.at, window.start)))
            case facts.PolicySelected():
                policy = self._policies.get(fact.version) or policy_of(fact.text)
                self._policies[policy.version] = self.policy = policy
            case facts.ClockJumped(jump=Jump.REBASE):
                self._rebases = union((*self._rebases, (fact.at - fact.delta, fact.at)))

    def _load(self, log: Iterable[facts.Fact]) -> None:
        found: dict[str, Incident] = {}
        for fact in log:
            self.now = max(self.now, fact.at)
            if not fact.incident:
                self._absorb(fact)
                continue
            found[fact.incident] = apply(found.get(fact.incident), fact)
            state = found[fact.incident].state
            if state is State.CLEAR or (state in TERMINAL and not self._keep):
                del found[fact.incident]
        for incident in found.values():
            terms = self._terms(self._policies[incident.policy], _scope(incident), incident.start)
            if incident.state in TERMINAL:
                self._finished.append((incident, terms))
                continue
            track = self._tracks[incident.class_, incident.resource] = _Track((incident.class_, incident.resource))
            track.incident, track.terms, track.seen = incident, terms, incident.seen
            self._schedule(track)


def restore(records: Iterable[Record], *, keep: bool = False) -> Engine:
    """The engine that wrote the log. Raises ValueError where the log is damaged.

    Records of incidents that are over may be missing, all of them at once; all others must be there, in order.
    """
    engine = Engine(keep=keep)
    engine._load(facts.decode(record) for record in records)  # noqa: SLF001 - a constructor
    return engine


def _in_time(window: Window, heard: float) -> bool:
    return (heard if window.announced_at is None else window.announced_at) <= window.start


def _scope(incident: Incident) -> Selector:
    return Selector(incident.id, incident.class_, incident.resource, incident.labels)


_HANDLERS: dict[type[Any], Callable[[Engine, Any], Facts]] = {
    Ack: Engine._commanded,  # noqa: SLF001
    Cancel: Engine._commanded,  # noqa: SLF001
    Approve: Engine._commanded,  # noqa: SLF001
    Reapply: Engine._reapplied,  # noqa: SLF001
    Announce: Engine._announced,  # noqa: SLF001
    EndWindow: Engine._window_ended,  # noqa: SLF001
    Gone: Engine._gone,  # noqa: SLF001
    Tick: Engine._ticked,  # noqa: SLF001
    PolicyChange: Engine._policy_changed,  # noqa: SLF001
    AgentStarted: Engine._started,  # noqa: SLF001
    ClockJump: Engine._jumped,  # noqa: SLF001
}
