"""The vCenter's tasks: read from both simulators, classified, and each end counted once."""

import random
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from externals import require
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from pyVmomi import vim
from vcenter.inventorylab import envelope, of_vcsim
from vcsimulator import Flavour, Vcsim, start

from exporter.clock import Clock
from exporter.cloudcatalog import Durations, every_family
from exporter.errors import BadReply, Fault
from exporter.exposition import Format, lines, page
from exporter.model import Family, Row
from exporter.vcenter import tasktalk, typed
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport
from exporter.vcenter.taskfamilies import observe, task_rows
from exporter.vcenter.tasks import (
    MOST_NAMES,
    OTHER,
    OVERLAP,
    Initiator,
    Seen,
    Task,
    Users,
    classify,
    decode,
    of,
    take,
)

FLAVOURS: tuple[Flavour, ...] = ("classic", "current")
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def info(*parts: str, key: str = "task-1", state: str = "success") -> str:
    """A TaskInfo as vpxd writes it, in the order of the API reference."""
    return (
        f"<returnval {XSI}><key>{key}</key><task type='Task'>{key}</task><name>PowerOffVM_Task</name>"
        "<descriptionId>VirtualMachine.powerOff</descriptionId><entity type='VirtualMachine'>vm-7</entity>"
        f"<entityName>web</entityName><state>{state}</state><cancelled>false</cancelled><cancelable>false</cancelable>"
        f"{''.join(parts)}<eventChainId>5</eventChainId></returnval>"
    )


USER = "<reason xsi:type='TaskReasonUser'><userName>VSPHERE.LOCAL\\nova</userName></reason>"
TIMES = (
    "<queueTime>1970-01-01T00:01:40.5Z</queueTime><startTime>1970-01-01T00:01:41Z</startTime>"
    "<completeTime>1970-01-01T00:01:42Z</completeTime>"
)
FAILED = (
    "<error><fault xsi:type='Timedout'/><localizedMessage>Operation timed out.</localizedMessage></error>"
    "<result xsi:type='TypeOfTheFuture'><x>1</x></result>"
)


def answer(*infos: str) -> bytes:
    """The reply to ReadNextTasks."""
    return envelope("ReadNextTasks", "").replace(
        b"</ReadNextTasksResponse>", "".join(infos).encode() + b"</ReadNextTasksResponse>"
    )


def task(key: str, completed: float | None = None, **more: Any) -> Task:
    """A power-off of vm-7."""
    state = "running" if completed is None else "success"
    found = Task(key=key, operation="VirtualMachine.powerOff", state=state, queued=1.0, entity="vm-7")
    return replace(found, completed=completed, **more)


def test_reads_a_task() -> None:
    """Every field that is kept, whatever type the result has; and one that has hardly begun."""
    waiting = "<reason xsi:type='TaskReasonSystem'/><queueTime>1970-01-01T00:01:40Z</queueTime>"
    assert decode(answer(info(FAILED, USER, TIMES, state="error"), info(waiting, key="task-2", state="queued"))) == (
        Task(
            key="task-1",
            operation="VirtualMachine.powerOff",
            state="error",
            queued=100.5,
            entity="vm-7",
            started=101.0,
            completed=102.0,
            fault="Timedout",
            reason="TaskReasonUser",
            user="VSPHERE.LOCAL\\nova",
        ),
        Task(
            key="task-2",
            operation="VirtualMachine.powerOff",
            state="queued",
            queued=100.0,
            entity="vm-7",
            reason="TaskReasonSystem",
        ),
    )
    assert decode(answer()) == ()


@pytest.mark.parametrize(
    "body",
    [
        envelope("Login", ""),
        answer(info(USER)),
        answer(info(TIMES.replace("1970", "then"))),
        answer(info(TIMES))[:-30],
    ],
)
def test_says_what_it_cannot_read(body: bytes) -> None:
    """Another reply, a task without its time, a time that is none, a reply cut short."""
    with pytest.raises(BadReply):
        decode(body)


