"""The inventory's part of the page: rendered entity by entity, and only those that changed."""

import asyncio
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.exposition import lines
from exporter.model import Entity, Family, Row
from exporter.vcenter.facts import Facts
from exporter.vcenter.families import Rows, rows_of, rows_of_vcenter
from exporter.vcenter.inventory import Inventory

STEP = 200
"""Entities rendered between two turns of the event loop: about 10 ms."""

_WHOLE = ""
"""Stands for the vCenter itself where managed object ids stand for entities."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an entity's lines were made of, and how many each family has."""

    entity: Entity | None
    facts: Facts | None
    counts: Mapping[Family, int]


class InventoryPage:
    """The rendered families of one vCenter's inventory."""

    def __init__(self, vcenter: str) -> None:
        self._vcenter = vcenter
        self._shown: dict[str, _Shown] = {}
        self._lines: dict[Family, dict[str, bytes]] = {}
        self._bodies: dict[Family, bytes] = {}
        self._series: Tally[Family] = Tally()

    async def update(self, inventory: Inventory) -> None:
        """Takes over an inventory; entities and facts that are the same objects as before are not rendered again."""
        dirty: set[Family] = set()
        for moid in self._shown.keys() - inventory.entities.keys():
            dirty |= self._hide(moid)
        for count, (moid, entity) in enumerate(inventory.entities.items()):
            if count % STEP == STEP - 1:
                await asyncio.sleep(0)
            facts = inventory.facts[moid]
            shown = self._shown.get(moid)
            if shown is None or shown.entity is not entity or shown.facts is not facts:
                dirty |= self._hide(moid)
                dirty |= self._show(moid, rows_of(entity, facts, self._vcenter), entity=entity, facts=facts)
        dirty |= self._show(_WHOLE, rows_of_vcenter(inventory, self._vcenter))
        for family in dirty:
            self._bodies[family] = b"".join(self._lines[family].values())
            await asyncio.sleep(0)

    def rendered(self) -> tuple[Mapping[Family, bytes], Mapping[Family, int]]:
        """The lines of each family, and how many series they are."""
        return dict(self._bodies), dict(self._series)

    def _show(self, moid: str, rows: Rows, *, entity: Entity | None = None, facts: Facts | None = None) -> set[Family]:
        found: dict[Family, list[Row]] = {}
        for family, row in rows:
            found.setdefault(family, []).append(row)
        for family, its in found.items():
            self._lines.setdefault(family, {})[moid] = lines(family, its)
            self._series[family] += len(its)
        self._shown[moid] = _Shown(entity, facts, {family: len(its) for family, its in found.items()})
        return set(found)

    def _hide(self, moid: str) -> set[Family]:
        shown = self._shown.pop(moid, None)
        if shown is None:
            return set()
        for family, count in shown.counts.items():
            del self._lines[family][moid]
            self._series[family] -= count
        return set(shown.counts)
