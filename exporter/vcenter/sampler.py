"""The sampling schedules of one vCenter: realtime (20 s) and historical (300 s). Plans, runs, accounts.

Each schedule has its own batches, marks and pace, so the slow kind never delays the fast one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporter.clock import Clock
from exporter.errors import BadReply, SourceError
from exporter.model import Completeness, Entity, Kind
from exporter.store import Samples, Store
from exporter.vcenter import plan
from exporter.vcenter.failure import Quarantine
from exporter.vcenter.marks import Marks, Times, Window
from exporter.vcenter.pace import Bounds, Pace, adapt
from exporter.vcenter.perfxml import Block
from exporter.vcenter.plan import Batch, Limits, Question, Target
from exporter.vcenter.query import Query, Result

STALE_INTERVALS = 3
"""An entity that sent no new sample for this many intervals is taken off the page. What counts is when a sample came,
not its time: hosts' clocks have been seen 15 minutes off (telegraf #4789), and rollups come late."""
CATCH_UP = 20_000
"""Most entity-intervals asked for again in one cycle, so that a long gap is closed over several cycles."""
CATCH_UP_BATCH = 1_000
"""Most entity-intervals in one request of a catch-up, which bounds the reply."""
LOOK_BACK = 3600
"""Seconds that the first historical query looks back: rollups have been seen 40 minutes late (telegraf #9045)."""
LONGEST_LOOK_BACK = 86_400
"""Seconds that vCenter keeps 300 s rollups by default (vSphere Web Services SDK guide, "Historical Intervals")."""

