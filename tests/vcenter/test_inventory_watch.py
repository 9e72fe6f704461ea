"""The talk with the PropertyCollector, against a scripted one: what is asked, in which order, and what ends it."""

import asyncio
import logging
import re
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from vcenter.inventorylab import change, envelope, missing, obj, updates
from vcenter.test_properties import recorded

from exporter.clock import Clock
from exporter.config import Timeouts, VCenter
from exporter.errors import Fault, NotAuthenticated, SourceError, TimedOut
from exporter.vcenter import typed
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.watch import LAYOUTS_EVERY, READ_AT_ONCE, WAIT, Watch

ROOT = obj("enter", "Folder:group-d1", change("name", "Datacenters"))
GONE = Fault("ManagedObjectNotFound", "has already been deleted", "session[1]pc")


def vm(number: int, *changes: str, kind: str = "enter") -> str:
    """A machine; it has a name when it enters."""
    named = (change("name", f"vm{number}"),) if kind == "enter" else ()
    return obj(kind, f"VirtualMachine:vm-{number}", *named, *changes)


def power(state: str) -> str:
    """A power state."""
    return change("runtime.powerState", state)


def snapshot(moid: str) -> str:
    """One snapshot."""
    tree = f'<rootSnapshotList><snapshot type="VirtualMachineSnapshot">{moid}</snapshot></rootSnapshotList>'
    return change("snapshot", tree, xsi="VirtualMachineSnapshotInfo")


def layout(size: int) -> str:
    """The file layout of vm-1 with that snapshot, ``size`` bytes since."""
    files = f"<file><key>1</key><size>9</size></file><file><key>2</key><size>{size}</size></file>"
    before = "<disk><chain><fileKey>1</fileKey></chain></disk>"
    now = "<disk><chain><fileKey>1</fileKey></chain><chain><fileKey>2</fileKey></chain></disk>"
    kept = f'<snapshot><key type="VirtualMachineSnapshot">s-1</key><dataKey>-1</dataKey>{before}</snapshot>'
    return retrieved("VirtualMachine:vm-1", "layoutEx", f"{files}{now}{kept}", xsi="VirtualMachineFileLayoutEx")


def retrieved(reference: str, path: str, value: str, *, xsi: str = "xsd:string") -> str:
    """An ObjectContent with one property."""
    found = f'<propSet><name>{path}</name><val xsi:type="{xsi}">{value}</val></propSet>'
    return obj("", reference, found, tag="objects")


@dataclass
class Scripted:
    """Answers requests from lists; when they have ended, a read gives nothing, and a wait never ends."""

    waits: list[bytes | SourceError]
    reads: list[bytes] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    limits: list[Timeouts | None] = field(default_factory=list)
    collectors: int = 0
    content: Any = field(
        default_factory=lambda: SimpleNamespace(
            rootFolder=typed.reference("Folder", "group-d1"),
            propertyCollector=typed.reference("PropertyCollector", "propertyCollector"),
            viewManager=typed.reference("ViewManager", "ViewManager"),
            customFieldsManager=typed.reference("CustomFieldsManager", "CustomFieldsManager"),
        )
    )

    async def login(self) -> None:
        """Always logged in."""

    async def call(self, mo: Any, method: str, /, **arguments: Any) -> Any:
        """Creates and destroys."""
        typed.request(mo, method, **arguments)  # it must be a valid request
        self.done.append(f"{method} {mo._moId}")
        if method == "CreatePropertyCollector":
            self.collectors += 1
            return typed.reference("PropertyCollector", f"pc{self.collectors}")
        kind = {"CreateContainerView": "ContainerView", "CreateFilter": "PropertyFilter"}.get(method)
        return typed.reference(kind, f"{kind}{self.collectors}") if kind else None

    async def post(self, body: bytes, *, operation: str, timeouts: Timeouts | None = None) -> bytes:
        """The next answer."""
        text = body.decode()
        told = re.findall(r"<(?:version|maxWaitSeconds|token|pathSet|obj)(?: [^>]*)?>([^<]*)<", text)
        self.done.append(" ".join([operation, *told]))
        self.limits.append(timeouts)
        if operation != "WaitForUpdatesEx":
            return self.reads.pop(0) if self.reads else envelope(operation, "")
        if not self.waits:
            await asyncio.Event().wait()
        answer = self.waits.pop(0)
        if isinstance(answer, SourceError):
            raise answer
        return answer


