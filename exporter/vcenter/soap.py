"""The wire to one vCenter: a SOAP envelope out, the bytes of the reply back, within limits of time and size.

Knows HTTP, TLS, cookies and what a gateway answers in vCenter's place; of SOAP only where a fault stands.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Protocol, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from isal import isal_zlib

from exporter.clock import Clock
from exporter.config import Timeouts, VCenter
from exporter.errors import BadReply, ConfigError, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.vcenter import faults, tls

SPARE_CONNECTIONS = 2
"""Beyond ``VCenter.connections``, which are for queries: the long poll of the inventory, and keep-alive or log-out."""

KEEP_ALIVE = 120.0
"""Seconds an idle connection is kept: longer than a poll interval, or each cycle would begin with a TLS handshake."""

_READ_BUFFER = 1024 * 1024  # measured: no size costs less CPU; this one pauses the reading of large replies rarely
_COMMON = {
    "Accept-Encoding": "gzip",  # honoured since vCenter 8.0.3; costs less than the TLS it saves
    "User-Agent": "novacenter",
}
_HEADERS = {
    "Content-Type": "text/xml; charset=UTF-8",
    "SOAPAction": '"urn:vim25/6.5"',  # the API version asked for; newer vCenters answer in it
    **_COMMON,
}
_HINTS = {
    401: "a gateway asks for credentials of its own; url must lead to vCenter itself",
    403: "a gateway or proxy forbids it; url must lead to vCenter itself",
    404: "no vSphere API at this path; url usually ends in /sdk",
    407: "the proxy asks for credentials, which novacenter does not send; let the proxy pass this host without",
    502: "vCenter's service is starting, stopping or down behind its gateway",
    503: "vCenter's service is starting, stopping or down behind its gateway",
    504: "vCenter's service is starting, stopping or down behind its gateway",
}
_NO_API = "something else than vCenter answers there; check url (it usually ends in /sdk) and proxy"

_FAILURES: tuple[tuple[type[Exception], type[SourceError], str], ...] = (  # the first that fits; see aiohttp's tree
    (
        aiohttp.ConnectionTimeoutError,
        TimedOut,
        "no connection within {limits.connect:g} s (timeouts.connect); check url, firewall and proxy",
    ),
    (
        aiohttp.SocketTimeoutError,
        TimedOut,
        "no data for {limits.read:g} s (timeouts.read); vCenter hangs, or needs longer",
    ),
    (
        TimeoutError,
        TimedOut,
        "not done within {limits.total:g} s (timeouts.total); vCenter or the network is slow",
    ),
    (
        aiohttp.ClientHttpProxyError,
        Unreachable,
        "the proxy opened no tunnel (HTTP {error.status}); check proxy; novacenter sends it no credentials",
    ),
    (
        aiohttp.ClientProxyConnectionError,
        Unreachable,
        "no connection to the proxy {error.host}:{error.port} ({reason}); check proxy",
    ),
    (
        aiohttp.ClientConnectorDNSError,
        Unreachable,
        "the name {error.host} is unknown ({reason}); check url, proxy and DNS",
    ),
    (
        aiohttp.ClientConnectorError,
        Unreachable,
        "no connection ({reason}); is vCenter up, and {error.port} its port?",
    ),
    (
        aiohttp.ClientResponseError,
        BadReply,
        "the reply is not HTTP ({reason}); " + _NO_API,
    ),
    (
        Exception,
        Unreachable,
        "the connection broke ({reason}); vCenter, or something on the way, closed it",
    ),
)


T = TypeVar("T")


class Observe(Protocol):
    """Told of every request: ``outcome`` is ``ok``, ``cancelled`` or SourceError.outcome; sizes are bytes of bodies."""

    def __call__(self, method: str, outcome: str, *, seconds: float, sent: int, received: int) -> None:
        """Count one request; must not raise."""


@dataclass(slots=True)
class _Exchange:
    """What is known of a request under way: whether it went out on a kept-alive connection, and bytes of bodies."""

    reused: bool = False
    sent: int = 0
    received: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to another API of the same server. ``path`` follows what of the URL is before ``/sdk``."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Transport:
    """Posts to one vCenter and keeps its session cookie. To be made, used and closed within one event loop.

    At most ``vcenter.connections`` + SPARE_CONNECTIONS requests are under way; further ones wait, and their time limits
    start when they are sent. Raises ConfigError where url, proxy or TLS files cannot be used.
    """

    def __init__(self, vcenter: VCenter, *, clock: Clock, observe: Observe | None = None) -> None:
        host = _host(vcenter)
        self._vcenter = vcenter
        self._clock = clock
        self._observe = observe
        self._where = f"{vcenter.name} ({host})"
        self._proxy = _proxy(vcenter)
        self._cookies: dict[str, str] = {}
        self._places = asyncio.Semaphore(vcenter.connections + SPARE_CONNECTIONS)
        self._client = _client(tls.context(vcenter.tls))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections. Requests under way fail."""
        await self._client.close()

    def forget_session(self) -> None:
        """Drop the session cookie: the next request begins a session. Replies still under way cannot bring it back."""
        self._cookies = {}

    async def post(
        self, body: bytes, *, operation: str, timeouts: Timeouts | None = None, repeatable: bool = True
    ) -> bytes:
        """Send one SOAP envelope; the bytes of the reply, which is XML and holds no fault.

        ``operation`` names the request in errors and counters. Where the server closes a kept-alive connection without
        an answer, a ``repeatable`` request is sent once more, within the same total. Raises Unreachable, TimedOut,
        CertificateError, BadReply, ReplyTooLarge, Fault and NotAuthenticated.
        """
        limits = timeouts or self._vcenter.timeouts
        send = partial(self._send, body, timeouts=limits)
        return await self._counted(send, operation=operation, timeouts=limits, repeatable=repeatable)

    async def fetch(self, ask: Ask, decode: Callable[[int, bytes], T], *, operation: str, repeatable: bool = True) -> T:
        """``decode`` of the status and the body of a reply that is no SOAP; it may raise SourceError.

        For the rest as ``post``. The session cookie is not sent.
        """
        limits, send = self._vcenter.timeouts, partial(self._fetch, ask, decode)
        return await self._counted(send, operation=operation, timeouts=limits, repeatable=repeatable)

    async def _counted(
        self, send: Callable[[_Exchange], Awaitable[T]], *, operation: str, timeouts: Timeouts, repeatable: bool
    ) -> T:
        """One request in a place of its own, told to whoever observes."""
        async with self._places:
            exchange = _Exchange()
            started = self._clock.monotonic()
            outcome = "cancelled"
            try:
                reply = await self._answer(
                    send, exchange, operation=operation, timeouts=timeouts, repeatable=repeatable
                )
                outcome = "ok"
            except SourceError as error:
                outcome = error.outcome
                raise
            finally:
                if self._observe:
                    seconds = self._clock.monotonic() - started
                    self._observe(operation, outcome, seconds=seconds, sent=exchange.sent, received=exchange.received)
            return reply

    async def _answer(
        self,
        send: Callable[[_Exchange], Awaitable[T]],
        exchange: _Exchange,
        *,
        operation: str,
        timeouts: Timeouts,
        repeatable: bool,
    ) -> T:
        """Send, repeat where a kept-alive connection was closed, and put every failure into our own words."""
        try:
            async with asyncio.timeout(timeouts.total):
                try:
                    return await send(exchange)
                except (
                    aiohttp.ServerDisconnectedError,
                    aiohttp.ClientOSError,
                    aiohttp.ClientConnectionResetError,
                ) as error:
                    # RFC 9112, section 9.3.1: a server may close an idle connection just as a request leaves.
                    if not (repeatable and exchange.reused) or _half_read(error):
                        raise
                return await send(exchange)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _understood(error, f"{self._where}, {operation}", limits=timeouts) from error
        except BadReply as error:
            raise type(error)(f"{self._where}, {operation}: {error}") from error
        except ReplyTooLarge as error:
            raise ReplyTooLarge(f"{self._where}, {operation}: {error}") from error

    async def _send(self, body: bytes, exchange: _Exchange, *, timeouts: Timeouts) -> bytes:
        cookies = self._cookies  # this session's: forget_session meanwhile does not mix two sessions
        headers = _HEADERS
        if cookies:
            headers = _HEADERS | {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        exchange.sent += len(body)
        async with self._client.post(
            self._vcenter.url,
            data=BytesIO(body),  # not bytes: a large body is then sent in slices that let the event loop breathe
            headers=headers,
            timeout=aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read),
            allow_redirects=False,
            proxy=self._proxy,
            trace_request_ctx=exchange,
        ) as response:
            for line in response.headers.getall("Set-Cookie", ()):
                name, _, value = line.partition(";")[0].partition("=")
                cookies[name.strip()] = value.strip()
            reply = await _read(response, exchange, limit=self._vcenter.max_reply_bytes)
            return _soap(response, reply)

    async def _fetch(self, ask: Ask, decode: Callable[[int, bytes], T], exchange: _Exchange) -> T:
        timeouts = self._vcenter.timeouts
        if self._client.closed:
            raise Unreachable(f"{self._where}: its connections are closed, since the agent reads it no longer")
        exchange.sent += len(ask.body)
        async with self._client.request(
            ask.method,
            self._vcenter.url.rstrip("/").removesuffix("/sdk") + ask.path,
            data=ask.body or None,
            headers={**_COMMON, **ask.headers},
            timeout=aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read),
            allow_redirects=False,
            proxy=self._proxy,
            trace_request_ctx=exchange,
        ) as response:
            return decode(response.status, await _read(response, exchange, limit=self._vcenter.max_reply_bytes))


