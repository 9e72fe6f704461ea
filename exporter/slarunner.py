"""The SLA evaluator in the agent: looks, judges, writes, shows. One loop; the store's calls run in worker threads.

Who holds the lease judges; another one shows what the store says. A look is one transaction. What others ask for is
answered when it is written. While the store does not answer, looking goes on, and everything is written afterwards, as
long as nobody else has begun to judge.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from exporter.boottime import Clocks
from exporter.conditions import Sight
from exporter.exposition import bodies
from exporter.slaclerk import PATIENCE, Clerk, forget
from exporter.slafamilies import evaluator, rendered
from exporter.slajudge import Judge, Setup, joined
from exporter.slaview import View
from exporter.slawishes import Wish, checked, message, read, shifted
from exporter.surroundings import Publish
from sla import clock
from sla.engine import UnknownClassError
from sla.model import Announce, Command, EndWindow, Jump, Observation, Window
from sla.store.base import Aggregate, Batch, Heartbeat, Lease, Message, Store
from sla.store.errors import Fenced, StoreError, Unavailable

_log = logging.getLogger("novacenter.sla")

PERIOD = 5.0
"""Seconds between two looks at most."""
GLANCE = 0.25
"""Seconds after which it is asked whether there is something new to look at."""
BREATH = 0.05
"""Seconds between two looks at least."""
SUMS = 60.0
"""Seconds between two writings of the daily sums."""
STOPPING = 4.0
"""Seconds for the last writing."""
SOURCE = "sla evaluator"
"""The publisher's name of it; no vCenter can be called that."""
_BACKLOG = 100_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the evaluator is given. ``look`` tells what the agent exports now under these names; ``shown`` is
    told each new view."""

    clocks: Clocks
    monotonic: Callable[[], float]
    look: Callable[[Collection[str]], Sight]
    publish: Publish
    broken: Callable[[], None] = lambda: None
    shown: Callable[[View], None] = lambda _: None
    period: float = PERIOD
    glance: float = GLANCE


class Runner:
    """The evaluator over a store; ``holder`` is unique to this process.

    ``view`` is what it showed last, leader or not. To be used in one event loop.
    """

    def __init__(self, store: Store, setup: Setup, world: Surroundings, *, holder: str) -> None:
        self.view = View(policy=setup.policy)
        self._store = store
        self._setup = setup
        self._world = world
        self._clerk = Clerk(store, holder, monotonic=world.monotonic)
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._working: asyncio.Future[object] | None = None
        self._judge: Judge | None = None
        self._epoch: int | None = None
        self._timeline: clock.Timeline | None = None
        self._seq = 0
        self._pending = Batch()
        self._wishes: list[tuple[Wish, asyncio.Future[None]]] = []
        self._answers: list[asyncio.Future[None]] = []
        self._summed = world.monotonic()

    # --- for others -----------------------------------------------------------------------------------------------

    async def observe(self, observation: Observation) -> None:
        """Takes a health that was found elsewhere; it holds until the next one of this class and resource.

        ``at`` is of the wall clock. Returns when it is written; a follower leaves it for the leader. Raises StoreError,
        and UnknownClassError for a class that the policy does not have.
        """
        if observation.class_ not in self._setup.policy.classes:
            raise UnknownClassError(f"the policy has no class {observation.class_!r}")
        await self._ask(observation)

    async def announce(self, window: Window, *, at: float | None = None) -> None:
        """Announces a window, by the wall clock, at ``at`` or now. Returns when it is written. Raises StoreError."""
        await self._ask(Announce(self._world.clocks.wall() if at is None else at, window))

    async def end_window(self, window: str, *, actor: str = "") -> None:
        """Ends a window now. Returns when it is written. Raises StoreError."""
        await self._ask(EndWindow(self._world.clocks.wall(), window, actor))

    async def command(self, order: Command) -> None:
        """Takes an operator's decision; ``at`` is of the wall clock. Returns when it is written. Raises StoreError."""
        await self._ask(order)

    async def outbox(self) -> tuple[Message, ...]:
        """The notices that were not sent yet. Raises StoreError."""
        return await self._clerk.call("read", self._store.outbox)

    async def sent(self, keys: Collection[str]) -> None:
        """These notices were delivered; a follower cannot say that. Raises StoreError."""
        lease = self._clerk.tenure.lease
        if lease is not None:
            await self._clerk.call("append", lambda: self._store.append(Batch(sent=keys), lease))

    async def read(self, function: Callable[[Store], T]) -> T | None:
        """What a function reads in the store; None where another agent judges. Raises StoreError."""
        if self._epoch is None or self._clerk.tenure.lease is None:
            return None
        return await self._clerk.call("read", lambda: function(self._store))

    def wall(self, effective: float) -> float:
        """An effective time as the wall clock of this machine shows it now."""
        return effective + self._ahead

    @property
    def _ahead(self) -> float:
        """By how much the wall clock is ahead; what is less than a step is noise."""
        offset = self._timeline.offset if self._timeline else 0.0
        return offset if abs(offset) > clock.STEP else 0.0

    async def _ask(self, wish: Wish) -> None:
        checked(wish)
        if self._epoch is None:
            left = message(wish)
            await self._clerk.call("post", lambda: self._store.post(left))
            return
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wishes.append((wish, answer))
        self._wake.set()
        try:
            async with asyncio.timeout(PATIENCE):
                await answer
        except TimeoutError:
            raise Unavailable("sla: the store did not take it in time; try again") from None

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Evaluates until cancelled; gives the lease back then, and closes the store."""
        try:
            while True:
                try:
                    await self.tick()
                except Exception:  # noqa: BLE001 - the top of a loop
                    # The one place of this loop: a look that fails must not end the ones after it.
                    _log.exception("SLA: unexpected error; it is judged again. Please report it")
                    self._world.broken()
                await self._rest()
        finally:
            await self._close()

    async def _rest(self) -> None:
        """Until the next deadline, something new, or for the period."""
        left = self._world.period
        judge = self._judge if self._epoch is not None else None
        if judge is not None and judge.next_deadline is not None:
            left = min(left, max(BREATH, judge.next_deadline - judge.now))
        end = self._world.monotonic() + left
        while (left := end - self._world.monotonic()) > 0 and not self._wake.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(left, self._world.glance))
            if judge is not None and judge.changed(self._world.look(judge.names)):
                break
        self._wake.clear()

    async def tick(self) -> None:
        """One look, and what follows from it."""
        async with self._turn:
            await self._look()

    async def _look(self) -> None:
        lease = await self._lead()
        if lease is not None and lease.epoch != self._epoch:
            with contextlib.suppress(StoreError):
                await self._take_over(lease)
        if self._epoch is None:
            with contextlib.suppress(StoreError):
                await self._follow()
        elif self._judge is not None:
            await self._evaluate(self._judge, lease)
        await self._show()

    async def configure(self, setup: Setup) -> None:
        """Another configuration holds from the next look on."""
        async with self._turn:
            self._setup = setup
            if self._judge is not None and self._timeline is not None:
                self._judge.configure(setup, self._timeline.now)
        self._wake.set()

    async def _lead(self) -> Lease | None:
        """The lease to write with. Where it is known that another has it, what was not written is dropped."""
        try:
            lease = await self._clerk.call("lease", self._clerk.tenure.renew)
        except StoreError:
            return self._clerk.tenure.lease
        if lease is None and self._epoch is not None:
            self._step_down("another agent judges now; this one follows")
        return lease

    def _step_down(self, why: str) -> None:
        _log.warning("SLA: %s", why)
        self._judge = self._epoch = self._timeline = None
        self._pending = Batch()
        answers = [*self._answers, *(answer for _, answer in self._wishes)]
        self._answers, self._wishes = [], []
        for answer in answers:
            if not answer.done():
                answer.set_exception(Unavailable(f"sla: {why}; try again"))

    async def _take_over(self, lease: Lease) -> None:
        if self._epoch is not None:
            self._step_down("another agent has judged meanwhile; its log is read")
        judge, beat = await self._clerk.call("read", self._load)
        reading = self._world.clocks.read()
        timeline, happened = clock.begin(reading, beat.at if beat else None, beat.body if beat else None)
        for event in happened:
            judge.told(event)
        judge.begin(timeline.now, beat.at if beat else None)
        self._judge, self._timeline, self._epoch = judge, timeline, lease.epoch
        self._pending = Batch()

    def _load(self) -> tuple[Judge, Heartbeat | None]:
        log = list(self._store.read())
        self._seq = log[-1].seq if log else 0
        try:
            judge = Judge([stored.record for stored in log], self._sums(), setup=self._setup)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"sla: the log cannot be read: {error}; restore a copy of the state") from error
        return judge, self._store.heartbeat()

    async def _follow(self) -> None:
        """Shows what the store says; reads the log again where it has grown."""
        judge, beat = await self._newest()
        self._judge = judge
        now = beat.at if beat else self._world.clocks.wall()
        self.view = await self._work(partial(judge.view, now=now))

    async def _newest(self) -> tuple[Judge, Heartbeat | None]:
        if self._judge is None or await self._clerk.call("read", self._has_grown):
            return await self._clerk.call("read", self._load)
        if self._world.monotonic() - self._summed >= SUMS:
            self._judge.recount(await self._clerk.call("read", self._sums))
            self._summed = self._world.monotonic()
        return self._judge, await self._clerk.call("read", self._store.heartbeat)

    def _sums(self) -> tuple[Aggregate, ...]:
        return self._store.aggregates("", "~")

    def _has_grown(self) -> bool:
        return next(self._store.read(since=self._seq), None) is not None

    async def _evaluate(self, judge: Judge, lease: Lease | None) -> None:
        if self._timeline is None:
            return
        since = judge.now
        self._timeline, happened = clock.advance(self._timeline, self._world.clocks.read())
        now = self._timeline.now
        for event in happened:
            judge.told(event)
        skipped = sum(event.delta for event in happened if event.kind is Jump.REBASE)
        taken = await self._hear(judge, lease, since=since)
        sight = self._world.look(judge.names)
        judge.changed(sight)
        await self._work(lambda: judge.look(sight, now, skipped=skipped))
        change = judge.drain()
        self._pending = joined(self._pending, replace(judge.batch(change), taken=taken))
        self.view = replace(await self._work(judge.view), offset=self._timeline.offset)
        if lease is not None:
            await self._write(judge, lease)
        elif len(self._pending.records) > _BACKLOG:
            self._step_down("too much could not be written")

    async def _hear(self, judge: Judge, lease: Lease | None, *, since: float) -> list[str]:
        """Takes wishes, those of the inbox first; the keys of the latter."""
        now = self._timeline.now if self._timeline else judge.now
        inbox: tuple[Message, ...] = ()
        if lease is not None:
            with contextlib.suppress(StoreError):
                inbox = await self._clerk.call("read", self._store.inbox)
        inbox = tuple(left for left in inbox if left.key not in self._pending.taken)
        for left in inbox:
            try:
                judge.take(shifted(read(left), self._ahead, since=since, now=now))
            except ValueError as error:
                _log.warning("SLA: message %s is left out: %s", left.key, error)
        wishes, self._wishes = self._wishes, []
        for wish, answer in sorted(wishes, key=lambda item: item[0].at):
            try:
                judge.take(shifted(wish, self._ahead, since=since, now=now))
            except UnknownClassError as error:
                answer.set_exception(error)
            else:
                self._answers.append(answer)
        return [left.key for left in inbox]

    async def _write(self, judge: Judge, lease: Lease) -> None:
        if self._timeline is None:
            return
        sums: list[Aggregate] = []
        if self._world.monotonic() - self._summed >= SUMS:
            sums = judge.usage.changed()
        beat = Heartbeat(self._timeline.now, self._timeline.dumps())
        batch = replace(self._pending, heartbeat=beat, aggregates=sums)
        try:
            await self._clerk.call("append", lambda: self._store.append(batch, lease))
        except Fenced:
            self._step_down("a write was refused, because another agent judges now")
            return
        except StoreError:
            return
        self._pending = Batch()
        if sums:
            judge.usage.written(sums)
            self._summed = self._world.monotonic()
        answers, self._answers = self._answers, []
        for answer in answers:
            if not answer.done():
                answer.set_result(None)

    async def _show(self) -> None:
        view = self.view = replace(
            self.view,
            leader=self._epoch is not None and self._clerk.tenure.lease is not None,
            epoch=self._epoch or 0,
            errors=dict(self._clerk.errors),
            fenced=self._clerk.fenced,
        )
        judge = self._judge
        self._world.publish(SOURCE, "evaluator", *bodies(evaluator(view)))
        if judge is not None:
            made = await self._work(lambda: rendered(view, judge.tally, judge.usage))
            self._world.publish(SOURCE, "incidents", *made)
        self._world.shown(view)

    # --- chores ---------------------------------------------------------------------------------------------------

    async def retain(self) -> None:
        """Forgets incidents that were over before the retention; their counters are carried on. For a daily job."""
        lease, judge = self._clerk.tenure.lease, self._judge
        if lease is None or judge is None or self._epoch is None:
            return
        before, policy = judge.now - self._setup.retention, self._setup.policy
        with contextlib.suppress(StoreError):
            gone = await self._clerk.call("forget", lambda: forget(self._store, before, policy, lease=lease))
            _log.info("SLA: %d records of incidents that are over were forgotten", gone)

    async def _work(self, function: Callable[[], T]) -> T:
        """Computing in a thread, so that scrapes and polls need not wait."""
        task: asyncio.Future[T] = asyncio.ensure_future(asyncio.to_thread(function))
        self._working = task  # type: ignore[assignment] # it is only waited for
        return await asyncio.shield(task)

    async def _close(self) -> None:
        if self._working is not None and not self._working.done():
            await asyncio.wait({self._working}, timeout=STOPPING)

        def last() -> None:
            lease, judge, timeline = self._clerk.tenure.lease, self._judge, self._timeline
            if lease is not None and judge is not None and timeline is not None:
                beat = Heartbeat(timeline.now, timeline.dumps())
                self._store.append(replace(self._pending, heartbeat=beat, aggregates=judge.usage.changed()), lease)

        if not await self._clerk.close(last, STOPPING):
            _log.warning("SLA: the store did not answer in time; its lease ends by itself")
