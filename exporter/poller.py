"""One vCenter, polled: session, inventory and the two sampling schedules, each in a loop of its own."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial

from exporter.account import Account
from exporter.config import Globs, VCenter
from exporter.errors import CertificateError, Fault, LoginRefused, SourceError, TimedOut, Unreachable
from exporter.eventwatch import EventWatch
from exporter.exposition import Scale
from exporter.inventorypage import InventoryPage
from exporter.late import LateSeries
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Counter, Entity, Family, Kind
from exporter.notice import Notice
from exporter.openstack.tasks import Health
from exporter.progress import Listing
from exporter.pulse import Pulse
from exporter.store import Newest, Store
from exporter.surroundings import Marks, Surroundings, Tags
from exporter.taskwatch import TaskWatch
from exporter.vcenter import counters, limits
from exporter.vcenter.decode import Decoder
from exporter.vcenter.inventory import Inventory
from exporter.vcenter.limits import Abilities
from exporter.vcenter.pace import Bounds
from exporter.vcenter.perfxml import Block
from exporter.vcenter.plan import Question
from exporter.vcenter.query import Query
from exporter.vcenter.sampler import STALE_INTERVALS, Historical, Realtime, Report
from exporter.vcenter.session import Session
from exporter.vcenter.soap import Transport
from exporter.vcenter.tagging import tagged
from exporter.vcenter.tagtalk import TagTalk
from exporter.vcenter.tasks import Seen
from exporter.vcenter.watch import Watch

_log = logging.getLogger("novacenter.poller")

KEEP_ALIVE = 60.0
"""Seconds between readings of vCenter's clock, which also keep the session alive."""

HISTORICAL_PERIOD = 300
"""Seconds of the finest rollup (vSphere Web Services SDK guide, "Historical Intervals")."""

_NO_ANSWER = (Unreachable, TimedOut, CertificateError, LoginRefused)
"""Errors that say nothing of what was asked for: there was no answer at all."""

SIDES = {"tasks": 10.0, "events": 20.0}
"""Seconds between two readings of what is beside the samples: a request each, whose answer has what is new."""


