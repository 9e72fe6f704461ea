"""Which of a vCenter's tasks an operation of Nova is judged by."""

import pytest

from exporter.causes import Side, cause, project_folders
from exporter.model import Entity, Kind
from exporter.openstack.tasks import Health
from exporter.openstack.timeouts import Cause, Operation
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.tasks import Initiator, Seen, Task

START = 1_000_000.0


def operation(name: str = "power_off", **more: object) -> Operation:
    """An operation that a host has picked up."""
    facts = {"server": "s1", "key": "req-1", "start": START, "limit": 60.0, "host": "vmware1", "project": "p1"}
    return Operation(name=name, picked_up=True, **{**facts, **more})  # type: ignore[arg-type]


def side(*active: Task, **more: object) -> Side:
    """A vCenter that answers."""
    seen = Seen(since=0.0, mark=START, active=active)
    return Side(**{"health": Health(up=True), "seen": seen, **more})  # type: ignore[arg-type]


def running(entity: str, *, queued: float = START) -> Task:
    """A task of Nova's that is under way."""
    return Task(
        key="t", operation="x", state="running", queued=queued, started=queued, entity=entity, initiator=Initiator.NOVA
    )


def done(entity: str, *, completed: float) -> Task:
    """A task that ended well."""
    return Task(key="d", operation="x", state="success", queued=completed, completed=completed, entity=entity)


def test_the_task_on_the_servers_vm_is_the_cause() -> None:
    """Of all tasks, those on the VM count, wherever the host's own vCenter is."""
    sides = {"vc1": side(running("vm-2")), "vc2": side(running("vm-1"))}

    found = cause(operation(), [("vc2", "vm-1")], home="vc1", sides=sides, now=START)

    assert found is Cause.VCENTER_RUNNING


def test_a_task_on_another_vm_is_not() -> None:
    """A VM without tasks was never asked for anything."""
    sides = {"vc1": side(running("vm-2"))}

    assert cause(operation(), [("vc1", "vm-1")], home="vc1", sides=sides, now=START) is Cause.NO_VCENTER_TASK


def test_a_create_without_vm_is_looked_for_in_its_projects_folder() -> None:
    """CreateVM_Task works on the folder, for there is no VM yet."""
    sides = {"vc1": side(running("group-v9"), folders={"p1": "group-v9"})}

    assert cause(operation("create"), [], home="vc1", sides=sides, now=START) is Cause.VCENTER_RUNNING
    assert cause(operation("delete"), [], home="vc1", sides=sides, now=START) is Cause.UNKNOWN


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 3600.0])
def test_the_clocks_of_both_sides_are_brought_together(ahead: float) -> None:
    """A task that ended before the operation began, by either clock, is not its task."""
    seen = {
        when: Seen(since=0.0, mark=START, recent={"d": done("vm-1", completed=START + ahead + when)})
        for when in (-600.0, 20.0)
    }

    found = {
        when: cause(operation(), [("vc1", "vm-1")], home="", sides={"vc1": side(seen=one, ahead=ahead)}, now=START)
        for when, one in seen.items()
    }

    assert found == {-600.0: Cause.NO_VCENTER_TASK, 20.0: Cause.VCENTER_DONE}


def test_a_vcenter_that_does_not_answer_makes_nova_retry() -> None:
    """Before its VM is known the host's vCenter is asked."""
    sides = {"vc1": side(health=Health(up=False))}

    assert cause(operation("create"), [], home="vc1", sides=sides, now=START) is Cause.RETRY_BACKOFF


@pytest.mark.parametrize("sides", [{}, {"vc1": Side(health=None, seen=None)}, {"vc1": side(seen=None)}])
def test_what_is_not_known_is_unknown(sides: dict[str, Side]) -> None:
    """A host of no vCenter of ours, one that was not read yet, and one whose tasks cannot be read."""
    assert cause(operation(), [("vc1", "vm-1")], home="vc1", sides=sides, now=START) is Cause.UNKNOWN


def test_project_folders_are_found_by_novas_path() -> None:
    """Only Instances below OpenStack/Project (<id>) is where Nova makes VMs."""

    def folder(moid: str, path: str) -> Entity:
        return Entity(moid=moid, kind=Kind.FOLDER, type="Folder", name=path.rsplit("/", 1)[1], path=path)

    folders = [
        folder("group-v1", "/DC0/vm/OpenStack/Project (abc)/Instances"),
        folder("group-v2", "/DC0/vm/OpenStack/Project (abc)"),
        folder("group-v3", "/DC0/vm/Project (abc)/Instances"),
        folder("group-v4", "/DC0/vm/OpenStack/Project (abc)/old/Instances"),
    ]

    assert project_folders(Inventory(entities={one.moid: one for one in folders})) == {"abc": "group-v1"}
