"""The evaluator over its store, with a death between any two writes: nothing acknowledged is lost or counts twice.

A twin never dies. It is told what was written, and nothing else; so what is restored from the log must be the twin.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from slarunnerlab import Lab

from exporter.conditions import Sight
from exporter.slajudge import Judge, Setup
from exporter.slatally import Tally
from exporter.slawishes import Wish, shifted
from sla.engine import Judged
from sla.model import Ack, Announce, Cancel, CancelReason, EndWindow, Selector, Window
from sla.policy import Condition, Flap, IncidentClass, Policy, Reopen, Target, Until
from sla.record import Record
from sla.store.base import Batch, Lease, Stored
from sla.store.errors import Unavailable
from sla.store.memory import MemoryStore
from sla.store.sqlite import SqliteStore
from sla.store.tenure import TTL
from sla.verify import differences

VALUES = {"up": 1.0, "down": 0.0, "unknown": float("nan")}
RESOURCES = (("api", "a1"), ("api", "a2"), ("storage", "s1"))


def _class(name: str, limit: float, reopen: Reopen) -> IncidentClass:
    return IncidentClass(
        name,
        (Target("response", limit / 4, Until.ACK), Target("resolution", limit)),
        open_after=10.0,
        open_count=2,
        clear_after=10.0,
        clear_count=2,
        reopen_within=60.0,
        reopen_policy=reopen,
        flap=Flap(3, 1, 120.0, 40.0),
        conditions=(Condition("probe", ("resource",), metric=f"probe_{name}"),),
    )


def _policy(limit: float, reopen: Reopen) -> Policy:
    return Policy({"api": _class("api", limit, reopen), "storage": _class("storage", 2 * limit, Reopen.RESUME)})


POLICIES = (_policy(100.0, Reopen.NEW_CYCLE), _policy(100.0, Reopen.RESUME), _policy(60.0, Reopen.TOTAL_SPAN))


class Fate(Enum):
    """What becomes of a write: whether it is durable, whether the writer hears of that, whether it lives on."""

    WRITTEN = "written"
    REFUSED = "not written; the process lives and writes it later"
    UNHEARD = "written, but nobody hears of it; the process lives and writes the same again"
    DEAD_BEFORE = "the process dies before it"
    DEAD_AFTER = "the process dies after it, before it is acknowledged"

    @property
    def durable(self) -> bool:
        """Whether the store has it."""
        return self in {Fate.WRITTEN, Fate.UNHEARD, Fate.DEAD_AFTER}

    @property
    def deadly(self) -> bool:
        """Whether the process ends."""
        return self in {Fate.DEAD_BEFORE, Fate.DEAD_AFTER}


FATES = st.sampled_from((Fate.WRITTEN, Fate.WRITTEN, *Fate))


class Memory(MemoryStore):
    """The store in memory; what becomes of a write is the test's choice."""

    fate = Fate.WRITTEN

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """See ``Store``."""
        return _fated(self.fate, partial(super().append, batch, lease))


class Disk(SqliteStore):
    """The store on disk; what becomes of a write is the test's choice."""

    fate = Fate.WRITTEN

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """See ``Store``."""
        return _fated(self.fate, partial(super().append, batch, lease))


def _fated(fate: Fate, write: Callable[[], tuple[Stored, ...]]) -> tuple[Stored, ...]:
    new = write() if fate.durable else ()
    if fate is not Fate.WRITTEN:
        raise Unavailable(f"test: {fate.value}")
    return new


