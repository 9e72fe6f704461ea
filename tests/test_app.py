"""The agent as a whole: what a reload changes, when it is ready, and how it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from exporter.app import App
from exporter.clock import Clock
from exporter.config import Config, Secret, Timeouts, Tls, VCenter
from exporter.configfile import DEFAULT_COUNTERS, DEFAULT_INSTANCES
from exporter.errors import ConfigError
from exporter.state import State
from simulator import vcenter as simulated
from simulator.faults import Fault
from simulator.inventory import Size, build
from simulator.vcenter import Server


@asynccontextmanager
async def vcenter() -> AsyncIterator[Server]:
    """A small vCenter."""
    async with simulated.serve(build(Size(hosts=3, vms=6), now=Clock().now), tls=simulated.Tls()) as server:
        yield server


def reading(server: Server, name: str = "vc1") -> VCenter:
    """How to read it."""
    accounts = server.model.accounts
    return VCenter(
        name=name,
        url=server.url,
        username=accounts.user,
        password=Secret(accounts.password),
        tls=Tls(thumbprint=server.thumbprint),
        timeouts=Timeouts(connect=1, read=30, total=60),
        counters=DEFAULT_COUNTERS,
        instances=DEFAULT_INSTANCES,
    )


@dataclass(slots=True)
class Agent:
    """A running agent. ``config`` is what the next reload reads; None stands for a file that cannot be used."""

    config: Config | None
    app: App
    url: str
    cycles: "asyncio.Queue[str]"

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page."""
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as reply:
            return reply.status, await reply.text()

    async def cycled(self, *names: str) -> None:
        """Waits until each of these vCenters has finished a realtime cycle."""
        async with asyncio.timeout(20):
            waiting = set(names)
            while waiting:
                waiting.discard(await self.cycles.get())

    def value(self, name: str, **labels: str) -> float | None:
        """A metric of the agent itself."""
        return self.app.telemetry.registry.get_sample_value(name, labels)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Agent]:
    """An agent that must end within the ten seconds that a service manager grants."""
    cycles: asyncio.Queue[str] = asyncio.Queue()
    holder: list[Agent] = []

    def load() -> Config:
        wanted = holder[0].config
        if wanted is None:
            raise ConfigError("novacenter.yml:1: bogus: unknown key")
        return wanted

    def cycled(source: str, report: object) -> None:
        if getattr(report, "schedule", "") == "realtime":
            cycles.put_nowait(source)

    app = App(config, load=load, clock=Clock(), cycled=cycled)
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(app.run(stop, started=started.set_result))
    try:
        holder.append(Agent(config, app, await started, cycles))
        yield holder[0]
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


def configured(directory: Path, *vcenters: VCenter) -> Config:
    """A configuration on a free port."""
    return Config(listen="127.0.0.1:0", state=str(directory / "state"), vcenters=vcenters)


async def test_ready_after_the_first_cycle(tmp_path: Path) -> None:
    """Not ready until the first cycle of some vCenter is in; healthy from the beginning."""
    async with vcenter() as server:
        server.faults.arm(Fault(kind="black_hole", method="Login"))
        async with running(configured(tmp_path, reading(server))) as agent:
            assert (await agent.get("/-/healthy"))[0] == 200
            assert (await agent.get("/-/ready"))[0] == 503
            await server.faults.called("Login")
            assert agent.value("vsphere_up", vcenter="vc1") == 0
        async with running(configured(tmp_path, reading(server))) as agent:
            await agent.cycled("vc1")
            assert (await agent.get("/-/ready"))[0] == 200


async def test_ends_in_time_while_a_vcenter_hangs(tmp_path: Path) -> None:
    """A hanging vCenter does not keep the agent from ending; the marks are saved all the same."""
    async with vcenter() as server:
        async with running(configured(tmp_path, reading(server))) as agent:
            await agent.cycled("vc1")
            server.faults.arm(Fault(kind="black_hole", times=None))
        server.faults.clear()
        marks = State(tmp_path / "state").load("vc1")

    assert {kind for kind, times in marks.items() if times} >= {"vm", "host"}


async def test_logs_out_at_the_end(tmp_path: Path) -> None:
    """No session is left behind, whatever is read at that moment."""
    async with vcenter() as server:
        async with running(configured(tmp_path, reading(server))) as agent:
            await agent.cycled("vc1")
            assert len(server.service.sessions) == 1

        assert len(server.service.sessions) == 0


async def test_reload_touches_only_what_changed(tmp_path: Path) -> None:
    """A vCenter that is added is read, one that is removed is gone from the page, the others keep their session."""
    async with vcenter() as kept, vcenter() as removed, vcenter() as added:
        stays, goes, comes = reading(kept, "stays"), reading(removed, "goes"), reading(added, "comes")
        config = configured(tmp_path, stays, goes)
        async with running(config) as agent:
            await agent.cycled("stays", "goes")
            agent.config = replace(config, vcenters=(stays, comes))
            await agent.app.reload()
            await agent.cycled("comes")
            async with asyncio.timeout(5):  # a page is made at most every half second
                while 'vcenter="goes"' in (await agent.get("/metrics"))[1]:
                    pass

            assert kept.faults.calls["Login"] == 1
            assert agent.value("novacenter_config_last_reload_successful") == 1
            assert agent.value("vsphere_up", vcenter="comes") == 1
            assert agent.value("vsphere_up", vcenter="goes") is None


async def test_a_bad_reload_changes_nothing(tmp_path: Path) -> None:
    """The configuration before stays in force, a metric says so, and the status page says why."""
    async with vcenter() as server, running(configured(tmp_path, reading(server))) as agent:
        await agent.cycled("vc1")
        agent.config = None
        await agent.app.reload()

        assert agent.value("novacenter_config_last_reload_successful") == 0
        assert agent.value("vsphere_up", vcenter="vc1") == 1
        assert "bogus: unknown key" in (await agent.get("/"))[1]
        assert server.faults.calls["Login"] == 1


async def test_secrets_are_nowhere(tmp_path: Path) -> None:
    """No page of the agent holds a password, whether it was right or wrong."""
    async with vcenter() as server, vcenter() as other:
        wrong = replace(reading(other, "vc2"), password=Secret("correct-horse-battery"))
        async with running(configured(tmp_path, reading(server), wrong)) as agent:
            await agent.cycled("vc1")
            pages = [(await agent.get(path))[1] for path in ("/", "/status.json", "/metrics", "/late", "/-/ready")]

    assert not any("correct-horse-battery" in page for page in pages)
    assert not any(f'"{server.model.accounts.password}"' in page for page in pages)
