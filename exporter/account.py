"""What the cycles of one vCenter were like -> the agent's own metrics."""

import logging
from collections.abc import Callable

from exporter.model import Request
from exporter.telemetry import Telemetry
from exporter.vcenter.sampler import Report

_log = logging.getLogger("novacenter.poller")


class Account:
    """Keeps one vCenter's account on the agent's telemetry.

    ``requested`` is told of each request.
    """

    def __init__(
        self,
        vcenter: str,
        telemetry: Telemetry,
        *,
        requested: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self._name = vcenter
        self._telemetry = telemetry
        self._requested = requested
        self._said: set[str] = set()

    def cycle(self, schedule: str, report: Report) -> None:
        """Adds one sampling cycle."""
        telemetry = self._telemetry
        outcome = report.error.outcome if report.error else "ok"
        telemetry.cycles.labels(self._name, schedule, outcome).inc()
        telemetry.cycle_seconds.labels(self._name, schedule).observe(report.seconds)
        for result in (report.result, report.caught_up):
            for batch_outcome, count in result.outcomes.items():
                telemetry.batches.labels(self._name, schedule, batch_outcome).inc(count)
            telemetry.decode_seconds.labels(self._name, schedule).inc(result.decode_seconds)
        self._say_poisoned(report)
        telemetry.samples(self._name, report.totals)
        telemetry.ages(self._name, report.ages)
        for kind, count in report.planned.items():
            telemetry.entities.labels(self._name, kind.value).set(count)
            telemetry.quarantined.labels(self._name, kind.value).set(len(report.quarantined.get(kind, ())))
        if schedule == "realtime":
            telemetry.batch_entities.labels(self._name).set(report.pace.entities)
            telemetry.concurrency.labels(self._name).set(report.pace.concurrency)

    def request(self, method: str, outcome: str, *, seconds: float, sent: int, received: int) -> None:
        """Adds one request."""
        telemetry = self._telemetry
        telemetry.requests.labels(self._name, method, outcome).inc()
        telemetry.request_seconds.labels(self._name, method).observe(seconds)
        telemetry.sent.labels(self._name).inc(sent)
        telemetry.received.labels(self._name).inc(received)
        self._requested(Request(self._name, method, outcome, seconds))
        if method in {"Login", "LoginExtensionByCertificate"}:
            telemetry.logins.labels(self._name, outcome).inc()

    def _say_poisoned(self, report: Report) -> None:
        """Says which entities are left alone, and why, once for as long as they are."""
        for moid, error in report.result.poisoned.items():
            if moid not in self._said:
                _log.warning("vCenter %s: %s is left out for a while, it fails by itself: %s", self._name, moid, error)
        held = {moid for moids in report.quarantined.values() for moid in moids}
        self._said = (self._said & held) | report.result.poisoned.keys()