async def _read(response: aiohttp.ClientResponse, exchange: _Exchange, *, limit: int) -> bytes:
    """The body, unpacked. Stops, which closes the connection, as soon as it is known to be over ``limit`` bytes."""
    too_large = (
        f"the reply is over the limit of {limit} bytes (max_reply_bytes); raise it, or exclude objects or counters"
    )
    if (response.content_length or 0) > limit:
        raise ReplyTooLarge(too_large)
    unpack, finish = _unpacker(response.headers.get("Content-Encoding", "identity").lower())
    pieces: list[bytes] = []
    room = limit
    while packed := await response.content.readany():
        exchange.received += len(packed)
        piece = unpack(packed, room + 1)
        room -= len(piece)
        if room < 0:
            raise ReplyTooLarge(too_large)
        pieces.append(piece)
    finish()
    return b"".join(pieces)


def _unpacker(coding: str) -> tuple[Callable[[bytes, int], bytes], Callable[[], None]]:
    """A function that unpacks a piece of a body to at most so many bytes (against bombs), and a check for the end."""
    if coding == "identity":
        return (lambda packed, _: packed), (lambda: None)
    if coding not in {"gzip", "x-gzip"}:
        raise BadReply(f"Content-Encoding {faults.clip(coding)!r} was not asked for; a gateway changes the reply")
    inflate = isal_zlib.decompressobj(wbits=31)

    def unpack(packed: bytes, room: int) -> bytes:
        try:
            return bytes(inflate.decompress(packed, room))
        except isal_zlib.error as error:  # type: ignore[misc]  # the stub of isal says instance, not class
            raise BadReply(f"the gzip reply is damaged: {error}") from error

    def finish() -> None:
        if not inflate.eof or inflate.unused_data:
            raise BadReply("the gzip reply is cut short, or goes on after its end")

    return unpack, finish


