"""Services, hypervisors, providers and servers of the recorded cloud on the page: each family, with promtool silent."""

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace

from cloudreplies import recorded
from externals import require
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from servicelab import VCENTER, snapshot

from exporter.cloudcatalog import HYPERVISOR_NUMBERS, PROVIDER_NUMBERS, Cycles, Probes, every_family
from exporter.errors import SourceError, TimedOut, Unreachable
from exporter.exposition import Format, bodies, page
from exporter.model import Family, Row
from exporter.openstack import decode
from exporter.openstack.cloud import ApiFault, CloudSnapshot, NotOffered
from exporter.openstack.cost import Cost
from exporter.openstack.cyclefamilies import observe_cycle, observe_failure, observe_logins, observe_probes
from exporter.openstack.decode import Inventory, Services
from exporter.openstack.model import Hypervisor, Server, ServiceState
from exporter.openstack.probe import PROBES, Probe
from exporter.openstack.servicefamilies import STATUSES, server_rows, service_rows
from exporter.openstack.services import Outcome, Provider, Reading, ServicesSnapshot
from exporter.openstack.servicetruth import VCenterState, judge, truth_rows
from exporter.openstack.session import CloudStats

NOW = 1_800_000_000.0
RECORDED_SERVERS = decode.servers(recorded("compute/servers").body).servers


def text(found: Iterable[tuple[Family, Row]]) -> str:
    """The rows as the page has them."""
    return b"".join(page([bodies(found)[0]], Format.TEXT)).decode()


