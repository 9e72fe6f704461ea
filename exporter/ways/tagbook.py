"""The tags of the machines of every vCenter, as last read."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Kind
from exporter.notice import Notice
from exporter.poller import Poller
from exporter.vcenter.tagtalk import TagsRead
from exporter.wayrule import WayRule
from exporter.ways.classify import Tags

PERIOD = 300.0
"""Seconds between two readings, each with a login of its own; nothing tells when tags change."""

_log = logging.getLogger("novacenter.ways")


@dataclass(slots=True)
class _Page:
    """What is known of one poller's vCenter. ``tried`` is monotonic; ``read`` None is never read."""

    poller: Poller
    notice: Notice
    tried: float
    read: TagsRead | None = None
    error: SourceError | None = None


class TagBook:
    """Reads the tags of vCenters that have ``tags: true``. A failure is counted, said once, and keeps what was read."""

    def __init__(self, *, clock: Clock, vcenters: Callable[[], Mapping[str, Poller]]) -> None:
        self._clock = clock
        self._vcenters = vcenters
        self._pages: dict[str, _Page] = {}

    @property
    def errors(self) -> Mapping[str, SourceError]:
        """Why the last reading failed, by vCenter."""
        return {name: page.error for name, page in self._pages.items() if page.error is not None}

    def tags(self, vcenter: str, moid: str) -> Tags | None:
        """``category/name`` of the tags of a machine; None where they were not read, none where they are not to be."""
        page, poller = self._pages.get(vcenter), self._vcenters().get(vcenter)
        if poller is None or not poller.vcenter.tags:
            return ()
        if page is None or page.read is None or page.poller is not poller:
            return None
        return page.read.get(moid)

    async def cycle(self, rules: Iterable[WayRule]) -> None:
        """Reads where it is due: nowhere unless a rule asks for tags, and not before the inventory is known."""
        pollers = self._vcenters()
        for name in [name for name, page in self._pages.items() if pollers.get(name) is not page.poller]:
            del self._pages[name]
        if any(rule.tag is not None for rule in rules):
            await asyncio.gather(*(self._look(name, poller) for name, poller in pollers.items()))

    async def _look(self, name: str, poller: Poller) -> None:
        now, inventory, page = self._clock.monotonic(), poller.inventory, self._pages.get(name)
        if not poller.vcenter.tags or inventory is None or not inventory.complete:
            return
        if page is None:
            page = self._pages[name] = _Page(poller, Notice(_log, f"vCenter {name}: tags"), now)
        elif now - page.tried < PERIOD:
            return
        page.tried = now
        moids = [moid for moid, entity in inventory.entities.items() if entity.kind is Kind.VM]
        try:
            page.read = await poller.tag_talk.read(moids)
        except SourceError as error:
            page.error = error
            page.notice.failed(error, nature=error.outcome)
            return
        page.error = None
        page.notice.well()