def _soap(response: aiohttp.ClientResponse, reply: bytes) -> bytes:
    """The reply, where it is the result of a SOAP call. Raises the fault in it, or BadReply saying what it is."""
    if response.status in {200, 500} and "html" not in response.content_type:
        fault = faults.parse(reply)
        if fault is not None:
            raise fault
        if response.status == 200:
            return reply
    title = re.search(rb"<title[^>]*>(.{0,400}?)</title", reply[:65536], re.IGNORECASE | re.DOTALL)
    said = f" titled {faults.clip(title[1].decode('utf-8', 'replace'))[:100]!r}" if title else ""
    hint = _HINTS.get(response.status, _NO_API)
    if 300 <= response.status < 400:
        target = urlsplit(response.headers.get("Location", ""))  # its query may hold a token
        hint = f"redirected to {faults.clip(f'{target.scheme}://{target.hostname}{target.path}')}; is that the url?"
    raise BadReply(f"HTTP {response.status} with {faults.clip(response.content_type)}{said}; {hint}")


def _understood(error: aiohttp.ClientError | TimeoutError, where: str, *, limits: Timeouts) -> SourceError:
    """Our error for one of aiohttp's."""
    for cause in (error.__cause__, error):
        if isinstance(cause, ssl.SSLError):
            return tls.explain(cause, where)
    ours, words = next((ours, words) for theirs, ours, words in _FAILURES if isinstance(error, theirs))
    return ours(f"{where}: {words.format(error=error, reason=_reason(error), limits=limits)}")


def _reason(error: Exception) -> str:
    """The operating system's words where there are any, else aiohttp's."""
    if _half_read(error):
        return "in the middle of the reply's headers"
    system = getattr(error, "os_error", error)
    words = str(getattr(system, "strerror", None) or getattr(error, "message", system))
    return faults.clip(words) or type(error).__name__


def _half_read(error: Exception) -> bool:
    """Whether the connection was closed within the headers of a reply, which aiohttp then has for a message."""
    return isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(error.message, str)


def _host(vcenter: VCenter) -> str:
    """Host and port of the URL, for messages. A URL with credentials is refused: it would be printed."""
    url = urlsplit(vcenter.url)
    if url.scheme not in {"https", "http"} or not url.hostname:
        raise ConfigError(f"url of vCenter {vcenter.name}: {vcenter.url!r} is not https://host/sdk")
    if url.username is not None:
        raise ConfigError(f"url of vCenter {vcenter.name}: no user or password there; use username and password_file")
    return url.netloc


def _proxy(vcenter: VCenter) -> str | None:
    """The proxy's URL. It may hold credentials, so it is not repeated in messages."""
    if vcenter.proxy is not None:
        url = urlsplit(vcenter.proxy)
        if url.scheme != "http" or not url.hostname:
            raise ConfigError(
                f"proxy of vCenter {vcenter.name}: only http://host:port or http://user:password@host:port"
            )
    return vcenter.proxy


def _client(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """aiohttp without its conveniences: proxies from the environment, cookies, unpacking, time limits of its own."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        # Connections are counted by Transport, so that waiting for one is no part of the time limit for connecting.
        connector=aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=_READ_BUFFER,
        trace_configs=[trace],
    )


async def _note_reuse(_: object, trace: SimpleNamespace, __: object) -> None:
    trace.trace_request_ctx.reused = True
