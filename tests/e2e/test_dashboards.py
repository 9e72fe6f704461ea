"""The dashboards show something: agent, simulators with faults, a real Prometheus with our rules, every target run."""

import asyncio
import json
import os
import socket
import sys
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from alertmanagerlab import TOKEN, Member, alertmanager, equals, free_port
from canarydays import dates, measured
from canarydays import store as store_days
from externals import ROOT, require
from paneltargets import Target, dashboards, every_value, filled, targets

from exporter.alertmanager.webhook import PATH
from exporter.app import App
from exporter.clock import Clock
from exporter.configfile import load
from simulator.churn import live, tick
from simulator.faults import Fault
from simulator.inventory import Size, build
from simulator.model import Model
from simulator.openstack import operations
from simulator.openstack.cloud import Cloud
from simulator.openstack.life import Incidents
from simulator.openstack.population import populate
from simulator.openstack.server import CloudServer, serve_cloud
from simulator.openstack.trouble import ApiTrouble, BuildFailure
from simulator.vcenter import Server, Tls, serve
from sla.canary.model import Unit

LIMIT = 150.0
"""Seconds until everything that can be seen here must have been: 60 of them until an incident opens."""

NO_BROKER = "needs Nova's message broker"
NOT_IN_TIME = "takes longer than this test: "
EXCEPTIONS = {
    "agent: How many notifications does Nova send? (A)": NO_BROKER,
    "agent: Is the message broker connected? (A)": NO_BROKER,
    "agent: How do connections to the message broker end? (A)": NO_BROKER,
    "agent: When was a notification last heard? (A)": NO_BROKER,
    "overview: What does not fit together? (A)": NOT_IN_TIME + "a finding is one after 300 s",
}
"""Targets that have no series here, and why. tests/test_dashboards.py looks their metrics up in the catalogues."""

_POLICY = """\
classes:
  short:
    description: An incident that is over soon
    severity: minor
    targets: {resolution: 1h}
    open_after: 0s
    open_count: 1
    clear_after: 0s
    clear_count: 1
    reopen_within: 1s
    conditions:
      - {name: datastore, resource: [vcenter, datastore], metric: vsphere_datastore_accessible, compare: "== 0"}
"""
_CONFIG = """\
listen: 127.0.0.1:{port}
state: {state}
vcenters:
  - name: demo
    url: {server.url}
    username: {user}
    password_env: PASSWORD
    tls: {{thumbprint: "{server.thumbprint}"}}
    nova_users: ['VSPHERE.LOCAL\\nova']
    historical_interval: 30s
    realtime_interval: 5s
labels: [cluster]
clouds:
  - name: demo
    auth_url: {cloud.url}
    username: {user}
    password_env: PASSWORD
    project_name: admin
    vcenters: [demo]
    interval: 5s
    limits: {{power_off: 10s}}
sla:
  policies: [short.yml]
  alertmanager:
    urls: ["{member.url}"]
    interval: 2s
    webhook: {{token_env: WEBHOOK}}
    push: {{interval: 2s}}
  windows:
    - {{name: network, start: "{start}", end: "{end}", resource: none-of-these}}
"""
_SCRAPE = """\
global: {{scrape_interval: 1s, evaluation_interval: 5s}}
rule_files: ["{rules}/*.rules.yml"]
scrape_configs:
  - job_name: novacenter
    static_configs: [{{targets: ["{target}"]}}]
"""


def break_things(model: Model, cloud: Cloud) -> None:
    """One of each: a hung power-off, a failed build, two good ones, a disabled nova-compute, a lost device."""
    vmware, *_ = (host for host, one in cloud.computes.items() if one.is_vmware)
    native, idle, *_ = (host for host, one in cloud.computes.items() if not one.is_vmware)
    cloud.troubles.builds.arm(BuildFailure(fault="vcenter"))
    operations.create(cloud, "fails", host=vmware)
    for host in (vmware, native):
        operations.create(cloud, f"good on {host}", host=host)
    Incidents(cloud).next()
    cloud.troubles.builds.arm(BuildFailure(fault="vcenter"))  # next() has cleared the first
    cloud.troubles.apis.arm(ApiTrouble(kind="dead", service="network", times=3))
    cloud.set_compute(idle, enabled=False, reason="set by vmwareapi host_state")
    host = next(node.moid for node in model.of_kind("HostSystem"))
    model.events.tell("esx.problem.storage.apd.start", host, _1="naa.6000")
    model.set_datastore(next(node.moid for node in model.of_kind("Datastore")), accessible=False)
    cloud.troubles.apis.arm(ApiTrouble(kind="delay", service="compute", seconds=8.0, times=1))


