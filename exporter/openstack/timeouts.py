"""Nova's operations: which are in flight, which have timed out, how each ended. Pure; each is counted exactly once.

An operation is in flight while its action has an event without end, or none yet, or the server has its task state. It
has timed out when it was in flight for longer than its limit, or ended in Error with a timeout for a fault. What was
seen is a Ledger; ``advance`` turns the last one and what was read since into the next one and its news.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from exporter.openstack.model import Action, Server
from exporter.openstack.operations import TASK_STATES, UNKNOWN, Limits, of_action, of_task_state
from exporter.openstack.phases import (
    SETTLE,
    Phase,
    Result,
    compute_host,
    fault_text,
    finished,
    holder,
    is_deleted,
    phase,
    timeout_in,
)

STALE = 600.0
"""Seconds by which a snapshot may be older than the last and is passed over; by more, the clock was wrong before."""
MEMORY = 24 * 3600.0
"""Seconds for which the end of an operation is remembered. What ended earlier is history and is not counted."""
SLACK = 60.0
"""Seconds by which the record of an action may begin after its task state was seen, and still be the same operation."""

DOWN = "UNKNOWN"
"""Status of a server whose cell is down (Compute API guide, since 2.69): what is known of it is of before."""

Id = tuple[str, str]
"""An operation: the server's id, and the request id or, while no action is known for a task state, ``word@since``."""


