"""The listener: what it tells and counts, how it connects again; and a broker's failures as an operator sees them."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from exporter.broker import messages
from exporter.clock import Clock
from exporter.config import Notifications, Secret, Tls
from exporter.errors import CertificateError, NovacenterError, SourceError, TimedOut, Unreachable
from exporter.notifications import Listener, NotificationCounters
from exporter.openstack.notification import Notification

FIXTURES = Path(__file__).parent / "fixtures" / "openstack" / "notifications"
CONFIG = Notifications(Secret("amqp://novacenter:correct-horse@127.0.0.1/"))
LIMIT = 20.0


def recorded(event: str) -> bytes:
    """A message of the real Nova."""
    return (FIXTURES / f"{event}.json").read_bytes()


class Broker:
    """In place of the real one: each connection is a list of what arrives, or an error; after the last it is silent."""

    def __init__(self, *connections: list[bytes] | SourceError) -> None:
        self._connections = list(connections)
        self.queues: list[str] = []
        self.left = 0
        self.idle = asyncio.Event()

    async def subscribe(self, _: Notifications, queue: str) -> AsyncGenerator[bytes, None]:
        """As ``exporter.broker.messages``."""
        self.queues.append(queue)
        try:
            now = self._connections.pop(0) if self._connections else []
            if isinstance(now, SourceError):
                raise now
            yield b""
            for body in now:
                yield body
            if not self._connections:
                self.idle.set()
                await asyncio.Event().wait()
        finally:
            self.left += 1


class Quick(random.Random):
    """Chance that makes every pause as short as possible, and says how long it would have been."""

    def __init__(self) -> None:
        super().__init__(7)
        self.asked: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        """No pause at all."""
        self.asked.append((a, b))
        return 0.0


def listener(
    broker: Broker, heard: Callable[[Notification], None], *, rng: random.Random | None = None
) -> tuple[Listener, CollectorRegistry]:
    """A listener at ``broker`` in the year 2026, and where it counts."""
    registry = CollectorRegistry()
    made = Listener(
        "c1",
        CONFIG,
        clock=Clock(now=lambda: 1795399600.0),
        rng=rng or Quick(),
        counters=NotificationCounters(registry),
        heard=heard,
        subscribe=broker.subscribe,
    )
    return made, registry


@asynccontextmanager
async def running(made: Listener) -> AsyncIterator[None]:
    """The listener runs, and is cancelled afterwards."""
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT)
        assert task.cancelled()


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """Every sample but when a counter was made."""
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


async def test_what_is_told_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """What is about a server or an error is told, once; all is counted by event and outcome, malformed messages too."""
    told: list[str] = []
    broker = Broker(
        [
            recorded("instance.create.start"),
            recorded("compute.exception"),
            b'{"event_type": "service.update"}',
            b'{"event_type": "instance.fly.end"}',
            b"<html>",
            b"{}",
            recorded("instance.create.error"),
        ]
    )
    made, registry = listener(broker, lambda notification: told.append(notification.event_type))

    with caplog.at_level(logging.INFO):
        async with running(made):
            await asyncio.wait_for(broker.idle.wait(), LIMIT)
            assert made.connected
            connected = counted(registry)

    assert told == ["instance.create.start", "compute.exception", "instance.create.error"]
    assert connected == {
        "novacenter_notifications_total['c1', 'heard', 'instance.create.start']": 1.0,
        "novacenter_notifications_total['c1', 'compute.exception', 'heard']": 1.0,
        "novacenter_notifications_total['c1', 'heard', 'instance.create.error']": 1.0,
        "novacenter_notifications_total['c1', 'ignored', 'service.update']": 1.0,
        "novacenter_notifications_total['c1', 'ignored', 'other']": 1.0,
        "novacenter_notifications_total['c1', 'malformed', 'other']": 2.0,
        "novacenter_notifications_connected['c1']": 1.0,
        "novacenter_notifications_connections_total['c1', 'ok']": 1.0,
        "novacenter_notifications_last_timestamp_seconds['c1']": 1795399600.0,
    }
    assert counted(registry)["novacenter_notifications_connected['c1']"] == 0.0
    assert (made.connected, broker.left) == (False, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"cloud c1: listens to notifications in the queue {broker.queues[0]}",
        "cloud c1: a notification: the message is not JSON that can be read (JSONDecodeError)",
    ]


async def test_connects_again(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is counted each time and said once; each connection has a queue of its own; pauses grow to a limit."""
    down = [Unreachable("broker down; start it") for _ in range(9)]
    rng = Quick()
    broker = Broker(*down, [recorded("instance.create.end")], TimedOut("slow"), [])
    told: list[str] = []
    made, registry = listener(broker, lambda notification: told.append(notification.event_type), rng=rng)

    with caplog.at_level(logging.INFO):
        async with running(made):
            await asyncio.wait_for(broker.idle.wait(), LIMIT)

    connections = {key: value for key, value in counted(registry).items() if "connections" in key}
    assert connections == {
        "novacenter_notifications_connections_total['c1', 'unreachable']": 10.0,
        "novacenter_notifications_connections_total['c1', 'timeout']": 1.0,
        "novacenter_notifications_connections_total['c1', 'ok']": 2.0,
    }
    assert told == ["instance.create.end"]
    assert len(set(broker.queues)) == len(broker.queues) == broker.left == 12
    assert all(name.startswith("novacenter.c1.") for name in broker.queues)
    assert [longest for _, longest in rng.asked] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2]
    assert [shortest * 2 for shortest, _ in rng.asked] == [longest for _, longest in rng.asked]
    said = [record.getMessage() for record in caplog.records if "listens" not in record.getMessage()]
    assert said == [
        "cloud c1: notifications: broker down; start it",
        "cloud c1: notifications: works again after 9 failures (unreachable)",
        "cloud c1: notifications: the broker ended the connection or the queue; it is connected to again",
        "cloud c1: notifications: slow",
        "cloud c1: notifications: works again after 1 failures (timeout)",
    ]


