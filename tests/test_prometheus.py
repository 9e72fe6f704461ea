"""A real Prometheus scrapes the agent: what it stores is what vCenter has, names with anything in them included."""

import asyncio
import json
import socket
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from externals import require

from exporter.app import App
from exporter.clock import Clock
from exporter.configfile import load
from simulator.inventory import Size, build
from simulator.vcenter import Server, Tls, serve

ODD = 'wéb "1" \\ two\nlines\t☃ {a="b"}'
"""Quotes, backslash, line feed, tab, non-ASCII, and what looks like a label."""

_CONFIG = """\
listen: 127.0.0.1:0
state: {state}
vcenters:
  - name: vc1
    url: {url}
    username: {user}
    password_env: PW
    tls: {{thumbprint: "{thumbprint}"}}
"""
_SCRAPE = """\
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: novacenter
    static_configs: [{{targets: ["{target}"]}}]
"""


@asynccontextmanager
async def agent(server: Server, directory: Path) -> AsyncIterator[str]:
    """The whole agent on a server; its address."""
    file = directory / "novacenter.yml"
    accounts = server.model.accounts
    file.write_text(
        _CONFIG.format(state=directory / "state", url=server.url, user=accounts.user, thumbprint=server.thumbprint)
    )

    def configuration() -> Any:
        return load(file, environ={"PW": accounts.password})

    ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    app = App(configuration(), load=configuration, clock=Clock())
    task = asyncio.create_task(app.run(stop, started=ready.set_result))
    try:
        yield await ready
    finally:
        stop.set()
        await task


@asynccontextmanager
async def prometheus(target: str, directory: Path) -> AsyncIterator[str]:
    """A Prometheus that scrapes the target each second; its address."""
    program = require("prometheus")
    config = directory / "prometheus.yml"
    config.write_text(_SCRAPE.format(target=target))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        program,
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


async def ask(http: aiohttp.ClientSession, address: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query, as soon as there is one."""
    url = f"{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    async with asyncio.timeout(40):
        while True:
            try:
                async with http.get(url) as reply:
                    found: list[dict[str, Any]] = json.loads(await reply.text())["data"]["result"]
                    if found:
                        return found
            except (aiohttp.ClientConnectionError, KeyError, json.JSONDecodeError):
                pass
            await asyncio.sleep(0.2)


@pytest.mark.external
async def test_names_survive_a_scrape(tmp_path: Path) -> None:
    """A name with quotes, backslashes, line feeds and any Unicode comes back from Prometheus as vCenter has it."""
    clock = Clock()
    behind = 100.0
    model = build(Size(hosts=3, vms=6), now=lambda: clock.now() - behind)
    moid = model.add_vm(ODD)
    behind = 0.0  # now the VM is old enough to have samples
    async with (
        serve(model, tls=Tls()) as server,
        agent(server, tmp_path) as address,
        prometheus(address.removeprefix("http://"), tmp_path) as store,
        aiohttp.ClientSession() as http,
    ):
        info = await ask(http, store, f'vsphere_vm_info{{moid="{moid}"}}')
        usage = await ask(http, store, f'vsphere_vm_cpu_usage_average_ratio{{moid="{moid}"}}')
        up = await ask(http, store, 'up{job="novacenter"} == 1 and on() vsphere_up{vcenter="vc1"} == 1')

        assert info[0]["metric"]["vm"] == usage[0]["metric"]["vm"] == ODD
        assert 0 <= float(usage[0]["value"][1]) <= 1
        assert len(up) == 1
