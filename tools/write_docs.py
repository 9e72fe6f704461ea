"""Writes docs/METRICS.md from the code; with --check it only says whether the committed page is up to date."""

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from exporter import catalog, cloudcatalog, driftcatalog, joincatalog, publisher, slacatalog, web
from exporter.alertmanager.metrics import Metrics as AlertmanagerMetrics
from exporter.assess import catalog as assesscatalog
from exporter.canary import catalog as canarycatalog
from exporter.coverage import catalog as coveragecatalog
from exporter.days.metrics import Metrics as DaysMetrics
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Counter, Kind
from exporter.notifications import NotificationCounters
from exporter.telemetry import Telemetry
from exporter.trust import gate, service
from exporter.vcenter.counters import family, unit_of
from exporter.ways import catalog as wayscatalog
from simulator import counters as vcenter

PAGE = Path(__file__).resolve().parent.parent / "docs" / "METRICS.md"

INTRODUCTION = """# Metrics

Written by `make docs` from the code; do not edit. Values are in base units. Performance series carry `vcenter`,
`moid`, the object's name under its kind (`vm`, `host`, `cluster`, `datastore`, ...) and, where a counter has instances,
`device`; everything else about an object is on its `_info` series. Where vCenter has no sample there is no series.
"""

CLOUDS = """## OpenStack and vCenter tasks

Series of a cloud carry `cloud`: its name in the configuration, with `/` and the region behind it where it has several.
`host` is the host of a service; with Nova's operations it is that of nova-compute. `hypervisor` is Nova's name of a
hypervisor, with VMware `<cluster moid>.<vCenter instance UUID>`; on `openstack_hypervisor_info` the two are
`cluster_moid`, which is `moid` of `vsphere_cluster_info`, and `instance_uuid` as on `vsphere_vcenter_info`. `service`
is nova, cinder or neutron; `reason` is driver, build_failures, new_service, operator (any text of which no program is
known) or unstated. What could not be read has no series; `novacenter_cloud_reading` says so. vCenter's tasks carry
`vcenter`.

"""

SLA = """## Incidents and timers

`class` is the incident class, `resource` what is down, `incident` its id, `target` one of the class's targets,
`state` of a timer running or paused, of an incident suspect (none yet), open, acked, recovering, resolved, and on
`sla_incident_info` closed or cancelled, too. Times are those of the evaluator, which no step of the wall clock moves.
Beside its 1000 resources with most right to it a class has one that is called `other`. Histograms of a class have
their edges at 25, 50, 80, 100, 150, 200 and 400 % of its target. Several agents on one database show the same, and
differ in `sla_evaluator_leader`.

"""

CANARY = """## Canary runs

`release` is the id that `novacenter canary start` was given, `phase` pending, running, passed, failed, inconclusive,
aborted or error, `arm` canary or control, `check` a target, comparison or guard of the specification (`kind`), and
`state` of one error, failed, inconclusive or passed. They are of the run that was started last. See
[canary.md](canary.md).

"""

COUNTERS = """## Performance counters

A counter keeps vSphere's name in snake case and gets its base unit at the end. KIND is one of {kinds}.
These are the {count} counters of a vCenter as govmomi recorded them; one that another vCenter has on top is named and
scaled by the same rule.

"""


def table(*head: str, rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines) + "\n"


def inventory_section() -> str:
    """What is known of vCenter's objects apart from counters."""
    rows = ((f"`{f.name}`", f.kind, f.help, f.source) for f in catalog.every_family())
    return "## Inventory and state\n\n" + table("metric", "type", "meaning", "vSphere source", rows=rows)


def cloud_section() -> str:
    """What is known of clouds, of vCenter's tasks, and of both sides together."""
    rooms = (assesscatalog, cloudcatalog, coveragecatalog, driftcatalog, joincatalog, wayscatalog)
    families = (f for room in rooms for f in room.every_family())
    rows = ((f"`{f.name}`", f.kind, f.help, f.source) for f in families)
    fixed = table("metric", "type", "meaning", "source", rows=rows)
    return f"{CLOUDS}{fixed}\n{table('metric', 'type', 'labels', 'meaning', rows=instruments(own=False))}"


def sla_section() -> str:
    """What is known of incidents and their timers."""
    rows = ((f"`{f.name}`", f.kind, f.help, f.source) for f in slacatalog.every_family())
    return SLA + table("metric", "type", "meaning", "source", rows=rows)


def canary_section() -> str:
    """What is known of the newest canary run."""
    rows = ((f"`{f.name}`", f.kind, f.help, f.source) for f in canarycatalog.every_family())
    return CANARY + table("metric", "type", "meaning", "source", rows=rows)


def own_section() -> str:
    """What the agent says about itself and its sources."""
    return "## The agent itself\n\n" + table("metric", "type", "labels", "meaning", rows=instruments(own=True))


def instruments(*, own: bool) -> list[tuple[str, ...]]:
    """What is on the agent's registry, sorted: of the agent itself, or of clouds and tasks."""
    rows = []
    registry = Telemetry().registry
    for more in (NotificationCounters, publisher._Metrics, web._Metrics, gate.Metrics, service.Metrics):
        more(registry)
    AlertmanagerMetrics(registry)
    DaysMetrics(registry)
    for collector in registry._collector_to_names:
        if not isinstance(collector, MetricWrapperBase):
            continue
        [metric] = collector.describe()
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        if name.startswith(("nova_vmware_", "openstack_", "vsphere_task_")) is not own:
            labels = ", ".join(f"`{label}`" for label in collector._labelnames)
            rows.append((f"`{name}`", metric.type, labels, metric.documentation))
    return sorted(rows)


def scale(unit: str) -> str:
    """How the number on the wire becomes the value."""
    base = unit_of(unit)
    return f"x {base.multiply:,}" if base.multiply > 1 else f"/ {base.divide:,}" if base.divide > 1 else "as is"


def counter_section() -> str:
    """Every counter that the recorded vCenter has."""
    rows = []
    for row in sorted(vcenter.load().values(), key=lambda counter: counter.full_name):
        counter = Counter(row.key, row.full_name, row.unit, row.stats, row.level, row.summary)
        name = family(Kind.VM, counter).name.replace("vsphere_vm_", "vsphere_KIND_", 1)
        rows.append((row.full_name, f"`{name}`", row.unit, scale(row.unit), str(row.level), row.summary))
    kinds = ", ".join(f"`{kind}`" for kind in (*REALTIME_KINDS, *HISTORICAL_KINDS))
    head = COUNTERS.format(kinds=kinds, count=len(rows))
    return head + table("vSphere counter", "metric", "unit", "scale", "level", "meaning", rows=rows)


def main(arguments: list[str]) -> int:
    """0, or with --check 1 where the committed page is another."""
    sections = (own_section(), inventory_section(), cloud_section(), sla_section(), canary_section(), counter_section())
    page = "\n".join((INTRODUCTION, *sections))
    if arguments != ["--check"]:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    committed = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    differences = difflib.unified_diff(
        committed.splitlines(), page.splitlines(), "committed", "written", lineterm="", n=0
    )
    if said := "\n".join(differences):
        print(f"docs/METRICS.md is out of date; run `make docs`\n{said}")
    return int(bool(said))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
