"""A vCenter's tasks -> rows of the families in ``cloudcatalog``. Pure."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator

from exporter import cloudcatalog as catalog
from exporter.model import Family, Row
from exporter.vcenter.tasks import OTHER, Seen, Task

NO_FAULT = "none"
"""The fault of a task that succeeded."""


def task_rows(seen: Seen, vcenter: str) -> Iterator[tuple[Family, Row]]:
    """Queued, running and ended tasks. What was ever counted has its gauges too, at 0 while there is none."""
    pairs = {(operation, initiator) for operation, initiator, _ in seen.totals}
    names = {operation for operation, _ in pairs}
    for state, family in (("queued", catalog.TASKS_QUEUED), ("running", catalog.TASKS_RUNNING)):
        counts = Tally(dict.fromkeys(pairs, 0))
        counts.update(_pair(task, names) for task in seen.active if task.state == state)
        for (operation, initiator), count in sorted(counts.items()):
            yield family, Row(_labels(vcenter, operation, initiator), float(count))
    for (operation, initiator, fault), count in sorted(seen.totals.items()):
        labels = (*_labels(vcenter, operation, initiator), ("fault", fault or NO_FAULT))
        yield catalog.TASKS_ENDED, Row(labels, float(count))


def observe(durations: catalog.Durations, news: Iterable[Task], *, vcenter: str, seen: Seen) -> None:
    """Adds tasks that ended to the histograms."""
    names = {operation for operation, _, _ in seen.totals}
    for task in news:
        operation = task.operation if task.operation in names else OTHER
        started = task.started if task.started is not None else task.completed
        if started is None or task.completed is None:
            continue
        durations.queue.labels(vcenter, operation).observe(max(0.0, started - task.queued))
        if task.started is not None:
            durations.run.labels(vcenter, operation).observe(max(0.0, task.completed - task.started))


def _pair(task: Task, names: set[str]) -> tuple[str, str]:
    """Operation and initiator, in as many names as the totals tell apart."""
    known = task.operation in names or OTHER not in names
    return (task.operation if known else OTHER, task.initiator.value)


def _labels(vcenter: str, operation: str, initiator: str) -> tuple[tuple[str, str], ...]:
    return (("vcenter", vcenter), ("operation", operation), ("initiator", initiator))
