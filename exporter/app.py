"""The running agent: the one place that constructs things, owns their lifetimes, and reacts to signals."""

import asyncio
import contextlib
import gc
import logging
import random
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from exporter import slamonthly, slaservice
from exporter.alertmanager.service import Service
from exporter.clock import Clock
from exporter.cloudpoller import CloudReport
from exporter.clouds import Clouds, Prepared, Told, fingerprint
from exporter.config import Config, VCenter
from exporter.days import recorder
from exporter.errors import ConfigError
from exporter.jobs import Jobs
from exporter.late import Late, LateSeries
from exporter.overview import overview
from exporter.poller import Poller
from exporter.progress import Listing
from exporter.publisher import Publisher
from exporter.rounds import Agent, Rounds
from exporter.slarunner import Runner
from exporter.slaview import View
from exporter.state import State
from exporter.status import Status
from exporter.surroundings import Surroundings
from exporter.telemetry import Telemetry
from exporter.vcenter.sampler import Report
from exporter.web import application, serve

_log = logging.getLogger("novacenter.app")

STOP_LIMIT = 8.0
"""Seconds that stopping may take, of the ten after which a service manager kills."""

LAG_PERIOD = 0.1
MARKS_PERIOD = 60.0


@dataclass(slots=True)
class _Running:
    poller: Poller
    task: asyncio.Task[None]
    identity: tuple[object, ...]


