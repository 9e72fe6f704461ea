"""The measured record of the running agent: who may write it, when it is written, and what it says by now.

Only the agent that judges (the SLA evaluator's leader) gathers and writes. One that begins to judge forgets what it
gathered and goes on from what is stored, so that nothing is counted twice; the epoch of its lease keeps the one before
from writing. What a store that fails was not given stays in memory, and is written later.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.days.book import Book, Page, date_of
from exporter.days.errors import DaysError, Fenced
from exporter.days.metrics import Metrics
from exporter.days.stores import DayStore
from exporter.notice import Notice
from sla.days import MEASURES, RETENTION_DAYS, Day, Key
from sla.sketch import Gathering, Sketch

_log = logging.getLogger("novacenter.days")

PERIOD = 60.0
"""Seconds between two writings: what the loss of the machine may cost."""
LONG_PERIOD = 300.0
LARGE = 1_000
"""A record of more rows than this is written each ``LONG_PERIOD`` alone, to spare the disk."""

EARLY = 30.0
"""Seconds after the start in which it is gathered though it is not known yet who judges."""

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class _Part:
    """What is to be written of one page."""

    page: Page
    rows: list[tuple[Key, Gathering]]
    gone: set[Key]


class Days:
    """The record over a store.

    ``epoch`` is by which right this process judges, 0 where another one does, None as long as that is not known.
    ``failed`` is told of every write that failed.
    """

    def __init__(
        self,
        store: DayStore,
        *,
        clock: Clock,
        epoch: Callable[[], int | None],
        registry: CollectorRegistry,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.book = Book(clock.now)
        self._store = store
        self._clock = clock
        self._leads = epoch
        self._told = failed
        self._epoch: int | None = None
        self._began = clock.monotonic()
        self._claimed = 0
        self._forgotten = ""
        self._turn = asyncio.Lock()
        self._notice = Notice(_log, "the measured record")
        self._metrics = Metrics(registry)
        self._dropped = 0
        self._written = clock.monotonic()

    def open(self) -> Book | None:
        """The book to write into now; None while another agent judges."""
        epoch = self._leads()
        early = self._epoch is None and self._clock.monotonic() - self._began < EARLY
        if epoch is None:
            return self.book if early else None
        if epoch != self._epoch:
            if not (early and epoch):
                self.book.clear()
            self._epoch = epoch
        return self.book if epoch else None

    async def rows(self, since: str, until: str, *, measures: Collection[str] | None = None) -> tuple[Day, ...]:
        """What was measured from one date to another (both included), up to now. Raises DaysError."""
        await self.flush()
        try:
            return await asyncio.to_thread(self._store.rows, since, until, measures=measures)
        except DaysError as error:
            self._failed("read", error)
            raise

    async def beat(self) -> None:
        """Writes what is new, if it is time to; for a job of every ``PERIOD``."""
        now = self._clock.monotonic()
        if len(self.book.page()) <= LARGE or now - self._written >= LONG_PERIOD - PERIOD / 2:
            self._written = now
            await self.flush()

    async def flush(self) -> None:
        """Writes what is new. A failure is counted and said; what was to be written is kept."""
        async with self._turn:
            if self.open() is None or not self._epoch:
                return
            epoch = self._epoch
            self._measure()
            try:
                await self._load(epoch)
                parts = [
                    _Part(page, page.changed(), set(page.gone)) for page in self.book.pages if page.base is not None
                ]
                await asyncio.to_thread(self._write, parts, epoch)
            except DaysError as error:
                self._failed("write", error)
                self._lost(error)
                return
            self._notice.well()
            self._metrics.last_write.set(self._clock.now())
            if epoch == self._epoch:
                self._wrote(parts)

    def _lost(self, error: DaysError) -> None:
        if isinstance(error, Fenced):
            # What is stored by now is another's: were this one to write again, it would begin from that.
            self.book.clear()
            self._claimed = 0
        else:
            self._told()

    def _measure(self) -> None:
        self._metrics.rows.set(len(self.book.page()))
        self._metrics.dropped.inc(self.book.dropped - self._dropped)
        self._dropped = self.book.dropped

    async def close(self) -> None:
        """Writes what is left, and lets go of the store."""
        await self.flush()
        await asyncio.to_thread(self._store.close)

    async def _load(self, epoch: int) -> None:
        """Reads what was stored before of each page, once, and before anything of it is written: a write of which
        nobody knows whether it took place must not be taken for what was there."""
        for page in self.book.pages:
            if page.base is None:
                base = await asyncio.to_thread(self._stored, page.date, epoch)
                if epoch == self._epoch:
                    page.begin(base)

    def _stored(self, date: str, epoch: int) -> dict[Key, Sketch]:
        if self._claimed != epoch:
            self._store.claim(epoch)
            self._claimed = epoch
        return {day.key: day.sketch for day in self._store.rows(date, date, measures=MEASURES)}

    def _write(self, parts: list[_Part], epoch: int) -> None:
        rows: list[Day] = []
        for part in parts:
            base = part.page.base or {}
            rows += (Day(part.page.date, key, base.get(key, Sketch()).plus(one.sketch())) for key, one in part.rows)
        gone = [(part.page.date, key) for part in parts for key in part.gone]
        if rows or gone:
            self._store.write(rows, epoch=epoch, gone=gone)
        self._forget(epoch)

    def _wrote(self, parts: list[_Part]) -> None:
        today = self.book.page()
        for part in parts:
            part.page.wrote(part.rows, part.gone)
            if part.page is not today and not part.page.changed():
                self.book.close(part.page)

    def _forget(self, epoch: int) -> None:
        before = date_of(self._clock.now() - RETENTION_DAYS * _DAY)
        if before != self._forgotten:
            self._store.forget(before, epoch=epoch)
            self._forgotten = before

    def _failed(self, operation: str, error: DaysError) -> None:
        self._metrics.errors.labels(operation).inc()
        self._notice.failed(error, nature=f"{operation} {type(error).__name__}")