def values(found: Iterable[tuple[Family, Row]], name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The values of a family by these labels."""
    return {
        tuple(dict(row.labels).get(label, "") for label in labels): row.value
        for family, row in found
        if family.name == name
    }


def cycle(**changes: object) -> CloudSnapshot:
    """A cycle over the recorded servers."""
    base = CloudSnapshot(
        now=NOW - 2.0,
        mark=NOW - 3.0,
        skew=-2.0,
        servers={server.id: server for server in RECORDED_SERVERS},
        actions={},
        cost=Cost(listing=1, actions=3, events=4, failed=1, carried=2, received=23_000, seconds=0.8),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def instruments() -> tuple[CollectorRegistry, Cycles, Probes]:
    """The registry after two cycles, three logins and a round of probes of a cloud without Cinder."""
    registry = CollectorRegistry()
    cycles, probes = Cycles(registry), Probes(registry)
    observe_cycle(cycles, cycle(), cloud="c1", now=NOW)
    observe_failure(cycles, TimedOut("no"), cloud="c1", seconds=30.0)
    observe_logins(cycles, CloudStats(logins_ok=2, logins_refused=1), cloud="c1")
    found = [
        Probe("keystone", "ok", 0.02),
        Probe("nova", "ok", 0.24),
        Probe("cinder", "absent", 0.0),
        Probe("neutron", "timeout", 30.0),
        Probe("glance", "ok", 0.11),
    ]
    observe_probes(probes, found, cloud="c1")
    return registry, cycles, probes


def of_registry(registry: CollectorRegistry) -> str:
    """The registry's page, without the times at which series began."""
    lines = generate_latest(registry).decode().splitlines(keepends=True)
    return "".join(line for line in lines if "_created" not in line)


def test_the_page(golden: Callable[[str, str], None]) -> None:
    """A recorded cloud whole, with what a cycle and the probes leave; promtool has no complaint."""
    read = snapshot("compute/services-driver-stuck")
    verdicts = judge(read, {VCENTER: VCenterState("vc1", True, NOW - 900.0)}, now=NOW)
    found = [*service_rows("c1", read), *server_rows("c1", RECORDED_SERVERS), *truth_rows("c1", verdicts)]
    whole = text(found) + of_registry(instruments()[0])
    golden("cloud.prom", whole)
    promtool = [require("promtool"), "check", "metrics"]
    said = subprocess.run(promtool, input=whole, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    own = {f.name for f in every_family() if f.name.startswith(("openstack_", "novacenter_", "nova_vmware_service"))}
    assert own == {family.name for family, _ in found}
    samples = [sample for each in text_string_to_metric_families(text(found)) for sample in each.samples]
    assert len(samples) == len(found) == len({(family.name, row.labels) for family, row in found})


def test_services_that_were_disabled() -> None:
    """Who disabled a service is a word of a list, never the text that somebody wrote."""
    for recording, expected in (
        ("services-disabled", {("fake1", "operator"): 1.0}),
        ("services-driver-disabled-stuck", {("vmware1", "driver"): 1.0, ("vmware2", "driver"): 1.0}),
        ("services-driver-recovered", {("vmware2", "driver"): 1.0}),
        ("services", {}),
    ):
        found = list(service_rows("c1", snapshot(f"compute/{recording}")))
        assert values(found, "openstack_service_disabled_info", "host", "reason") == expected
        assert "maintenance" not in text(found)


def test_services_that_are_down() -> None:
    """Down by its heartbeat and forced down are told apart; those in a cell that is down are counted alone."""
    down = list(service_rows("c1", snapshot("compute/services-down")))
    forced = list(service_rows("c1", snapshot("compute/services-forced-down")))
    lost = list(service_rows("c1", snapshot("compute/cell-down-services")))

    for found, expected in ((down, 0.0), (forced, 1.0)):
        assert values(found, "openstack_service_up", "service", "host")["nova", "fake1"] == 0.0
        assert values(found, "openstack_service_forced_down", "host")[("fake1",)] == expected
    assert values(lost, "openstack_services_unknown", "service") == {("nova",): 3.0, ("neutron",): 0.0}
    assert {service for service, _ in values(lost, "openstack_service_up", "service", "host")} == {"neutron"}


def test_one_name_in_two_cells() -> None:
    """A service that two cells know has one series, and is as well as the worse of the two."""
    up = ServiceState(binary="nova-conductor", host="c", zone="internal", up=True, enabled=True, updated=5.0)
    both = Services((up, replace(up, up=False, updated=3.0), up))
    found = list(service_rows("c1", replace(snapshot(), computes=Reading(Outcome.OK, both))))

    assert values(found, "openstack_service_up", "binary", "service")["nova-conductor", "nova"] == 0.0
    reported = values(found, "openstack_service_last_report_timestamp_seconds", "binary")
    assert reported[("nova-conductor",)] == 3.0
    assert len([family for family, row in found if ("binary", "nova-conductor") in row.labels]) == 3


def test_volume_services() -> None:
    """Cinder's services are beside the others, the backend in ``host`` (Block Storage API, os-services)."""
    body = b"""{"services": [{"binary": "cinder-volume", "host": "ctl@vmdk#vmdk", "zone": "nova", "status": "disabled",
        "state": "up", "updated_at": "2026-11-23T00:45:32.000000", "disabled_reason": null, "frozen": false}]}"""
    read = replace(snapshot(), volumes=Reading(Outcome.OK, decode.services(body)))
    found = list(service_rows("c1", read))

    labels = ("service", "binary", "host", "zone")
    of = ("cinder", "cinder-volume", "ctl@vmdk#vmdk", "nova")
    assert values(found, "openstack_service_up", *labels)[of] == 1.0
    assert values(found, "openstack_service_enabled", *labels)[of] == 0.0
    assert values(found, "openstack_service_disabled_info", *labels, "reason")[(*of, "unstated")] == 1.0


def test_what_cannot_be_read_has_no_rows() -> None:
    """Each endpoint says how its reading went, and shows nothing where it went wrong."""
    errors: dict[Outcome, SourceError] = {
        Outcome.ABSENT: NotOffered("no"),
        Outcome.FORBIDDEN: ApiFault("forbidden", "no", code=403),
        Outcome.FAILED: Unreachable("no"),
    }
    for outcome, error in errors.items():
        nothing: Reading[object] = Reading(outcome, None, error)
        names = ("computes", "hypervisors", "providers", "volumes", "agents")
        read = ServicesSnapshot(**dict.fromkeys(names, nothing))  # type: ignore[arg-type]
        found = list(service_rows("c1", read))
        assert {family.name for family, _ in found} == {"novacenter_cloud_reading"}
        assert values(found, "novacenter_cloud_reading", "endpoint", "outcome") == {
            (endpoint, each.value): float(each is outcome)
            for endpoint in ("compute_services", "hypervisors", "placement", "volume_services", "network_agents")
            for each in Outcome
        }


def test_unknown_numbers_have_no_row() -> None:
    """A hypervisor of which Nova tells little has what is known (Compute API 2.88 tells no resources)."""
    nodes = decode.hypervisors(recorded("compute/hypervisors-2.88").body)
    found = list(service_rows("c1", replace(snapshot(), hypervisors=Reading(Outcome.OK, nodes))))
    names = {family.name for family, _ in found if family.name.startswith("openstack_hypervisor")}
    assert names == {"openstack_hypervisor_info", "openstack_hypervisor_up", "openstack_hypervisor_enabled"}


def test_a_provider_is_bounded() -> None:
    """However many traits and resource classes there are, the page has the first by name."""
    traits = tuple(f"CUSTOM_{number:04}" for number in range(5000))
    inventory = {f"CUSTOM_{number:04}": Inventory(total=1) for number in range(500)}
    provider = Provider(name="x", traits=traits, inventory=inventory)
    read = replace(snapshot(), providers=Reading(Outcome.OK, {"not-a-hypervisor": provider}))
    found = list(service_rows("c1", read))

    assert list(values(found, "openstack_provider_trait_info", "hypervisor", "trait")) == [
        ("x", trait) for trait in traits[:100]
    ]
    assert len(values(found, "openstack_provider_inventory", "resource_class")) == 50
    assert values(found, "openstack_provider_used", "resource_class") == {}


def test_servers_by_status() -> None:
    """Every status is there, none more than once; deleted servers are not counted, unheard-of words are other."""

    def server(status: str) -> Server:
        return Server(id=status, name="", project="", status=status)

    found = list(server_rows("c1", [server(word) for word in ("ACTIVE", "ACTIVE", "DELETED", "X", "Y", "UNKNOWN")]))
    expected = {(status,): 0.0 for status in STATUSES}
    assert values(found, "openstack_servers", "status") == {
        **expected,
        ("ACTIVE",): 2.0,
        ("UNKNOWN",): 1.0,
        ("other",): 2.0,
    }
    assert len(found) == len(STATUSES) + 1


def test_fields_of_the_catalogue_exist() -> None:
    """The tables of numbers name fields of the values that they are read from."""
    assert set(HYPERVISOR_NUMBERS) <= set(Hypervisor.__slots__)
    assert set(PROVIDER_NUMBERS) == set(Inventory.__slots__)


WELL = snapshot()
NAMES = st.sampled_from(["a", "b", 'ü\n"\\', ""])
SERVICE = st.builds(
    ServiceState,
    binary=NAMES,
    host=NAMES,
    zone=st.none() | NAMES,
    up=st.booleans(),
    enabled=st.booleans(),
    disabled_reason=st.none() | st.text(),
    forced_down=st.none() | st.booleans(),
    updated=st.none() | st.floats(0, 1e10),
)
NODE = st.builds(
    Hypervisor,
    hostname=NAMES,
    type=NAMES,
    service_host=NAMES,
    up=st.booleans(),
    enabled=st.booleans(),
    vcpus=st.none() | st.integers(0, 10**9),
)


@given(st.lists(SERVICE, max_size=6), st.dictionaries(st.text(max_size=3), NODE, max_size=6))
def test_no_series_is_there_twice(services: list[ServiceState], nodes: dict[str, Hypervisor]) -> None:
    """Whatever a cloud says, Prometheus can read it back: it refuses a whole page for one double series."""
    providers = {
        key: Provider(name=node.hostname, traits=("A", "A"), inventory={"VCPU": Inventory(total=1)})
        for key, node in nodes.items()
    }
    read = replace(
        WELL,
        computes=Reading(Outcome.OK, Services(tuple(services))),
        hypervisors=Reading(Outcome.OK, nodes),
        providers=Reading(Outcome.OK, providers),
    )
    found = list(service_rows("c1", read))
    assert len({(family.name, row.labels) for family, row in found}) == len(found)
    samples = [sample for each in text_string_to_metric_families(text(found)) for sample in each.samples]
    assert len(samples) == len(found)


def test_the_probed_apis_are_those_of_the_page() -> None:
    """An API without service has no series; each other one has its outcomes from 0 on; only good answers are timed."""
    registry, _, probes = instruments()
    page_text = generate_latest(registry).decode()

    up = {sample.labels["api"]: sample.value for sample in next(iter(probes.up.collect())).samples}
    assert up == {"keystone": 1.0, "nova": 1.0, "neutron": 0.0, "glance": 1.0}
    assert set(up) | {"cinder"} == set(PROBES)
    assert 'openstack_api_probes_total{api="neutron",cloud="c1",outcome="timeout"} 1.0' in page_text
    assert 'openstack_api_probes_total{api="nova",cloud="c1",outcome="server_error"} 0.0' in page_text
    assert 'openstack_api_probe_seconds_bucket{api="nova",cloud="c1",le="0.2"} 0.0' in page_text
    assert 'openstack_api_probe_seconds_bucket{api="nova",cloud="c1",le="0.25"} 1.0' in page_text
    assert 'openstack_api_probe_seconds_count{api="neutron",cloud="c1"} 0.0' in page_text
    assert "cinder" not in page_text
    observe_probes(probes, [Probe("nova", "absent", 0.0)], cloud="c1")
    assert "nova" not in {sample.labels["api"] for sample in next(iter(probes.up.collect())).samples}


def test_cycles_add_up() -> None:
    """Requests and bytes add up; a failure leaves no reading but that it failed; without a clock there is no skew."""
    registry, cycles, _ = instruments()

    def read(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"novacenter_cloud_{name}", {"cloud": "c1", **labels})

    assert (read("up"), read("complete"), read("last_success_timestamp_seconds")) == (0.0, 0.0, NOW)
    assert (read("clock_skew_seconds"), read("servers_carried_over")) == (-2.0, 2.0)
    observe_cycle(cycles, cycle(complete=False, skew=None), cloud="c1", now=NOW + 10)
    assert (read("up"), read("complete"), read("last_success_timestamp_seconds")) == (1.0, 0.0, NOW + 10)
    assert read("clock_skew_seconds") is None
    outcomes = {name: read("cycles_total", outcome=name) for name in ("ok", "incomplete", "timeout", "forbidden")}
    assert outcomes == {"ok": 1.0, "incomplete": 1.0, "timeout": 1.0, "forbidden": 0.0}
    kinds = ("listing", "actions", "events")
    assert [read("requests_total", kind=kind) for kind in kinds] == [2.0, 6.0, 8.0]
    assert [read("cycle_requests", kind=kind) for kind in kinds] == [1.0, 3.0, 4.0]
    assert (read("requests_failed_total"), read("received_bytes_total")) == (2.0, 46_000.0)
    assert read("cycle_duration_seconds_count") == 3.0


def test_logins_follow_the_session() -> None:
    """Running totals become increases; what is forgotten begins again with another session."""
    registry, cycles, _ = instruments()
    observe_logins(cycles, CloudStats(logins_ok=3, logins_refused=1, logins_failed=4), cloud="c1")

    def read(outcome: str) -> float | None:
        return registry.get_sample_value("novacenter_cloud_logins_total", {"cloud": "c1", "outcome": outcome})

    assert [read(outcome) for outcome in ("ok", "refused", "failed")] == [3.0, 1.0, 4.0]
    cycles.forget("c1")
    observe_logins(cycles, CloudStats(logins_ok=1), cloud="c1")
    assert [read(outcome) for outcome in ("ok", "refused", "failed")] == [1.0, 0.0, 0.0]


def test_a_cloud_is_forgotten() -> None:
    """Of a cloud that is no longer configured nothing is left, of the others everything."""
    registry, cycles, probes = instruments()
    before = of_registry(registry)
    observe_cycle(cycles, cycle(), cloud="c2", now=NOW)
    observe_failure(cycles, TimedOut("no"), cloud="c2", seconds=1.0)
    observe_probes(probes, [Probe("nova", "ok", 0.1)], cloud="c2")
    observe_logins(cycles, CloudStats(logins_ok=1), cloud="c2")
    assert of_registry(registry) != before
    for metrics in (cycles, probes):
        metrics.forget("c2")
    assert of_registry(registry) == before


def test_outcomes_are_bounded() -> None:
    """Every error that a cloud can raise has its outcome in the list; anything else is counted as error."""
    registry, cycles, probes = instruments()

    def below(kind: type[SourceError]) -> set[str]:
        return {kind.outcome}.union(*(below(each) for each in kind.__subclasses__()))

    codes = {ApiFault("a", "b", code=code).outcome for code in (400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504)}
    known = {
        sample.labels["outcome"]
        for sample in next(iter(cycles.cycles.collect())).samples
        if sample.name.endswith("_total")
    }
    assert below(SourceError) | codes <= known
    before = len(of_registry(registry).splitlines())
    strange = SourceError("x")
    strange.outcome = "unheard of"
    observe_failure(cycles, strange, cloud="c1", seconds=1.0)
    observe_probes(probes, [Probe("nova", "unheard of", 1.0)], cloud="c1")
    assert len(of_registry(registry).splitlines()) == before
    assert 'novacenter_cloud_cycles_total{cloud="c1",outcome="error"} 1.0' in of_registry(registry)