class _Inline(ThreadPoolExecutor):
    """Runs at once what would run in a thread, so that every run of the test is the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        made: Future[Any] = Future()
        try:
            made.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits for the result
            made.set_exception(error)
        return made


class Twin:
    """What judges without ever dying, from the inputs that are durable. ``waiting`` are those of which none knows."""

    def __init__(self, setup: Setup) -> None:
        self.judge = Judge([], (), setup=setup)
        self.setup = setup
        self.records: list[Record] = []
        self.beat: float | None = None
        self.waiting: list[Callable[[], None]] = []

    def begin(self, setup: Setup, now: float) -> None:
        """Another process takes over; a policy may have changed while there was none."""
        if self.beat is None:
            self.judge, self.setup = Judge([], (), setup=setup), setup
        elif setup != self.setup:
            self.configure(setup, now)
        self.judge.begin(now, self.beat)

    def configure(self, setup: Setup, now: float) -> None:
        """Another policy holds."""
        self.setup = setup
        self.judge.configure(setup, now)

    def look(self, wishes: Iterable[Wish], now: float, *, lab: Lab) -> Callable[[], None]:
        """One look, to be had when it is durable; what is there to be seen is remembered now."""
        sight = Sight(own=dict(lab.own))
        heard = tuple(wishes)

        def happened() -> None:
            for wish in heard:
                self.judge.take(shifted(wish, 0.0, since=self.judge.now, now=now))
            self.judge.changed(sight)
            self.judge.look(sight, now)
            self.judge.view()
            self.beat = now

        return happened

    def settle(self) -> None:
        """All that waits is durable now."""
        waiting, self.waiting = self.waiting, []
        for happened in waiting:
            happened()
        self.records += self.judge.drain().records


def by_incident(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The log of each incident in its order; what is of the engine as a whole has no order within an instant."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.incident, []).append(record)
    found.get("", []).sort(key=lambda record: (record.at, record.key))
    return found


def standing(judged: Iterable[Judged]) -> list[Judged]:
    """Incidents and timers, without what a log does not know: whether it was down all through a stretch unobserved."""
    return [
        replace(one, timers=tuple(replace(timer, elapsed_certain=0.0, breach_certain=None) for timer in one.timers))
        for one in judged
    ]


def counted(tally: Tally) -> tuple[dict[tuple[str, ...], int], dict[tuple[str, str], tuple[int, float]]]:
    """Counters, and number and sum of each histogram; the edges are those of the policy in force."""
    histograms = {key: (sum(one.counts), round(one.total, 6)) for key, one in tally.histograms.items()}
    return {key: n for key, n in tally.counts.items() if n}, {key: one for key, one in histograms.items() if one[0]}


class Crashes(RuleBasedStateMachine):
    """One evaluator after the other on one store."""

    store: Memory | Disk

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.loop.get_loop().set_default_executor(_Inline())
        setup = Setup(POLICIES[0], notify=frozenset({"breached"}))
        self.lab = Lab(MemoryStore(monotonic=lambda: 0.0), Path(self.folder.name), setup=setup)
        self.store = self.lab.store = self.opened()
        self.lab.restart()
        self.twin = Twin(setup)
        self.health = dict.fromkeys(RESOURCES, "up")
        self.leads = False
        self.settled = True
        self.last = 0.0
        self.windows = 0
        self.acknowledged: set[str] = set()
        self.inbox: list[Wish] = []
        self.taken = 0
        self.answers: list[asyncio.Task[None]] = []

    def opened(self) -> Memory | Disk:
        """The store as the next process finds it."""
        return getattr(self, "store", None) or Memory(monotonic=lambda: self.lab.hands.seconds)

    # --- what happens ---------------------------------------------------------------------------------------------

    @rule(resource=st.sampled_from(RESOURCES), health=st.sampled_from(sorted(VALUES)), fate=FATES)
    def observe(self, resource: tuple[str, str], health: str, fate: Fate) -> None:
        """The next look finds something else."""
        self.health[resource] = health
        self.turn(5.0, fate)

    @rule(seconds=st.sampled_from((1.0, 5.0, 12.5, 30.0, 90.0)), fate=FATES)
    def time_passes(self, seconds: float, fate: Fate) -> None:
        """Nothing but that."""
        self.turn(seconds, fate)

    @rule(class_=st.sampled_from(("", "api", "storage")), fate=FATES)
    def ack(self, class_: str, fate: Fate) -> None:
        """Somebody takes incidents up."""
        self.wish(Ack(self.wall(), Selector(class_=class_), "somebody"), fate)

    @rule(resource=st.sampled_from(RESOURCES), fate=FATES)
    def cancel(self, resource: tuple[str, str], fate: Fate) -> None:
        """Somebody says that an incident does not count."""
        scope = Selector(class_=resource[0], resource=resource[1])
        self.wish(Cancel(self.wall(), scope, CancelReason.DUPLICATE, "somebody"), fate)

    @rule(after=st.sampled_from((-30.0, 0.0, 20.0)), class_=st.sampled_from(("", "api")), fate=FATES)
    def announce(self, after: float, class_: str, fate: Fate) -> None:
        """Somebody announces a window, in time or too late."""
        self.windows += 1
        start = self.wall() + after
        self.wish(Announce(self.wall(), Window(f"w{self.windows}", start, start + 60.0, Selector("", class_))), fate)

    @precondition(lambda self: self.windows > 0)
    @rule(fate=FATES, which=st.integers(0, 2))
    def end_window(self, which: int, fate: Fate) -> None:
        """Somebody ends one of the last windows."""
        self.wish(EndWindow(self.wall(), f"w{max(1, self.windows - which)}"), fate)

    @rule(which=st.integers(0, len(POLICIES) - 1))
    def reload(self, which: int) -> None:
        """Another policy holds from the next look on."""
        self.lab.setup = replace(self.lab.setup, policy=POLICIES[which])
        self.loop.run(self.lab.runner.configure(self.lab.setup))
        if self.leads:
            self.twin.waiting.append(partial(self.twin.configure, self.lab.setup, self.last))
            self.settled = False

    @rule(down=st.sampled_from((0.0, 7.0, 100.0)))
    def crash(self, down: float) -> None:
        """The process dies between two looks; what was not written by then never happened."""
        self.die(down)

    # --- how it happens -------------------------------------------------------------------------------------------

    def wall(self) -> float:
        """The time of all clocks."""
        return self.lab.hands.seconds

    def wish(self, wish: Wish, fate: Fate) -> None:
        """Somebody asks for something, and it is looked at."""
        self.loop.run(self._ask(wish))
        if not self.leads:
            self.inbox.append(wish)
        self.turn(0.5, fate, () if not self.leads else (wish,))

    async def _ask(self, wish: Wish) -> None:
        runner = self.lab.runner
        match wish:
            case Announce():
                asked = runner.announce(wish.window)
            case EndWindow():
                asked = runner.end_window(wish.window, actor=wish.actor)
            case Ack() | Cancel():
                asked = runner.command(wish)
        task = asyncio.ensure_future(asked)
        await asyncio.sleep(0)
        if self.leads:
            self.answers.append(task)
        else:
            await task  # it is in the inbox, and that is acknowledged

    def turn(self, seconds: float, fate: Fate, wishes: Iterable[Wish] = ()) -> None:
        """Time passes, then there is one look, whose write ends as ``fate`` says."""
        for class_ in ("api", "storage"):
            its = [(name, health) for (one, name), health in self.health.items() if one == class_]
            self.lab.own[f"probe_{class_}"] = tuple(({"resource": name}, VALUES[health]) for name, health in its)
        self.lab.hands.seconds += seconds
        now = self.last = self.wall()
        if not self.leads:
            self.twin.waiting.append(partial(self.twin.begin, self.lab.setup, now))
        heard, self.taken = (*self.inbox[self.taken :], *wishes), len(self.inbox)
        self.twin.waiting.append(self.twin.look(heard, now, lab=self.lab))
        self.store.fate = fate
        self.loop.run(self.lab.look())
        self.leads = True
        self.settled = fate is Fate.WRITTEN
        if fate.durable:
            self.inbox, self.taken = [], 0
            self.twin.settle()
        if fate is Fate.WRITTEN:
            self.acknowledged |= {stored.record.key for stored in self.store.read()}
        if fate.deadly:
            self.die(0.0)
        else:
            self.answered(fate)

    def answered(self, fate: Fate) -> None:
        """Who asked hears that it is done as soon as it is written, and not before."""
        self.loop.run(asyncio.sleep(0))
        assert [task.done() for task in self.answers] == [fate is Fate.WRITTEN] * len(self.answers)
        if fate is Fate.WRITTEN:
            assert [task.exception() for task in self.answers] == [None] * len(self.answers)
            self.answers = []

    def die(self, down: float) -> None:
        """Nobody hears anything any more; the next process gets the lease when it has run out."""
        self.store.fate = Fate.WRITTEN
        self.loop.run(self._hang_up())
        self.twin.waiting.clear()
        self.taken, self.leads, self.settled = 0, False, True
        self.lab.hands.seconds += TTL + 1.0 + down
        self.store.close()
        self.store = self.lab.store = self.opened()
        self.lab.restart()

    async def _hang_up(self) -> None:
        for task in self.answers:
            task.cancel()
        await asyncio.gather(*self.answers, return_exceptions=True)
        self.answers = []

    # --- what must be so ------------------------------------------------------------------------------------------

    @invariant()
    def the_log_is_what_the_twin_says(self) -> None:
        """Record by record; no key is there twice, and none that was acknowledged is missing."""
        records = [stored.record for stored in self.store.read()]
        keys = [record.key for record in records]
        assert len(set(keys)) == len(keys)
        assert self.acknowledged <= set(keys)
        assert by_incident(records) == by_incident(self.twin.records)

    @invariant()
    def what_is_restored_is_the_twin(self) -> None:
        """Incidents, timers, windows, counters; and the log judged again is the log."""
        if self.twin.beat is None or self.twin.waiting:
            return
        now = self.twin.beat
        records = [stored.record for stored in self.store.read()]
        restored = Judge(records, (), setup=self.twin.setup)
        one, other = restored.view(now=now), self.twin.judge.view(now=now)
        assert standing(one.incidents) == standing(other.incidents)
        assert one.windows == other.windows
        assert counted(restored.tally) == counted(self.twin.judge.tally)
        assert differences(records, until=now) == ()

    @invariant()
    def what_is_shown_is_the_twin(self) -> None:
        """The evaluator that writes shows what it would show had none before it died."""
        if not self.leads or not self.settled:
            return
        assert standing(self.lab.view.incidents) == standing(self.twin.judge.view().incidents)
        notices = {notice.key for notice in self.store.outbox()}
        assert notices == {record.key for record in self.twin.records if record.kind == "breached"}

    def teardown(self) -> None:
        """Closes what was opened."""
        self.loop.run(self._hang_up())
        self.loop.close()
        self.store.close()
        self.folder.cleanup()


class CrashesOnDisk(Crashes):
    """The same over SQLite. The store's own death is in tests/sla/store/test_death.py."""

    def opened(self) -> Memory | Disk:
        """The store as the next process finds it."""
        return Disk(Path(self.folder.name))


BOUNDED = settings(
    phases=[Phase.generate],  # a failure is told at once: shrinking one takes a minute
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_a_death_between_any_two_writes() -> None:
    """Whatever happens in whatever order, what is restored is what one that never died would know."""
    run_state_machine_as_test(Crashes, settings=BOUNDED)


def test_a_death_between_any_two_writes_on_disk() -> None:
    """The same holds over SQLite."""
    run_state_machine_as_test(CrashesOnDisk, settings=settings(BOUNDED, max_examples=8))
