"""How Nova works: each operation as its steps, with their events, task states and vCenter tasks.

Read in nova 34.0.0: ``nova/compute/manager.py`` (events, task states) and ``nova/virt/vmwareapi/vmops.py`` (tasks).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import Any

from simulator.agenda import Gate, Process
from simulator.openstack import building, machines
from simulator.openstack.cloud import CONTROLLER, Cloud
from simulator.openstack.driver import DriverError, driven
from simulator.openstack.facts import (
    ACTIVE,
    ASLEEP,
    ERROR,
    RESIZED,
    RUNNING,
    SHUTDOWN,
    STOPPED,
    SUSPENDED,
    Server,
)
from simulator.openstack.trouble import Hang

Effect = Callable[[Cloud, str], None]
"""What a vCenter task does to the server's machine."""

_MESSAGE = 0.3  # seconds that a message to another service takes


@dataclass(frozen=True, slots=True)
class Task:
    """A vCenter task on the server's machine, some ``seconds`` long, or on nothing (``loose``)."""

    operation: str
    seconds: float
    effect: Effect | None = None
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One event of an action: with VMware the tasks, one after another, else so many ``seconds``."""

    event: str
    task_state: str | None = None
    tasks: tuple[Task, ...] = ()
    seconds: float = 1.5

    @property
    def is_central(self) -> bool:
        """Whether a conductor takes it."""
        return not self.event.startswith("compute_")


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation: in which ``vm_state`` it may begin, its steps, and what the server is after them."""

    allowed: frozenset[str]
    steps: tuple[Step, ...]
    after: Mapping[str, Any] = field(default_factory=dict)


_OFF = Task("VirtualMachine.powerOff", 1.2, machines.off)
_ON = Task("VirtualMachine.powerOn", 1.8, machines.on)

PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "stop": Plan(
            frozenset({ACTIVE}),
            (Step("compute_stop_instance", "powering-off", (_OFF,)),),
            {"vm_state": STOPPED, "power_state": SHUTDOWN},
        ),
        "start": Plan(
            frozenset({STOPPED}),
            (Step("compute_start_instance", "powering-on", (_ON,)),),
            {"vm_state": ACTIVE, "power_state": RUNNING},
        ),
        "reboot": Plan(
            frozenset({ACTIVE}),
            (Step("compute_reboot_instance", "rebooting_hard", (Task("VirtualMachine.reset", 1.5, machines.on),)),),
            {"vm_state": ACTIVE, "power_state": RUNNING},
        ),
        "suspend": Plan(
            frozenset({ACTIVE}),
            (Step("compute_suspend_instance", "suspending", (Task("VirtualMachine.suspend", 4.0, machines.suspend),)),),
            {"vm_state": SUSPENDED, "power_state": ASLEEP},
        ),
        "resume": Plan(
            frozenset({SUSPENDED}),
            (Step("compute_resume_instance", "resuming", (_ON,)),),
            {"vm_state": ACTIVE, "power_state": RUNNING},
        ),
        "resize": Plan(
            frozenset({ACTIVE, STOPPED}),
            (
                Step("conductor_migrate_server", "resize_prep", seconds=0.1),
                Step("cold_migrate", "resize_prep", seconds=0.2),
                Step("compute_prep_resize", "resize_prep", seconds=0.5),
                Step("compute_resize_instance", "resize_migrating", (_OFF,)),
                Step(
                    "compute_finish_resize",
                    "resize_finish",
                    (Task("VirtualMachine.reconfigure", 1.0, machines.resize), _ON),
                ),
            ),
            {"vm_state": RESIZED, "power_state": RUNNING},
        ),
        "confirmResize": Plan(
            frozenset({RESIZED}),
            (
                Step(
                    "compute_confirm_resize",
                    tasks=(Task("FileManager.deleteFile", 0.5, loose=True),),
                    seconds=0.5,
                ),
            ),
            {"vm_state": ACTIVE, "old_flavor": None},
        ),
        "createImage": Plan(
            frozenset({ACTIVE, STOPPED}),
            (
                Step(
                    "compute_snapshot_instance",
                    "image_snapshot",
                    (
                        Task("VirtualMachine.createSnapshot", 2.0, machines.snapshot),
                        Task("VirtualMachine.clone", 5.0),
                        Task("vm.Snapshot.remove", 1.5, machines.unsnapshot),
                    ),
                    seconds=6.0,
                ),
            ),
        ),
        "attach_volume": Plan(
            frozenset({ACTIVE, STOPPED}),
            (Step("compute_attach_volume", tasks=(Task("VirtualMachine.reconfigure", 0.8, machines.attach),)),),
        ),
        "delete": Plan(
            frozenset({ACTIVE, STOPPED, SUSPENDED, RESIZED, ERROR}),
            (
                Step(
                    "compute_terminate_instance",
                    "deleting",
                    (_OFF, Task("FileManager.deleteFile", 0.6, machines.remove, loose=True)),
                ),
            ),
        ),
    }
)
"""Instance action -> how it goes. ``create`` has a way of its own (``building``)."""


