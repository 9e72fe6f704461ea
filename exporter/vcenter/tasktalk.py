"""Reads a vCenter's tasks: the talk. ``tasks`` understands the replies."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pyVmomi import vim, vmodl

from exporter.clock import Clock
from exporter.config import Timeouts
from exporter.errors import Fault, NotAuthenticated
from exporter.vcenter import tasks, typed
from exporter.vcenter.properties import Reply, decode
from exporter.vcenter.steps import paced
from exporter.vcenter.tasks import OVERLAP, Seen, Task

RECENT = 200
"""Most ended tasks that TaskManager.recentTask lists (vSphere API reference)."""
RECENT_AGE = 540.0
"""Seconds for which an ended task surely stays in that list; the API reference says 10 minutes."""
PAGE = 500
"""Tasks asked for at once of a TaskHistoryCollector."""
PAGES = 20
"""Most requests for tasks of one cycle, on either way."""

_Collector = vmodl.query.PropertyCollector
_log = logging.getLogger("novacenter.tasks")


class Talker(Protocol):
    """What is needed of a Session."""

    @property
    def content(self) -> Any:
        """vim.ServiceInstanceContent."""

    async def login(self) -> None:
        """Log in, unless that is done already."""

    async def post(self, body: bytes, *, operation: str, timeouts: Timeouts | None = None) -> bytes:
        """Send one request; the bytes of the reply."""

    async def call(self, mo: Any, method: str, /, **arguments: Any) -> Any:
        """Send one request; the typed result."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The tasks of one cycle. ``complete`` is false where more ended since last time than could be read."""

    tasks: tuple[Task, ...]
    complete: bool = True


class TaskReader:
    """Reads the tasks of one vCenter; one call at a time.

    Usually one request is enough: TaskManager.recentTask lists every queued and running task and those that ended
    lately. Where that list does not reach back to the last reading, a TaskHistoryCollector fills the gap.
    """

    def __init__(self, talker: Talker, name: str, *, clock: Clock) -> None:
        self._talker = talker
        self._name = name
        self._clock = clock
        self._read_at: float | None = None

    async def read(self, seen: Seen) -> Reading:
        """Every active task and those that ended since ``seen.mark``, with others. Raises SourceError."""
        await self._talker.login()
        began = self._clock.monotonic()
        found, complete = await self._recent()
        if self._gap(found, seen, began):
            try:
                older, all_read = await self._history(seen.mark - OVERLAP)
            except NotAuthenticated:
                raise
            except Fault as fault:
                # An ESXi host and old simulators have no collector; what the list shows is still true.
                _log.warning("vCenter %s: tasks between two readings are missing: %s", self._name, fault)
                older, all_read = (), False
            # The list is the later word on a task that both tell of.
            found, complete = (*older, *found), complete and all_read
        self._read_at = began
        return Reading(found, complete)

    def _gap(self, found: Iterable[Task], seen: Seen, began: float) -> bool:
        if self._read_at is not None and began - self._read_at > RECENT_AGE:
            return True
        ends = [task.completed for task in found if task.completed is not None]
        return len(ends) >= RECENT and min(ends) > seen.mark

    async def _recent(self) -> tuple[tuple[Task, ...], bool]:
        """RetrievePropertiesEx over TaskManager.recentTask; false where it has more pages than are read."""
        source, manager = self._talker.content.propertyCollector, self._talker.content.taskManager
        options = _Collector.RetrieveOptions()
        reply = await self._ask(source, "RetrievePropertiesEx", specSet=[_recent_spec(manager)], options=options)
        objects = reply.objects
        for _ in range(PAGES - 1):
            if not reply.token:
                break
            reply = await self._ask(source, "ContinueRetrievePropertiesEx", token=reply.token)
            objects += reply.objects
        infos = [found.values.get("info") for found in objects]
        return tuple(info for info in infos if info is not None), not reply.token

    async def _history(self, begin: float) -> tuple[tuple[Task, ...], bool]:
        """The tasks that ended since ``begin``, oldest first; false where there are more pages than are read."""
        manager = self._talker.content.taskManager
        collector = await self._talker.call(manager, "CreateCollectorForTasks", filter=_ended_since(begin))
        found: tuple[Task, ...] = ()
        try:
            for _ in range(PAGES):
                body = typed.request(collector, "ReadNextTasks", maxCount=PAGE)
                page = tasks.decode(await self._talker.post(body, operation="ReadNextTasks"))
                found += page
                if len(page) < PAGE:
                    return found, True
        finally:
            # A session may have few collectors (TaskManager.maxCollector).
            await self._talker.call(collector, "DestroyCollector")
        return found, False

    async def _ask(self, mo: Any, method: str, **arguments: Any) -> Reply:
        body = await self._talker.post(typed.request(mo, method, **arguments), operation=method)
        return await paced(decode(body, {"Task": {"info": tasks.read_task}}))


def _recent_spec(manager: Any) -> Any:
    """The FilterSpec of the info of every task in recentTask."""
    way = _Collector.TraversalSpec(name="recent", type=vim.TaskManager, path="recentTask", skip=False)
    return _Collector.FilterSpec(
        propSet=[_Collector.PropertySpec(type=vim.Task, all=False, pathSet=["info"])],
        objectSet=[_Collector.ObjectSpec(obj=manager, skip=True, selectSet=[way])],
        reportMissingObjectsInResults=True,
    )


def _ended_since(begin: float) -> Any:
    time = vim.TaskFilterSpec.ByTime(timeType="completedTime", beginTime=datetime.fromtimestamp(begin, tz=UTC))
    return vim.TaskFilterSpec(time=time, state=["success", "error"])
