"""The SLA evaluator: from what the agent exports to incidents, records and metrics; over restarts and failures."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from slarunnerlab import NOON, Hands, Lab, faster

from exporter.config import Maintenance
from exporter.slajudge import Setup
from exporter.slapolicy import policy as built_in
from exporter.slawishes import message
from sla import facts
from sla.engine import UnknownClassError
from sla.incident import State
from sla.model import Ack, Cancel, CancelReason, Health, Observation, Selector, Window
from sla.store.base import Batch, Lease, Message, Store, Stored
from sla.store.errors import Fenced, Unavailable
from sla.store.memory import MemoryStore
from sla.store.sqlite import SqliteStore

API = "api_communication"
DATASTORE = "vsphere_datastore_mount_accessible"


@pytest.fixture
def hands() -> Hands:
    """The clocks of the machine."""
    return Hands()


@pytest.fixture(params=["memory", "sqlite"])
def lab(request: pytest.FixtureRequest, hands: Hands, tmp_path: Path) -> Iterator[Lab]:
    """An evaluator over each embedded store, with one vCenter that answers."""
    store: Store
    if request.param == "memory":
        store = MemoryStore(monotonic=lambda: hands.seconds)
    else:
        store = SqliteStore(tmp_path / "state")
    made = Lab(store, tmp_path, hands=hands)
    made.up(vc1=1.0)
    yield made
    made.store.close()


@pytest.fixture
def disk(hands: Hands, tmp_path: Path) -> Iterator[Lab]:
    """An evaluator over SQLite."""
    made = Lab(SqliteStore(tmp_path / "state"), tmp_path, hands=hands)
    made.up(vc1=1.0)
    yield made
    made.store.close()


def die(lab: Lab, tmp_path: Path) -> None:
    """The process ends between two looks, without a word; the next one begins."""
    lab.store.close()
    lab.store = SqliteStore(tmp_path / "state")
    lab.restart()


def log(lab: Lab) -> list[tuple[str, float]]:
    """The facts of incidents: kind, and second after noon."""
    return [(one.record.kind, one.record.at - NOON) for one in lab.store.read() if one.record.incident]


async def test_an_outage_from_the_first_failure_to_the_end(lab: Lab) -> None:
    """It starts at the first failed look, crosses 50, 80, 100 % at the exact instants, ends at the first good one."""
    await lab.look()
    await lab.run(60)
    lab.up(vc1=0.0)
    await lab.run(1900, step=4.7)
    lab.up(vc1=1.0)
    await lab.run(1000, step=4.7)

    start = 60 + 4.7
    end = 60 + 1900 + 4.7
    told = [(kind, at) for kind, at in log(lab) if not kind.startswith("still")]
    assert told == [
        (kind, pytest.approx(at))
        for kind, at in (
            ("observed_bad", start),
            ("opened", start + 60),
            ("crossed", start + 900),
            ("crossed", start + 1440),
            ("breached", start + 1800),
            ("recovering", end),
            ("resolved", end + 120),
            ("closed", end + 600),
        )
    ]
    judged = lab.incident()
    assert judged.incident.labels == (("condition", "vcenter"), ("vcenter", "vc1"))
    assert (judged.incident.state, judged.timers[0].elapsed) == (State.CLOSED, pytest.approx(1900))
    assert lab.value('sla_incidents_total{class="api_communication",outcome="breached"}') == 1
    assert lab.value('sla_down_seconds_total{class="api_communication",resource="vc1"}') == pytest.approx(1900)
    assert lab.value('sla_observed_seconds_total{class="api_communication",resource="vc1"}') == pytest.approx(2960)


@pytest.mark.parametrize("at", range(0, 3000, 125))
async def test_death_between_two_looks_changes_nothing(disk: Lab, tmp_path: Path, at: int) -> None:
    """Whenever the process dies and the next one begins: same start, crossings, end and counters, each once."""
    for second in range(0, 3200, 25):
        if second == at:
            die(disk, tmp_path)
        disk.up(vc1=0.0 if 50 <= second < 2000 else 1.0)
        disk.hands.seconds = NOON + second
        await disk.look()

    told = [(kind, at) for kind, at in log(disk) if kind in {"observed_bad", "crossed", "breached"}]
    assert told == [("observed_bad", 50), ("crossed", 950), ("crossed", 1490), ("breached", 1850)]
    judged = disk.incident()
    assert judged.incident.resolved_at == NOON + 2000
    assert judged.timers[0].elapsed == 1950
    counters = {
        'sla_incidents_total{class="api_communication",outcome="breached"}': 1,
        'sla_incidents_total{class="api_communication",outcome="met"}': 0,
        'sla_breaches_total{class="api_communication",target="resolution"}': 1,
        'sla_threshold_crossings_total{class="api_communication",percent="50",target="resolution"}': 1,
        'sla_time_to_resolve_seconds_bucket{class="api_communication",le="1800.0"}': 0,
        'sla_time_to_resolve_seconds_bucket{class="api_communication",le="2700.0"}': 1,
    }
    assert {series: disk.value(series) for series in counters} == counters


async def test_a_breach_while_nobody_looked_has_its_exact_instant(disk: Lab, tmp_path: Path) -> None:
    """An agent that was down for an hour finds the breach where it was, and says how late it noticed."""
    await disk.look()
    disk.up(vc1=0.0)
    await disk.run(300)
    disk.hands.seconds += 3600
    die(disk, tmp_path)
    await disk.look()

    [breach] = [one.record for one in disk.store.read(kind="breached")]
    assert breach.at == NOON + 5 + 1800
    assert disk.value("sla_breach_notice_delay_seconds_sum") == pytest.approx(2095)
    assert disk.value('sla_unknown_seconds_total{class="api_communication",resource="vc1"}') == pytest.approx(
        3600, abs=60
    )


async def test_nothing_is_judged_before_a_vcenter_was_asked(lab: Lab) -> None:
    """``vsphere_up`` of a vCenter that was not tried yet is 0, and means nothing."""
    lab.up(vc1=0.0)
    lab.untried = frozenset({"vc1"})
    await lab.look()
    await lab.run(300)

    assert lab.view.incidents == ()
    assert lab.value('sla_unknown_seconds_total{class="api_communication",resource="vc1"}') == 300


async def test_storage_is_unknown_while_its_vcenter_is_down(lab: Lab) -> None:
    """A storage incident neither ends nor is a second one born; it goes on with what is seen afterwards."""
    mount = {"vcenter": "vc1", "host": "esx1", "datastore": "ssd"}
    state = {"vcenter": "vc1", "host": "esx1", "state": "connected"}
    lab.show(("vc1", "inventory"), DATASTORE, (mount, 0.0))
    lab.show(("vc1", "inventory"), "vsphere_host_connection_state", (state, 1.0))
    await lab.look()
    await lab.run(120)
    lab.up(vc1=0.0)
    await lab.run(30)
    lab.parts.clear()  # stale, so it is taken off the page
    await lab.run(600)

    by_class = {one.incident.class_: one.incident for one in lab.view.incidents}
    assert by_class["storage_connection"].resource == "vc1/esx1/ssd"
    assert by_class["storage_connection"].unobserved_since == NOON + 125
    assert by_class[API].state is State.OPEN

    lab.up(vc1=1.0)
    lab.show(("vc1", "inventory"), DATASTORE, (mount, 1.0))
    lab.show(("vc1", "inventory"), "vsphere_host_connection_state", (state, 1.0))
    await lab.run(200)
    [storage] = [one for one in lab.view.incidents if one.incident.class_ == "storage_connection"]
    assert storage.incident.resolved_at == NOON + 755
    assert storage.incident.doubt == (NOON + 120, NOON + 755)


async def test_a_planned_window_pauses(lab: Lab) -> None:
    """Maintenance that was planned beforehand stops the timer, is excluded from the sums, and is on the page."""
    planned = Maintenance("patch", Selector(class_=API), start=NOON + 300, end=NOON + 900, comment="patch")
    lab.setup = replace(lab.setup, planned=(planned,))
    lab.restart()
    await lab.look()
    lab.hands.seconds += 20  # of the lease of the one before
    lab.up(vc1=0.0)
    await lab.run(580)

    [series] = [line for line in lab.text().splitlines() if line.startswith("sla_maintenance_active{")]
    assert 'source="config"' in series
    timer = lab.incident().timers[0]
    assert (timer.elapsed, timer.paused, timer.state) == (275, 300, "paused")
    assert timer.deadline == lab.incident().incident.start + 1800 + 600
    assert lab.value('sla_excluded_seconds_total{class="api_communication",resource="vc1"}') == 300

    await lab.run(600)
    assert lab.incident().timers[0].state == "running"


async def test_maintenance_that_takes_longer(lab: Lab, golden: object) -> None:
    """What went down in a window and is open after its end is told, with the window and the seconds since then."""
    planned = Maintenance("patch", Selector(class_=API), start=NOON + 300, end=NOON + 900)
    lab.setup = replace(lab.setup, planned=(planned,))
    lab.restart()
    await lab.look()
    lab.hands.seconds += 20  # of the lease of the one before
    await lab.run(380)
    lab.up(vc1=0.0)
    await lab.run(480)
    assert "sla_maintenance_overrun_seconds" not in lab.text()

    await lab.run(220)
    [series] = [line for line in lab.text().splitlines() if line.startswith("sla_maintenance_overrun_seconds{")]
    assert 'resource="vc1",window="config/patch/' in series
    assert float(series.split()[-1]) == lab.hands.seconds - (NOON + 900) == 200
    golden("sla-overrun.prom", lab.text())  # type: ignore[operator]

    lab.up(vc1=1.0)
    await lab.run(20)
    assert "sla_maintenance_overrun_seconds{" not in lab.text()


async def test_a_window_that_is_planned_no_more_ends(lab: Lab) -> None:
    """A reload that drops a window ends it; one that makes it longer adds a second one behind it."""
    planned = Maintenance("patch", start=NOON - 10, end=NOON + 900)
    await lab.look()
    await lab.runner.configure(replace(lab.setup, planned=(planned,)))
    await lab.run(10)
    await lab.runner.configure(replace(lab.setup, planned=(replace(planned, end=NOON + 1200),)))
    await lab.run(10)
    assert [(one.start - NOON, one.end - NOON) for one in lab.view.windows] == [(-10, 900), (900, 1200)]

    await lab.runner.configure(lab.setup)
    await lab.run(10)
    assert [(one.start - NOON, one.end - NOON) for one in lab.view.windows] == [(-10, 25), (900, 900)]


async def test_a_reload_leaves_open_incidents_their_policy(lab: Lab) -> None:
    """An incident keeps the version it began under; the next one has the new target. A removed condition is unknown."""
    old = lab.setup.policy
    target = replace(old.classes[API].targets[0], limit=600.0)
    new = replace(old, classes={**old.classes, API: replace(old.classes[API], targets=(target,))})
    await lab.look()
    lab.up(vc1=0.0, vc2=1.0)
    await lab.run(300)
    await lab.runner.configure(replace(lab.setup, policy=new))
    lab.up(vc1=0.0, vc2=0.0)
    await lab.run(300)

    found = {one.incident.resource: (one.incident.policy, one.timers[0].limit) for one in lab.view.incidents}
    assert found == {"vc1": (old.version, 1800.0), "vc2": (new.version, 600.0)}


async def test_wishes_are_answered_when_they_are_written(lab: Lab) -> None:
    """Ack and cancel of an operator hold from when they were given; a class that is not there is an error."""
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(120)
    with pytest.raises(UnknownClassError):
        await lab.runner.observe(Observation(NOON, "bogus", "x", Health.DOWN))
    asked = asyncio.create_task(lab.runner.command(Ack(NOON + 123, Selector(resource="vc1"), "jo")))
    await asyncio.sleep(0)
    assert not asked.done()
    await lab.run(5)
    await asked

    assert lab.incident().incident.state is State.ACKED
    assert lab.incident().incident.cycle.acked_at == NOON + 123
    [acked] = [one.record for one in lab.store.read(kind="acked")]
    assert acked.at == NOON + 123


async def test_the_inbox_is_taken(lab: Lab) -> None:
    """What the command line left is judged at the next look, once; what is no wish is left out and said."""
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(120)
    lab.store.post(message(Cancel(NOON + 121, Selector(resource="vc1"), CancelReason.DUPLICATE, "jo")))
    lab.store.post(Message("bad", NOON, '{"t": 0, "tick": true}'))
    lab.store.post(Message("worse", NOON, "{"))
    await lab.run(5)

    assert lab.store.inbox() == ()
    assert lab.view.incidents[0].incident.cancelled_because == "duplicate"
    assert lab.value('sla_incidents_total{class="api_communication",outcome="cancelled"}') == 1


async def test_an_observation_from_outside_holds(lab: Lab) -> None:
    """One notification that an alert fires is enough to open, one that it is over to resolve; it has its own start."""
    await lab.look()
    await lab.run(60)
    labels = (("condition", "alert"), ("site", "berlin"))
    asked = asyncio.create_task(lab.runner.observe(Observation(NOON + 30, API, "array", Health.DOWN, labels)))
    await asyncio.sleep(0)
    await lab.run(60)
    await asked
    assert (lab.incident().incident.state, lab.incident().incident.start) == (State.OPEN, NOON + 30)
    assert 'site="berlin"' in lab.text()

    asked = asyncio.create_task(lab.runner.observe(Observation(NOON + 125, API, "array", Health.UP)))
    await asyncio.sleep(0)
    await lab.run(300)
    await asked
    assert lab.incident().incident.resolved_at == NOON + 125


async def test_steps_of_the_wall_clock_change_no_timer(lab: Lab) -> None:
    """Forwards and backwards by an hour: counted, and that is all."""
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(100)
    lab.hands.off = 3600
    await lab.run(100)
    lab.hands.off = -3600
    await lab.run(100)

    assert lab.incident().timers[0].elapsed == 295
    assert lab.view.offset == -3600
    assert lab.value('sla_clock_jumps_total{direction="forward"}') == 1
    assert lab.value('sla_clock_jumps_total{direction="backward"}') == 1


class Faulty:
    """A store that fails as often as told, before or after it has done what was asked."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fail_before = 0
        self.fail_after = 0
        self.fence = False
        self.keep = False

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    def append(self, batch: Batch, lease: Lease) -> tuple[Stored, ...]:
        """Fails, or not."""
        if self.fence:
            raise Fenced("another one judges")
        if self.fail_before:
            self.fail_before -= 1
            raise Unavailable("the disk is full")
        found = self.store.append(batch, lease)
        if self.fail_after:
            self.fail_after -= 1
            raise Unavailable("the answer was lost")
        return found

    def forget(self, before: float, *, keep: Collection[str], lease: Lease) -> int:
        """Dies before it is done, or not."""
        if self.keep:
            raise Unavailable("killed")
        return self.store.forget(before, keep=keep, lease=lease)


