"""The webhook's door, over real connections: who comes in, how much, and what is answered."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp
import pytest
from alertmanagerlab import STATUS, webhook_body
from prometheus_client import CollectorRegistry

from exporter.alertmanager.evaluator import NotReady
from exporter.alertmanager.metrics import DELIVERIES, Metrics
from exporter.alertmanager.webhook import AT_ONCE, PATH, Receiver
from exporter.alertmanager.wire import Delivery
from exporter.clock import Clock
from exporter.config import Credentials, Secret, Webhook
from exporter.publisher import Publisher
from exporter.web import application, serve
from sla.store.errors import Unavailable

BEARER = Credentials(Secret("correct-horse"))
BASIC = Credentials(Secret("correct:horse"), "alertmanager")
GOOD = {"Authorization": "Bearer correct-horse"}
LIMIT = 64 * 1024


@dataclass
class Door:
    """A web server with the route, and what came through."""

    url: str = ""
    http: aiohttp.ClientSession | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    taken: list[Delivery] = field(default_factory=list)
    fails: Exception | None = None
    waits: asyncio.Event | None = None

    async def deliver(self, delivery: Delivery) -> None:
        """Takes a delivery, or does what the test wants."""
        if self.waits is not None:
            await self.waits.wait()
        if self.fails is not None:
            raise self.fails
        self.taken.append(delivery)

    async def post(self, body: bytes, headers: Mapping[str, str] = GOOD, method: str = "POST") -> tuple[int, str]:
        """Status and text of the answer."""
        assert self.http is not None
        async with self.http.request(method, self.url + PATH, data=body, headers=headers) as reply:
            assert reply.headers.get("WWW-Authenticate", "").partition(" ")[0] in {"", "Bearer", "Basic"}
            return reply.status, await reply.text()

    def counted(self) -> dict[str, float]:
        """The deliveries by outcome, but for those that never happened."""
        values = {one: self.registry.get_sample_value(NAME, {"outcome": one}) for one in DELIVERIES}
        return {outcome: value for outcome, value in values.items() if value}


NAME = "novacenter_alertmanager_webhooks_total"


@contextlib.asynccontextmanager
async def door(credentials: Credentials = BEARER) -> AsyncIterator[Door]:
    """A server whose webhook takes 64 KiB."""
    made = Door()
    receiver = Receiver(Webhook(credentials, LIMIT), Metrics(made.registry), made.deliver)
    publisher = Publisher(made.registry, Clock(), budget=1000)
    routes = {PATH: receiver.handle}
    app = application(publisher, status=lambda: STATUS, ready=lambda: True, late=lambda: (), webhooks=routes)
    server = await serve(app, "127.0.0.1:0", grace=0.2)
    made.url = server.url
    async with aiohttp.ClientSession() as made.http:
        try:
            yield made
        finally:
            await server.stop()


async def test_a_delivery_is_taken() -> None:
    """With the token it comes through as it was sent."""
    async with door() as subject:
        assert await subject.post(webhook_body(truncated=2)) == (200, "taken\n")
        assert subject.taken == [Delivery((), 2)]
        assert subject.counted() == {"taken": 1}


async def test_basic_authentication() -> None:
    """A user with a password, in which there may be a colon."""
    async with door(BASIC) as subject:
        headers = {"Authorization": aiohttp.encode_basic_auth("alertmanager", "correct:horse")}
        assert (await subject.post(webhook_body(), headers))[0] == 200
        assert (await subject.post(webhook_body(), GOOD))[0] == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer correct-hors"},
        {"Authorization": "Bearer correct-horse "[:-1] + "s"},
        {"Authorization": "correct-horse"},
        {"Authorization": "Bearer \udcff\udcfe"},
    ],
)
async def test_nobody_else_comes_in(headers: Mapping[str, str]) -> None:
    """Without the token the answer is 401, whatever the body is, and nothing of the secret is in it."""
    async with door() as subject:
        status, text = await subject.post(b"x" * (LIMIT + 1), headers)
        assert (status, subject.taken, subject.counted()) == (401, [], {"unauthorized": 1})
        assert "horse" not in text


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_has_a_limit(packed: bool) -> None:
    """More than max_body is 413, packed or not; as much as that is read."""
    async with door() as subject:
        body = webhook_body()
        for size, expected in ((LIMIT, 200), (LIMIT + 1, 413)):
            whole = body + b" " * (size - len(body))
            more = {"Content-Encoding": "gzip"} if packed else {}
            status, _ = await subject.post(gzip.compress(whole) if packed else whole, {**GOOD, **more})
            assert status == expected
        assert subject.counted() == {"taken": 1, "too_large": 1}


async def test_a_length_that_is_not_announced_is_counted() -> None:
    """A body in chunks is cut at the limit."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 8192

    async with door() as subject:
        assert subject.http is not None
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with subject.http.post(subject.url + PATH, data=endless(), headers=GOOD) as reply:
                assert reply.status == 413
        assert subject.counted() == {"too_large": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"version": "3", "alerts": []}', b"\xff"])
async def test_what_is_no_delivery_is_refused_for_good(body: bytes) -> None:
    """400: to send it again would not help."""
    async with door() as subject:
        assert (await subject.post(body))[0] == 400
        assert subject.counted() == {"malformed": 1}


@pytest.mark.parametrize("error", [NotReady("not yet"), Unavailable("the store is away")])
async def test_what_may_succeed_later_is_503(error: Exception) -> None:
    """Alertmanager sends again after 5xx alone; then it is taken."""
    async with door() as subject:
        subject.fails = error
        assert await subject.post(webhook_body()) == (503, f"{error}\n")
        subject.fails = None
        assert (await subject.post(webhook_body()))[0] == 200
        assert subject.counted() == {"unavailable": 1, "taken": 1}


async def test_too_many_at_once_are_sent_away() -> None:
    """So many bodies are held in memory, and not one more."""
    async with door() as subject:
        subject.waits = asyncio.Event()
        waiting = [asyncio.create_task(subject.post(webhook_body())) for _ in range(AT_ONCE + 1)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result()[0] for task in done] == [503]
        subject.waits.set()
        assert sorted(status for status, _ in await asyncio.gather(*waiting)) == [200] * AT_ONCE + [503]


async def test_other_methods_and_no_configuration() -> None:
    """The route takes POST alone, and is not there unless it is configured."""
    async with door() as subject:
        assert (await subject.post(b"", method="GET"))[0] == 405
    publisher = Publisher(CollectorRegistry(), Clock(), budget=1000)
    server = await serve(
        application(publisher, status=lambda: STATUS, ready=lambda: True, late=lambda: ()), "127.0.0.1:0", grace=0.2
    )
    async with aiohttp.ClientSession() as http, http.post(server.url + PATH, headers=GOOD) as reply:
        assert reply.status == 404
    await server.stop()
