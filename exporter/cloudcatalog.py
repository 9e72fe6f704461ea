"""The fixed metric families of a cloud and of the vCenter's tasks and events: the only list of them.

``openstack_*`` is what the cloud's APIs say as it is, ``nova_vmware_*`` what follows from it for Nova's operations and
for both sides together, ``novacenter_cloud_*`` how reading the cloud went. ``openstack.families``,
``openstack.servicefamilies``, ``openstack.servicetruth``, ``vcenter.taskfamilies`` and ``vcenter.events`` make their
rows; the rest is client_python's, on the agent's registry, and begins anew with it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporter.model import Family

OPERATION_BUCKETS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds; with edges at the default limits of operations, and at 300, 600 and 900 s, as builds are usually judged."""
QUEUE_BUCKETS = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0)
RUN_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
PROBE_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; with edges at 0.12 and 0.25, the latency that the APIs of an integrated cloud are expected to have."""
CYCLE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)

ERRORS = (
    *("unreachable", "timeout", "certificate", "bad_reply", "too_large"),
    *("login_refused", "not_authenticated", "forbidden", "not_found", "rate_limited"),
    *("server_error", "fault", "absent", "error"),
)
"""Every outcome of an error of a cloud (``SourceError.outcome``); what is none of them is counted as the last."""

_ACTIONS = "Compute API, instance actions"
_TASKS = "TaskManager, TaskInfo"

TIMEOUTS = Family(
    "nova_vmware_task_timeouts_total",
    "counter",
    "Operations in flight for longer than their limit, or ended by a timeout, by cause; each counted once.",
    source=_ACTIONS,
)
IN_FLIGHT = Family(
    "nova_vmware_tasks_in_flight", "gauge", "Operations that Nova has begun and not finished.", source=_ACTIONS
)
OLDEST_AGE = Family(
    "nova_vmware_task_oldest_age_seconds",
    "gauge",
    "Age of the oldest operation in flight; absent without one.",
    "seconds",
    _ACTIONS,
)
ENDED = Family(
    "nova_vmware_tasks_total",
    "counter",
    "Operations that ended, by result: success, error, or unknown where Nova does not tell.",
    source=_ACTIONS,
)
UNKNOWN_NAMES = Family(
    "nova_vmware_unknown_names_total",
    "counter",
    "Actions and task states (what) that this version does not know; their operation is unknown.",
    source=_ACTIONS,
)
BUILDS = Family(
    "nova_vmware_builds_last_hour",
    "gauge",
    "Servers whose creation ended within the last hour, by hypervisor type and result.",
    source=_ACTIONS,
)
BUILD_FAILURES = Family(
    "nova_vmware_build_failures_total",
    "counter",
    "Servers whose creation failed, by hypervisor type and class of fault.",
    source="Compute API, server.fault",
)

TASKS_QUEUED = Family(
    "vsphere_task_queued", "gauge", "Tasks that wait for their turn, by operation and initiator.", source=_TASKS
)
TASKS_RUNNING = Family("vsphere_task_running", "gauge", "Tasks under way, by operation and initiator.", source=_TASKS)
TASKS_ENDED = Family(
    "vsphere_task_ended_total",
    "counter",
    "Tasks that ended, by operation, initiator and the type of their fault, which is none where they succeeded.",
    source=_TASKS,
)

_EVENTS = "EventEx.eventTypeId"
HOST_STORAGE_LOST = Family(
    "vsphere_host_storage_lost",
    "gauge",
    "Devices and volumes that the host said it lost and not that they are back, by reason; 0 where none.",
    source=_EVENTS,
)
HOST_STORAGE_LOST_SINCE = Family(
    "vsphere_host_storage_lost_timestamp_seconds",
    "gauge",
    "When the host said that it lost the device.",
    "seconds",
    "EventEx.createdTime",
)
STORAGE_EVENTS = Family(
    "vsphere_storage_events_total",
    "counter",
    "Events of hosts about storage lost and restored, since the agent's start.",
    source=_EVENTS,
)

_SERVICES = "Compute and Block Storage API, os-services; Networking API, agents"
_HYPERVISORS = "Compute API, os-hypervisors"
_PROVIDERS = "Placement API, resource_providers"


def _gauge(name: str, text: str, source: str) -> Family:
    unit = name.rpartition("_")[2]
    return Family(name, "gauge", text, unit if unit in {"bytes", "seconds", "ratio"} else "", source)


SERVICE_UP = _gauge(
    "openstack_service_up",
    "Whether a service or agent reported in time and is not forced down; Nova's says nothing of the vCenter.",
    _SERVICES,
)
SERVICE_ENABLED = _gauge("openstack_service_enabled", "Whether a service or agent may be given work.", _SERVICES)
SERVICE_FORCED_DOWN = _gauge(
    "openstack_service_forced_down",
    "Whether an operator declared the service of Nova down.",
    "Compute API, os-services",
)
SERVICE_DISABLED = Family(
    "openstack_service_disabled_info",
    "info",
    "A disabled service and who disabled it (reason), as far as the text that it was given tells; 1.",
    source=_SERVICES,
)
SERVICE_REPORTED = _gauge(
    "openstack_service_last_report_timestamp_seconds",
    "When the service last reported, by the cloud's clock; of Nova and Cinder a later change by an operator counts.",
    _SERVICES,
)
SERVICES_UNKNOWN = _gauge(
    "openstack_services_unknown", "Services in a cell that is down: nothing but their names is known.", _SERVICES
)

HYPERVISOR = Family(
    "openstack_hypervisor_info",
    "info",
    "Type and version of a hypervisor; of VMware's the cluster and the vCenter, too; 1.",
    source=_HYPERVISORS,
)
HYPERVISOR_NUMBERS: Mapping[str, Family] = MappingProxyType(
    {
        attribute: _gauge(f"openstack_hypervisor_{name}", text, _HYPERVISORS)
        for attribute, name, text in (
            ("up", "up", "Whether the hypervisor's nova-compute is up."),
            ("enabled", "enabled", "Whether the hypervisor's nova-compute is enabled."),
            ("vcpus", "vcpus", "CPUs of the hypervisor, as Nova counts them."),
            ("vcpus_used", "vcpus_used", "CPUs of the servers on the hypervisor."),
            ("memory_bytes", "memory_bytes", "Memory of the hypervisor, as Nova counts it."),
            (
                "memory_used_bytes",
                "memory_used_bytes",
                "Memory of the servers on the hypervisor, and what is reserved.",
            ),
            ("disk_bytes", "disk_bytes", "Disk space of the hypervisor; with VMware of one datastore alone."),
            ("disk_used_bytes", "disk_used_bytes", "Disk space of the servers on the hypervisor."),
            ("running", "servers", "Servers on the hypervisor that Nova counts as there."),
        )
    }
)
"""Field of ``openstack.model.Hypervisor`` -> family."""

PROVIDER_TRAIT = Family(
    "openstack_provider_trait_info",
    "info",
    "A trait of a VMware hypervisor's resource provider; 1. The first 100 by name.",
    source=f"{_PROVIDERS}, traits",
)
PROVIDER_NUMBERS: Mapping[str, Family] = MappingProxyType(
    {
        "total": _gauge(
            "openstack_provider_inventory",
            "How much of a resource class a VMware hypervisor's provider has, in the class's unit (MEMORY_MB: MiB).",
            f"{_PROVIDERS}, inventories",
        ),
        "reserved": _gauge(
            "openstack_provider_reserved",
            "How much of the provider's resource class is kept from servers.",
            f"{_PROVIDERS}, inventories",
        ),
        "allocation_ratio": _gauge(
            "openstack_provider_allocation_ratio",
            "How many times the provider's resource class may be given away.",
            f"{_PROVIDERS}, inventories",
        ),
        "used": _gauge(
            "openstack_provider_used",
            "How much of the provider's resource class is given away.",
            f"{_PROVIDERS}, usages",
        ),
    }
)
"""Field of ``openstack.decode.Inventory`` -> family."""

SERVERS = _gauge("openstack_servers", "Servers by status; without the deleted ones.", "Compute API, servers")

READING = _gauge(
    "novacenter_cloud_reading",
    "Whether the last reading of an endpoint had this outcome: ok, absent (not in the cloud), forbidden or failed.",
    "our session with the cloud",
)
USELESS = _gauge(
    "nova_vmware_service_useless",
    "Whether nova-compute is up and enabled, though its vCenter has not answered us for some time.",
    "os-services, os-hypervisors, our vCenter session",
)
STUCK_DISABLED = _gauge(
    "nova_vmware_service_stuck_disabled",
    "Whether nova-compute is disabled by its driver, though its vCenter has answered us for some time.",
    "os-services, os-hypervisors, our vCenter session",
)


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    found: list[Family] = []
    for entry in globals().values():
        if isinstance(entry, Family):
            found.append(entry)
        elif isinstance(entry, Mapping):
            found.extend(family for family in entry.values() if isinstance(family, Family))
    return tuple(sorted(found, key=lambda family: family.name))


class Durations:
    """How long things took, on the agent's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.operation = Histogram(
            "nova_vmware_task_duration_seconds",
            "Time from an operation's start to the end of its last event.",
            ("cloud", "operation"),
            registry=registry,
            buckets=OPERATION_BUCKETS,
        )
        self.build = Histogram(
            "nova_vmware_build_duration_seconds",
            "Time from a create to the launch of the server, or to its failure.",
            ("cloud", "hypervisor_type", "result"),
            registry=registry,
            buckets=OPERATION_BUCKETS,
        )
        self.queue = Histogram(
            "vsphere_task_queue_seconds",
            "Time that an ended task waited for its turn.",
            ("vcenter", "operation"),
            registry=registry,
            buckets=QUEUE_BUCKETS,
        )
        self.run = Histogram(
            "vsphere_task_run_seconds",
            "Time that an ended task ran.",
            ("vcenter", "operation"),
            registry=registry,
            buckets=RUN_BUCKETS,
        )

    def forget(self, *, cloud: str = "", vcenter: str = "") -> None:
        """Drops every series of a cloud or vCenter that is no longer configured."""
        for histogram in (self.operation, self.build):
            histogram.remove_by_labels({"cloud": cloud})
        for histogram in (self.queue, self.run):
            histogram.remove_by_labels({"vcenter": vcenter})


