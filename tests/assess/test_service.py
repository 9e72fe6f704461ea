"""The running agent's assessment: shown as metrics, written into the record, made again when it is time to."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assesslab import AT, DAY
from prometheus_client import CollectorRegistry

from exporter.assess.recorded import OWN
from exporter.assess.service import EAGER, PERIOD, Assessor, World
from exporter.clock import Clock
from exporter.config import Config
from exporter.days.service import Days
from exporter.days.stores import opened
from exporter.model import Family
from sla.days import Measure


@dataclass(slots=True)
class Agent:
    """What the assessor is given, with a clock that is set by hand; ``epoch`` 0: another agent judges."""

    directory: Path
    now: float = AT
    epoch: int = 1
    pages: dict[tuple[str, str], Mapping[Family, bytes]] = field(default_factory=dict)
    published: int = 0
    seconds: float = 0.0
    _ticks: float = 0.0

    @asynccontextmanager
    async def assessor(self) -> AsyncIterator[tuple[Assessor, Days]]:
        """Over a record in the directory."""
        clock = Clock(now=lambda: self.now, monotonic=self._monotonic)
        store = opened(str(self.directory), exclusive=True)
        days = Days(store, clock=clock, epoch=lambda: self.epoch, registry=CollectorRegistry())
        world = World(
            clock=clock,
            publish=self._publish,
            config=lambda: Config(state=str(self.directory)),
            days=days,
            runner=lambda: None,
            vcenters=dict,
            clouds=tuple,
            governed=tuple,
            edges=tuple,
        )
        yield Assessor(world), days
        await days.close()

    def _monotonic(self) -> float:
        """Each look at it is ``seconds`` after the one before."""
        self._ticks += self.seconds
        return self._ticks

    def _publish(self, source: str, part: str, families: Mapping[Family, bytes], _: Mapping[Family, int]) -> None:
        self.pages[source, part] = families
        self.published += 1

    def page(self) -> str:
        """What is shown."""
        return "".join(body.decode() for body in self.pages[OWN, "objectives"].values())


async def test_what_was_measured_is_shown_and_written_down(tmp_path: Path) -> None:
    """The value of today is on the page and in the record; tomorrow's assessment compares with it."""
    agent = Agent(tmp_path)
    async with agent.assessor() as (assessor, days):
        for _ in range(30):
            days.book.add("vc1", Measure.VCENTER_API_SECONDS, 0.5, operation="CurrentTime")
        await assessor.cycle()
        assert 'integration_objective_state{objective="vcenter_latency",scope="vc1",state="missed"} 1.0' in agent.page()
        agent.now += DAY
        await assessor.cycle()
        assert assessor.last is not None
        [line] = [line for line in assessor.last.lines if line.key == ("vcenter_latency", "vc1")]
        assert line.measurement is not None
        assert line.before is not None
        assert (line.before.at, line.before.value) == (AT, line.measurement.value)


async def test_an_agent_that_follows_writes_nothing(tmp_path: Path) -> None:
    """It shows what the record says, and leaves the writing to the one that judges."""
    agent = Agent(tmp_path, epoch=0)
    async with agent.assessor() as (assessor, days):
        await assessor.cycle()
        assert agent.published == 1
        assert days.book.days() == ()


async def test_often_at_first_and_then_every_five_minutes(tmp_path: Path) -> None:
    """Ten assessments at the eager pace, then one in five minutes; a clock that steps back does not stop them."""
    agent = Agent(tmp_path)
    async with agent.assessor() as (assessor, _):
        for _ in range(10):
            await assessor.attend()
            agent.now += EAGER
        assert agent.published == 10
        for _ in range(int(2 * PERIOD / EAGER)):
            await assessor.attend()
            agent.now += EAGER
        assert agent.published == 12
        agent.now -= DAY
        await assessor.attend()
        assert agent.published == 13


async def test_a_large_record_is_not_assessed_often(tmp_path: Path) -> None:
    """Where an assessment takes long, there is one in five minutes from the first on."""
    agent = Agent(tmp_path, seconds=2.0)
    async with agent.assessor() as (assessor, _):
        for _ in range(int(2 * PERIOD / EAGER)):
            await assessor.attend()
            agent.now += EAGER
        assert agent.published == 2
