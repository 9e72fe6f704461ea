"""Clients of the simulator: plain pyVmomi in a thread, and raw SOAP for a look at the bytes."""

import asyncio
import io
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

from simulator.vcenter import Server

NOON = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC."""

PC = vmodl.query.PropertyCollector


class Clock:
    """Seconds since the epoch, as set."""

    def __init__(self) -> None:
        self.seconds = NOON + 5

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.seconds


@contextmanager
def session(server: Server, *, password: str = "password") -> Iterator[Any]:
    """A logged-in pyVmomi ServiceInstance that trusts nothing but the server's certificate."""
    parts = urlsplit(server.url)
    trust = ssl.create_default_context(cadata=server.certificate.decode())
    si = SmartConnect(
        host=parts.hostname, port=parts.port, user="administrator@vsphere.local", pwd=password, sslContext=trust
    )
    try:
        yield si
    finally:
        try:
            Disconnect(si)
        finally:
            si._stub.DropConnections()


async def ask(server: Server, work: Callable[[Any], Any]) -> Any:
    """What ``work`` returns, called with the content of a logged-in service instance."""

    def run() -> Any:
        with session(server) as si:
            return work(si.content)

    return await asyncio.to_thread(run)


def view_filter(view: Any, kind: Any, *paths: str) -> Any:
    """The filter that every program uses: the members of a container view, with these properties."""
    through = PC.TraversalSpec(name="view", path="view", skip=False, type=vim.view.ContainerView)
    start = PC.ObjectSpec(obj=view, skip=True, selectSet=[through])
    return PC.FilterSpec(objectSet=[start], propSet=[PC.PropertySpec(type=kind, pathSet=list(paths))])


def container(content: Any, *kinds: Any) -> Any:
    """A recursive container view from the root folder."""
    return content.viewManager.CreateContainerView(content.rootFolder, list(kinds), True)


def table(objects: Any) -> dict[str, dict[str, Any]]:
    """ObjectContents or ObjectUpdates as {managed object id: {path: value}}."""
    return {
        one.obj._moId: {item.name: item.val for item in getattr(one, "propSet", None) or getattr(one, "changeSet", [])}
        for one in objects
    }


def envelope(body: str) -> bytes:
    """A SOAP request around the inner XML of its body."""
    return (
        '<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body>' + body + "</e:Body></e:Envelope>"
    ).encode()


class Raw:
    """Raw SOAP: bodies in, status and bytes out."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url

    async def post(self, body: str, *, action: str = '"urn:vim25/6.5"') -> tuple[int, str]:
        """Status and text of the reply to the inner XML of a SOAP body."""
        data = io.BytesIO(envelope(body))
        async with self.http.post(self.url, data=data, headers={"SOAPAction": action}) as reply:
            return reply.status, await reply.text()

    async def login(self) -> None:
        """Log in; the cookie stays in the jar."""
        status, text = await self.post(LOGIN)
        assert status == 200, text


LOGIN = (
    '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
    "<userName>administrator@vsphere.local</userName><password>password</password></Login>"
)


@asynccontextmanager
async def raw(server: Server) -> AsyncIterator[Raw]:
    """A logged-in raw client that makes a new connection for each call."""
    jar, limit = aiohttp.CookieJar(unsafe=True), aiohttp.ClientTimeout(total=20)
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=limit, connector=connector) as http:
        client = Raw(http, server.url)
        await client.login()
        yield client


def fault_name(text: str) -> str:
    """The vSphere fault in a reply: the element below ``detail``."""
    found = re.search(r"<detail><(\w+)Fault ", text)
    return found[1] if found else ""
