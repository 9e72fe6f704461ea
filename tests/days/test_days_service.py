"""The record of a running agent: restarts, replicas, midnight and failing stores double nothing and lose little."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.days.errors import DaysError
from exporter.days.service import EARLY, LARGE, LONG_PERIOD, PERIOD, Days
from exporter.days.stores import DayStore
from sla.days import RETENTION_DAYS, Day, Key

NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""
DAY = 86_400.0
TODAY = "2026-11-22"
Opening = Callable[[], DayStore]


class Failing:
    """A store that fails as long as ``down`` is set; with ``after`` it writes, and only the answer is lost."""

    def __init__(self, store: DayStore) -> None:
        self._store = store
        self.down = self.after = False
        self.writes = 0

    def rows(
        self,
        since: str,
        until: str,
        *,
        measures: Collection[str] | None = None,
        sources: Collection[str] | None = None,
    ) -> tuple[Day, ...]:
        """See DayStore."""
        self._fail()
        return self._store.rows(since, until, measures=measures, sources=sources)

    def days(self) -> tuple[str, ...]:
        """See DayStore."""
        return self._store.days()

    def claim(self, epoch: int) -> None:
        """See DayStore."""
        self._fail()
        self._store.claim(epoch)

    def write(self, rows: Iterable[Day], *, epoch: int, gone: Collection[tuple[str, Key]] = ()) -> None:
        """See DayStore."""
        self._fail()
        self.writes += 1
        self._store.write(rows, epoch=epoch, gone=gone)
        if self.after:
            raise DaysError("the answer was lost")

    def forget(self, before: str, *, epoch: int) -> int:
        """See DayStore."""
        return self._store.forget(before, epoch=epoch)

    def close(self) -> None:
        """See DayStore."""
        self._store.close()

    def _fail(self) -> None:
        if self.down:
            raise DaysError("the database is away")


@dataclass
class Agent:
    """An agent: the right by which it judges, its clock, its record."""

    store: DayStore
    epoch: int | None = 1
    seconds: float = NOON
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock(now=lambda: self.seconds, monotonic=lambda: self.seconds)
        self.days = Days(
            self.store,
            clock=clock,
            epoch=lambda: self.epoch,
            registry=self.registry,
            failed=lambda: self.told.append(1),
        )

    def measure(self, *values: float, label: str = "x") -> None:
        """Measures something, if it is this agent's to write."""
        book = self.days.open()
        for value in values:
            if book is not None:
                book.add("vc1", "unit_up", value, unit=label)

    def metric(self, name: str, **labels: str) -> float | None:
        """One of its metrics."""
        return self.registry.get_sample_value(f"novacenter_days_{name}", labels)


def stored(store: DayStore) -> dict[tuple[str, str], tuple[int, float]]:
    """(Date, label) -> (count, total)."""
    rows = store.rows("2000-01-01", "2099-12-31")
    return {(row.date, row.key.label("unit")): (row.sketch.count, row.sketch.total) for row in rows}


async def test_written_once(another: Opening) -> None:
    """Each flush replaces the day's rows by all that was measured; reading flushes first."""
    agent = Agent(another())
    agent.measure(1.0, 2.0)
    await agent.days.flush()
    agent.measure(3.0)
    agent.measure(5.0, label="y")
    for _ in range(2):
        rows = await agent.days.rows(TODAY, TODAY, measures=["unit_up"])
        assert {row.key.label("unit"): (row.sketch.count, row.sketch.total) for row in rows} == {
            "x": (3, 6.0),
            "y": (1, 5.0),
        }
    assert agent.metric("last_write_timestamp_seconds") == NOON
    assert agent.metric("rows") == 2


async def test_a_restart(another: Opening) -> None:
    """The agent goes on from what was stored; what the one before did not write is all that is missing."""
    first = Agent(another())
    first.measure(1.0)
    await first.days.flush()
    first.measure(100.0)
    second = Agent(another(), epoch=2)
    second.measure(2.0)
    await second.days.flush()
    second.measure(3.0)
    await second.days.close()
    assert stored(another()) == {(TODAY, "x"): (3, 6.0)}


async def test_another_agent_judges(another: Opening) -> None:
    """Who does not judge gathers nothing. Who begins to forgets what it had, and goes on from what is stored."""
    leader, follower = Agent(another()), Agent(another(), epoch=0)
    for agent in (leader, follower):
        agent.measure(1.0)
        await agent.days.flush()
    assert follower.days.open() is None
    follower.epoch = 2
    follower.measure(2.0)
    await follower.days.flush()
    leader.measure(1000.0)
    await leader.days.flush()
    assert leader.metric("errors_total", operation="write") == 1
    assert leader.days.book.days() == ()
    assert leader.told == [], "that another agent took over is no failure of the state"
    leader.epoch = 0
    assert stored(another()) == {(TODAY, "x"): (2, 3.0)}
    assert leader.days.open() is None
    leader.epoch = 3
    leader.measure(4.0)
    await leader.days.flush()
    assert stored(another()) == {(TODAY, "x"): (3, 7.0)}


