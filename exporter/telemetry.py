"""The agent's own metrics, on a registry of their own: what it did, how well, and what it could not see.

Names are listed here and in ``catalog`` (what is seen of vCenter), nowhere else.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from exporter.cloudcatalog import Cycles, Durations, Probes
from exporter.model import Completeness, Kind

REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds; with edges at 0.12 and 0.25, the API latency that an integration by Nova's driver is expected to have."""

CYCLE_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


def product_version() -> str:
    """The installed version of the distribution."""
    try:
        return version("novacenter")
    except PackageNotFoundError:
        return "unknown"


class Telemetry:
    """Every metric the agent keeps about itself. Each instance has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._totals: dict[tuple[str, Kind], Completeness] = {}
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._gauges()
        self._config()
        self._requests()
        self._cycles()
        self._samples()
        self._clouds()

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauges(self) -> None:
        self.up = self._gauge("vsphere_up", "Whether the last cycle of the vCenter succeeded.", "vcenter")
        self.last_success = self._gauge(
            "vsphere_last_success_timestamp_seconds", "When a cycle of the vCenter last succeeded.", "vcenter"
        )
        self.vcenter_info = self._gauge(
            "vsphere_vcenter_info", "What the vCenter says of itself.", "vcenter", "version", "build", "instance_uuid"
        )
        self.clock_skew = self._gauge(
            "vsphere_clock_skew_seconds", "The vCenter's clock less the agent's, request time halved.", "vcenter"
        )
        self.loop_lag = Histogram(
            "novacenter_event_loop_lag_seconds",
            "How much later than asked for the event loop ran a timer.",
            registry=self.registry,
            buckets=LAG_BUCKETS,
        )
        self.loop_errors = self._counter(
            "novacenter_loop_errors_total", "Unexpected errors that a loop survived; each is a bug.", "loop"
        )

    def _config(self) -> None:
        build = self._gauge("novacenter_build_info", "The version of the agent.", "version")
        build.labels(product_version()).set(1)
        self.reload_ok = self._gauge(
            "novacenter_config_last_reload_successful", "Whether the last reload of the configuration succeeded."
        )
        self.reload_time = self._gauge(
            "novacenter_config_last_reload_success_timestamp_seconds", "When a configuration was last taken over."
        )

    def _requests(self) -> None:
        self.requests = self._counter(
            "novacenter_requests_total", "Requests sent to the vCenter.", "vcenter", "operation", "outcome"
        )
        self.request_seconds = Histogram(
            "novacenter_request_duration_seconds",
            "Time from a request to the end of its reply.",
            ("vcenter", "operation"),
            registry=self.registry,
            buckets=REQUEST_BUCKETS,
        )
        self.sent = self._counter("novacenter_sent_bytes_total", "Bytes of requests sent.", "vcenter")
        self.received = self._counter("novacenter_received_bytes_total", "Bytes of replies received.", "vcenter")
        self.logins = self._counter("novacenter_logins_total", "Attempts to log in.", "vcenter", "outcome")

    def _cycles(self) -> None:
        self.cycles = self._counter(
            "novacenter_cycles_total", "Sampling cycles by outcome.", "vcenter", "schedule", "outcome"
        )
        self.cycle_seconds = Histogram(
            "novacenter_cycle_duration_seconds",
            "Length of a sampling cycle.",
            ("vcenter", "schedule"),
            registry=self.registry,
            buckets=CYCLE_BUCKETS,
        )
        self.skipped = self._counter(
            "novacenter_cycles_skipped_total", "Cycles not begun, the one before being late.", "vcenter", "schedule"
        )
        self.batches = self._counter(
            "novacenter_batches_total", "QueryPerf requests by outcome.", "vcenter", "schedule", "outcome"
        )
        self.decode_seconds = self._counter(
            "novacenter_decode_seconds_total", "Time spent decoding samples and storing them.", "vcenter", "schedule"
        )
        self.batch_entities = self._gauge("novacenter_batch_entities", "Entities per realtime request.", "vcenter")
        self.concurrency = self._gauge("novacenter_batch_concurrency", "Realtime requests at once.", "vcenter")
        self.inventory_updates = self._counter(
            "novacenter_inventory_updates_total", "Update sets applied to the inventory.", "vcenter"
        )

    def _samples(self) -> None:
        text = "One sample is one interval of one entity, all counters."
        labels = ("vcenter", "kind")
        self.expected = self._counter("novacenter_samples_expected_total", f"Samples that were due. {text}", *labels)
        self.received_samples = self._counter("novacenter_samples_received_total", f"Samples read. {text}", *labels)
        self.late = self._counter("novacenter_samples_late_total", f"Samples read by asking again. {text}", *labels)
        self.missing = self._counter("novacenter_samples_missing_total", f"Samples given up. {text}", *labels)
        self.sample_age = self._gauge(
            "novacenter_sample_age_seconds",
            "Age of the newest samples by the vCenter's clock; of all entities the newest, median and oldest.",
            *labels,
            "of",
        )
        self.entities = self._gauge("novacenter_entities", "Entities asked for samples.", *labels)
        self.quarantined = self._gauge(
            "novacenter_entities_quarantined", "Entities left out because asking for them fails.", *labels
        )
        self.counters_found = self._gauge("novacenter_counters", "Counters asked for, by kind.", *labels)
        self.counters_missing = self._gauge(
            "novacenter_counters_missing", "Counter patterns of the configuration that the vCenter lacks.", *labels
        )

    def _clouds(self) -> None:
        self.durations = Durations(self.registry)
        self.cloud_cycles = Cycles(self.registry)
        self.cloud_probes = Probes(self.registry)
        self.cloud_skipped = self._counter(
            "novacenter_cloud_cycles_skipped_total", "Cycles not begun, the one before being late.", "cloud", "schedule"
        )
        self.cloud_sides = self._counter(
            "novacenter_cloud_sides_total",
            "Slow looks at a cloud (side) by outcome: ok, or the error that took its part off the page.",
            "cloud",
            "side",
            "outcome",
        )
        self.state_errors = self._counter(
            "novacenter_state_errors_total", "Writes to the state database that failed; what they held is kept."
        )

    def text(self) -> bytes:
        """The metrics in text format 0.0.4."""
        return generate_latest(self.registry)

    def forget(self, vcenter: str) -> None:
        """Drops every series of a vCenter that is no longer configured."""
        self._totals = {key: value for key, value in self._totals.items() if key[0] != vcenter}
        self.durations.forget(vcenter=vcenter)
        for metric in vars(self).values():
            if isinstance(metric, Gauge | Counter | Histogram) and "vcenter" in metric._labelnames:  # noqa: SLF001
                metric.remove_by_labels({"vcenter": vcenter})

    def forget_cloud(self, cloud: str) -> None:
        """Drops every series of a cloud that is no longer configured."""
        self.durations.forget(cloud=cloud)
        for metrics in (self.cloud_cycles, self.cloud_probes):
            metrics.forget(cloud)
        for counter in (self.cloud_skipped, self.cloud_sides):
            counter.remove_by_labels({"cloud": cloud})

    def samples(self, vcenter: str, totals: Mapping[Kind, Completeness]) -> None:
        """Brings the sample counters to the running totals of a schedule."""
        for kind, now in totals.items():
            before = self._totals.get((vcenter, kind), Completeness())
            self._totals[vcenter, kind] = now
            labels = (vcenter, kind.value)
            self.expected.labels(*labels).inc(now.expected - before.expected)
            self.received_samples.labels(*labels).inc(now.received - before.received)
            self.late.labels(*labels).inc(now.late - before.late)
            self.missing.labels(*labels).inc(now.missing - before.missing)

    def ages(self, vcenter: str, ages: Mapping[Kind, tuple[float, ...]]) -> None:
        """Sets the sample ages of a cycle; a kind without samples has none."""
        for kind, values in ages.items():
            for name, index in (("newest", 0), ("median", len(values) // 2), ("oldest", -1)):
                if values:
                    self.sample_age.labels(vcenter, kind.value, name).set(values[index])
