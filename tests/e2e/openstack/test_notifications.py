"""Notifications of the real Nova over the real RabbitMQ: heard, not taken away from others, and gone when we are."""

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Self

import aio_pika
import pytest
from e2e.openstack.cloud import Cloud
from e2e.openstack.lab import Lab
from prometheus_client import CollectorRegistry

from exporter.broker import messages
from exporter.clock import Clock
from exporter.config import Notifications, Secret
from exporter.errors import SourceError
from exporter.notifications import Listener, NotificationCounters
from exporter.openstack.notification import Notification

pytestmark = [pytest.mark.external, pytest.mark.timeout(300)]

BROKER = "amqp://guest:guest@127.0.0.1:5672/"
LIMIT = 60.0


class Ear:
    """A listener, and what it heard."""

    def __init__(self, config: Notifications) -> None:
        self.registry = CollectorRegistry()
        self.heard: list[Notification] = []
        self._news = asyncio.Event()
        self.listener = Listener(
            "lab",
            config,
            clock=Clock(),
            rng=random.Random(),
            counters=NotificationCounters(self.registry),
            heard=self._hear,
        )

    def _hear(self, notification: Notification) -> None:
        self.heard.append(notification)
        self._news.set()

    def value(self, name: str, **labels: str) -> float:
        """A sample; 0 where there is none."""
        return self.registry.get_sample_value(name, {"cloud": "lab", **labels}) or 0.0

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits until a condition on this ear holds."""
        try:
            async with asyncio.timeout(LIMIT):
                while not condition():
                    self._news.clear()
                    try:
                        await asyncio.wait_for(self._news.wait(), 0.2)
                    except TimeoutError:
                        continue
        except TimeoutError:
            pytest.fail(f"not within {LIMIT:g} s: {what}; heard {[said.event for said in self.heard]}")

    def about(self, server: str) -> list[str]:
        """The events of a server, in order."""
        return [said.event for said in self.heard if said.server == server]


class Line:
    """The line to the broker, which can be cut."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Connections go through, on the same port as before."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Open connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", 5672)
        self._open |= {writer, back}
        with suppress(OSError):
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(*, port: int = 5672) -> AsyncIterator[Ear]:
    """A listener at the lab's broker, once it is connected."""
    ear = Ear(Notifications(Secret(f"amqp://guest:guest@127.0.0.1:{port}/")))
    task = asyncio.create_task(ear.listener.run())
    try:
        await ear.until(lambda: ear.listener.connected, "the connection")
        yield ear
    finally:
        task.cancel()
        await asyncio.wait([task])


async def depth(queue: str) -> int:
    """How many messages wait in a queue; ChannelClosed where we may not see it."""
    async with await aio_pika.connect(BROKER) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        return int(declared.declaration_result.message_count or 0)


async def publish(body: bytes) -> None:
    """Sends a notification as Nova does."""
    async with await aio_pika.connect(BROKER) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("nova")
        await exchange.publish(aio_pika.Message(body), "versioned_notifications.info")


async def test_the_life_of_a_server(cloud: Cloud) -> None:
    """A server that is made and stopped is heard of, with host and request; Nova's own queue keeps its copies."""
    async with listening() as ear:
        before = await depth("versioned_notifications.info")
        uuid = await asyncio.to_thread(cloud.create, "heard", "vmware")
        await ear.until(lambda: "instance.create.end" in ear.about(uuid), "the end of the create")
        await asyncio.to_thread(cloud.settled, uuid)
        await asyncio.to_thread(cloud.act, uuid, "os-stop")
        await ear.until(lambda: "instance.power_off.end" in ear.about(uuid), "the end of the stop")
        after = await depth("versioned_notifications.info")

    compute = [event for event in ear.about(uuid) if event.startswith("instance.")]
    assert compute == [
        "instance.create.start",
        "instance.create.end",
        "instance.power_off.start",
        "instance.power_off.end",
    ]
    requests = [action["request_id"] for action in await asyncio.to_thread(cloud.actions, uuid)]
    last = ear.heard[-1]
    assert (last.server, last.host, last.request, last.is_error) == (uuid, "vmware1", requests[0], False)
    assert after - before >= len(compute)
    assert ear.value("novacenter_notifications_total", event="instance.create.end", outcome="heard") >= 1
    assert ear.value("novacenter_notifications_total", event="other", outcome="malformed") == 0


