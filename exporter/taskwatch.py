"""One vCenter's tasks, read cycle by cycle: its part of the page, and what a hung Nova operation is judged by."""

from collections.abc import Callable
from dataclasses import replace

from exporter.clock import Clock
from exporter.cloudcatalog import Durations
from exporter.config import VCenter
from exporter.exposition import Bodies, bodies
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.taskfamilies import observe, task_rows
from exporter.vcenter.tasks import Seen, Task, Users, classify, take
from exporter.vcenter.tasktalk import Talker, TaskReader

KEEP = 900.0
"""Seconds that an ended task is remembered: Nova's driver hides a failure for at most 450 (``tasks.BACKOFF``)."""


class TaskWatch:
    """The tasks of one vCenter. Those that ended before the first reading are known, but not counted."""

    def __init__(self, talker: Talker, vcenter: VCenter, *, clock: Clock, durations: Durations) -> None:
        self._reader = TaskReader(talker, vcenter.name, clock=clock)
        self._name = vcenter.name
        self._clock = clock
        self._users = Users(frozenset(vcenter.nova_users), frozenset(vcenter.cinder_users))
        self._durations = durations
        self.seen: Seen | None = None

    async def cycle(self, inventory: Inventory, skew: float) -> Bodies:
        """Reads once; the rendered families. ``skew`` is vCenter's clock less ours. Raises SourceError."""
        now = self._clock.now() + skew
        seen = self.seen or Seen(since=now, mark=now)
        reading = await self._reader.read(seen)
        manager = _managers(inventory)
        tasks = [classify(task, self._users, manager(task.entity)) for task in reading.tasks]
        self.seen, news = take(seen, tasks, keep=KEEP)
        observe(self._durations, news, vcenter=self._name, seen=self.seen)
        return bodies(task_rows(self.seen, self._name))


def _managers(inventory: Inventory) -> Callable[[str], str | None]:
    """The extension that manages a VM, by its id."""

    def manager(moid: str) -> str | None:
        facts = inventory.facts.get(moid)
        return facts.managed_by[0] if isinstance(facts, VmFacts) and facts.managed_by else None

    return manager


def shifted(task: Task, seconds: float) -> Task:
    """The same task with its times by another clock."""
    started = None if task.started is None else task.started + seconds
    completed = None if task.completed is None else task.completed + seconds
    return replace(task, queued=task.queued + seconds, started=started, completed=completed)
