"""Methods of the task manager, of tasks and of collectors of their history."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pyVmomi import vim

from simulator.data import Ref, moid_of
from simulator.sessions import Caller, Session
from simulator.store import Node, not_found
from simulator.task_properties import MAX_COLLECTORS, task_info
from simulator.tasks import TaskFacts
from simulator.wire import Call, not_authenticated, returned

if TYPE_CHECKING:
    from simulator.service import Handler, Service

_PAGE = 1000


class History:
    """What one TaskHistoryCollector can still read: the tasks that fitted when it was made or rewound, oldest first."""

    def __init__(self, read: Callable[[], list[TaskFacts]]) -> None:
        self._read = read
        self._found = read()
        self._at = 0

    def rewind(self) -> None:
        """Begin anew, with what fits now."""
        self._found, self._at = self._read(), 0

    def page(self, size: int) -> list[TaskFacts]:
        """The next newer tasks."""
        begin, self._at = self._at, self._at + max(0, min(size, _PAGE))
        return self._found[begin : self._at]


def _session(caller: Caller) -> Session:
    if caller.session is None:
        raise not_authenticated()
    return caller.session


def _history(caller: Caller, call: Call) -> History:
    node = _session(caller).nodes.get(moid_of(call.this))
    if node is None or node.kind != "TaskHistoryCollector":
        raise not_found(call.this)
    found: History = node.facts
    return found


def _create(service: "Service", caller: Caller, call: Call) -> str:
    session, wanted = _session(caller), call.arguments["filter"]
    if sum(node.kind == "TaskHistoryCollector" for node in session.nodes.values()) >= MAX_COLLECTORS:
        raise vim.fault.InvalidState(msg="The operation is not allowed in the current state: too many collectors.")
    moid = service.model.new_moid(f"session[{session.key}]tasks-")
    history = History(lambda: [facts for facts in service.model.tasks.all() if _fits(facts, wanted)])
    session.nodes[moid] = Node("TaskHistoryCollector", moid, history)
    return returned(call.method, Ref("TaskHistoryCollector", moid))


def _fits(facts: TaskFacts, wanted: Any) -> bool:
    """Whether a task is one that a TaskFilterSpec means: by entity itself, time, state and users."""
    if wanted.entity and (facts.entity is None or facts.entity.moid != moid_of(wanted.entity.entity)):
        return False
    if wanted.state and facts.state not in wanted.state:
        return False
    if wanted.userName and wanted.userName.userList and facts.reason.name not in wanted.userName.userList:
        return False
    return not wanted.time or _in_time(facts, wanted.time)


def _in_time(facts: TaskFacts, wanted: Any) -> bool:
    instants = {"queuedTime": facts.queued, "startedTime": facts.started, "completedTime": facts.completed}
    at = instants[wanted.timeType]
    if at is None:
        return False
    begin, end = wanted.beginTime, wanted.endTime
    return (begin is None or begin.timestamp() <= at) and (end is None or at <= end.timestamp())


def _read_next(_service: "Service", caller: Caller, call: Call) -> str:
    page = _history(caller, call).page(call.arguments["maxCount"])
    return returned(call.method, [task_info(facts) for facts in page])


def _rewind(_service: "Service", caller: Caller, call: Call) -> str:
    _history(caller, call).rewind()
    return ""


def _destroy(_service: "Service", caller: Caller, call: Call) -> str:
    _history(caller, call)
    del _session(caller).nodes[moid_of(call.this)]
    return ""


def _cancel(service: "Service", _caller: Caller, call: Call) -> str:
    if service.model.tasks.find(moid_of(call.this)) is None:
        raise not_found(call.this)
    service.model.tasks.cancel(moid_of(call.this))
    return ""


HANDLERS: "Mapping[str, Handler]" = {
    "CreateCollectorForTasks": _create,
    "ReadNextTasks": _read_next,
    "RewindCollector": _rewind,
    "ResetCollector": _rewind,
    "DestroyCollector": _destroy,
    "CancelTask": _cancel,
}