class App:
    """The agent for one configuration.

    ``load`` reads the configuration anew for a reload (raising ConfigError); ``cycled`` and ``cloud_cycled`` are told
    of every finished cycle, ``judged`` of every look of the SLA evaluator.
    """

    def __init__(
        self,
        config: Config,
        *,
        load: Callable[[], Config],
        clock: Clock,
        cycled: Callable[[str, Report], None] = lambda *_: None,
        cloud_cycled: Callable[[str, CloudReport], None] = lambda *_: None,
        judged: Callable[[View], None] = lambda _: None,
    ) -> None:
        self.config = config
        self.telemetry = Telemetry()
        self._load = load
        self._clock = clock
        self._told = (cycled, cloud_cycled)
        self._judged = judged
        self._state = _open_state(config.state)
        self._late = Late(clock)
        self._started = clock.now()
        self._running: dict[str, _Running] = {}
        self.sla: Runner | None = None
        self._reload_error = ""
        self._freezes = 0
        self._publisher = Publisher(self.telemetry.registry, clock, budget=config.series_budget)
        self._alertmanager = Service(clock=clock, telemetry=self.telemetry)
        self._recorder = recorder.opened(config.state, clock=clock, telemetry=self.telemetry, runner=lambda: self.sla)
        self.days = self._recorder.days
        self._clouds = self._make_clouds()
        self._rounds = self._make_rounds()

    def _make_clouds(self) -> Clouds:
        return Clouds(
            clock=self._clock,
            telemetry=self.telemetry,
            publish=self._publisher.put,
            remove=self._publisher.remove,
            state=self._state,
            vcenters=self._pollers,
            told=Told(cycled=self._cloud_cycled, requested=self._recorder.request),
        )

    def _make_rounds(self) -> Rounds:
        agent = Agent(
            clock=self._clock,
            telemetry=self.telemetry,
            publish=self._publisher.put,
            config=lambda: self.config,
            runner=lambda: self.sla,
            vcenters=self._pollers,
            clouds=self._clouds,
            own=self._alertmanager.routes,
        )
        return Rounds(agent, self._recorder)

    def _pollers(self) -> Mapping[str, Poller]:
        return {name: running.poller for name, running in self._running.items()}

    async def run(self, stop: asyncio.Event, *, started: Callable[[str], None] = lambda _: None) -> None:
        """Runs until ``stop`` is set; ``started`` is told the address that is listened on. Raises ConfigError."""
        self._took_over()
        prepared = await self._clouds.prepare(self.config.clouds)
        judging = await self._start_judging()
        server = await serve(self._web(), self.config.listen, tls=self._rounds.trust.gate.tls)
        started(server.url)
        jobs = Jobs(self.telemetry)
        background = [
            judging,
            asyncio.create_task(self._alertmanager.run()),
            asyncio.create_task(self._publisher.run()),
            asyncio.create_task(self._measure_lag()),
            asyncio.create_task(self._reload_on_signal()),
        ]
        try:
            for vcenter in self.config.vcenters:
                await self._start(vcenter)
            await self._resume_findings()
            await self._clouds.take_over(self.config.clouds, prepared)
            self._plan(jobs)
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        finally:
            judging.cancel()  # first: what ends now is not gone
            vcenters = [self._end(name) for name in list(self._running)]
            await self._stop([jobs.stop(), server.stop(), *vcenters, *self._clouds.stop(), self.days.close()])
            for task in background:
                if not task.cancelling():
                    task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            _raise_first(background)

    def _web(self) -> web.Application:
        return application(
            self._publisher,
            status=self.status,
            ready=self.ready,
            late=self._late.page,
            webhooks=self._alertmanager.routes,
            gate=self._rounds.trust.gate,
        )

    def _plan(self, jobs: Jobs) -> None:
        jobs.every(MARKS_PERIOD, self.save_marks, name="marks")
        jobs.every(slaservice.RETENTION_PERIOD, self._retain, name="sla retention")
        jobs.every(slamonthly.PERIOD, self._report_month, name="sla report")
        self._rounds.plan(jobs)

    async def _start_judging(self) -> asyncio.Task[None]:
        self.sla = await asyncio.to_thread(
            slaservice.runner,
            self.config,
            clock=self._clock,
            telemetry=self.telemetry,
            publisher=self._publisher,
            untried=self._untried,
            shown=self._judged,
        )
        judging = asyncio.create_task(self.sla.run(), name="sla")
        await self._alertmanager.configure(self.config.sla.alertmanager, self.sla)
        return judging

    def _untried(self) -> frozenset[str]:
        return frozenset(name for name, running in self._running.items() if running.poller.health is None)

    async def _retain(self) -> None:
        if self.sla is not None:
            await self.sla.retain()

    async def _report_month(self) -> None:
        if self.sla is not None and self.config.sla.report is not None:
            await slamonthly.write(self.sla, self.config.sla.report)

    def ready(self) -> bool:
        """Whether the first cycle of some source is in."""
        vcenters = any(running.poller.last_success is not None for running in self._running.values())
        return vcenters or any(poller.last_success is not None for poller in self._clouds.pollers)

    def listings(self) -> list[Listing]:
        """How far the first listing of each vCenter is."""
        return [running.poller.listing() for running in self._running.values()]

    def status(self) -> Status:
        """What the status page shows."""
        pollers = [running.poller for running in self._running.values()]
        status = overview(
            pollers,
            clouds=self._clouds.pollers,
            identity=self._clouds.identity,
            view=self.sla.view if self.sla is not None else View(),
            now=self._clock.now(),
            started=self._started,
            edges=self._rounds.trust.edges,
            publisher=self._publisher,
        )
        return replace(status, reload_error=self._reload_error or self._rounds.trust.gate.problem)

    async def save_marks(self) -> None:
        """Writes the high-water marks of every vCenter, and since when findings are seen, to the state database."""
        if self._state is None:
            return
        for name, running in list(self._running.items()):
            marks = running.poller.marks()
            if marks:
                await asyncio.to_thread(self._state.save, name, marks)
        await asyncio.to_thread(self._state.save_findings, self._clouds.identity.seen)

    async def reload(self) -> None:
        """Takes over a new configuration; one that cannot be used changes nothing but the metric that says so."""
        try:
            config = await asyncio.to_thread(self._load)
            prepared = await self._clouds.prepare(config.clouds)
            if self.sla is not None:
                await self._alertmanager.configure(config.sla.alertmanager, self.sla)
        except ConfigError as error:
            self._reload_error = str(error)
            self.telemetry.reload_ok.set(0)
            _log.error("reload failed, the configuration before stays in force: %s", error)
            return
        await self._take_over(config, prepared)
        if self.sla is not None:
            await self.sla.configure(await asyncio.to_thread(slaservice.setup, config))
        self._took_over()
        _log.info("configuration reloaded: %d vCenters, %d clouds", len(config.vcenters), len(config.clouds))

    async def _take_over(self, config: Config, prepared: Prepared) -> None:
        for name in ("listen", "state", "web_config"):
            if getattr(config, name) != getattr(self.config, name):
                _log.warning("%s has changed; it takes effect when the agent is started again", name)
        new = {vcenter.name: vcenter for vcenter in config.vcenters}
        relabelled = config.labels != self.config.labels
        kept = self.config
        self.config = replace(config, listen=kept.listen, state=kept.state, web_config=kept.web_config)
        self._publisher.set_budget(config.series_budget)
        for name in list(self._running):
            if relabelled or name not in new or self._running[name].identity != _identity(new[name]):
                await self._end(name)
            else:
                self._running[name].poller.session.retry_login_now()
        for name, vcenter in new.items():
            if name not in self._running:
                await self._start(vcenter)
        await self._clouds.take_over(config.clouds, prepared)
        await self._rounds.trust.look()

    def _took_over(self) -> None:
        self._reload_error = ""
        self.telemetry.reload_ok.set(1)
        self.telemetry.reload_time.set(self._clock.now())

    async def _start(self, vcenter: VCenter) -> None:
        world = Surroundings(
            clock=self._clock,
            rng=random.Random(),  # noqa: S311 - spreads retries over time, keeps no secret
            telemetry=self.telemetry,
            publish=self._publisher.put,
            labels=self.config.labels,
            late=self._take_late,
            cycled=self._cycled,
            requested=self._recorder.request,
        )
        poller = Poller(vcenter, world, marks=await self._load_marks(vcenter.name))
        task = asyncio.create_task(poller.run(), name=vcenter.name)
        self._running[vcenter.name] = _Running(poller, task, _identity(vcenter))

    async def _end(self, name: str) -> None:
        running = self._running.pop(name)
        marks = running.poller.marks()
        running.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running.task
        if self._state is not None and marks:
            await asyncio.to_thread(self._state.save, name, marks)
        self._publisher.remove(name)
        self.telemetry.forget(name)

    async def _load_marks(self, name: str) -> Mapping[str, Mapping[str, int]]:
        if self._state is None:
            return {}
        try:
            return await asyncio.to_thread(self._state.load, name)
        except sqlite3.Error as error:
            _log.warning(
                "vCenter %s: saved marks cannot be read (%s); samples of the downtime stay missing", name, error
            )
            return {}

    async def _resume_findings(self) -> None:
        if self._state is None:
            return
        try:
            self._clouds.identity.resume(await asyncio.to_thread(self._state.findings))
        except sqlite3.Error as error:
            _log.warning("saved findings cannot be read (%s); each must be seen for its time again", error)

    def _take_late(self, _source: str, series: Iterable[LateSeries]) -> None:
        for one in series:
            self._late.add(one)

    def _cycled(self, source: str, report: Report) -> None:
        # What the first cycles lay out stays for good: the collector need not look at it again. Twice, because the
        # complete inventory may come after the first.
        if report.result.decode_seconds and self._freezes < 2:
            gc.freeze()
            self._freezes += 1
        if source in self._running:
            self._recorder.cycle(self._running[source].poller, report)
        self._told[0](source, report)

    def _cloud_cycled(self, source: str, report: CloudReport) -> None:
        self._recorder.cloud_cycle(source, self._clouds.pollers, report)
        self._told[1](source, report)

    async def _measure_lag(self) -> None:
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(LAG_PERIOD)
            self.telemetry.loop_lag.observe(max(0.0, self._clock.monotonic() - before - LAG_PERIOD))

    async def _reload_on_signal(self) -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        while True:
            await asked.wait()
            asked.clear()
            await self.reload()

    async def _stop(self, parts: list[Coroutine[None, None, None]]) -> None:
        try:
            async with asyncio.timeout(STOP_LIMIT):
                for result in await asyncio.gather(*parts, return_exceptions=True):
                    if isinstance(result, Exception):
                        _log.warning("while stopping: %s", result)
        except TimeoutError:
            _log.warning("stopping took longer than %g s; what was left is abandoned", STOP_LIMIT)


def _identity(vcenter: VCenter) -> tuple[object, ...]:
    """The configuration of a vCenter together with the contents of its TLS files: a renewed one is a change."""
    return fingerprint(vcenter, vcenter.tls)


def _raise_first(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            raise error


def _open_state(state: str) -> State | None:
    if state.startswith("postgresql:"):
        _log.info("state is a PostgreSQL URL: high-water marks are kept in memory only")
        return None
    opened = State(Path(state))
    opened.prepare()
    return opened