CONFIG = VCenter("vc1", "https://vc1.example/sdk")


def watch(server: Scripted, clock: Clock | None = None) -> Watch:
    """A watch of a scripted server, which does not pause."""
    return Watch(server, CONFIG, clock=clock or Clock(), pause=0)


async def take(watching: Watch, count: int) -> list[Inventory]:
    """The first inventories."""
    found: list[Inventory] = []
    async with asyncio.timeout(10), aclosing(watching.inventories()) as inventories:
        async for inventory in inventories:
            found.append(inventory)
            if len(found) == count:
                break
    return found


def listed(*objects: str) -> list[bytes | SourceError]:
    """The answers to the two listings of a beginning; the first one is asked for names only."""
    little = [re.sub(r"<changeSet><name>(?!name<).*?</changeSet>", "", found) for found in objects]
    return [updates("1", [ROOT, *little]), updates("2", [ROOT, *objects])]


async def test_little_first_then_all_then_changes() -> None:
    """A filter for little, drained and published; then one for everything; then waits from the last version."""
    server = Scripted([*listed(vm(1)), updates("3", [vm(1, power("poweredOff"), kind="modify")])])
    core, full, changed = await take(watch(server), 3)
    assert (core.complete, full.complete, changed.complete) == (False, True, True)
    assert full.entities["vm-1"].queryable
    assert not changed.entities["vm-1"].queryable
    assert server.done == [
        "CreatePropertyCollector propertyCollector",
        "CreateContainerView ViewManager",
        "CreateFilter pc1",
        "WaitForUpdatesEx  0",
        "DestroyPropertyFilter PropertyFilter1",
        "CreateFilter pc1",
        "WaitForUpdatesEx  0",
        f"WaitForUpdatesEx 2 {WAIT}",
    ]


async def test_a_long_wait_is_given_its_time() -> None:
    """The limits of the configuration count from when vCenter should have answered."""
    server = Scripted([*listed(), updates("3", [vm(1)])])
    await take(watch(server), 3)
    limits = CONFIG.timeouts
    assert server.limits[1:] == [limits, replace(limits, read=limits.read + WAIT, total=limits.total + WAIT)]


async def test_pages_are_put_together() -> None:
    """What vCenter cuts into pages is published when the last one is in, in a listing and later."""
    server = Scripted(
        [
            updates("1", [ROOT, vm(1)], truncated=True),
            updates("2", [vm(2)]),
            updates("2", [ROOT, vm(1), vm(2)]),
            updates("5", [vm(3)], truncated=True),
            updates("6", [vm(4)], truncated=True),
            updates("7", [vm(3, kind="leave")]),
        ]
    )
    watching = watch(server)
    found = await take(watching, 3)
    assert [sorted(inventory.entities) for inventory in found] == [
        ["group-d1", "vm-1", "vm-2"],
        ["group-d1", "vm-1", "vm-2"],
        ["group-d1", "vm-1", "vm-2", "vm-4"],
    ]
    waits = [done for done in server.done if done.startswith("WaitForUpdatesEx")]
    assert waits[-3:] == [f"WaitForUpdatesEx 2 {WAIT}", "WaitForUpdatesEx 5 0", "WaitForUpdatesEx 6 0"]
    assert watching.stats.listed == 6


