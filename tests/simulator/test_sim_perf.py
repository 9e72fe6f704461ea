"""QueryPerf and its neighbours: windows, values, limits and faults by the vSphere API reference (PerfQuerySpec)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from simclient import NOON, Clock, ask, fault_name, raw

from simulator import queryperf
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.perf import Engine, Spec, check
from simulator.queryperf import Distortion, render
from simulator.vcenter import Server

VM = "vm-1001"


def counter(model: Model, name: str) -> int:
    """The id of a counter by its full name."""
    return next(key for key, one in model.counters.items() if one.full_name == name)


def at(seconds: float) -> datetime:
    """An instant for pyVmomi."""
    return datetime.fromtimestamp(seconds, UTC)


def reply(model: Model, *specs: Spec, distortion: Distortion | None = None) -> str:
    """The returnval elements for these specs."""
    return "".join(render(Engine(model), specs, distortion or Distortion()))


def csv_rows(text: str) -> tuple[list[float], dict[tuple[int, str], list[int]]]:
    """Instants and values by metric of one csv entity."""
    info = re.search(r"<sampleInfoCSV>(.*?)</sampleInfoCSV>", text)
    assert info is not None
    fields = info[1].split(",") if info[1] else []
    pattern = r"<value><id><counterId>(\d+)</counterId><instance>(.*?)</instance></id><value>(.*?)</value></value>"
    rows = {(int(key), instance): [int(v) for v in values.split(",")]
            for key, instance, values in re.findall(pattern, text)}  # fmt: skip
    return [queryperf.instant(time) for time in fields[1::2]], rows


def small(now: Callable[[], float]) -> Model:
    """One cluster with a handful of machines."""
    return build(Size(hosts=2, vms=14), now=now)


@given(
    start=st.none() | st.floats(-4000, 100),
    end=st.none() | st.floats(-4000, 100),
    maximum=st.none() | st.integers(1, 300),
    offset=st.floats(0, 60),
)
@settings(max_examples=200, deadline=None)
def test_a_window_holds_every_tick_and_no_other(
    start: float | None, end: float | None, maximum: int | None, offset: float
) -> None:
    """Real-time samples: on the 20 s grid, oldest first, start excluded, end included, an hour back, the last n."""
    model = WORLD
    now = NOON + offset
    model.now = lambda: now
    spec = Spec(
        VM, "VirtualMachine", interval=20, csv=True, max_sample=maximum, metrics=((2, ""),),
        start=None if start is None else now + start, end=None if end is None else now + end,
    )  # fmt: skip
    ticks = [20.0 * n for n in range(int(now // 20) - 179, int(now // 20) + 1)]
    expected = [t for t in ticks if (start is None or t > now + start) and (end is None or t <= now + end)]
    expected = expected[-maximum:] if maximum else expected
    times, rows = csv_rows(reply(model, spec))
    assert times == expected
    assert [len(values) for values in rows.values()] == ([len(expected)] if expected else [])


WORLD = small(Clock())


@given(first=st.integers(0, 170), length=st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_a_value_depends_on_its_instant_alone(first: int, length: int) -> None:
    """The same sample has the same value in whatever window, format and company it is asked for."""
    model = WORLD
    model.now = lambda: NOON
    whole = Spec(VM, "VirtualMachine", interval=20, csv=True)
    times, rows = csv_rows(reply(model, whole))
    start, end = times[first] - 1, times[first] + 20 * (length - 1)
    part = Spec(VM, "VirtualMachine", interval=20, csv=True, start=start, end=end)
    part_times, part_rows = csv_rows(reply(model, part))
    assert part_times == times[first : first + length]
    assert part_rows == {metric: values[first : first + length] for metric, values in rows.items()}
    one = Spec(VM, "VirtualMachine", interval=20, csv=False, start=start, end=times[first], metrics=((2, ""),))
    assert re.findall(r"</id><value>(-?\d+)</value></value>", reply(model, one)) == [str(rows[2, ""][first])]


def test_percentages_are_hundredths_between_0_and_10000(model: Model) -> None:
    """Every percent counter of every entity stays within 0..10000, at every sample of a day."""
    engine = Engine(model)
    percent = {key for key, one in model.counters.items() if one.unit == "percent"}
    ticks = range(0, 4320, 7)
    outside = {
        (node.kind, model.counters[metric[0]].full_name)
        for node in model.nodes.values()
        for metric in engine.available(node, realtime=node.kind in {"VirtualMachine", "HostSystem"})
        if metric[0] in percent and not all(0 <= v <= 10_000 for v in engine.one(node, metric).values(ticks))
    }
    assert outside == set()


def test_instances(model: Model) -> None:
    """'*' is all instances and the aggregate, '' the aggregate, a name that instance; no metricId is everything."""
    engine = Engine(model)
    usage, reads = counter(model, "cpu.usagemhz.average"), counter(model, "virtualDisk.read.average")
    vm = next(n for n in model.of_kind("VirtualMachine") if n.facts.cpus == 2 and n.facts.power == "poweredOn")

    def metrics(*wanted: tuple[int, str]) -> list[tuple[int, str]]:
        spec = Spec(vm.moid, vm.kind, interval=20, metrics=wanted or None)
        return [one.metric for one in engine.series(spec)]

    disks = [disk.instance for disk in vm.facts.disks]
    assert metrics((usage, "*")) == [(usage, ""), (usage, "0"), (usage, "1")]
    assert metrics((usage, "")) == [(usage, "")]
    assert metrics((usage, "1"), (usage, "")) == [(usage, "1"), (usage, "")]
    assert metrics((usage, "7"), (999_999, "*")) == []
    assert metrics((reads, "*")) == [(reads, instance) for instance in disks]
    assert metrics() == list(engine.available(vm, realtime=True))


def test_historical_rollups(model: Model) -> None:
    """Clusters, datastores, pools and datacenters have 300 s samples of a day, up to the statistics level."""
    model.now = lambda: NOON + 1
    for kind in ("ClusterComputeResource", "Datastore", "ResourcePool", "Datacenter"):
        node = next(model.of_kind(kind))
        times, rows = csv_rows(reply(model, Spec(node.moid, kind, interval=300, csv=True)))
        assert times == [NOON - 300.0 * n for n in reversed(range(288))]
        assert rows
        assert {model.counters[key].level for key, _ in rows} == {1}
        series = Engine(model).one(node, next(iter(rows)))
        assert rows[series.metric] == [series.values(range(int(t) // 20, int(t) // 20 + 1))[0] for t in times]
        model.stats_level = 4
        more = csv_rows(reply(model, Spec(node.moid, kind, interval=300, csv=True)))[1]
        assert set(more) >= set(rows)
        assert max(model.counters[key].level for key, _ in more) == (1 if kind == "Datacenter" else 4)
        model.stats_level = 1


def test_there_is_nothing_where_nothing_runs(model: Model) -> None:
    """A machine that is off, on a lost host, or a lost host itself: the entity without samples or series."""
    host = next(n for n in model.of_kind("HostSystem") if n.facts.connection == "connected" and model.vms_of(n.moid))
    vm = next(n for n in model.vms_of(host.moid) if n.facts.power == "poweredOn")
    spec = Spec(vm.moid, vm.kind, interval=20, csv=True)
    empty = (
        f'<returnval xsi:type="PerfEntityMetricCSV"><entity type="VirtualMachine">{vm.moid}</entity>'
        "<sampleInfoCSV></sampleInfoCSV></returnval>"
    )
    assert reply(model, spec) != empty
    model.power(vm.moid, on=False)
    assert reply(model, spec) == empty
    model.power(vm.moid, on=True)
    assert reply(model, spec) == empty, "its samples begin when it is powered on"
    model.update(vm.moid, started=0.0)
    model.set_host(host.moid, connection="notResponding")
    assert reply(model, spec) == empty


def test_samples_begin_at_power_on(model: Model, clock: Clock) -> None:
    """A machine powered on at noon has its first sample at the next tick, and one more every 20 s."""
    model.power(VM, on=False)
    model.power(VM, on=True)
    clock.seconds += 50
    times, _ = csv_rows(reply(model, Spec(VM, "VirtualMachine", interval=20, csv=True)))
    assert times == [NOON + 20, NOON + 40]


def test_uptime_counts_seconds(model: Model) -> None:
    """sys.uptime.latest grows by twenty from sample to sample and agrees with the boot time."""
    vm = model.get(VM)
    spec = Spec(VM, vm.kind, interval=20, csv=True, max_sample=3, metrics=((counter(model, "sys.uptime.latest"), ""),))
    times, rows = csv_rows(reply(model, spec))
    assert list(rows.values()) == [[int(t - vm.facts.started) for t in times]]


def test_a_new_disk_brings_new_series(model: Model) -> None:
    """After a reconfiguration the same query has the series of the new disk."""
    engine = Engine(model)
    spec = Spec(VM, "VirtualMachine", interval=20, metrics=((counter(model, "virtualDisk.read.average"), "*"),))
    before = [one.metric[1] for one in engine.series(spec)]
    disk = model.add_disk(VM)
    assert [one.metric[1] for one in engine.series(spec)] == [*before, disk.instance]


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        (Spec("vm-9", "VirtualMachine", interval=20), vmodl.fault.ManagedObjectNotFound),
        (Spec(VM, "HostSystem", interval=20), vmodl.fault.ManagedObjectNotFound),
        (Spec("datastore-1", "Datastore", interval=20), vmodl.fault.InvalidArgument),
        (Spec(VM, "VirtualMachine", interval=60), vmodl.fault.InvalidArgument),
        (Spec("vm-1002", "VirtualMachine", interval=20), vmodl.fault.SystemError),
    ],
)
def test_one_bad_spec_fails_the_call(model: Model, spec: Spec, fault: type[Exception]) -> None:
    """Deleted, of another type, no real-time provider, unknown interval, poison: the whole call is that fault."""
    good = Spec(VM, "VirtualMachine", interval=20)
    with pytest.raises(fault):
        check(Engine(model), (good, spec), poison=frozenset({"vm-1002"}), limit=None)


def test_the_limit_is_for_what_is_not_real_time(model: Model) -> None:
    """maxQueryMetrics counts series of all specs together, spares interval 20, and faults in vCenter's words."""
    cluster = next(model.of_kind("ClusterComputeResource"))
    spec = Spec(cluster.moid, cluster.kind, interval=300)
    engine = Engine(model)
    count = len(engine.series(spec))
    realtime = Spec("host-1", "HostSystem", interval=20)
    check(engine, (spec, spec, realtime), poison=frozenset(), limit=2 * count)
    with pytest.raises(vim.fault.RestrictedByAdministrator) as caught:
        check(engine, (spec, spec), poison=frozenset(), limit=2 * count - 1)
    assert caught.value.msg == (
        "This operation is restricted by the administrator - 'vpxd.stats.maxQueryMetrics'. "
        "Contact your system administrator."
    )


