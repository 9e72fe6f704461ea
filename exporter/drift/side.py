"""The side of a cloud that compares its mapping with vSphere: asks Neutron now and then, and compares every time."""

import asyncio
import logging

from exporter.cloudsides import Rows, Seen
from exporter.config import Globs
from exporter.drift.compare import compare
from exporter.drift.model import Compared, World
from exporter.drift.rows import drift_rows
from exporter.drift.site import Site, site
from exporter.errors import SourceError
from exporter.identity import view
from exporter.notice import Notice
from exporter.openstack.networkmodel import NetworkReading
from exporter.openstack.neutron import read_networks
from exporter.openstack.services import VMWARE, Outcome
from exporter.vcenter.inventory import Inventory

_log = logging.getLogger("novacenter.drift")

INTERVAL = 5.0
"""Seconds between two looks at whether there is news to compare: a vCenter tells at once what changes in it."""

READING = 60.0
"""Seconds between two readings of Neutron, of at least 4 requests; the page is told as often, also without news."""


class MappingSide:
    """Compares the mapping of one region of a cloud. ``compared`` and ``reading`` are the last, None before the first.

    That Neutron or a vCenter cannot be read is no failure of the comparison: what it takes is not looked for then.
    """

    name = "mapping"
    interval = INTERVAL

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._asked: float | None = None
        self._sites: dict[str, tuple[Inventory, Site]] = {}
        self._notice = Notice(_log, f"cloud {seen.name}: networks")
        self._world_before: World | None = None
        self._shown = 0.0
        self.reading: NetworkReading | None = None
        self.compared: Compared | None = None

    async def look(self) -> Rows | None:
        """Compares, if anything is new; None where the page says it all already."""
        now = self._seen.clock.monotonic()
        if self._asked is None or now - self._asked >= READING - INTERVAL / 2:
            self._asked = now
            await self._read()
        world = await self._world()
        if self.compared is None or world != self._world_before:
            self.compared = await asyncio.to_thread(compare, world)
            self._world_before = world
        elif now - self._shown < READING - INTERVAL / 2:
            return None
        self._shown = now
        return drift_rows(self._seen.name, self.compared, now=self._seen.clock.now())

    async def _read(self) -> None:
        nodes = (self._seen.hypervisors or {}).values()
        hosts = sorted({node.service_host for node in nodes if node.type == VMWARE})
        self.reading = await read_networks(self._seen.session, hosts)
        if not nodes:
            self._asked = None  # whose ports to ask for is not known yet
        failure = self.failure
        if failure is not None:
            self._notice.failed(failure, nature=failure.outcome)
        else:
            self._notice.well()

    @property
    def failure(self) -> SourceError | None:
        """Why Neutron could not be read the last time; what is absent or forbidden is no failure."""
        seen = self.reading
        readings = (seen.networks, seen.ports, seen.agents) if seen is not None else ()
        return next((one.error for one in readings if one.outcome is Outcome.FAILED), None)

    async def _world(self) -> World:
        return World(
            cloud=self._seen.name,
            mapping=self._seen.cloud.mapping,
            sites={name: await self._site(name) for name in self._seen.cloud.vcenters},
            hypervisors=self._seen.hypervisors,
            networks=self.reading,
        )

    async def _site(self, name: str) -> Site | None:
        """One vCenter; made anew only where its inventory is another."""
        poller = self._seen.vcenters.get(name)
        seen = view(poller, self._seen.clock.now()) if poller is not None else None
        if poller is None or seen is None or seen.inventory is None or not seen.instance_uuid:
            return None
        kept = self._sites.get(name)
        if kept is None or kept[0] is not seen.inventory:
            partial = frozenset(kind for kind, globs in poller.vcenter.objects.items() if globs != Globs())
            made = await asyncio.to_thread(site, name, seen.instance_uuid, seen.inventory, partial=partial)
            kept = self._sites[name] = (seen.inventory, made)
        return kept[1]