async def test_no_news_is_no_inventory() -> None:
    """A wait that ends empty, or with what is known, tells nobody; the version stays."""
    server = Scripted([*listed(vm(1)), envelope("WaitForUpdatesEx", ""), updates("4", [vm(1)]), updates("5", [vm(2)])])
    found = await take(watch(server), 3)
    assert "vm-2" in found[2].entities
    waits = [done.split()[1] for done in server.done if done.endswith(str(WAIT))]
    assert waits == ["2", "2", "4"]


async def test_what_is_told_in_part_is_read() -> None:
    """A change inside a property: that property of that object is read, before the inventory is published."""
    part = change("triggeredAlarmState[&quot;alarm-1.vm-1&quot;]", "<x/>", xsi="AlarmState", op="add")
    alarm = (
        '<AlarmState><entity type="VirtualMachine">vm-1</entity><alarm type="Alarm">alarm-1</alarm>'
        "<overallStatus>red</overallStatus></AlarmState>"
    )
    server = Scripted([*listed(vm(1)), updates("3", [vm(1, part, kind="modify")]), updates("4", [vm(2)])])
    server.reads = [
        envelope(
            "RetrievePropertiesEx",
            retrieved("VirtualMachine:vm-1", "triggeredAlarmState", alarm, xsi="ArrayOfAlarmState"),
        ),
        envelope("RetrievePropertiesEx", retrieved("Alarm:alarm-1", "info.name", "CPU")),
    ]
    found = await take(watch(server), 3)
    assert [alarm.name for alarm in found[2].facts["vm-1"].alarms] == ["CPU"]
    assert "RetrievePropertiesEx triggeredAlarmState vm-1" in server.done


async def test_alarms_are_named_once() -> None:
    """The name of an alarm is read when it is first seen, for all the objects that show it."""
    alarm = (
        '<AlarmState><entity type="VirtualMachine">vm-{0}</entity><alarm type="Alarm">alarm-1</alarm>'
        "<overallStatus>yellow</overallStatus></AlarmState>"
    )
    shown = [vm(n, change("triggeredAlarmState", alarm.format(n), xsi="ArrayOfAlarmState")) for n in (1, 2, 3)]
    server = Scripted([*listed(*shown[:2]), updates("3", shown[2:])])
    server.reads = [envelope("RetrievePropertiesEx", retrieved("Alarm:alarm-1", "info.name", "CPU"))]
    found = await take(watch(server), 3)
    assert {found[2].facts[f"vm-{n}"].alarms[0].name for n in (1, 2, 3)} == {"CPU"}
    reads = [done for done in server.done if done.startswith("Retrieve")]
    assert reads == ["RetrievePropertiesEx info.name alarm-1"]


async def test_snapshots_are_measured_every_few_minutes() -> None:
    """They grow without any property of the machine changing."""
    now = [0.0]
    server = Scripted([*listed(vm(1, snapshot("s-1"))), envelope("WaitForUpdatesEx", ""), updates("3", [vm(2)])])
    server.reads = [envelope("RetrievePropertiesEx", layout(size)) for size in (10, 300)]
    watching = watch(server, Clock(monotonic=lambda: now[0]))
    found = []
    async with asyncio.timeout(10), aclosing(watching.inventories()) as inventories:
        async for inventory in inventories:
            found.append(inventory.facts["vm-1"].snapshots)
            now[0] += LAYOUTS_EVERY
            if len(found) == 3:
                break
    assert [snapshots and snapshots.size_bytes for snapshots in found] == [None, 10, 300]
    assert [done for done in server.done if "layoutEx" in done] == ["RetrievePropertiesEx layoutEx vm-1"] * 2


