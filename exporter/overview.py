"""What the pollers know -> the status page's values."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from exporter.cloudpoller import CloudPoller
from exporter.drift.model import Drift
from exporter.drift.side import MappingSide
from exporter.driftkinds import DriftKind, Level
from exporter.identity import Identity
from exporter.joinmodel import Finding
from exporter.openstack.cloud import NotOffered
from exporter.openstack.timeouts import Operation
from exporter.poller import Poller
from exporter.publisher import Publisher
from exporter.slaview import View, consumed, counts, is_over, ticking
from exporter.status import EdgeStatus, SourceStatus, State, Status
from exporter.telemetry import product_version
from exporter.trust.model import EdgeTrust
from sla.timers import Run, Timer

DAY = 86_400.0


def overview(
    pollers: Iterable[Poller],
    *,
    clouds: Iterable[CloudPoller],
    identity: Identity,
    view: View,
    now: float,
    started: float,
    publisher: Publisher,
    edges: Sequence[EdgeTrust] = (),
) -> Status:
    """The agent at the instant ``now``, but for what is wrong with its configuration."""
    read = tuple(clouds)
    drifts = [drift for cloud in read for drift in _drifts(cloud)]
    return Status(
        version=product_version(),
        started=started,
        now=now,
        sources=(
            *(source(poller, now, edges) for poller in pollers),
            *(cloud_source(cloud, now, edges) for cloud in read),
        ),
        incidents=tuple(incidents(view)),
        findings=(*map(sentence, identity.findings), *map(drift_sentence, drifts)),
        found=identity.found + len(drifts),
        series=publisher.series,
        series_budget=publisher.budget,
        dropped=publisher.dropped,
        edges=tuple(_edge(one, now) for one in edges),
    )


def _edge(one: EdgeTrust, now: float) -> EdgeStatus:
    days = (one.soonest - now) / DAY if one.soonest is not None else None
    of_source = one.edge in {"vcenter", "openstack"}
    return EdgeStatus(f"{one.edge} {one.peer}", str(one.trust or ""), days, one.error, of_source)


def _drifts(cloud: CloudPoller) -> Iterator[Drift]:
    """What its mapping lacks, without notes, and without what the join tells already."""
    side = cloud.sides.by_name.get(MappingSide.name)
    compared = side.compared if isinstance(side, MappingSide) else None
    for drift in compared.drifts if compared is not None else ():
        if drift.level is not Level.NOTE and drift.kind is not DriftKind.HYPERVISOR_UNMATCHED:
            yield drift


def drift_sentence(drift: Drift) -> str:
    """A drift as people read it: what, which, where, and what to do."""
    where = ", ".join(part for part in (drift.vcenter, drift.cloud) if part)
    return f"{drift.kind.value.replace('_', ' ')}: {drift.subject} ({where}): {drift.found}; {drift.advice}"


def source(poller: Poller, now: float, edges: Iterable[EdgeTrust] = ()) -> SourceStatus:
    """One vCenter at the instant ``now``."""
    reports = poller.reports.values()
    ages = [values[len(values) // 2] for report in reports for values in report.ages.values() if values]
    realtime = poller.reports.get("realtime")
    about = poller.session.about if poller.abilities else None
    return SourceStatus(
        name=poller.name,
        url=_without_credentials(poller.vcenter.url),
        state=_state(poller),
        since=poller.since,
        last_error=str(poller.last_error or ""),
        last_success=poller.last_success,
        version=about.fullName if about else "",
        entities={kind.value: count for report in reports for kind, count in report.planned.items()},
        samples_age=min(ages) if ages else None,
        quarantined=tuple(
            f"{kind.value} {_name(poller, moid)}"
            for report in reports
            for kind, moids in report.quarantined.items()
            for moid in moids
        ),
        counters_missing=tuple(f"{kind.value}: {name}" for kind, names in poller.missing.items() for name in names),
        pace=_pace(poller),
        cycle_seconds=realtime.seconds if realtime else None,
        certificate_days=_days(edges, "vcenter", poller.name, now=now),
    )


def cloud_source(poller: CloudPoller, now: float, edges: Iterable[EdgeTrust] = ()) -> SourceStatus:
    """One region of a cloud at the instant ``now``."""
    ahead = (poller.snapshot.skew or 0.0) if poller.snapshot else 0.0
    late = [one for one in poller.operations if now + ahead - one.start > one.limit]
    return SourceStatus(
        name=f"cloud {poller.name}",
        url=_without_credentials(poller.cloud.auth_url),
        state=_state(poller),
        since=poller.since,
        last_error=str(poller.last_error or ""),
        last_success=poller.last_success,
        entities=_cloud_entities(poller),
        certificate_days=_days(edges, "openstack", poller.name, now=now),
        cycle_seconds=poller.report.seconds if poller.report else None,
        overdue=tuple(_overdue(one, now + ahead) for one in sorted(late, key=lambda one: one.start)),
        troubles=tuple(_cloud_troubles(poller)),
    )


def _days(edges: Iterable[EdgeTrust], edge: str, name: str, *, now: float) -> float | None:
    """Until the first certificate of a source ends; a cloud has several edges, one for each service."""
    of = (one.soonest for one in edges if one.edge == edge and (one.peer == name or one.peer.startswith(f"{name}/")))
    ends = [end for end in of if end is not None]
    return (min(ends) - now) / DAY if ends else None


def incidents(view: View) -> Iterator[str]:
    """Each open SLA incident, the one that has used the most of its time first."""
    shown = [judged for judged in view.incidents if counts(judged) and not is_over(judged)]
    for judged in sorted(shown, key=consumed, reverse=True):
        one = judged.incident
        times = ", ".join(map(_timer, ticking(judged))) or one.state.value
        acked = f", taken up by {one.acked_by}" if one.acked_by else ""
        yield f"{one.class_} of {one.resource} for {_minutes(view.now - one.start)}: {times}{acked} ({one.id})"


def _timer(timer: Timer) -> str:
    left = timer.limit - timer.elapsed
    rest = f"{_minutes(left)} left" if left > 0 else f"over by {_minutes(-left)}"
    paused = ", paused" if timer.state is Run.PAUSED else ""
    return f"{timer.target} {rest} of {_minutes(timer.limit)}{paused}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _cloud_entities(poller: CloudPoller) -> dict[str, int]:
    if poller.snapshot is None:
        return {}
    found = {"server": len(poller.snapshot.servers), "in flight": len(poller.operations)}
    return found | ({"hypervisor": len(poller.hypervisors)} if poller.hypervisors is not None else {})


def _overdue(one: Operation, now: float) -> str:
    where = f" on {one.host}" if one.host else ""
    return f"{one.name} of server {one.server}{where} for {(now - one.start) / 60:.0f} min, limit {one.limit / 60:.0f}"


def _cloud_troubles(poller: CloudPoller) -> Iterator[str]:
    """What is wrong with the cloud's services, as far as they can be read."""
    for probe in poller.probes:
        if probe.error is not None and probe.outcome != NotOffered.outcome:
            yield f"API {probe.api} does not answer: {probe.error}"
    for verdict in poller.verdicts:
        if verdict.useless:
            yield f"nova-compute on {verdict.host} is up but useless: vCenter {verdict.vcenter} does not answer"
        if verdict.stuck_disabled:
            yield (
                f"nova-compute on {verdict.host} is still disabled by its driver, though vCenter {verdict.vcenter} "
                "answers: enable it, or restart it"
            )
    if poller.services is not None:
        for reading in (poller.services.computes, poller.services.volumes, poller.services.agents):
            for service in reading.value.services if reading.value is not None else ():
                if not service.up:
                    yield f"{service.binary} on {service.host} is down"


def sentence(finding: Finding) -> str:
    """A finding as people read it: what, which, where, since when, and what to do."""
    where = ", ".join(part for part in (finding.vcenter, finding.cloud) if part)
    what = " = ".join(part for part in (_named(finding.entity, finding.moid), _server(finding)) if part)
    return f"{finding.kind.value.replace('_', ' ')}: {what} ({where}): {finding.found}; {finding.advice}"


def _named(name: str, id_: str) -> str:
    return f"{name} ({id_})" if name and id_ else name or id_


def _server(finding: Finding) -> str:
    known = _named(finding.server_name, finding.server)
    return f"server {known}" if known else ""


def _state(poller: Poller | CloudPoller) -> State:
    if poller.last_error is not None:
        return State.DOWN
    return State.UNKNOWN if poller.last_success is None else State.UP


def _name(poller: Poller, moid: str) -> str:
    entity = poller.inventory.entities.get(moid) if poller.inventory else None
    return f"{entity.name} ({moid})" if entity else moid


def _pace(poller: Poller) -> str:
    realtime = poller.reports.get("realtime")
    if realtime is None:
        return ""
    return f"{realtime.pace.entities} entities per request, {realtime.pace.concurrency} requests at once"


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
