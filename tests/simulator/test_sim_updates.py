"""WaitForUpdatesEx: what a client is told when the inventory changes, in which portions, and when to start anew."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pyVmomi import vim, vmodl
from simclient import PC, container, raw, session, table, view_filter

from simulator.model import Model
from simulator.vcenter import Server

PATHS = ("name", "runtime.powerState", "runtime.host", "snapshot", "config.hardware.device")


class Watch:
    """A pyVmomi client with one filter over all machines (or another kind), asked from the event loop."""

    def __init__(self, si: Any, kind: Any, paths: tuple[str, ...]) -> None:
        self.collector = si.content.propertyCollector
        self.view = container(si.content, kind)
        self.filter = self.collector.CreateFilter(view_filter(self.view, kind, *paths), False)
        self.version = ""

    def next(self, *, seconds: int | None = 0, maximum: int | None = None) -> Any:
        """The next update set, or None."""
        options = PC.WaitOptions(maxWaitSeconds=seconds, maxObjectUpdates=maximum)
        found = self.collector.WaitForUpdatesEx(self.version, options)
        if found is not None:
            self.version = found.version
        return found

    def changes(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The next updates as {(kind of update, managed object id): {path: value}}; {} where there are none."""
        found = self.next()
        if found is None:
            return {}
        (portion,) = found.filterSet
        values = table(portion.objectSet)
        return {(str(one.kind), one.obj._moId): values[one.obj._moId] for one in portion.objectSet}


async def watching(server: Server, work: Callable[[Watch], Any], *, kind: Any = vim.VirtualMachine) -> Any:
    """Run blocking work with a watch that has read the initial listing."""

    def run() -> Any:
        with session(server) as si:
            watch = Watch(si, kind, PATHS if kind is vim.VirtualMachine else ("name",))
            assert {kind for kind, _ in watch.changes()} == {"enter"}
            return work(watch)

    return await asyncio.to_thread(run)


