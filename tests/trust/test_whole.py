"""The whole agent behind its gate, scraped by a real Prometheus with client certificate and password."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from externals import require
from test_prometheus import ask
from trust.weblab import client, get, hashed, mutual, serial
from vcenter.tlslab import Authority, Pair

from exporter.app import App
from exporter.clock import Clock
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.web import Server
from simulator.inventory import Size, build
from simulator.vcenter import Server as VCenter
from simulator.vcenter import Tls, serve

_CONFIG = """\
listen: 127.0.0.1:0
web_config: web.yml
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
    scheme: https
    tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}, server_name: server.test}}
    basic_auth: {{username: prometheus, password: right}}
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: nobody
    scheme: https
    tls_config: {{ca_file: {ca}}}
    basic_auth: {{username: prometheus, password: right}}
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: guess
    scheme: https
    tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}
    basic_auth: {{username: prometheus, password: wrong}}
    static_configs: [{{targets: ["{target}"]}}]
"""


@asynccontextmanager
async def agent(server: VCenter, directory: Path) -> AsyncIterator[tuple[App, str]]:
    """The whole agent on a server, with the web.yml of the directory; its address."""
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
        yield app, await ready
    finally:
        stop.set()
        await task


@asynccontextmanager
async def prometheus(scrape: str, directory: Path) -> AsyncIterator[str]:
    """A Prometheus with this configuration; its address."""
    program = require("prometheus")
    config = directory / "prometheus.yml"
    config.write_text(scrape)
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


def guard(directory: Path, pair: Pair, authority: Authority) -> None:
    """A web.yml with files of its own, that asks for certificate and password."""
    text = mutual(Pair(directory / "server.pem", directory / "server.key", pair.certificate), authority)
    (directory / "web.yml").write_text(f"{text}basic_auth_users: {{prometheus: {hashed('right')}}}\n")
    renew(directory, pair)


def renew(directory: Path, pair: Pair) -> None:
    """Other files of the server's certificate."""
    shutil.copy(pair.cert, directory / "server.pem")
    shutil.copy(pair.key, directory / "server.key")


@pytest.mark.external
async def test_a_real_prometheus(authority: Authority, client_pair: Pair, tmp_path: Path) -> None:
    """It scrapes by mutual TLS and password, goes on over a renewal, and is turned away without either of them."""
    first, second = (authority.issue(name, "127.0.0.1", "server.test") for name in ("one", "two"))
    guard(tmp_path, first, authority)
    files = {"ca": authority.pem, "cert": client_pair.cert, "key": client_pair.key}
    async with (
        serve(build(Size(hosts=1, vms=1), now=Clock().now), tls=Tls()) as server,
        agent(server, tmp_path) as (_, address),
        prometheus(_SCRAPE.format(target=address.removeprefix("https://"), **files), tmp_path) as store,
        aiohttp.ClientSession() as http,
    ):
        found = await ask(http, store, 'novacenter_edge_trust{edge="web",state="mutual"} == 1')
        assert found[0]["metric"]["job"] == "novacenter"
        own = await ask(http, store, 'novacenter_certificate_expiry_timestamp_seconds{edge="web",role="server"}')
        assert float(own[0]["value"][1]) == first.certificate.not_valid_after_utc.timestamp()
        pinned = await ask(http, store, 'novacenter_certificate_expiry_timestamp_seconds{edge="vcenter"}')
        assert [one["metric"]["role"] for one in pinned] == ["server"]
        down = await ask(http, store, 'up{job=~"nobody|guess"} == 0')
        assert sorted(one["metric"]["job"] for one in down) == ["guess", "nobody"]
        await ask(http, store, 'novacenter_web_refused_total{reason="certificate"} > 0')
        await ask(http, store, 'novacenter_web_refused_total{reason="credentials"} > 0')
        renew(tmp_path, second)
        running = Server(address, None)  # type: ignore[arg-type]
        assert await serial(running, client(authority, client_pair)) == second.certificate.serial_number
        await ask(http, store, 'sum_over_time(up{job="novacenter"}[5s]) == 5')


async def test_reloads(authority: Authority, client_pair: Pair, tmp_path: Path) -> None:
    """A reload looks at every edge; a web.yml of another name takes a restart; a broken one shows on the page."""
    pair = authority.issue("web", "127.0.0.1", "server.test")
    guard(tmp_path, pair, authority)
    async with (
        serve(build(Size(hosts=1, vms=1), now=Clock().now), tls=Tls()) as server,
        agent(server, tmp_path) as (app, address),
    ):
        shown = client(authority, client_pair)
        login = ("prometheus", "right")
        assert [await get(f"{address}/metrics", shown, who) for who in (None, login)] == [401, 200]
        assert await get(f"{address}/webhook/alertmanager", shown, method="POST") == 404
        other = authority.issue("other", "127.0.0.1", days=9)
        renew(tmp_path, other)
        await app.reload()
        ends = app.telemetry.registry.get_sample_value(
            "novacenter_certificate_expiry_timestamp_seconds",
            {"edge": "web", "peer": "127.0.0.1:0", "role": "server"},
        )
        assert ends == other.certificate.not_valid_after_utc.timestamp()
        (tmp_path / "web.yml").write_text("nonsense: 1")
        await app.reload()
        assert app.status().reload_error == (
            f"{tmp_path / 'web.yml'}:1: nonsense: unknown key; use one of: tls_server_config, http_server_config, "
            "basic_auth_users, rate_limit"
        )
        assert await get(f"{address}/metrics", shown, login) == 200


async def test_a_web_config_that_cannot_be_used(tmp_path: Path) -> None:
    """The agent does not start without its guard."""
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: none, key_file: none}")
    async with serve(build(Size(hosts=1, vms=1), now=Clock().now), tls=Tls()) as server:
        with pytest.raises(ConfigError, match=r"cert_file .*none, key_file .*none: No such file or directory"):
            async with agent(server, tmp_path):
                pass