Late = Callable[[Entity, Block, tuple[int, ...]], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What one cycle did. ``ages`` are seconds since each entity's newest sample; by kind throughout."""

    schedule: str
    seconds: float
    result: Result
    caught_up: Result = field(default_factory=Result)
    totals: Mapping[Kind, Completeness] = field(default_factory=dict)
    ages: Mapping[Kind, tuple[float, ...]] = field(default_factory=dict)
    planned: Mapping[Kind, int] = field(default_factory=dict)
    quarantined: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    @property
    def error(self) -> SourceError | None:
        """What ended the cycle early."""
        return self.result.error or self.caught_up.error


class _Schedule:
    """What both schedules share: questions by kind, marks, quarantine, and the way from a block to the store."""

    name = ""
    refill = True

    def __init__(self, *, query: Query, store: Store, clock: Clock, interval: int) -> None:
        self._query = query
        self._store = store
        self._clock = clock
        self._interval = interval
        self._times = Times()
        self._questions: dict[Kind, Question] = {}
        self.marks: dict[Kind, Marks] = {}
        self._quarantine = Quarantine()
        self._entities: Mapping[str, Entity] = {}
        self._began = 0.0
        self._fresh: dict[str, float] = {}

    def ask(self, questions: Iterable[Question]) -> None:
        """Sets what is asked, by kind; marks of kinds that are asked again are kept."""
        self._questions = {question.kind: question for question in questions if question.counters}
        for kind in self.marks.keys() - self._questions.keys():
            self._drop(self.marks.pop(kind).known())
        for kind, question in self._questions.items():
            self.marks.setdefault(kind, Marks(question.interval, refill=self.refill))

    def _begin(self, entities: Mapping[str, Entity]) -> None:
        self._began = self._clock.monotonic()
        self._entities = entities
        for moid in self._quarantine.known():
            if not self._has_samples(moid):
                self._quarantine.pardon(moid)

    def _has_samples(self, moid: str) -> bool:
        entity = self._entities.get(moid)
        return entity is not None and entity.queryable

    def _wanted(self, kind: Kind, without: frozenset[str]) -> dict[str, str]:
        return {
            moid: entity.type
            for moid, entity in self._entities.items()
            if entity.kind is kind and entity.queryable and moid not in without
        }

    def _target(self, moid: str, window: Window | None = None) -> Target:
        start, end = (window.start, window.end) if window else (None, None)
        return Target(self._entities[moid].type, moid, start, end)

    def _suspects(self, kind: Kind) -> list[str]:
        """Entities whose quarantine is over: asked for by themselves until they answer, so that they harm no other."""
        free = self._quarantine.known() - self._quarantine.held(self._began)
        return sorted(moid for moid in free if self._entities[moid].kind is kind)

    def _horizon(self) -> float:
        return self._began - STALE_INTERVALS * self._interval

    def _tidy(self, result: Result, now: float) -> None:
        """After a cycle: quarantines, forgets what is gone or has no samples, and takes stale entities off the page."""
        for moid in (*result.poisoned, *result.removed):
            self._quarantine.add(moid, self._clock.monotonic())
        for marks in self.marks.values():
            gone = [moid for moid in marks.known() if moid in result.removed or not self._has_samples(moid)]
            marks.forget(gone)
            self._drop(gone)
            stale = [moid for moid in marks.known() if self._fresh.setdefault(moid, self._began) < self._horizon()]
            self._store.drop(stale)
            # A mark in vCenter's future is from before its clock was set back, and would hide all samples until then.
            marks.forget([moid for moid in stale if (marks.mark(moid) or 0) > now])

    def _drop(self, moids: Iterable[str]) -> None:
        moids = tuple(moids)
        self._store.drop(moids)
        self._query.forget(moids)
        for moid in moids:
            self._fresh.pop(moid, None)

    def _report(self, seconds: float, now: float, *, result: Result) -> Report:
        held = self._quarantine.held(self._clock.monotonic())
        return Report(
            schedule=self.name,
            seconds=seconds,
            totals={kind: marks.totals for kind, marks in self.marks.items()},
            ages={kind: tuple(marks.ages(now)) for kind, marks in self.marks.items()},
            planned={kind: len(self._wanted(kind, held)) for kind in self._questions},
            quarantined={
                kind: tuple(sorted(m for m in held if m in self._entities and self._entities[m].kind is kind))
                for kind in self._questions
            },
            result=result,
        )

    def _read(self, block: Block) -> tuple[int, ...]:
        try:
            return self._times.read(block.times)
        except (ValueError, IndexError) as error:
            raise BadReply(f"QueryPerf reply for {block.moid}: {block.times[:80]!r} are no sample times") from error


class Realtime(_Schedule):
    """Newest samples of VMs and hosts. The requests keep their text; gaps are asked for again, by time."""

    name = "realtime"

    def __init__(
        self, *, query: Query, store: Store, clock: Clock, interval: int = 20, bounds: Bounds, late: Late
    ) -> None:
        super().__init__(query=query, store=store, clock=clock, interval=interval)
        self._bounds = bounds
        self._late = late
        self._pace = Pace(concurrency=min(2, bounds.connections))
        self._batches: dict[Kind, tuple[Batch, ...]] = {}
        self._planned: dict[Kind, dict[str, str]] = {}
        self._basis: object = None

    async def cycle(self, entities: Mapping[str, Entity], now: float) -> Report:
        """One pass over all entities. ``now`` is vCenter's time. Never raises SourceError: see ``Report.error``."""
        self._begin(entities)
        self._plan()
        batches = [batch for kind in self._questions for batch in self._batches[kind]]
        for kind, question in self._questions.items():
            batches += [plan.batch(question, [self._target(moid)]) for moid in self._suspects(kind)]
        result = await self._query.run(batches, self._take, concurrency=self._pace.concurrency)
        caught_up = Result() if result.error else await self._catch_up(int(now))
        self._tidy(result, now)
        seconds = self._clock.monotonic() - self._began
        timeouts = result.outcomes.get("timeout", 0)
        load = seconds / self._interval
        self._pace = adapt(self._pace, seconds=result.seconds, load=load, timeouts=timeouts, bounds=self._bounds)
        return replace(self._report(seconds, now, result=result), caught_up=caught_up, pace=self._pace)

    def _plan(self) -> None:
        suspects = self._quarantine.known()
        basis = (self._entities, suspects, self._pace.entities, tuple(self._questions.values()))
        if self._basis is not None and _same(self._basis, basis):
            return
        self._basis = basis
        for kind, question in self._questions.items():
            wanted = self._planned[kind] = self._wanted(kind, suspects)
            limits = Limits(entities=self._pace.entities)
            old = self._batches.get(kind, ())
            self._batches[kind] = plan.replan(old, question=question, wanted=wanted, limits=limits)

    def _take(self, batch: Batch, block: Block) -> None:
        entity = self._entities.get(block.moid)
        marks = self.marks.get(batch.question.kind)
        if entity is None or marks is None:
            return
        new = marks.take(block.moid, self._read(block))
        if block.times and self._shows(block.moid, new=new):
            self._store.put(entity, series=block.series, values=block.values, plain=block.plain)
        self._quarantine.pardon(block.moid)

    def _shows(self, moid: str, *, new: bool) -> bool:
        """Whether what came for an entity goes on the page: it is new, or was so lately and the page lacks it."""
        if new:
            self._fresh[moid] = self._began
            return True
        return moid not in self._store and self._fresh.setdefault(moid, self._began) >= self._horizon()

    async def _catch_up(self, now: int) -> Result:
        batches = []
        windows: dict[str, Window] = {}
        room = CATCH_UP
        for kind, question in self._questions.items():
            wanted: list[tuple[str, Window]] = []
            for moid, window in self.marks[kind].gaps(now):
                cost = max(1, (window.end - window.start) // self._interval)
                if moid in self._planned.get(kind, {}) and cost <= room:
                    room -= cost
                    wanted.append((moid, window))
            windows |= dict(wanted)
            batches += self._catch_up_batches(question, wanted)
        if not batches:
            return Result()

        def take(batch: Batch, block: Block) -> None:
            times = self._read(block)
            self._take_late(batch.question.kind, block, times=times, window=windows.pop(block.moid, None))

        result = await self._query.run(batches, take, concurrency=1)
        if result.error is None:
            for kind in self._questions:
                for moid in windows.keys() - result.left:
                    self.marks[kind].fill(moid, windows[moid], ())
        return result

    def _catch_up_batches(self, question: Question, wanted: list[tuple[str, Window]]) -> list[Batch]:
        question = replace(question, newest=None)
        batches: list[Batch] = []
        targets: list[Target] = []
        room = CATCH_UP_BATCH
        for moid, window in wanted:
            cost = (window.end - window.start) // self._interval
            if targets and cost > room:
                batches.append(plan.batch(question, targets))
                targets, room = [], CATCH_UP_BATCH
            room -= cost
            targets.append(self._target(moid, window))
        return [*batches, plan.batch(question, targets)] if targets else batches

    def _take_late(self, kind: Kind, block: Block, *, times: tuple[int, ...], window: Window | None) -> None:
        marks = self.marks.get(kind)
        if marks is not None and window is not None and marks.fill(block.moid, window, times):
            self._late(self._entities[block.moid], block, times)


class Historical(_Schedule):
    """Rollups of clusters, datastores, resource pools and datacenters: all since the mark, within vCenter's limit."""

    name = "historical"
    refill = False

    def __init__(self, *, query: Query, store: Store, clock: Clock, interval: int = 300, pairs: int | None) -> None:
        super().__init__(query=query, store=store, clock=clock, interval=interval)
        self.pairs = pairs
        self._refused: dict[Kind, int] = {}
        self._gathered: dict[str, list[Block]] = {}
        self._series: dict[Samples, Samples] = {}

    async def cycle(self, entities: Mapping[str, Entity], now: float) -> Report:
        """One pass over all entities. ``now`` is vCenter's time. Never raises SourceError: see ``Report.error``."""
        self._begin(entities)
        self._gathered = {}
        batches = [batch for kind in self._questions for batch in self._plan(kind, int(now))]
        result = await self._query.run(batches, self._gather, concurrency=1)
        self._deliver()
        self._refused |= result.restricted
        self._tidy(result, now)
        return self._report(self._clock.monotonic() - self._began, now, result=result)

    def _plan(self, kind: Kind, now: int) -> list[Batch]:
        pairs = [self.pairs] if self.pairs else []
        if kind in self._refused:
            pairs.append(self._refused[kind] // 2)
        # A cluster's counters are computed from its hosts, each of which counts: one cluster may fill a query.
        limits = Limits(entities=1 if kind is Kind.CLUSTER else 100, pairs=max(1, min(pairs)) if pairs else None)
        sure = self._due(kind, self._wanted(kind, self._quarantine.known()), now)
        suspects = self._due(kind, self._suspects(kind), now)
        return [
            plan.batch(question, part)
            for question in plan.fitting(self._questions[kind], limits)
            for part in (*plan.portions(sure, limits.room(question)), *plan.portions(suspects, 1))
        ]

    def _due(self, kind: Kind, moids: Iterable[str], now: int) -> list[Target]:
        marks = self.marks[kind]
        windows = {moid: max(marks.mark(moid) or now - LOOK_BACK, now - LONGEST_LOOK_BACK) for moid in moids}
        return [self._target(moid, Window(start, now)) for moid, start in windows.items() if start < now]

    def _gather(self, _batch: Batch, block: Block) -> None:
        self._read(block)
        self._gathered.setdefault(block.moid, []).append(block)

    def _deliver(self) -> None:
        """Stores what came for each entity, once: its counters may have come in several replies."""
        for moid, blocks in self._gathered.items():
            entity = self._entities.get(moid)
            times = sorted({time for block in blocks for time in self._read(block)})
            self._quarantine.pardon(moid)
            marks = self.marks.get(entity.kind) if entity else None
            if entity is None or marks is None or not marks.take(moid, tuple(times)):
                continue
            self._fresh[moid] = self._began
            # Half of a reply may have come before the rest was asked for again: what came last counts.
            merged = {key: value for block in blocks for key, value in zip(block.series, block.values, strict=True)}
            series = tuple(merged)
            values = list(merged.values())
            self._store.put(entity, series=self._series.setdefault(series, series), values=values, plain=False)


def _same(old: object, new: tuple[object, ...]) -> bool:
    """Whether the first parts are the same object, and the others equal: a mapping of 10,000 is not compared."""
    return isinstance(old, tuple) and old[0] is new[0] and old[1:] == new[1:]
