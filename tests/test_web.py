"""The HTTP side, over real connections: a server of ours, and clients that behave and that do not."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.exposition import Format, lines
from exporter.model import Family, Row
from exporter.publisher import Publisher
from exporter.status import SourceStatus, State, Status, content_security_policy, to_html, to_json
from exporter.web import Limits, Server, application, serve

USAGE = Family("vsphere_vm_cpu_usage_average_ratio", "gauge", "CPU usage.")
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,*/*;q=0.1"}
GZIP = {"Accept-Encoding": "gzip"}
SOURCE = SourceStatus(name="vc1 <>", url="https://vcenter.example/sdk", state=State.UNKNOWN, entities={})
STATUS = Status(version="0.1.0", started=1_700_000_000.0, now=1_700_000_100.0, sources=(SOURCE,))
LATE = (b"# HELP late Late.\n# TYPE late gauge\n", b'late{vm="a"} 1.0 1700000000\n' * 20_000, b"# EOF\n")
LARGE = 24 * 1024 * 1024
"""Bytes of a page that no socket buffer holds."""


class Agent:
    """A server on a port of its own, and a client for it."""

    def __init__(self, publisher: Publisher, server: Server, client: ClientSession) -> None:
        self.publisher = publisher
        self.server = server
        self.client = client
        self.is_ready = False
        self.opened = contextlib.ExitStack()

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, bytes]:
        """Status and body as they came."""
        async with self.client.request(method, self.server.url + path, headers=headers) as response:
            return response.status, await response.read()

    async def put(self, value: float, *, series: int = 1, size: int = 0) -> None:
        """Publishes a page; ``size`` makes its only label value that long."""
        rows = [Row((("vm", f"web-{number}" + "x" * size),), value) for number in range(series)]
        self.publisher.put("vc1", "realtime", {USAGE: lines(USAGE, rows)}, {USAGE: series})
        await self.publisher.build()

    def metric(self, name: str, **labels: str) -> float | None:
        """A sample of the agent's own metrics as it is now."""
        return self.publisher.registry.get_sample_value(name, labels)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Asks for the agent's health until the condition holds."""
        async with asyncio.timeout(20):
            while not condition():
                assert await self.get("/-/healthy") == (200, b"healthy\n")

    async def stalled(self) -> socket.socket:
        """A scraper that has read the first line of the answer and now reads no further."""
        loop = asyncio.get_running_loop()
        reader = self.opened.enter_context(socket.socket())
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.setblocking(False)
        await loop.sock_connect(reader, self.server.runner.addresses[0])
        await loop.sock_sendall(reader, b"GET /metrics HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
        assert await loop.sock_recv(reader, 17) == b"HTTP/1.1 200 OK\r\n"
        return reader


async def rest(reader: socket.socket) -> bytes:
    """All that still comes from a connection until its end."""
    loop = asyncio.get_running_loop()
    parts = []
    while part := await loop.sock_recv(reader, 1 << 20):
        parts.append(part)
    return b"".join(parts)


@contextlib.asynccontextmanager
async def agent(limits: Limits | None = None, grace: float = 5.0) -> AsyncIterator[Agent]:
    """An agent that has nothing to show but itself."""
    publisher = Publisher(CollectorRegistry(), Clock(), budget=1_000_000)
    found: list[Agent] = []
    app = application(
        publisher, status=lambda: STATUS, ready=lambda: found[0].is_ready, late=lambda: iter(LATE), limits=limits
    )
    server = await serve(app, "127.0.0.1:0", grace=grace)
    async with ClientSession(auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding"]) as client:
        found.append(Agent(publisher, server, client))
        try:
            yield found[0]
        finally:
            found[0].opened.close()
            await server.stop()


async def test_scrape_without_wishes_is_plain_text() -> None:
    """A client that names nothing gets text 0.0.4, uncompressed, with its length announced."""
    async with agent() as subject:
        await subject.put(0.5, series=1000)
        page = await subject.publisher.variant(Format.TEXT, False)
        async with subject.client.get(subject.server.url + "/metrics?target=elsewhere&collect[]=cpu") as response:
            body = await response.read()
            headers = {name: value for name, value in response.headers.items() if name != "Date"}
        assert (response.status, body) == (200, b"".join(page.chunks))
        assert headers == {
            "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
            "Content-Length": str(len(body)),
            "Vary": "Accept, Accept-Encoding",
            "Server": "novacenter",
            "X-Content-Type-Options": "nosniff",
        }
        samples = {family.name: family.samples for family in parse_text(body.decode())}
        assert len(samples[USAGE.name]) == 1000


async def test_prometheus_gets_openmetrics_in_gzip() -> None:
    """The compressed body decodes to exactly the plain one, which is OpenMetrics."""
    async with agent() as subject:
        await subject.put(0.5, series=1000)
        async with subject.client.get(subject.server.url + "/metrics", headers=OPENMETRICS | GZIP) as response:
            body = await response.read()
        assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert response.headers["Content-Encoding"] == "gzip"
        assert response.headers["Content-Length"] == str(len(body))
        assert await subject.get("/metrics", OPENMETRICS) == (200, gzip.decompress(body))
        samples = {family.name: family.samples for family in parse_openmetrics(gzip.decompress(body).decode())}
        assert len(samples[USAGE.name]) == 1000


async def test_wishes_may_come_in_several_header_lines() -> None:
    """RFC 9110, 5.3: repeated header lines are one list."""
    async with agent() as subject:
        wishes = [("Accept", "text/plain;q=0.1"), ("Accept", "application/openmetrics-text")]
        async with subject.client.get(subject.server.url + "/metrics", headers=wishes) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize("path", ["/metrics", "/late", "/", "/status.json", "/-/healthy", "/-/ready"])
async def test_head_is_get_without_a_body(path: str) -> None:
    """HEAD gives the status and headers of GET."""
    async with agent() as subject:
        answers = []
        for method in ("GET", "HEAD"):
            async with subject.client.request(method, subject.server.url + path) as response:
                body = await response.read()
                hop = {"Date", "Transfer-Encoding"}
                answers.append((response.status, {k: v for k, v in response.headers.items() if k not in hop}))
        assert answers[0] == answers[1]
        assert body == b""
        assert subject.metric("novacenter_scrapes_total", format="text", encoding="identity") == (
            1 if path == "/metrics" else None
        )


async def test_ready_when_a_source_is() -> None:
    """Not ready says why; healthy says that the process answers, ready or not."""
    async with agent() as subject:
        assert await subject.get("/-/healthy") == (200, b"healthy\n")
        assert await subject.get("/-/ready") == (
            503,
            b"not ready: no source has completed a cycle\nvc1 <> is not yet known: its first cycle is not over\n",
        )
        subject.is_ready = True
        assert await subject.get("/-/ready") == (200, b"ready\n")


async def test_status_page_and_json() -> None:
    """The page comes with a policy that lets it load nothing; both are what ``status`` makes of the value."""
    async with agent() as subject:
        async with subject.client.get(subject.server.url + "/") as response:
            assert await response.text() == to_html(STATUS)
        assert response.headers["Content-Security-Policy"] == content_security_policy()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        async with subject.client.get(subject.server.url + "/status.json") as response:
            assert await response.text() == to_json(STATUS)
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_late_samples_are_passed_on_as_they_are() -> None:
    """/late is the given OpenMetrics page, whole."""
    async with agent() as subject:
        async with subject.client.get(subject.server.url + "/late") as response:
            assert await response.read() == b"".join(LATE)
        assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics/", 404),
        ("GET", "/metric", 404),
        ("GET", "/-/reload", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("POST", "/nowhere", 404),
        ("POST", "/metrics", 405),
        ("PUT", "/", 405),
        ("DELETE", "/late", 405),
        ("OPTIONS", "/status.json", 405),
        ("POST", "/-/ready", 405),
        ("TRACE", "/-/healthy", 405),
    ],
)
async def test_nothing_else_is_served(method: str, path: str, status: int) -> None:
    """Unknown paths are 404, other methods 405; neither names the software under it."""
    async with agent() as subject, subject.client.request(method, subject.server.url + path) as response:
        assert response.status == status
        assert response.headers["Server"] == "novacenter"


async def test_scrapes_are_counted() -> None:
    """Answered scrapes are counted by format and encoding, and their time is observed."""
    async with agent() as subject:
        for headers in ({}, OPENMETRICS, OPENMETRICS, GZIP, OPENMETRICS | GZIP):
            await subject.get("/metrics", headers)
        counted = {
            (form, encoding): subject.metric("novacenter_scrapes_total", format=form, encoding=encoding)
            for form in ("text", "openmetrics")
            for encoding in ("identity", "gzip")
        }
        assert counted == {
            ("text", "identity"): 1,
            ("text", "gzip"): 1,
            ("openmetrics", "identity"): 2,
            ("openmetrics", "gzip"): 1,
        }
        assert subject.metric("novacenter_scrape_duration_seconds_count") == 5


async def test_concurrent_scrapes_get_whole_pages() -> None:
    """While page after page is made, every scrape gets one of them, complete."""
    async with agent() as subject:
        published: dict[tuple[Format, bool], set[bytes]] = {
            (form, gz): set() for form in Format for gz in (False, True)
        }

        async def remember() -> None:
            for (form, gz), bodies in published.items():
                bodies.add(b"".join((await subject.publisher.variant(form, gz)).chunks))

        async def publish() -> None:
            for value in range(40):
                await subject.put(value, series=2000)
                await remember()

        async def scrape(form: Format, gz: bool) -> list[bytes]:
            headers = (OPENMETRICS if form is Format.OPENMETRICS else {}) | (GZIP if gz else {})
            bodies = []
            while not publishing.done():
                status, body = await subject.get("/metrics", headers)
                assert status == 200
                bodies.append(body)
            return bodies

        await remember()
        publishing = asyncio.create_task(publish())
        variants = list(published) * 2
        scraped = await asyncio.gather(*(scrape(form, gz) for form, gz in variants))
        await publishing
        assert [set(bodies) - published[variant] for variant, bodies in zip(variants, scraped, strict=True)] == [
            set() for _ in variants
        ]
        assert all(len(set(bodies)) > 1 for bodies in scraped)


async def test_slow_readers_are_limited_and_harm_nobody() -> None:
    """While as many as allowed read slowly, the next is told to come again; when one has ended, it is served."""
    async with agent(Limits(writers=2, seconds=60)) as subject:
        await subject.put(1, size=LARGE)
        readers = [await subject.stalled(), await subject.stalled()]
        async with subject.client.get(subject.server.url + "/metrics") as response:
            assert (response.status, await response.read()) == (503, b"2 answers are under way already; try again\n")
        assert response.headers["Retry-After"] == "5"
        assert await subject.get("/-/healthy") == (200, b"healthy\n")
        assert subject.metric("novacenter_scrapes_failed_total", reason="busy") == 1
        whole = b"".join((await subject.publisher.variant(Format.TEXT, False)).chunks)
        await subject.put(2)
        head, body = (await rest(readers[0])).split(b"\r\n\r\n", 1)
        assert b"Content-Length: %d" % len(whole) in head
        assert body == whole
        status, body = await subject.get("/metrics")
        assert status == 200
        assert b'vm="web-0"} 2.0\n' in body


async def test_reader_that_is_too_slow_is_cut_off() -> None:
    """After its time a reader's connection ends short of the announced length: it cannot take a part for the whole."""
    async with agent(Limits(writers=1, seconds=0.2)) as subject:
        await subject.put(1, size=LARGE)
        reader = await subject.stalled()
        await subject.until(lambda: subject.metric("novacenter_scrapes_failed_total", reason="slow") == 1)
        whole = b"".join((await subject.publisher.variant(Format.TEXT, False)).chunks)
        head, body = (await rest(reader)).split(b"\r\n\r\n", 1)
        assert b"Content-Length: %d\r\n" % len(whole) in head
        assert len(body) < len(whole)
        assert whole.startswith(body)
        await subject.put(2)
        assert (await subject.get("/metrics"))[0] == 200


async def test_reader_that_goes_away_is_forgotten() -> None:
    """A client that hangs up in the middle frees its place at once."""
    async with agent(Limits(writers=1, seconds=60)) as subject:
        await subject.put(1, size=LARGE)
        reader = await subject.stalled()
        reader.close()
        await subject.until(lambda: subject.metric("novacenter_scrapes_failed_total", reason="lost") == 1)
        assert (await subject.get("/metrics", GZIP))[0] == 200


async def test_stop_is_quick_even_with_a_slow_reader() -> None:
    """Stopping waits for answers under way, but no longer than its grace."""
    async with agent(grace=0.2) as subject:
        await subject.put(1, size=LARGE)
        await subject.stalled()
        async with asyncio.timeout(10):
            await subject.server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(subject.server.url.rpartition(":")[2]))


