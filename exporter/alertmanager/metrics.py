"""What the agent says of its dealings with Alertmanager."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

SILENCES = ("applied", "unmarked", "too_long", "unmatched", "bad_pattern")
"""What becomes of a silence that is not over."""
ALERTS = (
    *("firing", "duplicate", "resolved", "own", "no_class"),
    *("unknown_class", "no_condition", "no_resource", "oversized"),
)
"""What becomes of an alert that is told or found."""
DELIVERIES = ("taken", "unauthorized", "too_large", "malformed", "busy", "unavailable")
"""What becomes of a webhook."""


class Metrics:
    """The metrics, on the agent's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"novacenter_alertmanager_{name}_total", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"novacenter_alertmanager_{name}", text, labels, registry=registry)

        self.requests = counter("requests", "Requests to a member of Alertmanager.", "member", "operation", "outcome")
        self.deliveries = counter("webhooks", "Webhooks received, by what became of them.", "outcome")
        self.alerts = counter("alerts", "Alerts told by webhook or found, by what became of them.", "outcome")
        self.silences = gauge("silences", "Silences that are not over, by what became of them.", "outcome")
        self.windows = counter("windows", "Maintenance windows that silences began or ended.", "change")
        self.pushed = counter("alerts_pushed", "Alerts that a member took from us, each again and again.", "member")
        self.firing = gauge("alerts_firing", "Alerts of an incident class that fire, by the last look.")
        self.last_reconcile = gauge(
            "last_reconcile_timestamp_seconds", "When the alerts that fire were last read and compared."
        )
        self.last_silences = gauge("last_silences_timestamp_seconds", "When the silences were last read.")
        for metric, outcomes in ((self.deliveries, DELIVERIES), (self.alerts, ALERTS), (self.silences, SILENCES)):
            for outcome in outcomes:
                metric.labels(outcome)
        for change in ("announced", "ended"):
            self.windows.labels(change)
        self._members: frozenset[str] = frozenset()

    def keep(self, members: Iterable[str]) -> None:
        """These are the members from now on: their series are there at once, those of others are dropped."""
        now = frozenset(members)
        for member in self._members - now:
            for metric in (self.pushed, self.requests):
                metric.remove_by_labels({"member": member})
        for member in now:
            self.pushed.labels(member)
            for operation in ("alerts", "silences"):
                self.requests.labels(member, operation, "ok")
        self._members = now
