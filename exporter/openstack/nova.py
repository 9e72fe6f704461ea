"""Nova's servers and their actions, read cheaply: what changed since the last cycle, and what is in flight.

A listing with ``changes-since`` shows which servers changed (Compute API reference, servers); actions have no listing
of their own, so only these servers, and those in flight, are asked for theirs.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote, urlencode

from exporter.clock import Clock
from exporter.errors import BadReply, ReplyTooLarge, SourceError
from exporter.openstack import decode
from exporter.openstack.cloud import Api, ApiFault, CloudSnapshot, Reply, understood
from exporter.openstack.cost import Budget
from exporter.openstack.decode import ServerPage
from exporter.openstack.fleet import Fleet
from exporter.openstack.model import Server

MARGIN = 60.0
"""Seconds by which windows of reading overlap: a record gets its time before it is committed, on a host whose clock may
be off. Reading a change twice does no harm."""

PAGE = 1000
"""Servers asked for at once: nova.conf, [api] max_limit, by default."""

SWEEP = 3600.0
SWEEP_DOWN = 300.0
"""Seconds from one whole listing to the next, a page a cycle: it finds what changed while its cell was down, which
``changes-since`` passes over. The shorter time is for while a cell is down."""

PATIENCE = 20.0
"""What is in flight is asked again after this part of its age, at once where the server changed: what hangs for a day
need not be asked every cycle."""

TRUST = 300.0
"""Seconds for which an operation is not asked again whose end the listing will show."""

_HISTORY = 10  # actions looked at of a server that is met in flight
_MARKERS = 3  # servers of a page tried as the place to go on from, should the last one be gone
_STOPPING = {403, 429, 502, 503, 504}  # answers that the next server would get, too


T = TypeVar("T")


class _Time:
    """Nova's clock as its first reply of the cycle told it; ours where it told nothing."""

    def __init__(self, clock: Clock, reply: Reply) -> None:
        self._clock = clock
        self._at = clock.monotonic()
        ours = clock.now()
        # Date has whole seconds: the half is its mean error.
        self.skew = None if reply.date is None else reply.date + 0.5 - ours
        self._date = ours if reply.date is None else reply.date
        self.mark = self._date - reply.seconds

    def now(self) -> float:
        return self._date + self._clock.monotonic() - self._at


