"""Conditions of a policy over what the agent exports: when a resource is down, up, unknown or gone."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter import catalog, cloudcatalog
from exporter.bridge import Bridge, own_series, sight
from exporter.conditions import MISSING, SETTLING, Sight, Standing, Verdict, Watch, parse
from exporter.exposition import lines
from exporter.model import Family, Row
from exporter.slapolicy import policy as built_in
from exporter.telemetry import Telemetry
from sla.model import Health
from sla.policy import Condition, Guard, IncidentClass, Policy, Target

UP, DOWN, UNKNOWN = Health.UP, Health.DOWN, Health.UNKNOWN
HYPERVISOR = "domain-c1.11111111-2222-3333-4444-555555555555"

Series = tuple[Mapping[str, str], float]


def body(name: str, *series: Series) -> Mapping[Family, bytes]:
    """Series of one family as the page has them."""
    family = Family(name, "gauge", "")
    return {family: lines(family, [Row(tuple(labels.items()), value) for labels, value in series])}


def seen(
    *parts: tuple[str, str, Mapping[Family, bytes]],
    vcenters: Mapping[str, float] | None = None,
    clouds: Mapping[str, float] | None = None,
    untried: frozenset[str] = frozenset(),
    **own: tuple[Series, ...],
) -> Sight:
    """A sight; every vCenter and cloud answers unless said otherwise."""
    found: dict[tuple[str, str], Mapping[Family, bytes]] = {}
    for source, part, families in parts:
        found[source, part] = {**found.get((source, part), {}), **families}
    ups = tuple(({"vcenter": name}, value) for name, value in (vcenters or {"vc1": 1.0}).items())
    cloud_ups = tuple(({"cloud": name}, value) for name, value in (clouds or {"c1": 1.0}).items())
    return Sight(found, {"vsphere_up": ups, "novacenter_cloud_up": cloud_ups, **own}, untried)


def look(watch: Watch, at: Sight, now: float = 0.0) -> dict[str, Health]:
    """The health of each resource."""
    return {name: verdict.health for name, verdict in watch.look(at, Standing(at), now)[0].items()}


def gone(watch: Watch, at: Sight, now: float) -> tuple[str, ...]:
    """What is gone."""
    return watch.look(at, Standing(at), now)[1]


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["a", "b_c", "host"]), st.text(max_size=8).filter(bool), max_size=3),
            st.floats(allow_nan=False),
        ),
        max_size=5,
    )
)
def test_parses_what_the_page_has(series: list[tuple[dict[str, str], float]]) -> None:
    """Labels and values come back as they were put in, whatever characters they have."""
    family = Family("metric", "gauge", "")
    text = lines(family, [Row(tuple(labels.items()), value) for labels, value in series])

    assert list(parse(text)) == series


@pytest.mark.parametrize(
    ("compare", "value", "down"),
    [
        ("==", 0.0, [0.0]),
        ("!=", 0.0, [-1.0, 1.0, 2.0]),
        ("<", 1.0, [-1.0, 0.0]),
        ("<=", 1.0, [-1.0, 0.0, 1.0]),
        (">", 0.0, [1.0, 2.0]),
        (">=", 1.0, [1.0, 2.0]),
    ],
)
def test_comparisons(compare: str, value: float, down: list[float]) -> None:
    """A series that compares is down, another one up, one without a number unknown."""
    watch = Watch(Condition("c", ("host",), "m", compare, value))
    values = [-1.0, 0.0, 1.0, 2.0]
    families = body("m", *(({"host": str(one)}, one) for one in values), ({"host": "nan"}, float("nan")))

    found = look(watch, seen(("vc1", "inventory", families)))
    assert found == {**{str(one): DOWN if one in down else UP for one in values}, "nan": UNKNOWN}


def test_labels_match_whole_and_name_the_resource() -> None:
    """Patterns are anchored, a label that is not there is empty; a series must have all labels of the name."""
    watch = Watch(Condition("c", ("vcenter", "host"), "m", labels=(("host", "esx.*"), ("kind", ""))))
    families = body(
        "m",
        ({"vcenter": "vc1", "host": "esx1"}, 0.0),
        ({"vcenter": "vc1", "host": "my-esx2"}, 0.0),
        ({"vcenter": "vc1", "host": "esx3", "kind": "x"}, 0.0),
        ({"host": "esx4"}, 0.0),
    )
    verdicts, _ = watch.look(seen(("vc1", "inventory", families)), Standing(Sight()), 0.0)

    assert verdicts == {"vc1/esx1": Verdict(DOWN, (("condition", "c"), ("host", "esx1"), ("vcenter", "vc1")))}


def test_the_worst_series_counts() -> None:
    """Several series of one resource: one that is down is enough, one that is unknown hides those that are up."""
    watch = Watch(Condition("c", ("host",), "m"))
    series = (({"host": "a", "n": "1"}, 1.0), ({"host": "a", "n": "2"}, 0.0), ({"host": "b", "n": "1"}, float("nan")))

    assert look(watch, seen(("vc1", "p", body("m", *series, ({"host": "b", "n": "2"}, 1.0))))) == {
        "a": DOWN,
        "b": UNKNOWN,
    }


def test_a_hold_down() -> None:
    """Down only when the comparison has held for so long, without a break."""
    watch = Watch(Condition("c", ("host",), "m", hold=30.0))
    bad = seen(("vc1", "p", body("m", ({"host": "a"}, 0.0))))
    good = seen(("vc1", "p", body("m", ({"host": "a"}, 1.0))))

    course = [(0, bad), (25, bad), (26, good), (40, bad), (69, bad), (70, bad), (80, good)]
    assert [look(watch, at, float(now))["a"] for now, at in course] == [UP, UP, UP, UP, UP, DOWN, UP]


def test_an_increase() -> None:
    """Known when a window has passed; before that only if it is enough already. A reset, and a birth, count from 0."""
    watch = Watch(Condition("c", ("cloud",), "m", ">", 0.0, over=300.0))

    def at(now: float, *series: Series) -> Health | None:
        sight = seen(("cloud c1", "operations", body("m", *series) if series else {}))
        return look(watch, sight, now).get("c1")

    first, second = {"cloud": "c1", "host": "a"}, {"cloud": "c1", "host": "b"}
    assert at(0, (first, 7.0)) is UNKNOWN
    assert at(200, (first, 7.0)) is UNKNOWN
    assert at(210, (first, 8.0)) is DOWN
    assert at(500, (first, 8.0)) is DOWN
    assert at(511, (first, 8.0)) is UP
    assert at(600, (first, 2.0)) is DOWN
    assert at(900, (first, 2.0)) is UP
    assert at(1000, (first, 2.0), (second, 1.0)) is DOWN
    assert at(1301, (first, 2.0), (second, 1.0)) is UP


def test_of_a_vcenter_that_is_down_nothing_is_known() -> None:
    """Neither what is still shown, nor what is gone from the page; afterwards it is judged again."""
    watch = Watch(Condition("c", ("host",), "m"))
    shown = ("vc1", "inventory", body("m", ({"host": "a"}, 0.0)))

    assert look(watch, seen(shown), 0.0) == {"a": DOWN}
    assert look(watch, seen(shown, vcenters={"vc1": 0.0}), 10.0) == {"a": UNKNOWN}
    assert look(watch, seen(vcenters={"vc1": 0.0}), 1e6) == {"a": UNKNOWN}
    assert look(watch, seen(shown, untried=frozenset({"vc1"})), 1e6) == {"a": UNKNOWN}
    assert look(watch, seen(shown), 1e6) == {"a": DOWN}


def test_what_stays_away_is_gone() -> None:
    """A resource that is missing though its source answers is unknown for a minute, then gone, once."""
    watch = Watch(Condition("c", ("host",), "m"))
    both = seen(("vc1", "inventory", body("m", ({"host": "a"}, 1.0), ({"host": "b"}, 1.0))))
    one = seen(("vc1", "inventory", body("m", ({"host": "a"}, 1.0))))

    look(watch, both, 0.0)
    assert look(watch, one, 10.0) == {"a": UP, "b": UNKNOWN}
    assert gone(watch, one, 10.0 + MISSING - 1) == ()
    assert gone(watch, one, 10.0 + MISSING) == ("b",)
    assert look(watch, one, 100.0) == {"a": UP}
    assert look(watch, both, 110.0) == {"a": UP, "b": UP}


def test_a_source_that_is_removed_takes_its_resources_along() -> None:
    """A vCenter that is no longer configured has no ``vsphere_up``: what it had is gone."""
    watch = Watch(Condition("c", ("host",), "m"))
    look(watch, seen(("vc1", "inventory", body("m", ({"host": "a"}, 1.0)))), 0.0)
    without = Sight({}, {})

    look(watch, without, 10.0)
    assert gone(watch, without, 10.0 + MISSING) == ("a",)


@pytest.mark.parametrize(
    "doubt",
    [
        body("novacenter_cloud_reading", ({"cloud": "c1", "endpoint": "hypervisors", "outcome": "failed"}, 1.0)),
        body("openstack_services_unknown", ({"cloud": "c1"}, 2.0)),
    ],
)
def test_what_a_cloud_could_not_read_is_unknown(doubt: Mapping[Family, bytes]) -> None:
    """A failed reading, or a cell that is down, is the cloud's own word that something is missing."""
    watch = Watch(Condition("c", ("cloud", "host"), "m"))
    ok = body("novacenter_cloud_reading", ({"cloud": "c1", "endpoint": "hypervisors", "outcome": "ok"}, 1.0))
    shown = body("m", ({"cloud": "c1", "host": "a"}, 1.0))

    look(watch, seen(("cloud c1", "services", shown)), 0.0)
    assert look(watch, seen(("cloud c1", "services", doubt)), 1e6) == {"c1/a": UNKNOWN}
    assert look(watch, seen(("cloud c1", "services", ok), clouds={"c1": 0.0}), 2e6) == {"c1/a": UNKNOWN}
    assert look(watch, seen(("cloud c1", "services", ok)), 3e6) == {"c1/a": UNKNOWN}
    assert gone(watch, seen(("cloud c1", "services", ok)), 3e6 + MISSING) == ("c1/a",)


