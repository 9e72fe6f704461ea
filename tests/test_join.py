"""Nova and vCenter side by side: who is who, what does not fit, and what nobody can tell."""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from externals import require
from hypothesis import given, settings
from hypothesis import strategies as st
from joinlab import NOW, cloud, hypervisor, node, server, uid, vcenter, vm

from exporter.exposition import Format, bodies, page
from exporter.join import join
from exporter.joincatalog import FINDINGS, every_family
from exporter.joinfindings import finding_rows
from exporter.joinmodel import HOLDS, MOST, CloudView, FindingKind, Joined, VCenterView
from exporter.model import Entity, Kind
from exporter.openstack.model import Action, Server
from exporter.vcenter.facts import Snapshots, VmFacts

AT_ONCE = dict.fromkeys(FindingKind, 0.0)
Golden = Callable[[str, str], None]
Machine = tuple[Entity, VmFacts]


def joined(vcenters: Iterable[VCenterView], clouds: Iterable[CloudView], previous: Joined | None = None) -> Joined:
    """A join without hold-down."""
    return join(vcenters, clouds, now=NOW, previous=previous, holds=AT_ONCE)


def kinds(found: Joined) -> list[str]:
    """The findings' kinds and what they are about."""
    return [f"{one.kind}: {one.moid or one.server or one.entity}" for one in found.findings]


def pair(*machines: Machine, servers: Iterable[Server] = (), **more: object) -> Joined:
    """One vCenter, one cloud."""
    return joined([vcenter(*machines)], [cloud(*servers, **more)])  # type: ignore[arg-type]


def stop(number: int, start: float, user: str | None = None, action: str = "stop") -> Action:
    """An action; by default Nova's own stop."""
    return Action(server=uid(number), request=f"req-{start:.0f}", action=action, start=start, user=user, events=())


def broken() -> tuple[list[VCenterView], list[CloudView]]:
    """A world with one of everything that is wrong, and much that only looks like it."""
    ghost = Server(id=uid(30), name="gone", project="p1", status="DELETED", updated=NOW)
    snapshots = Snapshots(1, NOW, None, image=(f"{uid(7)}-snapshot",))
    first = vcenter(
        vm(1),
        vm(1, "vm-101", name="clone of srv-1", instance_uuid="f" * 36, managed_by=None),
        vm(3, power_state="poweredOff"),
        vm(4, power_state="poweredOff"),
        vm(5, name=uid(5)),
        vm(7, snapshots=snapshots),
        vm(8, "vm-108", name="OSTACK_SNAP_x", template=True),
        vm(30),
        vm(31, name=uid(31)),
        vm(40, "vm-140", host="host-2"),
        vm(41, "vm-141", managed_by=("org.openstack.storage", "volume"), options={"cinder.volume.id": uid(41)}),
        vm(42, "vm-142", name="by hand", managed_by=None, options={}),
        name="vc1",
    )
    one = cloud(
        server(1),
        server(2),
        server(3, "SHUTOFF"),
        server(4),
        server(5, "ERROR", launched=None),
        server(6, "BUILD", launched=None),
        server(7),
        server(8),
        ghost,
        vcenters=("vc1", "vc2"),
        hypervisors=(hypervisor(), hypervisor(node("another")), hypervisor("kvm-1", "QEMU")),
        actions={uid(3): (stop(3, NOW - 60),)},
    )
    return [first, vcenter(vm(8), vm(1, "vm-201"), name="vc2")], [one]


