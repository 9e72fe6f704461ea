"""What a cloud's operations have come to -> its part of the page, the histograms, and a log line for each timeout."""

import logging
from collections.abc import Iterable, Mapping

from exporter.cloudcatalog import Durations
from exporter.model import Family, Row
from exporter.openstack import builds, families, servicefamilies
from exporter.openstack.builds import Builds
from exporter.openstack.cloud import CloudSnapshot
from exporter.openstack.ledger import Book
from exporter.openstack.model import Hypervisor
from exporter.openstack.timeouts import Ended, Occurrence, Step

_log = logging.getLogger("novacenter.cloud")


class CloudPage:
    """The operations and builds of one cloud, as ``book`` keeps them."""

    def __init__(self, cloud: str, book: Book, *, durations: Durations) -> None:
        self._cloud = cloud
        self._book = book
        self._durations = durations
        self._builds = Builds()

    def take(self, snapshot: CloudSnapshot, step: Step, nodes: Mapping[str, Hypervisor]) -> tuple[builds.Build, ...]:
        """Takes over a cycle's news; its builds. ``nodes`` are the hypervisors by hostname, as far as known."""
        made = [build for ended in step.ended if (build := self._ended(ended, snapshot, nodes))]
        self._builds = builds.add(self._builds, made, snapshot.now)
        for found in step.timed_out:
            self._say(found)
        return tuple(made)

    def per_hour(self) -> Mapping[tuple[str, str], int]:
        """Builds within the last hour by hypervisor type and result (success or error)."""
        return self._builds.per_hour()

    def rows(self, snapshot: CloudSnapshot) -> list[tuple[Family, Row]]:
        """Everything, after a cycle."""
        return [
            *self._operations(snapshot.now),
            *families.unknown_rows(self._cloud, self._book.unknown),
            *families.build_rows(self._cloud, self._builds),
            *servicefamilies.server_rows(self._cloud, snapshot.servers.values()),
        ]

    def counters(self, now: float) -> list[tuple[Family, Row]]:
        """What stays true while Nova does not answer. What is in flight is not known then."""
        return [(family, row) for family, row in self._operations(now) if family.kind == "counter"]

    def _operations(self, now: float) -> Iterable[tuple[Family, Row]]:
        timeouts, ended = self._book.tallies
        opened, pairs = self._book.opened, self._book.pairs
        return families.operation_rows(self._cloud, opened, pairs=pairs, timeouts=timeouts, ended=ended, now=now)

    def _ended(self, ended: Ended, snapshot: CloudSnapshot, nodes: Mapping[str, Hypervisor]) -> builds.Build | None:
        if ended.seconds is not None:
            self._durations.operation.labels(self._cloud, ended.operation.name).observe(ended.seconds)
        build = builds.build(ended, snapshot.servers.get(ended.operation.server), nodes)
        if build is not None and build.seconds is not None:
            result = "error" if build.fault else "success"
            self._durations.build.labels(self._cloud, build.hypervisor_type, result).observe(build.seconds)
        return build

    def _say(self, found: Occurrence) -> None:
        """A timeout is news in itself: once each, with what is needed to look it up."""
        of = found.operation
        _log.warning(
            "cloud %s: %s of server %s on %s timed out after %.0f s (%s, limit %.0f s, request %s)",
            *(self._cloud, of.name, of.server, of.host or "no host", found.at - of.start, found.cause),
            *(of.limit, "unknown" if of.is_run else of.key),
        )
