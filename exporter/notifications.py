"""Nova's versioned notifications of one cloud, heard until cancelled.

They say early where to look; what is true says Nova's API. Nothing but notifications themselves is counted here.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge

from exporter.broker import messages
from exporter.clock import Clock
from exporter.config import Notifications
from exporter.errors import BadReply, ConfigError, SourceError, Unreachable
from exporter.notice import Notice
from exporter.openstack.notification import OTHER, Notification, decode

_log = logging.getLogger("novacenter.notifications")

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before the next attempt to connect, doubled with each that fails."""

MALFORMED = "malformed"

Subscribe: TypeAlias = Callable[[Notifications, str], AsyncGenerator[bytes, None]]
"""As ``exporter.broker.messages``."""


class NotificationCounters:
    """What listeners count, for all clouds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.notifications = Counter(
            "novacenter_notifications_total",
            "Notifications of Nova by event (other: not known) and outcome: heard, ignored, malformed or failed.",
            ("cloud", "event", "outcome"),
            registry=registry,
        )
        self.connected = Gauge(
            "novacenter_notifications_connected",
            "Whether the agent has its queue at the message broker.",
            ("cloud",),
            registry=registry,
        )
        self.connections = Counter(
            "novacenter_notifications_connections_total",
            "Connections to the message broker by outcome: ok, or how one failed or ended.",
            ("cloud", "outcome"),
            registry=registry,
        )
        self.last = Gauge(
            "novacenter_notifications_last_timestamp_seconds",
            "When a notification was last received.",
            ("cloud",),
            registry=registry,
        )

    def forget(self, cloud: str) -> None:
        """Drops every series of a cloud that is no longer configured."""
        for metric in (self.notifications, self.connected, self.connections, self.last):
            metric.remove_by_labels({"cloud": cloud})


class Listener:
    """Hears one cloud. ``heard`` is called in the event loop for whatever is about a server or an error.

    ``heard`` must not block; what it raises is logged and counted. ``rng`` spreads attempts to connect, and names
    queues. ``subscribe`` is the broker.
    """

    def __init__(
        self,
        cloud: str,
        config: Notifications,
        *,
        clock: Clock,
        rng: random.Random,
        counters: NotificationCounters,
        heard: Callable[[Notification], None],
        subscribe: Subscribe = messages,
    ) -> None:
        self.connected = False
        self._cloud = cloud
        self._config = config
        self._clock = clock
        self._rng = rng
        self._counters = counters
        self._heard = heard
        self._subscribe = subscribe
        self._connection = Notice(_log, f"cloud {cloud}: notifications")
        self._malformed = Notice(_log, f"cloud {cloud}: a notification")
        self._broken: set[str] = set()
        self._attempts = 0
        counters.connected.labels(cloud).set(0)

    async def run(self) -> None:
        """Listens until cancelled, and connects again whenever the connection is lost."""
        while True:
            try:
                await self._listen()
            except (SourceError, ConfigError) as error:
                outcome = error.outcome if isinstance(error, SourceError) else "config"
                self._counters.connections.labels(self._cloud, outcome).inc()
                self._connection.failed(error, nature=outcome)
            finally:
                self.connected = False
                self._counters.connected.labels(self._cloud).set(0)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._attempts, 10))
            self._attempts += 1
            await asyncio.sleep(self._rng.uniform(pause / 2, pause))

    async def _listen(self) -> None:
        """One connection, from beginning to end. Raises SourceError or ConfigError."""
        name = f"{self._config.queue}.{self._cloud}.{self._rng.getrandbits(48):012x}"
        async with aclosing(self._subscribe(self._config, name)) as bodies:
            async for body in bodies:
                if not self.connected:
                    self._begun(name)
                else:
                    self._take(body)
        raise Unreachable("the broker ended the connection or the queue; it is connected to again")

    def _begun(self, name: str) -> None:
        self.connected = True
        self._attempts = 0
        self._counters.connected.labels(self._cloud).set(1)
        self._counters.connections.labels(self._cloud, "ok").inc()
        self._connection.well()
        _log.info("cloud %s: listens to notifications in the queue %s", self._cloud, name)

    def _take(self, body: bytes) -> None:
        """One message: understood, counted, told."""
        self._counters.last.labels(self._cloud).set(self._clock.now())
        try:
            notification = decode(body)
        except BadReply as error:
            self._counters.notifications.labels(self._cloud, OTHER, MALFORMED).inc()
            self._malformed.failed(error, nature=MALFORMED)
            return
        self._counters.notifications.labels(self._cloud, notification.event, self._tell(notification)).inc()

    def _tell(self, notification: Notification) -> str:
        """The outcome of telling it."""
        if notification.server is None and not notification.is_error:
            return "ignored"
        try:
            self._heard(notification)
        except Exception as error:  # noqa: BLE001 - the top of a loop
            # What one notification brings about must not end the hearing of others.
            if type(error).__name__ not in self._broken:
                self._broken.add(type(error).__name__)
                _log.exception("cloud %s: unexpected error; the listener goes on. Please report it", self._cloud)
            return "failed"
        return "heard"
