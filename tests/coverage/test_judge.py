"""What a cloud offers on VMware: the best evidence decides, and what cannot be read is unknown."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.coverage import features
from exporter.coverage.checks import CHECKS, NSX_SWITCH, WITHOUT, uses_nsx
from exporter.coverage.judge import judged
from exporter.coverage.model import Coverage, Evidence, Failover, Item, Outcomes, Servers, Sight, State, Zone
from exporter.openstack.cloud import ApiFault, NotOffered
from exporter.openstack.networkmodel import Agent, Network, NetworkReading, Port, Segment
from exporter.openstack.services import Outcome, Reading

CATALOGUE = features.catalogue()
HOSTS: Reading[frozenset[str]] = Reading(Outcome.OK, frozenset({"vmware1", "vmware2"}))
DRIVER_TRAITS = frozenset({"COMPUTE_SAME_HOST_COLD_MIGRATE", "COMPUTE_NET_ATTACH_INTERFACE", "COMPUTE_NODE"})
FORBIDDEN = ApiFault("forbidden", "Policy doesn't allow it.", code=403)


def neutron(
    *ports: Port, extensions: frozenset[str] | None = frozenset(), agents: tuple[Agent, ...] = ()
) -> NetworkReading:
    """What Neutron says, with a network of each type."""
    networks = tuple(Network(id=kind, segments=(Segment(kind, "physnet1"),)) for kind in ("flat", "vlan", "vxlan"))
    refused: Reading[frozenset[str]] = Reading(Outcome.FORBIDDEN, None, FORBIDDEN)
    said = refused if extensions is None else Reading(Outcome.OK, extensions)
    return NetworkReading(
        networks=Reading(Outcome.OK, networks),
        ports=Reading(Outcome.OK, ports),
        agents=Reading(Outcome.OK, agents),
        extensions=said,
    )


def port(network: str = "vlan", kind: str = "dvs", **details: str | bool) -> Port:
    """A port of a server on a VMware host."""
    return Port(id=f"{network}{details}", network=network, host="vmware1", vif_type=kind, details=details)


STOCK = Sight(
    hosts=HOSTS,
    version=(2, 87),
    servers=Servers(active=3, with_volumes=1),
    traits=Reading(Outcome.OK, DRIVER_TRAITS),
    network=neutron(port(), extensions=frozenset({"port-security"})),
    pools=Reading(Outcome.OK, ("vmdk",)),
    zones=Reading(Outcome.OK, (Zone("vmware", frozenset({"vmware1", "vmware2"}), "vmware"),)),
    failover=Failover(2),
)
"""The analysis' own profile: Nova's driver as it is, no NSX, storage and networks kept in step by hand."""


def of(sight: Sight) -> Mapping[str, Item]:
    """The items by feature."""
    return {item.feature: item for item in judged("c1", sight, CATALOGUE).items}


def state(sight: Sight, feature: str) -> tuple[State, Evidence]:
    """State and evidence of one feature."""
    item = of(sight)[feature]
    return item.state, item.evidence


def test_the_analysis_profile_is_its_grade() -> None:
    """Basic compute and vMotion work, security groups need NSX, storage and networks by hand: B+, as it says."""
    coverage = judged("c1", STOCK, CATALOGUE)
    assert (coverage.grade, coverage.reference, coverage.known) == ("B+", "B+", 1.0)
    assert coverage.score == pytest.approx(0.79)
    assert {item.feature: item.state.value for item in coverage.lacking} == {
        "security_groups": "missing",
        "volume_extend": "missing",
        "network_overlay": "missing",
        "multiattach": "missing",
        "pause": "missing",
        "port_security": "missing",
        "evacuate": "missing",
        "storage_sync": "by_hand",
        "network_sync": "by_hand",
    }
    assert coverage.lacking[0].feature == "security_groups"


def test_with_nsx() -> None:
    """NSX below Neutron enforces security groups, tunnels, and makes its segments: an A."""
    network = neutron(port("vxlan", "ovs", **{NSX_SWITCH: "x"}), extensions=frozenset({"port-security"}))
    coverage = judged("c1", replace(STOCK, network=network), CATALOGUE)
    assert coverage.grade == "A"
    assert {item.feature for item in coverage.items if item.state is State.WORKS} >= {
        "security_groups",
        "network_overlay",
        "network_sync",
    }


def test_what_was_seen_comes_first() -> None:
    """A success proves more than a trait or the driver's table; failures alone say that it does not work."""
    assert state(STOCK, "volume_extend") == (State.MISSING, Evidence.API)
    done = {"extend_volume": Outcomes(1, 5), "snapshot": Outcomes(0, 3), "rescue": Outcomes(0, 2)}
    seen = replace(STOCK, done=done)
    assert state(seen, "volume_extend") == (State.WORKS, Evidence.SEEN)
    assert of(seen)["volume_extend"].found == "1 of 6 succeeded on VMware hosts"
    assert state(seen, "snapshot") == (State.MISSING, Evidence.SEEN)
    assert of(seen)["snapshot"].found == "all 3 failed on VMware hosts"
    assert state(seen, "rescue") == (State.WORKS, Evidence.DRIVER)
    moved = replace(
        STOCK, migrations=Reading(Outcome.OK, {"live-migration": Outcomes(2, 1), "evacuation": Outcomes(1)})
    )
    assert state(moved, "live_migration") == (State.WORKS, Evidence.SEEN)
    assert state(moved, "evacuate") == (State.WORKS, Evidence.SEEN)


