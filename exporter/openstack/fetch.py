"""GETs of a cloud's APIs on the event loop, over kept connections: what each cycle does, at a fifth of requests' CPU.

keystoneauth, which logs in and finds the services, is for a few requests an hour (``wire``).
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp

from exporter.config import Timeouts
from exporter.errors import BadReply, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.vcenter import tls

KEEP_ALIVE = 60.0
"""Seconds an idle connection is kept; a server that closes it earlier costs a new one, not a failure."""

_REDIRECTS = 3
_FAILURES: tuple[tuple[type[Exception], type[SourceError], str], ...] = (  # the first that fits; see aiohttp's tree
    (
        aiohttp.ConnectionTimeoutError,
        TimedOut,
        "no connection within {limits.connect:g} s (timeouts.connect); check URL and firewall",
    ),
    (
        aiohttp.SocketTimeoutError,
        TimedOut,
        "no data for {limits.read:g} s (timeouts.read); the service hangs, or needs longer",
    ),
    (TimeoutError, TimedOut, "not done within {limits.total:g} s (timeouts.total); the cloud or the network is slow"),
    (aiohttp.ClientConnectorDNSError, Unreachable, "the name is unknown; check URL and DNS"),
    (
        aiohttp.ClientConnectorError,
        Unreachable,
        "no connection ({reason}); is the service up, and is this its port?",
    ),
    (
        aiohttp.ClientResponseError,
        BadReply,
        "the reply is not HTTP; something else than the service answers there",
    ),
    (
        Exception,
        Unreachable,
        "the connection broke ({reason}); the service, or something on the way, closed it",
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply with its whole body; the names are those of ``requests.Response``."""

    status_code: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


class Fetcher:
    """GETs within time limits and up to ``limit`` bytes. To be used and closed within one event loop."""

    def __init__(self, context: ssl.SSLContext, *, timeouts: Timeouts, limit: int) -> None:
        self._context = context
        self._timeouts = timeouts
        self._limit = limit
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections. Requests under way fail."""
        if self._client is not None:
            await self._client.close()

    async def get(self, url: str, headers: Mapping[str, str], *, seconds: float) -> Answer:
        """The answer, of whatever status, within ``seconds``. ``url`` is quoted already.

        A redirect is followed on the same server alone, so that our token goes to no other. A kept connection that was
        closed meanwhile is replaced. Raises Unreachable, TimedOut, CertificateError, BadReply and ReplyTooLarge.
        """
        where = urlsplit(url).netloc
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _understood(error, where, limits=self._timeouts) from error
        except SourceError as error:
            raise type(error)(f"{where}: {error}") from error

    async def _follow(self, url: str, headers: Mapping[str, str]) -> Answer:
        for _ in range(_REDIRECTS + 1):
            answer = await self._once(url, headers)
            if answer.status_code not in {301, 302, 303, 307, 308} or "Location" not in answer.headers:
                return answer
            target = urljoin(url, answer.headers["Location"])
            here, there = urlsplit(url), urlsplit(target)
            if (here.scheme, here.netloc) != (there.scheme, there.netloc):
                shown = f"{there.scheme}://{there.hostname}{there.path}"[:200]  # its query may hold a token
                raise BadReply(f"redirected to {shown}; correct the endpoint in the catalogue, or auth_url")
            url = target
        raise BadReply(f"redirected more than {_REDIRECTS} times; something else than the service answers there")

    async def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        if self._client is None:
            self._client = _client(self._context, self._timeouts)
        async with self._client.get(url, headers=headers, allow_redirects=False) as reply:
            coding = reply.headers.get("Content-Encoding", "identity").lower()
            if coding != "identity":
                raise BadReply(f"Content-Encoding {coding[:20]!r} was not asked for; a gateway changes the reply")
            pieces: list[bytes] = []
            size = 0
            while piece := await reply.content.readany():
                size += len(piece)
                if size > self._limit:
                    raise ReplyTooLarge(f"the reply is over the limit of {self._limit} bytes (max_reply); raise it")
                pieces.append(piece)
            return Answer(reply.status, reply.reason or "", reply.headers, b"".join(pieces))


def _client(context: ssl.SSLContext, timeouts: Timeouts) -> aiohttp.ClientSession:
    """aiohttp without its conveniences: proxies from the environment, cookies, unpacking."""
    return aiohttp.ClientSession(
        # How many are under way is the session's business, so that waiting is no part of the time limits here.
        connector=aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "novacenter", "Accept": "application/json", "Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(connect=timeouts.connect, sock_read=timeouts.read),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=1024 * 1024,
    )


def _understood(error: aiohttp.ClientError | TimeoutError, where: str, *, limits: Timeouts) -> SourceError:
    """Our error for one of aiohttp's."""
    for cause in (error.__cause__, error):
        if isinstance(cause, ssl.SSLError):
            return tls.explain(cause, where)
    ours, words = next((ours, words) for theirs, ours, words in _FAILURES if isinstance(error, theirs))
    system = getattr(error, "os_error", error)
    reason = str(getattr(system, "strerror", None) or type(error).__name__)
    return ours(f"{where}: {words.format(reason=reason, limits=limits)}")
