"""What does not fit between a cloud's mapping and its vCenters: each kind, and what must not be one."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from drift.world import (
    DB,
    HOSTS,
    MAPPING,
    SITE,
    WEB,
    Parts,
    found,
    group,
    network,
    node,
    port,
    unread,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import MappedBackend, MappedCluster
from exporter.drift.compare import compare
from exporter.drift.model import MOST, Compared
from exporter.drift.rows import drift_rows
from exporter.drift.site import Cluster, Host, Store
from exporter.drift.words import ADVICE
from exporter.driftkinds import LEVELS, DriftKind, Level
from exporter.exposition import Format, bodies, page
from exporter.model import Kind
from exporter.openstack.networkmodel import Agent, Network, Segment
from exporter.openstack.services import Outcome, Reading
from exporter.vcenter.readers import Member

FITS = Parts()
NAMED = f"dvSwitch1-{WEB}"
ADMIN = "give the user the role admin, or change Neutron's policy"
THIRD = "00000000-0000-4000-8000-000000000003"
GONE = "00000000-0000-4000-8000-0000000000ff"


def test_what_fits_has_no_drift() -> None:
    """Every kind was looked for, and none was found."""
    compared = FITS.compared
    assert found(compared) == []
    assert {kind for kind, _ in compared.counts} == set(DriftKind)
    assert set(compared.counts.values()) == {0}
    assert compared.unchecked == ()
    assert not compared.is_drifted


CASES: dict[str, tuple[Parts, list[tuple[str, str, str]]]] = {
    "switch renamed": (
        FITS.with_switch(name="old"),
        [
            (
                "switch_missing",
                "physnet1",
                "the physical network is mapped to dvSwitch1, and vc1 has no such distributed switch",
            )
        ],
    ),
    "switch of idle networks renamed": (
        replace(FITS.with_switch(name="old"), ports=()),
        [
            (
                "switch_missing",
                "physnet1",
                "the physical network is mapped to dvSwitch1, and vc1 has no such distributed switch",
            )
        ],
    ),
    "overlay switch missing": (
        FITS.mapped(nsx=True, overlay_switches=("tep",)),
        [("switch_missing", "tep", "is to carry tunnels, and vc1 has no such switch")],
    ),
    "physical network not mapped": (
        replace(FITS, networks=(*FITS.networks, network(THIRD, "dmz", 7, physical="physnet9"))),
        [("physnet_unmapped", "physnet9", "the physical network is mapped to no switch, and carries dmz")],
    ),
    "mapping of nothing": (
        FITS.mapped(physical_networks={"physnet1": ("dvSwitch1",), "physnet2": ("dvSwitch1",)}),
        [("mapping_unused", "physnet2", "the physical network is mapped to dvSwitch1, and no network is on it")],
    ),
    "port group removed": (
        FITS.with_groups(group("pg-1", f"dvSwitch1-{WEB}", "100")),
        [("portgroup_missing", "db", "1 bound port, and vc1 has no distributed port group databases")],
    ),
    "port group on another switch": (
        FITS.with_groups(group("pg-1", f"dvSwitch1-{WEB}", "100", switch="dvs-2"), SITE.groups[2]),
        [
            (
                "portgroup_elsewhere",
                "web",
                f"its port group dvSwitch1-{WEB} is on the switch dvSwitch1, not on dvSwitch1",
            )
        ],
    ),
    "VLAN changed": (
        FITS.with_groups(SITE.groups[1], group("pg-2", "databases", "201")),
        [("vlan_mismatch", "db", "has VLAN 200 in Neutron, and VLAN 201 on its port group databases")],
    ),
    "VLAN taken away": (
        FITS.with_groups(SITE.groups[1], group("pg-2", "databases", "0")),
        [("vlan_mismatch", "db", "has VLAN 200 in Neutron, and none on its port group databases")],
    ),
    "flat network tagged": (
        replace(FITS, networks=(FITS.networks[0], network(DB, "db", None))),
        [("vlan_mismatch", "db", "is untagged in Neutron, and VLAN 200 on its port group databases")],
    ),
    "private VLAN": (
        FITS.with_groups(SITE.groups[1], group("pg-2", "databases", "9", mode="private")),
        [("vlan_mismatch", "db", "has VLAN 200 in Neutron, and private VLAN 9 on its port group databases")],
    ),
    "trunk without the VLAN": (
        FITS.with_groups(SITE.groups[1], group("pg-2", "databases", "0-199,300", mode="trunk")),
        [
            (
                "trunk_excludes_vlan",
                "db",
                "has VLAN 200 in Neutron, and the trunk of its port group databases lets 0-199,300 through",
            )
        ],
    ),
    "two physical networks on one switch": (
        replace(
            FITS.mapped(physical_networks={"physnet1": ("dvSwitch1",), "physnet2": ("dvSwitch1",)}),
            networks=(*FITS.networks, network(THIRD, "dmz", 200, physical="physnet2")),
        ),
        [("vlan_overlap", "dvSwitch1", "VLAN 200 is used by 2 networks of Neutron: db, dmz")],
    ),
    "tunnelled network without NSX": (
        replace(FITS, networks=(FITS.networks[0], network(DB, "db", 5001, type="vxlan", physical=None))),
        [
            (
                "overlay_without_nsx",
                "db",
                "is carried in vxlan (5001), which no distributed switch does, and has 1 port there",
            )
        ],
    ),
    "MTU": (
        FITS.with_switch(mtu_bytes=1400),
        [("mtu_too_small", "dvSwitch1", "the switch has an MTU of 1400, and Neutron's network db needs 1500")],
    ),
    "MTU of tunnels": (
        replace(
            FITS.with_switch(mtu_bytes=1500).mapped(nsx=True, overlay_switches=("dvSwitch1",)),
            networks=(*FITS.networks, network(THIRD, "over", 5001, type="geneve", physical=None)),
        ),
        [("mtu_too_small", "dvSwitch1", "the switch has an MTU of 1500, and Neutron's network over needs 1550")],
    ),
    "host off the switch": (
        FITS.with_switch(members=(Member("host-1", 2),)),
        [("host_not_on_switch", "Prod A", "1 of 2 hosts are not on the switch dvSwitch1: esx2")],
    ),
    "host without NIC": (
        FITS.with_switch(members=(Member("host-1", 2), Member("host-2", 0))),
        [("host_without_uplink", "Prod A", "1 of its hosts have no physical NIC in the switch dvSwitch1: esx2")],
    ),
    "switch without uplink": (
        FITS.with_switch(uplinks=0),
        [("switch_without_uplink", "dvSwitch1", "the switch has no uplink")],
    ),
    "cluster renamed": (
        FITS.mapped(clusters=(MappedCluster("Prod B"),)).mapped(datastore_regex="nas"),
        [("cluster_missing", "Prod B", "no vCenter of the cloud (vc1) has a cluster of this name")],
    ),
    "cluster made anew": (
        replace(FITS, nodes=(node("domain-c9.uuid-1"),)),
        [
            (
                "hypervisor_unmatched",
                "domain-c9.uuid-1",
                "Nova's hypervisor of nova-a is a cluster that vc1 does not have",
            ),
            ("cluster_without_hypervisor", "Prod A", "Nova has no hypervisor for the cluster"),
        ],
    ),
    "foreign hypervisor": (
        replace(FITS, nodes=(node(), node("domain-c1.uuid-9", "nova-z"))),
        [
            (
                "hypervisor_unmatched",
                "domain-c1.uuid-9",
                "Nova's hypervisor is of a vCenter that is none of the cloud's here",
            )
        ],
    ),
    "datastore renamed": (
        FITS.with_stores(Store("ds-1", "old-nas-1", usable=True, hosts=frozenset({"esx1", "esx2"}))),
        [
            ("datastore_regex_unmatched", "Prod A", "no datastore that it can use matches datastore_regex nas-.*"),
            ("backend_datastore_missing", "vmdk", "no datastore matches the backend's regex nas"),
        ],
    ),
    "datastore in maintenance": (
        FITS.with_stores(Store("ds-1", "nas-1", usable=False, hosts=frozenset({"esx1", "esx2"}))),
        [
            ("datastore_regex_unmatched", "Prod A", "no datastore that it can use matches datastore_regex nas-.*"),
            ("backend_unseen", "vmdk", "cluster Prod A can use none of the backend's datastores"),
        ],
    ),
    "datastore on one host": (
        FITS.with_stores(Store("ds-1", "nas-1", usable=True, hosts=frozenset({"esx1"}))),
        [("datastore_not_on_all_hosts", "nas-1", "1 of 2 hosts of cluster Prod A do not see it: esx2")],
    ),
    "datastore removed": (
        FITS.mapped(cinder_backends=(MappedBackend("vmdk", datastores=("nas-1", "nas-2")),)),
        [("backend_datastore_missing", "vmdk", "the backend's datastores are in no vCenter of the cloud: nas-2")],
    ),
    "ports that nothing filters": (
        replace(FITS, ports=(port("p1", WEB, details={}), FITS.ports[1])),
        [("security_groups_unenforced", "nova-a", "1 port of this compute with security groups that nothing enforces")],
    ),
    "port group of a network that is gone": (
        FITS.with_groups(*SITE.groups[1:], group("pg-3", f"dvSwitch1-{GONE}", "300", used=False)),
        [
            (
                "portgroup_orphaned",
                f"dvSwitch1-{GONE}",
                "the port group is named after a network that Neutron does not have",
            )
        ],
    ),
    "stranger on the same VLAN": (
        FITS.with_groups(*SITE.groups[1:], group("pg-3", "legacy", "199-201", mode="trunk")),
        [
            (
                "vlan_shared",
                "legacy",
                "the port group has VMs, and lets VLAN 199-201 through, as do Neutron's networks db",
            )
        ],
    ),
    "idle port group": (
        FITS.with_groups(*SITE.groups[1:], group("pg-3", "spare", "300", used=False)),
        [
            (
                "portgroup_unused",
                "spare",
                "the port group of the switch dvSwitch1 has no VM, and no network of Neutron uses it",
            )
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind(name: str) -> None:
    """One thing is changed, and that and nothing else is said, with its level and advice."""
    parts, expected = CASES[name]
    compared = parts.compared
    assert found(compared) == expected
    assert all(one.advice == ADVICE[one.kind] and one.level is LEVELS[one.kind] for one in compared.drifts)
    assert compared.is_drifted is any(LEVELS[DriftKind(kind)] is not Level.NOTE for kind, _, _ in expected)
    assert sum(compared.counts.values()) == len(expected)


def test_every_kind_has_a_case_and_an_advice() -> None:
    """No kind is without a test, and none without a word on what to do."""
    assert {DriftKind(kind) for _, expected in CASES.values() for kind, _, _ in expected} == set(DriftKind)
    assert set(ADVICE) == set(DriftKind)


FINE: dict[str, Parts] = {
    "by key": replace(
        FITS,
        ports=(FITS.ports[0], port("p2", DB, details={"dvs_id": "50", "pg_id": "pg-2", "port_filter": True})),
    ),
    "a name in a longer name": FITS.with_groups(SITE.groups[1], group("pg-2", "dvSwitch1-databases-1", "200")),
    "an escaped name": replace(
        FITS.with_groups(SITE.groups[1], group("pg-2", "data/bases", "200")),
        ports=(FITS.ports[0], port("p2", DB, details={"dvs_port_group_name": "data%2fbases", "port_filter": True})),
    ),
    "a trunk with the VLAN": FITS.with_groups(SITE.groups[1], group("pg-2", "databases", "0-4094", mode="trunk")),
    "a network for KVM": replace(
        FITS,
        nodes=(node(), node("kvm-1", "kvm-1", "QEMU")),
        networks=(*FITS.networks, network(THIRD, "lan", 100, physical="lan")),
    ),
    "NSX": replace(
        FITS.mapped(nsx=True),
        networks=(FITS.networks[0], network(DB, "db", 5001, type="geneve", physical=None)),
        ports=(port("p1", WEB, details={}), port("p2", DB, vif_type="ovs", details={})),
    ),
    "a port of NSX on a VLAN": replace(
        FITS.with_groups(SITE.groups[1]), ports=(FITS.ports[0], port("p2", DB, vif_type="ovs", details={}))
    ),
    "an idle port group on the same VLAN": FITS.with_groups(
        *SITE.groups[1:], group("pg-3", "spare", "200", used=False)
    ),
    "a port without port security": replace(
        FITS, ports=(port("p1", WEB, details={}, port_security=False), FITS.ports[1])
    ),
    "a switch that does not say its MTU": FITS.with_switch(mtu_bytes=None),
    "members that do not say their NICs": FITS.with_switch(members=(Member("host-1", None), Member("host-2", None))),
    "a host that is away": replace(
        FITS,
        site=replace(
            SITE,
            clusters=(Cluster("domain-c1", "Prod A", (HOSTS[0], Host("host-2", "esx2", connected=False))),),
            stores=(Store("ds-1", "nas-1", usable=True, hosts=frozenset({"esx1"})),),
        ),
    ),
    "switches told by agents": replace(
        FITS.mapped(physical_networks={}),
        agents=(Agent(type="DVS agent", host="nova-a", alive=True, switches={"physnet1": "dvSwitch1"}),),
    ),
    "two segments": replace(
        FITS,
        networks=(
            FITS.networks[0],
            Network(id=DB, name="db", segments=(Segment("vlan", "physnet1", 7), Segment("vlan", "physnet1", 200))),
        ),
    ),
}


@pytest.mark.parametrize("name", FINE)
def test_no_drift(name: str) -> None:
    """What is unusual and right."""
    compared = FINE[name].compared
    assert [one for one in found(compared) if one[0] != "portgroup_unused"] == []


UNKNOWN: dict[str, tuple[Callable[[Parts], Compared], set[str], str]] = {
    "the vCenter": (
        lambda parts: compare(replace(parts.world, sites={"vc1": None})),
        {"mapping_unused", "physnet_unmapped", "security_groups_unenforced"},
        "vCenter vc1 is not listed now",
    ),
    "Neutron": (
        lambda parts: compare(replace(parts.world, networks=None)),
        {
            *("switch_missing", "host_not_on_switch", "host_without_uplink", "switch_without_uplink"),
            *("datastore_regex_unmatched", "datastore_not_on_all_hosts", "backend_unseen", "backend_datastore_missing"),
            *("cluster_missing", "cluster_without_hypervisor", "hypervisor_unmatched"),
        },
        "Neutron is not read yet",
    ),
    "ports": (
        lambda parts: compare(replace(parts.world, networks=replace(parts.world.networks, ports=unread()))),
        {
            *("switch_missing", "host_not_on_switch", "host_without_uplink", "switch_without_uplink"),
            *("datastore_regex_unmatched", "datastore_not_on_all_hosts", "backend_unseen", "backend_datastore_missing"),
            *("cluster_missing", "cluster_without_hypervisor", "hypervisor_unmatched"),
            *("mtu_too_small", "vlan_overlap", "mapping_unused"),
        },
        "Neutron's ports cannot be read: no answer",
    ),
    "hypervisors": (
        lambda parts: compare(replace(parts.world, hypervisors=None)),
        {
            *("switch_without_uplink", "backend_datastore_missing", "cluster_missing"),
            *("mtu_too_small", "vlan_overlap", "mapping_unused"),
        },
        "Nova's hypervisors are not read",
    ),
    "provider attributes": (
        lambda parts: compare(
            replace(
                parts.world,
                networks=replace(parts.world.networks, networks=Reading(Outcome.OK, (Network(id=WEB, name="web"),))),
            )
        ),
        {
            *("switch_missing", "host_not_on_switch", "host_without_uplink", "switch_without_uplink"),
            *("datastore_regex_unmatched", "datastore_not_on_all_hosts", "backend_unseen", "backend_datastore_missing"),
            *("cluster_missing", "cluster_without_hypervisor", "hypervisor_unmatched"),
        },
        f"Neutron does not show physical networks and VLANs to this user; {ADMIN}",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_unknown_is_no_drift(name: str) -> None:
    """Without one side, what takes it has no count, and why is said; what does not take it is still looked for."""
    hide, looked_for, reason = UNKNOWN[name]
    for parts, _ in CASES.values():
        compared = hide(parts)
        kinds = {kind.value for kind, _ in compared.counts}
        assert {one.kind.value for one in compared.drifts} <= kinds
    compared = hide(FITS)
    assert {kind.value for kind, _ in compared.counts} == looked_for
    assert reason in {one.reason for one in compared.unchecked}
    assert {kind for one in compared.unchecked for kind in one.kinds} == set(DriftKind) - {
        DriftKind(kind) for kind in looked_for
    }


def test_what_is_not_configured_is_not_looked_for() -> None:
    """An empty mapping still finds hypervisors without cluster, and ports that nothing filters."""
    compared = replace(FITS, mapping=replace(MAPPING, physical_networks={}, clusters=(), cinder_backends=())).compared
    assert {one.reason for one in compared.unchecked} == {
        "mapping.physical_networks of the cloud names none, and no agent of Neutron on VMware tells any",
        "mapping.clusters of the cloud names none",
        "mapping.cinder_backends of the cloud names none",
        "mapping of the cloud has no datastore_regex",
    }
    assert DriftKind.HYPERVISOR_UNMATCHED in {kind for kind, _ in compared.counts}


def test_what_is_left_out_is_not_missed() -> None:
    """Where ``objects`` leaves switches or clusters out, one that is not there tells nothing."""
    parts = replace(FITS, site=replace(SITE, switches=(), partial=frozenset({Kind.SWITCH})))
    compared = parts.compared
    assert found(compared) == []
    assert "objects of vCenter vc1 leaves some out: switch" in {one.reason for one in compared.unchecked}
    parts = replace(CASES["cluster renamed"][0], site=replace(SITE, partial=frozenset({Kind.CLUSTER})))
    assert found(parts.compared) == []


def test_what_is_ignored_is_not_looked_for() -> None:
    """Neither counted nor told, nor said to be unchecked."""
    parts = CASES["ports that nothing filters"][0].mapped(ignore=("security_groups_unenforced",))
    compared = parts.compared
    assert found(compared) == []
    assert not any(kind is DriftKind.SECURITY_GROUPS_UNENFORCED for kind, _ in compared.counts)
    assert compared.unchecked == ()


def test_a_second_vcenter_needs_its_own_switch_where_it_has_ports() -> None:
    """One of the switches of a physical network where it has ports; none where the cloud has no cluster or no port."""
    other = replace(SITE, name="vc2", uuid="uuid-2", switches=(), groups=(), stores=())
    empty = replace(FITS, others={"vc2": replace(other, clusters=())})
    assert found(empty.compared) == []
    idle = replace(FITS, others={"vc2": other}, nodes=(node(), node("domain-c1.uuid-2", "nova-b")))
    assert "switch_missing" not in {kind for kind, _, _ in found(idle.compared)}
    used = replace(idle, ports=(*FITS.ports, port("p3", WEB, host="nova-b")))
    missing = [(one.kind.value, one.vcenter, one.subject) for one in used.compared.drifts]
    assert ("switch_missing", "vc2", "physnet1") in missing
    assert all(vcenter == "vc2" for _, vcenter, _ in missing)


def test_many_are_counted_and_some_are_kept() -> None:
    """The count is exact; of the drifts the gravest are kept."""
    networks = tuple(network(f"{n:08d}-0000-4000-8000-000000000000", f"net-{n}", 100) for n in range(MOST + 20))
    ports = tuple(port(f"p{n}", one.id) for n, one in enumerate(networks))
    compared = replace(FITS.with_groups(), networks=networks, ports=ports).compared
    assert compared.counts[DriftKind.PORTGROUP_MISSING, "vc1"] == MOST + 20
    assert len(compared.drifts) == MOST


@given(st.sampled_from(sorted(CASES)), st.randoms(use_true_random=False))
def test_the_order_of_things_makes_no_difference(name: str, chance: Random) -> None:
    """Networks, ports, port groups and datastores may come in any order."""
    parts, expected = CASES[name]
    shuffled = replace(
        parts,
        networks=tuple(chance.sample(parts.networks, len(parts.networks))),
        ports=tuple(chance.sample(parts.ports, len(parts.ports))),
        site=replace(
            parts.site,
            groups=tuple(chance.sample(parts.site.groups, len(parts.site.groups))),
            stores=tuple(chance.sample(parts.site.stores, len(parts.site.stores))),
        ),
    )
    kinds = [(kind, subject) for kind, subject, _ in expected]
    assert [(kind, subject) for kind, subject, _ in found(shuffled.compared)] == kinds


def test_the_series(golden: Callable[[str, str], None]) -> None:
    """0 where it was looked for and not found, the count where found, nothing where it could not be looked for."""
    parts = CASES["VLAN changed"][0]
    world = parts.world
    compared = compare(replace(world, sites={**world.sites, "vc2": None}))
    families, _ = bodies(drift_rows("c1", compared, now=1_800_000_000.0))
    golden("drift.prom", b"".join(page([families], Format.TEXT)).decode())
