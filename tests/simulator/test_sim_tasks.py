"""The vCenter's tasks: as the agent reads them, as pyVmomi sees them, and what goes wrong with them on demand."""

import random
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from pyVmomi import vim
from simclient import Clock, ask
from vcenter.asking import logged_in, to

from exporter.clock import Clock as AgentClock
from exporter.vcenter import eventtalk
from exporter.vcenter.events import Losses
from exporter.vcenter.tasks import Initiator, Seen, Users, classify
from exporter.vcenter.tasktalk import Reading, TaskReader
from simulator.churn import step
from simulator.model import Model
from simulator.tasks import NOVA, NOVA_USER, RECENT, RECENT_AGE, TaskFault, TaskTrouble
from simulator.vcenter import Server, serve

USERS = Users(nova=frozenset({"nova@vsphere.local"}))


def a_vm(model: Model) -> str:
    """The first machine that Nova made."""
    return next(n.moid for n in model.of_kind("VirtualMachine") if "nvp.vm-uuid" in dict(n.facts.extra))


async def read(server: Server, *, since: float = 0.0, monotonic: Callable[[], float] = lambda: 0.0) -> Reading:
    """What the agent reads in its first cycle."""
    async with logged_in(to(server)) as session:
        reader = TaskReader(session, "vc", clock=AgentClock(monotonic=monotonic))
        return await reader.read(Seen(since=since, mark=since))


async def test_a_task_waits_runs_and_ends(clock: Clock, model: Model, plain: Server) -> None:
    """It is queued, then runs, then has succeeded, with all its times; what it does happens at its end."""
    vm, began = a_vm(model), clock.seconds
    model.tasks.begin("VirtualMachine.powerOff", vm, by=NOVA, seconds=2, effect=lambda: model.power(vm, on=False))
    seen = []
    for clock.seconds in (began, began + 1, began + 3):
        (task,) = (await read(plain)).tasks
        power = model.get(vm).facts.power
        seen.append((task.state, task.queued - began, task.started, task.completed, power))
    assert seen == [
        ("queued", 0.0, None, None, "poweredOn"),
        ("running", 0.0, began + 0.05, None, "poweredOn"),
        ("success", 0.0, began + 0.05, began + 2.05, "poweredOff"),
    ]
    assert (task.key, task.operation, task.entity, task.user) == ("task-1", "VirtualMachine.powerOff", vm, NOVA_USER)
    assert classify(task, USERS, None).initiator is Initiator.NOVA


async def test_it_hangs_until_it_is_released(clock: Clock, model: Model, plain: Server) -> None:
    """An armed task stays queued, or running, for days; released, it goes on and succeeds."""
    vm = a_vm(model)
    for state in ("queued", "running"):
        model.tasks.arm(TaskTrouble(kind="hang", operation="VirtualMachine.power*", entity=vm, state=state))
        model.tasks.begin("VirtualMachine.powerOff", vm, by=NOVA)
    clock.seconds += 3 * 86400
    assert [(task.state, task.completed) for task in (await read(plain)).tasks] == [("queued", None), ("running", None)]
    model.tasks.release()
    clock.seconds += 2
    assert [task.state for task in (await read(plain)).tasks] == ["success"] * 2


async def test_it_fails_and_it_is_cancelled(clock: Clock, model: Model, plain: Server) -> None:
    """The fault of an armed task reaches the agent by its type, and so does RequestCanceled of a cancelled one."""
    vm = a_vm(model)
    fault = TaskFault("Timedout", "Operation timed out.")
    model.tasks.arm(TaskTrouble(kind="fail", operation="VirtualMachine.powerOff", fault=fault))
    model.tasks.begin("VirtualMachine.powerOff", vm, effect=lambda: model.power(vm, on=False))
    model.tasks.arm(TaskTrouble(kind="hang", operation="VirtualMachine.reset"))
    hangs = model.tasks.begin("VirtualMachine.reset", vm)
    clock.seconds += 5
    async with logged_in(to(plain)) as session:
        await session.call(vim.Task(hangs.facts.key), "CancelTask")
    told = {task.operation: (task.state, task.fault, task.reason) for task in (await read(plain)).tasks}
    assert told == {
        "VirtualMachine.powerOff": ("error", "Timedout", "TaskReasonSystem"),
        "VirtualMachine.reset": ("error", "RequestCanceled", "TaskReasonSystem"),
    }
    assert model.get(vm).facts.power == "poweredOn"


async def test_what_left_the_list_is_in_the_history(clock: Clock, model: Model, plain: Server) -> None:
    """recentTask keeps 200 ended tasks, and none for more than 10 minutes; collectors read them all, oldest first."""
    vm = a_vm(model)
    for _ in range(RECENT + 50):
        model.tasks.begin("VirtualMachine.reconfigure", vm, by=NOVA, seconds=1)
        clock.seconds += 2
    reading = await read(plain, since=1.0)
    keys = {task.key for task in reading.tasks}
    assert (len(model.tasks.recent()), len(keys), reading.complete) == (RECENT, RECENT + 50, True)
    clock.seconds += RECENT_AGE
    model.agenda.run()
    assert model.tasks.recent() == []


