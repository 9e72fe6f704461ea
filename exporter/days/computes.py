"""One cloud's compute services, builds, operations and requests, as its cycles bring them."""

from collections.abc import Mapping

from exporter.cloudpoller import SERVICES_PERIOD, CloudPoller, CloudReport
from exporter.days.book import Book, Page
from exporter.days.unit import Lines, Looks
from exporter.model import Request
from exporter.openstack.builds import NOWHERE, OTHER, Build
from exporter.openstack.model import ServiceState
from exporter.openstack.phases import Result
from exporter.openstack.probe import PROBES
from exporter.openstack.services import ServicesSnapshot
from exporter.openstack.servicetruth import cluster_of
from sla.days import Measure

_SERVICES: Mapping[str, str] = {type_: name for name, (type_, _) in PROBES.items()}
_PROBED = frozenset(PROBES.values())
_NO_FAILURE = frozenset({"absent", "not_found"})
"""Outcomes of a request that the API answered as it should: the cloud has no such service, or no such object."""


def kind_of(hypervisor_type: str) -> str:
    """``vmware``, ``native`` or, where no hypervisor is known, ``other``, for what Nova calls it."""
    if hypervisor_type in {NOWHERE, OTHER, ""}:
        return "other"
    return "vmware" if hypervisor_type.lower().startswith("vmware") else "native"


def request(book: Book, request: Request) -> None:
    """Adds a request to an API."""
    if request.outcome in _NO_FAILURE:
        return
    labels = {
        "service": _SERVICES.get(request.service, request.service),
        "operation": "probe" if (request.service, request.operation) in _PROBED else "read",
    }
    if request.outcome == "ok":
        book.add(request.source, Measure.OPENSTACK_API_SECONDS, request.seconds, **labels)
    else:
        book.add(request.source, Measure.OPENSTACK_API_FAILURES, 1, outcome=request.outcome, **labels)


class Computes:
    """What the cycles of one cloud bring."""

    def __init__(self, poller: CloudPoller) -> None:
        self._poller = poller
        self._looks = Looks(SERVICES_PERIOD)
        self._seen: ServicesSnapshot | None = None
        self._units: dict[str, Lines] = {}

    def take(self, book: Book, report: CloudReport, now: float) -> None:
        """Takes over a cycle, and the services where they were read since. ``now`` is monotonic."""
        page = book.page()
        services = self._poller.services
        if services is not None and services is not self._seen:
            self._seen = services
            if services.computes.value is not None:
                self._services(page, services.computes.value.services, self._looks.seconds(now))
        if report.error is None:
            self._hour(book, report)
        for build in report.built:
            self._build(book, build)
        self._operations(page, report)
        for found in report.timed_out:
            of = found.operation
            book.add(
                self._poller.name,
                Measure.TASK_TIMEOUTS,
                1,
                operation=of.name,
                host=of.host,
                cause=found.cause.value,
            )

    def _services(self, page: Page, services: tuple[ServiceState, ...], seconds: float) -> None:
        clusters = self._clusters()
        for service in services:
            if service.binary != "nova-compute":
                continue
            cluster = clusters.get(service.host, "")
            lines = self._units.get(service.host)
            if lines is None or lines.labels["cluster"] != cluster:
                lines = self._units[service.host] = self._lines(service.host, cluster)
            lines.on(page).add(Measure.UNIT_OBSERVED, seconds)
            lines.add(Measure.UNIT_UP, service.up)
            lines.add(Measure.UNIT_MAINTENANCE, not service.enabled)

    def _lines(self, host: str, cluster: str = "") -> Lines:
        return Lines(self._poller.name, {"unit_kind": "service", "unit": host, "name": host, "cluster": cluster})

    def _unit(self, host: str, page: Page) -> Lines:
        lines = self._units.get(host)
        if lines is None:
            lines = self._units[host] = self._lines(host)
        return lines.on(page)

    def _clusters(self) -> dict[str, str]:
        """The name of the one cluster that a service manages, by host."""
        found: dict[str, set[str]] = {}
        pollers = {poller.instance_uuid: poller for poller in self._poller.vcenters.values()}
        for node in (self._poller.hypervisors or {}).values():
            moid, uuid = cluster_of(node.hostname) or ("", "")
            poller = pollers.get(uuid) if uuid else None
            entity = poller.inventory.entities.get(moid) if poller is not None and poller.inventory else None
            if entity is not None:
                found.setdefault(node.service_host, set()).add(entity.name)
        return {host: next(iter(names)) for host, names in found.items() if len(names) == 1}

    def _hour(self, book: Book, report: CloudReport) -> None:
        built = {"vmware": 0, "native": 0}
        for (type_, result), count in report.per_hour.items():
            if result == "success":
                built[kind_of(type_)] = built.get(kind_of(type_), 0) + count
        for kind, count in built.items():
            book.add(self._poller.name, Measure.BUILDS_LAST_HOUR, count, kind=kind)

    def _build(self, book: Book, build: Build) -> None:
        cloud, page = self._poller.name, book.page()
        labels = {"kind": kind_of(build.hypervisor_type), "flavor": build.flavor, "host": build.host}
        if build.fault is not None:
            book.add(cloud, Measure.BUILD_FAILURES, 1, reason=build.fault, **labels)
        elif build.seconds is not None:
            book.add(cloud, Measure.BUILD_SECONDS, build.seconds, **labels)
        if not build.host:
            return
        if build.fault is not None:
            self._unit(build.host, page).add(Measure.UNIT_BUILD_FAILURES, 1)
        elif build.seconds is not None:
            self._unit(build.host, page).add(Measure.UNIT_BUILD_SECONDS, build.seconds)

    def _operations(self, page: Page, report: CloudReport) -> None:
        for ended in report.finished:
            if ended.operation.host and ended.result is not Result.UNKNOWN:
                lines = self._unit(ended.operation.host, page)
                lines.add(Measure.UNIT_OPERATIONS, 1)
                if ended.result is Result.ERROR:
                    lines.add(Measure.UNIT_OPERATION_FAILURES, 1)
        for found in report.timed_out:
            if found.operation.host:
                self._unit(found.operation.host, page).add(Measure.UNIT_TASK_TIMEOUTS, 1)
