"""What the pollers know -> the status page's values."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from exporter.poller import Poller
from exporter.publisher import Publisher
from exporter.status import SourceStatus, State, Status
from exporter.telemetry import product_version

DAY = 86_400.0


def overview(
    pollers: Iterable[Poller], *, now: float, started: float, reload_error: str, publisher: Publisher
) -> Status:
    """The agent at the instant ``now``."""
    return Status(
        version=product_version(),
        started=started,
        now=now,
        sources=tuple(source(poller, now) for poller in pollers),
        reload_error=reload_error,
        series=publisher.series,
        series_budget=publisher.budget,
        dropped=publisher.dropped,
    )


def source(poller: Poller, now: float) -> SourceStatus:
    """One vCenter at the instant ``now``."""
    reports = poller.reports.values()
    ages = [values[len(values) // 2] for report in reports for values in report.ages.values() if values]
    realtime = poller.reports.get("realtime")
    expiries = poller.certificates.values()
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
        certificate_days=(min(expiries) - now) / DAY if expiries else None,
    )


def _state(poller: Poller) -> State:
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