def test_an_incident_from_before_the_restart_is_unknown_until_it_turns_up() -> None:
    """A resource that only an open incident names has ten minutes to turn up."""
    classes = {"k": IncidentClass("k", (Target("t", 60.0),), conditions=(Condition("c", ("host",), "m"),))}
    watch = Watch(classes["k"].conditions[0])
    watch.expect("a")

    assert look(watch, seen(), 0.0) == {"a": UNKNOWN}
    assert gone(watch, seen(), SETTLING - 1) == ()
    assert gone(watch, seen(), SETTLING) == ("a",)


def test_an_unchanged_page_costs_no_second_look() -> None:
    """The same series give the same object, and a changed one another; equal bytes are unchanged."""
    watch = Watch(Condition("c", ("host",), "m"))
    first = seen(("vc1", "inventory", body("m", ({"host": "a"}, 1.0))))
    again = seen(("vc1", "inventory", body("m", ({"host": "a"}, 1.0))))
    other = seen(("vc1", "inventory", body("m", ({"host": "a"}, 0.0))))

    found, _ = watch.look(first, Standing(first), 0.0)
    assert watch.look(again, Standing(again), 5.0)[0] == found
    kept = watch.look(again, Standing(again), 10.0)[0]
    assert watch.look(again, Standing(again), 15.0)[0] is kept
    assert watch.look(other, Standing(other), 20.0)[0] == {"a": Verdict(DOWN, (("condition", "c"), ("host", "a")))}


