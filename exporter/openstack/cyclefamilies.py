"""What a cycle of a cloud, its logins and its probes were like -> the instruments in ``cloudcatalog``.

Each function takes the label value ``cloud``. Counters of a cloud begin at 0 for every outcome, so that the first
failure is an increase.
"""

from collections.abc import Iterable

from exporter.cloudcatalog import ERRORS, Cycles, Probes
from exporter.errors import SourceError
from exporter.openstack.cloud import CloudSnapshot, NotOffered
from exporter.openstack.probe import Probe
from exporter.openstack.session import CloudStats

OK = "ok"
INCOMPLETE = "incomplete"
KINDS = ("listing", "actions", "events")
"""Kinds of request, fields of ``cost.Cost``."""


def observe_probes(metrics: Probes, found: Iterable[Probe], *, cloud: str) -> None:
    """Adds one round of probes. An API that the cloud lacks has no series; one that it has lost, no ``up``."""
    for probe in found:
        if probe.outcome == NotOffered.outcome:
            metrics.up.remove(cloud, probe.api)
            continue
        for outcome in (OK, *ERRORS):
            if outcome != NotOffered.outcome:
                metrics.total.labels(cloud, probe.api, outcome)
        well = probe.outcome == OK
        metrics.up.labels(cloud, probe.api).set(well)
        metrics.total.labels(cloud, probe.api, _bounded(probe.outcome)).inc()
        seconds = metrics.seconds.labels(cloud, probe.api)
        if well:
            seconds.observe(probe.seconds)


def observe_cycle(metrics: Cycles, snapshot: CloudSnapshot, *, cloud: str, now: float) -> None:
    """Adds a cycle that listed the servers; ``now`` is its end by our clock, in seconds since the epoch."""
    cost = snapshot.cost
    _outcome(metrics, OK if snapshot.complete else INCOMPLETE, cloud=cloud)
    metrics.up.labels(cloud).set(1)
    metrics.complete.labels(cloud).set(snapshot.complete)
    metrics.last_success.labels(cloud).set(now)
    metrics.carried.labels(cloud).set(cost.carried)
    for kind in KINDS:
        count = getattr(cost, kind)
        metrics.requests.labels(cloud, kind).inc(count)
        metrics.last_requests.labels(cloud, kind).set(count)
    metrics.failed.labels(cloud).inc(cost.failed)
    metrics.received.labels(cloud).inc(cost.received)
    metrics.seconds.labels(cloud).observe(cost.seconds)
    if snapshot.skew is None:
        metrics.skew.remove(cloud)
    else:
        metrics.skew.labels(cloud).set(snapshot.skew)


def observe_failure(metrics: Cycles, error: SourceError, *, cloud: str, seconds: float) -> None:
    """Adds a cycle that could not list the servers. What it carries over and the clock's skew stay as they were."""
    _outcome(metrics, _bounded(error.outcome), cloud=cloud)
    metrics.up.labels(cloud).set(0)
    metrics.complete.labels(cloud).set(0)
    metrics.seconds.labels(cloud).observe(seconds)


def observe_logins(metrics: Cycles, stats: CloudStats, *, cloud: str) -> None:
    """Brings the login counters to what the cloud's session has counted since its start."""
    totals = {"ok": stats.logins_ok, "refused": stats.logins_refused, "failed": stats.logins_failed}
    metrics.logins_so_far(cloud, totals)


def _outcome(metrics: Cycles, outcome: str, *, cloud: str) -> None:
    for each in (OK, INCOMPLETE, *ERRORS):
        metrics.cycles.labels(cloud, each)
    metrics.cycles.labels(cloud, outcome).inc()


def _bounded(outcome: str) -> str:
    return outcome if outcome == OK or outcome in ERRORS else ERRORS[-1]
