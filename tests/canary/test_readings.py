"""The measured record as the gate needs it."""

from dataclasses import replace

from canarylab import SPEC

from sla.canary.model import Reading, Unit
from sla.canary.readings import readings_of, units_of
from sla.canary.spec import UnitKind
from sla.canary.specfile import load
from sla.days import Day, Key
from sla.sketch import Sketch

API = "  api: {measure: vcenter_api_seconds, statistic: mean, at_most: 0.25, scope: whole}\n"
SPECIFICATION = load(SPEC.replace("comparisons:", f"{API}comparisons:"), "spec.yml")


def day(source: str, measure: str, value: float, date: str = "2026-11-03", **labels: str) -> Day:
    """A day of one value."""
    return Day(date, Key.of(source, measure, **labels), Sketch.of([value]))


def host(name: str, cluster: str = "c1", unit: str = "host-1") -> dict[str, str]:
    """The labels of a host."""
    return {"unit_kind": "host", "unit": unit, "name": name, "cluster": cluster}


def test_readings() -> None:
    """Units are told apart by source, other measures are one for the installation, what is not asked for is left out;
    a host that was renamed within a day is one unit."""
    days = [
        day("vc2", "unit_cpu_usage_ratio", 0.3, **host("esx1")),
        day("vc1", "unit_cpu_usage_ratio", 0.1, **host("esx1")),
        day("vc1", "unit_cpu_usage_ratio", 0.2, **host("esx1-new")),
        day("vc1", "unit_memory_usage_ratio", 0.2, **host("esx1")),
        day("vc1", "unit_cpu_usage_ratio", 0.2, unit_kind="cluster", unit="domain-c1", name="c1", cluster="c1"),
        day("vc1", "vcenter_api_seconds", 0.1, operation="QueryPerf"),
        day("vc2", "vcenter_api_seconds", 0.2, operation="Login"),
    ]
    expected = (
        Reading("2026-11-03", "", "vcenter_api_seconds", Sketch.of([0.1, 0.2])),
        Reading("2026-11-03", "vc1/host-1", "unit_cpu_usage_ratio", Sketch.of([0.1, 0.2])),
        Reading("2026-11-03", "vc2/host-1", "unit_cpu_usage_ratio", Sketch.of([0.3])),
    )
    assert readings_of(days, SPECIFICATION) == readings_of(reversed(days), SPECIFICATION) == expected


def test_units() -> None:
    """Name and cluster are those of the last day, the load is the mean usage; without it, it is not known."""
    days = [
        day("vc1", "unit_cpu_usage_ratio", 0.6, "2026-11-04", **host("new", "c2")),
        day("vc1", "unit_cpu_usage_ratio", 0.2, "2026-11-03", **host("old", "c1")),
        day("vc1", "unit_up", 1, **host("esx2", "", "host-2")),
    ]
    assert units_of(days, UnitKind.HOST) == (
        Unit("vc1/host-1", "vc1/c2", "new", load=0.4),
        Unit("vc1/host-2", "", "esx2"),
    )
    assert units_of(days, UnitKind.CLUSTER) == ()


def test_services() -> None:
    """The load of a service is its share of all operations."""
    labels = {"unit_kind": "service", "unit": "a", "name": "a", "cluster": "c1"}
    rows = [day("cloud", "unit_operations", 1, **labels), day("cloud", "unit_operations", 1, **labels | {"unit": "b"})]
    rows[0] = replace(rows[0], sketch=Sketch.of([1, 1, 1]))
    assert [unit.load for unit in units_of(rows, UnitKind.SERVICE)] == [0.75, 0.25]
