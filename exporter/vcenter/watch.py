"""Follows the inventory of one vCenter: the talk with its PropertyCollector. ``records`` and ``inventory`` decide."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pyVmomi import vim, vmodl

from exporter.clock import Clock
from exporter.config import Timeouts, VCenter
from exporter.errors import Fault, SourceError
from exporter.vcenter import typed
from exporter.vcenter.inventory import Inventory, Scope, build
from exporter.vcenter.properties import ObjectUpdate, Reply, decode
from exporter.vcenter.propertyspec import CORE, EVERYTHING, FULL, listing, reading
from exporter.vcenter.records import Merged, Read, Records, answered, layouts, merge
from exporter.vcenter.selection import Selection
from exporter.vcenter.steps import paced

PAGE = 500
"""Most objects per reply (WaitOptions.maxObjectUpdates); vCenter may choose fewer."""
WAIT = 20
"""Seconds that vCenter holds a request until something changes (WaitOptions.maxWaitSeconds)."""
PAUSE = 2.0
"""Seconds between two waits, in which changes gather, so that a busy vCenter is described less often."""
LAYOUTS_EVERY = 300.0
"""Seconds between two readings of the file layouts of VMs with snapshots."""
READ_AT_ONCE = 100
"""Objects per RetrievePropertiesEx."""
READ_ROUNDS = 3
"""What is read may call for more (an alarm's state for its name), but not without end."""

_START_OVER = frozenset({"InvalidCollectorVersion", "ManagedObjectNotFound", "NotAuthenticated"})
"""Faults that mean the collector, its filter or its session is gone, not that vCenter is in trouble."""

_Collector = vmodl.query.PropertyCollector
_log = logging.getLogger("novacenter.inventory")


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
class WatchStats:
    """``listed`` objects since the last listing began; the rest are totals since the start.

    ``replies`` that told something, with ``objects`` in them; ``listings`` begun.
    """

    listed: int = 0
    replies: int = 0
    objects: int = 0
    listings: int = 0


class Watch:
    """One vCenter's inventory, kept up to date. At most one iteration of ``inventories`` at a time."""

    def __init__(self, talker: Talker, vcenter: VCenter, *, clock: Clock, pause: float = PAUSE) -> None:
        self._talker = talker
        self._vcenter = vcenter
        self._clock = clock
        self._pause = pause
        self._selection = Selection(vcenter.objects)
        self._records: Records = {}
        self._inventory = Inventory()
        self._stats = WatchStats()
        self._leftovers: list[Any] = []
        self._layouts_due = 0.0
        self._proven = False  # the present collector has answered a wait: then losing it is no reason to give up

    @property
    def inventory(self) -> Inventory:
        """The last inventory; it stays while a new listing is under way or fails."""
        return self._inventory

    @property
    def stats(self) -> WatchStats:
        """For progress and the agent's own metrics."""
        return self._stats

    async def inventories(self) -> AsyncGenerator[Inventory, None]:
        """Each new inventory, forever; the next wait begins when the caller comes back for more.

        First comes one for performance queries alone (unless there was a complete one before), then a complete one,
        then one after each change. Where vCenter has forgotten the collector (its session ended, it restarted),
        everything is listed again. Any other SourceError is the caller's: iterate anew after a while.
        """
        while True:
            self._proven = False
            try:
                async with aclosing(self._follow()) as following:
                    async for inventory in following:
                        yield inventory
            except Fault as fault:
                if fault.name not in _START_OVER or not self._proven:
                    raise
                _log.info("vCenter %s: the inventory is listed again: %s", self._vcenter.name, fault)

    async def _follow(self) -> AsyncGenerator[Inventory, None]:
        """One collector's life: list everything, then wait for changes until a request fails."""
        await self._talker.login()
        await self._clean_up()
        content = self._talker.content
        collector = await self._make(content.propertyCollector, "CreatePropertyCollector")
        whole = {"container": content.rootFolder, "type": [], "recursive": True}
        view = await self._make(content.viewManager, "CreateContainerView", **whole)
        if not self._inventory.complete:
            # A filter of its own: what it lists is little, and queries can start before the rest is there.
            spec = listing(view, [content.rootFolder], CORE)
            core = await self._talker.call(collector, "CreateFilter", spec=spec, partialUpdates=False)
            await self._list(collector, complete=False)
            yield self._inventory
            await self._talker.call(core, "DestroyPropertyFilter")
        singles = [single for single in (content.rootFolder, content.customFieldsManager) if single is not None]
        spec = listing(view, singles, FULL)
        await self._talker.call(collector, "CreateFilter", spec=spec, partialUpdates=False)
        version = await self._list(collector, complete=True)
        yield self._inventory
        while True:
            before = self._inventory
            version = await self._wait(collector, version)
            self._proven = True
            if self._inventory is not before:
                yield self._inventory
            await asyncio.sleep(self._pause)

    async def _make(self, mo: Any, method: str, **arguments: Any) -> Any:
        """Create a collector or view, which a later life will destroy if the session still has it."""
        made = await self._talker.call(mo, method, **arguments)
        self._leftovers.append(made)
        return made

    async def _clean_up(self) -> None:
        """End what an earlier life left in the session, if it still lives."""
        leftovers, self._leftovers = self._leftovers, []
        for made in leftovers:
            method = "DestroyView" if isinstance(made, vim.view.View) else "DestroyPropertyCollector"
            with suppress(SourceError):
                await self._talker.call(made, method)

    async def _list(self, collector: Any, *, complete: bool) -> str:
        """Read and describe everything the collector's filter selects; the version to wait from."""
        self._stats = replace(self._stats, listed=0, listings=self._stats.listings + 1)
        version, merged = await self._drain(collector, "", wait=0, before=Merged())
        self._layouts_due = self._clock.monotonic() + LAYOUTS_EVERY
        merged = await self._settle(merged)
        self._records = merged.records
        await self._describe(replace(merged, everything=True), complete=complete)
        return version

    async def _wait(self, collector: Any, version: str) -> str:
        """Wait for changes and describe them; the version to wait from next."""
        version, merged = await self._drain(collector, version, wait=WAIT, before=Merged(self._records))
        if self._clock.monotonic() >= self._layouts_due:
            self._layouts_due = self._clock.monotonic() + LAYOUTS_EVERY
            merged = replace(merged, reads=merged.reads | layouts(merged.records))
        merged = await self._settle(merged)
        self._records = merged.records
        if merged.changed:
            await self._describe(merged, complete=True)
        return version

    async def _drain(self, collector: Any, version: str, *, wait: int, before: Merged) -> tuple[str, Merged]:
        """Ask for updates until vCenter has told all it has."""
        merged = before
        limits = self._vcenter.timeouts
        timeouts = replace(limits, read=limits.read + wait, total=limits.total + wait)
        truncated = True
        while truncated:
            options = _Collector.WaitOptions(maxWaitSeconds=wait, maxObjectUpdates=PAGE)
            reply = await self._ask(collector, "WaitForUpdatesEx", timeouts=timeouts, version=version, options=options)
            merged = merge(merged, reply.objects)
            version = reply.version or version
            truncated = reply.truncated
            wait = 0
        return version, merged

    async def _settle(self, merged: Merged) -> Merged:
        """Read what the updates did not tell."""
        for _ in range(READ_ROUNDS):
            if not merged.reads:
                break
            objects = await self._read(merged.reads)
            merged = merge(replace(merged, reads=frozenset()), answered(merged.reads, objects))
        return merged

    async def _read(self, reads: Iterable[Read]) -> list[ObjectUpdate]:
        """Properties of single objects, each property of many objects at once."""
        groups: dict[tuple[str, str], list[Any]] = {}
        for read in sorted(reads):
            groups.setdefault((read.type, read.path), []).append(typed.reference(read.type, read.moid))
        objects: list[ObjectUpdate] = []
        for (name, path), found in groups.items():
            readers = {name: {path: EVERYTHING[name][path]}}
            for start in range(0, len(found), READ_AT_ONCE):
                objects += await self._retrieve(reading(found[start : start + READ_AT_ONCE], readers))
        return objects

    async def _retrieve(self, spec: Any) -> tuple[ObjectUpdate, ...]:
        """RetrievePropertiesEx with all its pages."""
        source = self._talker.content.propertyCollector
        reply = await self._ask(source, "RetrievePropertiesEx", specSet=[spec], options=_Collector.RetrieveOptions())
        objects = reply.objects
        while reply.token:
            reply = await self._ask(source, "ContinueRetrievePropertiesEx", token=reply.token)
            objects += reply.objects
        return objects

    async def _ask(self, mo: Any, method: str, *, timeouts: Timeouts | None = None, **arguments: Any) -> Reply:
        """One request to a PropertyCollector."""
        body = await self._talker.post(typed.request(mo, method, **arguments), operation=method, timeouts=timeouts)
        reply = await paced(decode(body, EVERYTHING))
        count = len(reply.objects)
        stats = self._stats
        self._stats = replace(
            stats, listed=stats.listed + count, replies=stats.replies + bool(count), objects=stats.objects + count
        )
        return reply

    async def _describe(self, merged: Merged, *, complete: bool) -> None:
        """Make the next inventory out of what changed."""
        scope = Scope(self._talker.content.rootFolder._GetMoId(), self._selection, complete)  # noqa: SLF001
        changed = None if merged.everything else merged.changed
        before = self._inventory.missing
        self._inventory = await paced(build(merged.records, scope, previous=self._inventory, changed=changed))
        for kind, path, reason in self._inventory.missing.keys() - before.keys():
            count = self._inventory.missing[kind, path, reason]
            _log.warning("vCenter %s: no %s of %d %s: %s", self._vcenter.name, path, count, kind, reason or "unknown")
