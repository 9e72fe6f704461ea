"""The inventory as a value: made from updates, patched by updates, and the same either way."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcenter.test_properties import read, recorded

from exporter.config import Globs
from exporter.model import Kind
from exporter.vcenter.atlas import display_name
from exporter.vcenter.derive import snapshot_bytes
from exporter.vcenter.facts import Facts, HostMount, Snapshots, TriggeredAlarm, VmFacts
from exporter.vcenter.inventory import STEP, Inventory, Scope, build
from exporter.vcenter.properties import ObjectUpdate
from exporter.vcenter.readers import Alarm
from exporter.vcenter.records import Merged, Read, answered, layouts, merge
from exporter.vcenter.selection import Selection
from exporter.vcenter.steps import finish
from exporter.vcenter.vmreaders import Layout, SnapshotTree

ALL = Scope("group-d1", Selection({}), complete=True)
LISTED = read(recorded("handwritten-listing")).objects
LAYOUTS = read(recorded("handwritten-layout")).objects
IMAGE = ("0a1b2c3d-0000-4000-8000-00000000001b-snapshot",)
ALARMS = (
    ObjectUpdate("enter", "Alarm", "alarm-7", {"info.name": "Host connection %2f power"}),
    ObjectUpdate("enter", "Alarm", "alarm-8", {"info.name": "Usage"}),
)


def made(updates: Iterable[ObjectUpdate], scope: Scope = ALL) -> Inventory:
    """The inventory after these updates, from nothing."""
    return finish(build(merge(Merged(), updates).records, scope, previous=Inventory()))


def whole() -> Inventory:
    """The handwritten vCenter, with what is read after the listing."""
    merged = merge(Merged(), LISTED)
    return finish(build(settled(merged).records, ALL, previous=Inventory()))


def settled(merged: Merged) -> Merged:
    """After the reads that the handwritten listing calls for."""
    return merge(replace(merged, reads=frozenset()), answered(merged.reads, (*LAYOUTS[:1], *ALARMS)))


def update(reference: str, kind: str = "enter", /, **values: Any) -> ObjectUpdate:
    """An ObjectUpdate; ``runtime__host`` stands for ``runtime.host``."""
    name, _, moid = reference.partition(":")
    return ObjectUpdate(kind, name, moid, {path.replace("__", "."): value for path, value in values.items()})


def test_paths() -> None:
    """Names from below the root folder, as vCenter writes them; what has no parent but a vApp is below the vApp."""
    assert {moid: entity.path for moid, entity in whole().entities.items()} == {
        "group-d1": "/",
        "datacenter-1": "/Gen%25f %2fx",
        "group-v1": "/Gen%25f %2fx/vm",
        "group-v2": "/Gen%25f %2fx/vm/Project (0123)",
        "group-h1": "/Gen%25f %2fx/host",
        "group-s1": "/Gen%25f %2fx/datastore",
        "group-p1": "/Gen%25f %2fx/datastore/pod",
        "group-n1": "/Gen%25f %2fx/network",
        "domain-c1": "/Gen%25f %2fx/host/prod",
        "domain-s1": "/Gen%25f %2fx/host/alone.example.org",
        "host-1": "/Gen%25f %2fx/host/prod/esx1.example.org",
        "host-2": "/Gen%25f %2fx/host/prod/esx2.example.org",
        "host-3": "/Gen%25f %2fx/host/alone.example.org/alone.example.org",
        "resgroup-1": "/Gen%25f %2fx/host/prod/Resources",
        "resgroup-2": "/Gen%25f %2fx/host/prod/Resources/free",
        "resgroup-v1": "/Gen%25f %2fx/host/prod/Resources/shop",
        "vm-1": "/Gen%25f %2fx/vm/Project (0123)/web (1) 50%25",
        "vm-2": "/Gen%25f %2fx/host/prod/Resources/shop/db",
        "datastore-1": "/Gen%25f %2fx/datastore/pod/ssd",
        "datastore-2": "/Gen%25f %2fx/datastore/lost",
        "dvs-1": "/Gen%25f %2fx/network/dvs",
        "dvportgroup-0": "/Gen%25f %2fx/network/net-100",
        "dvportgroup-1": "/Gen%25f %2fx/network/trunk",
        "dvportgroup-2": "/Gen%25f %2fx/network/private",
    }


def test_labels() -> None:
    """What each object belongs to, by name; a parent of its own kind is ``parent``."""
    place = {"datacenter": "Gen%f /x"}
    expected: Mapping[str, Mapping[str, str]] = {
        "datacenter-1": {},
        "group-v1": place,
        "group-v2": {**place, "parent": "vm"},
        "domain-c1": {**place, "folder": "host"},
        "host-1": {**place, "cluster": "prod", "uuid": "4c4c4544-0001"},
        "host-3": {**place, "cluster": "alone.example.org"},
        "resgroup-1": {**place, "cluster": "prod"},
        "resgroup-2": {**place, "cluster": "prod", "parent": "Resources"},
        "resgroup-v1": {**place, "cluster": "prod", "resource_pool": "Resources"},
        "vm-1": {
            **place,
            "cluster": "prod",
            "folder": "Project (0123)",
            "host": "esx1.example.org",
            "resource_pool": "Resources",
            "uuid": "4210-b",
            "instance_uuid": "1b5e-i",
        },
        "vm-2": {**place, "cluster": "prod", "host": "esx2.example.org", "vapp": "shop"},
        "datastore-1": {**place, "folder": "pod"},
        "dvs-1": {**place, "folder": "network", "uuid": "50 1b"},
    }
    entities = whole().entities
    assert {moid: entities[moid].labels for moid in expected} == expected


def test_names_are_shown_as_people_write_them() -> None:
    """vCenter escapes percent, slash and backslash, and nothing else."""
    assert display_name("a%2fb%2Fc %5c %25 %20 100%") == "a/b/c \\ % %20 100%"
    assert whole().entities["vm-1"].name == "web (1) 50%"


def test_what_is_in_trouble_stays() -> None:
    """A machine that is off, a host that does not respond, a lost datastore: there, with its state, but not queried."""
    inventory = whole()
    assert {moid for moid, entity in inventory.entities.items() if not entity.queryable} == {
        "vm-2",
        "host-2",
        "datastore-2",
    }
    assert inventory.facts["vm-2"].power_state == "poweredOff"
    assert inventory.facts["host-2"].connection_state == "notResponding"
    assert inventory.facts["datastore-2"].accessible is False


@pytest.mark.parametrize(
    ("reference", "values", "queryable"),
    [
        ("VirtualMachine", {}, True),
        ("VirtualMachine", {"runtime.powerState": "suspended"}, False),
        ("VirtualMachine", {"runtime.powerState": "poweredOn", "runtime.connectionState": "orphaned"}, False),
        ("HostSystem", {"runtime.powerState": "unknown", "runtime.connectionState": "connected"}, True),
        ("HostSystem", {"runtime.powerState": "standBy", "runtime.connectionState": "connected"}, False),
        ("Datastore", {}, True),
        ("ClusterComputeResource", {}, True),
    ],
)
def test_what_can_be_queried(reference: str, values: Mapping[str, Any], queryable: bool) -> None:
    """What has no samples is not asked for any; a state that is not known is no reason not to ask."""
    inventory = made([ObjectUpdate("enter", reference, "x-1", values)])
    assert inventory.entities["x-1"].queryable is queryable


def test_facts_are_resolved() -> None:
    """Names of datastores, hosts, alarms and attributes; alarms of what is below are not the object's own."""
    facts = whole().facts
    assert facts["vm-1"].disks[0].datastore == "ssd"
    assert facts["datastore-1"].mounts == (
        HostMount("esx1.example.org", True, True),
        HostMount("esx2.example.org", False, None),
        HostMount("host-9", True, False),
    )
    assert facts["host-1"].alarms == (
        TriggeredAlarm("Host connection / power", "red", 1795161600.5, False),
        TriggeredAlarm("Usage", "yellow", 1795161600.5, True),
    )
    assert facts["datacenter-1"].alarms == ()
    assert facts["host-1"].attributes == {"location": 'rack "7"'}
    assert facts["dvportgroup-0"].switch == "dvs"


