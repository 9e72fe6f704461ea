"""Tasks as the vSphere API reference defines them: TaskInfo, and the properties of the objects around it."""

from typing import Any

from simulator.data import Data, Ref, Time
from simulator.model import Model
from simulator.store import Node
from simulator.tasks import Reason, TaskFacts, TaskFault

_METHODS = {
    "Folder.createVm": "CreateVM_Task",
    "VirtualMachine.clone": "CloneVM_Task",
    "VirtualMachine.createSnapshot": "CreateSnapshot_Task",
    "vm.Snapshot.remove": "RemoveSnapshot_Task",
    "VirtualMachine.powerOn": "PowerOnVM_Task",
    "VirtualMachine.powerOff": "PowerOffVM_Task",
    "VirtualMachine.reconfigure": "ReconfigVM_Task",
    "VirtualMachine.reset": "ResetVM_Task",
    "VirtualMachine.suspend": "SuspendVM_Task",
    "VirtualMachine.relocate": "RelocateVM_Task",
    "ManagedEntity.rename": "Rename_Task",
    "ManagedEntity.destroy": "Destroy_Task",
    "VirtualDiskManager.copyVirtualDisk": "CopyVirtualDisk_Task",
    "VirtualDiskManager.extendVirtualDisk": "ExtendVirtualDisk_Task",
    "FileManager.deleteFile": "DeleteDatastoreFile_Task",
}
"""descriptionId -> method; the id is the method's name in the API's own model, as pyVmomi's classes have it."""


MAX_COLLECTORS = 200
"""TaskManager.maxCollector; more of a session are refused with InvalidState (vSphere API reference)."""


def task_info(facts: TaskFacts) -> Data:
    """TaskInfo of a task."""
    return Data(
        "TaskInfo",
        key=facts.key,
        task=Ref("Task", facts.key),
        name=_METHODS.get(facts.operation),
        descriptionId=facts.operation,
        entity=facts.entity,
        entityName=facts.entity_name or None,
        state=facts.state,
        cancelled=bool(facts.fault and facts.fault.name == "RequestCanceled"),
        cancelable=not facts.is_over,
        error=_error(facts.fault) if facts.fault else None,
        progress=37 if facts.state == "running" else None,
        reason=_reason(facts.reason),
        queueTime=Time(facts.queued),
        startTime=_time(facts.started),
        completeTime=_time(facts.completed),
        eventChainId=1000 + int(facts.key.rpartition("-")[2]),
    )


def _error(fault: TaskFault) -> Data:
    return Data("LocalizedMethodFault", fault=Data(fault.name, **fault.fields), localizedMessage=fault.text)


def _reason(reason: Reason) -> Data:
    if reason.kind == "user":
        return Data("TaskReasonUser", userName=reason.name)
    return Data("TaskReasonSystem")


def _time(instant: float | None) -> Time | None:
    return None if instant is None else Time(instant)


def info(_model: Model, node: Node) -> Data:
    """``Task.info``."""
    return task_info(node.facts)


def recent_tasks(model: Model, node: Node) -> list[Ref]:
    """``recentTask`` of a managed entity."""
    return model.tasks.recent_of(node.moid)


def all_recent_tasks(model: Model, _node: Node) -> list[Any]:
    """``TaskManager.recentTask``."""
    return model.tasks.recent()
