"""vmware_exporter, what people have today, reads from the simulator; it needs a virtual environment of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from externals import require
from prometheus_client.parser import text_string_to_metric_families

from simulator.model import Model
from simulator.perf import Engine
from simulator.vcenter import Server

pytestmark = pytest.mark.external

ENVIRONMENT = "NOVACENTER_VMWARE_EXPORTER_VENV"
"""Names a virtual environment that has vmware_exporter; without it the one of ``make externals`` is taken."""

VM_COUNTERS = (
    "cpu.ready.summation", "cpu.usage.average", "cpu.usagemhz.average", "cpu.costop.summation", "cpu.demand.average",
    "mem.usage.average", "mem.consumed.average", "mem.active.average", "mem.vmmemctl.average",
    "disk.maxTotalLatency.latest", "disk.usage.average", "disk.read.average", "disk.write.average",
    "net.received.average", "net.transmitted.average", "net.multicastRx.summation", "net.droppedTx.summation",
)  # fmt: skip
HOST_COUNTERS = ("cpu.usage.average", "cpu.ready.summation", "mem.active.average", "net.bytesRx.average",
                 "disk.write.average", "net.errorsTx.summation")  # fmt: skip


def executable() -> Path:
    """The program, or a skip that says what brings it."""
    if ENVIRONMENT in os.environ:
        return Path(os.environ[ENVIRONMENT]) / "bin" / "vmware_exporter"
    return require("vmware_exporter")


@asynccontextmanager
async def running(server: Server, port: int) -> AsyncIterator[str]:
    """The exporter, reading from the server; yields the URL of its metrics once it listens."""
    environment = {
        "VSPHERE_HOST": server.url.split("/")[2],
        "VSPHERE_USER": "administrator@vsphere.local",
        "VSPHERE_PASSWORD": "password",
        "VSPHERE_IGNORE_SSL": "True",
        "VSPHERE_FETCH_ALARMS": "True",
        "VSPHERE_FETCH_CUSTOM_ATTRIBUTES": "True",
    }
    process = await asyncio.create_subprocess_exec(
        executable(), "--address", "127.0.0.1", "--port", str(port), env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, "vmware_exporter does not start"
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                break
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        await process.wait()


async def scrape(server: Server, port: int) -> dict[str, dict[str, float]]:
    """Family -> name of the object -> value, from one scrape."""
    async with running(server, port) as url, aiohttp.ClientSession() as http, http.get(url) as reply:
        assert reply.status == 200
        text = await reply.text()
    families: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = next(sample.labels[key] for key in ("vm_name", "host_name", "ds_name") if key in sample.labels)
            families.setdefault(family.name, {})[name] = sample.value
    return families


def expected(model: Model, kind: str, name: str) -> dict[str, float]:
    """Name -> value of a counter's aggregate at the newest tick, for what runs on hosts that are connected."""
    engine, tick = Engine(model), int(model.now()) // 20
    key = next(key for key, one in model.counters.items() if one.full_name == name)
    values = {}
    for node in model.of_kind(kind):
        host = node if kind == "HostSystem" else model.get(node.facts.host)
        if host.facts.connection == "connected" and getattr(node.facts, "power", "poweredOn") == "poweredOn":
            values[node.facts.name] = engine.one(node, (key, "")).values(range(tick, tick + 1))[0]
    return values


async def test_vmware_exporter_reads_from_the_simulator(server: Server, model: Model, unused_tcp_port: int) -> None:
    """Every machine, host and datastore is there, and each performance value is exactly the model's."""
    got = await scrape(server, unused_tcp_port)
    for prefix, kind, names in (
        ("vmware_vm_", "VirtualMachine", VM_COUNTERS),
        ("vmware_host_", "HostSystem", HOST_COUNTERS),
    ):
        wanted = {prefix + name.replace(".", "_"): expected(model, kind, name) for name in names}
        assert {family: got[family] for family in wanted} == wanted
    machines = {node.facts.name: float(node.facts.power == "poweredOn") for node in model.of_kind("VirtualMachine")}
    assert got["vmware_vm_power_state"] == machines
    assert got["vmware_datastore_capacity_size"] == {
        node.facts.name: node.facts.capacity for node in model.of_kind("Datastore")
    }
    assert set(got["vmware_host_connection_state"]) == {node.facts.name for node in model.of_kind("HostSystem")}
    assert len(got["vmware_vm_snapshots"]) == sum(
        bool(node.facts.snapshots) for node in model.of_kind("VirtualMachine")
    )