async def test_errors_are_heard(lab: Lab, cloud: Cloud) -> None:
    """What vCenter refuses, what no host fits, and an action that fails are heard as errors, with their exception."""
    async with listening() as ear:
        await asyncio.to_thread(lab.task_fails, "createVM", "NoDiskSpace")
        refused = await asyncio.to_thread(cloud.create, "refused", "vmware:vmware1")
        huge = await asyncio.to_thread(lambda: cloud.create("huge", "vmware", flavor="lab.huge"))
        paused = await asyncio.to_thread(cloud.create, "paused", "vmware")
        await asyncio.to_thread(cloud.settled, paused)
        await asyncio.to_thread(cloud.act, paused, "pause")
        [request] = [action["request_id"] for action in await asyncio.to_thread(cloud.actions, paused)][:1]

        def errors() -> set[tuple[str, str | None, str | None]]:
            return {(said.event, said.server, said.exception) for said in ear.heard if said.is_error}

        wanted = {
            ("instance.create.error", refused, "NoDiskSpaceException"),
            ("compute_task.build_instances.error", huge, "NoValidHost_Remote"),
            ("compute.exception", None, "NotImplementedError"),
        }
        await ear.until(lambda: wanted <= errors(), "the three errors")

    assert [said.request for said in ear.heard if said.event == "compute.exception"] == [request]


async def test_the_queue_is_ours_alone(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else can read the agent's queue, and the broker deletes it when the agent leaves; rubbish is counted."""
    caplog.set_level(logging.INFO)
    async with listening() as ear:
        [queue] = re.findall(r"in the queue (\S+)", caplog.text)
        with pytest.raises(aio_pika.exceptions.ChannelClosed, match="RESOURCE_LOCKED"):
            await depth(queue)
        await publish(b"not JSON")
        rubbish = {"event": "other", "outcome": "malformed"}
        await ear.until(lambda: ear.value("novacenter_notifications_total", **rubbish) == 1, "the malformed message")

    assert ear.value("novacenter_notifications_connected") == 0.0
    with pytest.raises(aio_pika.exceptions.ChannelClosed, match="NOT_FOUND"):
        await depth(queue)


async def test_a_broken_line(lab: Lab) -> None:
    """While the broker cannot be reached the listener tries; once it can, it listens again by itself."""
    lost = {"outcome": "unreachable"}
    async with Line() as line, listening(port=line.port) as ear:
        await line.cut()
        await ear.until(lambda: ear.value("novacenter_notifications_connections_total", **lost) >= 2, "two failures")
        assert not ear.listener.connected
        await line.mend()
        await ear.until(lambda: ear.listener.connected, "the connection again")
        assert ear.value("novacenter_notifications_connections_total", outcome="ok") == 2
        await publish(b'{"event_type": "service.update"}')
        told = {"event": "service.update", "outcome": "ignored"}
        await ear.until(lambda: ear.value("novacenter_notifications_total", **told) == 1, "a notification after it")


@pytest.mark.parametrize(
    ("url", "exchange", "problem"),
    [
        ("amqp://guest:wrong@127.0.0.1:5672/", "nova", "refuses the login"),
        ("amqp://guest:guest@127.0.0.1:5672/nowhere", "nova", "refuses the login"),
        ("amqp://guest:guest@127.0.0.1:5672/", "astra", "has no exchange astra"),
        ("amqps://guest:guest@127.0.0.1:5672/", "nova", "check its port, and notifications.tls.ca_file"),
    ],
)
async def test_what_the_broker_refuses(lab: Lab, url: str, exchange: str, problem: str) -> None:
    """A wrong password, virtual host, exchange or protocol is an error that says what to look at."""
    with pytest.raises(SourceError) as raised:
        async with aclosing(messages(Notifications(Secret(url), exchange=exchange), "novacenter.test")) as arriving:
            await anext(arriving)
    assert str(raised.value).startswith("broker 127.0.0.1:5672")
    assert problem in str(raised.value)