class Nova:
    """Reads one region's servers and actions, one ``cycle`` at a time.

    ``since`` and ``watched`` are ``mark`` and ``watched`` of the last snapshot before a restart: what changed or ended
    meanwhile is then read in the first cycle. ``budget`` bounds the requests of a cycle; only a listing may exceed it.
    """

    def __init__(
        self,
        api: Api,
        *,
        clock: Clock,
        budget: int = 60,
        workers: int = 4,
        since: float | None = None,
        watched: Iterable[str] = (),
    ) -> None:
        self._api = api
        self._clock = clock
        self._budget = budget
        self._workers = workers
        self._fleet = Fleet()
        self._mark = since
        self._listed = False
        # By server: what changed since when is asked for, None for the newest. Who waits longest is first.
        self._queue: dict[str, float | None] = dict.fromkeys(watched)
        self._asked: dict[str, float] = {}
        self._swept = 0.0
        self._sweeping: list[str] | None = None

    def look(self, servers: Iterable[str]) -> None:
        """Have these servers' actions read in the next cycle, though Nova may not show that they changed.

        Attaching and detaching leave no trace in the listing of servers while they run; vCenter's tasks show them.
        """
        for server in servers:
            self._enqueue(server, None)

    def relist(self) -> None:
        """Begin a whole listing with the next cycle: for when a cell has gone down, or come back."""
        self._swept = 0.0

    async def cycle(self) -> CloudSnapshot:
        """Read once. Raises SourceError where the listing failed: the next cycle then covers the time of this one, too.

        Where a later request fails, the snapshot says so, and what is missing is asked for in the next cycle.
        """
        started = self._clock.monotonic()
        turn = await self._changes(Budget(self._budget))
        now = turn.time.now()
        for server, since in self._fleet.watched().items():
            asked = self._asked.get(server)
            if asked is None or now - asked >= self._pause(server, now - since):
                self._enqueue(server, None if asked is None else asked - MARGIN)
        await self._ask_all(turn)
        self._asked = {server: self._asked[server] for server in self._fleet.watched() if server in self._asked}
        snapshot = self._snapshot(turn, seconds=self._clock.monotonic() - started)
        self._fleet.forget(now)
        return snapshot

    def _pause(self, server: str, age: float) -> float:
        """Seconds from one asking to the next, of what is in flight for ``age``."""
        pause = age / PATIENCE
        return max(pause, TRUST) if math.isfinite(age) and self._fleet.is_shown(server) else pause

    def _snapshot(self, turn: "_Turn", *, seconds: float) -> CloudSnapshot:
        actions = {**dict.fromkeys(turn.asked, ()), **dict(self._fleet.actions())}
        return CloudSnapshot(
            now=turn.time.now(),
            mark=turn.time.mark,
            skew=turn.time.skew,
            servers=MappingProxyType(dict(self._fleet.servers)),
            actions=MappingProxyType({server: found for server, found in actions.items() if server not in self._queue}),
            gone=frozenset(turn.gone),
            watched=tuple(sorted({*self._fleet.watched(), *self._queue})),
            complete=not self._queue and turn.error is None,
            error=turn.error,
            cost=turn.budget.cost(carried=len(self._queue), seconds=seconds),
        )

    # --- servers ------------------------------------------------------------------------------------------------------

    async def _changes(self, budget: Budget) -> "_Turn":
        """Take over what changed; the first time, everything."""
        since = None if self._mark is None else self._mark - MARGIN
        if self._listed:
            turn = await self._list(budget, since=since)
            for server in turn.found:
                if self._fleet.merge(server):
                    self._enqueue(server.id, since)
            await self._sweep(turn)
        else:
            turn = await self._list(budget, since=None)
            missed = [] if since is None else (await self._list(budget, since=since)).found
            for server in (*turn.found, *missed):
                self._fleet.merge(server)
            for server in missed:
                self._enqueue(server.id, since)
            self._listed, self._swept = True, turn.time.mark
        self._mark = turn.time.mark
        return turn

    async def _list(self, budget: Budget, *, since: float | None) -> "_Turn":
        """Find every server, or those that changed, deleted ones among them, each once and as it was read last."""
        found: dict[str, Server] = {}
        markers: list[str] = []
        time = None
        while True:
            page, reply = await self._page(budget, since, markers=markers)
            time = time or _Time(self._clock, reply)
            markers = [server.id for server in page.servers]
            fresh = any(server not in found for server in markers)
            found.update((server.id, server) for server in page.servers)
            if not page.more:
                return _Turn(budget, time, tuple(found.values()))
            if not fresh:
                raise BadReply("compute: the listing of servers goes in circles: a page repeats the ones before it")

    async def _page(self, budget: Budget, since: float | None, *, markers: list[str]) -> tuple[ServerPage, Reply]:
        """The page after the one with the servers ``markers``."""
        query = {"all_tenants": "1"}
        if since is not None:
            query["changes-since"] = _iso(since)
        if markers or since is not None:
            # Only a request without it, hence the first of a whole listing, shows the servers of a cell that is down.
            query["limit"] = str(PAGE)
        for marker in markers[: -_MARKERS - 1 : -1]:
            try:
                return await self._servers(budget, {**query, "marker": marker})
            except ApiFault as fault:
                if fault.code != 400:  # else that server is gone meanwhile
                    raise
        if markers:
            raise BadReply("compute: the listing of servers cannot go on: the last ones of a page are gone")
        return await self._servers(budget, query)

    async def _servers(self, budget: Budget, query: dict[str, str]) -> tuple[ServerPage, Reply]:
        budget.listing += 1
        try:
            reply = await self._api.get("compute", f"/servers/detail?{urlencode(query)}")
            budget.received += len(reply.body)
            return await understood(reply, decode.servers, what="compute, listing of servers"), reply
        except SourceError:
            budget.failed += 1
            raise

    async def _sweep(self, turn: "_Turn") -> None:
        """Read the next page of a whole listing, if one is under way or due."""
        if self._sweeping is None:
            if turn.time.mark - self._swept < (SWEEP_DOWN if self._fleet.has_unknown() else SWEEP):
                return
            self._sweeping, self._swept = [], turn.time.mark
        try:
            page, _ = await self._page(turn.budget, None, markers=self._sweeping)
        except SourceError as error:
            turn.error = error
            self._sweeping, self._swept = None, 0.0
            return
        for server in page.servers:
            if self._fleet.merge(server):
                self._enqueue(server.id, None)
        self._sweeping = [server.id for server in page.servers] if page.more and page.servers else None

    # --- actions ------------------------------------------------------------------------------------------------------

    def _enqueue(self, server: str, since: float | None) -> None:
        """Have a server asked for what changed ``since``, or None for the newest. Who waits already keeps its place."""
        known = self._queue.get(server, since)
        self._queue[server] = None if known is None or since is None else min(known, since)

    async def _ask_all(self, turn: "_Turn") -> None:
        """Ask for the actions of those who wait, the longest first, while the budget lasts."""
        waiting = iter(list(self._queue.items()))

        async def work() -> None:
            while turn.budget.left and not turn.stop and (one := next(waiting, None)):
                await self._ask(*one, turn=turn)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._workers, len(self._queue))):
                group.create_task(work())

    async def _ask(self, server: str, since: float | None, *, turn: "_Turn") -> None:
        """Ask for one server's actions. Where that fails, the next one's turn comes first."""
        at = turn.time.now()
        try:
            if await self._actions(server, since, turn=turn):
                del self._queue[server]
                turn.asked.append(server)
                self._asked[server] = at
            return
        except ApiFault as fault:
            turn.budget.failed += 1
            if fault.code == 404:
                del self._queue[server]
                self._fleet.drop(server)
                turn.gone.add(server)
                return
            turn.error = fault
            turn.stop = turn.stop or fault.code in _STOPPING
        except SourceError as error:
            turn.budget.failed += 1
            turn.error = error
            turn.stop = turn.stop or not isinstance(error, BadReply | ReplyTooLarge)
        self._queue[server] = self._queue.pop(server)

    async def _actions(self, server: str, since: float | None, *, turn: "_Turn") -> bool:
        """Read what changed of one server's actions; whether the budget lasted."""
        turn.budget.actions += 1
        path = f"/servers/{quote(server, safe='')}/os-instance-actions"
        query = ""
        if turn.version is None:
            turn.version = await self._api.microversion("compute") or (2, 1)
        if turn.version >= (2, 58):
            query = f"?limit={_HISTORY}" if since is None else f"?changes-since={_iso(since)}"
        listed = await self._read(path + query, partial(decode.actions, server=server), turn=turn)
        for action in self._fleet.wanting(server, listed, since):
            if not turn.budget.left:
                return False
            turn.budget.events += 1
            at = turn.time.now()
            one = f"{path}/{quote(action.request, safe='')}"
            try:
                self._fleet.put(await self._read(one, partial(decode.action, server=server), turn=turn), at)
            except ApiFault as fault:
                if fault.code != 404:  # else the action is gone meanwhile, which says nothing of the server
                    raise
                turn.budget.failed += 1
        return True

    async def _read(self, path: str, decoder: Callable[[bytes], T], *, turn: "_Turn") -> T:
        reply = await self._api.get("compute", path)
        turn.budget.received += len(reply.body)
        return await understood(reply, decoder, what=f"compute, {path}")


@dataclass(slots=True)
class _Turn:
    """One cycle under way: what the listing found, and how the asking goes."""

    budget: Budget
    time: _Time
    found: tuple[Server, ...]
    asked: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    error: SourceError | None = None
    stop: bool = False
    version: tuple[int, int] | None = None


def _iso(instant: float) -> str:
    return datetime.fromtimestamp(max(0.0, instant), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
