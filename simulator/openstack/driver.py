"""Nova's VMware driver: it begins a vCenter task and waits for its end for ever (oslo_vmware/api.py, wait_for_task)."""

from collections.abc import Callable

from simulator.agenda import Process
from simulator.openstack.cloud import Cloud
from simulator.tasks import NOVA, TaskFault

_NAMED = frozenset({
    "AlreadyExists", "CannotDeleteFile", "DuplicateName", "FileAlreadyExists", "FileFault", "FileLocked",
    "FileNotFound", "InvalidPowerState", "ManagedObjectNotFound", "NoDiskSpace", "NoPermission", "TaskInProgress",
})  # fmt: skip
"""Faults that have an exception of their own (oslo_vmware/exceptions.py), which shows vCenter's sentence alone."""


class DriverError(Exception):
    """What the driver raises; its text goes into the event, or into the server's fault."""


def driven(
    cloud: Cloud,
    operation: str,
    entity: str | None,
    *,
    seconds: float,
    effect: Callable[[], None] | None = None,
    fault: TaskFault | None = None,
) -> Process:
    """Run a task as Nova's service user, and look at it every half second. Raises DriverError where it fails."""
    task = cloud.model.tasks.begin(
        operation,
        entity,
        by=NOVA,
        seconds=seconds * cloud.chance.uniform(0.7, 1.5),
        effect=effect,
        fault=fault,
    )
    yield task.over
    yield 0.25
    failure = task.facts.fault
    if failure is not None:
        raise DriverError(failure.text if failure.name in _NAMED else f"{failure.text}\nFaults: ['{failure.name}']")
