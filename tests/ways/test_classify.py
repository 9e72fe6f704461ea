"""Who governs a virtual machine: one way for each, the first rule that it meets decides, whatever it is like."""

from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joinlab import uid, vm

from exporter import wayrule
from exporter.model import Entity, Kind
from exporter.vcenter.facts import VmFacts
from exporter.vcenter.inventory import Inventory
from exporter.wayrule import WayRule
from exporter.ways.builtin import RULES
from exporter.ways.classify import ORPHAN, Tags, _matcher, governed, meets, verdict
from exporter.ways.model import Tally, Verdict, shares

BARE = VmFacts(template=False, instance_uuid=uid(9))


def machine(name: str = "web", path: str = "", **facts: object) -> tuple[Entity, VmFacts]:
    """A machine that bears no mark but these."""
    entity = Entity("vm-9", Kind.VM, "VirtualMachine", name, path or f"/DC0/vm/{name}")
    return entity, replace(BARE, **facts)  # type: ignore[arg-type]


def judged(
    found: tuple[Entity, VmFacts], *rules: WayRule, server: str | None = None, tags: Tags | None = ()
) -> Verdict:
    """The verdict on a machine."""
    return verdict(*found, rules=rules, server=server, tags=tags)


@pytest.mark.parametrize(
    ("found", "way", "rule"),
    [
        (vm(1), "nova", "nova.marks"),
        (vm(1, managed_by=None), "nova", "nova.marks"),
        (vm(1, annotation="Managed by Terraform"), "nova", "nova.marks"),
        (vm(1, managed_by=None, template=True), "hand", "none"),
        (vm(1, template=True), "nova", "nova.marks"),
        (machine("OSTACK_SNAP_1"), "nova", "nova.temporary"),
        (machine("OSTACK_IMG_1", template=True), "nova", "nova.temporary"),
        (machine(f"volume-{uid(1)}", managed_by=("org.openstack.storage", "volume")), "cinder", "cinder.marks"),
        (machine(options={"cinder.volume.id": uid(1)}), "cinder", "cinder.marks"),
        (machine(managed_by=("com.vmware.vim.eam", "cluster-agent")), "vsphere", "vsphere.agents"),
        (machine(managed_by=("VirtualCenter", "vcls-entity")), "vsphere", "vsphere.vcls"),
        (machine(managed_by=("com.vmware.vcenter.wcp", "VirtualMachine")), "kubernetes", "kubernetes.supervisor"),
        (machine(managed_by=("com.vmware.vcDr", "")), "site_recovery", "site_recovery.extension"),
        (machine(managed_by=("com.vmware.nsx.management.nsxt", "")), "nsx", "nsx.extension"),
        (machine(managed_by=("com.acme.backup", "proxy")), "extension", "extension"),
        (machine(annotation="Web tier\nManaged by Terraform (prod)"), "terraform", "terraform.annotation"),
        (machine(annotation="# ansible MANAGED: site.yml"), "ansible", "ansible.annotation"),
        (machine(attributes={"Managed By": "terraform"}), "terraform", "terraform.attribute"),
        (machine(attributes={"created-by": "Ansible AWX"}), "ansible", "ansible.attribute"),
        (machine(attributes={"owner": "the terraform team"}), "hand", "none"),
        (machine(annotation="see terraform docs"), "hand", "none"),
        (machine(), "hand", "none"),
        (machine(template=None), "unknown", "unreadable"),
        (machine(template=None, annotation="managed by terraform"), "terraform", "terraform.annotation"),
    ],
)
def test_what_a_mark_means(found: tuple[Entity, VmFacts], way: str, rule: str) -> None:
    """Each mark that a service or a tool leaves; words that only speak of a tool are none."""
    assert (judged(found).way, judged(found).rule) == (way, rule)


def test_nova_knows_it_or_does_not() -> None:
    """A joined server is named; marks of a server that no cloud here knows say so; what Nova knows needs no marks."""
    assert judged(vm(1), server=uid(1)) == Verdict("nova", "nova.identity", f"server {uid(1)}")
    assert judged(machine(), server=uid(9)).rule == "nova.identity"
    assert judged(vm(1)).note == ORPHAN


