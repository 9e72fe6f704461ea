"""Nova tasks & timeouts: what hangs, where, since when, why; services, APIs, and vCenter's own tasks."""

from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import CLOUDS, VCENTERS, Dashboard, Panel, Row
from tools.dashboards.panels import NONE_IS_GOOD, Column, Q, events, graph, number, table, timeline
from tools.dashboards.promql import CLOUD, VCENTER, count, failing, greatest, increase, quantile, total

_SERVICE = "cloud, service, binary, host, zone"


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="tasks",
        title="Nova tasks and timeouts",
        text="Operations of Nova and tasks of vCenter: what is in flight, what took too long and why; and the services "
        "and APIs that they need.",
        choices=(CLOUDS, VCENTERS),
        rows=(
            Row("Is anything wrong?", _first()),
            Row("Where, and since when?", _where()),
            Row("Operations of Nova", _operations(limits)),
            Row("Tasks of vCenter", _tasks()),
            Row("Services and APIs", _services(limits)),
        ),
    )


def _timeouts(by: str, window: str = "$__rate_interval") -> str:
    return total(by, increase(CLOUD("nova_vmware_task_timeouts_total"), window))


def _first() -> tuple[Panel, ...]:
    done = CLOUD("nova_vmware_tasks_total")
    errors = CLOUD("nova_vmware_tasks_total", 'result="error"')
    return (
        number(
            "Timeouts, 1 h",
            "Operations that took longer than their limit, or ended by a timeout, within the last hour.",
            _timeouts("", "1h"),
            steps=NONE_IS_GOOD,
            decimals=0,
        ),
        number(
            "In flight",
            "Operations that Nova has begun and not finished.",
            total("", CLOUD("nova_vmware_tasks_in_flight")),
        ),
        number(
            "Oldest",
            "Age of the operation that is in flight the longest.",
            f"max({CLOUD('nova_vmware_task_oldest_age_seconds')}) or 0 * max({CLOUD('novacenter_cloud_up')})",
            unit="s",
        ),
        number(
            "Failed, 1 h",
            "Share of the operations that ended with an error within the last hour.",
            f"{total('', increase(errors, '1h'))} / ({total('', increase(done, '1h'))} > 0)",
            unit="percentunit",
        ),
        number(
            "Services down",
            "Services and agents that did not report in time or are forced down.",
            failing(_SERVICE, CLOUD("openstack_service_up")),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Useless",
            "nova-computes that are up and enabled though their vCenter does not answer: what is sent there fails.",
            f"sum({greatest('cloud, host', CLOUD('nova_vmware_service_useless'))})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "Stuck disabled",
            "nova-computes that their driver disabled and did not enable again though vCenter answers.",
            f"sum({greatest('cloud, host', CLOUD('nova_vmware_service_stuck_disabled'))})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "Tasks queued",
            "Tasks of vCenter that wait for their turn.",
            total("", VCENTER("vsphere_task_queued")),
        ),
    )


def _where() -> tuple[Panel, ...]:
    return (
        events(
            "Which operations time out, and why?",
            "By operation and cause; the cause says on which side it hangs.",
            Q(f"{_timeouts('operation, cause')} > 0", "{{operation}} {{cause}}"),
        ),
        events(
            "On which host do operations time out?",
            "By the host of nova-compute; without a name: not yet picked up by one.",
            Q(f"{_timeouts('cloud, host')} > 0", "{{host}}"),
        ),
        table(
            "What is in flight, and for how long?",
            "Operations by kind and host with the age of the oldest.",
            f"{total('cloud, host, operation', CLOUD('nova_vmware_tasks_in_flight'))} > 0",
            greatest("cloud, host, operation", CLOUD("nova_vmware_task_oldest_age_seconds")),
            columns=(
                Column("operation", "Operation"),
                Column("host", "Host"),
                Column("Value #A", "In flight"),
                Column("Value #B", "Oldest", unit="dtdurations"),
                Column("cloud", "Cloud"),
            ),
            sort="Oldest",
            width=12,
        ),
        timeline(
            "Which nova-compute is of no use?",
            "Up and useless, or stuck disabled; one that is well has a green line.",
            Q(greatest("cloud, host", CLOUD("nova_vmware_service_useless")), "{{host}} useless"),
            Q(greatest("cloud, host", CLOUD("nova_vmware_service_stuck_disabled")), "{{host}} stuck disabled"),
            states=panels.NO_YES,
        ),
    )