async def alarm(member: Member) -> None:
    """An alert that opens an incident, and a silence that pauses it."""
    await member.fire(alertname="ApiDown", instance="nova", sla_class="api_communication")
    await member.silence("MAINT: change 4711", equals("instance", "nova"))


def restore(model: Model) -> None:
    """The lost datastore is back."""
    for store in model.of_kind("Datastore"):
        model.set_datastore(store.moid, accessible=True)


@asynccontextmanager
async def simulators() -> AsyncIterator[tuple[Server, CloudServer]]:
    """A vCenter and a cloud upon it that live, and in which something is wrong."""
    model = build(Size(hosts=8, vms=40), now=Clock().now)
    async with serve(model, tls=Tls()) as server:
        cloud = populate(model, kvm=6)
        async with serve_cloud(cloud, host="127.0.0.1", port=0) as served:
            server.cloud = served
            living = [asyncio.create_task(tick(model)), asyncio.create_task(live(model, period=1.0, cloud=cloud))]
            try:
                yield server, served
            finally:
                for task in living:
                    task.cancel()


@asynccontextmanager
async def agent(
    server: Server, cloud: CloudServer, directory: Path, *, member: Member, port: int
) -> AsyncIterator[str]:
    """The whole agent on both, with an Alertmanager; its address."""
    accounts, now = server.model.accounts, Clock().now()
    file = directory / "novacenter.yml"
    (directory / "short.yml").write_text(_POLICY)
    file.write_text(
        _CONFIG.format(
            port=port,
            member=member,
            state=directory / "state",
            server=server,
            cloud=cloud,
            user=accounts.user,
            start=f"{datetime.fromtimestamp(now - 60, UTC):%Y-%m-%dT%H:%M}",
            end=f"{datetime.fromtimestamp(now + 3600, UTC):%Y-%m-%dT%H:%M}",
        )
    )

    def configuration() -> Any:
        return load(file, environ={"PASSWORD": accounts.password, "WEBHOOK": TOKEN})

    ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    watched = datetime.fromtimestamp(now - 3 * 86400, UTC)
    some = [Unit(f"demo/{node.moid}", name=node.moid) for node in server.model.of_kind("HostSystem")]
    store_days(directory / "state", measured(some, dates(f"{watched:%Y-%m-%d}", 3)))
    app = App(configuration(), load=configuration, clock=Clock())
    task = asyncio.create_task(app.run(stop, started=ready.set_result))
    try:
        address = await ready
        await begin_canary(file, f"{watched:%Y-%m-%dT%H:%M:%SZ}", password=accounts.password)
        yield address
    finally:
        stop.set()
        await task


async def begin_canary(config: Path, at: str, *, password: str) -> None:
    """A canary run that was started in the past, by the command, beside the running agent."""
    command = ("-m", "exporter", "canary", "start", "--config", str(config), "--release", "r1", "--at", at)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env={**os.environ, "PASSWORD": password, "WEBHOOK": TOKEN},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


