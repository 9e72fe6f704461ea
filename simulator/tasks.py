"""The vCenter's tasks: who began them, how far they are, and what goes wrong with them on demand."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import count
from typing import TYPE_CHECKING

from simulator.agenda import Agenda, Gate, Process
from simulator.data import Ref
from simulator.store import Node

if TYPE_CHECKING:
    from simulator.model import Model

RECENT_AGE = 600.0
"""Seconds that an ended task stays in TaskManager.recentTask (vSphere API reference)."""
RECENT = 200
"""Most ended tasks in that list (vSphere API reference)."""
HISTORY = 10_000
"""Ended tasks that a TaskHistoryCollector can read."""

NOVA_USER = "VSPHERE.LOCAL\\nova"
"""The service user that the simulated Nova logs in with, as vCenter writes it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Who began a task (vSphere API reference, TaskReason): ``user`` with its name, or ``system``."""

    kind: str = "system"
    name: str = ""


NOVA = Reason("user", NOVA_USER)
SYSTEM = Reason()


@dataclass(frozen=True, slots=True)
class TaskFault:
    """Why a task failed: the vSphere type of the fault, its fields, and vCenter's sentence."""

    name: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What TaskInfo tells. ``operation`` is the descriptionId, ``entity`` None where there is none; instants by the
    vCenter's clock; ``state`` is queued, running, success or error."""

    key: str
    operation: str
    entity: Ref | None
    entity_name: str
    reason: Reason
    queued: float
    state: str = "queued"
    started: float | None = None
    completed: float | None = None
    fault: TaskFault | None = None

    @property
    def is_over(self) -> bool:
        """Whether the task has ended, well or not."""
        return self.completed is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTrouble:
    """What goes wrong with tasks of ``operation`` on ``entity`` (patterns), ``times`` times (None: never ends).

    hang   the task stays ``state`` (queued or running) until TaskLog.release
    fail   the task ends with ``fault``
    """

    kind: str
    operation: str = "*"
    entity: str = "*"
    times: int | None = 1
    state: str = "running"
    fault: TaskFault = TaskFault("NoDiskSpace", "Insufficient disk space on datastore 'ds-00-0'.", {"datastore": "ds"})

    def __post_init__(self) -> None:
        if self.kind not in {"hang", "fail"} or self.state not in {"queued", "running"}:
            raise ValueError(f"no such trouble of tasks: {self.kind!r}, {self.state!r}; hang (queued, running) or fail")

    def meets(self, task: TaskFacts) -> bool:
        """Whether it is about this task."""
        moid = task.entity.moid if task.entity else ""
        return fnmatchcase(task.operation, self.operation) and fnmatchcase(moid, self.entity)


class Task:
    """One task. ``over`` opens when it ends."""

    def __init__(self, facts: TaskFacts, effect: Callable[[], None] | None) -> None:
        self.node = Node("Task", facts.key, facts)
        self.over = Gate()
        self.effect = effect

    @property
    def facts(self) -> TaskFacts:
        """How far it is."""
        found: TaskFacts = self.node.facts
        return found


