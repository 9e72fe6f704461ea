"""Whether the APIs answer: one cheap GET with a token to each, its latency and its outcome by class."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.openstack.cloud import Api

PROBES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "keystone": ("identity", "/auth/catalog"),
        "nova": ("compute", "/servers?limit=1"),
        "cinder": ("block-storage", "/volumes?limit=1"),
        "neutron": ("network", "/networks?limit=1&fields=id"),
        "glance": ("image", "/images?limit=1"),
    }
)
"""What is probed: the type in the catalogue, and a request that reaches the database but has a short answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One answer. ``outcome`` is ok or SourceError.outcome (``absent``: the cloud has no such service).

    ``seconds`` is the time of the request alone where it was answered well, else of all that was tried.
    """

    api: str
    outcome: str
    seconds: float
    error: SourceError | None = None


async def probe_apis(api: Api, *, clock: Clock) -> tuple[Probe, ...]:
    """Probe each API once, all at the same time; in the order of PROBES. Raises nothing but for bugs."""
    return tuple(await asyncio.gather(*(_probe(api, name, clock=clock) for name in PROBES)))


async def _probe(api: Api, name: str, *, clock: Clock) -> Probe:
    started = clock.monotonic()
    try:
        reply = await api.get(*PROBES[name])
    except SourceError as error:
        return Probe(name, error.outcome, clock.monotonic() - started, error)
    return Probe(name, "ok", reply.seconds)
