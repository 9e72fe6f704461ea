"""The running agent's assessment: made anew every few minutes, shown as metrics, and written into the record."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.assess import catalog, promises, recorded
from exporter.assess.gather import WINDOW, Material, assessed, date_of, measured
from exporter.assess.look import look
from exporter.canary.last import Last, last_verdict
from exporter.clock import Clock
from exporter.cloudpoller import CloudPoller
from exporter.config import Config
from exporter.configobjectives import standard
from exporter.days.service import Days
from exporter.days.stores import DaysError
from exporter.errors import ConfigError
from exporter.exposition import bodies
from exporter.model import Family, Row
from exporter.poller import Poller
from exporter.slarunner import Runner
from exporter.surroundings import Publish
from exporter.trust.model import EdgeTrust
from exporter.ways.model import Governed
from sla.days import Measure
from sla.objectives.model import Assessment
from sla.store.errors import StoreError

PERIOD = 300.0
"""Seconds between two assessments."""
EAGER = 30.0
"""Seconds between two of the first few, while every minute brings something new."""
_FEW = 10
_QUICK = 1.0
"""Seconds that an assessment may take to be made so often."""
PART = "objectives"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the assessment of a running agent is made from."""

    clock: Clock
    publish: Publish
    config: Callable[[], Config]
    days: Days
    runner: Callable[[], Runner | None]
    vcenters: Callable[[], Mapping[str, Poller]]
    clouds: Callable[[], Sequence[CloudPoller]]
    governed: Callable[[], tuple[Governed, ...]]
    edges: Callable[[], tuple[EdgeTrust, ...]]


class Assessor:
    """Assesses again and again. ``last`` is the newest assessment, None before the first."""

    def __init__(self, world: World) -> None:
        self.last: Assessment | None = None
        self._world = world
        self._made = 0
        self._is_quick = True

    async def attend(self) -> None:
        """Assesses if it is time to; to be called every ``EAGER`` seconds."""
        since = None if self.last is None else self._world.clock.now() - self.last.at
        is_eager = self._made < _FEW and self._is_quick
        if since is None or is_eager or not 0 <= since < PERIOD - EAGER / 2:
            await self.cycle()

    async def cycle(self) -> None:
        """Assesses now. Where the record cannot be read, which it says itself, nothing changes."""
        begun = self._world.clock.monotonic()
        try:
            material = await self._material()
        except DaysError:
            return
        made, rows = await asyncio.to_thread(_assessed, material, self._world.config())
        self.last = made
        self._made += 1
        self._is_quick = self._world.clock.monotonic() - begun < _QUICK
        self._world.publish(recorded.OWN, PART, *bodies(rows))
        self._write(made)

    async def _material(self) -> Material:
        world, now = self._world, self._world.clock.now()
        start = now - WINDOW
        days = await world.days.rows(date_of(start), date_of(now), measures=recorded.MEASURES)
        runner = world.runner()
        try:
            kept = await runner.read(promises.kept) if runner is not None else None
        except StoreError:
            kept = None
        seen = look(
            world.vcenters().values(),
            world.clouds(),
            governed=world.governed(),
            edges=world.edges() or None,
            gate=await asyncio.to_thread(self._gate),
        )
        return Material(at=now, start=start, days=days, kept=kept, seen=seen)

    def _gate(self) -> Last | None:
        """What it cannot read, the canary service says itself."""
        try:
            return last_verdict(self._world.config().state, monotonic=self._world.clock.monotonic)
        except ConfigError:
            return None

    def _write(self, made: Assessment) -> None:
        book = self._world.days.open()
        if book is None:
            return
        for line in made.lines:
            if line.measurement is not None and line.measurement.value >= 0:
                labels = {"objective": line.objective.name, "scope": line.scope}
                book.add(recorded.OWN, Measure.OBJECTIVE_VALUE, line.measurement.value, **labels)


def _assessed(material: Material, config: Config) -> tuple[Assessment, Iterable[tuple[Family, Row]]]:
    figures = standard()
    found = measured(material, figures, config.objectives)
    made = assessed(found, figures, config.objectives)
    return made, tuple(catalog.rows(made, found))
