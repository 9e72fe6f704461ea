"""Clouds beside vCenters, with the simulator's both sides: what check says, who is who on the page, and reload."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from exporter import check, once
from exporter.app import App
from exporter.clock import Clock
from exporter.config import Cloud, Config, Secret, Timeouts, Tls, VCenter
from exporter.configfile import DEFAULT_COUNTERS, DEFAULT_INSTANCES
from exporter.days import stores as days
from exporter.errors import ConfigError
from exporter.findings import State
from simulator import vcenter as simulated
from simulator.inventory import Size, build
from simulator.openstack import cloud as simulated_cloud
from simulator.openstack import oddities
from simulator.openstack.population import populate
from simulator.openstack.server import serve_cloud
from sla.days import merged


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides, and how to read them."""

    cloud: simulated_cloud.Cloud
    config: Config


@asynccontextmanager
async def sides(state: Path) -> AsyncIterator[Sides]:
    """A vCenter and the cloud whose servers are its VMs."""
    model = build(Size(hosts=3, vms=24), now=Clock().now)
    cloud = populate(model, kvm=2)
    accounts = model.accounts
    async with simulated.serve(model, tls=simulated.Tls()) as server, serve_cloud(cloud, port=0) as running:
        limits = Timeouts(connect=1, read=10, total=20)
        vcenter = VCenter(
            name="vc1",
            url=server.url,
            username=accounts.user,
            password=Secret(accounts.password),
            tls=Tls(thumbprint=server.thumbprint),
            timeouts=limits,
            counters=DEFAULT_COUNTERS,
            instances=DEFAULT_INSTANCES,
        )
        read = Cloud(
            "east",
            auth_url=running.url,
            username=accounts.user,
            password=Secret(accounts.password),
            project_name="admin",
            timeouts=limits,
            vcenters=("vc1",),
        )
        config = Config(listen="127.0.0.1:0", state=str(state), vcenters=(vcenter,), clouds=(read,))
        yield Sides(cloud, config)


