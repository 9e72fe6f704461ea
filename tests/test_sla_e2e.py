"""A real vCenter simulator, stopped and started under the running agent, with targets of seconds."""

import argparse
import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
from vcsimulator import start

from exporter import slaorders
from exporter.app import App
from exporter.clock import Clock
from exporter.config import Config, Secret, Sla, Timeouts, VCenter
from exporter.configfile import DEFAULT_COUNTERS
from exporter.slaorders import Desk
from exporter.slapolicy import policy as built_in
from exporter.slaview import View
from sla.incident import State
from sla.policy import Policy, Target
from sla.store.sqlite import SqliteStore
from sla.verify import differences

CLASS = "api_communication"
LIMIT = 6.0


def compressed() -> Policy:
    """The built-in policy in seconds."""
    policy = built_in()
    class_ = replace(
        policy.classes[CLASS],
        targets=(Target("resolution", LIMIT),),
        open_after=1.0,
        open_count=2,
        clear_after=2.0,
        clear_count=2,
        reopen_within=2.0,
    )
    return replace(policy, classes={CLASS: class_})


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Watcher:
    """Sees every look of the agent."""

    views: "asyncio.Queue[View]" = field(default_factory=asyncio.Queue)

    async def until(self, wanted: Callable[[View], bool]) -> View:
        """The first view from now on that is so."""
        async with asyncio.timeout(60):
            while not wanted(view := await self.views.get()):
                pass
        return view


def is_in(state: State) -> Callable[[View], bool]:
    """Whether the only incident is in this state."""
    return lambda view: [one.incident.state for one in view.incidents] == [state]


@pytest.mark.external
async def test_a_vcenter_that_stops_and_starts_again(tmp_path: Path) -> None:
    """The incident opens at the first failed probe, crosses at the exact instants, and resolves at the first good one.

    The page, the log and what is judged again from the log say the same.
    """
    port = free_port()
    flags = ("-strict", "-tls=false", "-l", f"127.0.0.1:{port}", "-vm", "2", "-host", "1")
    vcenter = VCenter(
        name="vc1",
        url=f"http://127.0.0.1:{port}/sdk",
        username="monitor@vsphere.local",
        password=Secret("secret"),
        timeouts=Timeouts(connect=1.0, read=5.0, total=10.0),
        counters=DEFAULT_COUNTERS,
        realtime_interval=1.0,
    )
    config = Config(listen="127.0.0.1:0", state=str(tmp_path / "state"), vcenters=(vcenter,), sla=Sla(compressed()))
    watcher, clock, stop = Watcher(), Clock(), asyncio.Event()
    app = App(config, load=lambda: config, clock=clock, judged=watcher.views.put_nowait)
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with start("classic", *flags):
        running = asyncio.create_task(app.run(stop, started=url.set_result))
        await url
        observed = app.telemetry.registry
        await watcher.until(lambda _: observed.get_sample_value("vsphere_up", {"vcenter": "vc1"}) == 1)
        stopped = clock.now()
    await watcher.until(is_in(State.OPEN))
    overrun = await watcher.until(lambda view: view.incidents[0].timers[0].elapsed > LIMIT + 1)
    with start("classic", *flags):
        started = clock.now()
        recovering = await watcher.until(is_in(State.RECOVERING))
        closed = await watcher.until(is_in(State.CLOSED))
        await watcher.until(lambda view: view.now > closed.now + 0.5)  # a page is made at most every half second
        async with aiohttp.ClientSession() as http, http.get(f"{await url}/metrics") as reply:
            page = await reply.text()
    status = _status(tmp_path, config, clock)
    stop.set()
    await running

    incident, timer = closed.incidents[0].incident, closed.incidents[0].timers[0]
    assert 0 < incident.start - stopped < 3
    assert timer.crossings == {percent: incident.start + LIMIT * percent / 100 for percent in (50, 80, 100)}
    assert overrun.incidents[0].timers[0].breached_at == timer.breached_at == incident.start + LIMIT
    assert started < (incident.resolved_at or 0) <= recovering.now
    assert timer.elapsed == (incident.resolved_at or 0) - incident.start
    assert 'sla_incidents_total{class="api_communication",outcome="breached"} 1.0' in page
    assert 'sla_breaches_total{class="api_communication",target="resolution"} 1.0' in page
    assert "0 incidents at" in status
    with closing(SqliteStore(tmp_path / "state")) as store:
        beat = store.heartbeat()
        assert beat is not None
        assert differences([stored.record for stored in store.read()], until=beat.at) == ()
        assert store.acquire("next", 15) is not None


def _status(directory: Path, config: Config, clock: Clock) -> str:
    """What ``novacenter sla status`` says beside the running agent."""
    out = _Text()
    with closing(SqliteStore(directory / "state", exclusive=False)) as store:
        desk = Desk(store, slaorders.slaservice.setup(config), clock=clock, out=out, err=out)  # type: ignore[arg-type]
        assert slaorders.status(argparse.Namespace(json=False), desk) == 0
    return out.text


@dataclass
class _Text:
    """Somewhere to write to."""

    text: str = ""

    def write(self, text: str) -> None:
        """Keeps it."""
        self.text += text

    def isatty(self) -> bool:
        """No terminal."""
        return False