class Cause(StrEnum):
    """Why an operation timed out, as far as both sides tell. The first seven are found by ``tasks.cause``."""

    VCENTER_QUEUED = "vcenter_queued"
    VCENTER_RUNNING = "vcenter_running"
    VCENTER_DONE = "vcenter_done"
    NO_VCENTER_TASK = "no_vcenter_task"
    RETRY_BACKOFF = "retry_backoff"
    NOT_PICKED_UP = "not_picked_up"
    UNKNOWN = "unknown"
    RPC_TIMEOUT = "rpc_timeout"
    VCENTER_TIMEOUT = "vcenter_timeout"
    NETWORK_TIMEOUT = "network_timeout"
    VOLUME_TIMEOUT = "volume_timeout"
    OTHER_TIMEOUT = "other_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation in flight. ``name`` is a word of ``operations``, ``start`` an instant by Nova's clock.

    ``host`` is the nova-compute service, empty while unscheduled. ``picked_up`` says whether Nova recorded an event of
    it, None where only a task state is known. ``updated`` is when the server had last changed while it had the
    ``task_state``. ``timed_out`` says that this was counted.
    """

    server: str
    key: str
    name: str
    start: float
    limit: float
    host: str = ""
    project: str = ""
    task_state: str | None = None
    updated: float | None = None
    picked_up: bool | None = None
    timed_out: bool = False

    @property
    def id(self) -> Id:
        """What it is known by."""
        return (self.server, self.key)

    @property
    def is_run(self) -> bool:
        """Whether it is known by a task state alone."""
        return "@" in self.key


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A timeout, seen ``at``."""

    operation: Operation
    cause: Cause
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that is over, seen ``at``. ``seconds`` is its length, None where Nova does not tell."""

    operation: Operation
    result: Result
    seconds: float | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What must outlive a restart. ``seen`` is the last snapshot's time; what ended before ``horizon`` is history.

    ``ended`` holds when the operations that ended since then were seen to be over.
    """

    horizon: float
    seen: float
    opened: Mapping[Id, Operation] = field(default_factory=dict)
    ended: Mapping[Id, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one cycle read; ``now`` is by Nova's clock.

    ``servers`` must hold every server with a task state, every one that changed and every one of ``Ledger.opened``;
    ``actions``, by server, every action that changed or is open, with its events. A server without an entry in
    ``actions`` was not asked for. ``gone`` are servers that Nova no longer knows. ``complete`` is false where something
    of this could not be read, or was left for the next cycle: then nothing becomes history.
    """

    now: float
    servers: Mapping[str, Server] = field(default_factory=dict)
    actions: Mapping[str, Iterable[Action]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """The next ledger and its news. ``unknown`` are names not in ``operations``, as (action or task_state, name)."""

    ledger: Ledger
    timed_out: tuple[Occurrence, ...] = ()
    ended: tuple[Ended, ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()


def begin(now: float) -> Ledger:
    """The ledger of a cloud that was never looked at: what ended before ``now`` is not counted."""
    return Ledger(horizon=now, seen=-math.inf)


def advance(ledger: Ledger, snapshot: Snapshot, *, limits: Limits, cause: Callable[[Operation], Cause]) -> Step:
    """Takes over a snapshot. One that is not newer than the last changes nothing.

    ``cause`` is asked once for each operation that exceeds its limit while in flight.
    """
    if ledger.seen - STALE < snapshot.now <= ledger.seen:
        return Step(ledger)
    turn = _Turn(ledger, snapshot, limits=limits, cause=cause)
    # Of any other server there is nothing to say, and of 100,000 servers that is nearly all.
    busy = (name for name, server in snapshot.servers.items() if server.task_state is not None)
    for server in sorted({*busy, *snapshot.actions, *snapshot.gone, *(id_[0] for id_ in ledger.opened)}):
        turn.take(server)
    horizon = max(ledger.horizon, ledger.seen - MEMORY) if snapshot.complete else ledger.horizon
    horizon = min(snapshot.now, horizon)
    ended = turn.ended if horizon == ledger.horizon else {id_: at for id_, at in turn.ended.items() if at >= horizon}
    after = Ledger(horizon=horizon, seen=snapshot.now, opened=turn.opened, ended=ended)
    return Step(after, tuple(turn.occurrences), tuple(turn.results), tuple(turn.unknown))


class _Turn:
    """One snapshot being taken over, server by server."""

    def __init__(
        self, ledger: Ledger, snapshot: Snapshot, *, limits: Limits, cause: Callable[[Operation], Cause]
    ) -> None:
        self._snapshot = snapshot
        self._now = snapshot.now
        self._horizon = ledger.horizon
        self._limits = limits
        self._cause = cause
        self.opened = dict(ledger.opened)
        self.ended = dict(ledger.ended)
        self.occurrences: list[Occurrence] = []
        self.results: list[Ended] = []
        self.unknown: list[tuple[str, str]] = []
        self._mine: dict[str, list[Id]] = {}
        for id_ in ledger.opened:
            self._mine.setdefault(id_[0], []).append(id_)

    def take(self, name: str) -> None:
        """Takes over what was read of one server."""
        server = self._snapshot.servers.get(name)
        if server is not None and server.status == DOWN:
            return
        asked = self._snapshot.actions.get(name)
        gone = name in self._snapshot.gone or is_deleted(server)
        mine = [self.opened[id_] for id_ in self._mine.get(name, ())]
        keys = {operation.key for operation in mine}
        actions = {a.request: a for a in asked or () if (name, a.request) not in self.ended}
        held = holder(server, actions.values(), keys) if server is not None and not gone else None
        for action in sorted(actions.values(), key=lambda action: action.start):
            self._action(action, server, held=action is held, gone=gone)
        left = [found for found in mine if found.key not in actions and found.id in self.opened]
        self._others(left, server, held=held is not None, asked=asked is not None, gone=gone)

    def _action(self, action: Action, server: Server | None, *, held: bool, gone: bool) -> None:
        operation = self._operation(action, server, held=held)
        found = (
            Phase(self._now, self._now)
            if held
            else phase(action, server, now=self._now, limit=operation.limit, gone=gone)
        )
        if found is None:
            return
        known = self.opened.get(operation.id)
        linked = self._linked(operation, finished(action)) if known is None or held else None
        before = [one for one in (known, linked) if one is not None]
        if not before and found.over is not None and found.stamp < self._horizon:
            return
        if known is None and operation.name == UNKNOWN:
            self.unknown.append(("action", action.action))
        operation = replace(operation, timed_out=any(one.timed_out for one in before))
        text = fault_text(action, server) if found.over is Result.ERROR else ""
        self._judge(operation, until=found.until, over=found, text=text)

    def _operation(self, action: Action, server: Server | None, *, held: bool) -> Operation:
        """The operation of an action as it is now."""
        word = of_action(action.action)
        project = (server.project if server else action.project) or ""
        return Operation(
            server=action.server,
            key=action.request,
            name=word,
            start=action.start,
            limit=self._limits.of(word, project=project, flavor=server.flavor if server else None),
            host=(server.host if server else None) or compute_host(action),
            project=project,
            task_state=server.task_state if server and held else None,
            updated=server.updated if server and held else None,
            picked_up=None if action.events is None else bool(action.events),
        )

    def _linked(self, operation: Operation, end: float | None) -> Operation | None:
        """The task state that turns out to be this operation's; it is no operation of its own any more."""
        for id_ in self._mine.get(operation.server, ()):
            found = self.opened.get(id_)
            if found is None or not found.is_run or operation.start > found.start + SLACK:
                continue
            words = of_task_state(found.task_state or "")
            alive = end is None or end >= found.start - SETTLE
            if alive and (operation.name in words or words == (UNKNOWN,)):
                return self.opened.pop(id_)
        return None

    def _others(self, left: list[Operation], server: Server | None, *, held: bool, asked: bool, gone: bool) -> None:
        """What is open without its action having been read, and a task state that no action read has set."""
        state = server.task_state if server is not None and not gone and not held else None
        words = of_task_state(state) if state is not None else ()
        same = [found for found in left if server is not None and _carries(found, server, words)]
        carrier = max(same, key=lambda operation: operation.start, default=None)
        for operation in left:
            if operation is carrier and server is not None:
                self._judge(replace(operation, task_state=state, updated=server.updated), until=self._now)
            elif gone or (operation.is_run and asked and server is not None):
                done = Result.SUCCESS if gone and operation.name == "delete" else Result.UNKNOWN
                self._judge(operation, until=operation.start, over=Phase(operation.start, self._now, done))
        if carrier is None and server is not None and state is not None:
            self._judge(self._run(server, state, words[0]), until=self._now)

    def _run(self, server: Server, state: str, word: str) -> Operation:
        since = self._now if server.updated is None else min(self._now, server.updated)
        return Operation(
            server=server.id,
            key=f"{word}@{since:.0f}",
            name=word,
            start=since,
            limit=self._limits.of(word, project=server.project, flavor=server.flavor),
            host=server.host or "",
            project=server.project,
            task_state=state,
            updated=server.updated,
        )

    def _judge(self, operation: Operation, *, until: float, over: Phase | None = None, text: str = "") -> None:
        """Count a timeout and an end, each once, and keep the operation if it is still in flight."""
        if operation.id in self.ended:
            return
        self._note_state(operation)
        result = over.over if over is not None else None
        told = timeout_in(text)
        if not operation.timed_out and (told is not None or until - operation.start > operation.limit):
            why = Cause(told) if told is not None else Cause.UNKNOWN if result is not None else self._cause(operation)
            operation = replace(operation, timed_out=True)
            self.occurrences.append(Occurrence(operation, why, self._now))
        if over is None or result is None:
            self.opened[operation.id] = operation
            return
        self.opened.pop(operation.id, None)
        self.ended[operation.id] = self._now
        self.results.append(Ended(operation, result, over.seconds, self._now))

    def _note_state(self, operation: Operation) -> None:
        known = self.opened.get(operation.id)
        state = operation.task_state
        if state is not None and state not in TASK_STATES and (known is None or known.task_state != state):
            self.unknown.append(("task_state", state))


def _carries(found: Operation, server: Server, words: tuple[str, ...]) -> bool:
    """Whether a server's task state, of these operations, is still that of an operation known before.

    A server that changed and has the same state as before began something anew.
    """
    if found.name not in words or found.task_state is None:
        return False
    same_time = server.updated is None or found.updated in {None, server.updated}
    return same_time or found.task_state != server.task_state
