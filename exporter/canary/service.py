"""The canary gate in the agent: evidence is noted by the minute, guards are looked at, the run is judged by the hour.

Only the agent that judges incidents does so; another one shows what was judged last. A verdict is given on stored texts
alone, so it is the same wherever and whenever it is given again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.canary import evidence, families, judging, opening, runs, units
from exporter.canary.judging import Case
from exporter.canary.runs import Judgement, Runs, RunsError
from exporter.canary.units import Look
from exporter.clock import Clock
from exporter.cloudpoller import CloudPoller
from exporter.config import Config
from exporter.days.errors import DaysError
from exporter.days.service import Days
from exporter.exposition import bodies
from exporter.notice import Notice
from exporter.poller import Poller
from exporter.slarunner import Runner
from exporter.slaview import View
from exporter.surroundings import Publish
from sla import facts
from sla.canary.judging import judge, trips
from sla.canary.model import EXIT, Kind, Observations, Occurrence, Phase, Run
from sla.canary.readings import readings_of
from sla.canary.verdict import Verdict, to_json
from sla.days import Day
from sla.store.base import Stored
from sla.store.errors import StoreError

_log = logging.getLogger("novacenter.canary")

PERIOD = 60.0
"""Seconds between two looks at the units and the log."""
GUARDED = 300.0
"""Seconds between two looks at what the day has measured so far: each has the record written out."""
JUDGED = 3600.0
"""Seconds between two verdicts, where nothing happens that asks for one at once."""
SOURCE = "canary"
"""The publisher's name of it."""
_OVER = {Phase.PASSED, Phase.FAILED, Phase.INCONCLUSIVE, Phase.ABORTED}


class Rows(Protocol):
    """Reads the measured record from one date to another, both included. Raises DaysError."""

    def __call__(self, since: str, until: str, *, measures: frozenset[str]) -> Awaitable[tuple[Day, ...]]:
        """The rows."""


@dataclass(frozen=True, slots=True)
class World:
    """What the gate is given by the agent.

    ``log`` reads the SLA engine's log behind a sequence number; None while another agent judges, or nobody can be
    asked. ``view`` is what the evaluator showed last.
    """

    clock: Clock
    publish: Publish
    look: Callable[[], Look]
    log: Callable[[int], Awaitable[tuple[Stored, ...] | None]]
    view: Callable[[], View]
    rows: Rows


