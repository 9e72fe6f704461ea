"""What our tests rely on in each simulator, seen through pyVmomi, so that a new release that differs says so itself."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyVim.task import WaitForTask
from pyVmomi import SoapStubAdapter, vim, vmodl
from vcsimulator import Flavour, Vcsim, start, value

FLAVOURS: tuple[Flavour, ...] = ("classic", "current")
CPU_USAGE = "cpu.usage.average"


@contextmanager
def client(vcsim: Vcsim, password: str | None = None) -> Iterator[vim.ServiceInstance]:
    """A session of pyVmomi at API 6.5 that verifies the simulator's certificate."""
    trust = ssl.create_default_context(cadata=vcsim.certificate)
    stub = SoapStubAdapter(host=vcsim.host, port=vcsim.port, version="vim.version.version11", sslContext=trust)
    service = vim.ServiceInstance("ServiceInstance", stub)
    try:
        service.content.sessionManager.Login(vcsim.user, vcsim.password if password is None else password)
        yield service
    finally:
        stub.DropConnections()


def find(service: vim.ServiceInstance, kind: type) -> list:
    """Every managed object of a type, in the order of their ids."""
    view = service.content.viewManager.CreateContainerView(service.content.rootFolder, [kind], recursive=True)
    found = sorted(view.view, key=lambda mo: mo._moId)
    view.Destroy()
    return found


def counter_id(service: vim.ServiceInstance, name: str) -> int:
    """The id of a counter by its name, ``group.counter.rollup``."""
    return next(
        counter.key
        for counter in service.content.perfManager.perfCounter
        if f"{counter.groupInfo.key}.{counter.nameInfo.key}.{counter.rollupType}" == name
    )


def spec(entity: vim.ManagedEntity, counter: int, **more: object) -> vim.PerformanceManager.QuerySpec:
    """A query of one counter's aggregate, realtime and in csv unless told otherwise."""
    metric = vim.PerformanceManager.MetricId(counterId=counter, instance="")
    asked = {"intervalId": 20, "format": "csv", **more}
    return vim.PerformanceManager.QuerySpec(entity=entity, metricId=[metric], **asked)


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_strict_serves_the_samples_after_start_up_to_end_oldest_first_with_stated_values(flavour: Flavour) -> None:
    """csv on the 20 s grid: the start is exclusive, the end inclusive, and each value is what ``value`` states."""
    with start(flavour, "-strict") as vcsim, client(vcsim) as service:
        vm = find(service, vim.VirtualMachine)[0]
        counter = counter_id(service, CPU_USAGE)
        last = int(service.CurrentTime().timestamp()) // 20 - 3
        [answer] = service.content.perfManager.QueryPerf(
            [spec(vm, counter, startTime=at((last - 3) * 20), endTime=at(last * 20))]
        )
        ticks = (last - 2, last - 1, last)
        assert answer.sampleInfoCSV == ",".join(f"20,{at(tick * 20):%Y-%m-%dT%H:%M:%SZ}" for tick in ticks)
        assert [(series.id.counterId, series.id.instance, series.value) for series in answer.value] == [
            (counter, "", ",".join(str(value(vm._moId, counter, instance="", tick=tick)) for tick in ticks))
        ]


def at(seconds: int) -> datetime:
    """A Unix time as pyVmomi wants it."""
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.external
def test_strict_keeps_an_hour_and_gives_the_newest_of_it_first_when_limited(vcsim_classic: Vcsim) -> None:
    """Without a window 180 samples of 20 s come; maxSample=1 is the newest of them, 10 s old or a little more."""
    with client(vcsim_classic) as service:
        vm = find(service, vim.VirtualMachine)[0]
        counter = counter_id(service, CPU_USAGE)
        whole, newest = service.content.perfManager.QueryPerf([spec(vm, counter), spec(vm, counter, maxSample=1)])
        assert len(whole.value[0].value.split(",")) == 180
        assert whole.sampleInfoCSV.endswith("," + newest.sampleInfoCSV)
        age = service.CurrentTime() - datetime.fromisoformat(newest.sampleInfoCSV.split(",")[1])
        assert 10 <= age.total_seconds() < 32