@asynccontextmanager
async def prometheus(target: str, directory: Path) -> AsyncIterator[str]:
    """A Prometheus with our rules that scrapes the target each second; its address."""
    config = directory / "prometheus.yml"
    config.write_text(_SCRAPE.format(target=target, rules=ROOT / "alerts"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        require("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


class Store:
    """What Prometheus answers, through its HTTP API."""

    def __init__(self, http: aiohttp.ClientSession, address: str, since: float) -> None:
        self._http, self._address, self._since = http, address, since

    async def get(self, path: str, **query: str) -> Any:
        """The data of an answer; None until Prometheus is there. An error in the query fails the test."""
        url = f"{self._address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            async with self._http.get(url) as reply:
                content = await reply.text()
        except aiohttp.ClientConnectionError:
            return None
        if reply.status == 503:
            return None
        answer = json.loads(content)
        assert answer["status"] == "success", f"{urllib.parse.unquote_plus(url)}\n{answer}"
        return answer["data"]

    async def series(self, expression: str, *, instant: bool) -> int:
        """How many series a query gives now, or has given since the beginning."""
        now = Clock().now()
        if instant:
            found = await self.get("query", query=expression)
        else:
            found = await self.get("query_range", query=expression, start=f"{self._since}", end=f"{now}", step="2")
        return len(found["result"]) if found else 0

    async def until(self, expression: str) -> None:
        """Waits for the first series."""
        while True:
            if await self.series(expression, instant=True):
                return
            await asyncio.sleep(0.5)

    async def values(self, query: str) -> int:
        """How many values a variable has: ``label_values(SELECTOR, LABEL)``."""
        selector, _, label = query.removeprefix("label_values(").removesuffix(")").rpartition(", ")
        return len(await self.get(f"label/{label}/values", **{"match[]": selector}) or ())


async def seen(wanted: list[Target], store: Store) -> dict[str, str]:
    """Those targets that have had no series until the time was up, with their queries as they were asked."""
    every = {name: every_value(content) for name, content in dashboards().items()}
    missing = {one.name: (filled(one.expr, every[one.dashboard]), one.instant) for one in wanted}
    end = Clock().monotonic() + LIMIT
    while missing and Clock().monotonic() < end:
        await asyncio.sleep(3.0)
        for name, (expression, instant) in list(missing.items()):
            if await store.series(expression, instant=instant):
                del missing[name]
    return {name: expression for name, (expression, _) in missing.items()}


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Store]:
    """All of it."""
    async with AsyncExitStack() as stack:
        server, cloud = await stack.enter_async_context(simulators())
        server.model.hidden = frozenset({"guest.toolsVersion"})
        port = free_port()
        webhook = f"http://127.0.0.1:{port}{PATH}"
        member = await stack.enter_async_context(alertmanager(directory / "alertmanager", webhook=webhook))
        address = await stack.enter_async_context(agent(server, cloud, directory, member=member, port=port))
        since = Clock().now()
        target = await stack.enter_async_context(prometheus(address.removeprefix("http://"), directory))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        store = Store(http, target, since)
        await store.until("vsphere_storage_events_total and on () novacenter_cloud_up")
        break_things(server.model, cloud.cloud)
        server.faults.arm(Fault(kind="delay", method="QueryPerf", seconds=8.0))
        await alarm(member)
        over = asyncio.get_running_loop().call_later(20.0, restore, server.model)
        yield store
        over.cancel()


@pytest.mark.external
@pytest.mark.timeout(300)
async def test_every_panel_shows_something(tmp_path: Path) -> None:
    """Each target of each panel has a series, each variable a value, and each annotation can be asked for."""
    wanted = targets()
    assert set(EXCEPTIONS) <= {one.name for one in wanted}, "an exception is about no target"
    async with running(tmp_path) as store:
        missing = await seen([one for one in wanted if one.name not in EXCEPTIONS], store)
        assert missing == {}
        unanswered = {}
        for name, content in dashboards().items():
            values = every_value(content)
            for variable in content["templating"]["list"]:
                if variable["type"] == "query" and not await store.values(filled(variable["query"], values)):
                    unanswered[f"{name}: ${variable['name']}"] = variable["query"]
            for annotation in content["annotations"]["list"]:
                await store.series(filled(annotation["expr"], values), instant=False)
            for one in wanted:
                if one.dashboard == name and one.name in EXCEPTIONS:
                    await store.series(filled(one.expr, values), instant=one.instant)
        assert unanswered == {}