def test_what_is_not_known_is_none() -> None:
    """Refused is not the same as none: no snapshots is a fact, unreadable snapshots are not."""
    inventory = whole()
    assert inventory.facts["vm-2"].snapshots is None
    assert inventory.facts["vm-2"].disks is None
    assert inventory.facts["host-2"].multipath is None
    assert made([update("VirtualMachine:vm-9", name="n")]).facts["vm-9"].snapshots == Snapshots(0, None, 0)
    assert inventory.missing == {
        ("HostSystem", "config.certificate", "unreadable"): 1,
        ("HostSystem", "config.storageDevice.multipathInfo", "HostNotConnected"): 1,
        ("VirtualMachine", "config.hardware.device", "NoPermission"): 1,
        ("VirtualMachine", "snapshot", "NoPermission"): 1,
    }


def test_the_first_inventory_claims_nothing() -> None:
    """While only the first few properties are listed, the rest is unknown, not absent."""
    core = made([update("VirtualMachine:vm-1", name="n")], Scope("group-d1", Selection({}), complete=False))
    assert core.facts["vm-1"] == VmFacts()
    assert not core.complete


def test_what_snapshots_cost() -> None:
    """What was written since the oldest one was made, and saved states; a base that is shared costs nothing."""
    assert whole().facts["vm-1"].snapshots == Snapshots(3, 1793491200.0, 374 + 4063, image=IMAGE)
    tree = SnapshotTree(1, None, ("s-1",))
    assert snapshot_bytes(tree, None) is None
    stale = Layout({1: 10}, frozenset({1}), {}, frozenset())
    assert snapshot_bytes(tree, stale) is None
    fresh = Layout({1: 10, 2: 5}, frozenset({1, 2}), {"s-1": frozenset({1})}, frozenset({-1}))
    assert snapshot_bytes(tree, fresh) == 5


