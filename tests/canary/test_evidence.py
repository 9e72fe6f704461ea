"""What the log of the SLA engine and the inventory tell of a canary run."""

from collections.abc import Iterable

from canarylook import CLOUD, LOOK, UUID, hosts, look

from exporter.canary import evidence, units
from exporter.canary.evidence import LogReader, UnitWatch
from exporter.openstack.model import Hypervisor
from sla import facts
from sla.canary.model import Arm, Cohort, Kind, Member, Occurrence, Run, Unit, UnitKind
from sla.canary.specfile import load
from sla.model import Selector, Window

SPEC = "{release: r1, unit: host, targets: {cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 1}}}"
START = 1_000_000.0
CANARY, CONTROL, REST = (Unit(f"vc1/host-{number}", "vc1/c1", f"esx{number}", 8.0) for number in (1, 2, 3))
RUN = Run(
    load(SPEC, "spec"),
    START,
    Cohort(
        "r1",
        UnitKind.HOST,
        (
            Member(CANARY, Arm.CANARY, CONTROL.id),
            Member(CONTROL, Arm.CONTROL, CANARY.id),
            Member(REST, Arm.REST),
        ),
    ),
)
EVERYTHING = Selector()
PLACES = units.places(UnitKind.HOST, LOOK)


def told(log: Iterable[facts.Fact], now: float = START + 1e5) -> list[Occurrence]:
    """What a log tells of the run by an instant."""
    reader = LogReader(RUN)
    for fact in log:
        reader.take(fact)
    return [one for _, one in reader.due(now, PLACES)]


def bad(incident: str, at: float, **labels: str) -> facts.ObservedBad:
    """An incident begins."""
    labelled = tuple(sorted(labels.items()))
    return facts.ObservedBad(
        incident=incident, at=at, class_="storage_connection", resource="x", policy="p", labels=labelled
    )


def breached(incident: str, at: float) -> facts.Breached:
    """Its timer reaches the limit."""
    more = {"percent": 100, "cycle": 1, "judgement": 0, "noticed_at": at + 5, "late": False}
    return facts.Breached(incident=incident, at=at, target="resolution", **more)  # type: ignore[arg-type]


def window(id_: str, start: float, *, announced: float | None, scope: Selector = EVERYTHING) -> facts.WindowAdded:
    """Maintenance of two hours is announced."""
    made = Window(id_, start, start + 7200, scope, announced_at=announced, comment="new disks")
    return facts.WindowAdded(at=START, window=made)


def test_a_breach_is_of_the_unit_that_its_incident_is_on() -> None:
    """By host and vCenter; of a vCenter or API as a whole it is of none; what was before the start is of no run."""
    log = [
        bad("i0", START - 9000, vcenter="vc1", host="esx1"),
        breached("i0", START - 100),
        bad("i1", START + 10, vcenter="vc1", host="esx1", datastore="ds"),
        bad("i2", START + 10, vcenter="vc1"),
        breached("i1", START + 7210),
        breached("i2", START + 1810),
    ]
    assert told(log) == [
        Occurrence(START + 7210, Kind.SLA_BREACH, CANARY.id, name="storage_connection", detail="i1"),
        Occurrence(START + 1810, Kind.SLA_BREACH, "", name="storage_connection", detail="i2"),
    ]


def test_an_incident_that_was_cancelled_is_no_breach() -> None:
    """What does not count for the contract does not count for the release, if that is known in time."""
    cancelled = facts.Cancelled(incident="i1", at=START + 7300, reason="false_positive", actor="me")
    assert told([bad("i1", START, vcenter="vc1", host="esx1"), breached("i1", START + 7200), cancelled]) == []


def test_announced_maintenance_counts_once_it_has_begun() -> None:
    """Of all units, or of those that its scope names; not what was announced late, called off or is to come."""
    only = Selector(labels=(("host", "esx2"), ("vcenter", "vc1")))
    log = [
        window("all", START + 100, announced=START),
        window("one", START + 200, announced=START, scope=only),
        window("none of ours", START + 200, announced=START, scope=Selector(resource="vc9")),
        window("late", START + 300, announced=START + 301),
        window("called off", START + 400, announced=START),
        facts.WindowEnded(at=START + 350, window="called off", actor="me"),
        window("to come", START + 9e5, announced=START),
    ]
    assert told(log) == [
        Occurrence(START + 100, Kind.MAINTENANCE, detail="all: new disks", until=START + 7300),
        Occurrence(START + 200, Kind.MAINTENANCE, CONTROL.id, detail="one: new disks", until=START + 7400),
    ]


def test_a_window_is_about_units_by_vcenter_cluster_or_resource() -> None:
    """Labels that are about something else cover none; a resource may be the vCenter, the host, or both."""
    both = (CANARY, CONTROL)

    def which(scope: Selector) -> list[str]:
        return [unit.name for unit in evidence.covered(scope, both, PLACES)]

    assert which(Selector(labels=(("vcenter", "vc1"),))) == ["esx1", "esx2"]
    assert which(Selector(labels=(("cluster", "c1"),))) == ["esx1", "esx2"]
    assert which(Selector(labels=(("datastore", "ds"),))) == []
    assert which(Selector(resource="vc1")) == ["esx1", "esx2"]
    assert which(Selector(resource="vc1/esx2")) == ["esx2"]
    assert which(Selector(resource="esx1")) == ["esx1"]


