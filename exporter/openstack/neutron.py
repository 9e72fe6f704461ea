"""Neutron's networks and ports, read page by page with the few fields that are needed."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import urlencode

from exporter.errors import SourceError
from exporter.openstack import neutrondecode as decode
from exporter.openstack.cloud import Api, understood
from exporter.openstack.networkmodel import Agent, Network, NetworkReading, Port
from exporter.openstack.neutrondecode import Page
from exporter.openstack.services import Reading, reading

PAGE = 500
"""Records asked for at once; Neutron gives fewer where its pagination_max_limit is lower."""

MOST = 50_000
"""Networks or ports that are read at most. More of them is an error: a part of the picture would be a wrong one."""

T = TypeVar("T")
Decoder = Callable[[bytes], T]


async def read_networks(api: Api, hosts: Iterable[str]) -> NetworkReading:
    """Networks, agents, extensions, and the ports of these compute hosts. Each by itself; raises nothing but for bugs.

    3 requests, and one more for each host and for every 500 networks or ports of a host.
    """
    async with asyncio.TaskGroup() as group:
        networks = group.create_task(reading(_networks(api)))
        agents = group.create_task(reading(_agents(api)))
        extensions = group.create_task(reading(_extensions(api)))
    ports: Reading[tuple[Port, ...]] = await reading(_ports(api, hosts))
    return NetworkReading(
        networks=networks.result(), ports=ports, agents=agents.result(), extensions=extensions.result()
    )


async def _networks(api: Api) -> tuple[Network, ...]:
    return await _all(api, "networks", decoder=decode.networks, query=_fields(decode.NETWORK_FIELDS))


async def _ports(api: Api, hosts: Iterable[str]) -> tuple[Port, ...]:
    """One host after another: a cloud on VMware has one for each cluster."""
    found: list[Port] = []
    for host in hosts:
        query = [("binding:host_id", host), *_fields(decode.PORT_FIELDS)]
        found += await _all(api, "ports", decoder=decode.ports, query=query)
        _bounded(found, "ports")
    return tuple(found)


async def _agents(api: Api) -> tuple[Agent, ...]:
    return await _get(api, f"/agents?{urlencode(_fields(decode.AGENT_FIELDS))}", decoder=decode.agents)


async def _extensions(api: Api) -> frozenset[str]:
    return await _get(api, f"/extensions?{urlencode(_fields(('alias',)))}", decoder=decode.extensions)


async def _all(api: Api, what: str, *, decoder: Decoder[Page[T]], query: list[tuple[str, str]]) -> tuple[T, ...]:
    """Every page of a list (Networking API, "Pagination")."""
    found: list[T] = []
    marker: str | None = None
    while True:
        asked = [*query, ("limit", str(PAGE)), *([("marker", marker)] if marker else [])]
        page = await _get(api, f"/{what}?{urlencode(asked)}", decoder=decoder)
        found += page.items
        _bounded(found, what)
        if page.marker is None or not page.items:
            return tuple(found)
        marker = page.marker


def _bounded(found: list[T], what: str) -> None:
    if len(found) > MOST:
        raise SourceError(f"Neutron has more than {MOST} {what}; this is more than is compared")


def _fields(names: Iterable[str]) -> list[tuple[str, str]]:
    return [("fields", name) for name in names]


async def _get(api: Api, path: str, *, decoder: Decoder[T]) -> T:
    return await understood(await api.get("network", path), decoder, what=f"network, {path.partition('?')[0]}")
