"""All clouds of the configuration: a poller for each region, and the identity that joins them with the vCenters."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.clock import Clock
from exporter.cloudpoller import CloudPoller, CloudReport, CloudSurroundings, source_of
from exporter.config import Cloud, Tls
from exporter.errors import SourceError
from exporter.identity import Identity
from exporter.joinmodel import HOLDS, FindingKind
from exporter.model import Request
from exporter.notifications import Listener, NotificationCounters
from exporter.openstack.session import Session
from exporter.poller import Poller
from exporter.state import State
from exporter.surroundings import Publish
from exporter.telemetry import Telemetry

_log = logging.getLogger("novacenter.cloud")


@dataclass(slots=True)
class _Running:
    poller: CloudPoller
    tasks: tuple[asyncio.Task[None], ...]
    identity: tuple[object, ...]


Prepared = Mapping[str, tuple[Cloud, Session]]
"""A session for each region that is to be polled, by the name of its poller."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of every finished cycle, and of every request."""

    cycled: Callable[[str, CloudReport], None] = lambda *_: None
    requested: Callable[[Request], None] = lambda _: None


class Clouds:
    """The clouds of one agent. ``vcenters`` tells the running pollers of vCenters by name.

    ``publish`` puts a part of a source on the page, ``remove`` takes a source off it; ``holds`` is as in ``join``.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        telemetry: Telemetry,
        publish: Publish,
        remove: Callable[[str], None],
        state: State | None,
        vcenters: Callable[[], Mapping[str, Poller]],
        told: Told | None = None,
        holds: Mapping[FindingKind, float] = HOLDS,
    ) -> None:
        self._clock = clock
        self._rng = random.Random()  # noqa: S311 - spreads retries over time, keeps no secret
        self._telemetry = telemetry
        self._publish = publish
        self._remove = remove
        self._state = state
        self._vcenters = vcenters
        self._told = told or Told()
        self._notifications = NotificationCounters(telemetry.registry)
        self._running: dict[str, _Running] = {}
        self.identity = Identity(clock=clock, publish=publish, vcenters=vcenters, holds=holds)

    @property
    def pollers(self) -> tuple[CloudPoller, ...]:
        """The running pollers."""
        return tuple(running.poller for running in self._running.values())

    async def prepare(self, clouds: Iterable[Cloud]) -> Prepared:
        """Makes the sessions of what is new or has changed; nothing runs yet. Raises ConfigError."""
        made: dict[str, tuple[Cloud, Session]] = {}
        for cloud in clouds:
            for name, region in regions(cloud).items():
                running = self._running.get(name)
                if running is None or running.identity != identity_of(cloud):
                    made[name] = (cloud, await asyncio.to_thread(self._session, name, cloud, region))
        return made

    async def take_over(self, clouds: Iterable[Cloud], prepared: Prepared) -> None:
        """Ends what is not configured any more or has changed, and starts what was prepared."""
        wanted = {name for cloud in clouds for name in regions(cloud)}
        for name in list(self._running):
            if name not in wanted or name in prepared:
                await self._end(name)
            else:
                self._running[name].poller.session.retry_login_now()
        for name, (cloud, session) in prepared.items():
            self._start(name, cloud, session)

    def stop(self) -> list[Coroutine[None, None, None]]:
        """What ends each cloud; what it has on the page stays."""
        return [self._halt(name) for name in list(self._running)]

    def _session(self, name: str, cloud: Cloud, region: str | None) -> Session:
        def observe(request: Request) -> None:
            self._told.requested(replace(request, source=name))

        return Session(cloud, region=region, clock=self._clock, rng=self._rng, observe=observe)

    def make(self, name: str, cloud: Cloud, session: Session) -> CloudPoller:
        """A poller that does not run yet."""

        def vcenters() -> Mapping[str, Poller]:
            return {key: poller for key, poller in self._vcenters().items() if key in cloud.vcenters}

        world = CloudSurroundings(
            clock=self._clock,
            telemetry=self._telemetry,
            publish=self._publish,
            state=self._state,
            vcenters=vcenters,
            identity=self.identity,
            cycled=self._told.cycled,
        )
        return CloudPoller(cloud, session, name=name, world=world)

    def _start(self, name: str, cloud: Cloud, session: Session) -> None:
        poller = self.make(name, cloud, session)
        tasks = [asyncio.create_task(poller.run(), name=source_of(name))]
        if cloud.notifications is not None:
            listener = Listener(
                name,
                cloud.notifications,
                clock=self._clock,
                rng=self._rng,
                counters=self._notifications,
                heard=lambda heard: poller.nudge([heard.server] if heard.server else []),
            )
            tasks.append(asyncio.create_task(listener.run(), name=f"{source_of(name)} notifications"))
        self._running[name] = _Running(poller, tuple(tasks), identity_of(cloud))

    async def _end(self, name: str) -> None:
        await self._halt(name)
        await self.identity.forget(name)
        self._remove(source_of(name))
        self._telemetry.forget_cloud(name)
        self._notifications.forget(name)

    async def _halt(self, name: str) -> None:
        running = self._running.pop(name)
        for task in running.tasks:
            task.cancel()
        for task in running.tasks:
            with contextlib.suppress(asyncio.CancelledError, SourceError):
                await task


def regions(cloud: Cloud) -> Mapping[str, str | None]:
    """The name of each poller of a cloud, and its region: the cloud's own where there is at most one."""
    if len(cloud.regions) <= 1:
        return {cloud.name: next(iter(cloud.regions), None)}
    return {f"{cloud.name}/{region}": region for region in cloud.regions}


def identity_of(cloud: Cloud) -> tuple[object, ...]:
    """The configuration of a cloud together with the contents of its files: renewed ones are a change."""
    return fingerprint(cloud, cloud.tls, cloud.clouds_file)


def fingerprint(source: object, tls: Tls, *files: Path | None) -> tuple[object, ...]:
    """The configuration of a source with the contents of its TLS files and these: another one is a change."""
    named = (*files, tls.ca_file, tls.client_cert, tls.client_key, tls.client_key_password_file)
    return (source, *(file.read_bytes() if file and file.is_file() else b"" for file in named))
