"""The inventory's part of the page: rendered entity by entity, and only those that changed."""

import asyncio
from collections.abc import Mapping

from exporter.exposition import lines
from exporter.model import Entity, Family, Row
from exporter.vcenter.facts import Facts
from exporter.vcenter.families import Rows, rows_of, rows_of_vcenter
from exporter.vcenter.inventory import Inventory

STEP = 200
"""Entities rendered between two turns of the event loop: about 10 ms."""

_Lines = dict[str, tuple[bytes, int]]


class InventoryPage:
    """The rendered families of one vCenter's inventory."""

    def __init__(self, vcenter: str) -> None:
        self._vcenter = vcenter
        self._seen: dict[str, tuple[Entity, Facts, tuple[Family, ...]]] = {}
        self._lines: dict[Family, _Lines] = {}
        self._bodies: dict[Family, bytes] = {}

    async def update(self, inventory: Inventory) -> None:
        """Takes over an inventory; entities and facts that are the same objects as before are not rendered again."""
        dirty: set[Family] = set()
        for moid in self._seen.keys() - inventory.entities.keys():
            dirty |= self._remove(moid)
        for count, (moid, entity) in enumerate(inventory.entities.items()):
            if count % STEP == STEP - 1:
                await asyncio.sleep(0)
            facts = inventory.facts[moid]
            seen = self._seen.get(moid)
            if seen is None or seen[0] is not entity or seen[1] is not facts:
                dirty |= self._remove(moid) | self._add(entity, facts)
        dirty |= self._remove("") | self._put("", rows_of_vcenter(inventory, self._vcenter))
        for family in dirty:
            self._bodies[family] = b"".join([text for text, _ in self._lines[family].values()])
            await asyncio.sleep(0)

    def rendered(self) -> tuple[Mapping[Family, bytes], Mapping[Family, int]]:
        """The lines of each family, and how many series they are."""
        counts = {family: sum(count for _, count in found.values()) for family, found in self._lines.items()}
        return dict(self._bodies), counts

    def _add(self, entity: Entity, facts: Facts) -> set[Family]:
        families = self._put(entity.moid, rows_of(entity, facts, self._vcenter))
        self._seen[entity.moid] = (entity, facts, tuple(families))
        return families

    def _put(self, moid: str, rows: Rows) -> set[Family]:
        found: dict[Family, list[Row]] = {}
        for family, row in rows:
            found.setdefault(family, []).append(row)
        for family, its in found.items():
            self._lines.setdefault(family, {})[moid] = (lines(family, its), len(its))
        return set(found)

    def _remove(self, moid: str) -> set[Family]:
        families = self._seen.pop(moid)[2] if moid in self._seen else tuple(self._lines) if not moid else ()
        return {family for family in families if self._lines[family].pop(moid, None) is not None}
