"""What OpenStack writes on VMs: which disk is which volume, which card which port, and whose a VM is."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Entity, Kind
from exporter.vcenter.facts import Disk, Facts, Nic, VmFacts
from exporter.vcenter.openstackmarks import (
    device_labels,
    has_bare_name,
    is_helper,
    is_servers,
    ports,
    server_ids,
    uuid_in_name,
    volumes,
)
from exporter.vcenter.vmreaders import DiskDevice, NicDevice

ID = "0a1b2c3d-0000-4000-8000-000000000001"
NOTE = "name:web\nuserid:u\nusername:n\nprojectid:p\nprojectname:q\nflavor:name:m1\nimageid:i\npackage:34.0.0\n"


def disk(uuid: str | None) -> DiskDevice:
    """A disk with that UUID."""
    return DiskDevice("Hard disk", "scsi0:0", "vmdk", "persistent", "datastore-1", True, 1, uuid)


def nic(key: int, external: str | None = None) -> NicDevice:
    """A card with that key and externalId."""
    return NicDevice("Network adapter", str(key), "fa:16:3e:00:00:01", external, "dvportgroup-1")


def vm(name: str = "web") -> Entity:
    """A virtual machine."""
    return Entity("vm-1", Kind.VM, "VirtualMachine", name)


@pytest.mark.parametrize(
    ("uuids", "options", "expected"),
    [
        (["6000C29a-11", None], {"volume-v1": "6000c29a11"}, ("v1", None)),
        (["a", "b"], {"volume-v1": "b", "volume-v2": "a", "nvp.vm-uuid": "a"}, ("v2", "v1")),
        (["a", "a"], {"volume-v1": "a"}, (None, None)),
        (["a"], {"volume-v1": "a", "volume-v2": "A"}, (None,)),
        ([None, ""], {"volume-v1": ""}, (None, None)),
        ([], {"volume-v1": "a"}, ()),
    ],
    ids=["notation", "order", "a UUID of two disks", "two volumes of one UUID", "no UUID", "no disk"],
)
def test_disks_are_volumes(uuids: list[str | None], options: Mapping[str, str], expected: tuple[str | None]) -> None:
    """By the UUID of the backing, in any notation; what several have is nobody's."""
    assert volumes([disk(uuid) for uuid in uuids], options) == expected


def options(*named: str) -> dict[str, str]:
    """What Nova writes of ports, by index; ``-`` is an index that it never wrote."""
    return {f"nvp.iface-id.{index}": port for index, port in enumerate(named) if port != "-"}


@pytest.mark.parametrize(
    ("nics", "marks", "expected"),
    [
        ([nic(4001, "p1"), nic(4000, "p2")], options("p1", "p2"), ("p1", "p2")),
        ([nic(4000, "p1"), nic(4001, "p1")], options("p1", "p2"), (None, None)),
        ([nic(4003)], options("free", "p1"), ("p1",)),
        ([nic(4000, "p1"), nic(4007)], options("free", "p1", "p2"), ("p1", "p2")),
        ([nic(4001), nic(4000)], options("p1", "p2"), ("p2", "p1")),
        ([nic(4000), nic(4002)], options("p1", "-", "p2"), ("p1", "p2")),
        ([nic(4000), nic(4001)], options("p1", "free", "p2"), (None, None)),
        ([nic(4000), nic(4001)], options("free", "p1", "p2"), (None, None)),
        ([nic(4000), nic(4002)], options("p1", "p2"), (None, None)),
        ([nic(4000), nic(4001)], options("p1"), (None, None)),
        ([nic(4000)], options("p1", "p2"), (None,)),
        ([nic(4000), nic(4001)], options("p1", "p1"), (None, None)),
        ([nic(4000, "p2"), nic(4001), nic(4002)], options("p1", "p2", "p3"), ("p2", None, None)),
        ([nic(4000, "elsewhere"), nic(4001)], options("p1", "p2"), (None, None)),
        ([nic(4000)], {"nvp.iface-id.x": "p1", "nvp.vm-uuid": "p1"}, (None,)),
        ([], options("p1"), ()),
    ],
    ids=[
        "externalId",
        "one externalId of two cards",
        "one is left",
        "one is left beside an externalId",
        "convention",
        "convention with a gap",
        "an index was freed",
        "the first index was freed",
        "a card with another key",
        "a card too many",
        "a port too many",
        "one port of two indices",
        "externalId speaks against the convention",
        "externalId is another's",
        "no index",
        "no card",
    ],
)
def test_cards_are_plugged_into_ports(
    nics: list[NicDevice], marks: Mapping[str, str], expected: tuple[str | None]
) -> None:
    """What is certain, what is left, and a convention only where all of it holds; otherwise nothing is said."""
    assert ports(nics, marks) == expected