def guarded(guard: Guard, condition: Condition | None = None) -> Bridge:
    """A bridge with one class ``k`` of one condition behind the guard."""
    one = replace(condition or Condition("c", ("host", "disk"), "m"), only=guard)
    return Bridge(Policy({"k": IncidentClass("k", (Target("t", 60.0),), conditions=(one,))}), {})


def health(bridge: Bridge, at: Sight, now: float = 0.0) -> dict[str, Health]:
    """The health of each resource of the class ``k``."""
    return {name: verdict.health for name, verdict in bridge.look(at, now)[0]["k"].items()}


CONNECTED = Guard("state", ("vc", "host"), labels=(("state", "conn.*"),))


def test_a_guard() -> None:
    """Judged is only a series for which one of the guard matches, compares, and is equal in its labels."""
    states = {
        "a": ({"state": "connected"}, 1.0),
        "b": ({"state": "disconnected"}, 1.0),
        "c": ({"state": "connected"}, 0.0),
        "d": ({"state": "connected"}, float("nan")),
        "e": ({"vc": "other", "state": "connected"}, 1.0),
        "g": ({"vc": "", "state": "connected"}, 1.0),
    }
    mounts = body("m", *(({"vc": "v", "host": h, "disk": d}, float(d)) for h in "abcdef" for d in "01"))
    missing = body("m", ({"host": "g", "disk": "0"}, 0.0))
    state = body("state", *(({"vc": "v", "host": host} | labels, value) for host, (labels, value) in states.items()))

    found = health(guarded(CONNECTED), seen(("vc1", "p", {**mounts, **state}), ("vc1", "q", missing)))
    assert found == {
        **{f"{host}/{disk}": UNKNOWN for host in "bcdef" for disk in "01"},
        "a/0": DOWN,
        "a/1": UP,
        "g/0": UNKNOWN,
    }


