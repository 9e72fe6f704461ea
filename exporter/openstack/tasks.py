"""Both sides of a hung operation: what the vCenter does on the VM while Nova waits. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.openstack.timeouts import Cause, Operation
from exporter.vcenter.tasks import Initiator, Task

BACKOFF = 450.0
"""Longest time for which the VMware driver hides that a call fails: ten waits of 10 to 60 s (oslo.vmware,
RetryDecorator, with nova's api_retry_count of 10)."""
SKEW = 5.0
"""Seconds by which the vCenter's clock may be behind Nova's after both were corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What our own session sees of the vCenter: whether it answers now, and when it last did not (epoch seconds)."""

    up: bool
    last_failure: float | None = None


def cause(operation: Operation, tasks: Iterable[Task] | None, *, health: Health | None, now: float) -> Cause:
    """Why an operation in flight takes so long; the first of these that holds.

    - not_picked_up: Nova recorded the action, but no host has begun a step: a hung compute, or the message queue.
    - unknown: nothing is known of the vCenter (``health`` None), as of a KVM host or a vCenter that is not configured.
    - retry_backoff: the vCenter does not answer us; Nova's driver retries for up to BACKOFF seconds.
    - vcenter_running, vcenter_queued: a task on the VM is under way or waits for its turn; Nova's own before others'.
    - retry_backoff: the vCenter failed us within BACKOFF, or the last task on the VM failed since the operation began,
      after which the driver waits and tries again.
    - unknown: nothing is known of the VM's tasks (``tasks`` None): no VM was found, or they could not be read.
    - vcenter_done: a task of the operation's time succeeded, and still Nova waits: look at nova-compute.
    - no_vcenter_task: the vCenter was never asked: look at nova-compute, Neutron, Cinder or Glance.

    ``tasks`` are those of the operation's VM and, for a create, of the folder it is made in, with their times by the
    clock that ``operation.start`` and ``now`` are of; the vCenter may begin SKEW seconds early.
    """
    if operation.picked_up is False:
        return Cause.NOT_PICKED_UP
    if health is None:
        return Cause.UNKNOWN
    if not health.up:
        return Cause.RETRY_BACKOFF
    known = list(tasks or ())
    active = [task for task in known if task.state in {"running", "queued"}]
    if active:
        own = [task for task in active if task.initiator is Initiator.NOVA] or active
        running = any(task.state == "running" for task in own)
        return Cause.VCENTER_RUNNING if running else Cause.VCENTER_QUEUED
    since = [task for task in known if task.completed is not None and task.completed >= operation.start - SKEW]
    newest = max(since, key=lambda task: task.completed or 0.0, default=None)
    if _lately(health, now) or (newest is not None and newest.state == "error"):
        return Cause.RETRY_BACKOFF
    nothing = Cause.UNKNOWN if tasks is None else Cause.NO_VCENTER_TASK
    return nothing if newest is None else Cause.VCENTER_DONE


def _lately(health: Health, now: float) -> bool:
    return health.last_failure is not None and now - health.last_failure <= BACKOFF
