"""Requests to members that behave and that do not: one answer each, within limits, counted by what became of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.alertmanager.client import Client, member
from exporter.alertmanager.metrics import Metrics
from exporter.config import Alertmanager, Credentials, Secret, Timeouts, Tls
from exporter.errors import BadReply, LoginRefused, ReplyTooLarge, SourceError, TimedOut, Unreachable
from exporter.vcenter import tls

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server; its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def client(*urls: str, **more: Any) -> AsyncIterator[tuple[Client, CollectorRegistry]]:
    """A client of these members, which it gives a second."""
    registry = CollectorRegistry()
    settings = Alertmanager(urls=urls, timeouts=Timeouts(1.0, 0.5, 1.0), max_reply_bytes=1000, **more)
    made = Client(settings, Metrics(registry), tls.context(Tls(insecure=True)))
    try:
        yield made, registry
    finally:
        await made.close()


def answers(status: int, body: str = "[]", **headers: str) -> Handler:
    """A handler that always answers this."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, headers=headers)

    return handle


async def hangs(_: web.Request) -> web.Response:
    """Never answers."""
    await asyncio.Event().wait()
    return web.Response()


async def cuts(request: web.Request) -> web.Response:
    """Closes the connection in place of an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def refuses(body: bytes) -> None:
    """A decoder that understands nothing."""
    raise BadReply("not a list")


@pytest.mark.parametrize(
    ("handler", "error", "said"),
    [
        (answers(401), LoginRefused, "check username and password"),
        (answers(403), LoginRefused, "HTTP 403"),
        (answers(404, "page not found"), BadReply, "page not found"),
        (answers(302, "", Location="http://elsewhere.example/"), BadReply, "HTTP 302"),
        (answers(503), Unreachable, "HTTP 503"),
        (answers(200, "x" * 1001), ReplyTooLarge, "1000 bytes"),
        (hangs, TimedOut, "not done in time"),
        (cuts, Unreachable, "the connection broke"),
    ],
)
async def test_what_goes_wrong_is_said_and_counted(
    handler: Handler, error: type[SourceError], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A member that fails is an error that names it, and takes nothing from the one beside it."""
    async with server(handler) as bad, server(answers(200, "fine")) as good, client(bad, good) as (subject, registry):
        found = await subject.get("/alerts", bytes.decode, operation="alerts")
        assert found.good == {member(good): "fine"}
        failed = found.failed[member(bad)]
        assert type(failed) is error
        assert said in str(failed)
        assert [record.getMessage() for record in caplog.records] == [f"Alertmanager {member(bad)}, alerts: {failed}"]
        labels = {"member": member(bad), "operation": "alerts", "outcome": error.outcome}
        assert registry.get_sample_value("novacenter_alertmanager_requests_total", labels) == 1


async def test_nobody_there() -> None:
    """A port where nobody listens is unreachable; an answer that cannot be decoded is a bad reply."""
    async with server(answers(200)) as odd, client("http://127.0.0.1:1", odd) as (subject, _):
        found = await subject.get("/silences", refuses, operation="silences")
        assert {name: type(error) for name, error in found.failed.items()} == {
            "127.0.0.1:1": Unreachable,
            member(odd): BadReply,
        }


async def test_everybody_is_told_with_credentials(tmp_path: Path) -> None:
    """A POST reaches each member, below its path, as JSON, with who we are."""
    heard: list[tuple[str, str, str, bytes]] = []

    async def hear(request: web.Request) -> web.Response:
        said = request.headers
        heard.append((request.path, said["Content-Type"], said["Authorization"], await request.read()))
        return web.Response()

    login = Credentials(Secret("horse"), "novacenter")
    async with (
        server(hear) as one,
        server(hear) as other,
        client(one, f"{other}/am/", credentials=login) as (subject, _),
    ):
        found = await subject.post("/alerts", b"[1]", operation="push")
        assert sorted(found.good) == sorted([member(one), f"{member(other)}/am"])
        basic = "Basic bm92YWNlbnRlcjpob3JzZQ=="
        assert sorted(heard) == sorted(
            (path, "application/json", basic, b"[1]") for path in ("/api/v2/alerts", "/am/api/v2/alerts")
        )