@pytest.mark.external
def test_strict_expands_a_star_and_knows_which_entity_has_samples(vcsim_classic: Vcsim) -> None:
    """``*`` is every instance; a cluster has nothing at 20 s and something at 300 s."""
    with client(vcsim_classic) as service:
        perf = service.content.perfManager
        host, cluster = find(service, vim.HostSystem)[0], find(service, vim.ClusterComputeResource)[0]
        counter = counter_id(service, CPU_USAGE)
        star = vim.PerformanceManager.MetricId(counterId=counter, instance="*")
        available = {m.instance for m in perf.QueryAvailablePerfMetric(host, intervalId=20) if m.counterId == counter}
        queried = vim.PerformanceManager.QuerySpec(
            entity=host, metricId=[star], intervalId=20, maxSample=1, format="csv"
        )
        [answer] = perf.QueryPerf([queried])
        assert len(available) > 1
        assert {series.id.instance for series in answer.value} == available
        realtime, historical = perf.QueryPerf(
            [
                vim.PerformanceManager.QuerySpec(entity=cluster, intervalId=interval, maxSample=1, format="csv")
                for interval in (20, 300)
            ]
        )
        assert not realtime.value
        assert historical.value


@pytest.mark.external
def test_strict_restricts_historical_queries_and_says_its_limit() -> None:
    """One historical series over config.vpxd.stats.maxQueryMetrics is vCenter's fault; realtime is not restricted."""
    with start("classic", "-strict", "-answer-all", "-max-query-metrics", "1") as vcsim, client(vcsim) as service:
        [limit] = service.content.setting.QueryOptions("config.vpxd.stats.maxQueryMetrics")
        assert limit.value == "1"
        perf = service.content.perfManager
        counter = counter_id(service, CPU_USAGE)
        clusters = [spec(cluster, counter, intervalId=300) for cluster in find(service, vim.ClusterComputeResource)]
        assert len(perf.QueryPerf(clusters[:1])) == 1
        with pytest.raises(vmodl.MethodFault) as raised:
            perf.QueryPerf(clusters[:2])
        assert isinstance(raised.value, vim.fault.RestrictedByAdministrator)
        assert "'vpxd.stats.maxQueryMetrics'" in raised.value.msg
        assert len(perf.QueryPerf([spec(vm, counter) for vm in find(service, vim.VirtualMachine)])) == 10


@pytest.mark.external
def test_strict_has_no_series_of_a_vm_that_is_off_and_a_fault_for_one_that_is_gone() -> None:
    """A powered-off VM is answered without series; a destroyed one fails the whole call with ManagedObjectNotFound."""
    with start("classic", "-strict") as vcsim, client(vcsim) as service:
        perf = service.content.perfManager
        poison, sound = find(service, vim.VirtualMachine)[:2]
        counter = counter_id(service, CPU_USAGE)
        queries = [spec(vm, counter, maxSample=1) for vm in (poison, sound)]
        WaitForTask(poison.PowerOffVM_Task())
        assert [len(answer.value) for answer in perf.QueryPerf(queries)] == [0, 1]
        WaitForTask(poison.Destroy_Task())
        with pytest.raises(vmodl.fault.ManagedObjectNotFound) as raised:
            perf.QueryPerf(queries)
        assert raised.value.obj._moId == poison._moId


@pytest.mark.external
def test_current_honours_csv_by_itself(vcsim_current: Vcsim) -> None:
    """The newest release answers csv without our PerformanceManager, newest sample first as it does."""
    with client(vcsim_current) as service:
        vm = find(service, vim.VirtualMachine)[0]
        [answer] = service.content.perfManager.QueryPerf([spec(vm, counter_id(service, CPU_USAGE), maxSample=3)])
        assert isinstance(answer, vim.PerformanceManager.EntityMetricCSV)
        times = [datetime.fromisoformat(text) for text in answer.sampleInfoCSV.split(",")[1::2]]
        assert [(times[0] - time).total_seconds() for time in times] == [0, 20, 40]
        assert len(answer.value[0].value.split(",")) == 3


@pytest.mark.external
def test_current_pages_a_listing(vcsim_current: Vcsim) -> None:
    """maxObjects is honoured: pages of four with a token until the last, and every VM exactly once."""
    with client(vcsim_current) as service:
        collector = service.content.propertyCollector
        filters, options = listing(service), vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=4)
        page = collector.RetrievePropertiesEx(specSet=[filters], options=options)
        sizes, names = [], []
        while page is not None:
            sizes.append(len(page.objects))
            names += [content.propSet[0].val for content in page.objects]
            page = collector.ContinueRetrievePropertiesEx(page.token) if page.token else None
        assert sizes == [4, 4, 2]
        assert sorted(names) == sorted(vm.name for vm in find(service, vim.VirtualMachine))