@pytest.mark.parametrize(
    ("waited", "epoch", "written"),
    [(5.0, 1, (2, 3.0)), (EARLY, 1, (1, 2.0)), (5.0, 0, None), (EARLY, 0, None)],
)
async def test_the_first_seconds(
    another: Opening, waited: float, epoch: int, written: tuple[int, float] | None
) -> None:
    """What is measured before it is known who judges counts if this agent does, and if that is known soon."""
    agent = Agent(another(), epoch=None)
    agent.measure(1.0)
    await agent.days.flush()
    assert stored(another()) == {}
    agent.seconds += waited
    agent.epoch = epoch
    agent.measure(2.0)
    await agent.days.flush()
    assert stored(another()) == ({(TODAY, "x"): written} if written else {})


async def test_midnight(another: Opening) -> None:
    """What was measured yesterday is written to yesterday, once, also by the first flush of today."""
    agent = Agent(another())
    agent.measure(1.0)
    agent.seconds += DAY
    agent.measure(2.0)
    await agent.days.flush()
    agent.seconds += DAY
    await agent.days.flush()
    agent.measure(3.0)
    await agent.days.flush()
    assert stored(another()) == {
        ("2026-11-22", "x"): (1, 1.0),
        ("2026-11-23", "x"): (1, 2.0),
        ("2026-11-24", "x"): (1, 3.0),
    }
    assert [page.date for page in agent.days.book.pages] == ["2026-11-24"]


async def test_a_store_that_is_away(another: Opening, caplog: pytest.LogCaptureFixture) -> None:
    """Failures are counted, said once, and lose nothing: all of it is written when the store is back."""
    store = Failing(another())
    agent = Agent(store)
    store.down = True
    for value in (1.0, 2.0, 3.0):
        agent.measure(value)
        await agent.days.flush()
    agent.seconds += DAY
    agent.measure(4.0)
    with pytest.raises(DaysError, match="away"):
        await agent.days.rows(TODAY, TODAY)
    assert agent.metric("errors_total", operation="write") == 4
    assert agent.metric("errors_total", operation="read") == 1
    assert len(agent.told) == 4
    assert len([record for record in caplog.records if "the database is away" in record.getMessage()]) == 2
    store.down = False
    await agent.days.flush()
    assert stored(another()) == {("2026-11-22", "x"): (3, 6.0), ("2026-11-23", "x"): (1, 4.0)}


async def test_an_answer_that_was_lost(another: Opening) -> None:
    """A write of which nobody knows whether it took place is made again, and counts nothing twice."""
    store = Failing(another())
    agent = Agent(store)
    agent.measure(1.0)
    store.after = True
    await agent.days.flush()
    store.after = False
    agent.measure(2.0)
    await agent.days.flush()
    assert stored(another()) == {(TODAY, "x"): (2, 3.0)}


async def test_a_row_that_is_dropped(another: Opening) -> None:
    """A row taken off the page leaves the store too, and begins anew if it comes back."""
    agent = Agent(another())
    agent.measure(1.0)
    agent.measure(1.0, label="y")
    await agent.days.flush()
    agent.days.book.page().drop(Key.of("vc1", "unit_up", unit="y"))
    await agent.days.flush()
    assert stored(another()) == {(TODAY, "x"): (1, 1.0)}
    agent.measure(7.0, label="y")
    await agent.days.flush()
    assert stored(another()) == {(TODAY, "x"): (1, 1.0), (TODAY, "y"): (1, 7.0)}


async def test_retention(another: Opening) -> None:
    """Days beyond the retention are forgotten."""
    store = another()
    key = Key.of("vc1", "unit_up", unit="x")
    agent = Agent(store)
    agent.measure(1.0)
    await agent.days.flush()
    agent.seconds += RETENTION_DAYS * DAY
    await agent.days.flush()
    assert [row.key for row in store.rows("2000-01-01", "2099-12-31")] == [key]
    agent.seconds += DAY
    await agent.days.flush()
    assert store.days() == ()


async def test_how_often(another: Opening) -> None:
    """A record is written each minute; a large one each five, to spare the disk."""
    store = Failing(another())
    agent = Agent(store)

    async def minutes(count: int) -> int:
        before = store.writes
        for _ in range(count):
            agent.seconds += PERIOD
            agent.measure(1.0)
            await agent.days.beat()
        return store.writes - before

    assert await minutes(10) == 10
    for number in range(LARGE):
        agent.measure(1.0, label=f"{number}")
    assert await minutes(10) == 10 * PERIOD / LONG_PERIOD


async def test_measuring_goes_on_while_it_is_written(another: Opening) -> None:
    """What comes while a flush is under way is in the next one."""
    agent = Agent(another())
    agent.measure(1.0)
    flush = asyncio.create_task(agent.days.flush())
    await asyncio.sleep(0)
    agent.measure(2.0)
    await flush
    await agent.days.flush()
    assert stored(another()) == {(TODAY, "x"): (2, 3.0)}


async def test_what_has_no_room(another: Opening, caplog: pytest.LogCaptureFixture) -> None:
    """Numbers of rows beyond the limit are counted."""
    caplog.set_level(logging.INFO)
    agent = Agent(another())
    agent.days.book._most = 1
    agent.days.open()
    agent.days.book.clear()
    for label in "xyy":
        agent.measure(1.0, label=label)
    await agent.days.flush()
    assert agent.metric("dropped_total") == 2
    assert stored(another()) == {(TODAY, "x"): (1, 1.0)}
