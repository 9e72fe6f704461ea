"""Slow looks at a cloud beside its poller's own loops: sides, each in a loop of its own, none able to hold up another.

A side reads what it wants of the cloud and of the vCenters, and gives the rows of its part of the page. Its failure is
counted, said once, and stays here: the cloud is not down for it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from exporter.clock import Clock
from exporter.config import Cloud
from exporter.errors import SourceError
from exporter.identity import Identity
from exporter.model import Family, Row
from exporter.notice import Notice
from exporter.openstack.cloud import Api, CloudSnapshot
from exporter.openstack.model import Hypervisor
from exporter.openstack.services import ServicesSnapshot
from exporter.poller import Poller
from exporter.telemetry import Telemetry

_log = logging.getLogger("novacenter.cloud")

RETRY = 60.0
"""Seconds after which a side that failed looks again, where its interval is longer."""

Rows = Iterable[tuple[Family, Row]]


class Seen(Protocol):
    """One region of a cloud as a side sees it: ``CloudPoller``. What was not read yet is None."""

    @property
    def name(self) -> str:
        """The cloud's name, with its region where it has several: the label ``cloud``."""

    @property
    def cloud(self) -> Cloud:
        """Its configuration."""

    @property
    def session(self) -> Api:
        """To ask it with."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def snapshot(self) -> CloudSnapshot | None:
        """Nova's servers."""

    @property
    def services(self) -> ServicesSnapshot | None:
        """The last reading of the services."""

    @property
    def hypervisors(self) -> Mapping[str, Hypervisor] | None:
        """Nova's hypervisors by hostname, of the last good reading."""

    @property
    def vcenters(self) -> Mapping[str, Poller]:
        """The pollers of its vCenters by name."""

    @property
    def ended(self) -> Mapping[tuple[str, str, str], int]:
        """How many of Nova's operations ended, by host, operation and result, since the database was made."""

    @property
    def identity(self) -> Identity:
        """Who is who on both sides."""


class Side(Protocol):
    """A slow look. ``name`` is its part of the page and its label; ``interval`` are seconds between two looks."""

    @property
    def name(self) -> str:
        """One lower-case word."""

    @property
    def interval(self) -> float:
        """Seconds."""

    async def look(self) -> Rows | None:
        """Looks once. The rows are the whole new part; None leaves the part as it is.

        A SourceError takes the part off the page: what is not known is not shown. Every other error is a bug.
        """


Maker = Callable[[Seen], Side]


class Sides:
    """The sides of one cloud. ``show`` puts rows on a part of its page."""

    def __init__(
        self, sides: Iterable[Side], *, seen: Seen, telemetry: Telemetry, show: Callable[[str, Rows], None]
    ) -> None:
        self.by_name: Mapping[str, Side] = {side.name: side for side in sides}
        self.errors: dict[str, SourceError] = {}
        self._cloud = seen.name
        self._clock = seen.clock
        self._telemetry = telemetry
        self._show = show
        self._notices = {name: Notice(_log, f"cloud {seen.name}: {name}") for name in self.by_name}
        self._due: dict[str, float] = {}

    @property
    def beats(self) -> Mapping[str, float]:
        """How often ``beat`` is to be called for each side, in seconds."""
        return {name: min(side.interval, RETRY) for name, side in self.by_name.items()}

    async def beat(self, name: str) -> None:
        """Looks, if it is time to."""
        now, step = self._clock.monotonic(), self.beats[name]
        # Half a beat, for a loop is never quite on time.
        if now + step / 2 < self._due.get(name, now):
            return
        well = await self.look(name)
        self._due[name] = now + (self.by_name[name].interval if well else step)

    async def look(self, name: str) -> bool:
        """Looks now; false where that failed."""
        try:
            rows = await self.by_name[name].look()
        except SourceError as error:
            self.errors[name] = error
            self._telemetry.cloud_sides.labels(self._cloud, name, error.outcome).inc()
            self._notices[name].failed(error, nature=error.outcome)
            self._show(name, ())
            return False
        self.errors.pop(name, None)
        self._telemetry.cloud_sides.labels(self._cloud, name, "ok").inc()
        self._notices[name].well()
        if rows is not None:
            self._show(name, rows)
        return True

    async def look_at_all(self) -> None:
        """Every side once, one after the other."""
        for name in self.by_name:
            await self.look(name)
