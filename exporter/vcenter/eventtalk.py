"""Asks a vCenter for the events by which hosts lose storage: the talk. ``events`` understands the replies."""

from datetime import UTC, datetime
from typing import Any

from pyVmomi import vim

from exporter.vcenter import events, typed
from exporter.vcenter.events import MEANINGS, OVERLAP, Event, Losses
from exporter.vcenter.tasktalk import Talker

PAGE = 1000
"""Events asked for at once (EventFilterSpec.maxCount); the vCenter gives the newest where there are more."""


async def read(talker: Talker, losses: Losses) -> tuple[Event, ...]:
    """The events since ``losses.mark``, and some before; oldest first. One request. Raises SourceError."""
    await talker.login()
    manager = talker.content.eventManager
    body = typed.request(manager, "QueryEvents", filter=_filter(losses.mark - OVERLAP))
    return events.decode(await talker.post(body, operation="QueryEvents"))


def _filter(begin: float) -> Any:
    time = vim.event.EventFilterSpec.ByTime(beginTime=datetime.fromtimestamp(max(0.0, begin), tz=UTC))
    return vim.event.EventFilterSpec(time=time, eventTypeId=list(MEANINGS), disableFullMessage=True, maxCount=PAGE)