def test_a_guard_without_a_number_is_not_met() -> None:
    """Though NaN is unlike every number."""
    families = [
        {**body("m", ({"host": "a", "disk": "0"}, 0.0)), **body("state", ({"host": "a"}, value))}
        for value in (2.0, 1.0, float("nan"))
    ]
    bridge = guarded(Guard("state", ("host",), "!="))

    assert [health(bridge, seen(("vc1", "p", one)))["a/0"] for one in families] == [DOWN, UNKNOWN, UNKNOWN]


def test_a_guard_that_comes_and_goes() -> None:
    """The verdict follows the guard though the series of the condition stay as they are, and nothing is gone."""
    bridge = guarded(CONNECTED)
    mounts = body("m", ({"vc": "v", "host": "a", "disk": "0"}, 0.0))
    there = body("state", ({"vc": "v", "host": "a", "state": "connected"}, 1.0))
    course = [seen(("vc1", "p", {**mounts, **state})) for state in (there, {}, there, there)]

    assert [bridge.changed(at) for at in course] == [True, True, True, False]
    assert [health(bridge, at, 1e6 * now)["a/0"] for now, at in enumerate(course)] == [DOWN, UNKNOWN, DOWN, DOWN]
    kept = bridge.look(course[-1], 9e6)[0]["k"]
    assert bridge.look(course[-1], 9e6)[0]["k"] is kept
    assert bridge.look(course[1], 1e9) == ({"k": {"a/0": replaced(kept["a/0"], UNKNOWN)}}, ())


def replaced(verdict: Verdict, health: Health) -> Verdict:
    """The verdict with another health."""
    return verdict._replace(health=health)


def test_a_guard_that_is_not_believed() -> None:
    """What another source says counts while it answers, and the agent's own series once the vCenter was asked."""
    mounts = ("cloud c1", "p", body("m", ({"vcenter": "vc1", "host": "a", "disk": "0"}, 0.0)))
    state = ("vc1", "p", body("state", ({"vcenter": "vc1", "host": "a"}, 1.0)))
    other, own = guarded(Guard("state", ("host",))), guarded(Guard("vsphere_up", ("vcenter",)))

    for bridge in (other, own):
        assert health(bridge, seen(mounts, state)) == {"a/0": DOWN}
        assert health(bridge, seen(mounts, state, vcenters={"vc1": 0.0})) == {"a/0": UNKNOWN}
        assert health(bridge, seen(mounts, state, untried=frozenset({"vc1"}))) == {"a/0": UNKNOWN}
        assert health(bridge, seen(mounts, state)) == {"a/0": DOWN}


def test_a_counter_grows_behind_its_guard() -> None:
    """What it grew while nobody could judge is not taken for an increase when the guard is met again."""
    bridge = guarded(Guard("on", ("host",)), Condition("c", ("host",), "m", ">", 0.0, over=60.0))

    def at(now: float, value: float, on: float) -> Health:
        families = {**body("m", ({"host": "a"}, value)), **body("on", ({"host": "a"}, on))}
        return health(bridge, seen(("vc1", "p", families)), now)["a"]

    assert [at(0, 1, 1), at(60, 1, 1), at(70, 9, 0), at(140, 9, 1)] == [UNKNOWN, UP, UNKNOWN, UP]
    assert at(150, 10, 1) is DOWN


HOST = {"vcenter": "vc1", "moid": "host-1", "host": "esx1"}
STATE = "vsphere_host_connection_state"