def test_only_what_is_selected_is_in_it() -> None:
    """An excluded host is no entity, but its machines still say where they run, and stay in the tree."""
    scope = replace(ALL, selection=Selection({Kind.HOST: Globs(exclude=("*/prod/*",))}))
    inventory = finish(build(settled(merge(Merged(), LISTED)).records, scope, previous=Inventory()))
    assert whole().entities.keys() - inventory.entities.keys() == {"host-1", "host-2"}
    assert inventory.facts.keys() == inventory.entities.keys()
    assert inventory.entities["vm-1"].labels["host"] == "esx1.example.org"
    assert tuple(inventory.ancestors("host-1")) == ("domain-c1", "group-h1", "datacenter-1", "group-d1")
    assert set(inventory.children("domain-c1")) == {"host-1", "host-2", "resgroup-1"}


def test_one_change_costs_one_description() -> None:
    """A machine that moved is described anew, in no step where all take many; the others are the same objects."""
    hosts = [update(f"HostSystem:host-{n}", name=f"h{n}") for n in range(2)]
    vms = [update(f"VirtualMachine:vm-{n}", name=f"v{n}", runtime__host="host-0") for n in range(5 * STEP)]
    before = merge(Merged(), [*hosts, *vms])
    inventory = made([*hosts, *vms])
    after = merge(Merged(before.records), [update("VirtualMachine:vm-7", "modify", runtime__host="host-1")])
    assert (after.changed, after.everything) == ({"vm-7"}, False)
    steps = build(after.records, ALL, previous=inventory, changed=after.changed)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    patched: Inventory = stop.value.value
    assert patched.entities["vm-7"].labels == {"host": "h1"}
    assert [moid for moid in inventory.entities if patched.entities[moid] is not inventory.entities[moid]] == ["vm-7"]
    assert patched.version == inventory.version + 1
    assert len(list(build(after.records, ALL, previous=inventory))) == len(after.records) // STEP