async def test_stop_lets_an_answer_end() -> None:
    """An answer under way is written to its end before the server is gone."""
    async with agent() as subject:
        await subject.put(1, size=LARGE)
        reader = await subject.stalled()
        whole, _ = await asyncio.gather(rest(reader), subject.server.stop())
        assert len(whole) > LARGE
        assert whole.endswith(b"".join((await subject.publisher.variant(Format.TEXT, False)).chunks)[-10_000:])


async def test_address_in_use_is_a_configuration_error() -> None:
    """The message names key, address and reason, and what to do."""
    async with agent() as subject:
        taken = subject.server.url.removeprefix("http://")
        other = Publisher(CollectorRegistry(), Clock(), budget=1)
        app = application(other, status=lambda: STATUS, ready=lambda: True, late=lambda: ())
        with pytest.raises(ConfigError) as caught:
            await serve(app, taken)
        assert str(caught.value).startswith(f"listen: cannot listen on {taken} (")
        assert str(caught.value).endswith("end the program that has the address, or set listen: to another one")


async def test_listens_on_ipv6() -> None:
    """An IPv6 address stands in brackets, in the configuration and in the URL."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    publisher = Publisher(CollectorRegistry(), Clock(), budget=1)
    server = await serve(application(publisher, status=lambda: STATUS, ready=lambda: True, late=lambda: ()), "[::1]:0")
    async with ClientSession() as client, client.get(server.url + "/-/ready") as response:
        assert (server.url.startswith("http://[::1]:"), response.status) == (True, 200)
    await server.stop()
