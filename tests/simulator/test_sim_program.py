"""``python -m simulator`` as a process: one READY line, a working vCenter, a clean end."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from simclient import LOGIN, Raw

from simulator import properties
from simulator.churn import step
from simulator.model import Model


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    """The running program and what its READY line says."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--listen", "127.0.0.1:0", *arguments, stdout=pipe, stderr=pipe
    )
    assert process.stdout is not None
    try:
        words = (await process.stdout.readline()).decode().split()
        assert words[0] == "READY"
        yield process, dict(word.split("=", 1) for word in words[1:])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_when_it_is_ready_and_ends_on_a_signal(number: signal.Signals) -> None:
    """A client logs in at the URL of the READY line with the thumbprint there; a signal ends it with exit code 0."""
    async with program("--hosts", "2", "--vms", "5", "--churn", "0.01", "--user", "u", "--password", "p") as (
        process,
        ready,
    ):
        pinned = aiohttp.Fingerprint(bytes.fromhex(ready["thumbprint"]))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=pinned)) as http:
            body = LOGIN.replace("administrator@vsphere.local", "u").replace(">password<", ">p<")
            assert (await Raw(http, ready["url"]).post(body))[0] == 200
            process.send_signal(number)
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_plain_http() -> None:
    """Without TLS the URL says so and there is no thumbprint."""
    async with program("--no-tls") as (_, ready):
        assert (ready["url"][:17], ready["thumbprint"], ready["cloud_url"]) == ("http://127.0.0.1:", "", "")


async def test_a_cloud_upon_it() -> None:
    """With --cloud-listen one process serves both; POST /fault reaches the cloud, too; a signal ends it cleanly."""
    cloud = ("--cloud-listen", "127.0.0.1:0", "--kvm", "2", "--incidents", "1", "--churn", "0.01")
    async with program("--no-tls", "--control", *cloud) as (process, ready), aiohttp.ClientSession() as http:
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": "administrator@vsphere.local", "password": "password"}},
        }
        orders = (({"kind": "expire_tokens"}, 200), ({"kind": "operate", "action": "stop", "server": "none"}, 400))
        for order, status in orders:
            async with http.post(ready["url"].replace("/sdk", "/fault"), json=order) as reply:
                assert reply.status == status
        async with http.post(ready["cloud_url"] + "/auth/tokens", json={"auth": {"identity": identity}}) as reply:
            assert reply.status == 201
            token = {"X-Auth-Token": reply.headers["X-Subject-Token"]}
        nova = ready["cloud_url"].replace("/identity/v3", "/compute/v2.1/servers/detail")
        async with http.get(nova, headers=token) as reply:
            hosts = [server["OS-EXT-SRV-ATTR:host"] for server in (await reply.json())["servers"]]
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert {"nova-cluster0", "kvm-01"} <= set(hosts)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_an_address_in_use_is_said(unused_tcp_port: int) -> None:
    """A port that is taken: one sentence on stderr, exit code 1."""
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", unused_tcp_port)
    async with taken:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulator", "--listen", f"127.0.0.1:{unused_tcp_port}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().startswith(f"cannot listen on 127.0.0.1:{unused_tcp_port}: ")


def test_churn_keeps_the_model_whole(model: Model) -> None:
    """Five hundred steps of the demo's life: something of every kind happened, and every property can still be read."""
    chance = random.Random(3)
    told = {step(model, chance).split(" ")[0] for _ in range(500)}
    assert told >= {"move", "power", "add", "remove", "disk", "alarm", "calm"}
    for node in model.nodes.values():
        for name in properties.names(node.kind):
            properties.text(model, node, name)