class Poller:
    """Polls one vCenter until cancelled. A failure of the vCenter is counted, said once, and stays here."""

    def __init__(self, vcenter: VCenter, world: Surroundings, *, marks: Marks) -> None:
        self.vcenter = vcenter
        self.name = vcenter.name
        self._world = world
        self._clock = world.clock
        self._telemetry = world.telemetry
        self._account = Account(vcenter.name, world.telemetry, requested=world.requested)
        self._transport = Transport(vcenter, clock=world.clock, observe=self._account.request)
        self.session = Session(self._transport, vcenter, clock=world.clock, rng=world.rng)
        self.tag_talk = TagTalk(self._transport, vcenter)
        self._watch = Watch(self.session, vcenter, clock=world.clock)
        self.inventory: Inventory | None = None
        self._inventory_page = InventoryPage(vcenter.name)
        self._arrived = asyncio.Event()
        self._listed: Inventory | None = None
        self._tags: Tags = {}
        self._taking = asyncio.Lock()
        self._tasks = TaskWatch(self.session, vcenter, clock=world.clock, durations=world.telemetry.durations)
        self._events = EventWatch(self.session, vcenter.name, clock=world.clock)
        self.abilities: Abilities | None = None
        self._refreshes: dict[Kind, int] = {}
        self._logins = 0
        self.skew = 0.0
        self._saved = marks
        self._stores = {name: Store(vcenter.name, world.labels) for name in ("realtime", "historical")}
        self._query = Query(self.session, Decoder(), clock=world.clock)
        self._bounds = Bounds(connections=vcenter.connections)
        self._realtime: Realtime | None = None
        self._historical: Historical | None = None
        self._notices = {loop: Notice(_log, f"vCenter {vcenter.name}: {loop}") for loop in self._beats()}
        self.reports: dict[str, Report] = {}
        self.missing: dict[Kind, tuple[str, ...]] = {}
        self.asked: dict[Kind, dict[str, int]] = {}
        self.last_success: float | None = None
        self._errors: dict[str, SourceError] = {}
        self.since: float | None = None
        self._last_failure: float | None = None
        self._scales: dict[tuple[int, int], Scale] = {}
        self._shown = True
        self._telemetry.up.labels(self.name).set(0)

    async def run(self) -> None:
        """Polls until cancelled; logs out and closes the connections then."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, (interval, beat) in self._beats().items():
                    group.create_task(self._pulse(name, interval).run(beat))
        finally:
            await self.close()

    async def close(self) -> None:
        """Logs out, at best, and closes the connections."""
        await self.session.logout()
        await self._transport.close()

    def listing(self) -> Listing:
        """How far the first listing is."""
        return Listing(self.name, self._watch.stats.listed, self.inventory is not None and self.inventory.complete)

    def marks(self) -> dict[str, dict[str, int]]:
        """The high-water marks of all schedules."""
        schedules = [schedule for schedule in (self._realtime, self._historical) if schedule is not None]
        return {kind.value: marks.saved() for schedule in schedules for kind, marks in schedule.marks.items()}

    async def realtime_cycle(self) -> None:
        """One cycle of VMs and hosts; waits for the first inventory."""
        await self._cycle("realtime")

    async def historical_cycle(self) -> None:
        """One cycle of clusters, datastores, resource pools and datacenters; waits for the first inventory."""
        await self._cycle("historical")

    async def side_cycle(self, name: str) -> None:
        """Reads one of SIDES; waits for the first inventory. That it cannot be read leaves the vCenter up."""
        await self._arrived.wait()
        if self._listed is None:
            return
        side = self._tasks if name == "tasks" else self._events
        try:
            rendered = await side.cycle(self._listed, self.skew)
        except SourceError as error:
            self._notices[name].failed(error, nature=error.outcome)
            self._world.publish(self.name, name, {}, {})
            return
        self._notices[name].well()
        self._world.publish(self.name, name, *rendered)

    async def list_inventory(self) -> None:
        """One full listing, without staying for updates."""
        async with contextlib.aclosing(self._watch.inventories()) as inventories:
            async for inventory in inventories:
                await self._take_inventory(inventory)
                if inventory.complete:
                    break

    def _beats(self) -> dict[str, tuple[float, Callable[[], Awaitable[None]]]]:
        """Every loop: how often, and what."""
        return {
            "inventory": (5.0, self._watching),
            "keep-alive": (KEEP_ALIVE, self.keep_alive),
            "realtime": (self.vcenter.realtime_interval, self.realtime_cycle),
            "historical": (self.vcenter.historical_interval, self.historical_cycle),
            **{side: (period, partial(self.side_cycle, side)) for side, period in SIDES.items()},
        }

    def _pulse(self, name: str, interval: float) -> Pulse:
        def skipped(count: int) -> None:
            self._telemetry.skipped.labels(self.name, name).inc(count)

        def broken() -> None:
            self._telemetry.loop_errors.labels(f"{self.name} {name}").inc()

        return Pulse(f"vCenter {self.name}: {name}", interval, clock=self._clock, skipped=skipped, broken=broken)

    async def _watching(self) -> None:
        try:
            async for inventory in self._watch.inventories():
                await self._take_inventory(inventory)
        except SourceError as error:
            self._failed("inventory", error)

    async def _take_inventory(self, inventory: Inventory) -> None:
        self._recovered("inventory")
        self._telemetry.inventory_updates.labels(self.name).inc()
        self._listed = inventory
        await self._lay_out()

    async def tag(self, tags: Tags) -> None:
        """Has VMs carry these labels, by their ids: what the cloud knows of them."""
        if tags != self._tags:
            self._tags = tags
            await self._lay_out()

    async def _lay_out(self) -> None:
        """Takes over the newest listing and tags, whoever brought them."""
        async with self._taking:
            if self._listed is None:
                return
            self.inventory = inventory = tagged(self._listed, self._tags, self.inventory)
            for store in self._stores.values():
                store.update(inventory.entities)
            self._arrived.set()
            await self._inventory_page.update(inventory)
            self._show_inventory()

    def _show_inventory(self) -> None:
        if self._shown:
            self._world.publish(self.name, "inventory", *self._inventory_page.rendered())

    async def keep_alive(self) -> None:
        """Reads vCenter's clock, which also keeps the session alive."""
        try:
            began = self._clock.now()
            server = await self.session.keep_alive()
            self.skew = server - (began + self._clock.now()) / 2
            self._telemetry.clock_skew.labels(self.name).set(self.skew)
            self._recovered("keep-alive")
        except SourceError as error:
            self._failed("keep-alive", error)

    async def _cycle(self, name: str) -> None:
        await self._arrived.wait()
        try:
            await self._survey()
        except SourceError as error:
            self._failed(name, error)
            return
        schedule = self._realtime if name == "realtime" else self._historical
        if schedule is None or self.inventory is None:
            return
        report = await schedule.cycle(self.inventory.entities, self._clock.now() + self.skew)
        self.reports[name] = report
        self._account.cycle(name, report)
        if report.error:
            self._failed(name, report.error)
        else:
            self._succeeded(name)
        self._world.cycled(self.name, report)
        await self._show(name)

    async def _survey(self) -> None:
        """Reads counters and limits once per login: ids may differ after a restart or an upgrade."""
        await self.session.login()
        if self._logins == self.session.stats.logins_ok:
            return
        logins = self.session.stats.logins_ok
        abilities = await limits.abilities(self.session)
        refresh = {kind: await self._refresh(kind) for kind in REALTIME_KINDS}
        about = self.session.about
        info = self._telemetry.vcenter_info.labels(self.name, about.version, about.build, about.instanceUuid or "")
        info.set(1)
        if (abilities, refresh) != (self.abilities, self._refreshes):
            self.abilities, self._refreshes = abilities, refresh
            self._arrange(abilities)
        self._logins = logins

    async def _refresh(self, kind: Kind) -> int:
        """The sampling period of a realtime kind, as one entity of it says."""
        entities = self.inventory.entities.values() if self.inventory else ()
        for entity in entities:
            if entity.kind is kind and entity.queryable:
                with contextlib.suppress(Fault):
                    return await limits.refresh_rate(self.session, entity.type, entity.moid)
        return limits.DEFAULT_REFRESH

    def _arrange(self, abilities: Abilities) -> None:
        historical, realtime = self._historical, self._realtime
        if realtime is None or historical is None:
            realtime = Realtime(
                query=self._query,
                store=self._stores["realtime"],
                clock=self._clock,
                bounds=self._bounds,
                late=self._take_late,
            )
            historical = Historical(
                query=self._query,
                store=self._stores["historical"],
                clock=self._clock,
                pairs=abilities.max_query_metrics,
            )
        self._realtime, self._historical = realtime, historical
        realtime.ask(self._questions(abilities, REALTIME_KINDS, store=self._stores["realtime"]))
        historical.ask(self._questions(abilities, HISTORICAL_KINDS, store=self._stores["historical"]))
        historical.pairs = abilities.max_query_metrics
        for schedule in (realtime, historical):
            for kind, marks in schedule.marks.items():
                marks.restore(self._saved.get(kind.value, {}))
        self._saved = {}

    def _questions(self, abilities: Abilities, kinds: Iterable[Kind], *, store: Store) -> list[Question]:
        questions = []
        for kind in kinds:
            selected = counters.select(abilities.counters, self.vcenter.counters.get(kind, Globs()))
            self.missing[kind] = selected.missing
            self.asked[kind] = {counter.name: counter.id for counter in selected.counters}
            self._telemetry.counters_found.labels(self.name, kind.value).set(len(selected.counters))
            self._telemetry.counters_missing.labels(self.name, kind.value).set(len(selected.missing))
            store.define(kind, {counter.id: self._column(kind, counter) for counter in selected.counters})
            realtime = kind in REALTIME_KINDS
            questions.append(
                Question(
                    manager=abilities.manager,
                    kind=kind,
                    counters=selected.counters,
                    instances=self.vcenter.instances.get(kind, False),
                    interval=self._refreshes[kind] if realtime else HISTORICAL_PERIOD,
                    newest=1 if realtime else None,
                )
            )
        return questions

    def newest(self, schedule: str, moid: str) -> Newest | None:
        """The newest samples of an entity, by the ids in ``asked``; ``schedule`` is realtime or historical."""
        return self._stores[schedule].newest(moid)

    def late(self, entity: Entity, block: Block, times: tuple[int, ...]) -> Iterator[LateSeries]:
        """Samples that were asked for again, as series with their times."""
        store = self._stores["realtime"]
        return store.late(entity, series=block.series, values=block.values, times=times)

    def _column(self, kind: Kind, counter: Counter) -> tuple[Family, Scale]:
        unit = counters.unit_of(counter.unit)
        scale = self._scales.setdefault((unit.multiply, unit.divide), Scale(unit.multiply, unit.divide))
        return counters.family(kind, counter), scale

    def _take_late(self, entity: Entity, block: Block, times: tuple[int, ...]) -> None:
        self._world.late(self.name, self.late(entity, block, times))

    async def _show(self, name: str) -> None:
        rendered, series = {}, {}
        for column in self._stores[name].columns():
            rendered[column.family] = column.render()
            series[column.family] = column.series
            await asyncio.sleep(0)
        self._world.publish(self.name, name, rendered, series)

    @property
    def health(self) -> Health | None:
        """Whether the vCenter answers us now, and when it last did not; None before the first cycle has ended."""
        if self.last_success is None and not self._errors:
            return None
        return Health(up=not self._errors, last_failure=self._last_failure)

    @property
    def instance_uuid(self) -> str | None:
        """What the vCenter is known by, itself; None before the first login."""
        return self.session.about.instanceUuid or None if self.session.stats.logins_ok else None

    @property
    def tasks(self) -> Seen | None:
        """The vCenter's tasks; None while they cannot be read."""
        return None if self._notices["tasks"].failing else self._tasks.seen

    @property
    def last_error(self) -> SourceError | None:
        """What does not work now; of several, what began first."""
        return next(iter(self._errors.values()), None)

    def _recovered(self, name: str) -> None:
        self._notices[name].well()
        self._forget(name)
        self._telemetry.up.labels(self.name).set(not self._errors and self.last_success is not None)

    def _forget(self, name: str) -> None:
        if self._errors.pop(name, None) is not None and not self._errors:
            self.since = self._clock.now()

    def _succeeded(self, name: str) -> None:
        self.last_success = self._clock.now()
        # Who was asked and answered can be reached: another loop may take minutes until it sees that itself.
        for other in [loop for loop, error in self._errors.items() if loop != name and isinstance(error, _NO_ANSWER)]:
            self._forget(other)
        self.since = self.since or self.last_success
        self._recovered(name)
        self._telemetry.last_success.labels(self.name).set(self.last_success)
        if not self._shown:
            self._shown = True
            self._show_inventory()

    def _failed(self, name: str, error: SourceError) -> None:
        self._notices[name].failed(error, nature=error.outcome)
        if not self._errors:
            self.since = self._clock.now()
        self._errors[name] = error
        self._last_failure = self._clock.now()
        self._telemetry.up.labels(self.name).set(0)
        stale = STALE_INTERVALS * self.vcenter.realtime_interval
        if self._shown and self.last_success is not None and self._clock.now() - self.last_success > stale:
            self._shown = False
            for part in ("inventory", "realtime", *SIDES):
                self._world.publish(self.name, part, {}, {})