BOTH = Users(nova=frozenset({"nova@vsphere.local"}), cinder=frozenset({"VSPHERE.LOCAL\\cinder"}))
SHARED = Users(nova=frozenset({"os@x"}), cinder=frozenset({"os@x"}))


@pytest.mark.parametrize(
    ("reason", "user", "users", "managed_by", "expected"),
    [
        ("TaskReasonUser", "VSPHERE.LOCAL\\Nova", BOTH, None, "nova"),
        ("TaskReasonUser", "cinder@VSPHERE.LOCAL", BOTH, "org.openstack.compute", "cinder"),
        ("TaskReasonUser", "CORP\\alice", BOTH, "org.openstack.compute", "user"),
        ("TaskReasonUser", "X\\os", SHARED, "org.openstack.storage", "cinder"),
        ("TaskReasonUser", "X\\os", SHARED, "org.openstack.compute", "nova"),
        ("TaskReasonUser", "X\\os", SHARED, None, "nova"),
        ("TaskReasonUser", "anyone", Users(), "org.openstack.compute", "nova"),
        ("TaskReasonUser", "anyone", Users(), "org.openstack.storage", "cinder"),
        ("TaskReasonUser", "anyone", Users(), "com.vmware.vim.eam", "user"),
        ("TaskReasonSchedule", "", BOTH, None, "schedule"),
        ("TaskReasonAlarm", "", BOTH, None, "alarm"),
        ("TaskReasonSystem", "", BOTH, "org.openstack.compute", "system"),
        ("", "", BOTH, None, "system"),
    ],
)
def test_who_began_it(reason: str, user: str, users: Users, managed_by: str | None, expected: str) -> None:
    """By the configured service users; by who manages the VM where they do not tell."""
    assert classify(task("t", reason=reason, user=user), users, managed_by).initiator == expected


def test_each_end_counts_once() -> None:
    """What is listed again is not; what ended before the first look is known for the join, but not counted."""
    seen = Seen(since=100.0, mark=100.0)
    seen, news = take(seen, [task("old", 90.0), task("a"), task("b", 101.0)], keep=900.0)
    assert ([t.key for t in news], [t.key for t in seen.active], list(seen.recent)) == (["b"], ["a"], ["old", "b"])
    seen, news = take(seen, [task("a", 130.0, fault="Timedout", state="error"), task("b", 101.0)], keep=900.0)
    assert ([t.key for t in news], seen.active) == (["a"], ())
    assert seen.totals == {
        ("VirtualMachine.powerOff", "system", ""): 1,
        ("VirtualMachine.powerOff", "system", "Timedout"): 1,
    }
    assert [t.key for t in of(seen, frozenset({"vm-7"}))] == ["old", "b", "a"]
    assert of(seen, frozenset({"vm-8"})) == ()
    seen, _ = take(seen, [task("late", 2000.0)], keep=900.0)
    assert list(seen.recent) == ["late"]


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, OVERLAP / 2)), max_size=20), st.integers(1, 5))
def test_late_and_repeated_lists_change_no_count(ends: list[tuple[float, float]], every: int) -> None:
    """Each task becomes visible some time after its end, and is listed in every cycle from then on."""
    seen = Seen(since=0.0, mark=0.0)
    counted: list[str] = []
    for now in range(0, 400, 10 * every):
        listed = [task(f"t{n}", 1 + end) for n, (end, late) in enumerate(ends) if 1 + end + late <= now]
        seen, news = take(seen, listed, keep=0.0)
        counted += [found.key for found in news]
    seen, news = take(seen, [task(f"t{n}", 1 + end) for n, (end, _) in enumerate(ends)], keep=0.0)
    counted += [found.key for found in news]
    assert sorted(counted) == sorted(f"t{n}" for n in range(len(ends)))
    assert sum(seen.totals.values()) == len(ends)


def test_names_are_bounded() -> None:
    """What comes after many others is other."""
    tasks = [task(f"t{n}", 1.0, operation=f"op{n}") for n in range(MOST_NAMES + 5)]
    seen, _ = take(Seen(since=0.0, mark=0.0), tasks, keep=0.0)
    assert len(seen.totals) == MOST_NAMES + 1
    assert seen.totals[OTHER, "system", ""] == 5


