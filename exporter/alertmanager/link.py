"""The loops of one Alertmanager cluster.

Only the agent that judges looks. Another one passes on what it is told by webhook, and tells of incidents too, so that
one of them may die.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator

from exporter.alertmanager.alertlook import AlertLook
from exporter.alertmanager.client import Client
from exporter.alertmanager.evaluator import World
from exporter.alertmanager.silencelook import SilenceLook
from exporter.alertmanager.teller import Teller
from exporter.alertmanager.wire import Delivery, Silence
from exporter.config import Alertmanager
from exporter.pulse import Pulse

GLANCE = 5.0
"""Seconds between two looks at whether silences meet incidents that are new."""


class Link:
    """Everything with one cluster. ``context`` is ``tls.context(config.tls)``."""

    def __init__(self, config: Alertmanager, world: World, context: ssl.SSLContext) -> None:
        self._config = config
        self._world = world
        self._client = Client(config, world.metrics, context)
        self._alerts = AlertLook(config, self._client, world)
        self._silences = SilenceLook(config, self._client, world)
        self._teller = Teller(config.push, self._client, world) if config.push else None

    @property
    def silences(self) -> tuple[tuple[Silence, str], ...]:
        """The silences that are not over, and what became of each (one of ``metrics.SILENCES``)."""
        return self._silences.seen

    async def deliver(self, delivery: Delivery) -> None:
        """Takes a webhook. Raises NotReady and StoreError, after which the same delivery may come again."""
        await self._alerts.deliver(delivery)

    async def run(self) -> None:
        """Runs until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, interval, beat in self._beats():
                    group.create_task(self._pulse(name, interval).run(beat))
        finally:
            await self._client.close()

    def _beats(self) -> Iterator[tuple[str, float, Callable[[], Awaitable[None]]]]:
        interval = self._config.interval
        yield "alerts", min(1.0, interval), self._alerts.beat
        yield "silences", interval, self._silences.look
        yield "windows", min(GLANCE, interval), self._silences.match
        if self._teller is not None and self._config.push is not None:
            yield "push", self._config.push.interval, self._teller.tell

    def _pulse(self, name: str, interval: float) -> Pulse:
        world = self._world
        return Pulse(f"Alertmanager {name}", interval, clock=world.clock, skipped=lambda _: None, broken=world.broken)
