"""The two schedules, cycle by cycle, against a vCenter whose every sample is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pytest
from vcenter.perfserver import PerfServer, Spec, read, sample

from exporter.clock import Clock
from exporter.errors import BadReply, Fault, TimedOut, Unreachable
from exporter.exposition import Scale
from exporter.model import Counter, Entity, Family, Kind
from exporter.store import Store
from exporter.vcenter import plan
from exporter.vcenter.decode import Decoder
from exporter.vcenter.marks import Completeness
from exporter.vcenter.pace import Bounds
from exporter.vcenter.perfxml import Block
from exporter.vcenter.plan import Question
from exporter.vcenter.query import Query
from exporter.vcenter.sampler import CATCH_UP, CATCH_UP_BATCH, Historical, Realtime, Report

T0 = 1_700_000_400
"""A time on the grids of 20 s and of 300 s."""

TYPES = {Kind.VM: "VirtualMachine", Kind.HOST: "HostSystem", Kind.CLUSTER: "ClusterComputeResource"}


def entities(kind: Kind = Kind.VM, *numbers: int, **more: object) -> dict[str, Entity]:
    """vm-1, vm-2, ... by moid."""
    moids = [f"{kind.value}-{number}" for number in numbers or (1, 2, 3)]
    return {moid: replace(Entity(moid, kind, TYPES.get(kind, "Datastore"), moid), **more) for moid in moids}


def question(kind: Kind = Kind.VM, counters: Iterable[int] = (1, 2), **more: object) -> Question:
    """These counters of a kind."""
    asked = tuple(Counter(n, f"cpu.c{n}.average", "number", "rate", 1, "") for n in counters)
    return replace(Question("PerfMgr", kind, asked, instances=False, interval=20, newest=1), **more)


class Lab:
    """A schedule, the vCenter it asks, the page it writes, and a clock that moves when told."""

    def __init__(self, *questions: Question, step: int = 20, start: int = T0, pairs: int | None = None) -> None:
        self.now = float(start)
        self.ahead = 0.0
        self.step = step
        self.server = PerfServer(lambda: self.now + self.ahead, keep=3600 if step == 20 else 86_400)
        self.store = Store("vc1")
        self.late: list[tuple[str, tuple[int, ...], list[bytes]]] = []
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now - T0, cpu=lambda: 0.0)
        self.decoder = Decoder()
        query = Query(self.server, self.decoder, clock=clock)
        if step == 20:
            self.schedule: Realtime | Historical = Realtime(
                query=query, store=self.store, clock=clock, bounds=Bounds(), late=self._late
            )
        else:
            self.schedule = Historical(query=query, store=self.store, clock=clock, pairs=pairs)
        self.ask(*questions or [question()])

    def ask(self, *questions: Question) -> None:
        """Sets what is asked and what the counters are called."""
        for asked in questions:
            columns = {c.id: (Family(f"{asked.kind.value}_{c.id}", "gauge", ""), Scale()) for c in asked.counters}
            self.store.define(asked.kind, columns)
        self.schedule.ask(questions)

    def _late(self, entity: Entity, block: Block, times: tuple[int, ...]) -> None:
        self.late.append((entity.moid, times, block.values))

    async def cycle(self, inventory: Mapping[str, Entity], *, after: int | None = None) -> Report:
        """One cycle, an interval after the last one unless said otherwise."""
        self.now += self.step if after is None else after
        self.server.requests.clear()
        return await self.schedule.cycle(inventory, self.now)

    @property
    def specs(self) -> list[Spec]:
        """The querySpecs of the last cycle."""
        return [spec for request in self.server.requests for spec in read(request)]

    def shown(self, moids: Iterable[str], counter: int = 1) -> dict[str, float | None]:
        """What the page says of one counter."""
        return {moid: self.store.value(moid, counter) for moid in moids}

    def right(self, moids: Iterable[str], counter: int = 1, *, ago: int = 0) -> dict[str, float | None]:
        """What it should say."""
        time = int(self.now) // self.step * self.step - ago
        return {moid: float(sample(moid, counter, time, step=self.step)) for moid in moids}


def gone(moids: Iterable[str]) -> dict[str, None]:
    """Entities that are not on the page."""
    return dict.fromkeys(moids)


def totals(expected: int, received: int, late: int = 0, missing: int = 0) -> Completeness:
    """The account of one kind."""
    return Completeness(expected, received, late, missing)


async def test_a_steady_cycle_sends_the_very_bytes_of_the_one_before() -> None:
    """The requests are the same objects, also in a new inventory in which nothing changed; every sample is shown."""
    lab, vms, hosts = Lab(question(), question(Kind.HOST)), entities(), entities(Kind.HOST)
    await lab.cycle(vms | hosts)
    first = list(lab.server.requests)
    for inventory in (vms | hosts, vms | hosts, entities() | entities(Kind.HOST)):
        report = await lab.cycle(inventory)
        assert len(lab.server.requests) == len(first) == 2
        assert all(one is other for one, other in zip(lab.server.requests, first, strict=True))
        assert lab.shown(inventory) == lab.right(inventory)
        assert lab.shown(inventory, 2) == lab.right(inventory, 2)
    assert report.totals == {Kind.VM: totals(12, 12), Kind.HOST: totals(12, 12)}
    assert report.planned == {Kind.VM: 3, Kind.HOST: 3}
    assert report.ages == {Kind.VM: (0, 0, 0), Kind.HOST: (0, 0, 0)}
    assert (report.schedule, report.error, report.quarantined) == ("realtime", None, {Kind.VM: (), Kind.HOST: ()})


async def test_a_new_entity_changes_one_batch() -> None:
    """The batches of the others are the same objects."""
    lab, many = Lab(), entities(Kind.VM, *range(1, 501))
    await lab.cycle(many)
    first = list(lab.server.requests)
    await lab.cycle(many | entities(Kind.VM, 777))
    assert [one is other for one, other in zip(lab.server.requests, first, strict=False)] == [True, True]
    assert [spec.moid for spec in read(lab.server.requests[2])] == ["vm-777"]


async def test_a_skipped_interval_is_asked_for_again() -> None:
    """After the mark, up to before the new sample; it goes to ``late`` with its time, not to the page; only once."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    mark = int(lab.now)
    report = await lab.cycle(vms, after=60)
    windows = [(spec.moid, spec.start, spec.end, spec.newest) for spec in lab.specs if spec.newest is None]
    assert windows == [(moid, mark, mark + 40, None) for moid in vms]
    times = (mark + 20, mark + 40)
    assert lab.late == [
        (moid, times, [b"%d,%d" % tuple(sample(moid, counter, time) for time in times) for counter in (1, 2)])
        for moid in vms
    ]
    assert lab.shown(vms) == lab.right(vms)
    assert report.totals == {Kind.VM: totals(12, 12, late=6)}
    await lab.cycle(vms)
    assert (len(lab.server.requests), len(lab.late)) == (1, 3)