@given(
    st.lists(
        st.tuples(st.integers(4000, 4003), st.sampled_from([None, "p0", "p1", "q"])),
        max_size=4,
        unique_by=lambda n: n[0],
    ),
    st.dictionaries(st.integers(0, 3), st.sampled_from(["p0", "p1", "p2", "free", ""]), max_size=4),
)
def test_a_port_is_never_said_of_two_cards(cards: list[tuple[int, str | None]], slots: dict[int, str]) -> None:
    """Whatever vCenter says, each port that is said is one that Nova wrote, and of one card; externalId is kept to."""
    marks = {f"nvp.iface-id.{index}": port for index, port in slots.items()}
    found = ports([nic(key, external) for key, external in cards], marks)
    said = [port for port in found if port is not None]
    assert len(set(said)) == len(said)
    assert set(said) <= set(slots.values()) - {"free", ""}
    for (_, external), port in zip(cards, found, strict=True):
        assert external is None or port in {None, external}


def test_labels_of_devices() -> None:
    """By the names that performance counters use; nothing where nothing is known, or it is no VM."""
    known = Disk("Hard disk 1", "scsi0:0", None, None, None, None, None, "u", volume="v1")
    unknown = Disk("Hard disk 2", "scsi0:1", None, None, None, None, None, "u")
    plugged = Nic("Network adapter 1", "4000", None, None, "p1")
    facts = VmFacts(disks=(known, unknown), nics=(plugged, Nic("Network adapter 2", "4001", None, None)))
    assert device_labels(facts) == {"scsi0:0": (("volume", "v1"),), "4000": (("port", "p1"),)}
    assert device_labels(VmFacts()) == device_labels(Facts()) == {}


@pytest.mark.parametrize(
    ("name", "uuid", "bare"),
    [
        (ID, ID, True),
        (f"web ({ID})", ID, False),
        (f"a\n(b) ({ID})", ID, False),
        (f" ({ID})", ID, False),
        (f"({ID})", "", False),
        (f"{ID})", "", False),
        (f"volume-{ID}", "", False),
        ("web", "", False),
        ("", "", False),
    ],
)
def test_the_uuid_in_a_name(name: str, uuid: str, bare: bool) -> None:
    """As Nova names VMs, and no other way."""
    assert (uuid_in_name(name), has_bare_name(name)) == (uuid, bare)


def test_ids_of_a_server() -> None:
    """Both of them, in the order in which Nova looks."""
    assert server_ids(VmFacts(instance_uuid="i", options={"nvp.vm-uuid": "m", "nvp.iface-id.0": "p"})) == ("i", "m")
    assert server_ids(VmFacts()) == ("", "")


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("x", VmFacts(managed_by=("org.openstack.compute", "instance")), True),
        ("x", VmFacts(options={"nvp.vm-uuid": ID}), True),
        (f"x ({ID})", VmFacts(instance_uuid=ID), True),
        (ID, VmFacts(instance_uuid=ID), True),
        ("x", VmFacts(annotation=NOTE), True),
        (f"x ({ID})", VmFacts(instance_uuid="another"), False),
        ("x", VmFacts(instance_uuid=ID, annotation="name:web\nof us"), False),
        ("x", VmFacts(managed_by=("com.vmware.vcHms", "placeholder"), options={}), False),
        (f"x ({ID})", VmFacts(), False),
    ],
)
def test_what_nova_made_for_a_server(name: str, facts: VmFacts, expected: bool) -> None:
    """By each of its marks, and not by what others may write, too."""
    assert is_servers(vm(name), facts) is expected


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("volume-1", VmFacts(managed_by=("org.openstack.storage", "volume")), True),
        ("volume-1", VmFacts(options={"cinder.volume.id": ID}), True),
        ("gold", VmFacts(template=True, options={"nvp.vm-uuid": ID}), True),
        (f"OSTACK_SNAP_{ID}", VmFacts(), True),
        (f"OSTACK_IMG_{ID}", VmFacts(), True),
        ("web", VmFacts(template=False, options={"nvp.vm-uuid": ID, "volume-v": "u"}), False),
    ],
)
def test_what_only_looks_like_a_server(name: str, facts: VmFacts, expected: bool) -> None:
    """Shadows of Cinder's volumes, templates, and Nova's own temporary VMs."""
    assert is_helper(vm(name), facts) is expected
