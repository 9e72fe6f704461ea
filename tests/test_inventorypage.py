"""The inventory's page, patched entity by entity, is what it would be if it were made anew."""

import asyncio
import random
from dataclasses import replace

from pollerlab import lab

from exporter import exposition
from exporter.inventorypage import InventoryPage
from exporter.vcenter.families import rows
from exporter.vcenter.inventory import Inventory
from simulator.inventory import Size


def anew(inventory: Inventory) -> dict[str, list[bytes]]:
    """The lines of each family, made of all rows at once."""
    made = {family.name: exposition.lines(family, its) for family, its in rows(inventory, "vc1").items()}
    return {name: sorted(body.splitlines()) for name, body in made.items()}


def shown(page: InventoryPage) -> dict[str, list[bytes]]:
    """The lines of each family on a page."""
    bodies, counts = page.rendered()
    assert {family: body.count(b"\n") for family, body in bodies.items()} == {**dict.fromkeys(bodies, 0), **counts}
    return {family.name: sorted(body.splitlines()) for family, body in bodies.items() if body}


async def test_patched_is_made_anew() -> None:
    """Whatever comes, goes or changes, the lines and their number are those of a page made of the whole inventory."""
    async with lab(size=Size(hosts=4, vms=20)) as vc:
        inventory = vc.poller.inventory
    assert inventory is not None
    rng, page = random.Random(1), InventoryPage("vc1")
    for _ in range(20):
        moids = rng.sample(sorted(inventory.entities), k=rng.randint(0, len(inventory.entities)))
        entities = {moid: inventory.entities[moid] for moid in moids}
        for moid in moids[:3]:
            entities[moid] = replace(entities[moid], name=f"renamed {rng.random()}")
        now = replace(inventory, entities=entities, facts={moid: inventory.facts[moid] for moid in moids})
        await page.update(now)

        assert shown(page) == anew(now)


async def test_what_did_not_change_is_not_made_again() -> None:
    """An update without a change leaves every family's lines the very same object."""
    async with lab() as vc:
        inventory = vc.poller.inventory
    assert inventory is not None
    page = InventoryPage("vc1")
    await page.update(inventory)
    before = page.rendered()[0]
    await page.update(replace(inventory, version=inventory.version + 1))
    after = page.rendered()[0]

    untouched = [family for family in before if not family.name.startswith(("vsphere_entities", "novacenter_"))]
    assert untouched
    assert all(after[family] is before[family] for family in untouched)


async def test_others_get_their_turn() -> None:
    """While a large inventory is rendered, the event loop runs others in between."""
    async with lab(size=Size(hosts=4, vms=900)) as vc:
        inventory = vc.poller.inventory
    assert inventory is not None
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await InventoryPage("vc1").update(inventory)
    counting.cancel()

    assert turns > 4
