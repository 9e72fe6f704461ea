"""Overview: is anything wrong on either side, where, and since when."""

from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import CLOUDS, VCENTERS, Dashboard, Panel, Row
from tools.dashboards.panels import NONE_IS_GOOD, Column, Q, bars, graph, number, opens, table, timeline
from tools.dashboards.parts import (
    AVAILABLE,
    MAINTENANCE_STATES,
    REMAINING_COLUMNS,
    incidents_open,
    remaining,
    states_of_hosts,
)
from tools.dashboards.promql import AGENTS, CLOUD, VCENTER, count, failing, greatest, increase, once, total

_UP = VCENTER("vsphere_up")


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="overview",
        title="Overview",
        text="Both clouds and the SLA at a glance. The first row is red where something is wrong; what stands below it "
        "says where and since when.",
        choices=(VCENTERS, CLOUDS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("Where, and since when?", _where()),
            Row("SLA at a glance", _sla(limits)),
            Row("VMware side", _vmware(limits)),
            Row("OpenStack side", _openstack()),
        ),
    )


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    lost = VCENTER("vsphere_host_connection_state", 'state!="connected"')
    age = f"time() - min({greatest('vcenter', VCENTER('vsphere_last_success_timestamp_seconds'))})"
    return (
        number("Incidents", "Incidents of the SLA that are not over.", incidents_open(), steps=NONE_IS_GOOD),
        number("vCenters down", "vCenters whose last cycle failed.", failing("vcenter", _UP), steps=NONE_IS_GOOD),
        number(
            "APIs down",
            "APIs of the clouds that did not answer our last probe well.",
            failing("cloud, api", CLOUD("openstack_api_up")),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Hosts lost",
            "ESXi hosts that vCenter has no connection to.",
            count(greatest("vcenter, moid", lost), known=_UP),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Datastores lost",
            "Datastores that no host can access.",
            failing("vcenter, moid", VCENTER("vsphere_datastore_accessible")),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Services down",
            "Services and agents of the clouds that did not report in time or are forced down.",
            failing("cloud, service, binary, host", CLOUD("openstack_service_up")),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Timeouts, 1 h",
            "Operations of Nova that took longer than their limit, or ended by a timeout, within the last hour.",
            total("", increase(CLOUD("nova_vmware_task_timeouts_total"), "1h")),
            steps=NONE_IS_GOOD,
            decimals=0,
        ),
        number(
            "Data are old by",
            "Time since the vCenter that is furthest behind was last read. Where this grows, all else here is of then.",
            age,
            unit="s",
            steps=panels.above(limits.sample_age_seconds),
        ),
    )


def _where() -> tuple[Panel, ...]:
    return (
        timeline(
            "Which sides do not answer?",
            "vCenters by their last cycle, APIs of the clouds by our last probe.",
            Q(greatest("vcenter", _UP), "vCenter {{vcenter}}"),
            Q(greatest("cloud, api", CLOUD("openstack_api_up")), "{{cloud}} {{api}}"),
            states=panels.UP_DOWN,
        ),
        timeline(
            "Which hosts are not in service?",
            "ESXi hosts that vCenter has lost or that are in maintenance; a host in service has no line here.",
            *states_of_hosts(only_trouble=True),
            states=MAINTENANCE_STATES,
        ),
        table(
            "Which alerts fire?",
            "Alerts that fire now, whatever they are about; those that only keep others back are left out.",
            "max by (alertname, severity, vcenter, cloud, host, cluster, datastore, vm) "
            '(ALERTS{alertstate="firing",severity=~"critical|warning|info"})',
            columns=(
                Column("severity", "Severity"),
                Column("alertname", "Alert"),
                Column("vcenter", "vCenter", link=opens("vcenter", "vcenter")),
                Column("cloud", "Cloud", link=opens("tasks", "cloud")),
                Column("cluster", "Cluster", link=opens("vcenter", "cluster")),
                Column("host", "Host"),
                Column("datastore", "Datastore", link=opens("storage", "datastore")),
                Column("vm", "VM", link=opens("vms", "vm")),
            ),
            sort="Severity",
            descending=False,
            width=15,
        ),
        table(
            "What does not fit together?",
            "Findings between Nova and vCenter: machines without a server, servers without a machine, drift.",
            f"{greatest('kind, vcenter, cloud', AGENTS('nova_vmware_findings'))} > 0",
            columns=(
                Column("kind", "Finding"),
                Column("vcenter", "vCenter", link=opens("integration", "vcenter")),
                Column("cloud", "Cloud", link=opens("integration", "cloud")),
                Column("Value", "How many"),
            ),
            sort="How many",
            width=9,
        ),
    )


def _sla(limits: Thresholds) -> tuple[Panel, ...]:
    return (
        table(
            "Which timers run out first?",
            "Timers of incidents that are not over: what is left until the limit, negative after a breach.",
            *remaining(),
            columns=REMAINING_COLUMNS,
            sort="Time left",
            descending=False,
            width=16,
        ),
        bars(
            "How available was each class?",
            "Share of the observed time, maintenance left out, for which the resources of a class were up; over the "
            "time that is shown. What nobody could look at counts neither way.",
            Q(AVAILABLE, "{{class}}"),
            unit="percentunit",
            steps=panels.below(limits.objective_ratio, panels.ORANGE),
            most=1,
        ),
    )


def _vmware(limits: Thresholds) -> tuple[Panel, ...]:
    cpu = once(VCENTER("vsphere_host_cpu_usage_average_ratio", 'device=""'))
    free = f"{once(VCENTER('vsphere_datastore_free_bytes'))} / {once(VCENTER('vsphere_datastore_capacity_bytes'))}"
    return (
        graph(
            "Which hosts are the busiest?",
            "CPU usage of the five busiest hosts. The line is where the alert begins.",
            Q(f"topk(5, {cpu})", "{{host}}"),
            unit="percentunit",
            steps=panels.above(limits.host_cpu_ratio),
            most=1,
            width=10,
        ),
        bars(
            "Which datastores are the fullest?",
            "Share of the space that is used; red is where the alert of a full datastore begins.",
            Q(f"topk(8, 1 - {free})", "{{datastore}}"),
            unit="percentunit",
            steps=panels.between(1 - limits.datastore_free_ratio, 1 - limits.datastore_full_free_ratio),
            width=7,
            most=1,
        ),
        bars(
            "How many objects are there?",
            "Selected objects in the inventory, by kind.",
            Q(f"sum by (kind) ({once(VCENTER('vsphere_entities'))})", "{{kind}}"),
            width=7,
        ),
    )


def _openstack() -> tuple[Panel, ...]:
    return (
        graph(
            "How many operations are in flight?",
            "What Nova has begun and not finished.",
            Q(total("operation", CLOUD("nova_vmware_tasks_in_flight")), "{{operation}}"),
            stacked=True,
            width=10,
        ),
        bars(
            "How many servers are in which state?",
            "Servers by status, without the deleted ones and the empty states.",
            Q(total("status", CLOUD("openstack_servers")) + " > 0", "{{status}}"),
            width=7,
        ),
        bars(
            "How many builds ended within the hour?",
            "Servers whose creation ended, by hypervisor type and result.",
            Q(
                total("hypervisor_type, result", CLOUD("nova_vmware_builds_last_hour")),
                "{{hypervisor_type}} {{result}}",
            ),
            width=7,
        ),
    )
