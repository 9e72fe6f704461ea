"""The fixed metric families of Nova's operations and the vCenter's tasks: the only list of them.

``openstack.families`` and ``vcenter.taskfamilies`` make their rows; the histograms are client_python's, on the agent's
registry, and begin anew with it.
"""

from prometheus_client import CollectorRegistry, Histogram

from exporter.model import Family

OPERATION_BUCKETS = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds; with edges at the default limits of operations, and at 300, 600 and 900 s, as builds are usually judged."""
QUEUE_BUCKETS = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0)
RUN_BUCKETS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

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


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    return tuple(sorted((f for f in globals().values() if isinstance(f, Family)), key=lambda family: family.name))


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

    def forget(self, source: str) -> None:
        """Drops every series of a cloud or vCenter that is no longer configured."""
        for histogram in (self.operation, self.build):
            histogram.remove_by_labels({"cloud": source})
        for histogram in (self.queue, self.run):
            histogram.remove_by_labels({"vcenter": source})