def _operations(limits: Thresholds) -> tuple[Panel, ...]:
    buckets = CLOUD("nova_vmware_task_duration_seconds_bucket")
    return (
        graph(
            "How many operations are in flight?",
            "By operation.",
            Q(total("operation", CLOUD("nova_vmware_tasks_in_flight")), "{{operation}}"),
            stacked=True,
        ),
        graph(
            "How long do operations take?",
            "95th percentile of those that ended, by operation.",
            Q(quantile(0.95, "operation", buckets), "{{operation}}"),
            unit="s",
        ),
        events(
            "How do operations end?",
            "Operations that ended, by result.",
            Q(total("result", increase(CLOUD("nova_vmware_tasks_total"))), "{{result}}"),
        ),
        events(
            "Why do builds fail?",
            "Servers whose creation failed, by hypervisor type and class of fault.",
            Q(
                total("hypervisor_type, fault", increase(CLOUD("nova_vmware_build_failures_total"))),
                "{{hypervisor_type}} {{fault}}",
            ),
        ),
        graph(
            "How long do builds take?",
            "95th percentile of the time from a create to the launch. The line is where the alert begins.",
            Q(
                quantile(
                    0.95, "hypervisor_type", CLOUD("nova_vmware_build_duration_seconds_bucket", 'result="success"')
                ),
                "{{hypervisor_type}}",
            ),
            unit="s",
            steps=panels.above(limits.build_seconds),
        ),
        graph(
            "What does Nova name that we do not know?",
            "Actions and task states that this version has no name for; their operations count as unknown.",
            Q(total("what", increase(CLOUD("nova_vmware_unknown_names_total"))), "{{what}}"),
        ),
    )


def _tasks() -> tuple[Panel, ...]:
    by = "operation, initiator"
    return (
        graph(
            "Which tasks run in vCenter?",
            "By operation and who began them.",
            Q(total(by, VCENTER("vsphere_task_running")), "{{operation}} {{initiator}}"),
            stacked=True,
        ),
        graph(
            "Which tasks wait in vCenter?",
            "By operation and who began them.",
            Q(f"{total(by, VCENTER('vsphere_task_queued'))}", "{{operation}} {{initiator}}"),
            stacked=True,
        ),
        graph(
            "How long do tasks run?",
            "95th percentile of those that ended, by operation.",
            Q(quantile(0.95, "operation", VCENTER("vsphere_task_run_seconds_bucket")), "{{operation}}"),
            unit="s",
        ),
        graph(
            "How long do tasks wait for their turn?",
            "95th percentile of those that ended, by operation.",
            Q(quantile(0.95, "operation", VCENTER("vsphere_task_queue_seconds_bucket")), "{{operation}}"),
            unit="s",
        ),
        events(
            "Which tasks fail, and how?",
            "Tasks that ended with a fault, by operation and type of fault.",
            Q(
                f"{total('operation, fault', increase(VCENTER('vsphere_task_ended_total', _FAULTY)))}",
                "{{operation}} {{fault}}",
            ),
        ),
        events(
            "Who gives vCenter its work?",
            "Tasks that ended, by who began them.",
            Q(f"{total('initiator', increase(VCENTER('vsphere_task_ended_total')))}", "{{initiator}}"),
        ),
    )


_FAULTY = 'fault!="none"'


def _services(limits: Thresholds) -> tuple[Panel, ...]:
    reported = greatest(_SERVICE, CLOUD("openstack_service_last_report_timestamp_seconds"))
    probes = CLOUD("openstack_api_probe_seconds_bucket")
    disabled = greatest(f"{_SERVICE}, reason", CLOUD("openstack_service_disabled_info"))
    return (
        table(
            "How is each service?",
            "Services and agents, when they last reported, and why they are disabled, as far as that is told.",
            greatest(_SERVICE, CLOUD("openstack_service_up")),
            greatest(_SERVICE, CLOUD("openstack_service_enabled")),
            f"time() - {reported}",
            greatest(_SERVICE, CLOUD("openstack_service_forced_down")),
            columns=(
                Column("binary", "Service"),
                Column("host", "Host"),
                Column("Value #A", "Up", states=panels.YES_NO),
                Column("Value #B", "Enabled", states=panels.YES_NO),
                Column("Value #C", "Reported", unit="dtdurations"),
                Column("Value #D", "Forced down", states=panels.NO_YES),
                Column("zone", "Zone"),
                Column("cloud", "Cloud"),
            ),
            sort="Reported",
            width=16,
        ),
        table(
            "Why are services disabled?",
            "Who disabled the service, as far as the text tells that was given.",
            disabled,
            columns=(
                Column("binary", "Service"),
                Column("host", "Host"),
                Column("reason", "Disabled by"),
                Column("cloud", "Cloud"),
            ),
            width=8,
        ),
        timeline(
            "Which APIs answer?",
            "Whether the API answered our last probe well.",
            Q(greatest("cloud, api", CLOUD("openstack_api_up")), "{{cloud}} {{api}}"),
            states=panels.UP_DOWN,
        ),
        graph(
            "How fast do APIs answer?",
            "95th percentile of our probes. The line is where the alert begins.",
            Q(quantile(0.95, "cloud, api", probes), "{{cloud}} {{api}}"),
            unit="s",
            steps=panels.above(limits.api_latency_seconds),
        ),
        events(
            "How do probes of APIs fail?",
            "Probes that were not answered well, by API and class of error.",
            Q(
                f"{total('api, outcome', increase(CLOUD('openstack_api_probes_total', _NOT_OK)))}",
                "{{api}} {{outcome}}",
            ),
        ),
        number(
            "Unknown",
            "Services in a cell that is down: nothing but their names is known.",
            count(
                f"{greatest('cloud, service', CLOUD('openstack_services_unknown'))} > 0",
                known=CLOUD("openstack_services_unknown"),
            ),
            steps=NONE_IS_GOOD,
            width=12,
        ),
    )


_NOT_OK = 'outcome!="ok"'