def test_every_kind_of_finding(golden: Golden) -> None:
    """One of each, whole: where, what, whose, and what to do; what only looks wrong is not among them."""
    vcenters, clouds = broken()
    before = joined([replace(vcenters[0]), vcenters[1]], clouds)
    booted = joined(_booted(vcenters, NOW - 70), clouds, previous=before)
    found = joined(vcenters, clouds, previous=booted)
    assert {one.kind for one in found.findings} == set(FindingKind)
    lines = [
        f"{one.kind} cloud={one.cloud} vcenter={one.vcenter} entity={one.entity} moid={one.moid} "
        f"server={one.server} ({one.server_name}) since={NOW - one.since:.0f}\n    {one.found}\n    {one.advice}\n"
        for one in found.findings
    ]
    text = b"".join(page([bodies(finding_rows(found))[0]], Format.TEXT)).decode()
    golden("join-findings.txt", "".join(lines) + "\n" + text)
    assert sum(found.counts.values()) == len(found.findings)


def _booted(vcenters: list[VCenterView], at: float) -> list[VCenterView]:
    """The same, as it was while the VM of server 3 ran."""
    inventory = vcenters[0].inventory
    assert inventory is not None
    facts = {**inventory.facts, "vm-3": vm(3, boot_time=at)[1]}
    return [replace(vcenters[0], inventory=replace(inventory, facts=facts)), *vcenters[1:]]


def test_who_is_who() -> None:
    """Servers, VMs and clusters both ways, and the labels that VMs get; a clone gets none."""
    clone = vm(1, "vm-101", name="copy", instance_uuid="other")
    found = pair(clone, vm(1), vm(2, options=None), servers=[server(1, image="i1"), server(2, flavor=None), server(3)])
    assert found.vms == {uid(1): (("vc1", "vm-1"), ("vc1", "vm-101")), uid(2): (("vc1", "vm-2"),)}
    assert found.servers == {("vc1", "vm-1"): uid(1), ("vc1", "vm-101"): uid(1), ("vc1", "vm-2"): uid(2)}
    assert found.clouds == {uid(1): "c1", uid(2): "c1"}
    assert found.clusters == {node(): ("vc1", "domain-c1")}
    base = {"project": "p1", "availability_zone": "nova", "nova_host": "compute-1"}
    assert found.tags == {
        "vc1": {
            "vm-1": {**base, "server": uid(1), "flavor": "m1.small", "image": "i1"},
            "vm-2": {**base, "server": uid(2)},
        }
    }


def test_nova_uses_the_vm_in_the_vcenter_of_its_hypervisor() -> None:
    """Of VMs in two vCenters with the same instance UUID, that one is the server's; the other is the duplicate."""
    one = cloud(server(1, hypervisor=node("vc2")), vcenters=("vc1", "vc2"), hypervisors=[hypervisor(node("vc2"))])
    found = joined([vcenter(vm(1, "vm-7")), vcenter(vm(1, "vm-9"), name="vc2")], [one])
    assert found.vms[uid(1)] == (("vc2", "vm-9"), ("vc1", "vm-7"))
    assert kinds(found) == ["duplicate: vm-7"]


def test_duplicates_without_any_server() -> None:
    """What Nova marked is told twice also where no cloud was read; what it never made may have any UUID."""
    foreign = {"managed_by": None, "options": {}}
    twins = [vm(1), vm(1, "vm-2"), vm(3, name="x", **foreign), vm(3, "vm-4", name="y", **foreign)]
    found = joined([vcenter(*twins)], [])
    assert kinds(found) == ["duplicate: vm-2"]
    assert {scope[0] for scope in found.counts} == {FindingKind.DUPLICATE}


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("ACTIVE", {}, True),
        ("SHUTOFF", {}, True),
        ("SHELVED", {}, True),
        ("ERROR", {}, True),
        ("ERROR", {"launched": None}, False),
        ("ERROR", {"launched": None, "hypervisor": None}, False),
        ("BUILD", {}, False),
        ("SHELVED_OFFLOADED", {"hypervisor": None}, False),
        ("SOFT_DELETED", {}, False),
        ("DELETED", {}, False),
        ("UNKNOWN", {}, False),
        ("ACTIVE", {"task_state": "rebuild_spawning"}, False),
        ("ACTIVE", {"hypervisor": "kvm-1"}, False),
        ("ACTIVE", {"hypervisor": node("another")}, False),
    ],
)
def test_a_server_without_vm(status: str, more: dict[str, object], expected: bool) -> None:
    """Only one that should have a VM, in a cluster that is known, and that Nova is not at work on."""
    found = pair(servers=[server(1, status, **more)])
    assert kinds(found) == ([f"server_without_vm: {uid(1)}"] if expected else [])


