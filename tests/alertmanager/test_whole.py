"""The whole agent, a real Prometheus and a real Alertmanager: somebody else's rule opens an incident and ends it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from alertmanagerlab import DEADLINE, TOKEN, alertmanager, free_port
from externals import require

from exporter.alertmanager.service import Service
from exporter.alertmanager.webhook import PATH
from exporter.app import App
from exporter.clock import Clock
from exporter.configfile import load

_AGENT = """\
listen: 127.0.0.1:{port}
state: {state}
vcenters: [{{name: vc1, url: "https://127.0.0.1:1/sdk", username: u, password_env: PW}}]
sla:
  policies: [quick.yml]
  alertmanager: {{urls: ["{url}"], interval: 1s, webhook: {{token_env: TOKEN}}}}
"""
_POLICY = """\
classes:
  quick:
    targets: {{resolution: 1h}}
    open_after: 0s
    open_count: 1
    clear_after: 0s
    clear_count: 1
    conditions:
      - {{name: paged, resource: [job], alert: true}}
"""
_PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs: [{{job_name: horizon, static_configs: [{{targets: ["{target}"]}}]}}]
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
"""
_RULES = """\
groups:
  - name: others
    rules: [{alert: Down, expr: up == 0, labels: {sla_class: quick}}]
"""


@asynccontextmanager
async def prometheus(directory: Path, *, target: str, alertmanager: str) -> AsyncIterator[None]:
    """A Prometheus that asks a target each second and alerts where it does not answer."""
    (directory / "prometheus.yml").write_text(_PROMETHEUS.format(target=target, alertmanager=alertmanager))
    (directory / "rules.yml").write_text(_RULES)
    process = await asyncio.create_subprocess_exec(
        require("prometheus"),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        "--rules.alert.resend-delay=1s",
        "--log.level=error",
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def agent(directory: Path, port: int, url: str) -> AsyncIterator[App]:
    """The agent as it is configured by a file; its vCenter does not answer."""
    file = directory / "novacenter.yml"
    file.write_text(_AGENT.format(port=port, state=directory / "state", url=url))
    (directory / "quick.yml").write_text(_POLICY.format())

    def configuration() -> Any:
        return load(file, environ={"PW": "x", "TOKEN": TOKEN})

    ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    app = App(configuration(), load=configuration, clock=Clock())
    app._alertmanager = Service(clock=Clock(), telemetry=app.telemetry, settled=0.0)
    task = asyncio.create_task(app.run(stop, started=ready.set_result))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        yield app
    finally:
        stop.set()
        await task


@asynccontextmanager
async def service(port: int) -> AsyncIterator[None]:
    """What Prometheus asks, well."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="fine 1\n")

    made = web.Application()
    made.add_routes([web.get("/metrics", metrics)])
    runner = web.AppRunner(made, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def until_states(app: App, *states: str) -> None:
    """Waits until the incidents of the class are in these states."""
    async with asyncio.timeout(DEADLINE):
        while app.sla is None or states != tuple(  # noqa: ASYNC110 - the agent has no event for it
            one.incident.state.value for one in app.sla.view.incidents if one.incident.class_ == "quick"
        ):
            await asyncio.sleep(0.1)


async def until_counted(http: aiohttp.ClientSession, url: str) -> None:
    """Waits until the page counts a firing alert: the agent may have asked for it before it was told."""
    counted = re.compile(r'novacenter_alertmanager_alerts_total\{outcome="firing"\} [1-9]')
    async with asyncio.timeout(DEADLINE):
        while True:
            async with http.get(url) as reply:
                if counted.search(await reply.text()):
                    return
            await asyncio.sleep(0.1)


@pytest.mark.external
async def test_from_a_rule_to_an_incident_and_back(tmp_path: Path) -> None:
    """Prometheus' alert opens an incident through Alertmanager; when it no longer fires, the incident is resolved."""
    port, target = free_port(), free_port()
    async with (
        alertmanager(tmp_path / "am", webhook=f"http://127.0.0.1:{port}{PATH}") as member,
        agent(tmp_path, port, member.url) as app,
        prometheus(tmp_path, target=f"127.0.0.1:{target}", alertmanager=member.name),
        aiohttp.ClientSession() as http,
    ):
        await until_states(app, "open")
        assert app.sla is not None
        [judged] = [one for one in app.sla.view.incidents if one.incident.class_ == "quick"]
        assert judged.incident.resource == "horizon"
        assert dict(judged.incident.labels)["instance"] == f"127.0.0.1:{target}"
        await until_counted(http, f"http://127.0.0.1:{port}/metrics")
        async with http.post(f"http://127.0.0.1:{port}{PATH}", data=b"{}") as refused:
            assert refused.status == 401

        async with service(target):
            await until_states(app, "resolved")


@pytest.mark.external
async def test_a_reload_takes_the_section_over(tmp_path: Path) -> None:
    """Without the section there is no webhook and no metric; another one of the members is asked after a reload."""
    port = free_port()
    async with alertmanager(tmp_path / "am") as member, agent(tmp_path, port, "http://127.0.0.1:1") as app:
        await member.fire(alertname="Down", job="horizon", sla_class="quick")
        file = tmp_path / "novacenter.yml"
        written = file.read_text()
        file.write_text(written.replace("http://127.0.0.1:1", member.url))
        await app.reload()
        await until_states(app, "open")
        page = app.telemetry.text().decode()
        assert f'member="{member.name}"' in page
        assert 'member="127.0.0.1:1"' not in page

        file.write_text(written.replace("  alertmanager:", "  # "))
        await app.reload()
        async with aiohttp.ClientSession() as http:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with http.post(f"http://127.0.0.1:{port}{PATH}", data=b"{}", headers=headers) as reply:
                assert reply.status == 404
