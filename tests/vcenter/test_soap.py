"""The wire to one vCenter, against real servers: each failure is named, within its limits of time and size."""

import asyncio
import gzip
import hashlib
import itertools
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcenter.tlslab import (
    Authority,
    Handler,
    Pair,
    Request,
    Server,
    always,
    blocking_tls,
    envelope,
    fault,
    greeting,
    http,
    never,
    proxying,
    reset,
    server_context,
    serving,
)

from exporter.clock import Clock
from exporter.config import Secret, Timeouts, Tls, VCenter
from exporter.errors import (
    BadReply,
    CertificateError,
    ConfigError,
    Fault,
    NotAuthenticated,
    ReplyTooLarge,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporter.vcenter import soap
from exporter.vcenter.soap import Transport

REQUEST = b"<Envelope>the password is hunter2</Envelope>"
REPLY = envelope("<QueryPerfResponse><returnval>1</returnval></QueryPerfResponse>")
WHERE = "vc1 (127.0.0.1:{port}), QueryPerf: "


@dataclass
class Counts:
    """An observer that keeps what it is told, but for the seconds."""

    seen: list[tuple[str, str, int, int]] = field(default_factory=list)

    def __call__(self, method: str, outcome: str, *, seconds: float, sent: int, received: int) -> None:
        """Keep it."""
        assert 0 <= seconds < 60
        self.seen.append((method, outcome, sent, received))


def vcenter(url: str, **changes: object) -> VCenter:
    """A configuration with limits that no healthy test reaches."""
    made = VCenter("vc1", url, "user", Secret("hunter2"), timeouts=Timeouts(5.0, 5.0, 10.0), max_reply_bytes=1_000_000)
    return replace(made, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def talking(
    handler: Handler, *, context: ssl.SSLContext | None = None, counts: Counts | None = None, **changes: object
) -> AsyncIterator[tuple[Transport, Server]]:
    """A transport and its server."""
    async with (
        serving(handler, context=context) as server,
        Transport(vcenter(server.url, **changes), clock=Clock(), observe=counts) as transport,
    ):
        yield transport, server


async def outcome(asking: Awaitable[bytes]) -> tuple[type[SourceError], str]:
    """The error that a request ends with."""
    with pytest.raises(SourceError) as caught:
        await asking
    assert "hunter2" not in str(caught.value)
    return type(caught.value), str(caught.value)


async def failing(handler: Handler, **changes: object) -> tuple[type[SourceError], str]:
    """The error for a server that behaves like this; ``{port}`` in place of its port."""
    async with talking(handler, **changes) as (transport, server):  # type: ignore[arg-type]
        kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        return kind, message.replace(str(server.port), "{port}")


# --- what is sent, and what comes back --------------------------------------------------------------------------------


async def test_a_request_as_vcenter_wants_it() -> None:
    """One POST with the SOAP headers, byte for byte the body; byte for byte the reply; one observation."""
    counts = Counts()
    async with talking(always(http(REPLY)), counts=counts) as (transport, server):
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        (request,) = server.requests
    assert (request.line, request.body) == ("POST /sdk HTTP/1.1", REQUEST)
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "content-type": "text/xml; charset=UTF-8",
        "soapaction": '"urn:vim25/6.5"',
        "accept-encoding": "gzip",
        "user-agent": "novacenter",
        "accept": "*/*",
        "content-length": str(len(REQUEST)),
    }
    assert counts.seen == [("QueryPerf", "ok", len(REQUEST), len(REPLY))]


async def test_one_connection_is_kept(authority: Authority, server_pair: Pair) -> None:
    """Requests in turn share a connection, over TLS too."""
    trust = Tls(ca_file=authority.pem)
    async with talking(always(http(REPLY)), context=server_context(server_pair), tls=trust) as (transport, server):
        for _ in range(3):
            assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        assert (server.connections, len(server.requests)) == (1, 3)


async def test_connections_are_limited() -> None:
    """``connections`` and SPARE_CONNECTIONS at once; further requests wait, which is not counted as connecting."""
    limit = 1 + soap.SPARE_CONNECTIONS
    busy, release = asyncio.Semaphore(0), asyncio.Event()

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        busy.release()
        await release.wait()
        writer.write(http(REPLY))

    async with talking(handler, connections=1) as (transport, server):
        asked = [asyncio.create_task(transport.post(REQUEST, operation="QueryPerf")) for _ in range(10)]
        for _ in range(limit):
            await busy.acquire()
        assert (server.connections, len(server.requests)) == (limit, limit)
        release.set()
        assert await asyncio.gather(*asked) == [REPLY] * 10
        assert server.connections == limit


async def test_large_bodies_both_ways() -> None:
    """Several MB each way, without a warning, and whole."""
    body, reply = b"x" * 5_000_000, envelope(f"<R>{'y' * 5_000_000}</R>")
    async with talking(always(http(reply)), max_reply_bytes=10_000_000) as (transport, server):
        assert await transport.post(body, operation="QueryPerf") == reply
        assert server.requests[0].body == body


async def test_the_session_cookie_goes_back_as_it_came() -> None:
    """Quotes included, on an address without a name; until the session is forgotten."""
    cookies = iter(['vmware_soap_session="5a\\"b="; Path=/; HttpOnly; Secure;', "route=7", "", "", ""])

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        cookie = next(cookies)
        writer.write(http(REPLY, *([f"Set-Cookie: {cookie}"] if cookie else [])))

    async with talking(handler) as (transport, server):
        for _ in range(4):
            await transport.post(REQUEST, operation="QueryPerf")
        transport.forget_session()
        await transport.post(REQUEST, operation="QueryPerf")
        sent = [request.headers.get("cookie") for request in server.requests]
    session = 'vmware_soap_session="5a\\"b="'
    assert sent == [None, session, f"{session}; route=7", f"{session}; route=7", None]


async def test_a_late_reply_does_not_bring_a_forgotten_session_back() -> None:
    """The cookie of a reply belongs to the session in which its request was sent."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.body == b"slow":
            asked.set()
            await release.wait()
        writer.write(http(REPLY, "Set-Cookie: vmware_soap_session=old" if request.body == b"slow" else "X-Y: z"))

    async with talking(handler) as (transport, server):
        slow = asyncio.create_task(transport.post(b"slow", operation="QueryPerf"))
        await asked.wait()
        transport.forget_session()
        release.set()
        await slow
        await transport.post(REQUEST, operation="QueryPerf")
        assert "cookie" not in server.requests[-1].headers


# --- faults and what is not SOAP --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["500 Internal Server Error", "200 OK"])
async def test_faults(status: str) -> None:
    """The server's fault is raised, whether it comes with status 500 or, from a gateway, with 200."""
    gone = fault("ManagedObjectNotFound", "gone", '<obj type="VirtualMachine">vm-7</obj>')
    counts = Counts()
    async with talking(always(http(gone, status=status)), counts=counts) as (transport, _):
        with pytest.raises(Fault) as caught:
            await transport.post(REQUEST, operation="QueryPerf")
    assert (caught.value.name, caught.value.text, caught.value.subject) == ("ManagedObjectNotFound", "gone", "vm-7")
    assert counts.seen == [("QueryPerf", "fault", len(REQUEST), len(gone))]


async def test_an_ended_session_is_told_apart() -> None:
    """NotAuthenticated has an error and an outcome of its own."""
    counts = Counts()
    ended = http(fault("NotAuthenticated", "The session is not authenticated."), status="500 Internal Server Error")
    async with talking(always(ended), counts=counts) as (transport, _):
        with pytest.raises(NotAuthenticated):
            await transport.post(REQUEST, operation="QueryPerf")
    assert [seen[1] for seen in counts.seen] == ["not_authenticated"]


PAGE = b"<html><head><TITLE>\n Access\x01 denied </TITLE></head><body>hunter2</body></html>"


GATEWAY = "something else than vCenter answers there; check url (it usually ends in /sdk) and proxy"
NOT_BEGUN = "vCenter's service is starting, stopping or down behind its gateway"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (http(PAGE, kind="text/html"), f"HTTP 200 with text/html titled 'Access denied'; {GATEWAY}"),
        (
            http(PAGE, kind="text/html; charset=x", status="500 Oops"),
            f"HTTP 500 with text/html titled 'Access denied'; {GATEWAY}",
        ),
        (
            http(b"", "Location: https://sso.test/login?token=hunter2", status="302 Found"),
            "HTTP 302 with text/xml; redirected to https://sso.test/login; is that the url?",
        ),
        (
            http(PAGE, kind="text/html", status="401 Unauthorized"),
            (
                "HTTP 401 with text/html titled 'Access denied'; a gateway asks for credentials of its own; "
                "url must lead to vCenter itself"
            ),
        ),
        (
            http(b"", kind="text/plain", status="403 Forbidden"),
            "HTTP 403 with text/plain; a gateway or proxy forbids it; url must lead to vCenter itself",
        ),
        (
            http(b"", kind="text/plain", status="404 Not Found"),
            "HTTP 404 with text/plain; no vSphere API at this path; url usually ends in /sdk",
        ),
        (http(b"", kind="text/plain", status="503 No"), f"HTTP 503 with text/plain; {NOT_BEGUN}"),
        (
            http(b"Service Unavailable", kind="text/plain", status="500 Oops"),
            (
                "the reply is not well-formed XML (syntax error: line 1, column 0); "
                "it was cut short, or is not from vCenter"
            ),
        ),
        (http(REPLY, status="500 Oops"), f"HTTP 500 with text/xml; {GATEWAY}"),
        (
            http(REPLY, "Content-Encoding: br"),
            "Content-Encoding 'br' was not asked for; a gateway changes the reply",
        ),
    ],
)
async def test_what_is_not_vcenter_is_a_bad_reply(reply: bytes, words: str) -> None:
    """Status, content type, title of the page and what to do; never the page itself, a query string or our request."""
    assert await failing(always(reply)) == (BadReply, WHERE + words)


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", http(b"x").replace(b": 1\r\n", b": -1\r\n")])
async def test_what_is_not_http_is_a_bad_reply(reply: bytes) -> None:
    """One line that says so, with the words of the HTTP parser."""
    kind, message = await failing(always(reply))
    assert kind is BadReply
    assert message.startswith(WHERE + "the reply is not HTTP (")
    assert message.endswith(f"); {GATEWAY}")
    assert "\n" not in message


