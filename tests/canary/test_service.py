"""The canary gate in the agent, on a clock that is turned by hand."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from canarydays import Weather, dates, measured
from canarylook import hosts, look

from exporter.canary import judging, units
from exporter.canary.runs import Started, last
from exporter.canary.service import GUARDED, JUDGED, PERIOD, SOURCE, Gate, World
from exporter.canary.sqliteruns import SqliteRuns
from exporter.canary.units import Look
from exporter.canarystart import built_in
from exporter.clock import Clock
from exporter.days.errors import DaysError
from exporter.exposition import Format, page
from exporter.slaview import View
from sla import facts
from sla.canary.cohort import choose
from sla.canary.judging import begin
from sla.canary.model import Arm, Phase, Run, UnitKind, begin_of
from sla.canary.recorded import run_json
from sla.canary.specfile import load
from sla.canary.verdict import to_json
from sla.days import Day
from sla.record import Record
from sla.store.base import Stored

DAY = 86400.0
START = begin_of("2026-11-02")
FINE = Weather()


class Agent:
    """What the gate is given, and what it puts on the page. ``leader`` None: nobody can be asked for the log."""

    def __init__(self, directory: Path, *, count: int = 20, release: str = "r1") -> None:
        self.now = START
        self.store = SqliteRuns(directory)
        self.seen: Look = look(hosts(count))
        self.log: list[Stored] = []
        self.leader = True
        self.days: tuple[Day, ...] = ()
        self.broken = False
        self.shown: dict[str, str] = {}
        spec = dataclasses.replace(built_in(UnitKind.HOST), release=release)
        self.run: Run = begin(spec, START, choose(spec, units.units(UnitKind.HOST, self.seen)))
        self.gate = self.restarted()

    def restarted(self) -> Gate:
        """A gate of a new process."""
        clock = Clock(now=lambda: self.now)
        world = World(
            clock=clock,
            publish=self._publish,
            look=lambda: self.seen,
            log=self._read,
            view=lambda: View(now=self.now, leader=self.leader),
            rows=self._rows,
        )
        self.gate = Gate(self.store, world)
        return self.gate

    def _publish(self, source: str, part: str, families: object, _: object) -> None:
        assert (source, part) == (SOURCE, "gate")
        assert isinstance(families, dict)
        self.shown = {"page": b"".join(page([families], Format.TEXT)).decode()} if families else {}

    async def _read(self, since: int) -> tuple[Stored, ...] | None:
        return tuple(one for one in self.log if one.seq > since) if self.leader else None

    async def _rows(self, since: str, until: str, *, measures: frozenset[str]) -> tuple[Day, ...]:
        if self.broken:
            raise DaysError("days: the store does not answer")
        return tuple(day for day in self.days if since <= day.date <= until and day.key.measure in measures)

    def begin(self) -> None:
        """The run is started."""
        self.store.begin(Started(self.run.release, START, run_json(self.run)))

    def pass_days(self, count: int, weather: Weather = FINE) -> None:
        """So many days are measured."""
        arms = (*self.run.cohort.units(Arm.CANARY), *self.run.cohort.units(Arm.CONTROL))
        self.days = tuple(measured(arms, dates(self.run.first_day, count), weather))

    def tell(self, *told: facts.Fact) -> None:
        """The SLA engine writes facts."""
        for fact in told:
            self.log.append(Stored(len(self.log) + 1, 1, facts.encode(fact)))

    def value(self, name: str) -> str:
        """The value of a series."""
        [line] = [line for line in self.shown["page"].splitlines() if line.startswith(f"{name} ")]
        return line.rpartition(" ")[2]

    @property
    def phase(self) -> Phase | None:
        """Of the verdict that is shown."""
        return self.gate.verdict.phase if self.gate.verdict is not None else None


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent with 20 hosts."""
    return Agent(tmp_path)


async def test_without_a_run_nothing_is_shown(agent: Agent) -> None:
    """No run, no series; nothing is written either."""
    await agent.gate.watch()
    assert (agent.shown, agent.gate.verdict) == ({}, None)
    assert agent.store.newest() is None


async def test_a_run_is_judged_by_the_hour_until_it_passes(agent: Agent) -> None:
    """Each verdict is stored; after the last one the run is over, and is shown on."""
    agent.begin()
    agent.pass_days(8)
    judged = []
    for hours in (0, 0.5, 1, 1.5, 2, 168.9, 169.9, 171):
        agent.now = START + hours * JUDGED
        await agent.gate.watch()
        found = last(agent.store, "r1")
        assert found is not None
        judged.append((found.at - START) / JUDGED)
    assert (agent.phase, judged) == (Phase.PASSED, [0, 0, 1, 1, 2, 168.9, 169.9, 169.9])
    started = agent.store.find("r1")
    assert started is not None
    assert started.ended == START + 169.9 * JUDGED
    assert agent.value('canary_phase{phase="passed",release="r1"}') == "1.0"


async def test_the_page(agent: Agent, golden: Callable[[str, str], None]) -> None:
    """Every family, in the middle of a run."""
    agent.begin()
    agent.pass_days(4, Weather(blind=dates(agent.run.first_day, 1)))
    agent.now = START + 3 * DAY + 2 * 3600
    await agent.gate.watch()
    golden("canary.prom", agent.shown["page"])


