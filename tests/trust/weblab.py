"""Our server behind a gate, and clients for it, over real connections."""

import asyncio
import base64
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, TCPConnector, web
from prometheus_client import CollectorRegistry
from vcenter.tlslab import Authority, Pair

from exporter.clock import Clock
from exporter.publisher import Publisher
from exporter.status import Status
from exporter.trust.gate import Gate, Metrics
from exporter.web import Server, application, serve

HOOK = "/webhook/alertmanager"


def hashed(password: str, cost: int = 4) -> str:
    """bcrypt's hash, as htpasswd writes it."""
    return "$2y$" + bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()[4:]


def tls_section(pair: Pair, *more: str) -> str:
    """The section of a server with this certificate."""
    return "\n".join(("tls_server_config:", f"  cert_file: {pair.cert}", f"  key_file: {pair.key}", *more, ""))


def mutual(pair: Pair, authority: Authority, policy: str = "RequireAndVerifyClientCert", *more: str) -> str:
    """The same, that asks clients for a certificate."""
    return tls_section(pair, f"  client_auth_type: {policy}", f"  client_ca_file: {authority.pem}", *more)


@dataclass
class Guarded:
    """A server of ours that runs."""

    server: Server
    gate: Gate
    registry: CollectorRegistry

    def refused(self) -> dict[str, float]:
        """How many were turned away, by reason; none are left out."""
        reasons = ("certificate", "handshake", "credentials", "busy")
        found = {
            reason: self.registry.get_sample_value("novacenter_web_refused_total", {"reason": reason})
            for reason in reasons
        }
        return {reason: count for reason, count in found.items() if count}

    @property
    def loaded(self) -> float | None:
        """What the metric says of the last reading."""
        return self.registry.get_sample_value("novacenter_web_config_last_reload_successful")


@asynccontextmanager
async def guarded(file: Path, *, own: Iterable[str] = (HOOK,)) -> AsyncIterator[Guarded]:
    """Our whole server behind the gate of ``file``."""

    async def hook(_: web.Request) -> web.Response:
        return web.Response(text="taken\n")

    registry = CollectorRegistry()
    publisher = Publisher(registry, Clock(), budget=10)
    await publisher.build()
    gate = Gate(file, Metrics(registry), key=os.urandom(32), own=own)
    app = application(
        publisher,
        status=lambda: Status(version="1", started=0.0, now=0.0, sources=(), reload_error="secret reason"),
        ready=lambda: False,
        late=lambda: (b"# EOF\n",),
        webhooks={HOOK: hook},
        gate=gate,
    )
    server = await serve(app, "127.0.0.1:0", grace=0.2, tls=gate.tls)
    try:
        yield Guarded(server, gate, registry)
    finally:
        await server.stop()


def client(authority: Authority | None, pair: Pair | None = None, highest: str = "TLSv1_3") -> ssl.SSLContext:
    """A client that trusts the authority, and shows a certificate."""
    made = ssl.create_default_context(cafile=authority.pem if authority else None)
    made.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    made.maximum_version = ssl.TLSVersion[highest]
    if pair is not None:
        made.load_cert_chain(pair.cert, pair.key)
    return made


async def get(
    url: str, context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None, method: str = "GET"
) -> int | str:
    """The status of an answer, or ``refused`` where there is none."""
    connector = TCPConnector(ssl=context if context is not None else True, force_close=True)
    headers = {"Authorization": "Basic " + base64.b64encode(":".join(login).encode()).decode()} if login else {}
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=10)) as http:
        try:
            async with http.request(method, url, headers=headers) as reply:
                await reply.read()
                return reply.status
        except (ClientConnectionError, ssl.SSLError):
            return "refused"


async def serial(server: Server, context: ssl.SSLContext) -> int:
    """The serial number of the certificate that the server shows in a new handshake."""
    host, port = server.url.removeprefix("https://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        shown = writer.get_extra_info("ssl_object").getpeercert()
        writer.close()
        await writer.wait_closed()
    return int(shown["serialNumber"], 16)
