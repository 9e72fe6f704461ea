"""Operations and builds on the page: which series there are, when they begin, and that Prometheus accepts them."""

import subprocess
from collections.abc import Callable, Iterable

from externals import require
from prometheus_client.parser import text_string_to_metric_families

from exporter.cloudcatalog import every_family
from exporter.exposition import Format, lines, page
from exporter.model import Family, Row
from exporter.openstack.builds import Build, Builds, add
from exporter.openstack.families import build_rows, operation_rows, unknown_rows
from exporter.openstack.timeouts import Cause, Operation


def operation(host: str = "vmware1", start: float = 0.0, name: str = "power_off") -> Operation:
    """An operation in flight."""
    return Operation(server="s1", key=f"req-{start:g}", name=name, start=start, limit=100.0, host=host)


def rows() -> list[tuple[Family, Row]]:
    """Something of everything."""
    builds = add(
        Builds(),
        [
            Build(90.0, "VMware vCenter Server", 20.0),
            Build(91.0, "VMware vCenter Server", 21.0, "no_space"),
            Build(92.0, "none", None, "no_valid_host"),
        ],
        100.0,
    )
    return [
        *operation_rows(
            "c1",
            [operation(start=10.0), operation(start=30.0), operation("", 150.0, "create")],
            pairs=frozenset({("vmware1", "pause")}),
            timeouts={("vmware1", "power_off", "vcenter_running"): 2},
            ended={("vmware2", "reboot", "success"): 3},
            now=100.0,
        ),
        *unknown_rows("c1", {"action": 2}),
        *build_rows("c1", builds),
    ]


def text(found: Iterable[tuple[Family, Row]]) -> str:
    """The rows as the page has them."""
    bodies: dict[Family, list[Row]] = {}
    for family, row in found:
        bodies.setdefault(family, []).append(row)
    return b"".join(page([{family: lines(family, its) for family, its in bodies.items()}], Format.TEXT)).decode()


def test_the_page(golden: Callable[[str, str], None]) -> None:
    """Every family of Nova's operations, whole; promtool has no complaint."""
    found = rows()
    golden("operations.prom", text(found))
    own = {f.name for f in every_family() if f.name.startswith("nova_") and "service" not in f.name}
    assert {f.name for f, _ in found} == own
    promtool = [require("promtool"), "check", "metrics"]
    said = subprocess.run(promtool, input=text(found), capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_no_series_is_there_twice() -> None:
    """Labels tell each row of a family apart, and client_python reads all of them back."""
    found = rows()
    assert len({(family.name, row.labels) for family, row in found}) == len(found)
    samples = [sample for each in text_string_to_metric_families(text(found)) for sample in each.samples]
    assert len(samples) == len(found)


def test_counters_begin_at_zero() -> None:
    """As soon as an operation is in flight, each cause and result of its kind has a series; there is none before."""
    assert list(operation_rows("c1", [], pairs=frozenset(), timeouts={}, ended={}, now=0.0)) == []
    found = operation_rows("c1", [operation()], pairs=frozenset(), timeouts={}, ended={}, now=50.0)
    values = [
        (family.name, dict(row.labels).get("cause") or dict(row.labels).get("result"), row.value)
        for family, row in found
    ]
    assert values == [
        ("nova_vmware_tasks_in_flight", None, 1.0),
        ("nova_vmware_task_oldest_age_seconds", None, 50.0),
        *(("nova_vmware_task_timeouts_total", cause.value, 0.0) for cause in Cause),
        *(("nova_vmware_tasks_total", result, 0.0) for result in ("success", "error", "unknown")),
    ]


def test_help_and_names_are_in_order() -> None:
    """One name is one family; help is a sentence; counters, and only they, are totals; units are at the end."""
    families = every_family()
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.help.endswith(".")
        assert family.help[0].isupper()
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.name.endswith(family.unit)
