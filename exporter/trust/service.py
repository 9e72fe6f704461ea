"""What is told of trust: every edge looked at each hour, after a reload, and when a file or an endpoint has changed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge

from exporter.config import Config
from exporter.configweb import REQUIRED
from exporter.livetls import Stamp, stamp
from exporter.trust import database
from exporter.trust.edges import CloudPlaces, Edge, database_of, edges_of, is_local
from exporter.trust.gate import Gate
from exporter.trust.gate import Metrics as GateMetrics
from exporter.trust.model import EdgeTrust, Role, Trust
from exporter.trust.probe import file_ends, look

AT_ONCE = 8
"""Edges that are looked at at the same time."""

PERIOD = 3600.0
ATTENTION = 60.0
"""Seconds after which at most it is noticed that a file or an endpoint has changed."""


class Metrics:
    """Series of the edges; those of an edge that is gone go with it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.expiry = Gauge(
            "novacenter_certificate_expiry_timestamp_seconds",
            "When a certificate ends. edge: vcenter, openstack, alertmanager, postgresql, broker, web (our server);"
            " role: server, client, or ca (of a file the first that ends).",
            ["edge", "peer", "role"],
            registry=registry,
        )
        self.state = Gauge(
            "novacenter_edge_trust",
            "1 for how far both ends of an edge trust each other: plain, unverified, tls (we verify the server), mutual"
            " (it also turns away who has no certificate). No series where it could not be reached.",
            ["edge", "peer", "state"],
            registry=registry,
        )
        self._shown: set[tuple[Gauge, tuple[str, ...]]] = set()

    def show(self, edges: Iterable[EdgeTrust]) -> None:
        """Replaces all that was shown."""
        wanted: dict[tuple[Gauge, tuple[str, ...]], float] = {}
        for one in edges:
            for expiry in one.expiries:
                wanted[self.expiry, (one.edge, one.peer, expiry.role)] = expiry.not_after
            for state in Trust if one.trust else ():
                wanted[self.state, (one.edge, one.peer, state)] = float(state is one.trust)
        for (gauge, labels), value in wanted.items():
            gauge.labels(*labels).set(value)
        for gauge, labels in self._shown - wanted.keys():
            gauge.remove(*labels)
        self._shown = set(wanted)


def opened(
    config: Callable[[], Config],
    registry: CollectorRegistry,
    *,
    places: Callable[[], Mapping[str, CloudPlaces]],
    own: Iterable[str],
) -> "TrustService":
    """The service of an agent. ``own`` are paths of our server with credentials of their own. Raises ConfigError."""
    gate = Gate(config().web_config, GateMetrics(registry), key=secrets.token_bytes(32), own=own)
    return TrustService(metrics=Metrics(registry), gate=gate, config=config, places=places)


class TrustService:
    """Looks at the edges of the configuration in force, our own server's among them. ``edges`` is the last look."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        gate: Gate,
        config: Callable[[], Config],
        places: Callable[[], Mapping[str, CloudPlaces]],
    ) -> None:
        self.edges: tuple[EdgeTrust, ...] = ()
        self._metrics = metrics
        self.gate = gate
        self._config = config
        self._places = places
        self._seen: object = None
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Looks at every edge now."""
        async with self._looking:
            self._seen = self._signs()
            self.gate.look()
            config = self._config()
            found = (await own(config, self.gate), *await survey(config, self._places()))
            before = {(one.edge, one.peer): one for one in self.edges}
            self.edges = tuple(_kept(one, before.get((one.edge, one.peer))) for one in found)
            self._metrics.show(self.edges)

    async def attend(self) -> None:
        """Looks again where a file or an endpoint has changed."""
        if self._signs() != self._seen:
            await self.look()

    def _signs(self) -> tuple[object, Stamp, Stamp]:
        config, places = self._config(), self._places()
        files = (file for edge in edges_of(config, places) for file in edge.files)
        return places, stamp(files), stamp(self.gate.files)


def _kept(now: EdgeTrust, before: EdgeTrust | None) -> EdgeTrust:
    """Where a server could not be reached, its certificate ends when it was to end before."""
    missing = {Role.SERVER} - {one.role for one in now.expiries}
    if now.trust is not None or before is None or not missing:
        return now
    kept = tuple(one for one in before.expiries if one.role in missing)
    return EdgeTrust(now.edge, now.peer, now.address, None, now.local, (*kept, *now.expiries), now.error)


async def survey(config: Config, places: Mapping[str, CloudPlaces]) -> tuple[EdgeTrust, ...]:
    """Every edge on which we are the client, looked at now. Raises nothing: what fails is the ``error`` of its edge."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(looking: Callable[[], Awaitable[EdgeTrust]]) -> EdgeTrust:
        async with turn:
            return await looking()

    url = database_of(config)
    edges: list[Callable[[], Awaitable[EdgeTrust]]] = [_looked(edge) for edge in edges_of(config, places)]
    if url is not None:
        edges.append(lambda: database.look(url))
    return tuple(await asyncio.gather(*map(one, edges)))


def _looked(edge: Edge) -> Callable[[], Awaitable[EdgeTrust]]:
    return lambda: look(edge)


async def own(config: Config, gate: Gate) -> EdgeTrust:
    """The edge on which we are the server, by what is in force there."""
    host = config.listen.rpartition(":")[0].strip("[]")
    tls = gate.config.tls
    if tls is None:
        return EdgeTrust("web", config.listen, config.listen, Trust.PLAIN, is_local(host), error=gate.problem)
    files = ((Role.SERVER, tls.cert_file), (Role.CA, tls.client_ca_file))
    expiries, problem = await asyncio.to_thread(file_ends, files)
    trust = Trust.MUTUAL if tls.client_auth_type == REQUIRED else Trust.TLS
    return EdgeTrust("web", config.listen, config.listen, trust, is_local(host), expiries, gate.problem or problem)
