"""One region of a cloud, polled: Nova's operations, the services, and whether the APIs answer; each in its own loop."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from exporter import causes
from exporter.causes import Side
from exporter.clock import Clock
from exporter.cloudlooks import MAKERS
from exporter.cloudpage import CloudPage
from exporter.cloudsides import Maker, Sides
from exporter.config import Cloud
from exporter.errors import SourceError
from exporter.exposition import bodies
from exporter.identity import Identity
from exporter.joinmodel import CloudView
from exporter.model import Family, Row
from exporter.notice import Notice
from exporter.openstack import cyclefamilies, servicefamilies, servicetruth
from exporter.openstack.builds import Build
from exporter.openstack.cloud import CloudSnapshot
from exporter.openstack.ledger import Book
from exporter.openstack.model import Hypervisor
from exporter.openstack.nova import Nova
from exporter.openstack.operations import LimitRule, Limits
from exporter.openstack.probe import Probe, probe_apis
from exporter.openstack.services import Outcome, ServicesSnapshot, read_services
from exporter.openstack.servicetruth import VCenterState, Verdict
from exporter.openstack.session import Session
from exporter.openstack.timeouts import Cause, Ended, Occurrence, Operation, Snapshot, Step
from exporter.poller import Poller
from exporter.pulse import Pulse
from exporter.state import State
from exporter.surroundings import Publish
from exporter.telemetry import Telemetry

_log = logging.getLogger("novacenter.cloud")

SERVICES_PERIOD = 60.0
"""Seconds between readings of services and hypervisors: nova-compute reports every 10 s and is down after 60 s
(nova.conf, report_interval and service_down_time)."""

PROBES_PERIOD = 15.0
"""Seconds between probes of the APIs."""

STALE_CYCLES = 3
"""Cycles without success after which what was known of operations is taken off the page."""

PATIENCE = 60.0
"""Seconds after the start for which judging waits for the first cycle of the cloud's vCenters."""

