"""The inventory of govmomi's simulators, old and new: listed whole, and every change by another client seen."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pyVmomi import vim
from vcenter.inventorylab import Watched, of_kind, of_vcsim, watching
from vcsimulator import Flavour, start

from exporter.config import Globs
from exporter.model import Kind
from exporter.vcenter import typed
from exporter.vcenter.facts import ClusterFacts, HostFacts, VmFacts
from exporter.vcenter.inventory import Inventory

FLAVOURS = ("classic", "current")


@pytest.fixture(params=FLAVOURS)
async def watched(request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    """A simulator of our own, since tests change it."""
    flavour: Flavour = request.param
    with start(flavour, "-pool", "1", "-app", "1", "-vm", "2") as vcsim:
        async with watching(of_vcsim(vcsim)) as found:
            yield found


async def _settled(watched: Watched) -> Inventory:
    return await watched.until(lambda inventory: inventory.complete)


async def test_lists_everything(watched: Watched) -> None:
    """The first inventory has names, places and what may be queried; the second one has all facts as well."""
    first = await anext(watched.inventories)
    second = await anext(watched.inventories)
    assert (first.complete, second.complete) == (False, True)
    assert first.entities.keys() == second.entities.keys()
    assert Counter(entity.kind for entity in second.entities.values()) == {
        Kind.DATACENTER: 1,
        Kind.FOLDER: 5,
        Kind.CLUSTER: 2,
        Kind.HOST: 6,
        Kind.RESOURCE_POOL: 4,
        Kind.VAPP: 2,
        Kind.VM: 8,
        Kind.DATASTORE: 1,
        Kind.SWITCH: 1,
        Kind.PORTGROUP: 2,
    }
    in_vapp, vm = of_kind(second, Kind.VM)[1:3]
    host = second.entities[second.facts[vm.moid].host]
    assert vm.path == f"/DC0/vm/{vm.name}"
    assert vm.queryable
    assert {label: vm.labels[label] for label in ("cluster", "datacenter", "folder", "host", "resource_pool")} == {
        "cluster": "DC0_C0",
        "datacenter": "DC0",
        "folder": "vm",
        "host": host.name,
        "resource_pool": "Resources" if "RP0" in vm.name else "DC0_C0_RP1",
    }
    assert in_vapp.labels["vapp"] == "DC0_C0_APP0"
    assert host.path == f"/DC0/host/DC0_C0/{host.name}"
    facts = second.facts[host.moid]
    assert isinstance(facts, HostFacts)
    assert (facts.connection_state, facts.maintenance, facts.cpu_cores) == ("connected", False, 2)
    cluster = second.facts[of_kind(second, Kind.CLUSTER)[0].moid]
    assert isinstance(cluster, ClusterFacts)
    assert (cluster.hosts, cluster.cpu_cores) == (3, 6)


async def test_sees_changes(watched: Watched) -> None:
    """Power, name, a new machine and one that is gone, each in the next inventory; the rest stays the same objects."""
    before = await _settled(watched)
    vm = of_kind(before, Kind.VM)[0]
    mo = typed.reference(vm.type, vm.moid)
    call = watched.client.call

    await call(mo, "PowerOffVM_Task")
    off = await watched.until(lambda inventory: not inventory.entities[vm.moid].queryable)
    facts = off.facts[vm.moid]
    assert isinstance(facts, VmFacts)
    assert facts.power_state == "poweredOff"
    assert off.version > before.version
    others = before.entities.keys() - {vm.moid}
    assert all(off.entities[moid] is before.entities[moid] for moid in others)

    await call(mo, "Rename_Task", newName="b\u00fcro <1> & 2")
    renamed = await watched.until(lambda inventory: inventory.entities[vm.moid].name != vm.name)
    assert renamed.entities[vm.moid].path == "/DC0/vm/b\u00fcro <1> & 2"

    await call(mo, "Destroy_Task")
    gone = await watched.until(lambda inventory: vm.moid not in inventory.entities)
    assert gone.facts.keys() == gone.entities.keys() == others


async def test_sees_a_new_machine(watched: Watched) -> None:
    """A clone enters with all its properties."""
    before = await _settled(watched)
    vm = of_kind(before, Kind.VM)[2]
    folder = typed.reference("Folder", before.parents[vm.moid])
    pool = typed.reference("ResourcePool", of_kind(before, Kind.RESOURCE_POOL)[0].moid)
    place = vim.vm.RelocateSpec(pool=pool)
    spec = vim.vm.CloneSpec(location=place, powerOn=True, template=False)
    await watched.client.call(typed.reference(vm.type, vm.moid), "CloneVM_Task", folder=folder, name="twin", spec=spec)
    after = await watched.until(lambda i: any(entity.name == "twin" for entity in i.entities.values()))
    twin = next(entity for entity in after.entities.values() if entity.name == "twin")
    done = after if after.facts[twin.moid].disks else await watched.until(lambda i: bool(i.facts[twin.moid].disks))
    assert done.entities[twin.moid].labels["cluster"] == "DC0_C0"
    assert done.facts[twin.moid].vcpus == 1


async def test_moves_what_is_below_a_renamed_cluster(watched: Watched) -> None:
    """The path and labels of everything in a cluster follow its name."""
    before = await _settled(watched)
    cluster = of_kind(before, Kind.CLUSTER)[0]
    await watched.client.call(typed.reference(cluster.type, cluster.moid), "Rename_Task", newName="prod")
    after = await watched.until(lambda inventory: inventory.entities[cluster.moid].name == "prod")
    hosts = [moid for moid in after.children(cluster.moid) if after.entities[moid].kind is Kind.HOST]
    assert [after.entities[moid].path for moid in hosts] == [
        f"/DC0/host/prod/{after.entities[moid].name}" for moid in hosts
    ]
    assert {entity.labels.get("cluster") for entity in of_kind(after, Kind.VM)} == {"prod", "DC0_C1"}


async def test_begins_anew_when_the_session_ends(watched: Watched) -> None:
    """The collector goes with its session: all is listed again, and the last inventory stays until that is done."""
    before = await _settled(watched)
    vm = of_kind(before, Kind.VM)[0]
    await watched.client.call(typed.reference(vm.type, vm.moid), "PowerOffVM_Task")
    await watched.until(lambda inventory: not inventory.entities[vm.moid].queryable)
    await watched.client.call(typed.reference(vm.type, vm.moid), "PowerOnVM_Task")
    await watched.until(lambda inventory: inventory.entities[vm.moid].queryable)
    listings = watched.watch.stats.listings
    mine = watched.watch._talker  # the session to end
    sessions = mine.content.sessionManager
    await mine.call(sessions, "Logout")
    await watched.client.call(typed.reference(vm.type, vm.moid), "PowerOffVM_Task")
    after = await watched.until(lambda inventory: not inventory.entities[vm.moid].queryable)
    assert after.complete
    assert watched.watch.stats.listings == listings + 1


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_lists_an_esx_host(flavour: Flavour) -> None:
    """A host without vCenter has an inventory too: no custom attributes, a root folder of another name."""
    with start(flavour, "-esx") as vcsim:
        async with watching(of_vcsim(vcsim)) as found:
            inventory = await _settled(found)
            (host,) = of_kind(inventory, Kind.HOST)
            assert host.path == "/ha-datacenter/host/localhost.localdomain/localhost.localdomain"
            assert inventory.facts[host.moid].attributes == {}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_lists_a_large_inventory_in_pages(flavour: Flavour) -> None:
    """More objects than a reply of the current one holds: pages add up; the excluded are left out, but name others."""
    with start(flavour, "-vm", "60") as vcsim:
        objects = {Kind.VM: Globs(exclude=("*_VM1*",)), Kind.HOST: Globs(include=())}
        async with watching(replace(of_vcsim(vcsim), objects=objects)) as found:
            inventory = await _settled(found)
            kinds = Counter(entity.kind for entity in inventory.entities.values())
            assert (kinds[Kind.VM], kinds[Kind.HOST], kinds[Kind.CLUSTER]) == (98, 0, 2)
            assert all(entity.labels["host"].startswith("DC0_C") for entity in of_kind(inventory, Kind.VM))