@pytest.mark.parametrize(
    "views",
    [
        [],
        [replace(vcenter(), inventory=None)],
        [vcenter(complete=False)],
        [vcenter(all_vms=False)],
        [vcenter((vm(1)[0], VmFacts()))],
    ],
    ids=["no vCenter", "not listed", "listed in part", "VMs are left out", "a VM that tells nothing has its name"],
)
def test_a_vm_that_may_be_there(views: list[VCenterView]) -> None:
    """A server is not without VM while its vCenter was not seen whole."""
    assert joined(views, [cloud(server(1))]).findings == ()


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (vm(1), True),
        (vm(1, managed_by=None, options={}), True),
        (vm(1, name="renamed", managed_by=None), True),
        (vm(1, name="by hand", managed_by=None, options={}), False),
        (vm(1, template=True), False),
        (vm(1, name="OSTACK_IMG_x"), False),
        (vm(1, managed_by=("org.openstack.storage", "volume")), False),
        (vm(1, host="host-2"), False),
        (vm(1, host=None), False),
    ],
    ids=["marked", "named", "nvp.vm-uuid", "foreign", "template", "image", "Cinder", "no hypervisor", "no host"],
)
def test_a_vm_without_server(machine: Machine, expected: bool) -> None:
    """Only one that Nova made, in a cluster that is a hypervisor now."""
    assert kinds(pair(machine)) == (["vm_without_server: vm-1"] if expected else [])


def test_a_vm_is_no_orphan_while_a_cloud_of_its_vcenter_is_not_known() -> None:
    """A cloud that was not read, whose hypervisors were not, or with a cell that is down may know it."""
    whole, other = cloud(), cloud(server(1), name="c2")
    assert kinds(joined([vcenter(vm(1))], [whole])) == ["vm_without_server: vm-1"]
    for unsure in (
        other,
        replace(other, snapshot=None),
        replace(cloud(name="c2"), hypervisors=None),
        cloud(server(2, "UNKNOWN"), name="c2"),
    ):
        found = joined([vcenter(vm(1))], [whole, unsure])
        assert kinds(found) == []
        told = (FindingKind.VM_WITHOUT_SERVER, "", "vc1") in found.counts
        assert told is (unsure is other)


def test_the_server_of_an_orphan_was_deleted() -> None:
    """A deleted server that is still known gives its VM a name, and no labels."""
    found = pair(vm(1), servers=[server(1, "DELETED")])
    [one] = found.findings
    assert (one.server, one.server_name, one.found) == (
        uid(1),
        "srv-1",
        "Nova made this VM, and knows no such server; it was deleted a short while ago",
    )
    assert found.tags == {}


@pytest.mark.parametrize(
    ("status", "power", "machine", "expected"),
    [
        ("ACTIVE", 1, {}, False),
        ("ACTIVE", 4, {}, True),
        ("ACTIVE", 4, {"power_state": "poweredOff"}, True),
        ("SHUTOFF", 4, {"power_state": "poweredOff"}, False),
        ("SHUTOFF", 1, {}, True),
        ("SUSPENDED", 7, {"power_state": "suspended"}, False),
        ("SUSPENDED", 7, {}, True),
        ("ACTIVE", 0, {}, True),
        ("ERROR", 4, {"power_state": "poweredOff"}, False),
        ("ACTIVE", None, {"power_state": "poweredOff"}, False),
        ("ACTIVE", 1, {"power_state": None}, False),
        ("ACTIVE", 1, {"power_state": "poweredOff", "connection_state": "disconnected"}, False),
        ("BUILD", 0, {}, False),
        ("UNKNOWN", 1, {"power_state": "poweredOff"}, False),
    ],
)
def test_power_states_drift(status: str, power: int | None, machine: dict[str, object], expected: bool) -> None:
    """Nova's power state or status against vCenter's, where both are known."""
    found = pair(vm(1, **machine), servers=[server(1, status, power_state=power)])
    assert kinds(found) == (["power_drift: vm-1"] if expected else [])