# --- size -------------------------------------------------------------------------------------------------------------


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A reply in chunks, whose length nobody declares."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n" + body + end


TOO_LARGE = (
    ReplyTooLarge,
    WHERE + "the reply is over the limit of 1000 bytes (max_reply_bytes); raise it, or exclude objects or counters",
)


async def test_a_declared_length_over_the_limit_is_not_read() -> None:
    """A gigabyte is refused at its header, and the connection closed."""
    huge = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 1000000000\r\n\r\n"
    counts = Counts()
    async with talking(always(huge), max_reply_bytes=1000, counts=counts) as (transport, server):
        kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        await server.ended.get()
    assert (kind, message.replace(str(server.port), "{port}")) == TOO_LARGE
    assert counts.seen == [("QueryPerf", "too_large", len(REQUEST), 0)]


async def test_an_undeclared_length_over_the_limit_is_not_read_on() -> None:
    """A reply without end is given up at the limit, and the connection closed."""

    async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked(b"x" * 900, end=b""))
        while True:
            writer.write(b"64\r\n" + b"x" * 100 + b"\r\n")
            await writer.drain()

    async with talking(endless, max_reply_bytes=1000) as (transport, server):
        kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        await server.ended.get()
    assert (kind, message.replace(str(server.port), "{port}")) == TOO_LARGE


