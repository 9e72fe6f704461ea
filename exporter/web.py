"""HTTP: /metrics, health, the status page and the late samples. Everything is read from values made elsewhere.

No request chooses what is polled: query parameters are ignored.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from aiohttp import ClientConnectionError, hdrs, web
from prometheus_client import CollectorRegistry, Counter, Histogram

from exporter.errors import ConfigError
from exporter.exposition import Format
from exporter.negotiate import negotiate
from exporter.publisher import Publisher, pieces
from exporter.status import Status, content_security_policy, problems, to_html, to_json
from exporter.trust.gate import Gate

SCRAPE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IDLE_LIMIT = 150.0
"""Seconds that an idle connection is kept: longer than the intervals Prometheus is used with."""

_VARY = "Accept, Accept-Encoding"


@dataclass(frozen=True, slots=True)
class Limits:
    """Most /metrics and /late answers under way at once, and the seconds that a reader may take for one."""

    writers: int = 16
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and its address (``http://127.0.0.1:9272``, ``https`` where there is TLS)."""

    url: str
    runner: web.AppRunner

    async def stop(self) -> None:
        """Accepts nothing more, lets answers under way end, and cuts those that take too long."""
        await self.runner.cleanup()


class _Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.scrapes = Counter(
            "novacenter_scrapes_total", "Scrapes answered in full.", ["format", "encoding"], registry=registry
        )
        self.failed = Counter(
            "novacenter_scrapes_failed_total",
            "Scrapes not answered in full: busy (too many at once), slow (reader too slow), lost (reader went away).",
            ["reason"],
            registry=registry,
        )
        for reason in ("busy", "slow", "lost"):
            self.failed.labels(reason)
        self.seconds = Histogram(
            "novacenter_scrape_duration_seconds",
            "Time from a scrape's arrival to the last byte handed over.",
            registry=registry,
            buckets=SCRAPE_BUCKETS,
        )


class _Pages:
    def __init__(
        self,
        publisher: Publisher,
        *,
        status: Callable[[], Status],
        ready: Callable[[], bool],
        late: Callable[[], Iterable[bytes]],
        limits: Limits,
        gate: Gate | None,
    ) -> None:
        self._publisher = publisher
        self._status = status
        self._ready = ready
        self._late = late
        self._limits = limits
        self._gate = gate
        self._metrics = _Metrics(publisher.registry)
        self._writing = 0

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        return await self._limited(request, self._send_metrics)

    async def late(self, request: web.Request) -> web.StreamResponse:
        return await self._limited(request, self._send_late)

    async def healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def ready(self, _: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="ready\n")
        told = self._gate is None or not self._gate.config.users  # reasons name sources, which is not for everybody
        reasons = "".join(f"{problem}\n" for problem in problems(self._status())) if told else ""
        return web.Response(status=503, text=f"not ready: no source has completed a cycle\n{reasons}")

    async def html(self, _: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": content_security_policy(), "Referrer-Policy": "no-referrer"}
        return web.Response(text=to_html(self._status()), content_type="text/html", headers=headers)

    async def json(self, _: web.Request) -> web.Response:
        return web.Response(text=to_json(self._status()), content_type="application/json")

    async def _limited(
        self, request: web.Request, send: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._writing >= self._limits.writers:
            self._metrics.failed.labels("busy").inc()
            text = f"{self._writing} answers are under way already; try again\n"
            return web.Response(status=503, text=text, headers={hdrs.RETRY_AFTER: "5"})
        self._writing += 1
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await send(request)
        except TimeoutError:
            self._metrics.failed.labels("slow").inc()
        except (ConnectionError, ClientConnectionError):
            self._metrics.failed.labels("lost").inc()
        finally:
            self._writing -= 1
        # The head is sent: only an end before the announced length can tell the reader that this is not all.
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    async def _send_metrics(self, request: web.Request) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        began = loop.time()
        accepts = (", ".join(request.headers.getall(name, ())) for name in (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING))
        form, gzip = negotiate(*accepts)
        page = await self._publisher.variant(form, gzip)
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: page.content_type, hdrs.VARY: _VARY})
        response.content_length = page.size
        if gzip:
            response.headers[hdrs.CONTENT_ENCODING] = page.encoding
        await _send(request, response, page.chunks)
        if request.method != hdrs.METH_HEAD:
            self._metrics.scrapes.labels(form.name.lower(), page.encoding).inc()
            self._metrics.seconds.observe(loop.time() - began)
        return response

    async def _send_late(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: Format.OPENMETRICS.value})
        await _send(request, response, () if request.method == hdrs.METH_HEAD else self._late())
        return response


def application(
    publisher: Publisher,
    *,
    status: Callable[[], Status],
    ready: Callable[[], bool],
    late: Callable[[], Iterable[bytes]],
    limits: Limits | None = None,
    webhooks: Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] | None = None,
    gate: Gate | None = None,
) -> web.Application:
    """All that is served. ``late`` gives a whole OpenMetrics page, end mark included; ``webhooks`` take POSTs, by path.

    ``gate`` says who may come in. The metrics of scrapes go on the publisher's registry: make one application for each.
    """
    pages = _Pages(publisher, status=status, ready=ready, late=late, limits=limits or Limits(), gate=gate)
    app = web.Application(middlewares=[gate.middleware] if gate else [])
    app.add_routes(
        [
            web.get("/", pages.html),
            web.get("/status.json", pages.json),
            web.get("/metrics", pages.metrics),
            web.get("/late", pages.late),
            web.get("/-/healthy", pages.healthy),
            web.get("/-/ready", pages.ready),
        ]
    )
    app.add_routes([web.post(path, handler) for path, handler in (webhooks or {}).items()])
    app.on_response_prepare.append(_common_headers)
    if gate is not None:
        app.on_response_prepare.append(gate.headers)
    return app


async def serve(app: web.Application, listen: str, *, grace: float = 5.0, tls: ssl.SSLContext | None = None) -> Server:
    """Serves on ``host:port`` (port 0: any) until stopped, which takes at most ``grace`` seconds.

    Raises ConfigError where the address cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    # aiohttp waits twice: for answers to end by themselves, then for their cancellation.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace / 2, keepalive_timeout=IDLE_LIMIT)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=tls).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(
            f"listen: cannot listen on {listen} ({error.strerror or error}); end the program that has the address, "
            "or set listen: to another one"
        ) from error
    bound = runner.addresses[0][1]
    return Server(f"{'https' if tls else 'http'}://{host}:{bound}", runner)


async def _send(request: web.Request, response: web.StreamResponse, chunks: Iterable[bytes]) -> None:
    """Writes as fast as the reader reads. What waits in memory is one piece; the rest is the page all share."""
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return
    for piece in pieces(chunks):
        await response.write(piece)
        # A reader on the same machine can be so fast that writing never waits.
        await asyncio.sleep(0)
    await response.write_eof()


async def _common_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = "novacenter"
    response.headers["X-Content-Type-Options"] = "nosniff"
