"""A vCenter as a comparison needs it, from an inventory."""

from types import MappingProxyType

from exporter.drift.site import Cluster, Host, Store, site
from exporter.model import Entity, Kind
from exporter.vcenter.facts import (
    ClusterFacts,
    DatastoreFacts,
    Facts,
    HostFacts,
    HostMount,
    Nic,
    PortgroupFacts,
    SwitchFacts,
    VmFacts,
)
from exporter.vcenter.inventory import Inventory

OBJECTS: dict[str, tuple[Kind, str, Facts, str]] = {
    "domain-c1": (Kind.CLUSTER, "Prod A", ClusterFacts(), "group-h1"),
    "host-1": (Kind.HOST, "esx1", HostFacts(connection_state="connected"), "domain-c1"),
    "host-2": (Kind.HOST, "esx2", HostFacts(connection_state="notResponding"), "domain-c1"),
    "dvs-1": (Kind.SWITCH, "dvSwitch1", SwitchFacts(uplink_groups=("pg-1",)), "group-n1"),
    "pg-1": (Kind.PORTGROUP, "uplinks", PortgroupFacts(switch_moid="dvs-1"), "group-n1"),
    "pg-2": (Kind.PORTGROUP, "old-DVUplinks-7", PortgroupFacts(switch_moid="dvs-7"), "group-n1"),
    "pg-3": (Kind.PORTGROUP, "web", PortgroupFacts(switch_moid="dvs-1"), "group-n1"),
    "pg-4": (Kind.PORTGROUP, "idle", PortgroupFacts(switch_moid="dvs-1"), "group-n1"),
    "vm-1": (Kind.VM, "a", VmFacts(nics=(Nic("Network adapter 1", "4000", mac=None, network="web"),)), "group-v1"),
    "vm-2": (Kind.VM, "b", VmFacts(), "group-v1"),
    "ds-1": (
        Kind.DATASTORE,
        "nas-1",
        DatastoreFacts(
            accessible=True,
            maintenance_mode="normal",
            mounts=(
                HostMount("esx1", accessible=True, mounted=True),
                HostMount("esx2", accessible=False, mounted=True),
                HostMount("host-9", accessible=True, mounted=False),
                HostMount("host-8", accessible=None, mounted=None),
            ),
        ),
        "group-s1",
    ),
    "ds-2": (Kind.DATASTORE, "nas-2", DatastoreFacts(maintenance_mode="inMaintenance"), "group-s1"),
    "ds-3": (Kind.DATASTORE, "nas-3", DatastoreFacts(accessible=False), "group-s1"),
}


def inventory() -> Inventory:
    """All of them."""
    return Inventory(
        entities=MappingProxyType({moid: Entity(moid, kind, "", name) for moid, (kind, name, _, _) in OBJECTS.items()}),
        facts=MappingProxyType({moid: facts for moid, (_, _, facts, _) in OBJECTS.items()}),
        parents=MappingProxyType({moid: parent for moid, (_, _, _, parent) in OBJECTS.items()}),
        complete=True,
    )


def test_what_is_there() -> None:
    """Clusters with their hosts; port groups that are uplinks or in use; datastores and who can use them now."""
    found = site("vc1", "uuid-1", inventory())
    hosts = (Host("host-1", "esx1", connected=True), Host("host-2", "esx2", connected=False))
    assert found.clusters == (Cluster("domain-c1", "Prod A", hosts),)
    assert {(one.name, one.uplink, one.used) for one in found.groups} == {
        ("uplinks", True, False),
        ("old-DVUplinks-7", True, False),
        ("web", False, True),
        ("idle", False, False),
    }
    assert found.stores == (
        Store("ds-1", "nas-1", usable=True, hosts=frozenset({"esx1", "host-8"})),
        Store("ds-2", "nas-2", usable=False, hosts=frozenset()),
        Store("ds-3", "nas-3", usable=False, hosts=frozenset()),
    )
    assert [one.name for one in found.switches] == ["dvSwitch1"]


def test_a_host_is_known_by_name_or_id() -> None:
    """A mount names a host by its name, or by its id where the name may not be read."""
    store = Store("ds-1", "nas-1", usable=True, hosts=frozenset({"esx1", "host-2"}))
    assert store.is_seen_by(Host("host-1", "esx1", connected=True))
    assert store.is_seen_by(Host("host-2", "esx2", connected=True))
    assert not store.is_seen_by(Host("host-3", "esx3", connected=True))
