"""The series budget: what is dropped, and in which order."""

from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from exporter import catalog, cloudcatalog, driftcatalog, joincatalog, slacatalog
from exporter.assess import catalog as assesscatalog
from exporter.budget import IMPORTANCE, KEPT, within
from exporter.canary import catalog as canarycatalog
from exporter.coverage import catalog as coveragecatalog
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Counter
from exporter.vcenter.counters import family
from exporter.ways import catalog as wayscatalog
from simulator.counters import load

NAMES = st.sampled_from(
    [
        *("vsphere_up", "novacenter_series", "vsphere_last_success_timestamp_seconds"),
        *("vsphere_vm_info", "vsphere_host_info", "vsphere_vm_power_state", "vsphere_host_cpu_usage_average_ratio"),
        *(
            "vsphere_vm_cpu_usage_average_ratio",
            "vsphere_vm_cpu_ready_summation_seconds",
            "vsphere_vm_rescpu_actav1_ratio",
        ),
        *(
            "vsphere_vm_net_received_average_bytes_per_second",
            "vsphere_datastore_free_bytes",
            "a_strange_one",
            "another",
        ),
    ]
)
SERIES = st.dictionaries(NAMES, st.integers(0, 1000))
BUDGETS = st.integers(0, 6000)


def test_drops_the_least_important_first() -> None:
    """Names that no glob meets go first, the alphabetically last of them first; then the globs from the last up."""
    series = {
        "vsphere_up": 1,
        "vsphere_vm_info": 10,
        "vsphere_vm_cpu_usage_average_ratio": 10,
        "vsphere_vm_virtual_disk_total_read_latency_average_seconds": 10,
        "vsphere_vm_disk_usage_average_bytes_per_second": 10,
        "vsphere_vm_sys_uptime_latest_seconds": 10,
        "vsphere_vm_sys_heartbeat_latest": 10,
    }
    order = (
        "vsphere_vm_sys_uptime_latest_seconds",
        "vsphere_vm_sys_heartbeat_latest",
        "vsphere_vm_disk_usage_average_bytes_per_second",
        "vsphere_vm_virtual_disk_total_read_latency_average_seconds",
        "vsphere_vm_cpu_usage_average_ratio",
        "vsphere_vm_info",
    )
    assert {budget: within(series, budget) for budget in range(0, 70, 10)} == {
        **{10 * kept: order[: 7 - kept] for kept in range(1, 7)},
        0: order,
    }
    assert within(series, 61) == ()


def test_exact_fit_drops_nothing() -> None:
    """As many series as the budget are within it; one more is not."""
    assert within({"b": 1, "a": 2}, 3) == ()
    assert within({"b": 1, "a": 2}, 2) == ("b",)


def test_families_without_series_are_not_said_to_be_dropped() -> None:
    """Only what is taken off the page is listed."""
    assert within({"z": 0, "b": 5}, 1) == ("b",)


def test_order_and_kept_can_be_given() -> None:
    """The declared order is an argument; families that must stay are never dropped, however small the budget."""
    series = {"a": 1, "b": 1, "c": 1, "stay": 100}
    assert within(series, 0, importance=("b", "a"), kept=("st*",)) == ("c", "a", "b")


@given(SERIES, BUDGETS)
def test_rest_fits_unless_the_kept_alone_exceed(series: dict[str, int], budget: int) -> None:
    """Whenever dropping can help, the rest is within the budget; what must stay, stays."""
    dropped = within(series, budget)
    left = {name: count for name, count in series.items() if name not in dropped}
    kept = {"vsphere_up", "novacenter_series", "vsphere_last_success_timestamp_seconds"}
    assert sum(left.values()) <= budget or {name for name, count in left.items() if count} <= kept
    assert kept.isdisjoint(dropped)


@given(SERIES, BUDGETS, BUDGETS)
def test_dropping_is_monotone(series: dict[str, int], one: int, other: int) -> None:
    """A smaller budget drops what a larger one drops, first, and then more."""
    less, more = within(series, max(one, other)), within(series, min(one, other))
    assert more[: len(less)] == less


@given(SERIES, BUDGETS)
def test_nothing_is_dropped_in_vain(series: dict[str, int], budget: int) -> None:
    """Without its last victim the budget would still be exceeded; and order of arrival does not matter."""
    dropped = within(series, budget)
    if dropped:
        assert sum(series.values()) - sum(series[name] for name in dropped[:-1]) > budget
    assert within(dict(sorted(series.items(), reverse=True)), budget) == dropped


FIXED = [
    family.name
    for room in (
        *(assesscatalog, canarycatalog, catalog, cloudcatalog, coveragecatalog),
        *(driftcatalog, joincatalog, slacatalog, wayscatalog),
    )
    for family in room.every_family()
]
"""Every fixed family there is."""


def known_families() -> list[str]:
    """Every fixed family, and that of every counter that a real vCenter lists for a kind that has samples."""
    names = list(FIXED)
    for listed in load().values():
        counter = Counter(listed.key, listed.full_name, listed.unit, listed.stats, listed.level, listed.summary)
        names += [family(kind, counter).name for kind in (*REALTIME_KINDS, *HISTORICAL_KINDS)]
    return names


def test_the_declared_order_knows_the_catalogues() -> None:
    """Every family of the catalogues has its place in the order, and every glob is the place of some family."""
    globs = (*KEPT, *IMPORTANCE)
    places = {name: next((glob for glob in globs if fnmatchcase(name, glob)), "nowhere") for name in known_families()}
    assert [name for name in FIXED if places[name] == "nowhere"] == []
    agents_own = {"vsphere_up", "vsphere_last_success_timestamp_seconds"}
    assert set(globs) - set(places.values()) == agents_own


def test_what_an_incident_is_declared_by_outlives_the_rest() -> None:
    """Of all families, hung operations and useless services are dropped last, how the agent fares never."""
    dropped = within(dict.fromkeys(FIXED, 1), 0)
    assert dropped[-6:] == (
        "nova_vmware_findings",
        "nova_vmware_service_useless",
        "nova_vmware_service_stuck_disabled",
        "nova_vmware_task_oldest_age_seconds",
        "nova_vmware_tasks_in_flight",
        "nova_vmware_task_timeouts_total",
    )
    assert set(FIXED) - set(dropped) == {name for name in FIXED if name.startswith(("canary_", "novacenter_", "sla_"))}