@pytest.mark.parametrize("kind", ["fail_before", "fail_after"])
async def test_a_store_that_fails_loses_nothing(lab: Lab, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """What could not be written is written later, once; who asked waits; the failure is counted, and said once."""
    faulty = Faulty(lab.store)
    lab.store = faulty  # type: ignore[assignment]
    lab.restart(holder=lab.holder)
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(10)
    setattr(faulty, kind, 4)
    asked = asyncio.create_task(lab.runner.announce(Window("w", NOON + 900, NOON + 1000)))
    await asyncio.sleep(0)
    await lab.run(20)
    assert not asked.done()
    await lab.run(70)
    await asked

    kinds = [(one.record.kind, one.record.at - NOON) for one in lab.store.read()]
    assert kinds.count(("window", 10.0)) == 1
    assert [kind for kind, _ in kinds].count("observed_bad") == [kind for kind, _ in kinds].count("opened") == 1
    assert lab.value('sla_store_errors_total{op="append"}') == 4
    assert [record.levelname for record in caplog.records if "SLA store" in record.message] == ["WARNING"]


async def test_a_follower_reads_and_takes_over(hands: Hands, tmp_path: Path) -> None:
    """Two evaluators on one store: one judges, the other shows the same; when the first dies, the second goes on."""
    store = MemoryStore(monotonic=lambda: hands.seconds)
    leader, follower = (Lab(store, tmp_path, hands=hands, holder=name) for name in ("one", "two"))
    for lab in (leader, follower):
        lab.up(vc1=0.0)
    for _ in range(20):
        hands.seconds += 5
        await leader.look()
        await follower.look()
    assert (leader.view.leader, follower.view.leader) == (True, False)
    assert follower.incident() == leader.incident()
    assert follower.value('sla_down_seconds_total{class="api_communication",resource="vc1"}') == 55
    own = ("sla_evaluator_", "sla_down_seconds", "sla_observed_seconds", "#")  # the sums are written once a minute
    lines = [line for line in leader.text().splitlines() if not line.startswith(own)]
    assert [line for line in follower.text().splitlines() if not line.startswith(own)] == lines

    for _ in range(10):
        hands.seconds += 5
        await follower.look()
    assert (follower.view.leader, follower.view.epoch) == (True, 2)
    assert follower.incident().incident.start == leader.incident().incident.start
    before = [stored.record.key for stored in store.read()]
    hands.seconds += 5
    await leader.look()
    assert not leader.view.leader
    assert [stored.record.key for stored in store.read()][: len(before)] == before
    assert leader.incident().incident == follower.incident().incident


async def test_a_frozen_leader_is_fenced(hands: Hands, tmp_path: Path) -> None:
    """A process that slept through the end of its lease writes nothing, and what was asked of it fails."""
    store = MemoryStore(monotonic=lambda: hands.seconds)
    first, second = (Lab(store, tmp_path, hands=hands, holder=name) for name in ("one", "two"))
    first.up(vc1=0.0)
    await first.look()
    hands.seconds += 60
    await second.look()
    asked = asyncio.create_task(first.runner.announce(Window("w", NOON + 900, NOON + 1000)))
    await asyncio.sleep(0)
    await first.look()

    with pytest.raises(Unavailable):
        await asked
    assert not first.view.leader
    assert {stored.epoch for stored in store.read(since=2)} <= {1, 2}
    assert not list(store.read(kind="window"))


async def test_a_refused_write_ends_the_judging(lab: Lab) -> None:
    """What was refused never happened: it is counted, the log is read again, and judged anew when there is a lease."""
    faulty = Faulty(lab.store)
    lab.store = faulty  # type: ignore[assignment]
    lab.restart(holder=lab.holder)
    await lab.look()
    lab.up(vc1=0.0)
    faulty.fence = True
    await lab.run(5)
    assert (lab.view.leader, lab.view.fenced) == (False, 1)
    faulty.fence = False
    await lab.run(10)

    assert lab.view.leader
    assert lab.incident().incident.start == NOON + 10
    assert lab.value("sla_fenced_writes_total") == 1


async def test_a_follower_leaves_wishes_for_the_leader(hands: Hands, tmp_path: Path) -> None:
    """What is asked of a follower is in the inbox when it returns, and in the log after the leader's next look."""
    store = MemoryStore(monotonic=lambda: hands.seconds)
    leader, follower = (Lab(store, tmp_path, hands=hands, holder=name) for name in ("one", "two"))
    await leader.look()
    await follower.look()
    await follower.runner.announce(Window("w", NOON + 900, NOON + 1000))
    hands.seconds += 5
    await leader.look()

    assert [window.id for window in leader.view.windows] == ["w"]


async def test_retention_keeps_the_counters(disk: Lab, tmp_path: Path) -> None:
    """What is older than the retention leaves the log; the counters and histograms stay, over a restart too."""
    disk.setup = Setup(faster(disk.setup.policy, reopen_within=60.0), retention=3600.0)
    disk.restart(holder=disk.holder)
    for outage in (700.0, 30.0, 90.0):
        disk.up(vc1=0.0)
        await disk.run(outage)
        disk.up(vc1=1.0)
        await disk.run(1000)
    await disk.run(7200, step=30)
    counters = [line for line in disk.text().splitlines() if "_total{" in line or "_bucket{" in line or "_sum" in line]
    counters = [line for line in counters if "_seconds_total" not in line]
    await disk.runner.retain()
    assert [kind for kind, _ in log(disk)] == []
    die(disk, tmp_path)
    await disk.look()

    text = disk.text()
    assert [line for line in counters if line not in text] == []
    assert 'sla_blips_total{class="api_communication"} 1.0' in text


async def test_death_while_forgetting_counts_nothing_twice(disk: Lab, tmp_path: Path) -> None:
    """The counters of what is forgotten are kept first; if it is then still there, it is not counted again."""
    disk.up(vc1=0.0)
    await disk.run(1000)
    disk.up(vc1=1.0)
    await disk.run(1000)
    disk.setup = Setup(disk.setup.policy, retention=3600.0)
    disk.store = Faulty(disk.store)  # type: ignore[assignment]
    disk.store.keep = True  # type: ignore[attr-defined]
    disk.restart(holder=disk.holder)
    await disk.run(7200, step=60)
    await disk.runner.retain()
    assert disk.value('sla_store_errors_total{op="forget"}') is not None
    assert log(disk)
    die(disk, tmp_path)
    await disk.look()

    assert disk.value('sla_incidents_total{class="api_communication",outcome="met"}') == 1
    assert disk.value('sla_threshold_crossings_total{class="api_communication",percent="50",target="resolution"}') == 1


async def test_a_look_that_comes_late_leaves_a_gap(lab: Lab) -> None:
    """What happened between two looks that are over a minute apart is unknown."""
    await lab.look()
    await lab.run(60)
    await lab.run(100, step=100)

    series = '{class="api_communication",resource="vc1"}'
    assert lab.value(f"sla_observed_seconds_total{series}") == 60
    assert lab.value(f"sla_unknown_seconds_total{series}") == 100


async def test_resolved_at_the_very_limit(lab: Lab) -> None:
    """Counters and histogram agree on which side of the limit it is."""
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(1800)
    lab.up(vc1=1.0)
    await lab.run(1000)

    assert lab.view.incidents[0].timers[0].elapsed == 1800
    met = lab.value('sla_incidents_total{class="api_communication",outcome="met"}')
    assert lab.value('sla_time_to_resolve_seconds_bucket{class="api_communication",le="1800.0"}') == met


async def test_usage_survives(disk: Lab, tmp_path: Path) -> None:
    """Observed and down seconds go on after a restart; the time between is unknown. A day has its own sum."""
    disk.hands.seconds = NOON + 43000
    await disk.look()
    await disk.run(600)
    disk.hands.seconds += 100
    die(disk, tmp_path)
    await disk.look()
    await disk.run(60)

    series = '{class="api_communication",resource="vc1"}'
    observed = disk.value(f"sla_observed_seconds_total{series}") or 0.0
    unknown = disk.value(f"sla_unknown_seconds_total{series}") or 0.0
    assert observed + unknown == pytest.approx(760)
    assert unknown == pytest.approx(100, abs=60)
    assert [one.day for one in disk.store.aggregates("2026-11-22", "2026-11-24")] == ["2026-11-22", "2026-11-23"]


async def test_the_page(lab: Lab, golden: object) -> None:
    """Every family of the evaluator, with an open, a breached and a closed incident, a window, and resource sums."""
    planned = Maintenance("patch", Selector(resource="vc2"), start=NOON + 600, end=NOON + 7200)
    lab.setup = Setup(lab.setup.policy, {"vc1": "berlin"}, (planned,))
    lab.restart(holder=lab.holder)
    await lab.look()
    lab.up(vc1=0.0)
    await lab.run(200)
    lab.up(vc1=1.0)
    await lab.run(1000)
    lab.up(vc1=0.0, vc2=0.0)
    await lab.run(2000)
    lab.hands.off = 60.0
    await lab.run(5)

    golden("sla.prom", lab.text())  # type: ignore[operator]


async def test_it_runs_by_itself_and_ends_clean(tmp_path: Path) -> None:
    """The loop looks at once when something changes, and gives back lease and files when it ends."""
    hands = Hands()
    lab = Lab(SqliteStore(tmp_path / "state"), tmp_path, hands=hands)
    running = asyncio.create_task(lab.runner.run())
    async with asyncio.timeout(5):
        await lab.published.wait()
        asked = asyncio.create_task(lab.runner.announce(Window("w", NOON + 900, NOON + 1000)))
        await asked
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    again = SqliteStore(tmp_path / "state")
    assert [window.id for window in again.windows()] == ["w"]
    assert [stored.record.kind for stored in again.read()] == [
        facts.AgentRun.kind,
        facts.PolicySelected.kind,
        facts.WindowAdded.kind,
    ]
    again.close()


def test_the_built_in_classes_have_conditions() -> None:
    """Every condition over metrics names a family that the product has."""
    classes = built_in().classes
    assert sorted(classes) == [API, "storage_connection"]