class Conflict(Exception):
    """The server is not in a state for this operation."""


def begin(cloud: Cloud, action: str, server: str) -> str:
    """Have a server do something, as a user's request would; the request id.

    Raises KeyError for an unknown action or server, Conflict where the server is busy or in the wrong state.
    """
    plan, found = PLANS[action], cloud.servers[server]
    # Nova lets a server that hangs in something be deleted.
    busy = found.task_state is not None and action != "delete"
    if busy or found.vm_state not in plan.allowed:
        raise Conflict(f"{server} is {found.vm_state}, {found.task_state}")
    if action == "resize":
        cloud.update(server, old_flavor=found.flavor, flavor=_other(cloud, found))
    cloud.update(server, task_state=plan.steps[0].task_state)
    request = cloud.act(server, action)
    cloud.agenda.start(_run(cloud, action, server, request=request))
    return request


def create(cloud: Cloud, name: str, *, host: str, flavor: str = "") -> str:
    """Have a server made on a compute; its id. Without the name of a ``flavor``, flavors take turns."""
    return building.begin(cloud, name, host=host, flavor=flavor, hang=lambda server: take_hang(cloud, "create", server))


def _other(cloud: Cloud, server: Server) -> Any:
    """The next larger flavor, the smallest after the largest."""
    names = list(cloud.flavors)
    return cloud.flavors[names[(names.index(server.flavor.name) + 1) % len(names)]]


def take_hang(cloud: Cloud, action: str, server: str) -> str | None:
    """The stage in which an operation that begins now will hang, if it will."""
    found = cloud.servers[server]

    def fits(hang: Hang) -> bool:
        names = fnmatchcase(server, hang.server) or fnmatchcase(found.name, hang.server)
        return names and fnmatchcase(action, hang.action) and fnmatchcase(found.host or "", hang.host)

    taken = cloud.troubles.hangs.take(fits)
    return taken.stage if taken else None


def _run(cloud: Cloud, action: str, server: str, *, request: str) -> Process:
    plan, hang = PLANS[action], take_hang(cloud, action, server)
    released = cloud.troubles.released
    if action == "delete" and cloud.servers[server].host is None:
        cloud.delete(server)  # which the API does itself
        return
    for step in plan.steps:
        host = CONTROLLER if step.is_central else cloud.servers[server].host or CONTROLLER
        cloud.update(server, task_state=step.task_state)
        yield _MESSAGE
        gate = cloud.answering(host)
        if gate is not None:
            yield gate
        cloud.enter(server, request, step.event, host=host)
        yield from _held(hang, "before", released, last=not step.is_central)
        try:
            yield from _work(cloud, step, server)
        except DriverError as failure:
            cloud.leave(server, request, error=str(failure))
            cloud.update(server, task_state=None)
            return
        yield from _held(hang, "after", released, last=step is plan.steps[-1])
        if action == "delete":
            cloud.delete(server)
        cloud.leave(server, request)
    cloud.update(server, task_state=None, **plan.after)


def _held(hang: str | None, stage: str, gate: Gate, *, last: bool) -> Process:
    if hang == stage and last:
        yield gate


def _work(cloud: Cloud, step: Step, server: str) -> Process:
    host = cloud.servers[server].host
    if host is None or not cloud.computes[host].is_vmware or not step.tasks:
        yield step.seconds
        return
    for task in step.tasks:
        moid = cloud.vm_of(server)
        if moid is None and step.event != "compute_terminate_instance":
            raise DriverError(f"The VM instance {server} could not be found: {server}")
        if moid is not None and (task.operation != "VirtualMachine.powerOff" or machines.is_on(cloud, moid)):
            effect = task.effect
            yield from driven(
                cloud,
                task.operation,
                None if task.loose else moid,
                seconds=task.seconds,
                effect=partial(effect, cloud, server) if effect else None,
            )
