"""What is known of a cloud's servers and their actions between two cycles. Pure: it is told, and remembers a while."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from exporter.openstack.decode import UNKNOWN
from exporter.openstack.model import Action, Server
from exporter.openstack.operations import EVENTLESS, STATEFUL, of_action

KEEP = 900.0
"""Seconds that a deleted server, or an action that is over, is remembered: longer than windows of reading overlap."""

SETTLE = 2.0
"""Seconds after which an action's record is final for its ``updated``, which Nova stores in whole seconds."""


FIRST = 3
"""Actions read with their events of a server that is met in flight."""


@dataclass(frozen=True, slots=True)
class _Read:
    """An action with its events as they were read ``at``.

    It is settled where nothing more can have happened in the second of its last change.
    """

    action: Action
    at: float
    is_settled: bool
    is_open: bool


def is_open(action: Action) -> bool:
    """Whether an action read with its events may still go on: an event has no end, or no host has picked it up."""
    if action.events:
        return any(event.finish is None for event in action.events)
    return action.events is not None and action.message is None and of_action(action.action) not in EVENTLESS


def last_change(action: Action) -> float:
    """When Nova last recorded something of the action."""
    instants = [action.start, action.updated, *(event.finish or event.start for event in action.events or ())]
    return max(instant for instant in instants if instant is not None)


class Fleet:
    """The servers that exist, those deleted within KEEP, and the actions that are open or changed within KEEP."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self._busy: dict[str, None] = {}
        self._deleted: dict[str, None] = {}
        self._unknown: set[str] = set()
        self._read: dict[str, dict[str, _Read]] = {}
        self._alive: dict[str, float] = {}

    def merge(self, server: Server) -> bool:
        """Take over a server; whether it is new or changed. Of one in a cell that is down, what was known stays."""
        known = self.servers.get(server.id)
        if server.status == UNKNOWN and known is not None:
            server = replace(known, status=UNKNOWN)
        self.servers[server.id] = server
        (self._unknown.add if server.status == UNKNOWN else self._unknown.discard)(server.id)
        if server.status == "DELETED":
            self._deleted[server.id] = None
        else:
            self._deleted.pop(server.id, None)
        if server.status != "DELETED" and (server.task_state is not None or server.status == "BUILD"):
            self._busy[server.id] = None
        else:
            self._busy.pop(server.id, None)
        return server != known

    def drop(self, server: str) -> None:
        """Forget a server that Nova no longer knows."""
        self.servers.pop(server, None)
        self._busy.pop(server, None)
        self._deleted.pop(server, None)
        self._unknown.discard(server)
        self._read.pop(server, None)
        self._alive.pop(server, None)

    def put(self, action: Action, at: float) -> None:
        """Take over an action with its events, read ``at`` by Nova's clock."""
        reads = self._read.setdefault(action.server, {})
        reads[action.request] = _Read(action, at, at - last_change(action) >= SETTLE, is_open(action))
        alive = [read.action.start for read in reads.values() if read.is_open]
        if not all(read.is_settled for read in reads.values()):
            self._alive[action.server] = math.inf
        elif alive:
            self._alive[action.server] = max(alive)
        else:
            self._alive.pop(action.server, None)

    def actions(self) -> Iterator[tuple[str, tuple[Action, ...]]]:
        """The actions of each server of which there are any, the oldest first."""
        for server, reads in self._read.items():
            yield server, tuple(sorted((read.action for read in reads.values()), key=lambda action: action.start))

    def watched(self) -> dict[str, float]:
        """The servers with something in flight, and since when: the newest open action, or the last change.

        Where what was read may lack something, or it is unknown since when, that is never long ago: infinity.
        """
        found: dict[str, float] = {}
        for server in self._busy:
            updated = self.servers[server].updated
            found[server] = math.inf if updated is None else updated
        return found | self._alive

    def is_shown(self, server: str) -> bool:
        """Whether the listing of servers will show the end of all that is known to be in flight on a server.

        Such operations clear the task state when they end. One that no host has picked up yet can show more than its
        end, and so can any while the cell is down.
        """
        known = self.servers.get(server)
        if known is None or known.task_state is None or known.status == UNKNOWN:
            return False
        alive = [read.action for read in self._read.get(server, {}).values() if read.is_open]
        return bool(alive) and all(action.events and of_action(action.action) in STATEFUL for action in alive)

    def has_unknown(self) -> bool:
        """Whether servers are in a cell that is down."""
        return bool(self._unknown)

    def wanting(self, server: str, listed: Iterable[Action], since: float | None) -> list[Action]:
        """Which of the listed actions (the newest first) must be read with their events.

        These are: those that changed since they were read; of those never read, the ones that changed after ``since``,
        and the newest FIRST: behind a deletion there may be the hung operation that it is to end.
        """
        reads = self._read.get(server, {})
        wanted: list[Action] = []
        for index, action in enumerate(listed):
            read = reads.get(action.request)
            if read is None:
                fresh = since is not None and last_change(action) >= since
                if index < FIRST or fresh:
                    wanted.append(action)
            elif action.updated is None:  # before Compute API 2.58
                if read.is_open or not read.is_settled:
                    wanted.append(action)
            elif action.updated != read.action.updated or not read.is_settled:
                wanted.append(action)
        return wanted

    def forget(self, now: float) -> None:
        """Drop what is over and was known for KEEP."""
        for server in [s for s in self._deleted if _is_old(self.servers[s].updated, now)]:
            self.drop(server)
        for server, reads in list(self._read.items()):
            over = [request for request, read in reads.items() if _is_over(read, now)]
            for request in over:
                del reads[request]
            if not reads:
                del self._read[server]


def _is_over(read: _Read, now: float) -> bool:
    return read.is_settled and not read.is_open and _is_old(read.at, now)


def _is_old(changed: float | None, now: float) -> bool:
    return changed is None or now - changed > KEEP