def test_what_is_there_now_outweighs_failures() -> None:
    """Servers that are active were created, however often somebody failed at it; without any, failures count."""
    failing = replace(STOCK, done={"create": Outcomes(0, 9), "attach_volume": Outcomes(0, 9)})
    assert state(failing, "compute") == (State.WORKS, Evidence.SEEN)
    assert state(replace(failing, servers=Servers()), "compute") == (State.MISSING, Evidence.SEEN)
    assert state(failing, "volume_attach") == (State.WORKS, Evidence.SEEN)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((2, 65), (State.MISSING, Evidence.DRIVER)),
        ((2, 72), (State.WORKS, Evidence.DRIVER)),
        (None, (State.UNKNOWN, Evidence.NONE)),
    ],
)
def test_the_driver_by_release(version: tuple[int, int] | None, expected: tuple[State, Evidence]) -> None:
    """Live migration came with Stein; of an unknown release nothing is claimed."""
    assert state(replace(STOCK, version=version), "live_migration") == expected


@pytest.mark.parametrize(
    ("changes", "feature", "expected", "words"),
    [
        ({"servers": Servers()}, "volume_attach", "works", "Cinder has a back end of vmdk"),
        (
            {"servers": Servers(), "pools": Reading(Outcome.OK, ("ceph",))},
            "volume_attach",
            "missing",
            "no back end of Cinder has volumes that the VMware driver can attach",
        ),
        (
            {"servers": None, "pools": Reading(Outcome.ABSENT, None, NotOffered("the catalogue has none"))},
            "volume_attach",
            "missing",
            "the cloud has no block storage",
        ),
        (
            {"servers": None, "pools": Reading(Outcome.FORBIDDEN, None, FORBIDDEN)},
            "volume_attach",
            "unknown",
            "cannot be read: forbidden: Policy doesn't allow it.",
        ),
        (
            {"network": neutron(port(), port("vlan", "dvs", port_filter=True))},
            "security_groups",
            "missing",
            "1 of 2 ports on VMware hosts are not filtered: a port group of a distributed switch filters nothing",
        ),
        (
            {"network": neutron(port("vlan", "dvs", port_filter=True))},
            "security_groups",
            "works",
            "the binding of all 1 ports on VMware hosts filters",
        ),
        (
            {"network": neutron(), "nsx": True},
            "security_groups",
            "missing",
            f"Neutron has no NSX below it: {WITHOUT}; vCenter has NSX, which Neutron does not use",
        ),
        (
            {"network": neutron(extensions=None)},
            "security_groups",
            "unknown",
            "cannot be read: forbidden: Policy doesn't allow it.",
        ),
        ({"network": neutron()}, "port_security", "missing", "Neutron has no extension port-security"),
        (
            {"network": neutron(port("vlan", "binding_failed"))},
            "network_vlan",
            "missing",
            "the binding of all 1 ports on VMware hosts failed",
        ),
        (
            {"network": neutron(agents=(Agent(type="DVS agent", host="vmware1", alive=True, switches={"a": "b"}),))},
            "network_sync",
            "by_hand",
            "1 agents on VMware hosts map networks by configuration",
        ),
        ({"unplaced": ("domain-c1",)}, "placement", "missing", "without inventory there: domain-c1"),
        ({"zones": Reading(Outcome.OK, ())}, "zones", "by_hand", "in no aggregate: vmware1, vmware2"),
        ({"failover": Failover(1, ("C1 in vc1",))}, "host_failover", "missing", "vSphere HA is off on C1 in vc1"),
        (
            {"failover": None},
            "host_failover",
            "unknown",
            "the vCenter of these clusters is not read here, or does not tell",
        ),
    ],
)
def test_what_the_apis_tell(changes: dict[str, object], feature: str, expected: str, words: str) -> None:
    """Each check, with the sentence that says what it rests on."""
    item = of(replace(STOCK, **changes))[feature]  # type: ignore[arg-type]
    assert (item.state.value, item.found) == (expected, words)
    assert (item.advice == "") is (item.state is State.WORKS)