async def test_collectors_filter_and_end(clock: Clock, model: Model, plain: Server) -> None:
    """A collector hands out pages of what its filter means, once; rewound it begins anew; destroyed it is gone."""
    vm, other = a_vm(model), next(model.of_kind("HostSystem")).moid
    for moid in (vm, other, vm):
        model.tasks.begin("VirtualMachine.reconfigure", moid, by=NOVA)
        clock.seconds += 2
    only = vim.TaskFilterSpec(
        entity=vim.TaskFilterSpec.ByEntity(entity=vim.VirtualMachine(vm), recursion="self"),
        state=["success"],
        userName=vim.TaskFilterSpec.ByUsername(systemUser=False, userList=[NOVA_USER]),
    )
    async with logged_in(to(plain)) as session:
        made = await session.call(session.content.taskManager, "CreateCollectorForTasks", filter=only)
        pages = [[t.key for t in await session.call(made, "ReadNextTasks", maxCount=1) or []] for _ in range(3)]
        await session.call(made, "RewindCollector")
        again = [t.key for t in await session.call(made, "ReadNextTasks", maxCount=9)]
        await session.call(made, "DestroyCollector")
        with pytest.raises(Exception, match="ManagedObjectNotFound"):
            await session.call(made, "ReadNextTasks", maxCount=1)
    assert (pages, again) == ([["task-1"], ["task-3"], []], ["task-1", "task-3"])


async def test_pyvmomi_sees_them(clock: Clock, model: Model, server: Server) -> None:
    """recentTask of the manager and of the entity, TaskInfo's fields, and a property filter on one task."""
    vm = a_vm(model)
    model.tasks.begin("Folder.createVm", model.get(vm).parent, by=NOVA)
    model.tasks.begin("VirtualMachine.powerOff", vm)
    clock.seconds += 1

    def look(content: Any) -> tuple[Any, ...]:
        infos = [task.info for task in content.taskManager.recentTask]
        mine = vim.VirtualMachine(vm, content.rootFolder._stub).recentTask
        return [(i.name.info.wsdlName, i.state, i.entityName, i.cancelable) for i in infos], [t._moId for t in mine]

    infos, mine = await ask(server, look)
    assert infos == [
        ("CreateVM_Task", "running", "Instances", True),
        ("PowerOffVM_Task", "running", model.get(vm).facts.name, True),
    ]
    assert mine == ["task-2"]


async def test_churn_leaves_tasks(model: Model) -> None:
    """What happens to machines by hand or by DRS is a task that ended; Nova's machines are not powered by hand."""
    chance, foreign = random.Random(3), {a_vm(model)}
    for _ in range(400):
        step(model, chance, foreign=foreign)
    tasks = list(model.tasks.all())
    assert {task.operation for task in tasks} == {
        "Drm.ExecuteVMotionLRO",
        "VirtualMachine.powerOn",
        "VirtualMachine.powerOff",
        "VirtualMachine.clone",
        "VirtualMachine.reconfigure",
        "ManagedEntity.destroy",
    }
    assert {task.state for task in tasks} == {"success"}
    on_foreign = {task.operation for task in tasks if task.entity and task.entity.moid in foreign}
    assert on_foreign <= {"Drm.ExecuteVMotionLRO"}


async def test_orders_over_http(clock: Clock, model: Model) -> None:
    """POST /fault makes a task hang or fail, says what is wrong with an order, and DELETE ends it all."""
    vm = a_vm(model)
    async with serve(model, control=True) as server, aiohttp.ClientSession() as http:
        url = server.url.removesuffix("/sdk") + "/fault"
        orders = (
            ({"kind": "task_hang", "operation": "VirtualMachine.reset", "state": "queued"}, 200),
            ({"kind": "task_fail", "fault": "Timedout", "text": "late"}, 200),
            ({"kind": "task_fail", "fault": "NoSuchFault"}, 400),
            ({"kind": "task_hang", "state": "ended"}, 400),
            ({"kind": "cell"}, 400),
        )
        for order, status in orders:
            async with http.post(url, json=order) as reply:
                assert (reply.status, order) == (status, order)
        for operation in ("VirtualMachine.reset", "VirtualMachine.powerOff"):
            model.tasks.begin(operation, vm)
        clock.seconds += 60
        model.agenda.run()
        before = {task.operation: (task.state, task.fault and task.fault.name) for task in model.tasks.all()}
        async with http.delete(url) as reply:
            assert reply.status == 200
        clock.seconds += 60
        model.agenda.run()
    assert before == {
        "VirtualMachine.reset": ("queued", None),
        "VirtualMachine.powerOff": ("error", "Timedout"),
    }
    assert {task.state for task in model.tasks.all() if task.operation == "VirtualMachine.reset"} == {"success"}


async def test_events_of_hosts(clock: Clock, model: Model, plain: Server) -> None:
    """What a host tells of its storage is read as vCenter's EventEx: since when and of which types is the client's."""
    host = next(model.of_kind("HostSystem")).moid
    model.events.tell("esx.problem.storage.apd.start", host, _1="naa.1")
    clock.seconds += 7200
    model.events.tell("esx.problem.storage.apd.start", host, _1="naa.2")
    model.events.tell("esx.audit.shell.enabled", host)
    async with logged_in(to(plain)) as session:
        found = await eventtalk.read(session, Losses(0.0, clock.seconds - 3600))
        everything = await eventtalk.read(session, Losses(0.0, 0.0))
    assert [(event.key, event.at, event.host, dict(event.arguments)) for event in found] == [
        (2, clock.seconds, host, {"1": "naa.2"})
    ]
    assert [event.key for event in everything] == [1, 2]