def test_rules_of_ones_own_come_first() -> None:
    """In their order, before what Nova knows and before every built-in rule."""
    mine = WayRule(way="packer", name="ways[0]", vm="srv-*")
    other = WayRule(way="lab", name="ways[1]", folder="/DC0/vm/lab")
    inside = machine("srv-1", "/DC0/vm/lab/deep/srv-1", annotation="managed by terraform")
    assert judged(vm(1), mine, other, server=uid(1)) == Verdict("packer", "ways[0]")
    assert judged(inside, mine, other) == Verdict("packer", "ways[0]")
    assert judged(inside, other, mine) == Verdict("lab", "ways[1]")
    assert judged(machine("x", "/DC0/vm/laboratory/x"), mine, other) == Verdict("hand", "none")


@pytest.mark.parametrize(
    "rule",
    [
        WayRule(way="x", name="x", extension="com.acme.*", vm="web*"),
        WayRule(way="x", name="x", annotation="*TEAM a*"),
        WayRule(way="x", name="x", attribute=("tool", "*")),
        WayRule(way="x", name="x", attribute=("TOOL", "pack[ae]r")),
        WayRule(way="x", name="x", folder="/DC?/vm/prod"),
        WayRule(way="x", name="x", folder="*/prod"),
    ],
)
def test_conditions(rule: WayRule) -> None:
    """All conditions must hold; letters of either case are the same; what is unknown meets none."""
    full = {"managed_by": ("com.acme.x", ""), "annotation": "of\nteam A\n", "attributes": {"Tool": "packer"}}
    assert meets(rule, *machine("Web-1", "/DC0/vm/prod/a/Web-1", **full))
    assert not meets(rule, *machine("db-1", "/DC0/vm/test/db-1"))


def test_tags() -> None:
    """A glob on category and name, whatever the case; without tags it is not met; the other conditions hold too."""
    tagged = WayRule(way="packer", name="ways[0]", tag="Made by/packer*")
    both = WayRule(way="packer", name="ways[0]", tag="*/packer", vm="srv-*")
    assert judged(machine(), tagged, tags=("stage/prod", "made BY/Packer 2")) == Verdict("packer", "ways[0]")
    assert judged(machine(), tagged, tags=("stage/packer",)) == Verdict("hand", "none")
    assert judged(machine(), tagged, tags=()) == Verdict("hand", "none")
    assert judged(machine("srv-1"), both, tags=("a/packer",)) == Verdict("packer", "ways[0]")
    assert judged(machine("web"), both, tags=("a/packer",)) == Verdict("hand", "none")


def test_tags_that_were_not_read() -> None:
    """A machine that only its tags decide is unknown, and so is Nova's; an earlier rule still decides, and none waits
    for tags that it does not ask for or whose other conditions are not met."""
    named = WayRule(way="lab", name="ways[0]", vm="web")
    tagged = WayRule(way="packer", name="ways[1]", tag="*/packer")
    other = WayRule(way="packer", name="ways[1]", tag="*/packer", vm="srv-*")
    unread = Verdict("unknown", "tags", "its tags were not read, which decide ways[1]")
    assert judged(machine(), tagged, named, tags=None) == unread
    assert judged(vm(1), tagged, server=uid(1), tags=None) == unread
    assert judged(machine(), named, tagged, tags=None) == Verdict("lab", "ways[0]")
    assert judged(machine(), other, tags=None) == Verdict("hand", "none")
    assert judged(machine(), named, tags=None) == Verdict("lab", "ways[0]")
    assert not meets(tagged, *machine(), tags=None)


TEXT = st.text(alphabet="abMm* by-_/\nterraformansible", max_size=30)
FACTS = st.builds(
    VmFacts,
    template=st.sampled_from([None, False, True]),
    annotation=st.none() | TEXT | st.just("Managed by Terraform"),
    managed_by=st.none() | st.tuples(st.sampled_from(["", "com.vmware.vim.eam", "org.openstack.compute", "x"]), TEXT),
    attributes=st.none() | st.dictionaries(TEXT, TEXT, max_size=2).map(MappingProxyType),
    options=st.none() | st.dictionaries(st.sampled_from(["nvp.vm-uuid", "cinder.volume.id"]), TEXT, max_size=2),
    instance_uuid=st.none() | st.just(uid(1)),
)
ENTITIES = st.builds(
    Entity,
    st.uuids().map(str),
    st.just(Kind.VM),
    st.just("VirtualMachine"),
    TEXT | st.just(f"srv ({uid(1)})"),
    TEXT,
)
GIVEN = st.none() | TEXT
CUSTOM = st.builds(
    WayRule,
    way=st.sampled_from(["packer", "hand", "nova"]),
    name=st.uuids().map(str),
    extension=GIVEN,
    annotation=GIVEN,
    attribute=st.none() | st.tuples(TEXT, TEXT),
    folder=GIVEN,
    tag=GIVEN,
    vm=GIVEN,
)
TAGS = st.none() | st.lists(TEXT, max_size=3).map(tuple)