class Agent(Protocol):
    """What the running agent has for its services; read only."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def publish(self) -> Publish:
        """Puts a part of the page in its place."""

    @property
    def config(self) -> Callable[[], Config]:
        """The configuration in force."""

    @property
    def days(self) -> Days:
        """The measured record."""

    @property
    def runner(self) -> Callable[[], Runner | None]:
        """The SLA evaluator; None before it is there."""

    @property
    def vcenters(self) -> Callable[[], Mapping[str, Poller]]:
        """The pollers of vCenters."""

    @property
    def clouds(self) -> Callable[[], Sequence[CloudPoller]]:
        """The pollers of clouds."""


def gate(agent: Agent, *, home: Callable[[str], str]) -> "Gate":
    """The gate of a running agent; ``home`` tells the vCenter of a hypervisor. Raises ConfigError."""

    async def log(since: int) -> tuple[Stored, ...] | None:
        runner = agent.runner()
        return None if runner is None else await runner.read(lambda store: tuple(store.read(since=since)))

    def view() -> View:
        runner = agent.runner()
        return runner.view if runner is not None else View()

    world = World(
        clock=agent.clock,
        publish=agent.publish,
        look=lambda: units.look(agent.vcenters().values(), agent.clouds(), home=home),
        log=log,
        view=view,
        rows=agent.days.rows,
    )
    return Gate(opening.runs(agent.config().state, monotonic=agent.clock.monotonic), world)


class Gate:
    """The newest run of a store, followed. To be used in one event loop."""

    def __init__(self, store: Runs, world: World) -> None:
        self.verdict: Verdict | None = None
        self._store = store
        self._world = world
        self._notice = Notice(_log, "canary")
        self._follower: _Follower | None = None
        self._shown = False
        self._guarded = -GUARDED

    async def watch(self) -> None:
        """One look. For a job that runs every ``PERIOD`` seconds."""
        try:
            await self._watch()
        except (RunsError, DaysError, StoreError) as error:
            self._notice.failed(error, nature=type(error).__name__)
        else:
            self._notice.well()

    async def _watch(self) -> None:
        started = await asyncio.to_thread(self._store.newest)
        if started is None:
            self._hide()
            return
        case = await asyncio.to_thread(judging.opened, self._store, started)
        if self._follower is None or self._follower.run.release != started.release:
            self._follower = _Follower(case.run, case)
        last = await asyncio.to_thread(runs.last, self._store, started.release)
        seen = self._world.look()
        if started.ended is None and await self._gather(case, seen):
            case = await asyncio.to_thread(judging.opened, self._store, started)
            last = None
        await self._judge(case, last, leads=self._world.view().leader)
        self._show(case.run, seen)

    # --- evidence -------------------------------------------------------------------------------------------------

    async def _gather(self, case: Case, seen: Look) -> bool:
        """Notes what has happened; whether a verdict is asked for at once. Only where this agent leads."""
        follower, now = self._follower, self._now()
        log = await self._world.log(follower.seq if follower else 0) if self._world.view().leader else None
        if log is None or follower is None:
            return False
        await asyncio.to_thread(follower.read, log)
        found = [*follower.look(case, seen, self._world.view(), now=now)]
        found += [(_key(one), one) for one in await self._trips(case, now)]
        notes = judging.noted(found, known=case.notes, now=now)
        await asyncio.to_thread(self._store.note, case.started.release, notes)
        for note in notes:
            _log.warning("canary %s: %s", case.started.release, note.body)
        return bool(notes)

    async def _trips(self, case: Case, now: float) -> tuple[Occurrence, ...]:
        """The measure guards that the day which is not over fails already; looked at every ``GUARDED`` seconds."""
        if 0 <= now - self._guarded < GUARDED:
            return ()
        self._guarded = now
        _, today = case.dates(now)
        days = await self._world.rows(today, today, measures=case.run.spec.measures)
        known = Observations(readings_of(days, case.run.spec), case.occurrences(now))
        return await asyncio.to_thread(trips, case.run, known, now)

    # --- judging --------------------------------------------------------------------------------------------------

    async def _judge(self, case: Case, last: Judgement | None, *, leads: bool) -> None:
        now = self._now()
        due = last is None or now - last.at >= JUDGED
        if case.started.ended is None and leads and due:
            verdict = self.verdict = await self._verdict(case, now)
            judgement = Judgement(now, to_json(verdict))
            over = verdict.phase in _OVER
            await asyncio.to_thread(self._store.judged, case.started.release, judgement, over=over)
            if over:
                code = EXIT[verdict.phase]
                _log.warning("canary %s: %s (%d): %s", verdict.release, verdict.phase, code, verdict.reason)
        elif last is not None and (self.verdict is None or _place(self.verdict) != (case.started.release, last.at)):
            self.verdict = await self._verdict(case, last.at)

    def _now(self) -> float:
        """In whole seconds: a verdict is written with the instant that it can be given of again."""
        return float(int(self._world.clock.now()))

    async def _verdict(self, case: Case, at: float) -> Verdict:
        since, until = case.dates(at)
        days = await self._world.rows(since, until, measures=case.run.spec.measures)
        return await asyncio.to_thread(lambda: judge(case.run, case.observations(days, at), at))

    # --- the page -------------------------------------------------------------------------------------------------

    def _show(self, run: Run, seen: Look) -> None:
        verdict = self.verdict
        if verdict is None or verdict.release != run.release:
            self._hide()
            return
        there = units.units(run.cohort.kind, seen)
        known = units.sources(run.cohort.kind, seen)
        whole = {unit.id.rpartition("/")[0] for unit in evidence.units(run)} <= known
        share = evidence.share(run, there) if whole else None
        self._world.publish(SOURCE, "gate", *bodies(families.rows(verdict, run.spec, share=share)))
        self._shown = True

    def _hide(self) -> None:
        if self._shown:
            self._world.publish(SOURCE, "gate", {}, {})
        self._shown, self.verdict = False, None


class _Follower:
    """What is remembered of a run between two looks: how far its log was read, and what its units ran last."""

    def __init__(self, run: Run, case: Case) -> None:
        self.run = run
        self.seq = 0
        self._log = evidence.LogReader(run)
        versions = evidence.versions_known(case.baseline, case.occurrences(float("inf")))
        self._units = evidence.UnitWatch(run, versions)

    def read(self, log: Iterable[Stored]) -> None:
        """Takes what has come to the log of the SLA engine. Raises RunsError where that is damaged."""
        try:
            for stored in log:
                self._log.take(facts.decode(stored.record))
                self.seq = stored.seq
        except ValueError as error:
            raise RunsError(f"canary: the log of the SLA engine cannot be read: {error}; restore a copy") from error

    def look(self, case: Case, seen: Look, view: View, *, now: float) -> Iterable[tuple[str, Occurrence]]:
        """What has happened to the units by now."""
        kind = case.run.cohort.kind
        yield from self._log.due(now, units.places(kind, seen))
        there = {unit.id: unit for unit in units.units(kind, seen)}
        known = units.sources(kind, seen)
        yield from self._units.look(there, units.versions(kind, seen), known=known, now=now)
        idle = now - view.offset - view.now
        if view.now and idle >= evidence.DEAD and view.now >= case.run.started:
            detail = f"nothing was judged for {idle / 3600:.1f} h"
            yield f"dead {view.now!r}", Occurrence(now, Kind.EVALUATOR_DEAD, detail=detail)


def _key(one: Occurrence) -> str:
    return f"{one.kind} {one.name} {one.unit}"


def _place(verdict: Verdict) -> tuple[str, float]:
    return verdict.release, verdict.at