def test_distortions(model: Model) -> None:
    """Gaps are -1 and steady, csv can be ignored, shuffling loses nothing."""
    specs = [Spec(f"vm-{n}", "VirtualMachine", interval=20, csv=True, max_sample=9) for n in (1001, 1002, 1003)]
    straight = reply(model, *specs)
    gaps = reply(model, *specs, distortion=Distortion(gaps=0.25))
    values = re.findall(r"-?\d+", "".join(re.findall(r"</id><value>(.*?)</value>", gaps)))
    assert gaps == reply(model, *specs, distortion=Distortion(gaps=0.25))
    assert 0.15 < values.count("-1") / len(values) < 0.35
    assert "PerfEntityMetricCSV" not in reply(model, *specs, distortion=Distortion(normal_only=True))
    shuffled = reply(model, *specs, distortion=Distortion(shuffle=True))
    assert shuffled != straight
    assert sorted(re.split("(?=<returnval|<value><id>)|</returnval>", shuffled)) == sorted(
        re.split("(?=<returnval|<value><id>)|</returnval>", straight)
    )


async def test_pyvmomi_queries_both_formats(server: Server, model: Model) -> None:
    """QueryPerf through pyVmomi: normal and csv hold the same instants and values."""

    def read(content: Any) -> Any:
        entity = vim.VirtualMachine(VM, content.rootFolder._stub)
        specs = [
            vim.PerformanceManager.QuerySpec(
                entity=entity, startTime=at(NOON - 100), endTime=at(NOON), intervalId=20, format=form,
                metricId=[vim.PerformanceManager.MetricId(counterId=2, instance="*")],
            )
            for form in ("normal", "csv")
        ]  # fmt: skip
        return content.perfManager.QueryPerf(specs)

    normal, csv = await ask(server, read)
    times = [NOON - 80, NOON - 60, NOON - 40, NOON - 20, NOON]
    assert [info.timestamp.timestamp() for info in normal.sampleInfo] == times
    assert csv.sampleInfoCSV == ",".join(f"20,{queryperf.iso(t)}" for t in times)
    assert csv.value[0].value == ",".join(map(str, normal.value[0].value))
    expected = Engine(model).one(model.get(VM), (2, ""))
    assert normal.value[0].value == expected.values(range(int(times[0]) // 20, int(NOON) // 20 + 1))


async def test_what_can_be_queried(server: Server) -> None:
    """perfCounter, intervals, providers and available metrics agree with each other."""

    def read(content: Any) -> None:
        manager, stub = content.perfManager, content.rootFolder._stub
        names = {f"{c.groupInfo.key}.{c.nameInfo.key}.{c.rollupType}": c.key for c in manager.perfCounter}
        assert len(names) == len(manager.perfCounter) > 400
        assert [one.samplingPeriod for one in manager.historicalInterval] == [300, 1800, 7200, 86400]
        vm, store = vim.VirtualMachine(VM, stub), vim.Datastore("datastore-1", stub)
        first, second = manager.QueryPerfProviderSummary(vm), manager.QueryPerfProviderSummary(store)
        assert (first.currentSupported, first.refreshRate) == (True, 20)
        assert (second.currentSupported, second.summarySupported, second.refreshRate) == (False, True, -1)
        available = {one.counterId for one in manager.QueryAvailablePerfMetric(vm, intervalId=20)}
        assert names["cpu.ready.summation"] in available
        assert not manager.QueryAvailablePerfMetric(store, intervalId=20)
        assert manager.QueryAvailablePerfMetric(store, intervalId=300)
        ready = manager.QueryPerfCounter([names["cpu.ready.summation"]])[0]
        assert (ready.unitInfo.key, ready.statsType, ready.level) == ("millisecond", "delta", 1)
        with pytest.raises(vmodl.fault.InvalidArgument):
            manager.QueryPerfCounter([2, 999_999])

    await ask(server, read)


async def test_missing_and_renumbered_counters(server: Server, model: Model) -> None:
    """A counter can be missing from list and replies; after renumbering every name has another id."""

    def read(content: Any) -> dict[str, int]:
        return {f"{c.groupInfo.key}.{c.nameInfo.key}.{c.rollupType}": c.key for c in content.perfManager.perfCounter}

    before = await ask(server, read)
    model.missing_counters = frozenset({"cpu.ready.summation"})
    model.renumber_counters()
    after = await ask(server, read)
    assert set(before) - set(after) == {"cpu.ready.summation"}
    assert all(after[name] != before[name] for name in after)
    spec = Spec(VM, "VirtualMachine", interval=20, metrics=((before["cpu.ready.summation"] + 10_000, ""),))
    assert Engine(model).series(spec) == ()


@pytest.mark.parametrize("text", ["2026-11-22T12:00:00Z", "2026-11-22T14:00:00+02:00", "2026-11-22T12:00:00.000000"])
def test_instants_with_and_without_a_zone(text: str) -> None:
    """A time without a zone is UTC, wherever the simulator runs."""
    assert queryperf.instant(text) == NOON


QUERY = '<QueryPerf xmlns="urn:vim25"><_this type="PerformanceManager">PerfMgr</_this>{}</QueryPerf>'
SPEC = (
    '<querySpec><entity type="VirtualMachine">vm-1005</entity><endTime>2026-11-22T12:00:00Z</endTime>'
    "<maxSample>{}</maxSample>"
    "<metricId><counterId>2</counterId><instance></instance></metricId>"
    "<metricId><counterId>6</counterId><instance>*</instance></metricId>"
    "<intervalId>20</intervalId><format>{}</format></querySpec>"
)


@pytest.mark.parametrize("form", ["csv", "normal"])
async def test_golden_reply(plain: Server, golden: Callable[[str, str], None], form: str) -> None:
    """The bytes of a QueryPerf reply, shaped as vpxd's: one line, xsi declared in the envelope."""
    async with raw(plain) as client:
        status, text = await client.post(QUERY.format(SPEC.format(3, form)))
    assert status == 200
    golden(f"simulator-queryperf-{form}.xml", text)


async def test_too_many_elements(plain: Server) -> None:
    """Over 500,000 elements in one request: vpxd's fault in vpxd's words; just below, an answer."""
    metric = "<metricId><counterId>2</counterId><instance></instance></metricId>"
    head = '<querySpec><entity type="VirtualMachine">vm-1005</entity><maxSample>1</maxSample>'
    spec = f"{head}{metric * 1000}<intervalId>20</intervalId></querySpec>"
    async with raw(plain) as client:
        status, text = await client.post(QUERY.format(spec * 167))
        assert (status, fault_name(text)) == (500, "InvalidRequest")
        assert "XML document element count exceeds configured maximum 500000" in text
        status, text = await client.post(QUERY.format(spec * 166))
        assert (status, text.count("<id>")) == (200, 166_000)


@pytest.mark.parametrize("body", [QUERY.format("<querySpec>"), QUERY.format("<querySpec/>"), "<x", ""])
async def test_a_request_that_cannot_be_read(plain: Server, body: str) -> None:
    """Broken XML and missing fields are InvalidRequest, not a crash."""
    async with raw(plain) as client:
        status, text = await client.post(body)
    assert (status, fault_name(text)) == (500, "InvalidRequest")