class TaskLog:
    """The tasks of one model, which take their time on its agenda."""

    def __init__(self, model: "Model", agenda: Agenda) -> None:
        self._model = model
        self._agenda = agenda
        self._numbers = count(1)
        self._tasks: dict[str, Task] = {}
        self._active: dict[str, Task] = {}
        self._ended: deque[Task] = deque()
        self._history: deque[TaskFacts] = deque(maxlen=HISTORY)
        self._armed: list[tuple[TaskTrouble, list[int]]] = []
        self._released = Gate()

    def begin(
        self,
        operation: str,
        entity: str | None,
        *,
        by: Reason = SYSTEM,
        seconds: float = 1.0,
        effect: Callable[[], None] | None = None,
        fault: TaskFault | None = None,
    ) -> Task:
        """Begin a task that is queued for 50 ms and runs for ``seconds``, then fails with ``fault`` where one is given.

        ``effect`` happens at its good end.
        """
        task = self._new(operation, entity, by=by, effect=effect)
        trouble = TaskTrouble(kind="fail", fault=fault) if fault else self._take(task.facts)
        self._agenda.start(self._life(task, seconds=seconds, trouble=trouble))
        return task

    def record(self, operation: str, entity: str, *, by: Reason, seconds: float) -> None:
        """Record a task that has just ended, as of a change that was made at once."""
        task = self._new(operation, entity, by=by, effect=None)
        begun = self._now() - seconds
        self._set(task, queued=begun, started=begun)
        self._end(task, None)

    def _new(self, operation: str, entity: str | None, *, by: Reason, effect: Callable[[], None] | None) -> Task:
        node = self._model.nodes.get(entity) if entity else None
        facts = TaskFacts(
            key=f"task-{next(self._numbers)}",
            operation=operation,
            entity=node.ref if node else None,
            entity_name=node.facts.name if node else "",
            reason=by,
            queued=self._now(),
        )
        task = Task(facts, effect)
        self._tasks[facts.key] = self._active[facts.key] = task
        self._changed(task)
        return task

    def cancel(self, key: str) -> None:
        """End a task that is under way with the fault RequestCanceled."""
        if key in self._active:
            self._end(self._active[key], TaskFault("RequestCanceled", "The task was canceled by a user."))

    def arm(self, trouble: TaskTrouble) -> None:
        """Let something go wrong from now on."""
        self._armed.append((trouble, [0]))

    def release(self) -> None:
        """Let nothing go wrong any more; tasks that hang go on."""
        self._armed.clear()
        gate, self._released = self._released, Gate()
        self._agenda.open(gate)

    def find(self, moid: str) -> Node | None:
        """The Task object of this id, while it exists: as long as it is in ``recent``."""
        self._forget()
        task = self._tasks.get(moid)
        return task.node if task else None

    def recent(self) -> list[Ref]:
        """TaskManager.recentTask: every queued or running task, and those that ended lately."""
        self._forget()
        return [task.node.ref for task in self._tasks.values()]

    def recent_of(self, moid: str) -> list[Ref]:
        """ManagedEntity.recentTask of an entity."""
        self._forget()
        return [t.node.ref for t in self._tasks.values() if t.facts.entity is not None and t.facts.entity.moid == moid]

    def all(self) -> Iterator[TaskFacts]:
        """Every task that is remembered, those that ended in the order of their ends, then the others."""
        yield from self._history
        yield from (task.facts for task in self._active.values())

    def _life(self, task: Task, *, seconds: float, trouble: TaskTrouble | None) -> Process:
        hangs = trouble.state if trouble and trouble.kind == "hang" else ""
        yield 0.05
        if hangs == "queued":
            yield self._released
        if task.facts.is_over:
            return
        self._set(task, state="running", started=self._now())
        yield seconds
        if hangs == "running":
            yield self._released
        if not task.facts.is_over:
            self._end(task, trouble.fault if trouble and trouble.kind == "fail" else None)

    def _end(self, task: Task, fault: TaskFault | None) -> None:
        if fault is None and task.effect is not None:
            task.effect()
        self._set(task, state="error" if fault else "success", completed=self._now(), fault=fault)
        del self._active[task.facts.key]
        self._ended.append(task)
        self._history.append(task.facts)
        self._forget()
        self._agenda.open(task.over)

    def _take(self, facts: TaskFacts) -> TaskTrouble | None:
        for entry in self._armed:
            trouble, fired = entry
            if trouble.meets(facts):
                fired[0] += 1
                if fired[0] == trouble.times:
                    self._armed.remove(entry)
                return trouble
        return None

    def _set(self, task: Task, **changes: object) -> None:
        task.node.facts = replace(task.facts, **changes)  # type: ignore[arg-type]  # the fields of TaskFacts
        self._changed(task)

    def _changed(self, task: Task) -> None:
        self._model.note(task.node.moid)
        entity = task.facts.entity
        if entity is not None:
            self._model.touch(entity.moid)

    def _forget(self) -> None:
        oldest = self._now() - RECENT_AGE
        while self._ended and (len(self._ended) > RECENT or (self._ended[0].facts.completed or 0.0) < oldest):
            del self._tasks[self._ended.popleft().facts.key]

    def _now(self) -> float:
        return self._agenda.now() + self._model.skew
