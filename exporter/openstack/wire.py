"""HTTP to a cloud under limits: keystoneauth sends through this, and every failure becomes one of ours."""

import contextlib
import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from exporter.config import Timeouts
from exporter.errors import BadReply, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.vcenter import tls

_CHUNK = 64 * 1024


@dataclass(slots=True)
class Call:
    """What is known of one call of the session, which may send several requests: discovery, a redirect, the request.

    ``failure`` is why the first of them got no answer. No further one is then tried, so that time limits do not add up.
    """

    deadline: float
    failure: SourceError | None = None
    last: requests.Response | None = None


class BoundedAdapter(HTTPAdapter):
    """Sends within the call that ``calling`` set up in this thread; reads each reply whole, up to ``limit`` bytes."""

    def __init__(
        self, context: ssl.SSLContext, *, timeouts: Timeouts, limit: int, monotonic: Callable[[], float], pool: int
    ) -> None:
        self._context = context
        self._timeouts = timeouts
        self._limit = limit
        self._monotonic = monotonic
        self._thread = threading.local()
        if context.verify_mode is ssl.CERT_NONE:  # as the operator chose, who need not be told on each connection
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        super().__init__(pool_maxsize=pool, max_retries=0)

    @contextlib.contextmanager
    def calling(self) -> Iterator[Call]:
        """All requests of this thread within the block are one call, which ends after ``timeouts.total``."""
        call = Call(self._monotonic() + self._timeouts.total)
        self._thread.call = call
        try:
            yield call
        finally:
            del self._thread.call

    def build_connection_pool_key_attributes(self, request: Any, *__: Any, **___: Any) -> Any:
        """The pool of a host, with our TLS instead of what requests would make of its own settings."""
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host, {"ssl_context": self._context} if host["scheme"] == "https" else {}

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Nothing: the context has it all."""

    def send(self, request: Any, *_: Any, **__: Any) -> requests.Response:
        """The reply with its whole body. Raises requests' ConnectionError, having noted why in the call."""
        call: Call = self._thread.call
        where = urlsplit(request.url).netloc
        if call.failure is None:
            try:
                return self._exchange(request, call)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, http.client.HTTPException) as e:
                call.failure = _understood(e, where, limits=self._timeouts)
            except SourceError as e:
                call.failure = type(e)(f"{where}: {e}")
        raise requests.ConnectionError(str(call.failure))

    def _exchange(self, request: Any, call: Call) -> requests.Response:
        reused = request.method == "GET"
        while True:
            left = call.deadline - self._monotonic()
            if left <= 0:
                raise TimedOut(_LATE.format(limits=self._timeouts))
            limits = (min(self._timeouts.connect, left), min(self._timeouts.read, left))
            try:
                reply = super().send(request, stream=True, timeout=limits, verify=True, cert=None, proxies={})
            except requests.ConnectionError as error:
                # RFC 9112, section 9.3.1: a server may close an idle connection just as a request leaves.
                if not reused or not any(isinstance(each, http.client.RemoteDisconnected) for each in _chain(error)):
                    raise
                reused = False
                continue
            self._read(reply, call)
            call.last = reply
            _check_redirect(reply)
            return reply

    def _read(self, reply: requests.Response, call: Call) -> None:
        pieces: list[bytes] = []
        size = 0
        try:
            coding = reply.headers.get("Content-Encoding", "identity").lower()
            if coding != "identity":
                raise BadReply(f"Content-Encoding {coding[:20]!r} was not asked for; a gateway changes the reply")
            for piece in reply.raw.stream(_CHUNK, decode_content=False):
                pieces.append(piece)
                size += len(piece)
                if size > self._limit:
                    raise ReplyTooLarge(f"the reply is over the limit of {self._limit} bytes (max_reply); raise it")
                if self._monotonic() > call.deadline:
                    raise TimedOut(_LATE.format(limits=self._timeouts))
        except BaseException:
            reply.close()
            raise
        reply._content = b"".join(pieces)  # noqa: SLF001 - what requests itself does when it reads the body
        reply._content_consumed = True  # noqa: SLF001


_LATE = "not done within {limits.total:g} s (timeouts.total); the cloud or the network is slow"


def _check_redirect(reply: requests.Response) -> None:
    """Our token goes to no other server than the one that was asked."""
    if not reply.is_redirect:
        return
    here = urlsplit(reply.url)
    there = urlsplit(urljoin(reply.url, reply.headers["Location"]))
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        target = f"{there.scheme}://{there.hostname}{there.path}"[:200]  # its query may hold a token
        raise BadReply(f"redirected to {target}; correct the endpoint in the catalogue, or auth_url")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it stands for: requests and urllib3 wrap in ``args`` and ``reason`` as well."""
    seen: set[int] = set()
    found: list[BaseException | None] = [error]
    while found:
        one = found.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]
        found.extend(each for each in inner if isinstance(each, BaseException))


_FAILURES: tuple[tuple[tuple[type[BaseException], ...], type[SourceError], str], ...] = (  # the first that fits
    (
        (urllib3.exceptions.NameResolutionError,),
        Unreachable,
        "the name is unknown; check URL and DNS",
    ),
    (
        (urllib3.exceptions.NewConnectionError,),
        Unreachable,
        "no connection ({reason}); is the service up, and is this its port?",
    ),
    (
        (urllib3.exceptions.ConnectTimeoutError,),
        TimedOut,
        "no connection within {limits.connect:g} s (timeouts.connect); check URL and firewall",
    ),
    (
        (urllib3.exceptions.ReadTimeoutError, TimeoutError),
        TimedOut,
        "no data for {limits.read:g} s (timeouts.read); the service hangs, or needs longer",
    ),
    (
        (http.client.RemoteDisconnected, ConnectionError),
        Unreachable,
        "the connection broke ({reason}); the service, or something on the way, closed it",
    ),
    (
        (http.client.BadStatusLine, http.client.LineTooLong),
        BadReply,
        "the reply is not HTTP; something else than the service answers there",
    ),
    (
        (Exception,),
        Unreachable,
        "the connection broke ({reason}); the service, or something on the way, closed it",
    ),
)


def _understood(error: Exception, where: str, *, limits: Timeouts) -> SourceError:
    """Our error for one of requests', urllib3's or the system's."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, ssl.SSLError):
            return tls.explain(each, where)
    _, ours, words = next(row for row in _FAILURES if any(isinstance(each, row[0]) for each in chain))
    system = next((each.strerror for each in chain if isinstance(each, OSError) and each.strerror), None)
    return ours(f"{where}: {words.format(limits=limits, reason=system or type(chain[-1]).__name__)}")


def titled(body: bytes) -> str:
    """`` titled '...'`` of an HTML page, for messages; empty where there is none."""
    found = re.search(rb"<title[^>]*>(.{0,400}?)</title", body[:65536], re.IGNORECASE | re.DOTALL)
    return f" titled {' '.join(found[1].decode('utf-8', 'replace').split())[:100]!r}" if found else ""