class Probes:
    """How the APIs answered our probes, on the agent's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("cloud", "api")
        self.up = Gauge(
            "openstack_api_up",
            "Whether the API answered our last probe well; absent where the cloud has no such API.",
            labels,
            registry=registry,
        )
        self.total = Counter(
            "openstack_api_probes_total",
            "Probes of an API by outcome: ok, or the class of the error.",
            (*labels, "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "openstack_api_probe_seconds",
            "Time from a probe to the end of its answer, of those that were answered well.",
            labels,
            registry=registry,
            buckets=PROBE_BUCKETS,
        )

    def forget(self, source: str) -> None:
        """Drops every series of a cloud that is no longer configured."""
        for metric in (self.up, self.total, self.seconds):
            metric.remove_by_labels({"cloud": source})


class Cycles:
    """How reading the clouds went and what it cost them, on the agent's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"novacenter_cloud_{name}", text, ("cloud", *labels), registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"novacenter_cloud_{name}_total", text, ("cloud", *labels), registry=registry)

        self.up = gauge("up", "Whether the servers of the cloud could be listed in the last cycle.")
        self.last_success = gauge("last_success_timestamp_seconds", "When a cycle of the cloud last succeeded.")
        self.complete = gauge("complete", "Whether nothing is left to be asked for after the last cycle.")
        self.carried = gauge("servers_carried_over", "Servers whose operations are asked for in the next cycle.")
        self.skew = gauge("clock_skew_seconds", "Nova's clock less the agent's; to about half a second.")
        self.cycles = counter("cycles", "Cycles by outcome: ok, incomplete, or the error of the listing.", "outcome")
        self.requests = counter("requests", "Requests to Nova in cycles that listed servers, by kind.", "kind")
        self.last_requests = gauge("cycle_requests", "Requests to Nova in the last cycle that listed servers.", "kind")
        self.failed = counter("requests_failed", "Requests among them that had no usable answer.")
        self.received = counter("received_bytes", "Bytes of Nova's answers to them.")
        self.logins = counter("logins", "Attempts to log in: ok, refused or failed.", "outcome")
        self.seconds = Histogram(
            "novacenter_cloud_cycle_duration_seconds",
            "Length of a cycle, failed ones included.",
            ("cloud",),
            registry=registry,
            buckets=CYCLE_BUCKETS,
        )
        self._logins: dict[tuple[str, str], int] = {}

    def logins_so_far(self, cloud: str, totals: Mapping[str, int]) -> None:
        """Brings the login counters to a session's running totals by outcome. ``forget`` before another session's."""
        for outcome, count in totals.items():
            self.logins.labels(cloud, outcome).inc(count - self._logins.get((cloud, outcome), 0))
            self._logins[cloud, outcome] = count

    def forget(self, source: str) -> None:
        """Drops every series of a cloud that is no longer configured."""
        self._logins = {key: count for key, count in self._logins.items() if key[0] != source}
        for metric in vars(self).values():
            if isinstance(metric, Gauge | Counter | Histogram):
                metric.remove_by_labels({"cloud": source})
