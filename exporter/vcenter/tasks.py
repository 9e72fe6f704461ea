"""The vCenter's tasks: XML -> frozen tasks, and what is counted of them. Pure; ``tasktalk`` asks."""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from xml.etree.ElementTree import Element, ParseError, fromstring

from exporter.errors import BadReply
from exporter.vcenter import faults, readers
from exporter.vcenter.readers import VIM

OVERLAP = 60.0
"""Seconds by which reading goes back behind the last end seen: the vCenter's database may show a task late."""
MOST_NAMES = 200
"""Operations and faults that are told apart in the counts; one seen after so many others is ``other``."""
OTHER = "other"

_COMPUTE, _STORAGE = "org.openstack.compute", "org.openstack.storage"  # nova and cinder, ManagedByInfo.extensionKey


class Initiator(StrEnum):
    """Who began a task (vSphere API reference, TaskReason); a user is told apart from OpenStack's own."""

    NOVA = "nova"
    CINDER = "cinder"
    USER = "user"
    SCHEDULE = "schedule"
    ALARM = "alarm"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """TaskInfo of the vSphere API. Instants are epoch seconds by the vCenter's clock.

    ``operation`` is its descriptionId (``VirtualMachine.powerOff``), ``entity`` the id of the object it works on,
    ``state`` queued, running, success or error, ``fault`` the type of its error (``Timedout``). ``reason`` is the type
    of its TaskReason and ``user`` the one that it names; ``classify`` makes ``initiator`` of them.
    """

    key: str
    operation: str
    state: str
    queued: float
    entity: str = ""
    started: float | None = None
    completed: float | None = None
    fault: str = ""
    reason: str = ""
    user: str = ""
    initiator: Initiator = Initiator.SYSTEM


def read_task(element: Element) -> Task:
    """TaskInfo -> Task; for ``properties.decode`` too. ValueError where the text does not fit."""
    reason = element.find(VIM + "reason")
    error = element.find(VIM + "error")
    queued = readers.child(element, "queueTime", readers.instant)
    if queued is None:
        raise ValueError("a task without queueTime")
    return Task(
        key=readers.string(element, "key") or "",
        operation=readers.child(element, "descriptionId", readers.keyword) or "",
        state=readers.child(element, "state", readers.keyword) or "",
        queued=queued,
        entity=readers.string(element, "entity") or "",
        started=readers.child(element, "startTime", readers.instant),
        completed=readers.child(element, "completeTime", readers.instant),
        fault="" if error is None else _fault(error),
        reason="" if reason is None else readers.type_of(reason),
        user="" if reason is None else readers.string(reason, "userName") or "",
    )


def decode(body: bytes) -> tuple[Task, ...]:
    """The reply to ReadNextTasks. Raises the Fault it holds, and BadReply where it is not such a reply."""
    fault = faults.parse(body)
    if fault is not None:
        raise fault
    try:
        answer = fromstring(body).find(f".//{VIM}ReadNextTasksResponse")  # noqa: S314 - faults.parse refuses a DTD
        if answer is None:
            raise BadReply("the reply is not that of ReadNextTasks; check that the URL is the vCenter's /sdk")
        return tuple(read_task(element) for element in answer.iterfind(VIM + "returnval"))
    except (ParseError, ValueError) as error:
        raise BadReply(f"the reply to ReadNextTasks cannot be read ({faults.clip(str(error))})") from error


def _fault(error: Element) -> str:
    """LocalizedMethodFault: the type of its fault, without a message."""
    fault = error.find(VIM + "fault")
    return (readers.type_of(fault) if fault is not None else "") or "MethodFault"


@dataclass(frozen=True, slots=True)
class Users:
    """The service users of OpenStack, as configured: ``nova@vsphere.local`` or ``VSPHERE.LOCAL\\nova``."""

    nova: frozenset[str] = frozenset()
    cinder: frozenset[str] = frozenset()


def classify(task: Task, users: Users, managed_by: str | None) -> Task:
    """The task with its initiator. ``managed_by`` is the extension that manages its VM, None if none or not known.

    A user is OpenStack's where it is configured as such; one that is configured for both, or where none is configured,
    is so by the extension that manages the VM.
    """
    return replace(task, initiator=_initiator(task, users, managed_by))


def _initiator(task: Task, users: Users, managed_by: str | None) -> Initiator:
    if task.reason != "TaskReasonUser":
        return _REASONS.get(task.reason, Initiator.SYSTEM)
    name = _normal(task.user)
    nova, cinder = name in map(_normal, users.nova), name in map(_normal, users.cinder)
    if nova != cinder:
        return Initiator.NOVA if nova else Initiator.CINDER
    if not nova and (users.nova or users.cinder):
        return Initiator.USER
    return {_COMPUTE: Initiator.NOVA, _STORAGE: Initiator.CINDER}.get(
        managed_by or "", Initiator.NOVA if nova else Initiator.USER
    )


_REASONS: Mapping[str, Initiator] = {
    "TaskReasonSchedule": Initiator.SCHEDULE,
    "TaskReasonAlarm": Initiator.ALARM,
    "TaskReasonSystem": Initiator.SYSTEM,
}


def _normal(user: str) -> str:
    """``DOMAIN\\user`` and ``user@domain`` as the same text; case does not matter to vCenter Single Sign-On."""
    domain, slash, name = user.rpartition("\\")
    return f"{name}@{domain}".lower() if slash else user.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a vCenter's tasks. ``mark`` is the newest end seen; ends until ``since`` are not counted.

    ``active`` are queued and running ones, ``recent`` those that ended within OVERLAP before ``mark``, or since the
    time that ``take`` was told to keep. ``totals`` counts ends by operation, initiator and fault.
    """

    since: float
    mark: float
    active: tuple[Task, ...] = ()
    recent: Mapping[str, Task] = field(default_factory=dict)
    totals: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


def take(seen: Seen, tasks: Iterable[Task], *, keep: float) -> tuple[Seen, tuple[Task, ...]]:
    """Takes over what one cycle read: every active task, and those that ended since ``seen.mark - OVERLAP``.

    Returns what is now known, and the tasks that ended since last time, each exactly once. ``keep`` is how many seconds
    ends are remembered for the join with Nova.
    """
    found = {task.key: task for task in tasks}
    over = [task for task in found.values() if task.completed is not None]
    floor = max(seen.since, seen.mark - max(OVERLAP, keep))
    news = tuple(t for t in over if t.key not in seen.recent and (t.completed or 0.0) > floor)
    mark = max([seen.mark, *((t.completed or 0.0) for t in news)])
    totals = Tally(seen.totals)
    operations, kinds = {key[0] for key in totals}, {key[2] for key in totals}
    for task in news:
        totals[_bounded(task.operation, operations), task.initiator.value, _bounded(task.fault, kinds)] += 1
    kept = {**seen.recent, **{task.key: task for task in over}}
    oldest = mark - max(OVERLAP, keep)
    recent = {key: task for key, task in kept.items() if (task.completed or 0.0) > oldest}
    active = tuple(task for task in found.values() if task.completed is None and task.state in {"queued", "running"})
    return Seen(since=seen.since, mark=mark, active=active, recent=recent, totals=totals), news


def of(seen: Seen, entities: frozenset[str]) -> tuple[Task, ...]:
    """The active and the recently ended tasks on any of these objects."""
    return tuple(task for task in (*seen.active, *seen.recent.values()) if task.entity in entities)


def _bounded(name: str, known: set[str]) -> str:
    """The name itself, while not too many are told apart."""
    if name not in known and len(known) >= MOST_NAMES:
        return OTHER
    known.add(name)
    return name
