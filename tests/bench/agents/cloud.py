"""The product's way to read Nova, and beside it the one of openstack-exporter: everything, each time."""

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from bench.agents.protocol import Answer, measured, memory, serve_async
from exporter.clock import Clock
from exporter.config import Cloud, Secret
from exporter.openstack.ledger import Book
from exporter.openstack.nova import Nova
from exporter.openstack.operations import Limits
from exporter.openstack.session import Session
from exporter.openstack.timeouts import Cause
from exporter.openstack.timeouts import Snapshot as Read
from exporter.state import State


class CloudReader:
    """The agent. Its clock is the cloud's, which stands still but for what ``cycle`` is told."""

    async def start(self, *, url: str, now: float) -> Answer:
        """Logs in."""
        self.now = now
        clock = Clock(now=lambda: self.now, monotonic=lambda: self.now)
        config = Cloud(
            "c1",
            auth_url=f"{url}/5000/v3",
            username="u",
            password=Secret("p"),
            project_name="admin",
            interface="public",
        )
        self.session = Session(config, region=None, clock=clock, rng=random.Random())
        await self.session.microversion("compute")
        self.nova = Nova(self.session, clock=clock)
        self.folder = tempfile.TemporaryDirectory()
        state = State(Path(self.folder.name))
        state.prepare()
        self.book = Book("c1", state, limits=Limits())
        self.book.load(now)
        return memory()

    async def cycle(self, *, now: float) -> Answer:
        """One cycle: what changed, the actions, and what has timed out, recorded in the database."""
        self.now = now
        spent: Answer = {}
        with measured(spent):
            seen = await self.nova.cycle()
            read = Read(
                now=seen.now, servers=seen.servers, actions=seen.actions, gone=seen.gone, complete=seen.complete
            )
            step = await asyncio.to_thread(self.book.take, read, cause=lambda _: Cause.UNKNOWN)
        found = {
            "requests": seen.cost.requests,
            "received": seen.cost.received,
            "carried": seen.cost.carried,
            "servers": len(seen.servers),
            "in_flight": len(self.book.opened),
            "timed_out": len(step.timed_out),
            "ended": len(step.ended),
        }
        return spent | found | memory()

    async def listing(self, *, now: float) -> Answer:
        """Everything, as a page with openstack-exporter's series of each server; ``json`` is the CPU up to the JSON."""
        self.now = now
        spent: Answer = {}
        received: list[int] = []
        servers: list[Answer] = []
        more: object = True
        with measured(spent):
            began = time.process_time()
            while more:
                query = f"&marker={servers[-1]['id']}" if servers else ""
                reply = await self.session.get("compute", f"/servers/detail?all_tenants=1{query}")
                page = json.loads(reply.body)
                received.append(len(reply.body))
                servers += page["servers"]
                more = page.get("servers_links")
            listed = time.process_time() - began
            text = await asyncio.to_thread(_page, servers)
        found = {"json": listed, "requests": len(received), "received": sum(received), "servers": len(servers)}
        return spent | found | {"bytes": len(text)} | memory()


LABELS = [
    *("id", "status", "name", "tenant_id", "user_id", "address_ipv4", "address_ipv6", "host_id"),
    *("hypervisor_hostname", "uuid", "availability_zone", "flavor_id", "instance_libvirt"),
]
"""Of openstack_nova_server_status, as the README of openstack-exporter 1.7 has it."""


def _page(servers: list[Answer]) -> bytes:
    family = GaugeMetricFamily("openstack_nova_server_status", "server_status", labels=LABELS)
    for server in servers:
        addresses = [each for network in server["addresses"].values() for each in network]
        by_version = {each["version"]: each["addr"] for each in addresses}
        values = [
            server["id"],
            server["status"],
            server["name"],
            server["tenant_id"],
            server["user_id"],
            by_version.get(4, ""),
            by_version.get(6, ""),
            server["hostId"],
            server["OS-EXT-SRV-ATTR:hypervisor_hostname"] or "",
            server["id"],
            server["OS-EXT-AZ:availability_zone"] or "",
            server["flavor"]["original_name"],
            server["OS-EXT-SRV-ATTR:instance_name"] or "",
        ]
        family.add_metric(values, 0.0)
    registry = CollectorRegistry()
    registry.register(_Once(family))
    return generate_latest(registry)


class _Once:
    def __init__(self, family: GaugeMetricFamily) -> None:
        self.family = family

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What prometheus_client asks for."""
        yield self.family


async def _main() -> None:
    reader = CloudReader()
    await serve_async({"start": reader.start, "cycle": reader.cycle, "listing": reader.listing})
    await reader.session.close()


if __name__ == "__main__":
    asyncio.run(_main())