@pytest.mark.parametrize(
    ("metric", "labels", "value", "resource"),
    [
        ("vsphere_datastore_mount_accessible", {"datastore": "ssd"}, 0.0, "vc1/esx1/ssd"),
        ("vsphere_host_storage_luns_down", {}, 2.0, "vc1/esx1"),
        ("vsphere_host_storage_luns_without_redundancy", {}, 2.0, "vc1/esx1"),
        ("vsphere_host_storage_lost", {"reason": "apd"}, 1.0, "vc1/esx1"),
    ],
)
@pytest.mark.parametrize(
    ("state", "verdict"), [("connected", DOWN), ("disconnected", UNKNOWN), ("notResponding", UNKNOWN), (None, UNKNOWN)]
)
def test_the_storage_of_a_host_that_is_not_connected(
    metric: str, labels: dict[str, str], value: float, resource: str, state: str | None, verdict: Health
) -> None:
    """It is unknown, whatever vCenter shows of it."""
    bad = ("vc1", "events" if "lost" in metric else "inventory", body(metric, (HOST | labels, value)))
    states = [("vc1", "inventory", body(STATE, (HOST | {"state": state}, 1.0)))] if state else []

    found = Bridge(built_in(), {}).look(seen(bad, *states), 0.0)[0]["storage_connection"]
    assert {name: one.health for name, one in found.items()} == {resource: verdict}


BUILT_IN = {
    ("api_communication", "vcenter"): ("", "", "vsphere_up", {"vcenter": "vc1"}, 0.0, "vc1"),
    ("api_communication", "api"): ("", "", "openstack_api_up", {"cloud": "c1", "api": "nova"}, 0.0, "c1/nova"),
    ("api_communication", "hypervisor"): (
        "cloud c1",
        "services",
        "openstack_hypervisor_up",
        {"cloud": "c1", "host": "n1", "hypervisor": HYPERVISOR},
        0.0,
        "c1/n1",
    ),
    ("api_communication", "useless"): (
        "cloud c1",
        "services",
        "nova_vmware_service_useless",
        {"cloud": "c1", "host": "n1", "vcenter": "vc1"},
        1.0,
        "c1/n1",
    ),
    ("storage_connection", "datastore"): (
        "vc1",
        "inventory",
        "vsphere_datastore_mount_accessible",
        {"vcenter": "vc1", "moid": "datastore-1", "datastore": "ssd", "host": "esx1"},
        0.0,
        "vc1/esx1/ssd",
    ),
    ("storage_connection", "paths_down"): (
        "vc1",
        "inventory",
        "vsphere_host_storage_luns_down",
        {"vcenter": "vc1", "moid": "host-1", "host": "esx1"},
        2.0,
        "vc1/esx1",
    ),
    ("storage_connection", "redundancy"): (
        "vc1",
        "inventory",
        "vsphere_host_storage_luns_without_redundancy",
        {"vcenter": "vc1", "moid": "host-1", "host": "esx1"},
        2.0,
        "vc1/esx1",
    ),
    ("storage_connection", "lost"): (
        "vc1",
        "events",
        "vsphere_host_storage_lost",
        {"vcenter": "vc1", "moid": "host-1", "host": "esx1", "reason": "apd"},
        1.0,
        "vc1/esx1",
    ),
    ("storage_connection", "cinder"): (
        "cloud c1",
        "services",
        "openstack_service_up",
        {"cloud": "c1", "service": "cinder", "binary": "cinder-volume", "host": "h@vmdk", "zone": "nova"},
        0.0,
        "c1/h@vmdk",
    ),
}


@pytest.mark.parametrize(("name", "case"), BUILT_IN.items())
def test_the_built_in_conditions(name: tuple[str, str], case: tuple[str, str, str, dict[str, str], float, str]) -> None:
    """Each is met by a series as the agent shows it, and names the resource that an operator would."""
    class_, condition = name
    source, part, metric, labels, value, resource = case
    bridge = Bridge(built_in(), {"vc1": "berlin", "c1": "berlin"})
    state = ("vc1", "inventory", body(STATE, (HOST | {"state": "connected"}, 1.0)))
    at = seen((source, part, body(metric, (labels, value))), state) if source else seen(**{metric: ((labels, value),)})

    verdict = bridge.look(at, 0.0)[0][class_][resource]
    assert verdict == Verdict(DOWN, tuple(sorted({**labels, "condition": condition, "site": "berlin"}.items())))