async def test_a_breach_ends_the_run_within_a_minute(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    """A hard guard asks for a verdict at once, which says when; it is not undone by what comes later."""
    agent.begin()
    agent.pass_days(8)
    agent.now = START + DAY + 3600
    await agent.gate.watch()
    assert agent.phase is Phase.RUNNING
    canary = agent.run.cohort.units(Arm.CANARY)[0]
    labels = (("host", canary.name), ("vcenter", "vc1"))
    agent.tell(
        facts.ObservedBad(
            incident="i", at=agent.now, class_="storage_connection", resource="x", policy="p", labels=labels
        ),
        facts.Breached(
            incident="i", at=agent.now + 7200, target="resolution", percent=100, cycle=1, judgement=0,
            noticed_at=agent.now + 7200, late=False,
        ),
    )  # fmt: skip
    agent.now += 7200 + PERIOD
    with caplog.at_level(logging.WARNING):
        await agent.gate.watch()
    assert agent.phase is Phase.FAILED
    assert "canary r1: failed (10): storage_failure" in caplog.text
    failed = agent.gate.verdict
    agent.now += 9 * DAY
    await agent.gate.watch()
    assert agent.gate.verdict == failed


async def test_a_restart_changes_nothing(agent: Agent) -> None:
    """A new process shows the verdict of before, byte by byte, and notes nothing twice."""
    agent.begin()
    agent.pass_days(3)
    agent.now = START + 2 * DAY + 7200
    agent.tell(facts.AgentRun(at=START + 40000, unobserved_since=START + 20000))
    await agent.gate.watch()
    before, notes = agent.gate.verdict, agent.store.notes("r1")
    assert (len(notes), agent.phase) == (1, Phase.FAILED)
    agent.restarted()
    agent.now += 600
    await agent.gate.watch()
    after = agent.gate.verdict
    assert before is not None
    assert after is not None
    assert to_json(after) == to_json(before)
    assert agent.store.notes("r1") == notes


async def test_a_follower_shows_what_the_leader_judged(agent: Agent) -> None:
    """It writes nothing; where nobody has judged yet, it shows nothing."""
    agent.begin()
    agent.leader = False
    await agent.gate.watch()
    assert (agent.shown, agent.store.judgements("r1")) == ({}, ())
    agent.leader = True
    await agent.gate.watch()
    agent.leader = False
    agent.now += 9000
    agent.restarted()
    await agent.gate.watch()
    assert agent.value('canary_last_judgement_timestamp_seconds{release="r1"}') == "1.7935776e+09"
    assert len(agent.store.judgements("r1")) == 1


async def test_units_that_change_begin_anew(agent: Agent) -> None:
    """A new build on a canary restarts the days: noted once, by what the start has written down."""
    agent.begin()
    agent.pass_days(3)
    await agent.gate.watch()
    agent.now = START + 2 * DAY + 7200
    agent.seen = look(hosts(20, build="99999999"))
    await agent.gate.watch()
    notes = [note.key for note in agent.store.notes("r1")]
    assert len(notes) == len(agent.run.cohort.units(Arm.CANARY)) * 2
    assert agent.gate.verdict is not None
    assert (agent.gate.verdict.day, agent.gate.verdict.valid_days) == (0, 0)
    agent.restarted()
    await agent.gate.watch()
    assert [note.key for note in agent.store.notes("r1")] == notes


async def test_a_store_that_fails_is_said_once(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    """The page stays as it was; the time of the last verdict tells how old it is."""
    agent.begin()
    await agent.gate.watch()
    shown, agent.broken = agent.shown, True
    agent.now += 2 * JUDGED
    for _ in range(2):
        await agent.gate.watch()
    assert agent.shown == shown
    assert [record.message for record in caplog.records] == ["canary: days: the store does not answer"]
    agent.broken = False
    await agent.gate.watch()
    assert agent.gate.verdict is not None
    assert agent.gate.verdict.at == agent.now


async def test_a_damaged_log_is_said(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read ends in a sentence, not in a traceback."""
    agent.begin()
    agent.log.append(Stored(1, 1, Record("", "nonsense", START, "/x", "{}")))
    await agent.gate.watch()
    assert "canary: the log of the SLA engine cannot be read" in caplog.text


async def test_a_run_that_cannot_be_read_is_said(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    """A text of another version does not end the loop."""
    agent.store.begin(Started("r1", START, "{}"))
    await agent.gate.watch()
    assert "canary: the run of r1 cannot be read" in caplog.text
    assert judging.OCCURRENCE


async def test_a_measure_guard_ends_the_run_on_its_day(agent: Agent) -> None:
    """What the open day has measured is looked at every five minutes, and need not wait until it is over."""
    spec = load(
        "{release: r1, unit: host, targets: {cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 1}}, "
        "guards: {hot: {measure: unit_cpu_usage_ratio, above: 0.95, for: 1h}}}",
        "spec",
    )
    agent.run = begin(spec, START, choose(spec, units.units(UnitKind.HOST, agent.seen)))
    agent.begin()
    canaries = {unit.id for unit in agent.run.cohort.units(Arm.CANARY)}
    agent.now = START + 12 * 3600
    agent.pass_days(1)
    await agent.gate.watch()
    assert agent.phase is Phase.RUNNING
    agent.pass_days(1, Weather(canaries, worse=2.6))
    agent.now += GUARDED - 1
    await agent.gate.watch()
    assert agent.phase is Phase.RUNNING
    agent.now += 1
    await agent.gate.watch()
    assert agent.phase is Phase.FAILED
    assert next(note.key for note in agent.store.notes("r1")).startswith("guard hot vc1/host-")