def listing(service: vim.ServiceInstance) -> vmodl.query.PropertyCollector.FilterSpec:
    """The names of all VMs by one traversal of a container view."""
    query = vmodl.query.PropertyCollector
    view = service.content.viewManager.CreateContainerView(
        service.content.rootFolder, [vim.VirtualMachine], recursive=True
    )
    follow = query.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
    return query.FilterSpec(
        objectSet=[query.ObjectSpec(obj=view, skip=True, selectSet=[follow])],
        propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
    )


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_terminated_session_is_not_authenticated(flavour: Flavour, request: pytest.FixtureRequest) -> None:
    """Another session ends ours; our next call raises NotAuthenticated."""
    vcsim = request.getfixturevalue(f"vcsim_{flavour}")
    with client(vcsim) as other, client(vcsim) as ours:
        other.content.sessionManager.TerminateSession([ours.content.sessionManager.currentSession.key])
        with pytest.raises(vim.fault.NotAuthenticated):
            ours.CurrentTime()


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_idle_session_ends(flavour: Flavour) -> None:
    """With -session-idle a session that asks nothing disappears, while one that keeps asking stays."""
    with start(flavour, "-session-idle", "300ms") as vcsim, client(vcsim) as busy, client(vcsim) as idle:
        key = idle.content.sessionManager.currentSession.key
        while key in {session.key for session in busy.content.sessionManager.sessionList}:
            busy.CurrentTime()
        with pytest.raises(vim.fault.NotAuthenticated):
            idle.CurrentTime()


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_only_the_right_password_logs_in(flavour: Flavour, request: pytest.FixtureRequest) -> None:
    """A wrong password is InvalidLogin."""
    with pytest.raises(vim.fault.InvalidLogin), client(request.getfixturevalue(f"vcsim_{flavour}"), password="wrong"):
        pass


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_esx_host_logs_in_and_has_realtime_samples(flavour: Flavour) -> None:
    """-esx is a HostAgent with one host, two VMs as asked for, and csv for them."""
    with start(flavour, "-esx", "-strict", "-vm", "2") as vcsim, client(vcsim) as service:
        assert service.content.about.apiType == "HostAgent"
        entities = find(service, vim.HostSystem) + find(service, vim.VirtualMachine)
        counter = counter_id(service, CPU_USAGE)
        answers = service.content.perfManager.QueryPerf([spec(entity, counter, maxSample=1) for entity in entities])
        assert [(type(answer.entity).__name__, len(answer.value)) for answer in answers] == [
            ("vim.HostSystem", 1),
            ("vim.VirtualMachine", 1),
            ("vim.VirtualMachine", 1),
        ]


@pytest.mark.external
def test_current_injects_the_fault_asked_for_as_often_as_asked_for() -> None:
    """One QueryPerf passes, one fails with the fault named, and the next passes again; clearing ends a lasting rule."""
    with start("current", "-strict", "-control", "127.0.0.1:0") as vcsim, client(vcsim) as service:
        query = [spec(find(service, vim.VirtualMachine)[0], counter_id(service, CPU_USAGE), maxSample=1)]
        perf = service.content.perfManager
        vcsim.inject("QueryPerf", "RestrictedByAdministrator", skip=1, count=1, message="too much")
        assert len(perf.QueryPerf(query)) == 1
        with pytest.raises(vim.fault.RestrictedByAdministrator, match="too much"):
            perf.QueryPerf(query)
        assert len(perf.QueryPerf(query)) == 1
        vcsim.inject("CurrentTime", "SystemError")
        with pytest.raises(vmodl.fault.SystemError):
            service.CurrentTime()
        vcsim.clear_faults()
        assert service.CurrentTime()


@pytest.mark.external
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_is_left_behind(flavour: Flavour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the block the process is gone, and so are the directories that stood for its datastores."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with start(flavour) as vcsim:
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
    assert not Path(f"/proc/{vcsim.pid}").exists()


@pytest.mark.external
def test_a_simulator_that_cannot_start_says_why() -> None:
    """What the child wrote is in the error."""
    with pytest.raises(RuntimeError, match="flag provided but not defined: -nonsense"), start("classic", "-nonsense"):
        pass


@pytest.mark.external
def test_a_distributed_switch_can_be_renamed_by_the_control_port() -> None:
    """The vSphere API of govmomi's switch has no Rename_Task; who watches its name sees the new one."""
    with start("current", "-control", "127.0.0.1:0") as vcsim, client(vcsim) as service:
        (switch,) = find(service, vim.DistributedVirtualSwitch)
        with pytest.raises(vmodl.fault.MethodNotFound):
            switch.Rename_Task("new")
        vcsim.rename("DistributedVirtualSwitch", switch._moId, "new")
        assert switch.name == "new"