def test_power_that_nova_is_changing_does_not_drift() -> None:
    """A task state explains it."""
    assert kinds(pair(vm(1, power_state="poweredOff"), servers=[server(1, task_state="powering-on")])) == []


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("ERROR", {}, True),
        ("ERROR", {"launched": None}, True),
        ("ACTIVE", {"launched": None}, True),
        ("ACTIVE", {}, False),
        ("BUILD", {"launched": None}, False),
        ("ERROR", {"task_state": "rebuilding"}, False),
        ("ERROR", {"name": ""}, False),
    ],
)
def test_a_dead_spawn(status: str, more: dict[str, object], expected: bool) -> None:
    """A bare UUID for a name, and Nova no longer builds; a server without name has no other VM name."""
    found = pair(vm(1, name=uid(1)), servers=[server(1, status, power_state=1, **more)])
    assert kinds(found) == (["dead_spawn: vm-1"] if expected else [])


def test_leftovers_of_an_image() -> None:
    """Nova's snapshot and clone, unless it uploads now; a clone without mark, or of a cloud not read, is not told."""
    snapshots = Snapshots(1, NOW, None, image=(f"{uid(1)}-snapshot",))
    machine, clone = vm(1, snapshots=snapshots), vm(1, "vm-9", name="OSTACK_SNAP_x", template=True)
    both = ["snapshot_leftover: vm-1", "snapshot_leftover: vm-9"]
    assert kinds(pair(machine, clone, servers=[server(1)])) == both
    assert kinds(pair(machine, clone, servers=[server(1, task_state="image_uploading")])) == []
    assert kinds(pair(clone)) == ["snapshot_leftover: vm-9"]
    assert kinds(pair((clone[0], replace(clone[1], options={})))) == []
    assert kinds(joined([vcenter(clone)], [replace(cloud(), snapshot=None)])) == []


@pytest.mark.parametrize(
    ("actions", "boot", "expected"),
    [
        ((stop(1, NOW - 60),), NOW - 70, True),
        ((stop(1, NOW - 700), stop(1, NOW - 100)), NOW - 500, True),
        ((stop(1, NOW - 60),), NOW - 3000, False),
        ((stop(1, NOW - 60, user="u"),), NOW - 70, False),
        ((stop(1, NOW - 60), stop(1, NOW - 80, user="u", action="start")), NOW - 70, False),
        ((stop(1, NOW - 60), stop(1, NOW - 1000, user="u", action="create")), NOW - 70, False),
        ((stop(1, NOW - 60), stop(1, NOW - 9000, user="u", action="create")), NOW - 70, True),
        ((), NOW - 70, False),
        ((stop(1, NOW - 60),), None, False),
    ],
    ids=[
        "stopped again",
        "stopped twice",
        "the guest shut down",
        "a user stopped it",
        "a user started it",
        "it was just made",
        "it was made long ago",
        "no action is known",
        "no power-on is known",
    ],
)
def test_nova_stops_what_ha_restarted(actions: tuple[Action, ...], boot: float | None, expected: bool) -> None:
    """Nova's own stop around a power-on that nobody asked it for; nothing else looks the same."""
    clouds = [cloud(server(1, "SHUTOFF"), actions={uid(1): actions})]
    running = joined([vcenter(vm(1, boot_time=boot))], [cloud(server(1))])
    found = joined([vcenter(vm(1, power_state="poweredOff"))], clouds, previous=running)
    assert ("stopped_after_ha: vm-1" in kinds(found)) is expected
    alive = joined([vcenter(vm(1, boot_time=boot))], clouds)
    assert ("stopped_after_ha: vm-1" in kinds(alive)) is expected
    assert len(alive.findings) == 1, "and if it is not that, its power drifts"