def page_of(seen: Seen) -> str:
    """The rows as the page has them."""
    found: dict[Family, list[Row]] = {}
    for family, row in task_rows(seen, "vc1"):
        found.setdefault(family, []).append(row)
    return b"".join(page([{family: lines(family, its) for family, its in found.items()}], Format.TEXT)).decode()


def test_the_page(golden: Callable[[str, str], None]) -> None:
    """Every family of tasks, and promtool has no complaint; the histograms too."""
    tasks = [
        task("a", 12.0, started=3.0, initiator=Initiator.NOVA),
        task("b", 13.0, fault="Timedout", state="error"),
        task("c", initiator=Initiator.USER),
        task("d", state="queued", initiator=Initiator.NOVA),
    ]
    seen, news = take(Seen(since=0.0, mark=0.0), tasks, keep=900.0)
    registry = CollectorRegistry()
    durations = Durations(registry)
    observe(durations, news, vcenter="vc1", seen=seen)
    text = page_of(seen) + generate_latest(registry).decode()
    text = "".join(line for line in text.splitlines(keepends=True) if "_created" not in line)
    golden("tasks.prom", text)
    families = {family.name for family, _ in task_rows(seen, "vc1")}
    assert families == {family.name for family in every_family() if family.name.startswith("vsphere_task_")}
    promtool = [require("promtool"), "check", "metrics"]
    found = subprocess.run(promtool, input=text, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    durations.forget(vcenter="vc1")
    assert "vc1" not in generate_latest(registry).decode()


@asynccontextmanager
async def reading(
    vcsim: Vcsim, observe: Callable[..., None] | None = None
) -> AsyncIterator[tuple[Session, tasktalk.TaskReader]]:
    """A session with a running simulator, and a reader on it."""
    config = of_vcsim(vcsim)
    transport = Transport(config, clock=Clock(), **({"observe": observe} if observe else {}))
    session = Session(transport, config, clock=Clock(), rng=random.Random(1))
    try:
        yield session, tasktalk.TaskReader(session, "vc1", clock=Clock())
    finally:
        await session.logout()
        await transport.close()


async def power(session: Session, moid: str, *methods: str) -> None:
    """Runs tasks on a VM, one after the other, and waits for each to end."""
    vm = typed.reference("VirtualMachine", moid)
    for method in methods:
        made = await session.call(vm, method)
        state = "running"
        while state in {"running", "queued"}:
            spec = tasktalk._Collector.FilterSpec(
                propSet=[tasktalk._Collector.PropertySpec(type=vim.Task, pathSet=["info.state"])],
                objectSet=[tasktalk._Collector.ObjectSpec(obj=made)],
            )
            options = tasktalk._Collector.RetrieveOptions()
            source = session.content.propertyCollector
            found = await session.call(source, "RetrievePropertiesEx", specSet=[spec], options=options)
            state = found.objects[0].propSet[0].val


async def a_vm(session: Session) -> str:
    """The id of some VM that is on."""
    await session.login()
    content = session.content
    view = await session.call(
        content.viewManager,
        "CreateContainerView",
        container=content.rootFolder,
        type=[vim.VirtualMachine],
        recursive=True,
    )
    way = tasktalk._Collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
    spec = tasktalk._Collector.FilterSpec(
        propSet=[tasktalk._Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name"])],
        objectSet=[tasktalk._Collector.ObjectSpec(obj=view, skip=True, selectSet=[way])],
    )
    options = tasktalk._Collector.RetrieveOptions()
    found = await session.call(content.propertyCollector, "RetrievePropertiesEx", specSet=[spec], options=options)
    return str(found.objects[0].obj._GetMoId())


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_reads_a_simulators_tasks(flavour: Flavour) -> None:
    """What was done to a VM is listed by one request, with its times, its initiator and its fault."""
    requests: list[str] = []

    def note(method: str, *_: object, **__: object) -> None:
        requests.append(method)

    with start(flavour, "-vm", "1") as vcsim:
        async with reading(vcsim, note) as (session, reader):
            moid = await a_vm(session)
            begin = await session.keep_alive()
            await power(session, moid, "PowerOffVM_Task", "PowerOffVM_Task")
            requests.clear()
            found = await reader.read(Seen(since=begin - 1, mark=begin - 1))
            assert (requests, found.complete) == (["RetrievePropertiesEx"], True)
            mine = sorted(
                (t for t in found.tasks if t.entity == moid and t.operation.endswith("powerOff")),
                key=lambda t: t.queued,
            )
            assert [(t.state, t.fault, t.reason, t.user) for t in mine] == [
                ("success", "", "TaskReasonUser", "vcsim"),
                ("error", "InvalidPowerState", "TaskReasonUser", "vcsim"),
            ]
            for t in mine:
                assert t.started is not None
                assert t.completed is not None
                assert begin - 1 <= t.queued <= t.started <= t.completed


async def test_a_collector_fills_the_gap() -> None:
    """More tasks than the list holds: a history collector has the others, and is destroyed; all count once."""
    requests: list[str] = []

    def note(method: str, *_: object, **__: object) -> None:
        requests.append(method)

    with start("current", "-vm", "1") as vcsim:
        async with reading(vcsim, note) as (session, reader):
            moid = await a_vm(session)
            begin = await session.keep_alive()
            seen = Seen(since=begin, mark=begin)
            for _ in range(tasktalk.RECENT // 2 + 10):
                await power(session, moid, "PowerOffVM_Task", "PowerOnVM_Task")
            requests.clear()
            found = await reader.read(seen)
            assert requests == ["RetrievePropertiesEx", "CreateCollectorForTasks", "ReadNextTasks", "DestroyCollector"]
            seen, news = take(seen, found.tasks, keep=900.0)
            assert (found.complete, len([t for t in news if t.entity == moid])) == (True, tasktalk.RECENT + 20)
            requests.clear()
            again, news = take(seen, (await reader.read(seen)).tasks, keep=900.0)
            assert (news, again.totals, requests) == ((), seen.totals, ["RetrievePropertiesEx"])


async def test_a_long_pause_is_a_gap() -> None:
    """What ended after the last reading may have left the list by now, so a collector is asked."""
    requests: list[str] = []
    passed = [0.0]

    def note(method: str, *_: object, **__: object) -> None:
        requests.append(method)

    with start("current", "-vm", "1") as vcsim:
        async with reading(vcsim, note) as (session, _):
            await session.login()
            reader = tasktalk.TaskReader(session, "vc1", clock=Clock(monotonic=lambda: passed[0]))
            asked = []
            for passed[0] in (0.0, tasktalk.RECENT_AGE, 2 * tasktalk.RECENT_AGE + 1):
                requests.clear()
                await reader.read(Seen(since=0.0, mark=1.0))
                asked.append("CreateCollectorForTasks" in requests)
            assert asked == [False, False, True]


async def test_without_collectors_the_gap_is_said() -> None:
    """govmomi 0.24 has none: what is listed is taken, and the reading is not complete."""
    with start("classic", "-vm", "1") as vcsim:
        async with reading(vcsim) as (session, reader):
            moid = await a_vm(session)
            begin = await session.keep_alive()
            for _ in range(tasktalk.RECENT // 2 + 10):
                await power(session, moid, "PowerOffVM_Task", "PowerOnVM_Task")
            found = await reader.read(Seen(since=begin - 1, mark=begin - 1))
            assert (found.complete, len(found.tasks)) == (False, tasktalk.RECENT)


async def test_a_vcenter_that_refuses() -> None:
    """The caller is told."""
    with start("current", "-control", "127.0.0.1:0") as vcsim:
        async with reading(vcsim) as (session, reader):
            await session.login()
            vcsim.inject("RetrievePropertiesEx", "NoPermission", count=1)
            with pytest.raises(Fault, match="NoPermission"):
                await reader.read(Seen(since=0.0, mark=0.0))