@given(
    machines=st.lists(st.tuples(ENTITIES, FACTS), max_size=6, unique_by=lambda pair: pair[0].moid),
    rules=st.lists(CUSTOM, max_size=4),
    known=st.booleans(),
    tags=st.lists(TAGS, min_size=1, max_size=3),
)
def test_exactly_one_way_for_each(
    machines: list[tuple[Entity, VmFacts]], rules: list[WayRule], known: bool, tags: list[Tags | None]
) -> None:
    """Every machine is in the list once, in whatever order they come; the sums are those of the list."""
    entities = {entity.moid: entity for entity, _ in machines}
    facts = {entity.moid: its for entity, its in machines}

    def of(order: list[str]) -> Inventory:
        return Inventory(entities={moid: entities[moid] for moid in order}, facts=facts, complete=True)

    def server(moid: str) -> str | None:
        return "s" if known and moid < "8" else None

    def its(moid: str) -> Tags | None:
        return tags[int(moid[0], 16) % len(tags)]

    whole = governed("vc1", of(list(entities)), rules=rules, server=server, tags=its)
    assert whole == governed("vc1", of(list(reversed(entities))), rules=rules, server=server, tags=its)
    assert sorted(one.moid for one in whole.machines) == sorted(entities)
    assert {one.verdict.way for one in whole.machines} <= set(whole.ways)
    assert sum(tally.vms for tally in whole.tallies.values()) == len(entities)
    assert sum(shares([whole]).values()) == pytest.approx(1.0 if entities else 0.0)


@given(found=st.tuples(ENTITIES, FACTS), rules=st.lists(CUSTOM, max_size=5), tags=TAGS)
def test_the_first_rule_wins(found: tuple[Entity, VmFacts], rules: list[WayRule], tags: Tags | None) -> None:
    """The verdict names the first rule of one's own that is met; adding rules behind it changes nothing. Without tags
    it is that verdict, or the machine is unknown."""
    first = next((rule for rule in rules if meets(rule, *found, tags=tags or ())), None)
    seen = verdict(*found, rules=rules, server=None, tags=tags)
    if tags is None and (seen.way, seen.rule) == ("unknown", "tags"):
        assert any(rule.tag is not None for rule in rules)
    elif first is None:
        assert seen == verdict(*found, rules=(), server=None)
    else:
        assert seen == Verdict(first.way, first.name)
        assert seen == verdict(*found, rules=[*rules[: rules.index(first) + 1]], server=None, tags=tags)


@given(glob=st.text(alphabet="aB*?[!]-z", max_size=8), text=st.text(alphabet="aAbBz-\n[", max_size=8))
def test_globs_are_shell_globs(glob: str, text: str) -> None:
    """However it is told, a glob means what it means to a shell, but for the case of letters."""
    assert _matcher(glob)(text.casefold()) is fnmatchcase(text.casefold(), glob.casefold())


def test_a_glob_takes_no_time() -> None:
    """The worst glob that may be written, on the longest notes that are kept, is tried at once."""
    rule = WayRule(way="x", name="x", annotation="*a" * 100 + "b")
    assert not meets(rule, *machine(annotation="a" * 4096))


def test_built_in_rules_say_where_from() -> None:
    """Each has a source and a way of its own list, and none is met by a machine without marks."""
    assert all(rule.source and rule.way in wayrule.BUILT_IN for rule in RULES)
    assert not any(meets(rule, *machine()) for rule in RULES)


def test_sums() -> None:
    """What is not known of a machine adds nothing; a way without machines is there at 0."""
    big, small = vm(1, "vm-1", vcpus=4, memory_bytes=8), vm(2, "vm-2")
    inventory = Inventory(
        entities={entity.moid: entity for entity, _ in (big, small)},
        facts={entity.moid: facts for entity, facts in (big, small)},
        complete=True,
    )
    tallies = governed("vc1", inventory, rules=(), server=lambda _: None).tallies
    assert tallies["nova"] == Tally(2, 4, 8)
    assert tallies["hand"] == Tally()