async def test_a_fault_behind_it_stays_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    """What ``heard`` raises is counted, logged once with its traceback, and the next notification is told."""
    told: list[str] = []

    def heard(notification: Notification) -> None:
        told.append(notification.event_type)
        raise KeyError("bug")

    broker = Broker([recorded("instance.create.start"), recorded("instance.create.start")])
    made, registry = listener(broker, heard)

    async with running(made):
        await asyncio.wait_for(broker.idle.wait(), LIMIT)

    assert told == ["instance.create.start"] * 2
    assert counted(registry)["novacenter_notifications_total['c1', 'failed', 'instance.create.start']"] == 2.0
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_a_cloud_that_is_gone_leaves_no_series() -> None:
    """After ``forget`` nothing of the cloud is shown."""
    broker = Broker([recorded("instance.create.start"), b"x"])
    registry = CollectorRegistry()
    counters = NotificationCounters(registry)
    made = Listener(
        "c1", CONFIG, clock=Clock(), rng=Quick(), counters=counters, heard=lambda _: None, subscribe=broker.subscribe
    )
    async with running(made):
        await asyncio.wait_for(broker.idle.wait(), LIMIT)
    assert counted(registry)

    counters.forget("c1")

    assert counted(registry) == {}


# --- the broker: what is not there, or is no broker ------------------------------------------------------------------


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[int]:
    """A server on loopback that is no broker; its port."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as made:
        yield made.sockets[0].getsockname()[1]


async def failure(port: int, *, scheme: str = "amqp") -> NovacenterError:
    """How subscribing fails there."""
    config = Notifications(Secret(f"{scheme}://novacenter:correct-horse@127.0.0.1:{port}/"), tls=Tls())
    with pytest.raises(NovacenterError) as raised:
        async with aclosing(messages(config, "novacenter.test")) as arriving:
            await asyncio.wait_for(anext(arriving), LIMIT)
    return raised.value


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes at once."""
    writer.close()


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as a web server does."""
    await reader.read(8)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


@pytest.mark.parametrize("serve", [hang_up, speak_http])
async def test_no_broker_behind_the_port(serve: Serve) -> None:
    """Something else than a broker is Unreachable; the sentence names host and port, not the password."""
    async with server(serve) as port:
        error = await failure(port)

    assert isinstance(error, SourceError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "horse" not in f"{error}{error.__cause__}"


async def test_nothing_behind_the_port() -> None:
    """A refused connection is Unreachable."""
    async with server(hang_up) as port:
        pass
    error = await failure(port)

    assert isinstance(error, Unreachable)
    assert str(error).startswith(f"broker 127.0.0.1:{port}: Connect call failed")


async def test_no_tls_behind_the_port() -> None:
    """A server without TLS is a CertificateError that names the key to look at."""
    async with server(speak_http) as port:
        error = await failure(port, scheme="amqps")

    assert isinstance(error, CertificateError)
    assert "notifications.tls.ca_file" in str(error)
