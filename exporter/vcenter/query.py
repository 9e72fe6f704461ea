"""Runs batches against one vCenter: sends, decodes, and keeps a failure to the entity that causes it."""

import asyncio
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import BadReply, Fault, SourceError
from exporter.model import Kind
from exporter.vcenter import plan
from exporter.vcenter.decode import Decoder
from exporter.vcenter.failure import Reaction, react
from exporter.vcenter.perfxml import Block
from exporter.vcenter.plan import Batch

Take = Callable[[Batch, Block], None]

HOPELESS = 24
"""Requests that failed, none being answered, after which the cycle ends: the cause is not in the entities. Halving 500
entities down to one takes ten. A fault that says what to do next, as over the limit of pairs, is not such a failure."""
RETRIES = 64
"""Most extra requests in one cycle for parts of failed batches; what is left is asked in the next cycle."""
SLICE = 0.02
"""Seconds that decoding may hold the event loop before others get their turn."""


class Poster(Protocol):
    """What sends a request: a Session."""

    async def post(self, body: bytes, *, operation: str) -> bytes:
        """The reply; raises SourceError."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a cycle's batches.

    ``outcomes`` counts requests by outcome, ``seconds`` are response times of answered batches, ``poisoned`` entities
    failed by themselves, ``removed`` ones no longer exist, ``left`` ones were not asked again because the retries were
    used up; ``restricted`` is, by kind, the size in pairs of the smallest batch that vCenter refused as too large.
    ``error`` ended the cycle early.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    seconds: tuple[float, ...] = ()
    decode_seconds: float = 0.0
    sent: int = 0
    received: int = 0
    poisoned: Mapping[str, SourceError] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    restricted: Mapping[Kind, int] = field(default_factory=dict)
    error: SourceError | None = None


class _Run:
    """The state of one cycle; workers share it on one event loop.

    ``parts`` of failed batches wait until every batch has had its turn, and are then taken newest first: what fails
    delays nothing that does not, and one cause is tracked down before the next is looked for.
    """

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.queue = deque(batches)
        self.parts: list[Batch] = []
        self.deferred: list[tuple[Batch, SourceError]] = []
        self.retries = RETRIES
        self.outcomes: Tally[str] = Tally()
        self.seconds: list[float] = []
        self.decode_seconds = 0.0
        self.sent = self.received = 0
        self.poisoned: dict[str, SourceError] = {}
        self.removed: set[str] = set()
        self.left: set[str] = set()
        self.restricted: dict[Kind, int] = {}
        self.error: SourceError | None = None

    def result(self) -> Result:
        return Result(
            outcomes=dict(self.outcomes),
            seconds=tuple(self.seconds),
            decode_seconds=self.decode_seconds,
            sent=self.sent,
            received=self.received,
            poisoned=dict(self.poisoned),
            removed=frozenset(self.removed),
            left=frozenset(self.left),
            restricted=dict(self.restricted),
            error=self.error,
        )


class Query:
    """Runs batches; what comes back is handed to a ``take`` callback, block by block."""

    def __init__(self, poster: Poster, decoder: Decoder, *, clock: Clock) -> None:
        self._poster = poster
        self._decoder = decoder
        self._clock = clock

    async def run(self, batches: Iterable[Batch], take: Take, *, concurrency: int) -> Result:
        """Sends every batch, at most ``concurrency`` at once. Never raises SourceError: see ``Result.error``."""
        run = _Run(batches)
        await self._drain(run, take, concurrency=concurrency)
        while run.deferred and run.error is None:
            self._settle(run)
            await self._drain(run, take, concurrency=concurrency)
        if not run.outcomes["ok"] and (run.error is not None or len(run.poisoned) > 1):
            # Where nothing at all is answered, no single entity is to blame.
            run.error = run.error or next(iter(run.poisoned.values()))
            run.poisoned.clear()
        return run.result()

    def forget(self, moids: Iterable[str]) -> None:
        """Drops what was learnt of the replies for entities that are gone."""
        self._decoder.forget(moids)

    async def _drain(self, run: _Run, take: Take, *, concurrency: int) -> None:
        workers = max(1, min(concurrency, len(run.queue) + len(run.parts)))
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(run, take))

    async def _work(self, run: _Run, take: Take) -> None:
        while (run.queue or run.parts) and run.error is None:
            batch = run.queue.popleft() if run.queue else run.parts.pop()
            try:
                await self._one(batch, run, take=take)
                run.outcomes["ok"] += 1
            except SourceError as error:
                run.outcomes[error.outcome] += 1
                self._fail(batch, error, run=run)

    async def _one(self, batch: Batch, run: _Run, *, take: Take) -> None:
        started = self._clock.monotonic()
        run.sent += len(batch.request)
        data = await self._poster.post(batch.request, operation="QueryPerf")
        run.seconds.append(self._clock.monotonic() - started)
        run.received += len(data)
        began = self._clock.monotonic()
        for block in self._decoder.blocks(data):
            take(batch, block)
            spent = self._clock.monotonic() - began
            if spent > SLICE:
                run.decode_seconds += spent
                await asyncio.sleep(0)
                began = self._clock.monotonic()
        run.decode_seconds += self._clock.monotonic() - began

    def _fail(self, batch: Batch, error: SourceError, *, run: _Run) -> None:
        if isinstance(error, Fault) and error.name == "RestrictedByAdministrator":
            kind = batch.question.kind
            run.restricted[kind] = min(batch.pairs, run.restricted.get(kind, batch.pairs))
        reaction = react(error, batch, answered=run.outcomes["ok"] > 0)
        hopeless = not run.outcomes["ok"] and run.outcomes.total() >= HOPELESS
        if hopeless and reaction in {Reaction.SPLIT, Reaction.QUARANTINE}:
            reaction = Reaction.ABORT
        if reaction is Reaction.ABORT:
            run.error = error
        elif reaction is Reaction.DEFER:
            run.deferred.append((batch, error))
            if len(run.deferred) > 1:
                run.error = error
        elif reaction is Reaction.QUARANTINE:
            run.poisoned[batch.targets[0].moid] = error
        else:
            self._again(batch, reaction, run=run, error=error)

    def _again(self, batch: Batch, reaction: Reaction, *, run: _Run, error: SourceError) -> None:
        """Queues what is left to try of a failed batch, within the cycle's budget of retries."""
        parts: tuple[Batch, ...]
        if reaction is Reaction.REMOVE and isinstance(error, Fault) and error.subject is not None:
            run.removed.add(error.subject)
            rest = plan.without(batch, error.subject)
            parts = (rest,) if rest else ()
        elif reaction is Reaction.NARROW:
            parts = plan.narrowed(batch)
        else:
            parts = plan.halves(batch)
        if run.retries >= len(parts):
            run.retries -= len(parts)
            run.parts.extend(reversed(parts))
        else:
            run.left.update(target.moid for part in parts for target in part.targets)

    def _settle(self, run: _Run) -> None:
        """Judges the deferred batch now that all others are done: alone in failing it is cut, else the cycle failed."""
        for batch, error in run.deferred:
            answered = run.outcomes["ok"] > 0
            if answered or (isinstance(error, BadReply) and len(batch.targets) > 1):
                self._fail_alone(batch, error, run=run)
            else:
                run.error = error
        run.deferred.clear()

    def _fail_alone(self, batch: Batch, error: SourceError, *, run: _Run) -> None:
        if len(batch.targets) > 1:
            self._again(batch, Reaction.SPLIT, run=run, error=error)
        else:
            run.poisoned[batch.targets[0].moid] = error