def test_it_stays_stopped_until_somebody_starts_it() -> None:
    """It is a finding also after Nova's actions are forgotten, until the server is something else than SHUTOFF."""
    view = [vcenter(vm(1, power_state="poweredOff"))]
    running = joined([vcenter(vm(1, boot_time=NOW - 70))], [cloud(server(1))])
    found = joined(view, [cloud(server(1, "SHUTOFF"), actions={uid(1): (stop(1, NOW - 60),)})], previous=running)
    later = join(view, [cloud(server(1, "SHUTOFF"))], now=NOW + 86400, previous=found)
    assert kinds(later) == ["stopped_after_ha: vm-1"]
    assert later.boots == {}
    resumed = join(view, [cloud(server(1, "SHUTOFF"))], now=NOW + 86400, previous=Joined(seen=later.seen))
    assert resumed.findings == later.findings
    assert kinds(join(view, [cloud(server(1, task_state="powering-on"))], now=NOW + 86420, previous=later)) == []


@pytest.mark.parametrize(
    ("hostname", "views", "found", "told"),
    [
        (node(), [vcenter()], [], True),
        (node(cluster="domain-c9"), [vcenter()], ["vCenter vc1 has no cluster domain-c9"], True),
        (node("another"), [vcenter()], ["its vCenter another is none of this cloud's"], True),
        ("nonsense", [vcenter()], ["its vCenter without UUID is none of this cloud's"], True),
        (
            node("vc2"),
            [vcenter(), vcenter(name="vc2")],
            [f"its vCenter {node('vc2')[10:]} is none of this cloud's"],
            True,
        ),
        (node(), [replace(vcenter(), inventory=None)], [], False),
        (node("another"), [replace(vcenter(), instance_uuid=None)], [], False),
        (node("another"), [], [], False),
    ],
)
def test_hypervisors_are_clusters(hostname: str, views: list[VCenterView], found: list[str], told: bool) -> None:
    """Each VMware hypervisor is a cluster of one of the cloud's vCenters, or nobody knows yet."""
    result = joined(views, [cloud(hypervisors=[hypervisor(hostname), hypervisor("kvm-1", "QEMU")])])
    assert [one.found for one in result.findings] == found
    assert ((FindingKind.HYPERVISOR_UNMATCHED, "c1", "") in result.counts) is told


def test_what_is_seen_once_is_no_finding_yet() -> None:
    """It must last for its hold-down, by our clock; since is when it was first seen."""
    views, clouds = [vcenter(vm(1))], [cloud()]
    first = join(views, clouds, now=NOW)
    assert (first.findings, first.counts[FindingKind.VM_WITHOUT_SERVER, "", "vc1"]) == ((), 0)
    hold = HOLDS[FindingKind.VM_WITHOUT_SERVER]
    early = join(views, clouds, now=NOW + hold - 1, previous=first)
    assert early is first
    found = join(views, clouds, now=NOW + hold, previous=early)
    assert [one.since for one in found.findings] == [NOW]
    assert join([vcenter()], clouds, now=NOW + hold + 1, previous=found).seen == {}
    assert join(views, clouds, now=NOW - 9999, previous=found).seen == {next(iter(found.seen)): NOW - 9999}


def test_what_cannot_be_checked_is_remembered() -> None:
    """While a side is missing there is no finding and no count; when it is back, it was wrong all the time."""
    views, clouds = [vcenter(vm(1))], [cloud()]
    found = join(views, clouds, now=NOW, holds=AT_ONCE)
    blind = join(views, [replace(clouds[0], snapshot=None)], now=NOW + 60, previous=found)
    assert (blind.findings, (FindingKind.VM_WITHOUT_SERVER, "", "vc1") in blind.counts) == ((), False)
    again = join(views, clouds, now=NOW + 400, previous=blind)
    assert [one.since for one in again.findings] == [NOW]