def test_the_same_news_change_nothing() -> None:
    """A listing that says what is known already leaves the very same inventory."""
    records = merge(Merged(), LISTED)
    inventory = finish(build(records.records, ALL, previous=Inventory()))
    again = merge(Merged(records.records), LISTED)
    assert not again.changed
    assert finish(build(again.records, ALL, previous=inventory)) is inventory


def follow_in(scope: Scope, *rounds: Iterable[ObjectUpdate]) -> tuple[Merged, Inventory]:
    """The records, and the inventory after each round was patched in."""
    merged, inventory = Merged(), Inventory()
    for news in rounds:
        merged = merge(Merged(merged.records), news)
        changed = None if merged.everything else merged.changed
        inventory = finish(build(merged.records, scope, previous=inventory, changed=changed))
    return merged, inventory


def follow(*rounds: Iterable[ObjectUpdate]) -> Inventory:
    """The inventory after each round was patched in."""
    return follow_in(ALL, *rounds)[1]


def test_those_below_follow_what_comes_and_goes_above() -> None:
    """A folder that may be read later than its machine, and one that may no longer be read."""
    below = [update("VirtualMachine:vm-1", name="n", parent="group-9")]
    above = [update("Folder:group-9", name="team")]
    assert follow(below, above).entities["vm-1"].path == "/team/n"
    assert follow(below, above).entities["vm-1"].labels == {"folder": "team"}
    gone = follow(below, above, [update("Folder:group-9", "leave")])
    assert (gone.entities["vm-1"].path, gone.entities["vm-1"].labels) == ("/n", {})
    assert gone.parents == {"vm-1": "group-9"}


def test_who_enters_again_brings_everything_anew() -> None:
    """What it had before and does not bring again is unset; what never entered cannot be modified."""
    before = [update("VirtualMachine:vm-1", name="n", runtime__powerState="poweredOff", guest__hostName="h")]
    again = follow(before, [update("VirtualMachine:vm-1", name="n", runtime__powerState="poweredOn")])
    assert (again.facts["vm-1"].hostname, again.facts["vm-1"].power_state) == (None, "poweredOn")
    assert follow(before, [update("VirtualMachine:vm-2", "modify", name="stranger")]).entities.keys() == {"vm-1"}


def test_a_template_is_in_the_cluster_of_its_host() -> None:
    """It has no resource pool (VirtualMachine.resourcePool)."""
    cluster = update("ClusterComputeResource:c-1", name="prod")
    host = update("HostSystem:host-1", name="esx", parent="c-1")
    template = update("VirtualMachine:vm-1", name="n", runtime__host="host-1")
    assert made([cluster, host, template]).entities["vm-1"].labels == {"cluster": "prod", "host": "esx"}


def test_a_circle_of_parents_ends() -> None:
    """vCenter has none, but a broken answer must not hang us."""
    inventory = made([update("Folder:a", name="a", parent="b"), update("Folder:b", name="b", parent="a")])
    assert tuple(inventory.ancestors("a")) == ("b",)
    assert inventory.entities["a"].path.endswith("/a")


def test_what_must_be_read() -> None:
    """Partly reported properties, layouts of machines whose snapshots changed, names of unknown alarms; but once."""
    merged = merge(Merged(), LISTED)
    assert merged.reads == {
        Read("VirtualMachine", "vm-1", "layoutEx"),
        Read("Alarm", "alarm-7", "info.name"),
        Read("Alarm", "alarm-8", "info.name"),
    }
    after = settled(merged)
    assert after.reads == frozenset()
    tree = SnapshotTree(4, None, ("snapshot-1",))
    moved = merge(Merged(after.records), [update("VirtualMachine:vm-1", "modify", snapshot=tree)])
    assert moved.reads == {Read("VirtualMachine", "vm-1", "layoutEx")}
    part = ObjectUpdate("modify", "VirtualMachine", "vm-1", {}, ("config.hardware.device[2000]", "guest.net[0]"))
    assert merge(Merged(after.records), [part]).reads == {Read("VirtualMachine", "vm-1", "config.hardware.device")}
    keyed = ObjectUpdate("modify", "HostSystem", "host-1", {}, ('triggeredAlarmState["alarm-7.host-1"].acknowledged',))
    assert merge(Merged(after.records), [keyed]).reads == {Read("HostSystem", "host-1", "triggeredAlarmState")}
    assert layouts(after.records) == {Read("VirtualMachine", "vm-1", "layoutEx")}