def test_nothing_is_said_without_vmware() -> None:
    """Hypervisors that cannot be read, and a cloud without VMware, leave everything unknown, with the reason."""
    refused = judged("c1", replace(STOCK, hosts=Reading(Outcome.FORBIDDEN, None, FORBIDDEN)), CATALOGUE)
    assert (refused.score, refused.grade, refused.known) == (None, None, 0.0)
    assert {item.found for item in refused.items} == {"hypervisors cannot be read: forbidden: Policy doesn't allow it."}
    none = judged("c1", replace(STOCK, hosts=Reading(Outcome.OK, frozenset())), CATALOGUE)
    assert {(item.state, item.found) for item in none.items} == {(State.UNKNOWN, "the cloud has no VMware hypervisor")}


def test_nsx_is_known_by_neutron() -> None:
    """By a port's details, an extension or an agent of it; where Neutron does not tell, it is unknown."""
    assert uses_nsx(STOCK) is False
    assert uses_nsx(replace(STOCK, network=neutron(extensions=frozenset({"nsx-policy"})))) is True
    agents = (Agent(type="NSX DHCP agent", host="nsx", alive=True),)
    assert uses_nsx(replace(STOCK, network=neutron(agents=agents))) is True
    assert uses_nsx(replace(STOCK, network=neutron(extensions=None))) is None
    assert uses_nsx(replace(STOCK, network=None)) is None


def test_the_catalogue() -> None:
    """Weights are 100; every check exists; every entry of the driver's table says where it is from."""
    assert sum(feature.weight for feature in CATALOGUE.features) == 100
    assert {feature.check for feature in CATALOGUE.features} == {"", *CHECKS}
    assert all(known.source for feature in CATALOGUE.features for known in feature.driver)
    assert all(feature.advice for feature in CATALOGUE.features)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("weight: 20", "weight: 21"), "do not add up"),
        (("feature: resize", "feature: compute"), "is there twice"),
        (("[F, 0.0]", "[F, 0.1]"), "do not go down to 0"),
    ],
)
def test_a_catalogue_that_cannot_be_used(change: tuple[str, str], problem: str) -> None:
    """A wrong one is refused when it is read."""
    text = (features.files("exporter") / "data" / "coverage.yml").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        features.parsed(text.replace(*change))


STATES = st.lists(st.sampled_from(State), min_size=len(CATALOGUE.features), max_size=len(CATALOGUE.features))


def table(states: list[State]) -> Coverage:
    """A coverage with these states."""
    base = judged("c1", STOCK, CATALOGUE)
    items = tuple(replace(item, state=now) for item, now in zip(base.items, states, strict=True))
    return replace(base, items=items)


@given(states=STATES, index=st.integers(0, len(CATALOGUE.features) - 1))
def test_the_score_grows_with_what_works(states: list[State], index: int) -> None:
    """Between 0 and 1; a feature that is better never lowers it; the unknown moves only how much is known."""
    before = table(states)
    score = before.score
    assert score is None or 0.0 <= score <= 1.0
    assert (score is None) is (before.grade is None) is (before.known == 0.0)
    if score is not None and states[index] is not State.UNKNOWN:
        better = table([*states[:index], State.WORKS, *states[index + 1 :]])
        assert better.score is not None
        assert better.score >= score
        assert better.known == before.known