def test_labels_stay_while_a_side_is_missing() -> None:
    """Neither a cloud nor a vCenter that does not answer takes labels away; a server that is gone does."""
    found = pair(vm(1), vm(2), servers=[server(1), server(2)])
    assert found.tags["vc1"].keys() == {"vm-1", "vm-2"}
    silent = joined([vcenter(vm(1))], [replace(cloud(), snapshot=None)], previous=found)
    assert silent.tags == {"vc1": {"vm-1": found.tags["vc1"]["vm-1"]}}
    lost = joined([replace(vcenter(), inventory=None)], [cloud(server(1))], previous=found)
    assert lost.tags == found.tags
    assert lost.vms == {}
    assert joined([vcenter(vm(1), vm(2))], [cloud(server(1))], previous=found).tags["vc1"].keys() == {"vm-1"}


def test_a_cell_that_is_down_makes_a_lower_bound() -> None:
    """What is found beside it is shown; that nothing was found is not."""
    down = server(2, "UNKNOWN")
    found = pair(vm(1, power_state="poweredOff"), vm(2), servers=[server(1), down])
    assert found.counts[FindingKind.POWER_DRIFT, "c1", "vc1"] == 1
    assert (FindingKind.DEAD_SPAWN, "c1", "vc1") not in found.counts
    assert found.servers["vc1", "vm-2"] == uid(2)


def test_the_list_is_bounded_and_the_count_is_not() -> None:
    """The gravest kinds and the oldest findings are kept."""
    machines = [vm(number) for number in range(2 * MOST)]
    first = pair(*machines[:5])
    found = joined([vcenter(*machines, vm(1, "vm-again"))], [cloud(server(1))], previous=Joined(seen=first.seen))
    assert len(found.findings) == MOST
    assert found.findings[0].kind is FindingKind.DUPLICATE
    assert found.counts[FindingKind.VM_WITHOUT_SERVER, "", "vc1"] == 2 * MOST - 1


