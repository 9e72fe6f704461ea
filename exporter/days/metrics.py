"""What the agent says of its measured record."""

from prometheus_client import CollectorRegistry, Counter, Gauge

OPERATIONS = ("read", "write")


class Metrics:
    """The metrics, on the agent's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.errors = Counter(
            "novacenter_days_errors_total",
            "Calls of the measured record's store that failed; what was to be written is kept, and written later.",
            ("operation",),
            registry=registry,
        )
        for operation in OPERATIONS:
            self.errors.labels(operation)
        self.last_write = Gauge(
            "novacenter_days_last_write_timestamp_seconds",
            "When the measured record was last written; 0 in an agent that has not, as one that does not judge.",
            registry=registry,
        )
        self.rows = Gauge("novacenter_days_rows", "Rows of today in the measured record.", registry=registry)
        self.dropped = Counter(
            "novacenter_days_dropped_total", "Measurements that the record had no room for.", registry=registry
        )
