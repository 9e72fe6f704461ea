"""The link that the configuration asks for, over reloads, and the route of its webhook."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from exporter.alertmanager.evaluator import SETTLED, Evaluator, World
from exporter.alertmanager.link import Link
from exporter.alertmanager.metrics import Metrics
from exporter.alertmanager.webhook import PATH, Receiver
from exporter.clock import Clock
from exporter.config import Alertmanager
from exporter.telemetry import Telemetry
from exporter.vcenter import tls


class Service:
    """Runs the link in force. Without a configuration there is none, and no metric of it. ``settled`` is for tests."""

    def __init__(self, *, clock: Clock, telemetry: Telemetry, settled: float = SETTLED) -> None:
        self.link: Link | None = None
        self._clock = clock
        self._telemetry = telemetry
        self._settled = settled
        self._metrics: Metrics | None = None
        self._receiver: Receiver | None = None
        self._identity: tuple[object, ...] = ()
        self._changed = asyncio.Event()

    @property
    def routes(self) -> Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """What takes webhooks, by path."""
        return {PATH: self._handle}

    async def configure(self, config: Alertmanager | None, evaluator: Evaluator) -> None:
        """Takes over another configuration. Raises ConfigError where a file of its ``tls`` cannot be used."""
        if (identity := _identity(config)) == self._identity:
            return
        context = await asyncio.to_thread(tls.context, config.tls) if config else None
        self._identity, self.link, self._receiver = identity, None, None
        if config is not None and context is not None:
            self._metrics = self._metrics or Metrics(self._telemetry.registry)
            broken = self._telemetry.loop_errors.labels("alertmanager").inc
            world = World(evaluator, self._clock, self._metrics, broken, self._settled)
            self.link = Link(config, world, context)
            if config.webhook is not None:
                self._receiver = Receiver(config.webhook, self._metrics, self.link.deliver)
        self._changed.set()

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            self._changed.clear()
            tasks: list[asyncio.Task[Any]] = [asyncio.create_task(self._changed.wait())]
            if self.link is not None:
                tasks.append(asyncio.create_task(self.link.run()))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._receiver is None:
            raise web.HTTPNotFound
        return await self._receiver.handle(request)


def _identity(config: Alertmanager | None) -> tuple[object, ...]:
    """The configuration with the contents of its TLS files: a renewed one is a change."""
    if config is None:
        return ()
    files = (config.tls.ca_file, config.tls.client_cert, config.tls.client_key)
    return (config, *(file.read_bytes() if file and file.is_file() else b"" for file in files))
