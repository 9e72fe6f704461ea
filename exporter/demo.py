"""``novacenter demo``, ``novacenter simulate``: the whole agent, against the simulator in a process of its own."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from exporter.app import App
from exporter.clock import Clock
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
    password_env: DEMO_PASSWORD
    tls: {{thumbprint: "{thumbprint}"}}
labels: [cluster]
clouds: []
"""


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
        url, thumbprint = await _address(simulator)
        with tempfile.TemporaryDirectory(prefix="novacenter-demo-") as state:
            config = _config(demo, url=url, thumbprint=thumbprint, state=Path(state))
            app = App(config, load=lambda: config, clock=Clock(), cycled=_line)
            timer = asyncio.get_running_loop().call_later(demo.seconds, stop.set) if demo.seconds else None
            await app.run(stop, started=lambda address: _welcome(address, url))
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
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "--listen", "127.0.0.1:0", "--user", "user", "--password", "pass", "--churn"),
        *size,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C is for the agent, which then ends the simulator.
        start_new_session=True,
    )


async def _address(simulator: asyncio.subprocess.Process) -> tuple[str, str]:
    """The URL and certificate thumbprint from the simulator's READY line."""
    if simulator.stdout is None:
        raise NovacenterError("the simulator has no standard output")
    try:
        line = (await asyncio.wait_for(simulator.stdout.readline(), START_LIMIT)).decode()
    except TimeoutError as error:
        raise NovacenterError(f"the simulator was not ready within {START_LIMIT:g} s") from error
    found = dict(word.split("=", 1) for word in line.split()[1:] if "=" in word)
    if not line.startswith("READY") or "url" not in found:
        raise NovacenterError(f"the simulator did not start: {line.strip() or 'it ended without a word'}")
    return found["url"], found.get("thumbprint", "")


def _config(demo: Demo, *, url: str, thumbprint: str, state: Path) -> Config:
    file = state / "novacenter.yml"
    file.write_text(_CONFIG.format(listen=demo.listen, state=state, url=url, thumbprint=thumbprint))
    return load(file, environ={"DEMO_PASSWORD": "pass"})


def _welcome(address: str, url: str) -> None:
    say(f"vCenter simulator  {url}")
    say(f"metrics            {address}/metrics")
    say(f"status             {address}/")
    say("Ctrl-C ends it")


def _line(source: str, report: Report) -> None:
    entities = ", ".join(f"{kind.value} {count}" for kind, count in report.planned.items() if count)
    received = sum(totals.received for totals in report.totals.values())
    outcome = f"failed: {report.error}" if report.error else "ok"
    now = datetime.fromtimestamp(Clock().now()).astimezone()
    say(
        f"{now:%H:%M:%S} {source} {report.schedule}: {outcome}; {entities or 'nothing to ask'}; "
        f"{received} samples so far; {report.seconds:.2f} s"
    )
