"""Requests to every member of an Alertmanager cluster, over HTTP: bytes in, bytes out, within limits.

A cluster shares silences, not alerts: those must be told to each member, and asked of each (docs/high_availability.md).
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import aiohttp

from exporter.alertmanager.metrics import Metrics
from exporter.config import Alertmanager, Credentials, Timeouts
from exporter.errors import BadReply, LoginRefused, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.notice import Notice
from exporter.vcenter import tls

_log = logging.getLogger("novacenter.alertmanager")

T = TypeVar("T")

_FAILURES: tuple[tuple[type[Exception], type[SourceError], str], ...] = (  # the first that fits; see aiohttp's tree
    (
        aiohttp.ConnectionTimeoutError,
        TimedOut,
        "no connection within {limits.connect:g} s (timeouts.connect); check URL and firewall",
    ),
    (TimeoutError, TimedOut, "not done in time (timeouts.read, timeouts.total); Alertmanager or the network is slow"),
    (aiohttp.ClientConnectorDNSError, Unreachable, "the name is unknown; check URL and DNS"),
    (aiohttp.ClientConnectorError, Unreachable, "no connection ({reason}); is Alertmanager up, and is this its port?"),
    (aiohttp.ClientResponseError, BadReply, "the reply is not HTTP; something else than Alertmanager answers there"),
    (Exception, Unreachable, "the connection broke ({reason}); Alertmanager, or something on the way, closed it"),
)


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What each member answered, or why it did not, by member."""

    good: Mapping[str, T]
    failed: Mapping[str, SourceError]


def member(url: str) -> str:
    """What a member is called in metrics and the log: its URL without scheme."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}".rstrip("/")


def authorization(credentials: Credentials) -> str:
    """The value of the header Authorization (RFC 7617, RFC 6750)."""
    secret = credentials.secret.reveal()
    if not credentials.username:
        return f"Bearer {secret}"
    return "Basic " + base64.b64encode(f"{credentials.username}:{secret}".encode()).decode()


class Client:
    """One cluster. To be used and closed within one event loop. ``context`` is that of its TLS."""

    def __init__(self, config: Alertmanager, metrics: Metrics, context: ssl.SSLContext) -> None:
        self._urls = {member(url): url.rstrip("/") for url in config.urls}
        self._config = config
        self._metrics = metrics
        self._context = context
        self._session: aiohttp.ClientSession | None = None
        self._notices: dict[tuple[str, str], Notice] = {}
        metrics.keep(self._urls)

    async def get(self, path: str, decode: Callable[[bytes], T], *, operation: str) -> Answers[T]:
        """``decode`` of what each member has at ``path`` below ``/api/v2``; it may raise BadReply."""

        async def ask(url: str) -> T:
            return decode(await self._request("GET", f"{url}/api/v2{path}"))

        return await self._each(ask, operation)

    async def post(self, path: str, body: bytes, *, operation: str) -> Answers[bytes]:
        """Tells each member the same."""
        return await self._each(lambda url: self._request("POST", f"{url}/api/v2{path}", body), operation)

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    async def _each(self, ask: Callable[[str], Awaitable[T]], operation: str) -> Answers[T]:
        """Asks all members at once. None of them can hold up or fail another."""
        results = await asyncio.gather(*(self._one(ask, name, operation) for name in self._urls))
        found = dict(zip(self._urls, results, strict=True))
        return Answers(
            {name: one[0] for name, one in found.items() if isinstance(one, tuple)},
            {name: one for name, one in found.items() if isinstance(one, SourceError)},
        )

    async def _one(self, ask: Callable[[str], Awaitable[T]], name: str, operation: str) -> tuple[T] | SourceError:
        """The answer, or the error, which is counted, and said when it is a new one."""
        notice = self._notices.setdefault((name, operation), Notice(_log, f"Alertmanager {name}, {operation}"))
        try:
            async with asyncio.timeout(self._config.timeouts.total):
                answer = await ask(self._urls[name])
        except SourceError as error:
            failed = error
        except (aiohttp.ClientError, TimeoutError) as error:
            failed = _understood(error, limits=self._config.timeouts)
        else:
            self._metrics.requests.labels(name, operation, "ok").inc()
            notice.well()
            return (answer,)
        self._metrics.requests.labels(name, operation, failed.outcome).inc()
        notice.failed(failed, nature=failed.outcome)
        return failed

    async def _request(self, method: str, url: str, body: bytes | None = None) -> bytes:
        session = self._session = self._session or self._opened()
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as reply:
            content = await self._content(reply)
        _check(reply.status, content)
        return content

    async def _content(self, reply: aiohttp.ClientResponse) -> bytes:
        pieces: list[bytes] = []
        size, limit = 0, self._config.max_reply_bytes
        while piece := await reply.content.readany():
            size += len(piece)
            if size > limit:
                raise ReplyTooLarge(f"the reply is over the limit of {limit} bytes (max_reply); raise it")
            pieces.append(piece)
        return b"".join(pieces)

    def _opened(self) -> aiohttp.ClientSession:
        """aiohttp without its conveniences: proxies from the environment, cookies, unpacking."""
        login, timeouts = self._config.credentials, self._config.timeouts
        headers = {"User-Agent": "novacenter", "Accept": "application/json", "Accept-Encoding": "identity"}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers | ({"Authorization": authorization(login)} if login else {}),
            timeout=aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read),
            trust_env=False,
            auto_decompress=False,
        )


def _check(status: int, content: bytes) -> None:
    """Raises SourceError for what is not a success."""
    if 200 <= status < 300:
        return
    if status in {401, 403}:
        raise LoginRefused(f"HTTP {status}: the login is not accepted; check username and password, or the token")
    if status in {502, 503, 504}:
        raise Unreachable(f"HTTP {status}: a gateway cannot reach it; check that Alertmanager runs")
    said = content[:200].decode("utf-8", "replace")
    raise BadReply(f"HTTP {status}: {said!r}; check that the URL is Alertmanager's, without /api/v2")


def _understood(error: aiohttp.ClientError | TimeoutError, *, limits: Timeouts) -> SourceError:
    """Our error for one of aiohttp's."""
    for cause in (error.__cause__, error):
        if isinstance(cause, ssl.SSLError):
            return tls.explain(cause, "TLS")
    ours, words = next((ours, words) for theirs, ours, words in _FAILURES if isinstance(error, theirs))
    system = getattr(error, "os_error", error)
    reason = str(getattr(system, "strerror", None) or type(error).__name__)
    return ours(words.format(reason=reason, limits=limits))
