"""A cloud as the coverage sees it: the recorded one, changed at will."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import servicelab
from cloudreplies import recorded

from exporter.clock import Clock
from exporter.config import Cloud
from exporter.errors import SourceError
from exporter.openstack import decode
from exporter.openstack.cloud import ApiFault, CloudSnapshot, NotOffered, Reply
from exporter.openstack.model import Hypervisor
from exporter.openstack.services import ServicesSnapshot

NOW = 1_795_400_000.0
FORBIDDEN = ApiFault("forbidden", "Policy doesn't allow it to be performed.", code=403)


def servers() -> CloudSnapshot:
    """The servers that were recorded last."""
    listed = decode.servers(recorded("compute/servers").body).servers
    return CloudSnapshot(now=NOW, mark=NOW, skew=0.0, servers={one.id: one for one in listed}, actions={})


def hypervisors() -> Mapping[str, Hypervisor]:
    """The recorded hypervisors by hostname."""
    found = decode.hypervisors(recorded("compute/hypervisors").body)
    return {one.hostname: one for one in found.values()}


@dataclass
class Recorded:
    """The recorded replies behind the Api protocol; ``failing`` fails what has its text in ``service path``."""

    replies: Mapping[str, str] = field(
        default_factory=lambda: {
            "network /networks": "network/networks",
            "network /ports": "network/ports",
            "network /agents": "network/agents",
            "network /extensions": "network/extensions",
            "compute /os-migrations": "compute/migrations",
            "compute /os-aggregates": "compute/aggregates",
        }
    )
    failing: Mapping[str, SourceError] = field(default_factory=dict)
    bodies: Mapping[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def microversion(self, service: str) -> tuple[int, int] | None:
        """The newest that is spoken."""
        for part, error in self.failing.items():
            if part in f"{service} /":
                raise error
        return (2, 87)

    async def get(self, service: str, path: str) -> Reply:
        """The reply to a path, whatever its query."""
        asked = f"{service} {path}"
        self.asked.append(asked)
        for part, error in self.failing.items():
            if part in asked:
                raise error
        plain = asked.partition("?")[0]
        if plain in self.bodies:
            return Reply(self.bodies[plain], None, 0.0)
        if service == "block-storage":
            raise NotOffered("the catalogue has no block-storage for the public interface")
        body = recorded(self.replies[plain]).body
        host = parse_qs(asked.partition("?")[2]).get("binding:host_id")
        if host:
            ports = [port for port in json.loads(body)["ports"] if port["binding:host_id"] == host[0]]
            body = json.dumps({"ports": ports}).encode()
        return Reply(body, None, 0.0)


@dataclass
class FakeSeen:
    """What a side sees of the recorded cloud."""

    session: Any = field(default_factory=Recorded)
    name: str = "c1"
    cloud: Cloud = field(default_factory=lambda: Cloud("c1"))
    clock: Clock = field(default_factory=lambda: Clock(now=lambda: NOW, monotonic=lambda: NOW))
    snapshot: CloudSnapshot | None = field(default_factory=servers)
    services: ServicesSnapshot | None = field(default_factory=servicelab.snapshot)
    hypervisors: Mapping[str, Hypervisor] | None = field(default_factory=hypervisors)
    vcenters: Mapping[str, Any] = field(default_factory=dict)
    identity: Any = None
    ended: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