async def test_many_objects_are_read_in_portions_and_pages() -> None:
    """No more at once than vCenter likes, and what it cuts off is asked for by its token."""
    count = READ_AT_ONCE + 1
    shown = [vm(n, snapshot("s-1")) for n in range(count)]
    rest = "<token>t-7</token>" + retrieved("VirtualMachine:vm-1", "layoutEx", "", xsi="VirtualMachineFileLayoutEx")
    first = envelope("RetrievePropertiesEx", rest)
    second = envelope("ContinueRetrievePropertiesEx", "")
    server = Scripted(listed(*shown), [first, second, second.replace(b"Continue", b"")])
    await take(watch(server), 2)
    asked = [done.split()[0] for done in server.done if "Retrieve" in done]
    assert asked == ["RetrievePropertiesEx", "ContinueRetrievePropertiesEx", "RetrievePropertiesEx"]
    assert "ContinueRetrievePropertiesEx t-7" in server.done


@pytest.mark.parametrize(
    "fault", [GONE, Fault("InvalidCollectorVersion", ""), NotAuthenticated("NotAuthenticated", "")]
)
async def test_a_lost_collector_is_replaced(fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    """All is listed again, in one go; till then the last inventory stays; what did not change is the same."""
    caplog.set_level(logging.INFO, "novacenter")
    server = Scripted([*listed(vm(1), vm(2)), updates("3", [vm(3)]), fault, updates("1", [ROOT, vm(1), vm(3)])])
    watching = watch(server)
    found = await take(watching, 4)
    assert found[3].entities.keys() == {"group-d1", "vm-1", "vm-3"}
    assert all(found[3].entities[moid] is found[2].entities[moid] for moid in found[3].entities)
    assert server.done[-6:] == [
        "DestroyPropertyCollector pc1",
        "DestroyView ContainerView1",
        "CreatePropertyCollector propertyCollector",
        "CreateContainerView ViewManager",
        "CreateFilter pc2",
        "WaitForUpdatesEx  0",
    ]
    assert [record.message for record in caplog.records] == [f"vCenter vc1: the inventory is listed again: {fault}"]
    assert watching.stats.listings == 3


@pytest.mark.parametrize("good", [0, 1, 2])
async def test_a_collector_lost_at_once_is_the_callers_trouble(good: int) -> None:
    """While listing, or before it answered a single wait: listing again and again would be a storm."""
    watching = watch(Scripted([*listed(vm(1))[:good], GONE]))
    with pytest.raises(Fault, match="ManagedObjectNotFound"):
        await take(watching, 9)
    assert watching.stats.listings == min(good + 1, 2)


async def test_a_failure_ends_the_iteration_and_leaves_the_inventory() -> None:
    """The next iteration lists everything again, without the little listing first."""
    server = Scripted([*listed(vm(1)), TimedOut("no data for 50 s"), updates("1", [ROOT, vm(2)])])
    watching = watch(server)
    with pytest.raises(TimedOut):
        await take(watching, 3)
    assert watching.inventory.entities.keys() == {"group-d1", "vm-1"}
    (again,) = await take(watching, 1)
    assert again.entities.keys() == {"group-d1", "vm-2"}
    assert again.complete
    assert server.done.count("CreateFilter pc2") == 1


async def test_what_is_refused_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A missing privilege is counted and logged, and costs that property alone."""
    denied = obj("enter", "HostSystem:host-1", change("name", "esx"), missing("config.certificate", "NoPermission"))
    server = Scripted([updates("1", [ROOT]), updates("2", [ROOT, denied]), updates("3", [vm(1)])])
    found = await take(watch(server), 3)
    assert found[2].missing == {("HostSystem", "config.certificate", "NoPermission"): 1}
    assert [record.message for record in caplog.records] == [
        "vCenter vc1: no config.certificate of 1 HostSystem: NoPermission"
    ]


async def test_a_large_reply_lets_others_run() -> None:
    """Between any two slices of a reply, and of what is made of it, every other task has its turn."""
    body = recorded("simulator-listing")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    big = body.replace(b"</returnval>", b"<pad>" + b"x" * 2_000_000 + b"</pad></returnval>")
    server = Scripted([big, big])
    task = asyncio.create_task(other())
    await take(watch(server), 2)
    task.cancel()
    assert turns > 2 * len(big) / (64 * 1024)
