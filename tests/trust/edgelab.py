"""Each of our clients as one call, against servers that ask for a client certificate."""

import random
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry
from vcenter.tlslab import Authority, Pair, envelope, http

from exporter import broker
from exporter.alertmanager.client import Client
from exporter.alertmanager.metrics import Metrics
from exporter.clock import Clock
from exporter.config import Alertmanager, Cloud, Notifications, Secret, Timeouts, Tls, VCenter
from exporter.errors import SourceError
from exporter.openstack.fetch import Fetcher
from exporter.openstack.session import Session
from exporter.vcenter import tls
from exporter.vcenter.soap import Transport

LIMITS = Timeouts(connect=3.0, read=3.0, total=5.0)
SOAP = http(envelope("<QueryPerfResponse><returnval>1</returnval></QueryPerfResponse>"))


async def vcenter(port: int, trust: Tls) -> str:
    """SOAP over aiohttp."""
    vc = VCenter("vc1", f"https://127.0.0.1:{port}/sdk", username="u", password=Secret("p"), tls=trust, timeouts=LIMITS)
    async with Transport(vc, clock=Clock()) as transport:
        await transport.post(b"<x/>", operation="QueryPerf")
    return "ok"


async def keystone(port: int, trust: Tls) -> str:
    """The login: keystoneauth over requests, in a thread."""
    cloud = Cloud(
        "c1",
        auth_url=f"https://127.0.0.1:{port}/5000/v3",
        username="u",
        password=Secret("p"),
        project_name="admin",
        tls=trust,
        timeouts=LIMITS,
    )
    session = Session(cloud, region=None, clock=Clock(), rng=random.Random(1))
    try:
        await session.get("compute", "/servers")
    finally:
        await session.close()
    return "ok"


async def openstack(port: int, trust: Tls) -> str:
    """A GET of a cycle: aiohttp."""
    fetcher = Fetcher(tls.context(trust), timeouts=LIMITS, limit=100_000)
    try:
        await fetcher.get(f"https://127.0.0.1:{port}/8774/", {}, seconds=5.0)
    finally:
        await fetcher.close()
    return "ok"


async def alertmanager(port: int, trust: Tls) -> str:
    """The API of a member."""
    config = Alertmanager((f"https://127.0.0.1:{port}",), tls=trust, timeouts=LIMITS)
    client = Client(config, Metrics(CollectorRegistry()), tls.context(trust))
    try:
        answers = await client.get("/status", bytes, operation="status")
    finally:
        await client.close()
    for error in answers.failed.values():
        raise error
    return "ok"


async def rabbitmq(port: int, trust: Tls) -> str:
    """The broker of notifications."""
    async for _ in broker.messages(Notifications(Secret(f"amqps://u:p@127.0.0.1:{port}/"), tls=trust), "queue"):
        return "ok"
    return "ended"


CLIENTS: dict[str, Callable[[int, Tls], Awaitable[str]]] = {
    "vcenter": vcenter,
    "keystone": keystone,
    "openstack": openstack,
    "alertmanager": alertmanager,
    "rabbitmq": rabbitmq,
}


async def outcome(client: str, port: int, trust: Tls) -> str:
    """``ok``, or the class of the error and its text without the port."""
    try:
        return await CLIENTS[client](port, trust)
    except SourceError as error:
        return f"{type(error).__name__}: {error}".replace(str(port), "PORT")


def showing(authority: Authority, pair: Pair | None) -> Tls:
    """Trust in the authority, with this certificate of ours."""
    return Tls(authority.pem, pair.cert if pair else None, pair.key if pair else None)
