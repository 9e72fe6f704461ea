"""The inventory of our own simulator: followed through its life, it is what a new listing says."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vcenter.inventorylab import Watched, of_kind, watching

from exporter.clock import Clock
from exporter.config import Secret, VCenter
from exporter.model import Kind
from exporter.vcenter.facts import DatastoreFacts, HostFacts, VmFacts
from exporter.vcenter.inventory import Inventory
from simulator.churn import step
from simulator.inventory import Size, build
from simulator.model import Accounts, Model
from simulator.vcenter import serve


@asynccontextmanager
async def simulated(vms: int = 40) -> AsyncIterator[tuple[Model, VCenter]]:
    """A small simulator over plain HTTP, and the configuration for it."""
    accounts = Accounts()
    model = build(Size(hosts=6, vms=vms, hosts_per_cluster=3), now=Clock().now, seed=1, accounts=accounts)
    async with serve(model) as server:
        yield model, VCenter("vc1", server.url, accounts.user, Secret(accounts.password))


async def listed(config: VCenter) -> Inventory:
    """A new listing by somebody else."""
    async with watching(config) as other:
        return await other.until(lambda inventory: inventory.complete)


async def caught_up(watched: Watched, config: VCenter) -> None:
    """Follows until nothing differs from a new listing."""
    fresh = await listed(config)

    def same(inventory: Inventory) -> bool:
        return inventory.entities == fresh.entities and inventory.facts == fresh.facts

    if not same(watched.watch.inventory):
        await watched.until(same)
    assert watched.watch.inventory.parents == fresh.parents
    assert watched.watch.inventory.missing == fresh.missing


async def test_followed_it_is_what_a_new_listing_says() -> None:
    """Machines move, come, go, get disks, lose power; alarms come and go: nothing is missed, nothing is left over."""
    chance = random.Random(7)
    async with simulated() as (model, config), watching(config) as watched:
        await watched.until(lambda inventory: inventory.complete)
        for _ in range(12):
            for _ in range(8):
                step(model, chance)
            await caught_up(watched, config)
        assert watched.watch.stats.listings == 2


async def test_what_it_has_is_told() -> None:
    """Raw devices, paths, mounts, alarms, attributes and certificates reach the facts."""
    async with simulated() as (_, config):
        inventory = await listed(config)
    vms = [fact for fact in inventory.facts.values() if isinstance(fact, VmFacts)]
    hosts = [fact for fact in inventory.facts.values() if isinstance(fact, HostFacts)]
    stores = [fact for fact in inventory.facts.values() if isinstance(fact, DatastoreFacts)]
    assert {disk.backing for vm in vms for disk in vm.disks} >= {"vmdk", "rdm_physical"}
    paths = [host.multipath.paths for host in hosts if host.multipath]
    assert {state for each in paths for state, count in each.items() if count} >= {"active", "standby"}
    assert all(host.certificate_expiry > 1_700_000_000 for host in hosts if host.connection_state == "connected")
    assert all(store.mounts for store in stores)
    assert any(fact.alarms for fact in inventory.facts.values())
    assert any(fact.attributes for fact in inventory.facts.values())
    assert {vm.power_state for vm in vms} >= {"poweredOn", "poweredOff"}
    assert len(of_kind(inventory, Kind.VM)) == len(vms)
    assert inventory.missing == {}


async def test_what_may_not_be_read_is_counted() -> None:
    """The simulator refuses what is read by itself: alarms keep their ids, sizes of snapshots are unknown."""
    async with simulated() as (model, config):
        model.denied = frozenset({"System.Read"})
        inventory = await listed(config)
    alarms = [alarm.name for fact in inventory.facts.values() for alarm in fact.alarms or ()]
    assert alarms
    assert all(name.startswith("alarm-") for name in alarms)
    with_snapshots = [fact for fact in inventory.facts.values() if isinstance(fact, VmFacts) and fact.snapshots.count]
    assert [fact.snapshots.size_bytes for fact in with_snapshots] == [None] * len(with_snapshots)
    assert inventory.missing == {
        ("VirtualMachine", "layoutEx", "NoPermission"): len(with_snapshots),
        ("Alarm", "info.name", "NoPermission"): len(set(alarms)),
    }


async def test_devices_are_volumes_and_ports() -> None:
    """Each disk that is a volume and each card with a port is labelled by what Nova wrote on its machine, no other."""
    async with simulated() as (model, config):
        inventory = await listed(config)
    expected = {}
    for entity in of_kind(inventory, Kind.VM):
        machine = model.get(entity.moid).facts
        marks = dict(machine.extra)
        disks = {f"scsi0:{disk.key - 2000}": (("volume", disk.volume),) for disk in machine.disks if disk.volume}
        cards = {str(nic.key): (("port", nic.port),) for nic in machine.nics}
        expected[entity.moid] = {**disks, **cards} if "nvp.vm-uuid" in marks else {}
    assert {entity.moid: dict(entity.devices) for entity in of_kind(inventory, Kind.VM)} == expected
    labels = {name for devices in expected.values() for pairs in devices.values() for name, _ in pairs}
    assert labels == {"volume", "port"}
