"""The vCenter on the network: SOAP over HTTP or HTTPS, with the faults of ``simulator.faults``.

async with serve(model) as server:
    ...  # connect to server.url, trust server.certificate, change server.model, arm server.faults
"""

import asyncio
import re
import ssl
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from pyVmomi import vmodl

from simulator import tls as certificates
from simulator import wire
from simulator.control import install
from simulator.faults import Faults
from simulator.misbehaviour import misbehave
from simulator.model import Model
from simulator.openstack.server import CloudServer
from simulator.service import Service
from simulator.sessions import Caller

COOKIE = "vmware_soap_session"

_VERSIONS = """<?xml version="1.0" encoding="UTF-8"?>
<namespaces version="1.0"><namespace><name>urn:vim25</name><version>{}</version><priorVersions>
<version>8.0.2.0</version><version>8.0.1.0</version><version>8.0.0.0</version><version>7.0.3.0</version>
<version>7.0.0.0</version><version>6.7</version><version>6.5</version><version>6.0</version><version>5.5</version>
</priorVersions></namespace></namespaces>
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """How to speak TLS. ``certificate`` is self-signed where it is not given, good for two years by the model's clock.

    ``client_ca`` (PEM) asks clients for a certificate, ``client_required`` refuses those without one.
    """

    certificate: certificates.Certificate | None = None
    client_ca: bytes | None = None
    client_required: bool = False


class Server:
    """A running vCenter. What it serves is ``model``; what goes wrong is ``faults``; ``cloud`` is the one upon it."""

    def __init__(self, model: Model, faults: Faults, *, compress: bool) -> None:
        self.model = model
        self.faults = faults
        self.cloud: CloudServer | None = None
        self.service = Service(model, faults)
        self.host = "127.0.0.1"
        self.port = 0
        self._compress = compress
        self._directory = Path()
        self._context: ssl.SSLContext | None = None
        self._own: certificates.Certificate | None = None
        self._listener: asyncio.Server | None = None
        app = web.Application(client_max_size=256 << 20)
        app.router.add_post("/sdk", self._soap)
        app.router.add_post("/sdk/", self._soap)
        app.router.add_get("/sdk/vimServiceVersions.xml", self._versions)
        self.app = app
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    @property
    def url(self) -> str:
        """Where clients connect to."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://{self.host}:{self.port}/sdk"

    @property
    def certificate(self) -> bytes:
        """The server's certificate, PEM: self-signed, so it is its own CA. Empty without TLS."""
        return self._own.certificate if self._own else b""

    @property
    def thumbprint(self) -> str:
        """SHA-256 of the server's certificate, lower-case hex. Empty without TLS."""
        return self._own.thumbprint if self._own else ""

    async def start(self, directory: Path, *, tls: Tls | None, host: str, port: int) -> None:
        """Listen. ``directory`` holds the private key while the server runs."""
        self._directory, self.host, self.port = directory, host, port
        if tls is not None:
            self._own = tls.certificate or self._new_certificate()
            self._context = certificates.server_context(directory, self._own, client_ca=tls.client_ca)
            if tls.client_ca and not tls.client_required:
                self._context.verify_mode = ssl.CERT_OPTIONAL
        await self._runner.setup()
        await self.resume()

    async def resume(self) -> None:
        """Accept connections (again), on the same port. Nothing changes where they are accepted."""
        if self._listener is not None:
            return
        loop = asyncio.get_running_loop()
        handler = self._runner.server
        assert handler is not None  # noqa: S101  set by setup()
        self._listener = await loop.create_server(handler, self.host, self.port, ssl=self._context)
        self.port = self._listener.sockets[0].getsockname()[1]

    def halt(self) -> None:
        """Refuse connections and drop those there are, as a vCenter that is down does."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.drop_connections()

    def drop_connections(self) -> None:
        """Close every connection at once."""
        handler = self._runner.server
        for connection in tuple(handler.connections) if handler else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def restart(self, seconds: float = 0.0) -> None:
        """Be down for a while; come back without sessions and with other counter ids."""
        self.halt()
        self.service.sessions.end_all()
        self.model.renumber_counters()
        await asyncio.sleep(seconds)
        await self.resume()

    def fail(self) -> None:
        """Be down until ``resume``; come back without sessions."""
        self.halt()
        self.service.sessions.end_all()

    def change_certificate(self) -> None:
        """Show another self-signed certificate on the same port; connections are dropped."""
        if self._context is not None:
            self._own = self._new_certificate()
            certificates.load(self._context, self._directory, self._own)
        self.drop_connections()

    def _new_certificate(self) -> certificates.Certificate:
        return certificates.self_signed("vcenter.example.org", now=self.model.now())

    async def stop(self) -> None:
        """Stop serving; calls that hang are cut off."""
        self.faults.clear()
        self.service.sessions.end_all()
        self.halt()
        await self._runner.cleanup()

    async def _versions(self, _request: web.Request) -> web.Response:
        text = _VERSIONS.format(self.model.about.api_version)
        return web.Response(text=text, content_type="text/xml")

    async def _soap(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        caller = self._caller(request)
        cleared = self.faults.cleared
        fault = self.faults.take(wire.method_of(body))
        if fault is not None and fault.kind == "expire":
            self.service.sessions.end_all()
            caller.session = None
        elif fault is not None and fault.kind == "delete" and fault.moid in self.model.nodes:
            self.model.remove(fault.moid)
        elif fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        known = caller.session
        response = await self._answer(request, caller, body)
        if caller.session is not None and caller.session is not known:
            cookie = f'{COOKIE}="{caller.session.key}"; Path=/; HttpOnly;{" Secure;" if self._context else ""}'
            response.headers["Set-Cookie"] = cookie
        if fault is not None:
            return await misbehave(request, response, fault, cleared=cleared)
        return response

    async def _answer(self, request: web.Request, caller: Caller, body: bytes) -> web.Response:
        version = wire.version_of(request.headers.get("SOAPAction"), self.model.about.api_version)
        status = 200
        try:
            content = await self.service.call(caller, body, version=version)
        except vmodl.MethodFault as error:
            content, status = wire.fault(error, version), 500
        response = web.Response(body=content, status=status, content_type="text/xml", charset="utf-8")
        if self._compress and "gzip" in request.headers.get("Accept-Encoding", ""):
            response.body = _gzip(content)
            response.headers["Content-Encoding"] = "gzip"
        return response

    def _caller(self, request: web.Request) -> Caller:
        match = re.search(rf'{COOKIE}="?([^";]+)', request.headers.get("Cookie", ""))
        transport = request.transport
        return Caller(
            address=request.remote or "",
            certificate=bool(transport and transport.get_extra_info("peercert")),
            session=self.service.sessions.find(match[1]) if match else None,
        )


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(content) + packer.flush()


@asynccontextmanager
async def serve(
    model: Model,
    faults: Faults | None = None,
    *,
    tls: Tls | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    compress: bool = False,
    control: bool = False,
) -> AsyncIterator[Server]:
    """Serve a model until the block is left. Without ``tls`` it is plain HTTP; port 0 takes a free one.

    ``compress`` answers with gzip where the client offers it, as vCenter does since 8.0.3. ``control`` lets anyone who
    can connect break things by ``POST /fault``.
    """
    server = Server(model, faults or Faults(), compress=compress)
    if control:
        install(server)
    with tempfile.TemporaryDirectory(prefix="vcenter-simulator-") as directory:
        await server.start(Path(directory), tls=tls, host=host, port=port)
        try:
            yield server
        finally:
            await server.stop()
