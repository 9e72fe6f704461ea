"""``novacenter demo``, ``novacenter simulate``: the whole agent, against the simulator in a process of its own."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.app import App
from exporter.clock import Clock
from exporter.cloudpoller import CloudReport
from exporter.config import Config
from exporter.configfile import load
from exporter.errors import NovacenterError
from exporter.vcenter.sampler import Report

START_LIMIT = 60.0
"""Seconds that the simulator may take to be ready."""

_CONFIG = """\
listen: {listen}
state: {state}
vcenters:
  - name: demo
    url: {url}
    username: user
    password_file: password
    tls: {{thumbprint: "{thumbprint}"}}
    nova_users: ['VSPHERE.LOCAL\\nova']
labels: [cluster]
clouds:
  - name: demo
    auth_url: {cloud_url}
    username: user
    password_file: password
    project_name: admin
    vcenters: [demo]
    interval: 10s
    limits: {{power_off: 20s, reboot: 20s, create: 60s}}
    mapping:
      physical_networks: {{physnet1: DSwitch0 DC0}}
      clusters: [{{name: Cluster0, datastore_regex: "ds-00-.*"}}]
      cinder_backends: [{{name: vmdk, datastores: [ds-00-1]}}]
"""

_PROMISE = """\
In about 30 s a power-off has hung for longer than its limit of 20 s, in a vCenter task that never ends:
  curl -s {address}/metrics | grep 'nova_vmware_task_timeouts_total.* [1-9]'
Every minute something else hangs or fails: a build, a task in the queue, a nova-compute, Nova itself."""

_COMMANDS = """\
After a minute or two, in another shell, with what this agent has measured:
  novacenter assess --config {file}
  novacenter assess --config {file} --format html --output assessment.html
  novacenter drift --config {file}
  novacenter ways --config {file}
  novacenter check --config {file}
  novacenter sla report --config {file} --last 1h
To see drift, have somebody rename the distributed switch; within a cycle drift and assess tell:
  curl -d '{{"kind": "mapping", "what": "rename_switch", "name": "DSwitch0 DC0", "to": "dvs-old"}}' {control}"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The address of the agent, the size of the simulated vCenter, and for how long (None: until stopped)."""

    listen: str
    hosts: int
    vms: int
    seconds: float | None = None


def say(text: str) -> None:
    """Prints a line at once."""
    print(text, flush=True)  # noqa: T201 - the command's own voice


def simulate(arguments: Sequence[str]) -> int:
    """Runs the simulated vCenter by itself, in place of this process."""
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *arguments])  # noqa: S606 - no shell, fixed program


async def run(demo: Demo, *, stop: asyncio.Event) -> int:
    """Starts simulator and agent, says where to look, and a line per cycle. Returns the exit code."""
    simulator = await _start(demo)
    try:
        there = await _address(simulator)
        with tempfile.TemporaryDirectory(prefix="novacenter-demo-") as state:
            config = _config(demo, there, Path(state))
            app = App(config, load=lambda: config, clock=Clock(), cycled=_line, cloud_cycled=_cloud_line)
            timer = asyncio.get_running_loop().call_later(demo.seconds, stop.set) if demo.seconds else None
            await app.run(stop, started=lambda address: _welcome(address, there, Path(state)))
            if timer:
                timer.cancel()
    finally:
        if simulator.returncode is None:
            simulator.terminate()
        await simulator.wait()
    say("stopped")
    return 0


async def _start(demo: Demo) -> asyncio.subprocess.Process:
    size = ["--hosts", str(demo.hosts), "--vms", str(demo.vms)]
    cloud = ["--cloud-listen", "127.0.0.1:0", "--incidents", "--compare", "15", "--control-listen", "127.0.0.1:0"]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "--listen", "127.0.0.1:0", "--user", "user", "--password", "pass", "--churn"),
        *size,
        *cloud,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C is for the agent, which then ends the simulator.
        start_new_session=True,
    )


async def _address(simulator: asyncio.subprocess.Process) -> Mapping[str, str]:
    """What the simulator's READY line says: ``url``, ``thumbprint``, ``cloud_url`` and ``control_url``."""
    if simulator.stdout is None:
        raise NovacenterError("the simulator has no standard output")
    try:
        line = (await asyncio.wait_for(simulator.stdout.readline(), START_LIMIT)).decode()
    except TimeoutError as error:
        raise NovacenterError(f"the simulator was not ready within {START_LIMIT:g} s") from error
    found = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
    if not line.startswith("READY") or not {"url", "thumbprint", "cloud_url", "control_url"} <= found.keys():
        raise NovacenterError(f"the simulator did not start: {line.strip() or 'it ended without a word'}")
    return found


def _config(demo: Demo, there: Mapping[str, str], state: Path) -> Config:
    # In a file, not in the environment, so that commands in another shell can use the configuration.
    password = state / "password"
    password.touch(mode=0o600)
    password.write_text("pass\n")
    file = _file(state)
    file.write_text(_CONFIG.format(listen=demo.listen, state=state, **there))
    return load(file, environ={})


def _file(state: Path) -> Path:
    return state / "novacenter.yml"


def _welcome(address: str, there: Mapping[str, str], state: Path) -> None:
    say(f"vCenter simulator  {there['url']}")
    say(f"cloud simulator    {there['cloud_url']}")
    say(f"metrics            {address}/metrics")
    say(f"status             {address}/")
    say(_PROMISE.format(address=address))
    say(_COMMANDS.format(file=_file(state), control=there["control_url"]))
    say("Ctrl-C ends it")


def _now() -> str:
    return f"{datetime.fromtimestamp(Clock().now()).astimezone():%H:%M:%S}"


def _cloud_line(source: str, report: CloudReport) -> None:
    outcome = f"failed: {report.error}" if report.error else "ok"
    say(
        f"{_now()} {source} cloud: {outcome}; {report.servers} servers, {report.opened} operations in flight, "
        f"{report.ended} ended; {report.requests} requests; {report.seconds:.2f} s"
    )
    for found in report.timed_out:
        what = f"{found.operation.name} of server {found.operation.server} on {found.operation.host or 'no host'}"
        say(f"{_now()} {source} cloud: TIMEOUT of {what}: {found.cause.value}")


def _line(source: str, report: Report) -> None:
    entities = ", ".join(f"{kind.value} {count}" for kind, count in report.planned.items() if count)
    received = sum(totals.received for totals in report.totals.values())
    outcome = f"failed: {report.error}" if report.error else "ok"
    say(
        f"{_now()} {source} {report.schedule}: {outcome}; {entities or 'nothing to ask'}; "
        f"{received} samples so far; {report.seconds:.2f} s"
    )