def test_what_could_not_be_read_is_not_asked_again() -> None:
    """An alarm without name, a layout that is refused."""
    merged = merge(Merged(), LISTED)
    refused = ObjectUpdate("enter", "VirtualMachine", "vm-1", {}, (), (("layoutEx", "NoPermission"),))
    after = merge(replace(merged, reads=frozenset()), answered(merged.reads, [refused]))
    assert after.reads == frozenset()
    facts = finish(build(after.records, ALL, previous=Inventory())).facts
    assert facts["vm-1"].snapshots == Snapshots(3, 1793491200.0, None, image=IMAGE)
    assert facts["host-1"].alarms[0].name == "alarm-7"


def test_privileges_come_and_go() -> None:
    """A property that is given again is no longer missing."""
    merged = merge(Merged(), LISTED)
    after = merge(Merged(merged.records), [update("VirtualMachine:vm-2", "modify", snapshot=None)])
    inventory = finish(build(after.records, ALL, previous=Inventory()))
    assert ("VirtualMachine", "snapshot", "NoPermission") not in inventory.missing
    assert inventory.facts["vm-2"].snapshots == Snapshots(0, None, 0)


KINDS = {"f": "Folder", "c": "ClusterComputeResource", "h": "HostSystem", "v": "VirtualMachine", "d": "Datastore"}
MOIDS = st.sampled_from([f"{letter}-{n}" for letter in KINDS for n in range(3)])
PLACES = MOIDS.filter(lambda moid: not moid.startswith("v"))  # nothing is below a machine
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b%2f", ""]),
        "parent": PLACES,
        "runtime.host": PLACES,
        "resourcePool": PLACES,
        "runtime.powerState": st.sampled_from(["poweredOn", "poweredOff"]),
        "summary.accessible": st.booleans(),
        "overallStatus": st.sampled_from(["red", None]),
        "triggeredAlarmState": st.builds(lambda moid: (Alarm(moid, "alarm-1", "red", None, None),), MOIDS),
    },
)
NEWS = st.builds(
    lambda kind, moid, values: ObjectUpdate(kind, KINDS[moid[0]], moid, {} if kind == "leave" else values),
    st.sampled_from(["enter", "modify", "leave"]),
    MOIDS,
    VALUES,
)
NAMES = st.builds(
    lambda name: ObjectUpdate("enter", "Alarm", "alarm-1", {"info.name": name}), st.sampled_from(["x", "y"])
)
GLOBS = st.sampled_from([{}, {Kind.VM: Globs(("*",), ("*/a/*",)), Kind.FOLDER: Globs(("/a*",), ())}])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(NEWS | NAMES, max_size=6), max_size=8), GLOBS)
def test_patched_or_made_anew_it_is_the_same(rounds: list[list[ObjectUpdate]], globs: Mapping[Kind, Globs]) -> None:
    """Whatever comes, moves, is renamed and goes: following the changes gives what a new listing would."""
    scope = Scope("f-0", Selection(globs), complete=True)
    merged, followed = follow_in(scope, *rounds)
    fresh = finish(build(merged.records, scope, previous=Inventory()))
    assert followed.entities == fresh.entities
    assert followed.facts == fresh.facts
    assert followed.parents == fresh.parents
    assert followed.missing == fresh.missing


def test_every_entity_has_facts_of_its_kind() -> None:
    """And what there are no facts of is at least an entity."""
    inventory = whole()
    assert inventory.facts.keys() == inventory.entities.keys()
    assert {type(inventory.facts[moid]).__name__ for moid in ("group-d1", "datacenter-1")} == {Facts.__name__}
