"""Calls of the SLA store: one at a time, in a thread, with a limit; failures are counted, and said when they change."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from exporter.notice import Notice
from exporter.slajudge import CARRIED
from exporter.slatally import folded, over
from exporter.slaview import OPERATIONS, is_over
from sla import facts
from sla.engine import restore
from sla.policy import Policy
from sla.store.base import Aggregate, Batch, Lease, Store
from sla.store.errors import Fenced, StoreError, Unavailable
from sla.store.tenure import Tenure

_log = logging.getLogger("novacenter.sla")

PATIENCE = 10.0
"""Seconds to wait for the store, per call."""

T = TypeVar("T")


class Clerk:
    """A store and the lease of this process. ``errors`` counts failures by kind of call (one of
    ``OPERATIONS``), ``fenced`` refused writes."""

    def __init__(self, store: Store, holder: str, *, monotonic: Callable[[], float]) -> None:
        self.store = store
        self.tenure = Tenure(store, holder, monotonic=monotonic)
        self.errors: Counter[str] = Counter()
        self.fenced = 0
        self._notices = {name: Notice(_log, f"SLA store, {name}") for name in OPERATIONS}
        self._turn = asyncio.Lock()
        self._task: asyncio.Future[object] | None = None

    async def call(self, operation: str, function: Callable[[], T]) -> T:
        """A call in a thread. Raises StoreError; a call that is late goes on, and none is made beside it."""
        async with self._turn:
            return await self._made(operation, function)

    async def _made(self, operation: str, function: Callable[[], T]) -> T:
        try:
            if self._task is not None and not self._task.done():
                raise Unavailable("sla: the store still works on the call before; look at the database")
            task: asyncio.Future[T] = asyncio.ensure_future(asyncio.to_thread(function))
            self._task = task  # type: ignore[assignment] # it is only waited for
            done, _ = await asyncio.wait({task}, timeout=PATIENCE)
            if not done:
                task.add_done_callback(_noted)
                raise Unavailable(f"sla: the store has not answered within {PATIENCE:g} s; look at the database")
            found = task.result()
        except Fenced:
            self.fenced += 1
            self.tenure.fenced()
            raise
        except StoreError as error:
            self.errors[operation] += 1
            self._notices[operation].failed(error, nature=type(error).__name__)
            raise
        self._notices[operation].well()
        return found

    async def idle(self, limit: float) -> None:
        """Until no call is under way, or for ``limit`` seconds."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=limit)

    async def close(self, last: Callable[[], None], limit: float) -> bool:
        """Makes the last call, gives the lease back and lets go of the store; False if that took too long."""
        await self.idle(limit)

        def leave() -> None:
            for step in (last, self.tenure.resign):
                with contextlib.suppress(StoreError):
                    step()
            self.store.close()

        task = asyncio.ensure_future(asyncio.to_thread(leave))
        await asyncio.wait({task}, timeout=limit)
        return task.done()


def _noted(task: asyncio.Future[T]) -> None:
    """A result that comes too late for anybody."""
    if not task.cancelled():
        task.exception()


def forget(store: Store, before: float, policy: Policy, *, lease: Lease) -> int:
    """Forgets the incidents of which nothing was heard since ``before``, because they were over; how many records.

    What the counters owe to them is kept as a sum of its own, written first: a death in between counts nothing twice.
    Raises StoreError.
    """
    records = [stored.record for stored in store.read()]
    known = [facts.decode(record) for record in records]
    old = over(known, before)
    if not old:
        return 0
    carried = next((one.body for one in store.aggregates(CARRIED[0], CARRIED[0]) if one.key == CARRIED[1]), "")
    judged = restore([one for one in records if not one.incident or one.incident in old], keep=True).judged(before)
    tally = folded(
        [fact for fact in known if fact.incident in old],
        [one for one in judged if is_over(one)],
        policy,
        carried=carried,
    )
    tally.before = before
    store.append(Batch(aggregates=[Aggregate(*CARRIED, tally.carried())]), lease)
    return store.forget(before, keep={record.incident for record in records} - old | {""}, lease=lease)
