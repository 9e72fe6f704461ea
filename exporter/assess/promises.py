"""The incidents of the window, from the log of the SLA engine. Pure, but for reading the store."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sla.objectives.measured import Incidents
from sla.report.make import Request, make
from sla.report.material import gather
from sla.report.model import IncidentReport, Outcome, Report
from sla.report.period import Period
from sla.store.base import Aggregate, Heartbeat, Store, Stored

CLASSES = ("api_communication", "storage_connection")
"""The two promises of the reference figures."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store has; the log is not older than the heartbeat."""

    heartbeat: Heartbeat
    log: tuple[Stored, ...]
    aggregates: tuple[Aggregate, ...]


def kept(store: Store) -> Kept | None:
    """Everything; None where nobody ever judged. Raises StoreError."""
    heartbeat = store.heartbeat()
    return None if heartbeat is None else Kept(heartbeat, tuple(store.read()), tuple(store.aggregates("", "~")))


def incidents(found: Kept, *, start: float, end: float) -> tuple[Incidents, ...]:
    """Those that touch the window, by class; a class that was not promised then is left out.

    Raises ValueError where the log is damaged.
    """
    request = Request(period=Period(start, end, "UTC", "window"), now=end)
    material = gather(found.log, until=end, heartbeat=found.heartbeat.at, aggregates=found.aggregates)
    report = make(material, request)
    promised = {one.class_ for one in report.classes}
    return tuple(_incidents(report, name) for name in CLASSES if name in promised)


def _incidents(report: Report, name: str) -> Incidents:
    own = [one for one in report.incidents if one.class_ == name and one.state != "cancelled"]
    return Incidents(
        class_=name,
        seconds=tuple(map(_elapsed, own)),
        breached=_count(own, Outcome.BREACHED),
        open=sum(one.state == "open" for one in own),
        observed=report.quality.observed_seconds or None,
    )


def _elapsed(one: IncidentReport) -> float:
    """What counted against the limit; without a timer what it lasted in the window."""
    return max((timer.elapsed_seconds for timer in one.timers), default=one.seconds.down_seconds)


def _count(found: Iterable[IncidentReport] | Sequence[IncidentReport], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in found)