async def test_a_gzip_bomb_is_not_unpacked() -> None:
    """The limit holds for the unpacked size: 100 MB come in 100 kB, and 200 kB of them are unpacked."""
    bomb = gzip.compress(b"\0" * 100_000_000)
    tracemalloc.start()
    try:
        assert await failing(always(http(bomb, "Content-Encoding: gzip")), max_reply_bytes=200_000) == (
            ReplyTooLarge,
            TOO_LARGE[1].replace("1000 ", "200000 "),
        )
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


async def test_a_reply_of_exactly_the_limit_is_read() -> None:
    """The limit is the last size that is accepted, packed or not."""
    for reply in (http(REPLY), http(gzip.compress(REPLY), "Content-Encoding: gzip"), chunked(REPLY[:50], REPLY[50:])):
        async with talking(always(reply), max_reply_bytes=len(REPLY)) as (transport, _):
            assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        kind, _ = await failing(always(reply), max_reply_bytes=len(REPLY) - 1)
        assert kind is ReplyTooLarge


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (gzip.compress(REPLY)[:-9], "the gzip reply is cut short, or goes on after its end"),
        (gzip.compress(REPLY) + b"more", "the gzip reply is cut short, or goes on after its end"),
        (b"", "the gzip reply is cut short, or goes on after its end"),
        (REPLY, "the gzip reply is damaged: Error -4 Invalid gzip/zlib wrapper found"),
        (gzip.compress(REPLY)[:-8] + b"\0" * 8, "the gzip reply is damaged: Error -6 Incorrect checksum found"),
    ],
)
async def test_damaged_gzip_is_a_bad_reply(packed: bytes, words: str) -> None:
    """Truncated, continued, not gzip at all, wrong check sum."""
    assert await failing(always(http(packed, "Content-Encoding: gzip"))) == (BadReply, WHERE + words)