async def checked(config: Config) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code of ``check``, and of what it says of clouds state and finding by item."""
    out = io.StringIO()
    code = await check.run(config, out=out)
    section, found = "", {}
    for line in out.getvalue().splitlines():
        if line.startswith(("cloud", "vCenter", "configuration")):
            section = line
        elif section.startswith("cloud") and line[:27].strip() and line[27:36].strip() in set(State):
            found[line[:27].strip()] = (line[27:36].strip(), line[37:].strip())
    return code, found


async def test_check_tells_of_a_good_cloud(tmp_path: Path) -> None:
    """Every API, the rights, the clock, the services, and that both sides fit together."""
    async with sides(tmp_path) as both:
        code, found = await checked(both.config)

    assert code == 0
    assert {item: state for item, (state, _) in found.items() if state != "ok"} == {}
    known = int(found["same VM"][1].split()[0])
    assert known > 10
    assert found["servers of all projects"][1] == "may be listed; microversion 2.87"
    assert {"API keystone", "API nova", "API cinder", "hypervisors", "placement", "duplicate"} <= found.keys()


async def test_check_lists_what_does_not_fit(tmp_path: Path) -> None:
    """A VM whose server is gone is named at once: there is no second look to wait for."""
    async with sides(tmp_path) as both:
        oddities.happen(both.cloud, "orphan_vm")
        code, found = await checked(both.config)

    assert code == 0
    state, said = found["vm without server"]
    assert (state, said[:2]) == ("warning", "1:")


async def test_check_fails_where_the_login_is_refused(tmp_path: Path) -> None:
    """One sentence, what was not checked, and no join on half of the picture."""
    async with sides(tmp_path) as both:
        cloud = replace(both.config.clouds[0], password=Secret("wrong"))
        code, found = await checked(replace(both.config, clouds=(cloud,)))

    assert (code, found["API nova"][0], found["not checked"][0]) == (1, "failed", "unknown")
    assert "same VM" not in found


async def test_once_names_the_servers(tmp_path: Path) -> None:
    """The page of one cycle says of each VM whose it is; labels that are asked for are on its samples."""
    out, err = io.BytesIO(), io.StringIO()
    async with sides(tmp_path) as both:
        code = await once.run(replace(both.config, labels=("project", "nova_host")), out=out, err=err)

    lines = out.getvalue().decode().splitlines()
    infos = [line for line in lines if line.startswith("vsphere_vm_info") and 'server="' in line]
    assert (code, err.getvalue()) == (0, "")
    assert len(infos) > 10
    assert all(f'{label}="' in line for line in infos for label in ("project", "flavor", "nova_host", "cluster"))
    samples = [line for line in lines if line.startswith("vsphere_vm_cpu_usage_average_ratio")]
    assert samples
    named = [line for line in samples if 'project="' in line and 'nova_host="' in line]
    assert len(named) > 5


@dataclass(slots=True)
class Agent:
    """A running agent; ``config`` is what the next reload reads."""

    config: Config
    app: App
    url: str

    async def shows(self, text: str, *, shown: bool = True) -> None:
        """Waits until a scrape gets a page with, or without, ``text``."""
        async with asyncio.timeout(30), aiohttp.ClientSession() as http:
            for _ in range(10_000):
                async with http.get(f"{self.url}/metrics") as reply:
                    if (text in await reply.text()) is shown:
                        return
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Agent]:
    """An agent that ends within the time of a service manager."""
    holder: list[Agent] = []
    ready, stop = asyncio.Event(), asyncio.Event()
    app = App(config, load=lambda: holder[0].config, clock=Clock())

    def started(url: str) -> None:
        holder.append(Agent(config, app, url))
        ready.set()

    task = asyncio.create_task(app.run(stop, started=started))
    try:
        await ready.wait()
        yield holder[0]
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


async def test_a_cloud_that_is_taken_away_leaves_nothing(tmp_path: Path) -> None:
    """After the reload neither page nor status knows it; put back, it is there again and VMs are named."""
    async with sides(tmp_path) as both:
        config = replace(both.config, clouds=(replace(both.config.clouds[0], interval=1.0),))
        async with running(config) as agent:
            await agent.shows('server="')
            agent.config = replace(config, clouds=())
            await agent.app.reload()
            await agent.shows('cloud="east"', shown=False)
            await agent.shows('server="', shown=False)
            assert [source.name for source in agent.app.status().sources] == ["vc1"]

            agent.config = config
            await agent.app.reload()
            await agent.shows('server="')


MEASURED = {
    *(("vc1", name) for name in ("vcenter_api_seconds", "unit_up", "unit_cpu_usage_ratio", "disk_iops")),
    *(("east", name) for name in ("openstack_api_seconds", "unit_up", "builds_last_hour")),
}


async def measured(agent: Agent) -> None:
    """Waits until this agent has measured both sides."""
    async with asyncio.timeout(30):
        for _ in range(10_000):
            if {(day.key.source, day.key.measure) for day in agent.app.days.book.days()} >= MEASURED:
                return
            await asyncio.sleep(0.1)


async def test_what_was_measured_is_kept(tmp_path: Path) -> None:
    """When the agent has ended, its record holds what both sides did, and the next agent goes on from there."""
    counts = []
    async with sides(tmp_path) as both:
        vcenters = (replace(both.config.vcenters[0], realtime_interval=1.0),)
        config = replace(both.config, vcenters=vcenters, clouds=(replace(both.config.clouds[0], interval=1.0),))
        for _ in range(2):
            async with running(config) as agent:
                await measured(agent)
            rows = days.opened(config.state).rows("2000-01-01", "2999-12-31")
            counts.append({key: sketch.count for key, sketch in merged(rows, "source", "measure").items()})

    first, second = counts
    assert first.keys() >= MEASURED
    assert all(second[key] > first[key] for key in MEASURED)
    assert all(second[key] >= count for key, count in first.items())


async def test_a_cloud_that_cannot_be_made_stops_the_reload(tmp_path: Path) -> None:
    """clouds.yaml lacks the entry: the configuration before stays in force, and the cloud goes on."""
    async with sides(tmp_path) as both, running(both.config) as agent:
        await agent.shows('cloud="east"')
        (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
        lost = Cloud("west", cloud="west", clouds_file=tmp_path / "clouds.yaml")
        agent.config = replace(both.config, clouds=(*both.config.clouds, lost))
        await agent.app.reload()

        status = agent.app.status()
        assert "cloud west" in status.reload_error
        assert [source.name for source in status.sources] == ["vc1", "cloud east"]


async def test_a_cloud_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """A sentence, as for any other mistake in the configuration."""
    (tmp_path / "clouds.yaml").write_text("clouds: {}\n")
    lost = Cloud("west", cloud="west", clouds_file=tmp_path / "clouds.yaml")
    config = Config(listen="127.0.0.1:0", state=str(tmp_path), clouds=(lost,))

    with pytest.raises(ConfigError, match="cloud west"):
        await App(config, load=lambda: config, clock=Clock()).run(asyncio.Event())