EAGER = 2.0
"""Seconds between two cycles at least, however many notifications come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudReport:
    """One cycle of Nova: what is in flight, its news, how long it took, and what failed.

    ``per_hour`` counts the builds of the last hour by hypervisor type and result.
    """

    servers: int = 0
    opened: int = 0
    timed_out: tuple[Occurrence, ...] = ()
    ended: int = 0
    finished: tuple[Ended, ...] = ()
    built: tuple[Build, ...] = ()
    per_hour: Mapping[tuple[str, str], int] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    error: SourceError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSurroundings:
    """What a cloud's poller is given by the application.

    ``vcenters`` are the pollers of the cloud's vCenters by name, ``sides`` what makes its further looks.
    """

    clock: Clock
    telemetry: Telemetry
    publish: Publish
    state: State | None
    vcenters: Callable[[], Mapping[str, Poller]]
    identity: Identity
    cycled: Callable[[str, CloudReport], None] = lambda *_: None
    sides: tuple[Maker, ...] = MAKERS


class CloudPoller:
    """Polls one region until cancelled. A failure of the cloud is counted, said once, and stays here."""

    def __init__(self, cloud: Cloud, session: Session, *, name: str, world: CloudSurroundings) -> None:
        self.cloud = cloud
        self.name = name
        self.session = session
        self._world = world
        self._clock = self.clock = world.clock
        self.identity = world.identity
        self._nova: Nova | None = None
        self._book = Book(name, world.state, limits=_limits(cloud))
        self._page = CloudPage(name, self._book, durations=world.telemetry.durations)
        self._loaded = False
        self._began = world.clock.monotonic()
        self._turn = asyncio.Lock()
        self._nudged = asyncio.Event()
        self._folders: dict[str, tuple[object, Mapping[str, str]]] = {}
        self._down_cells = False
        parts = ("operations", "services", "probes", "state")
        self._notices = {what: Notice(_log, f"cloud {name}: {what}") for what in parts}
        self._errors: dict[str, SourceError] = {}
        self.snapshot: CloudSnapshot | None = None
        self.services: ServicesSnapshot | None = None
        self.hypervisors: Mapping[str, Hypervisor] | None = None
        self.verdicts: tuple[Verdict, ...] = ()
        self.probes: tuple[Probe, ...] = ()
        self.last_success: float | None = None
        self.since: float | None = None
        self.report: CloudReport | None = None
        made = (make(self) for make in world.sides)
        self.sides = Sides(made, seen=self, telemetry=world.telemetry, show=self._show)

    async def run(self) -> None:
        """Polls until cancelled; closes the connections then."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pulse("operations", self.cloud.interval).run(self.operations_cycle))
                group.create_task(self._pulse("services", SERVICES_PERIOD).run(self.services_cycle))
                group.create_task(self._pulse("probes", PROBES_PERIOD).run(self.probes_cycle))
                group.create_task(self._pulse("nudges", EAGER).run(self._nudge_cycle))
                for name, interval in self.sides.beats.items():
                    group.create_task(self._pulse(name, interval).run(partial(self.sides.beat, name)))
        finally:
            await self.session.close()

    @property
    def vcenters(self) -> Mapping[str, Poller]:
        """The pollers of its vCenters by name."""
        return self._world.vcenters()

    @property
    def ended(self) -> Mapping[tuple[str, str, str], int]:
        """How many operations ended, by host, operation and result, since the database was made."""
        return self._book.tallies[1]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations in flight."""
        return self._book.opened

    @property
    def last_error(self) -> SourceError | None:
        """What does not work now; of several, what began first."""
        return next(iter(self._errors.values()), None)

    def nudge(self, servers: Iterable[str]) -> None:
        """Has these servers looked at soon: something was heard of them."""
        if self._nova is not None:
            self._nova.look(servers)
            self._nudged.set()

    async def operations_cycle(self) -> None:
        """Reads servers and their actions, and judges them."""
        async with self._turn:
            self._nudged.clear()
            began = self._clock.monotonic()
            try:
                nova = await self._reader()
                nova.look(self._busy())
                snapshot = await nova.cycle()
            except SourceError as error:
                self._cycle_failed(error, self._clock.monotonic() - began)
                await self._join()
                return
            self.snapshot = snapshot
            cyclefamilies.observe_cycle(
                self._world.telemetry.cloud_cycles, snapshot, cloud=self.name, now=self._clock.now()
            )
            cyclefamilies.observe_logins(self._world.telemetry.cloud_cycles, self.session.stats, cloud=self.name)
            # Before judging: after an outage or a start nothing else says which VM an operation is on.
            await self._join()
            step = None if self._awaits_vcenters() else await self._judge(snapshot)
            self._account(snapshot, step)

    async def services_cycle(self) -> None:
        """Reads the services beside the servers; what cannot be read is said by its own series."""
        found = await read_services(self.session)
        self.services = found
        if found.hypervisors.value is not None:
            self.hypervisors = {node.hostname: node for node in found.hypervisors.value.values()}
        unknown = bool(found.computes.value and found.computes.value.unknown)
        if self._down_cells is not unknown and self._nova is not None:
            self._nova.relist()
        self._down_cells = unknown
        failure = _failure(found)
        if failure is not None:
            self._notices["services"].failed(failure, nature=failure.outcome)
        else:
            self._notices["services"].well()
        rows = [*servicefamilies.service_rows(self.name, found), *self._truth(found)]
        self._show("services", rows)

    async def probes_cycle(self) -> None:
        """Probes each API once."""
        self.probes = await probe_apis(self.session, clock=self._clock)
        cyclefamilies.observe_probes(self._world.telemetry.cloud_probes, self.probes, cloud=self.name)

    async def _join(self) -> None:
        """Has what is known now joined with the vCenters."""
        vcenters = tuple(self.cloud.vcenters)
        view = CloudView(name=self.name, vcenters=vcenters, snapshot=self.snapshot, hypervisors=self.hypervisors)
        await self._world.identity.take(view)

    # --- one cycle ----------------------------------------------------------------------------------------------------

    async def _reader(self) -> Nova:
        if self._nova is None:
            since, watched = await asyncio.to_thread(self._book.place)
            self._nova = Nova(
                self.session,
                clock=self._clock,
                budget=self.cloud.request_budget,
                workers=self.cloud.connections,
                since=since,
                watched=watched,
            )
        return self._nova

    def _busy(self) -> list[str]:
        """The servers on whose VMs vCenter works now: attaching and detaching show nowhere else while they run."""
        found = []
        for name, poller in self._world.vcenters().items():
            for task in poller.tasks.active if poller.tasks else ():
                server = self._world.identity.server((name, task.entity))
                if server is not None:
                    found.append(server)
        return found

    def _awaits_vcenters(self) -> bool:
        """Whether a vCenter may still tell why what is beyond its limit at our start is so: a cause is told once."""
        young = self._clock.monotonic() - self._began < PATIENCE
        return young and any(poller.health is None for poller in self._world.vcenters().values())

    async def _judge(self, snapshot: CloudSnapshot) -> Step | None:
        """Takes a snapshot into the book, on disk where there is one; None where that failed."""
        seen = Snapshot(
            now=snapshot.now,
            servers=snapshot.servers,
            actions=snapshot.actions,
            gone=snapshot.gone,
            complete=snapshot.complete,
        )
        why = partial(self._cause, sides=self._sides(snapshot), hosts=self._homes(), now=self._clock.now())
        try:
            if not self._loaded:
                await asyncio.to_thread(self._book.load, snapshot.now - snapshot.cost.seconds)
                self._loaded = True
            step = await asyncio.to_thread(
                self._book.take, seen, cause=why, mark=snapshot.mark, watched=snapshot.watched
            )
        except sqlite3.Error as error:
            self._world.telemetry.state_errors.inc()
            self._notices["state"].failed(error, nature=type(error).__name__)
            return None
        self._notices["state"].well()
        return step

    def _cause(self, operation: Operation, *, sides: Mapping[str, Side], hosts: Mapping[str, str], now: float) -> Cause:
        vms = self._world.identity.vms(operation.server)
        return causes.cause(operation, vms, home=hosts.get(operation.host, ""), sides=sides, now=now)

    def _sides(self, snapshot: CloudSnapshot) -> dict[str, Side]:
        sides = {}
        for name, poller in self._world.vcenters().items():
            kept = self._folders.get(name)
            if poller.inventory is not None and (kept is None or kept[0] is not poller.inventory):
                kept = self._folders[name] = (poller.inventory, causes.project_folders(poller.inventory))
            ahead = poller.skew - (snapshot.skew or 0.0)
            folders = kept[1] if kept else {}
            sides[name] = Side(health=poller.health, seen=poller.tasks, ahead=ahead, folders=folders)
        return sides

    def _homes(self) -> dict[str, str]:
        """The vCenter of each compute host, where it is one of ours."""
        nodes = (self.hypervisors or {}).values()
        found = {node.service_host: self._world.identity.home(node.hostname) for node in nodes}
        return {host: vcenter for host, vcenter in found.items() if vcenter}

    def _account(self, snapshot: CloudSnapshot, step: Step | None) -> None:
        """What the cycle brought: metrics, the page, the report."""
        now = self._clock.now()
        self.last_success = now
        self.since = self.since or now
        self._recovered(snapshot)
        built = self._page.take(snapshot, step, self.hypervisors or {}) if step is not None else ()
        self._show("operations", self._page.rows(snapshot))
        self.report = CloudReport(
            servers=len(snapshot.servers),
            opened=len(self._book.opened),
            timed_out=step.timed_out if step else (),
            ended=len(step.ended) if step else 0,
            finished=step.ended if step else (),
            built=built,
            per_hour=self._page.per_hour(),
            requests=snapshot.cost.requests,
            seconds=snapshot.cost.seconds,
            error=snapshot.error,
        )
        self._world.cycled(self.name, self.report)

    def _recovered(self, snapshot: CloudSnapshot) -> None:
        if snapshot.error is not None:
            outcome = snapshot.error.outcome
            # Nova that asked to wait is not asked at all for some cycles, then again: by turns, and still one failure.
            nature = outcome if outcome == "rate_limited" else f"part {outcome}"
            self._notices["operations"].failed(snapshot.error, nature=nature)
        else:
            self._notices["operations"].well()
        if self._errors.pop("operations", None) is not None and not self._errors:
            self.since = self._clock.now()

    def _cycle_failed(self, error: SourceError, seconds: float) -> None:
        now = self._clock.now()
        cyclefamilies.observe_failure(self._world.telemetry.cloud_cycles, error, cloud=self.name, seconds=seconds)
        cyclefamilies.observe_logins(self._world.telemetry.cloud_cycles, self.session.stats, cloud=self.name)
        self._notices["operations"].failed(error, nature=error.outcome)
        if not self._errors:
            self.since = now
        self._errors["operations"] = error
        if self.last_success is not None and now - self.last_success > STALE_CYCLES * self.cloud.interval:
            self.snapshot = None
            self._show("operations", self._page.counters(now))
        self.report = CloudReport(seconds=seconds, error=error)
        self._world.cycled(self.name, self.report)

    def _truth(self, found: ServicesSnapshot) -> Iterable[tuple[Family, Row]]:
        now = self._clock.now()
        states = {}
        for name, poller in self._world.vcenters().items():
            if poller.instance_uuid:
                health = poller.health
                up = None if health is None else health.up
                states[poller.instance_uuid] = VCenterState(name, up, poller.since or now)
        nodes = (self.hypervisors or {}).values()
        self.verdicts = servicetruth.judge(found, states, now=now, hypervisors=nodes)
        return servicetruth.truth_rows(self.name, self.verdicts)

    # --- around it ----------------------------------------------------------------------------------------------------

    def _show(self, part: str, rows: Iterable[tuple[Family, Row]]) -> None:
        self._world.publish(source_of(self.name), part, *bodies(rows))

    async def _nudge_cycle(self) -> None:
        if self._nudged.is_set():
            await self.operations_cycle()

    def _pulse(self, name: str, interval: float) -> Pulse:
        def skipped(count: int) -> None:
            self._world.telemetry.cloud_skipped.labels(self.name, name).inc(count)

        def broken() -> None:
            self._world.telemetry.loop_errors.labels(f"cloud {self.name} {name}").inc()

        return Pulse(f"cloud {self.name}: {name}", interval, clock=self._clock, skipped=skipped, broken=broken)


def source_of(cloud: str) -> str:
    """The publisher's name of a cloud: a vCenter may be called the same."""
    return f"cloud {cloud}"


def _failure(found: ServicesSnapshot) -> SourceError | None:
    """Why one of the readings failed; what is absent or forbidden is no failure."""
    readings = (found.computes, found.hypervisors, found.providers, found.volumes, found.agents)
    return next((reading.error for reading in readings if reading.outcome is Outcome.FAILED), None)


def _limits(cloud: Cloud) -> Limits:
    own = [LimitRule(operation=operation, seconds=seconds) for operation, seconds in cloud.limits.items()]
    rules = [
        LimitRule(seconds=rule.seconds, operation=rule.operation, project=rule.project, flavor=rule.flavor)
        for rule in cloud.limit_rules
    ]
    return Limits([*own, *rules])