@pytest.mark.parametrize("metric", ["nova_vmware_tasks_total", "nova_vmware_task_timeouts_total"])
def test_volumes_that_cannot_be_attached(metric: str) -> None:
    """The first error or timeout of an attachment makes the cloud's storage connection fail."""
    bridge = Bridge(built_in(), {})
    labels = {"cloud": "c1", "host": "n1", "operation": "attach_volume", "result": "error", "cause": "rpc_timeout"}
    other = {**labels, "operation": "attach_interface"}

    def at(value: float, now: float) -> Mapping[str, Verdict]:
        shown = body(metric, (labels, value), (other, value * 10))
        return bridge.look(seen(("cloud c1", "operations", shown)), now)[0]["storage_connection"]

    assert at(3.0, 0.0)["c1"].health is UNKNOWN
    assert at(3.0, 300.0)["c1"].health is UP
    assert at(4.0, 305.0)["c1"].health is DOWN
    assert dict(at(4.0, 310.0)["c1"].labels)["operation"] == "attach_volume"


def test_not_meant_by_the_built_in_conditions() -> None:
    """Hypervisors that are not VMware's, services that are not cinder-volume, and APIs that are not on the way."""
    bridge = Bridge(built_in(), {})
    parts = (
        (
            "cloud c1",
            "services",
            body("openstack_hypervisor_up", ({"cloud": "c1", "host": "k", "hypervisor": "kvm1"}, 0.0)),
        ),
        (
            "cloud c1",
            "services",
            body("openstack_service_up", ({"cloud": "c1", "host": "k", "binary": "cinder-backup"}, 0.0)),
        ),
    )
    found, _ = bridge.look(seen(*parts, openstack_api_up=(({"cloud": "c1", "api": "glance"}, 0.0),)), 0.0)

    assert found == {
        "api_communication": {"vc1": Verdict(UP, (("condition", "vcenter"), ("vcenter", "vc1")))},
        "storage_connection": {},
    }


def test_the_built_in_conditions_name_metrics_of_the_product() -> None:
    """No condition waits for a series that nobody exports."""
    families = {family.name for room in (catalog, cloudcatalog) for family in room.every_family()}
    names = families | set(Telemetry().registry._names_to_collectors)
    conditions = [condition for class_ in built_in().classes.values() for condition in class_.conditions]
    named = {condition.metric for condition in conditions if condition.metric}
    named |= {condition.only.metric for condition in conditions if condition.only}

    assert named - names == set()


def test_a_changed_policy_keeps_what_was_seen() -> None:
    """A condition that is in both policies goes on with its windows; one that is new begins."""
    condition = Condition("c", ("cloud",), "m", ">", 0.0, over=300.0)
    policy = Policy({"k": IncidentClass("k", (Target("t", 60.0),), conditions=(condition,))})
    bridge = Bridge(policy, {})
    at = seen(("cloud c1", "services", body("m", ({"cloud": "c1"}, 1.0))))
    bridge.look(at, 0.0)
    more = replace(policy.classes["k"], conditions=(condition, replace(condition, name="d", over=600.0)))
    bridge.take(Policy({"k": more}), {})

    assert bridge.look(at, 300.0)[0]["k"]["c1"].health is UNKNOWN  # for the new one's sake
    bridge.take(policy, {})
    assert bridge.look(at, 301.0)[0]["k"]["c1"].health is UP


def test_what_has_changed() -> None:
    """Only what conditions are about: another family makes no difference."""
    bridge = Bridge(built_in(), {})
    mounts = body("vsphere_datastore_mount_accessible", ({"vcenter": "vc1", "host": "a", "datastore": "b"}, 1.0))
    assert bridge.changed(seen(("vc1", "inventory", mounts)))
    assert not bridge.changed(seen(("vc1", "inventory", mounts), ("vc1", "realtime", body("x", ({}, 1.0)))))
    assert bridge.changed(seen(("vc1", "inventory", mounts), vcenters={"vc1": 0.0}))


def test_series_of_the_registry() -> None:
    """Gauges and counters by their name on the page; nothing else is collected."""
    registry = CollectorRegistry()
    Gauge("g", "g", ["a"], registry=registry).labels("1").set(3)
    Counter("c", "c", registry=registry).inc(2)
    Histogram("h", "h", registry=registry)

    assert own_series(registry, ["g", "c_total", "h", "bogus"]) == {
        "g": (({"a": "1"}, 3.0),),
        "c_total": (({}, 2.0),),
    }
    assert sight(registry, {}, names=["g"], untried=frozenset({"v"})) == Sight(
        {}, {"g": (({"a": "1"}, 3.0),)}, frozenset({"v"})
    )