def test_promtool_has_no_complaint() -> None:
    """`promtool check metrics` says nothing about the findings; the catalogue is one family."""
    found = joined(*broken())
    text = b"".join(page([bodies(finding_rows(found))[0]], Format.TEXT))
    promtool = [require("promtool"), "check", "metrics"]
    said = subprocess.run(promtool, input=text.decode(), capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert every_family() == (FINDINGS,)
    rows = list(finding_rows(found))
    assert len({row.labels for _, row in rows}) == len(rows)


SERVERS = st.lists(
    st.builds(
        server,
        st.integers(1, 6),
        st.sampled_from(["ACTIVE", "SHUTOFF", "ERROR", "BUILD", "DELETED", "UNKNOWN"]),
        launched=st.sampled_from([None, NOW]),
        task_state=st.sampled_from([None, None, "spawning"]),
        hypervisor=st.sampled_from([None, node(), node("vc2"), node("another")]),
    ),
    max_size=6,
    unique_by=lambda one: one.id,
)
MACHINES = st.lists(
    st.builds(
        vm,
        st.integers(1, 7),
        st.sampled_from(["vm-1", "vm-2", "vm-3", "vm-4"]),
        name=st.sampled_from(["", "x", uid(1), "OSTACK_SNAP_x"]),
        power_state=st.sampled_from([None, "poweredOn", "poweredOff"]),
        options=st.sampled_from([None, {}, {"nvp.vm-uuid": uid(2)}, {"nvp.vm-uuid": uid(9)}]),
        boot_time=st.sampled_from([None, NOW - 60]),
        host=st.sampled_from(["host-1", "host-2", None]),
    ),
    max_size=4,
    unique_by=lambda one: one[0].moid,
)
VIEWS = st.tuples(MACHINES, MACHINES).map(lambda its: [vcenter(*its[0]), vcenter(*its[1], name="vc2")])
CLOUDS = st.tuples(SERVERS, SERVERS).map(
    lambda its: [
        cloud(*its[0], vcenters=("vc1", "vc2"), hypervisors=[hypervisor(), hypervisor(node("vc2"))]),
        cloud(*(one for one in its[1] if one.id not in {s.id for s in its[0]}), name="c2", vcenters=("vc2",)),
    ]
)


def turned(view: VCenterView) -> VCenterView:
    """The same vCenter, listed the other way round."""
    inventory = view.inventory
    assert inventory is not None
    entities = dict(reversed(inventory.entities.items()))
    return replace(view, inventory=replace(inventory, entities=entities))


def upended(one: CloudView) -> CloudView:
    """The same cloud, listed the other way round."""
    assert one.snapshot is not None
    servers = dict(reversed(one.snapshot.servers.items()))
    return replace(one, snapshot=replace(one.snapshot, servers=servers))


@settings(max_examples=150)
@given(VIEWS, CLOUDS)
def test_in_any_world(views: list[VCenterView], clouds: list[CloudView]) -> None:
    """The order of what is read makes no difference, a second join no new object, and nothing is told of two minds."""
    found = joined(views, clouds)
    other = joined([turned(view) for view in reversed(views)], [upended(one) for one in reversed(clouds)])
    assert found == other
    assert joined(views, clouds, previous=found) is found
    assert joined(views, clouds, previous=other) is other

    lone = {one.server for one in found.findings if one.kind is FindingKind.SERVER_WITHOUT_VM}
    orphans = {(one.vcenter, one.moid) for one in found.findings if one.kind is FindingKind.VM_WITHOUT_SERVER}
    assert not lone & found.vms.keys()
    assert not orphans & found.servers.keys()
    assert found.servers == {machine: id_ for id_, its in found.vms.items() for machine in its}
    tagged = {(name, moid): labels["server"] for name, its in found.tags.items() for moid, labels in its.items()}
    assert tagged == {its[0]: id_ for id_, its in found.vms.items()}
    assert sum(found.counts.values()) == len(found.findings)
    assert len(found.seen) == len(found.findings)


@settings(max_examples=60)
@given(st.lists(st.tuples(VIEWS, CLOUDS), min_size=2, max_size=4))
def test_whatever_was_before(worlds: list[tuple[list[VCenterView], list[CloudView]]]) -> None:
    """Who is who depends on what is read now alone; so does what is wrong, but for since when and what HA restarted."""
    previous = None
    for views, clouds in worlds:
        previous = joined(views, clouds, previous=previous)
        fresh = joined(views, clouds)
        assert (previous.vms, previous.servers, previous.tags) == (fresh.vms, fresh.servers, fresh.tags)
        assert (previous.clusters, previous.clouds) == (fresh.clusters, fresh.clouds)
        unlike = {FindingKind.STOPPED_AFTER_HA, FindingKind.POWER_DRIFT}
        counts = [
            {scope: count for scope, count in its.counts.items() if scope[0] not in unlike} for its in (previous, fresh)
        ]
        assert counts[0] == counts[1]


def test_a_vcenter_of_no_cloud() -> None:
    """Its VMs are nobody's orphans, whatever is written on them."""
    found = joined([vcenter(vm(1), name="vc2")], [cloud()])
    assert kinds(found) == []
    assert {scope for scope in found.counts if scope[2] == "vc2"} == {(FindingKind.DUPLICATE, "", "vc2")}


def test_only_vms_are_servers() -> None:
    """An entity of another kind is passed over."""
    host = (Entity("host-1", Kind.HOST, "HostSystem", uid(1)), VmFacts(instance_uuid=uid(1)))
    assert pair(host, servers=[server(1, "BUILD")]).vms == {}