def test_an_hour_without_evaluator_is_its_death() -> None:
    """A restart of some minutes is not; and only the time since the start counts."""
    log = [
        facts.AgentRun(at=START + 600, unobserved_since=START - 90000),
        facts.AgentRun(at=START + 20000, unobserved_since=START + 10000),
        facts.AgentRun(at=START + 30000, unobserved_since=None),
    ]
    detail = "nothing was judged for 2.8 h"
    assert told(log) == [Occurrence(START + 20000, Kind.EVALUATOR_DEAD, detail=detail)]


def test_units_that_go_move_or_change_are_told_once_each() -> None:
    """Gone after ten minutes, in sources that are known; moved and changed at once; the rest is not followed."""
    watch = UnitWatch(RUN, {CANARY.id: "8.0.2 1", CONTROL.id: "8.0.2 1"})
    there = {unit.id: unit for unit in (CANARY, CONTROL)}
    everything = frozenset({"vc1"})

    def seen(
        there: dict[str, Unit], versions: dict[str, str], now: float, known: frozenset[str] = everything
    ) -> object:
        return [(one.kind, one.unit, one.detail) for _, one in watch.look(there, versions, known=known, now=now)]

    assert seen(there, {CANARY.id: "8.0.2 1"}, 0) == []
    change = (Kind.VERSION_CHANGED, CANARY.id, "esx1: 8.0.2 1 -> 8.0.3 2")
    assert seen(there, {CANARY.id: "8.0.3 2", REST.id: "9"}, 60) == [change]
    assert seen(there, {CANARY.id: "8.0.3 2"}, 120) == []
    moved = {**there, CONTROL.id: Unit(CONTROL.id, "vc1/c2", "esx2")}
    assert seen(moved, {}, 180) == [(Kind.COHORT_CHANGED, CONTROL.id, "esx2 has moved from vc1/c1 to vc1/c2")]
    assert seen({}, {}, 240, frozenset()) == []
    left = {CONTROL.id: CONTROL}
    assert [seen(left, {}, now) for now in (300, 899)] == [[], []]
    gone = (Kind.COHORT_CHANGED, CANARY.id, "esx1 is not in the inventory any more")
    assert seen(left, {}, 900) == [gone]


def test_versions_go_on_after_a_restart() -> None:
    """What was noted last counts, else what it was at the start."""
    changed = Occurrence(1.0, Kind.VERSION_CHANGED, "a", name="2")
    told_by_hand = Occurrence(2.0, Kind.VERSION_CHANGED, "b", detail="hot fix")
    assert evidence.versions_known({"a": "1", "b": "1"}, [changed, told_by_hand]) == {"a": "2", "b": "1"}


def test_the_share_is_of_the_units_that_there_are() -> None:
    """By size; new units make it smaller; nothing is known where there is none."""
    assert evidence.share(RUN, [CANARY, CONTROL, REST, Unit("vc1/host-9", size=16.0)]) == 0.2
    assert evidence.share(RUN, []) is None


def test_hosts_are_units_of_their_cluster() -> None:
    """Id by managed object id, name, size by cores, version and build; the stratum is the cluster."""
    found = units.units(UnitKind.HOST, LOOK)
    assert found == tuple(
        Unit(f"vc1/host-{number}", f"vc1/c{number % 2 or 2}", f"esx{number}", 8.0) for number in (1, 2, 3, 4)
    )
    assert units.versions(UnitKind.HOST, LOOK)["vc1/host-1"] == "8.0.2 22380479"
    assert units.sources(UnitKind.HOST, LOOK) == {"vc1"}


def test_clusters_are_units_of_their_vcenter() -> None:
    """Their version is that of all their hosts; a host's incident is the cluster's, and a nova-compute's too."""
    assert units.units(UnitKind.CLUSTER, LOOK) == (
        Unit("vc1/domain-c1", "vc1", "c1", 16.0),
        Unit("vc1/domain-c2", "vc1", "c2", 16.0),
    )
    assert units.versions(UnitKind.CLUSTER, LOOK) == {
        "vc1/domain-c1": "8.0.2 22380479",
        "vc1/domain-c2": "8.0.2 22380479",
    }
    places = units.places(UnitKind.CLUSTER, LOOK)
    assert (places["vc1", "esx3"], places[CLOUD, "nova-c2"]) == ("vc1/domain-c1", "vc1/domain-c2")


def test_services_are_units_of_their_vcenter() -> None:
    """Those of VMware alone; an ESXi host's incident is that of the nova-compute for its cluster."""
    assert units.units(UnitKind.SERVICE, LOOK) == (
        Unit("cloud/nova-c1", "vc1", "nova-c1", 64.0),
        Unit("cloud/nova-c2", "vc1", "nova-c2", 64.0),
    )
    places = units.places(UnitKind.SERVICE, LOOK)
    assert (places["vc1", "esx2"], places["vc1", "esx1"]) == ("cloud/nova-c2", "cloud/nova-c1")
    assert places[CLOUD, "kvm1"] == "cloud/kvm1"
    assert units.versions(UnitKind.SERVICE, LOOK)["cloud/nova-c1"] == "VMware vCenter Server 8000002"


def test_services_without_hypervisors_are_all_of_nova_compute() -> None:
    """Where nobody knows which ones are VMware's, none is left out."""
    blank = look(hosts(2), hypervisors={})
    assert [unit.name for unit in units.units(UnitKind.SERVICE, blank)] == ["kvm1", "nova-c1", "nova-c2"]
    assert isinstance(next(iter(LOOK.hypervisors[CLOUD].values())), Hypervisor)
    assert UUID in next(iter(LOOK.homes))
