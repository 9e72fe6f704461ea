"""Keeps the ways of all machines on the page. Only machines that changed are looked at again."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.exposition import bodies
from exporter.identity import STALE, Identity
from exporter.model import Entity, Kind
from exporter.poller import Poller
from exporter.surroundings import Publish
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.wayrule import WayRule
from exporter.ways.catalog import rows
from exporter.ways.classify import Tags, governing, place, ways
from exporter.ways.model import Governed, Governing
from exporter.ways.tagbook import TagBook

PERIOD = 30.0
"""Seconds between two looks; one that finds nothing changed takes some milliseconds for 10,000 machines."""

STEP = 50
"""Machines looked at between two turns of the event loop: about 5 ms."""

PART = "ways"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a machine was judged by, and the judgement."""

    entity: Entity
    facts: VmFacts
    server: str | None
    tags: Tags | None
    governing: Governing

    def by(self, entity: Entity, facts: VmFacts, server: str | None, *, tags: Tags | None) -> bool:
        """Whether it was judged by these."""
        same = self.entity is entity and self.facts is facts
        return same and self.server == server and self.tags == tags


class Ways:
    """The ways in use in every vCenter. ``vcenters`` tells the running pollers by name; ``book`` has their tags."""

    def __init__(
        self, *, clock: Clock, publish: Publish, vcenters: Callable[[], Mapping[str, Poller]], identity: Identity
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._vcenters = vcenters
        self._identity = identity
        self.book = TagBook(clock=clock, vcenters=vcenters)
        self._rules: Sequence[WayRule] = ()
        self._seen: dict[str, dict[str, _Seen]] = {}
        self._governed: dict[str, Governed] = {}

    @property
    def governed(self) -> tuple[Governed, ...]:
        """What was found by the last look, by vCenter; one that cannot be read is left out."""
        return tuple(self._governed[name] for name in sorted(self._governed))

    async def cycle(self, rules: Sequence[WayRule]) -> None:
        """Looks at every vCenter. ``rules`` are those of the configuration."""
        if rules != self._rules:
            self._rules, self._seen = rules, {}
        pollers = self._vcenters()
        for name in self._governed.keys() - pollers.keys():
            del self._governed[name]
            self._seen.pop(name, None)
        for name, poller in pollers.items():
            await self._look(name, self._believed(poller))

    async def _look(self, name: str, inventory: Inventory | None) -> None:
        if inventory is None:
            if self._governed.pop(name, None) is not None:
                self._publish(name, PART, {}, {})
            return
        found = Governed(name, await self._machines(name, inventory), ways(self._rules))
        if found != self._governed.get(name):
            self._governed[name] = found
            self._publish(name, PART, *bodies(rows(found)))

    async def _machines(self, name: str, inventory: Inventory) -> tuple[Governing, ...]:
        before, now = self._seen.get(name, {}), dict[str, _Seen]()
        fresh = 0
        for moid, entity in inventory.entities.items():
            facts = inventory.facts[moid]
            if entity.kind is not Kind.VM or not isinstance(facts, VmFacts):
                continue
            server, known = self._identity.server((name, moid)), before.get(moid)
            tags = self.book.tags(name, moid)
            if known is None or not known.by(entity, facts, server, tags=tags):
                found = governing(entity, facts, rules=self._rules, server=server, tags=tags)
                known = _Seen(entity, facts, server, tags, found)
                fresh += 1
                if fresh % STEP == 0:
                    await asyncio.sleep(0)
            now[moid] = known
        self._seen[name] = now
        return tuple(sorted((seen.governing for seen in now.values()), key=place))

    def _believed(self, poller: Poller) -> Inventory | None:
        """What is known of the vCenter, if it is all there is and not too old to be believed (see ``identity``)."""
        health, inventory = poller.health, poller.inventory
        is_fresh = health is None or health.up or self._clock.now() - (poller.since or 0.0) <= STALE
        return inventory if is_fresh and inventory is not None and inventory.complete else None
