"""Who is who on both sides, kept up to date: joins every cloud with every vCenter, tags the VMs, shows the findings."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

from exporter.clock import Clock
from exporter.config import Globs
from exporter.exposition import bodies
from exporter.join import join
from exporter.joinfindings import finding_rows
from exporter.joinmodel import HOLDS, CloudView, Finding, FindingKind, Joined, Key, VCenterView
from exporter.model import Kind
from exporter.poller import Poller
from exporter.surroundings import Publish

SOURCE = "identity"
"""The publisher's name of the findings: they are of no single source."""

STALE = 120.0
"""Seconds without an answer after which what is known of a vCenter's VMs is not believed any more."""

VmId = tuple[str, str]
"""A vCenter's name and the id of a VM there."""


class Identity:
    """The join of all sources. ``vcenters`` tells the running pollers by name, ``holds`` is as in ``join``."""

    def __init__(
        self,
        *,
        clock: Clock,
        publish: Publish,
        vcenters: Callable[[], Mapping[str, Poller]],
        holds: Mapping[FindingKind, float] = HOLDS,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._vcenters = vcenters
        self._holds = holds
        self._clouds: dict[str, CloudView] = {}
        self._joined = Joined()
        self._turn = asyncio.Lock()

    @property
    def seen(self) -> Mapping[Key, float]:
        """When each finding was first seen, also of those not held for long enough: worth keeping over a restart."""
        return self._joined.seen

    def resume(self, seen: Mapping[Key, float]) -> None:
        """Takes up ``seen`` of the process before; to be called before the first ``take``."""
        self._joined = Joined(seen=seen)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What does not fit together, the gravest first; as many as are kept."""
        return self._joined.findings

    @property
    def found(self) -> int:
        """How many findings there are in all."""
        return sum(self._joined.counts.values())

    @property
    def counts(self) -> Mapping[FindingKind, int]:
        """How many findings of each kind there are; a kind that could not be looked for anywhere is left out."""
        found: Counter[FindingKind] = Counter()
        for (kind, _, _), count in self._joined.counts.items():
            found[kind] += count
        return found

    @property
    def matched(self) -> int:
        """How many servers are known as VMs."""
        return len(self._joined.vms)

    def vms(self, server: str) -> tuple[VmId, ...]:
        """The VMs of a server."""
        return tuple(self._joined.vms.get(server, ()))

    def server(self, vm: VmId) -> str | None:
        """The server of a VM."""
        return self._joined.servers.get(vm)

    def home(self, hypervisor: str) -> str:
        """The vCenter of a hypervisor, by its hostname; empty where it is none of ours."""
        found = self._joined.clusters.get(hypervisor)
        return found[0] if found else ""

    async def take(self, cloud: CloudView) -> None:
        """Takes over what a cloud knows now."""
        self._clouds[cloud.name] = cloud
        await self.refresh()

    async def forget(self, cloud: str) -> None:
        """Leaves a cloud out from now on."""
        if self._clouds.pop(cloud, None) is not None:
            await self.refresh()

    async def refresh(self) -> None:
        """Joins anew, in a thread; VMs get new labels and findings a new page only where something changed."""
        async with self._turn:
            pollers = self._vcenters()
            now = self._clock.now()
            views = tuple(view(poller, now) for poller in pollers.values())
            clouds, before = tuple(self._clouds.values()), self._joined
            joined = await asyncio.to_thread(join, views, clouds, now=now, previous=before, holds=self._holds)
            if joined is self._joined:
                return
            self._joined = joined
            for name, poller in pollers.items():
                await poller.tag(joined.tags.get(name, {}))
            self._publish(SOURCE, "findings", *bodies(finding_rows(joined)))


def view(poller: Poller, now: float) -> VCenterView:
    """A vCenter as far as it is believed: what was listed is, for STALE seconds after its last answer."""
    health = poller.health
    believed = health is None or health.up or now - (poller.since or now) <= STALE
    listed = poller.inventory is not None and poller.inventory.complete
    return VCenterView(
        name=poller.name,
        inventory=poller.inventory if believed and listed else None,
        instance_uuid=poller.instance_uuid,
        all_vms=poller.vcenter.objects.get(Kind.VM, Globs()) == Globs(),
    )