async def test_samples_that_do_not_exist_are_missing() -> None:
    """What is asked for again and does not come is given up."""
    lab, vms = Lab(), entities()
    lab.server.lost = {("vm-2", T0 + 40), ("vm-2", T0 + 60)}
    for _ in range(5):
        report = await lab.cycle(vms)
    assert report.totals == {Kind.VM: totals(15, 13, missing=2)}


@pytest.mark.parametrize(("away", "late", "missing"), [(600, 29, 0), (3600, 179, 0), (7200, 179, 180)])
async def test_a_restart_closes_the_gap_up_to_an_hour(away: int, late: int, missing: int) -> None:
    """The saved marks are gone on from; what vCenter no longer keeps is counted as missing."""
    before, vms = Lab(), entities()
    await before.cycle(vms)
    after = Lab(start=int(before.now))
    after.schedule.marks[Kind.VM].restore(before.schedule.marks[Kind.VM].saved())
    report = await after.cycle(vms, after=away)
    assert after.shown(vms) == after.right(vms)
    assert {moid: len(times) for moid, times, _ in after.late} == dict.fromkeys(vms, late)
    assert report.totals == {Kind.VM: totals(3 * away // 20, 3 * (late + 1), 3 * late, 3 * missing)}


async def test_a_long_gap_of_many_is_closed_in_portions() -> None:
    """No cycle asks for more than CATCH_UP entity-intervals again, no request for more than CATCH_UP_BATCH."""
    lab, vms = Lab(question(counters=[1])), entities(Kind.VM, *range(1, 151))
    await lab.cycle(vms)
    asked = []
    for after in (3600, 20, 20):
        await lab.cycle(vms, after=after)
        windows = [[spec for spec in read(request) if spec.newest is None] for request in lab.server.requests]
        sizes = [sum((spec.end - spec.start) // 20 for spec in specs) for specs in windows if specs]
        assert max(sizes, default=0) <= CATCH_UP_BATCH
        asked.append(sum(sizes))
    assert asked[0] > CATCH_UP - 180
    assert [size <= CATCH_UP for size in asked] == [True, True, True]
    report = await lab.cycle(vms)
    expired = (150 - asked[0] // 179) * 1  # one more interval is beyond the hour a cycle later
    assert report.totals[Kind.VM].missing == expired
    assert report.totals[Kind.VM].expected == report.totals[Kind.VM].received + expired


async def test_an_entity_switched_off_leaves_and_returns_without_a_false_gap() -> None:
    """It is not asked for, it is not on the page, and the time it was off is not missing."""
    lab, vms = Lab(), entities()
    off = vms | entities(Kind.VM, 2, queryable=False)
    await lab.cycle(vms)
    lab.server.off = {"vm-2"}
    for _ in range(10):
        await lab.cycle(off)
        assert [spec.moid for spec in lab.specs] == ["vm-1", "vm-3"]
        assert lab.shown(vms) == lab.right(["vm-1", "vm-3"]) | gone(["vm-2"])
    lab.server.off = set()
    report = await lab.cycle(vms)
    assert lab.shown(vms) == lab.right(vms)
    assert (lab.late, report.totals) == ([], {Kind.VM: totals(12 + 12 + 2, 12 + 12 + 2)})


async def test_an_entity_deleted_from_the_inventory_leaves_the_page() -> None:
    """In the same cycle; nor does the decoder keep what its replies look like."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    report = await lab.cycle(entities(Kind.VM, 1, 3))
    assert [set(dialect.of_entity) for dialect in lab.decoder._dialects.values()] == [{b"vm-1", b"vm-3"}]
    assert lab.shown(vms) == lab.right(["vm-1", "vm-3"]) | gone(["vm-2"])
    assert (report.planned, len(report.ages[Kind.VM])) == ({Kind.VM: 2}, 2)


async def test_an_entity_without_new_samples_is_taken_off_after_three_intervals() -> None:
    """vCenter answers, but with nothing new: the last value stays for three intervals, and no longer."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    last = lab.right(["vm-2"])
    lab.server.lost = {("vm-2", T0 + 20 * tick) for tick in range(2, 20)}
    shown = []
    for _ in range(6):
        report = await lab.cycle(vms)
        assert lab.shown(["vm-1", "vm-3"]) == lab.right(["vm-1", "vm-3"])
        shown.append(lab.shown(["vm-2"]))
    assert shown == [last, last, last, gone(["vm-2"]), gone(["vm-2"]), gone(["vm-2"])]
    assert report.ages[Kind.VM] == (0, 0, 120)
    lab.server.lost = set()
    report = await lab.cycle(vms)
    assert lab.shown(vms) == lab.right(vms)
    assert report.totals == {Kind.VM: totals(24, 24, late=6)}


async def test_a_vcenter_that_is_away_keeps_its_values_until_they_are_stale() -> None:
    """Each cycle reports the error; after three intervals nothing is shown; the next good cycle is complete again."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    last = lab.right(vms)
    error = Unreachable("connection refused")

    def away(_: Sequence[Spec]) -> None:
        raise error

    lab.server.rules.append(away)
    shown = []
    for _ in range(5):
        report = await lab.cycle(vms)
        assert (report.error, report.result.outcomes) == (error, {"unreachable": 1})
        shown.append(lab.shown(vms))
    assert shown == [last, last, last, gone(vms), gone(vms)]
    lab.server.rules.clear()
    report = await lab.cycle(vms)
    assert (lab.shown(vms), report.error) == (lab.right(vms), None)
    assert report.totals == {Kind.VM: totals(21, 21, late=15)}


async def test_a_sample_older_than_the_mark_is_ignored() -> None:
    """An older reply (from another connection, or a standby) changes neither the page nor the account."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    shown = lab.shown(vms)
    lab.ahead = -40
    report = await lab.cycle(vms)
    assert lab.shown(vms) == shown
    assert report.totals == {Kind.VM: totals(3, 3)}
    lab.ahead = 0
    report = await lab.cycle(vms)
    assert report.totals == {Kind.VM: totals(9, 9, late=3)}


@pytest.mark.parametrize("ahead", [-900, -90, 90, 900])
async def test_a_host_whose_clock_is_off_is_shown_like_any_other(ahead: int) -> None:
    """What counts is that new samples come; their age is said, and none is missing."""
    lab, hosts = Lab(question(Kind.HOST)), entities(Kind.HOST)
    lab.ahead = ahead
    for _ in range(6):
        report = await lab.cycle(hosts)
        assert lab.shown(hosts) == {moid: float(sample(moid, 1, int(lab.now + ahead) // 20 * 20)) for moid in hosts}
    assert report.totals == {Kind.HOST: totals(18, 18)}
    assert report.ages[Kind.HOST][0] == -ahead + (10 if ahead % 20 else 0)


async def test_a_clock_set_back_does_not_blind_us() -> None:
    """vCenter's clock was a day ahead and is put right: old values go when stale, and new ones come then."""
    lab, vms = Lab(start=T0 + 86_400), entities()
    await lab.cycle(vms)
    lab.now, moved = T0, lab.now
    lab.schedule._clock = Clock(now=lambda: lab.now, monotonic=lambda: lab.now + 86_400 - T0, cpu=lambda: 0.0)
    shown = []
    for _ in range(7):
        await lab.cycle(vms)
        shown.append(lab.shown(vms))
    assert moved > lab.now
    assert shown[-2:] == [lab.right(vms, ago=20), lab.right(vms)]
    assert gone(vms) in shown


def poison(*moids: str) -> object:
    """A fault for every request that names one of these."""

    def rule(specs: Sequence[Spec]) -> None:
        if any(spec.moid in moids for spec in specs):
            raise Fault("SystemError", "A general system error occurred")

    return rule


async def test_a_poison_entity_is_left_alone_and_then_asked_by_itself() -> None:
    """Its old value stays until stale, the others are complete; when its time is over it is tried without them."""
    lab, vms = Lab(), entities(Kind.VM, 1, 2, 3, 4)
    await lab.cycle(vms)
    last, others = lab.right(["vm-2"]), ["vm-1", "vm-3", "vm-4"]
    lab.server.rules.append(poison("vm-2"))
    asked, shown = [], []
    for _ in range(5):
        report = await lab.cycle(vms)
        assert lab.shown(others) == lab.right(others)
        shown.append(lab.shown(["vm-2"]))
        asked.append([[spec.moid for spec in read(request)] for request in lab.server.requests])
        assert report.quarantined == {Kind.VM: ("vm-2",)}
    assert shown == [last, last, last, gone(["vm-2"]), gone(["vm-2"])]
    assert len(asked[0]) > 2
    assert asked[1:] == [[others], [others], [others, ["vm-2"]], [others]]
    lab.server.rules.clear()
    for _ in range(8):
        report = await lab.cycle(vms)
    assert lab.shown(vms) == lab.right(vms)
    assert [sorted(spec.moid for spec in read(request)) for request in lab.server.requests] == [sorted(vms)]
    assert report.quarantined == {Kind.VM: ()}
    account = report.totals[Kind.VM]
    assert (account.expected, account.received, account.missing) == (56, 56, 0)


async def test_a_quarantined_entity_that_is_switched_off_or_deleted_is_forgotten() -> None:
    """It is not watched for ever, and returns without a false gap."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    lab.server.rules.append(poison("vm-2"))
    report = await lab.cycle(vms)
    assert report.quarantined == {Kind.VM: ("vm-2",)}
    for off in (vms | entities(Kind.VM, 2, queryable=False), entities(Kind.VM, 1, 3)):
        report = await lab.cycle(off)
        assert (report.quarantined, "vm-2" in lab.store) == ({Kind.VM: ()}, False)
    lab.server.rules.clear()
    report = await lab.cycle(vms)
    assert (lab.late, report.totals[Kind.VM].missing) == ([], 0)
    assert lab.shown(vms) == lab.right(vms)


async def test_an_entity_that_no_longer_exists_is_not_asked_again_at_once() -> None:
    """vCenter names it in a fault: off the page at once, one extra request, and none in the cycles after that."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)

    def deleted(specs: Sequence[Spec]) -> None:
        if any(spec.moid == "vm-2" for spec in specs):
            raise Fault("ManagedObjectNotFound", "has already been deleted", "vm-2")

    lab.server.rules.append(deleted)
    requests = []
    for _ in range(3):
        report = await lab.cycle(vms)
        requests.append(len(lab.server.requests))
        assert lab.shown(vms) == lab.right(["vm-1", "vm-3"]) | gone(["vm-2"])
    assert requests == [2, 1, 1]
    assert len(report.ages[Kind.VM]) == 2


async def test_sample_times_that_are_none_are_the_entitys_failure() -> None:
    """A reply that is XML but makes no sense harms the entity it speaks of alone."""
    lab, vms = Lab(), entities()

    def senseless(specs: Sequence[Spec]) -> bytes | None:
        reply = PerfServer(lambda: lab.now).answer(specs)
        return reply.replace(b"vm-2</entity><sampleInfoCSV>20,", b"vm-2</entity><sampleInfoCSV>20,x")

    lab.server.rules.append(senseless)
    report = await lab.cycle(vms)
    assert lab.shown(vms) == lab.right(["vm-1", "vm-3"]) | gone(["vm-2"])
    assert isinstance(report.result.poisoned["vm-2"], BadReply)


async def test_a_catch_up_that_fails_is_tried_again() -> None:
    """The gap stays while vCenter does not answer; the page is not touched by it."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)

    def slow(specs: Sequence[Spec]) -> None:
        if specs[0].newest is None:
            raise TimedOut("30 s")

    lab.server.rules.append(slow)
    report = await lab.cycle(vms, after=60)
    assert isinstance(report.error, TimedOut)
    assert (lab.shown(vms), report.totals) == (lab.right(vms), {Kind.VM: totals(12, 6)})
    lab.server.rules.clear()
    report = await lab.cycle(vms)
    assert (report.error, report.totals) == (None, {Kind.VM: totals(15, 15, late=6)})


async def test_a_gap_that_poisons_its_request_is_given_up() -> None:
    """The other gaps are closed; the entity goes on being read."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)

    def broken(specs: Sequence[Spec]) -> None:
        if any(spec.newest is None and spec.moid == "vm-2" for spec in specs):
            raise Fault("SystemError", "no")

    lab.server.rules.append(broken)
    report = await lab.cycle(vms, after=60)
    assert report.totals == {Kind.VM: totals(12, 10, late=4, missing=2)}
    report = await lab.cycle(vms)
    assert (len(lab.server.requests), lab.shown(vms)) == (1, lab.right(vms))


async def test_gaps_that_were_not_reached_stay_open() -> None:
    """With more poison than a cycle may track down, what was not asked again is asked in the next cycle."""
    lab, vms = Lab(), entities(Kind.VM, *range(1, 201))
    await lab.cycle(vms)
    bad = {f"vm-{number}" for number in range(5, 200, 5)}

    def broken(specs: Sequence[Spec]) -> None:
        if any(spec.newest is None and spec.moid in bad for spec in specs):
            raise Fault("SystemError", "no")

    lab.server.rules.append(broken)
    report = await lab.cycle(vms, after=60)
    poisoned, left = report.caught_up.poisoned, report.caught_up.left
    account = report.totals[Kind.VM]
    assert (0 < len(poisoned) < len(bad), account.missing) == (True, 2 * len(poisoned))
    assert account.expected - account.received - account.missing == 2 * len(left)
    lab.server.rules.clear()
    report = await lab.cycle(vms)
    assert {moid for moid, _, _ in lab.late} == vms.keys() - poisoned.keys()
    account = report.totals[Kind.VM]
    assert (account.missing, account.expected) == (2 * len(poisoned), account.received + account.missing)


async def test_gaps_that_open_while_others_wait_are_closed_one_after_the_other() -> None:
    """No sample is asked for, or counted, twice."""
    lab, vms = Lab(), entities(Kind.VM, 1)
    await lab.cycle(vms)

    def slow(specs: Sequence[Spec]) -> None:
        if specs[0].newest is None:
            raise TimedOut("30 s")

    lab.server.rules.append(slow)
    for after in (40, 20, 40, 20):
        await lab.cycle(vms, after=after)
    lab.server.rules.clear()
    for _ in range(3):
        report = await lab.cycle(vms)
    assert [times for _, times, _ in lab.late] == [(T0 + 40,), (T0 + 100,)]
    assert report.totals == {Kind.VM: totals(10, 10, late=2)}


async def test_after_new_definitions_the_page_is_filled_at_once() -> None:
    """A new login drops the columns; the next reply fills them, though its samples are not new, and counts nothing."""
    lab, vms = Lab(), entities()
    await lab.cycle(vms)
    lab.ask(question())
    assert lab.shown(vms) == gone(vms)
    report = await lab.cycle(vms, after=0)
    assert lab.shown(vms) == lab.right(vms)
    assert report.totals == {Kind.VM: totals(3, 3)}


async def test_a_kind_that_is_no_longer_asked_for_leaves() -> None:
    """Its values, marks and requests go; the other kind is not disturbed; it may come back."""
    lab, all_of_it = Lab(question(), question(Kind.HOST)), entities() | entities(Kind.HOST)
    await lab.cycle(all_of_it)
    lab.schedule.ask([question(), question(Kind.HOST, counters=[])])
    report = await lab.cycle(all_of_it)
    assert lab.shown(all_of_it) == lab.right(entities()) | gone(entities(Kind.HOST))
    assert (report.totals.keys(), report.planned) == ({Kind.VM}, {Kind.VM: 3})
    lab.ask(question(), question(Kind.HOST))
    report = await lab.cycle(all_of_it)
    assert lab.shown(all_of_it) == lab.right(all_of_it)
    assert report.totals == {Kind.VM: totals(9, 9), Kind.HOST: totals(3, 3)}


async def test_time_outs_make_the_batches_smaller() -> None:
    """The pace of the next cycle is half, and the report says so."""
    lab, vms = Lab(), entities(Kind.VM, *range(1, 501))
    await lab.cycle(vms)

    def hanging(specs: Sequence[Spec]) -> None:
        if any(spec.moid == "vm-2" for spec in specs):
            raise TimedOut("30 s")

    lab.server.rules.append(hanging)
    report = await lab.cycle(vms)
    assert (report.pace.entities, report.pace.concurrency) == (125, 1)
    await lab.cycle(vms)
    assert [len(read(request)) for request in lab.server.requests] == [125, 125, 125, 124]


ROLLUP = {"interval": 300, "newest": None}


async def test_rollups_are_asked_for_from_the_mark_on() -> None:
    """The first time an hour back, then after the newest that came, up to vCenter's now."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE)
    report = await lab.cycle(stores)
    assert {(spec.start, spec.end) for spec in lab.specs} == {(T0 + 300 - 3600, T0 + 300)}
    assert lab.shown(stores) == lab.right(stores)
    assert report.totals == {Kind.DATASTORE: totals(36, 36)}
    report = await lab.cycle(stores, after=310)
    assert {(spec.start, spec.end) for spec in lab.specs} == {(T0 + 300, T0 + 610)}
    assert (lab.shown(stores), report.totals) == (lab.right(stores), {Kind.DATASTORE: totals(39, 39)})


async def test_rollups_that_come_late_are_shown_and_all_counted() -> None:
    """Rollups forty minutes late: the newest there is, whatever its age, and none twice."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE)
    lab.ahead = -2400
    for _ in range(5):
        report = await lab.cycle(stores)
        assert lab.shown(stores) == lab.right(stores, ago=2400)
    assert report.totals == {Kind.DATASTORE: totals(3 * 8, 3 * 8)}
    assert report.ages[Kind.DATASTORE] == (2400, 2400, 2400)
    lab.server.off = set(stores)
    for _ in range(4):
        await lab.cycle(stores)
    assert lab.shown(stores) == gone(stores)


async def test_after_a_long_absence_a_day_of_rollups_is_asked_for() -> None:
    """What vCenter no longer keeps is not asked for."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE)
    lab.schedule.marks[Kind.DATASTORE].restore(dict.fromkeys(stores, T0 - 10 * 86_400))
    report = await lab.cycle(stores)
    assert {(spec.start, spec.end) for spec in lab.specs} == {(T0 + 300 - 86_400, T0 + 300)}
    account = report.totals[Kind.DATASTORE]
    assert (account.received, account.expected) == (3 * 288, account.received + account.missing)


async def test_where_nothing_can_be_new_nothing_is_asked() -> None:
    """A window that holds no time would be a fault for the whole batch."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE)
    await lab.cycle(stores)
    await lab.cycle(stores, after=0)
    assert lab.server.requests == []
    assert lab.shown(stores) == lab.right(stores)


async def test_clusters_are_asked_one_by_one_and_pairs_are_counted() -> None:
    """maxQueryMetrics is kept to for every kind; counters are divided where one entity alone is over it."""
    kinds = (Kind.CLUSTER, Kind.DATASTORE)
    lab = Lab(*(question(kind, range(1, 11), **ROLLUP) for kind in kinds), step=300, pairs=64)
    inventory = entities(Kind.CLUSTER) | entities(Kind.DATASTORE, *range(1, 14))
    await lab.cycle(inventory)
    assert [len(read(request)) for request in lab.server.requests] == [1, 1, 1, 6, 6, 1]
    lab.schedule.pairs = 4
    await lab.cycle(inventory)
    assert max(len(specs) * len(specs[0].metrics) for specs in map(read, lab.server.requests)) == 4
    assert lab.shown(inventory, 10) == lab.right(inventory, 10)


async def test_a_cluster_over_the_limit_is_read_in_parts_and_shown_whole() -> None:
    """Its counters come in several replies and stand together; the next cycle asks in that size; others are not cut."""
    kinds = (Kind.CLUSTER, Kind.DATASTORE)
    lab = Lab(*(question(kind, range(1, 9), **ROLLUP) for kind in kinds), step=300, pairs=64)
    inventory = entities(Kind.CLUSTER) | entities(Kind.DATASTORE)

    def restricted(specs: Sequence[Spec]) -> None:
        if specs[0].moid.startswith("cluster") and len(specs[0].metrics) > 2:
            raise Fault("RestrictedByAdministrator", "maxQueryMetrics")

    lab.server.rules.append(restricted)
    report = await lab.cycle(inventory)
    assert report.result.restricted == {Kind.CLUSTER: 4}
    for _ in range(2):
        for counter in range(1, 9):
            assert lab.shown(inventory, counter) == lab.right(inventory, counter)
        report = await lab.cycle(inventory)
        assert (report.result.outcomes, report.error) == ({"ok": 3 * 4 + 1}, None)
    assert report.totals[Kind.CLUSTER] == totals(3 * 14, 3 * 14)


async def test_a_reply_that_comes_twice_in_part_is_shown_once() -> None:
    """Entities before the damage come again with their half of the batch: each series still has one line."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE)
    await lab.cycle(stores)

    def cut(specs: Sequence[Spec]) -> bytes | None:
        reply = PerfServer(lambda: lab.now, keep=86_400).answer(specs)
        return reply[:-300] if len(specs) == 3 else None

    lab.server.rules.append(cut)
    both = Lab(question(Kind.DATASTORE, **ROLLUP), question(Kind.HOST, **ROLLUP), step=300)
    both.server.rules.append(cut)
    report = await both.cycle(stores | entities(Kind.HOST, 1))
    assert report.result.outcomes["bad_reply"] == 1
    assert [len(column.render().splitlines()) for column in both.store.columns()] == [3, 3, 1, 1]


async def test_a_poison_datastore_leaves_the_others_whole() -> None:
    """It is quarantined, and asked by itself when its time is over, as is every other."""
    lab, stores = Lab(question(Kind.DATASTORE, **ROLLUP), step=300), entities(Kind.DATASTORE, 1, 2, 3, 4)
    bad, others = ["datastore-2", "datastore-4"], ["datastore-1", "datastore-3"]
    lab.server.rules.append(poison(*bad))
    report = await lab.cycle(stores)
    assert (report.schedule, sorted(report.result.poisoned)) == ("historical", bad)
    await lab.cycle(stores)
    assert lab.shown(stores) == lab.right(others) | gone(bad)
    assert [[spec.moid for spec in read(request)] for request in lab.server.requests] == [
        others,
        ["datastore-2"],
        ["datastore-4"],
    ]
    lab.server.rules.clear()
    await lab.cycle(stores)
    await lab.cycle(stores)
    assert lab.shown(stores) == lab.right(stores)
    assert len(lab.server.requests) == 1


def test_a_plan_never_asks_for_an_empty_window() -> None:
    """Targets with windows come from marks alone, whose windows hold at least a part of an interval."""
    with pytest.raises(ValueError, match="holds no time"):
        plan.Target("VirtualMachine", "vm-1", T0, T0)
