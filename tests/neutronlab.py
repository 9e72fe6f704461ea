"""A Neutron in this process: ports by host, paged as the Networking API says, with troubles on order."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exporter.errors import SourceError
from exporter.openstack.cloud import Reply


def encoded(content: Any) -> bytes:
    """A body."""
    return json.dumps(content).encode()


class Pages:
    """A Neutron with so many ports on each host, which pages as the Networking API says."""

    def __init__(self, ports: Mapping[str, int], *, trouble: Mapping[str, SourceError] | None = None) -> None:
        self.ports = ports
        self.trouble = trouble or {}
        self.asked: list[str] = []

    async def get(self, service: str, path: str) -> Reply:
        """Any GET."""
        assert service == "network"
        self.asked.append(path)
        parts = urlsplit(path)
        what, query = parts.path.strip("/"), parse_qs(parts.query)
        if what in self.trouble:
            raise self.trouble[what]
        content: dict[str, Any] = {"agents": [], "extensions": [{"alias": "provider"}], "networks": []}
        if what == "ports":
            content = self._ports(query)
        return Reply(encoded(content), None, 0.0)

    def _ports(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        (host,), (limit,) = query["binding:host_id"], query["limit"]
        ids = [f"{host}-{n:05d}" for n in range(self.ports[host])]
        rest = [one for one in ids if one > query.get("marker", [""])[0]]
        page = [{"id": one, "network_id": "n", "binding:host_id": host} for one in rest[: int(limit)]]
        more = {"ports_links": [{"rel": "next", "href": "..."}]} if len(rest) > int(limit) else {}
        return {"ports": page, **more}

    async def microversion(self, service: str) -> tuple[int, int] | None:  # noqa: ARG002 - as Api has it
        """Neutron has none."""
        return None
