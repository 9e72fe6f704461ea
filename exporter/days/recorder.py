"""From what the agent's loops tell to the book of the measured record: the one place that knows both."""

from collections.abc import Callable, Iterable

from exporter.clock import Clock
from exporter.cloudpoller import CloudPoller, CloudReport
from exporter.days import computes, stores
from exporter.days.computes import Computes
from exporter.days.disks import Disks
from exporter.days.hosts import Census, Units
from exporter.days.service import PERIOD, Days
from exporter.days.unit import Looks
from exporter.model import Request
from exporter.poller import Poller
from exporter.slarunner import Runner
from exporter.telemetry import Telemetry
from exporter.vcenter.sampler import Report
from sla.days import Measure

__all__ = ["PERIOD", "Recorder", "opened"]

WAITING = frozenset({"WaitForUpdatesEx"})
"""Requests that vCenter answers when there is news: how long that takes says nothing of the API."""


class Recorder:
    """Writes into the record, as long as this agent judges. All methods belong in the event loop."""

    def __init__(self, days: Days, *, clock: Clock) -> None:
        self.days = days
        self._clock = clock
        self._vcenters: dict[str, _VCenter] = {}
        self._clouds: dict[str, tuple[CloudPoller, Computes]] = {}

    def request(self, request: Request) -> None:
        """A request to a vCenter, or to an API of a cloud."""
        book = self.days.open()
        if book is None:
            return
        if request.service:
            computes.request(book, request)
        elif request.outcome != "ok":
            labels = {"operation": request.operation, "outcome": request.outcome}
            book.add(request.source, Measure.VCENTER_API_FAILURES, 1, **labels)
        elif request.operation not in WAITING:
            book.add(request.source, Measure.VCENTER_API_SECONDS, request.seconds, operation=request.operation)

    def cycle(self, poller: Poller, report: Report) -> None:
        """A cycle of a vCenter."""
        book = self.days.open()
        if book is None or report.error is not None or poller.inventory is None:
            return
        kept = self._vcenters.get(poller.name)
        if kept is None or kept.poller is not poller:
            kept = self._vcenters[poller.name] = _VCenter(poller)
        page, seconds = book.page(), kept.looks[report.schedule].seconds(self._clock.monotonic())
        kept.units[report.schedule].look(poller.inventory, page, seconds)
        if report.schedule == "realtime":
            kept.census.look(poller.inventory, page)
            kept.disks.look(poller.inventory, page)

    def cloud_cycle(self, cloud: str, pollers: Iterable[CloudPoller], report: CloudReport) -> None:
        """A cycle of a cloud, one of these."""
        book = self.days.open()
        poller = next((poller for poller in pollers if poller.name == cloud), None)
        if book is None or poller is None:
            return
        known, kept = self._clouds.get(poller.name, (None, None))
        if kept is None or known is not poller:
            kept = Computes(poller)
            self._clouds[poller.name] = (poller, kept)
        kept.take(book, report, self._clock.monotonic())


def opened(state: str, *, clock: Clock, telemetry: Telemetry, runner: Callable[[], Runner | None]) -> Recorder:
    """The record in ``state``, for an agent whose SLA evaluator is ``runner``. Raises ConfigError."""

    def epoch() -> int | None:
        evaluator = runner()
        return evaluator.view.epoch if evaluator is not None and evaluator.view.now else None

    days = Days(
        stores.opened(state, exclusive=True, monotonic=clock.monotonic),
        clock=clock,
        epoch=epoch,
        registry=telemetry.registry,
        failed=telemetry.state_errors.inc,
    )
    return Recorder(days, clock=clock)


class _VCenter:
    """What is kept of one vCenter between its cycles."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        intervals = {
            "realtime": poller.vcenter.realtime_interval,
            "historical": poller.vcenter.historical_interval,
        }
        self.looks = {name: Looks(interval) for name, interval in intervals.items()}
        self.units = {name: Units(poller, name) for name in intervals}
        self.census = Census(poller.name)
        self.disks = Disks(poller)
