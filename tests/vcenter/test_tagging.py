"""Labels from elsewhere on VMs: what did not change is the same object, so that nothing is rendered again."""

from dataclasses import replace
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Entity, Kind
from exporter.vcenter.facts import Facts, VmFacts
from exporter.vcenter.families import rows_of
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.tagging import tagged

TAGS = st.dictionaries(
    st.sampled_from(["vm-1", "vm-2", "vm-3", "host-1"]),
    st.dictionaries(st.sampled_from(["project", "flavor", "host"]), st.sampled_from(["a", "b"]), max_size=3),
)


def listing(*names: str, version: int = 1) -> Inventory:
    """VMs of these names, and a host."""
    vms = {
        f"vm-{number}": Entity(f"vm-{number}", Kind.VM, "VirtualMachine", name, labels={"host": "esx"})
        for number, name in enumerate(names, start=1)
    }
    entities = {**vms, "host-1": Entity("host-1", Kind.HOST, "HostSystem", "esx")}
    facts: dict[str, Facts] = dict.fromkeys(vms, VmFacts()) | {"host-1": Facts()}
    return Inventory(MappingProxyType(entities), MappingProxyType(facts), version=version, complete=True)


def test_vms_get_labels() -> None:
    """vCenter's own ones win, only VMs get any, and what is gone by now gets none."""
    found = tagged(
        listing("a", "b"),
        {"vm-1": {"project": "p", "host": "nova"}, "host-1": {"project": "p"}, "vm-9": {"x": "y"}},
        None,
    )
    assert {moid: entity.labels for moid, entity in found.entities.items()} == {
        "vm-1": {"host": "esx", "project": "p"},
        "vm-2": {"host": "esx"},
        "host-1": {},
    }
    info = next(rows_of(found.entities["vm-1"], found.facts["vm-1"], "vc1"))[1]
    assert info.labels == (("vcenter", "vc1"), ("moid", "vm-1"), ("vm", "a"), ("project", "p"), ("host", "esx"))


def test_the_same_again_is_the_same_object() -> None:
    """The same inventory and equal labels give the very inventory of before; a new listing keeps what is alike."""
    base = listing("a", "b")
    first = tagged(base, {"vm-1": {"project": "p"}}, None)
    assert tagged(base, {"vm-1": {"project": "p"}}, first) is first
    renamed = replace(listing("a", "c", version=2), facts=base.facts)
    second = tagged(renamed, {"vm-1": {"project": "p"}}, first)
    assert second.entities["vm-1"] is first.entities["vm-1"]
    assert (second.entities["vm-2"].name, second.version) == ("c", 2)
    third = tagged(listing("d", "c", version=3), {"vm-1": {"project": "p"}}, second)
    assert third.entities["vm-1"] == replace(second.entities["vm-1"], name="d")


def test_facts_alone_make_a_new_inventory() -> None:
    """Entities that stay the same do not hide that facts changed."""
    base = listing("a")
    first = tagged(base, {}, None)
    news = replace(base, facts={**base.facts, "vm-1": VmFacts(vcpus=4)}, version=2)
    assert tagged(news, {}, first).facts["vm-1"] == VmFacts(vcpus=4)


@given(st.lists(st.tuples(TAGS, st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3)), min_size=1, max_size=5))
def test_it_does_not_matter_what_was_before(rounds: list[tuple[dict[str, dict[str, str]], list[str]]]) -> None:
    """After any labels and names, an inventory equals one that is tagged for the first time."""
    previous = None
    for version, (tags, names) in enumerate(rounds):
        base = listing(*names, version=version)
        previous = tagged(base, tags, previous)
        assert previous == tagged(base, tags, None)
        assert tagged(base, tags, previous) is previous