@settings(deadline=None)
@given(data=st.binary(max_size=5000), cuts=st.lists(st.integers(0, 5000)), level=st.integers(0, 9))
def test_gzip_is_unpacked_in_any_pieces(data: bytes, cuts: list[int], level: int) -> None:
    """However the network cuts it, what was packed comes out."""
    packed = zlib.compress(data, level, wbits=31)
    edges = sorted({0, *(cut % (len(packed) + 1) for cut in cuts), len(packed)})
    unpack, finish = soap._unpacker("gzip")
    room = len(data)
    out = b""
    for start, end in itertools.pairwise(edges):
        out += unpack(packed[start:end], room - len(out) + 1)
    finish()
    assert out == data


# --- time -------------------------------------------------------------------------------------------------------------


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """A vCenter, or a line, that yields a byte every 10 ms."""
    writer.write(http(REPLY * 100)[: -len(REPLY) * 100])
    for byte in REPLY * 100:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.01)  # the behaviour under test, not a wait of the test


async def test_the_time_limits() -> None:
    """Silence ends at the read limit, a drip only at the total; the message names the limit."""
    assert await failing(never, timeouts=Timeouts(5.0, 0.2, 10.0)) == (
        TimedOut,
        WHERE + "no data for 0.2 s (timeouts.read); vCenter hangs, or needs longer",
    )
    assert await failing(drip, timeouts=Timeouts(5.0, 0.5, 0.8)) == (
        TimedOut,
        WHERE + "not done within 0.8 s (timeouts.total); vCenter or the network is slow",
    )
    assert await failing(never, timeouts=Timeouts(5.0, 5.0, 0.2)) == (
        TimedOut,
        WHERE + "not done within 0.2 s (timeouts.total); vCenter or the network is slow",
    )


async def test_a_request_may_have_limits_of_its_own() -> None:
    """A long poll is given longer, one request less."""
    async with talking(never) as (transport, _):
        asking = transport.post(REQUEST, operation="WaitForUpdatesEx", timeouts=Timeouts(5.0, 0.1, 5.0))
        assert "no data for 0.1 s" in (await outcome(asking))[1]


async def test_the_handshake_counts_as_connecting() -> None:
    """A port that is open but silent ends at the connect limit."""
    async with greeting(b"") as port:
        slow = vcenter(f"https://127.0.0.1:{port}/sdk", timeouts=Timeouts(0.2, 5.0, 10.0))
        async with Transport(slow, clock=Clock()) as transport:
            assert await outcome(transport.post(REQUEST, operation="QueryPerf")) == (
                TimedOut,
                WHERE.format(port=port)
                + "no connection within 0.2 s (timeouts.connect); check url, firewall and proxy",
            )


async def test_a_cancelled_request_is_counted_and_frees_its_place() -> None:
    """Whoever asked may stop asking: the connection is closed and the next request served."""
    counts = Counts()
    asked = asyncio.Event()

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.set()
        if request.body == b"slow":
            await asyncio.Event().wait()
        writer.write(http(REPLY))

    async with talking(handler, counts=counts, connections=1 - soap.SPARE_CONNECTIONS) as (transport, _):
        slow = asyncio.create_task(transport.post(b"slow", operation="QueryPerf"))
        await asked.wait()
        slow.cancel()
        await asyncio.wait([slow])
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
    assert [seen[1] for seen in counts.seen] == ["cancelled", "ok"]


# --- connections that break -------------------------------------------------------------------------------------------


async def test_nobody_there() -> None:
    """Refused, and a name that is unknown."""
    for url, words in (
        (
            "https://127.0.0.1:1/sdk",
            "(127.0.0.1:1), QueryPerf: no connection (Connect call failed ('127.0.0.1', 1)); is",
        ),
        ("https://vcenter.invalid/sdk", "(vcenter.invalid), QueryPerf: the name vcenter.invalid is unknown ("),
    ):
        async with Transport(vcenter(url), clock=Clock()) as transport:
            kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        assert kind is Unreachable
        assert words in message