class Changer:
    """Lets a client's thread change the model where the server runs."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()

    def __call__(self, change: Callable[[], Any]) -> Any:
        """What ``change`` returns, once it is made."""

        async def run() -> Any:
            return change()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=10)


@pytest.fixture
async def change() -> Changer:
    """``change(lambda: model.remove("vm-1001"))`` from any thread."""
    return Changer()


async def test_each_change_is_told_once(server: Server, model: Model, change: Changer) -> None:
    """Power, move, disk, snapshot, rename: one modify with exactly the paths that differ; then nothing more."""
    host = next(node.moid for node in model.of_kind("HostSystem") if node.moid != model.get("vm-1001").facts.host)

    def work(watch: Watch) -> None:
        change(lambda: model.power("vm-1001", on=False))
        assert watch.changes() == {("modify", "vm-1001"): {"runtime.powerState": "poweredOff"}}
        change(lambda: model.move_vm("vm-1001", host))
        ((key, values),) = watch.changes().items()
        assert (key, values["runtime.host"]._moId) == (("modify", "vm-1001"), host)
        change(lambda: model.add_disk("vm-1001"))
        ((_, values),) = watch.changes().items()
        assert [one.key for one in values["config.hardware.device"]] == [1000, 2000, 2001, 4000]
        change(lambda: model.add_snapshot("vm-1001", "today"))
        ((_, values),) = watch.changes().items()
        assert values["snapshot"].rootSnapshotList[0].name == "today"
        change(lambda: model.update("vm-1001", snapshots=()))
        assert watch.changes() == {("modify", "vm-1001"): {"snapshot": None}}
        change(lambda: model.touch("vm-1001"))
        assert watch.changes() == {}

    await watching(server, work)


async def test_machines_enter_and_leave(server: Server, model: Model, change: Changer) -> None:
    """A new machine enters with all its properties; a removed one leaves; a host takes its machines along."""

    def work(watch: Watch) -> None:
        moid = change(lambda: model.add_vm("fresh"))
        ((key, values),) = watch.changes().items()
        assert (key, values["name"]) == (("enter", moid), "fresh")
        assert set(values) == set(PATHS) - {"snapshot"}
        change(lambda: model.remove(moid))
        assert watch.changes() == {("leave", moid): {}}
        host = model.get("vm-1001").facts.host
        gone = {("leave", vm.moid): {} for vm in model.vms_of(host)}
        change(lambda: model.remove(host))
        assert watch.changes() == gone

    await watching(server, work)


async def test_what_depends_on_a_change_changes_too(server: Server, model: Model, change: Changer) -> None:
    """Host.vm of both hosts after a move; the cluster's hosts and the datastores' mounts after a host is lost."""

    def work() -> None:
        with session(server) as si:
            collector = si.content.propertyCollector
            view = container(si.content, vim.ManagedEntity)
            spec = view_filter(view, vim.HostSystem, "vm")
            spec.propSet.append(PC.PropertySpec(type=vim.ComputeResource, pathSet=["summary.numEffectiveHosts"]))
            spec.propSet.append(PC.PropertySpec(type=vim.Datastore, pathSet=["host", "summary.accessible"]))
            collector.CreateFilter(spec, False)
            watch = Watch.__new__(Watch)
            watch.collector, watch.version = collector, ""
            watch.changes()
            vm = model.get("vm-1001")
            other = next(n for n in model.related("child", model.get(vm.facts.host).parent or "")
                         if n.kind == "HostSystem" and n.moid != vm.facts.host)  # fmt: skip
            hosts = {("modify", vm.facts.host), ("modify", other.moid)}
            change(lambda: model.move_vm(vm.moid, other.moid))
            assert set(watch.changes()) == hosts
            change(lambda: model.set_host("host-1", connection="notResponding"))
            stores = {("modify", moid) for moid in model.get("host-1").facts.datastores}
            assert set(watch.changes()) == stores | {("modify", model.get("host-1").parent)}
            change(lambda: model.set_datastore("datastore-1", accessible=False))
            assert set(watch.changes()) == {("modify", "datastore-1")}

    await asyncio.to_thread(work)


async def test_updates_come_in_portions(server: Server, model: Model, change: Changer) -> None:
    """maxObjectUpdates splits an update set; ``truncated`` says that more is there; nothing is lost or doubled."""

    def work() -> None:
        with session(server) as si:
            watch = Watch(si, vim.VirtualMachine, ("name",))
            sizes, seen = [], []
            while True:
                found = watch.next(maximum=15)
                portion = found.filterSet[0].objectSet
                sizes.append((len(portion), found.truncated))
                seen.extend(one.obj._moId for one in portion)
                if not found.truncated:
                    break
            assert sizes == [(15, True), (15, True), (10, None)]
            assert len(set(seen)) == 40
            assert watch.next() is None

    await asyncio.to_thread(work)


async def test_beginning_anew_between_portions(server: Server) -> None:
    """The empty version in the middle of a listing starts it from the first object, and each comes once."""

    def work() -> None:
        with session(server) as si:
            watch = Watch(si, vim.VirtualMachine, ("name",))
            watch.next(maximum=15)
            watch.version = ""
            assert len(watch.next().filterSet[0].objectSet) == 40
            assert watch.next() is None

    await asyncio.to_thread(work)


async def test_a_lost_reply_can_be_had_again(server: Server, model: Model, change: Changer) -> None:
    """The version before the last gets the last update set again; any other is InvalidCollectorVersion."""

    def work(watch: Watch) -> None:
        before = watch.version
        change(lambda: model.update("vm-1001", name="renamed"))
        first = watch.changes()
        after, watch.version = watch.version, before
        assert watch.changes() == first
        assert watch.version == after
        for version in ("0", "17", "nonsense"):
            watch.version = version
            with pytest.raises(vmodl.query.InvalidCollectorVersion):
                watch.next()
        watch.version = ""
        assert len(watch.changes()) == 40

    await watching(server, work)


async def test_a_wait_ends_with_the_change(server: Server, model: Model) -> None:
    """A client that waits is answered as soon as something changes; one without a limit waits for ever."""

    def work(watch: Watch) -> dict[tuple[str, str], dict[str, Any]]:
        found = watch.next(seconds=None)
        return table(found.filterSet[0].objectSet)

    waiting = asyncio.create_task(watching(server, work))
    await server.faults.called("WaitForUpdatesEx", 2)
    model.update("vm-1001", name="renamed")
    assert await waiting == {"vm-1001": {"name": "renamed"}}


async def test_a_wait_can_be_cancelled(server: Server) -> None:
    """CancelWaitForUpdates, and the end of the session, end a wait with RequestCanceled."""

    def work(watch: Watch) -> None:
        with pytest.raises(vmodl.fault.RequestCanceled):
            watch.next(seconds=None)

    for end in ("CancelWaitForUpdates", "logout"):
        calls = server.faults.calls["WaitForUpdatesEx"]
        waiting = asyncio.create_task(watching(server, work))
        await server.faults.called("WaitForUpdatesEx", calls + 2)
        if end == "logout":
            server.service.sessions.end_all()
        else:
            for one in server.service.sessions.all():
                one.collectors["propertyCollector"].cancel_wait()
        await waiting


async def test_filters_and_collectors_are_apart(server: Server, model: Model, change: Changer) -> None:
    """Two filters in one update set; a destroyed filter is silent; another collector has versions of its own."""

    def work() -> None:
        with session(server) as si:
            first = Watch(si, vim.VirtualMachine, ("name",))
            hosts = container(si.content, vim.HostSystem)
            second = first.collector.CreateFilter(view_filter(hosts, vim.HostSystem, "name"), False)
            sets = first.next().filterSet
            assert {one.filter._moId for one in sets} == {first.filter._moId, second._moId}
            first.filter.Destroy()
            own = si.content.propertyCollector.CreatePropertyCollector()
            own.CreateFilter(view_filter(first.view, vim.VirtualMachine, "runtime.powerState"), False)
            assert len(own.WaitForUpdatesEx("", PC.WaitOptions(maxWaitSeconds=0)).filterSet[0].objectSet) == 40
            change(lambda: model.update("vm-1001", name="renamed"))
            assert first.next() is None
            own.Destroy()
            with pytest.raises(vmodl.fault.ManagedObjectNotFound):
                own.WaitForUpdatesEx("", PC.WaitOptions(maxWaitSeconds=0))

    await asyncio.to_thread(work)


async def test_a_watcher_that_sleeps_too_long_sees_everything(server: Server, model: Model, change: Changer) -> None:
    """More changes than the journal holds are still told completely."""

    def turn() -> None:
        for _ in range(60_000):
            model.touch("vm-1002")
        model.remove("vm-1001")
        for _ in range(60_000):
            model.touch("vm-1002")
        model.update("vm-1003", name="renamed")

    def work(watch: Watch) -> None:
        change(turn)
        assert watch.changes() == {("leave", "vm-1001"): {}, ("modify", "vm-1003"): {"name": "renamed"}}

    await watching(server, work)


async def test_golden_update_set(plain: Server, model: Model, golden: Callable[[str, str], None]) -> None:
    """The bytes of an update set: one modify with a value and a property that became unset, one leave."""
    spec = (
        '<CreateFilter xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><spec>'
        "<propSet><type>VirtualMachine</type><pathSet>name</pathSet><pathSet>snapshot</pathSet></propSet>"
        '<objectSet><obj type="VirtualMachine">vm-1003</obj></objectSet>'
        '<objectSet><obj type="Folder">group-v1</obj><skip>true</skip><selectSet xsi:type="TraversalSpec">'
        "<type>Folder</type><path>childEntity</path></selectSet></objectSet>"
        "</spec><partialUpdates>false</partialUpdates></CreateFilter>"
    )
    wait = (
        '<WaitForUpdatesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this>'
        "<version>{}</version><options><maxWaitSeconds>0</maxWaitSeconds></options></WaitForUpdatesEx>"
    )
    async with raw(plain) as client:
        assert (await client.post(spec))[0] == 200
        assert (await client.post(wait.format("")))[0] == 200
        model.update("vm-1003", name="renamed", snapshots=())
        model.remove("vm-1001")
        status, text = await client.post(wait.format("1"))
    assert status == 200
    golden("simulator-updates.xml", text)