@pytest.mark.parametrize("sent", [0, 30, len(http(REPLY)) - 20])
@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_connection_that_breaks(sent: int, abruptly: bool) -> None:
    """Closed or reset before the reply, in its headers or in its body: Unreachable, and no second try."""

    async def breaking(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(http(REPLY)[:sent])
        await writer.drain()
        if abruptly:
            reset(writer)
        else:
            writer.close()

    async with talking(breaking) as (transport, server):
        kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        assert kind is Unreachable
        assert message.startswith(WHERE.format(port=server.port) + "the connection broke (")
        assert "RawResponseMessage" not in message
        assert len(server.requests) == 1


def closing_after(good: int) -> Handler:
    """Serves ``good`` requests per connection, then closes it on the next request, unanswered."""
    served: dict[asyncio.StreamWriter, int] = {}

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        served[writer] = served.get(writer, 0) + 1
        if served[writer] > good:
            writer.close()
        else:
            writer.write(http(REPLY))

    return handler


async def test_a_kept_connection_that_was_closed_is_replaced_unseen() -> None:
    """The request is sent once more on a new connection; both sendings are counted as sent bytes."""
    counts = Counts()
    async with talking(closing_after(1), counts=counts) as (transport, server):
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        assert (server.connections, len(server.requests)) == (2, 3)
    assert [seen[1:3] for seen in counts.seen] == [("ok", len(REQUEST)), ("ok", 2 * len(REQUEST))]


async def test_repeating_is_bounded() -> None:
    """Not on a new connection, not for a request that must not be repeated, and not more than once."""
    async with talking(closing_after(0)) as (transport, server):
        assert (await outcome(transport.post(REQUEST, operation="QueryPerf")))[0] is Unreachable
        assert len(server.requests) == 1
    async with talking(closing_after(1)) as (transport, server):
        await transport.post(REQUEST, operation="Login", repeatable=False)
        assert (await outcome(transport.post(REQUEST, operation="Login", repeatable=False)))[0] is Unreachable
        assert len(server.requests) == 2


@pytest.mark.parametrize("came", [30, len(http(REPLY)) - 20])
async def test_a_reply_that_broke_off_is_not_asked_for_again(came: int) -> None:
    """Once a part of the headers or of the body has come, a request on a kept connection is not repeated either."""
    replies = iter([http(REPLY), http(REPLY)[:came]])

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        reply = next(replies)
        writer.write(reply)
        if len(reply) < len(http(REPLY)):
            writer.close()

    async with talking(handler) as (transport, server):
        await transport.post(REQUEST, operation="QueryPerf")
        assert (await outcome(transport.post(REQUEST, operation="QueryPerf")))[0] is Unreachable
        assert len(server.requests) == 2


async def test_the_next_request_after_a_failure_succeeds() -> None:
    """vCenter restarts: refused or closed, then there again."""
    working = asyncio.Event()

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        if working.is_set():
            writer.write(http(REPLY))
        else:
            reset(writer)

    async with talking(handler) as (transport, _):
        assert (await outcome(transport.post(REQUEST, operation="QueryPerf")))[0] is Unreachable
        working.set()
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY


# --- trust ------------------------------------------------------------------------------------------------------------


async def test_nothing_is_said_to_a_server_that_is_not_trusted(authority: Authority, server_pair: Pair) -> None:
    """Unknown CA or wrong thumbprint, directly or through a proxy: not a byte of the request arrives."""
    pinned = {name: hashlib.new(name, server_pair.der).hexdigest() for name in ("sha256", "sha1")}
    async with proxying() as proxy:
        for through in (None, proxy.url):
            for trust in (Tls(), Tls(thumbprint="ab" * 32), Tls(thumbprint="ab" * 20)):
                async with talking(
                    always(http(REPLY)), context=server_context(server_pair), tls=trust, proxy=through
                ) as (transport, server):
                    kind, message = await outcome(transport.post(REQUEST, operation="Login"))
                    assert kind is CertificateError
                    assert f"vc1 (127.0.0.1:{server.port}), Login: its certificate is not accepted: " in message
                    if server.connections:
                        await server.ended.get()
                    assert (bytes(server.received), server.requests) == (b"", [])
            for thumbprint in pinned.values():
                async with talking(
                    always(http(REPLY)),
                    context=server_context(server_pair),
                    tls=Tls(thumbprint=thumbprint),
                    proxy=through,
                ) as (transport, server):
                    assert await transport.post(REQUEST, operation="Login") == REPLY


async def test_a_server_that_wants_a_client_certificate(authority: Authority, server_pair: Pair) -> None:
    """With TLS 1.3 the refusal arrives after the handshake, and is told as what it is all the same."""
    wanting = server_context(server_pair, client_ca=authority.pem)
    async with blocking_tls(wanting) as port:
        bare = vcenter(f"https://127.0.0.1:{port}/sdk", tls=Tls(ca_file=authority.pem))
        async with Transport(bare, clock=Clock()) as transport:
            kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
        assert kind is CertificateError
        assert message == (
            f"vc1 (127.0.0.1:{port}), QueryPerf ended the TLS handshake (TLSV13_ALERT_CERTIFICATE_REQUIRED); where it "
            "asks for a client certificate, set tls.client_cert and tls.client_key to one that it trusts"
        )
    client = authority.issue("client")
    trust = Tls(authority.pem, client.cert, client.key)
    async with talking(always(http(REPLY)), context=wanting, tls=trust) as (transport, _):
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY


async def test_plain_http_at_the_port_of_https() -> None:
    """No TLS there is no question of certificates."""
    async with (
        greeting(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port,
        Transport(vcenter(f"https://127.0.0.1:{port}/sdk"), clock=Clock()) as transport,
    ):
        assert await outcome(transport.post(REQUEST, operation="QueryPerf")) == (
            Unreachable,
            WHERE.format(port=port) + "no TLS there (WRONG_VERSION_NUMBER); check port and proxy",
        )


# --- proxy and configuration ------------------------------------------------------------------------------------------


async def test_a_proxy_tunnels(authority: Authority, server_pair: Pair) -> None:
    """CONNECT with the proxy's credentials, then TLS with vCenter itself; the proxy sees nothing of the request."""
    async with proxying() as proxy:
        through = f"http://user:p%40ss@127.0.0.1:{proxy.port}"
        async with talking(
            always(http(REPLY)), context=server_context(server_pair), tls=Tls(ca_file=authority.pem), proxy=through
        ) as (transport, server):
            assert await transport.post(REQUEST, operation="QueryPerf") == REPLY
        assert [(request.line, request.headers["proxy-authorization"]) for request in proxy.requests] == [
            (f"CONNECT 127.0.0.1:{server.port} HTTP/1.1", "Basic dXNlcjpwQHNz")
        ]
        assert b"hunter2" not in proxy.received


async def test_a_proxy_that_refuses_or_is_down() -> None:
    """Unreachable, naming the proxy's answer or address, without its credentials."""
    async with proxying(status="407 Proxy Authentication Required") as proxy:
        for through, words in (
            (
                f"http://127.0.0.1:{proxy.port}",
                "the proxy opened no tunnel (HTTP 407); check proxy; novacenter sends it no credentials",
            ),
            ("http://user:hunter2@127.0.0.1:1", "no connection to the proxy 127.0.0.1:1 ("),
        ):
            async with Transport(vcenter("https://192.0.2.1/sdk", proxy=through), clock=Clock()) as transport:
                kind, message = await outcome(transport.post(REQUEST, operation="QueryPerf"))
            assert kind is Unreachable
            assert message.startswith(f"vc1 (192.0.2.1), QueryPerf: {words}")


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies come from the configuration alone."""
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with talking(always(http(REPLY))) as (transport, _):
        assert await transport.post(REQUEST, operation="QueryPerf") == REPLY


@pytest.mark.parametrize(
    ("url", "proxy", "words"),
    [
        ("vcenter.test/sdk", None, "url of vCenter vc1: 'vcenter.test/sdk' is not https://host/sdk"),
        ("ftp://vcenter.test", None, "url of vCenter vc1: 'ftp://vcenter.test' is not https://host/sdk"),
        ("https:///sdk", None, "url of vCenter vc1: 'https:///sdk' is not https://host/sdk"),
        ("https://u:hunter2@vc/sdk", None, "url of vCenter vc1: no user or password there; use username and"),
        ("https://vc/sdk", "socks5://h:1", "proxy of vCenter vc1: only http://host:port or http://user:password@host"),
        (
            "https://vc/sdk",
            "https://u:hunter2@h",
            "proxy of vCenter vc1: only http://host:port or http://user:password",
        ),
    ],
)
async def test_unusable_addresses_are_configuration_errors(url: str, proxy: str | None, words: str) -> None:
    """ConfigError names the key and the vCenter, and no password."""
    with pytest.raises(ConfigError) as caught:
        Transport(vcenter(url, proxy=proxy), clock=Clock())
    assert str(caught.value).startswith(words)
    assert "hunter2" not in str(caught.value)
