"""The whole agent as an operator runs it: a process with a configuration file, seen through /metrics and its log."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.openstack.lab import VCENTER, Lab, wait

ROOT = Path(__file__).resolve().parents[3]
INTERVAL = 3.0
SLACK = 10.0
"""Seconds beyond limit and interval: Nova's times have whole seconds, and on two busy cores a cycle takes a moment."""

# Without nova_users: vcsim has no user for tasks, so Nova's are told by the extension that manages the VM.
_CONFIG = """\
listen: 127.0.0.1:0
state: {state}
vcenters:
  - name: vc1
    url: {vcenter}/sdk
    username: nova@vsphere.local
    password_env: LAB_PASSWORD
    tls: {{insecure: true}}
clouds:
  - name: lab
    auth_url: {auth_url}
    username: {user}
    password_env: LAB_PASSWORD
    project_name: {project}
    region: {region}
    interval: {interval:g}s
    vcenters: [vc1]
    limits: {{{limits}}}
"""

Labels = frozenset[tuple[str, str]]


@dataclass
class Agent:
    """An agent that can be ended and started again with the same configuration and state."""

    folder: Path
    lab: Lab
    limits: Mapping[str, float]
    url: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Starts it and waits until the cloud has been read."""
        known = self.lab.credentials()
        config = self.folder / "novacenter.yml"
        config.write_text(
            _CONFIG.format(
                state=self.folder / "state",
                vcenter=VCENTER,
                auth_url=known["OS_AUTH_URL"],
                user=known["OS_USERNAME"],
                project=known["OS_PROJECT_NAME"],
                region=known["OS_REGION_NAME"],
                interval=INTERVAL,
                limits=", ".join(f"{name}: {seconds:g}s" for name, seconds in self.limits.items()),
            )
        )
        begin = len(self.log())
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "exporter", "run", "--config", config],
                cwd=ROOT,
                env=os.environ | {"LAB_PASSWORD": known["OS_PASSWORD"]},
                stdout=log,
                stderr=log,
            )
        found = wait(lambda: re.search(r"http://\S+/metrics", self.log()[begin:]), what="the agent's address")
        self.url = found[0]
        wait(lambda: self.value("novacenter_cloud_up") == 1, what="the agent's first cycle of the cloud")

    def stop(self) -> None:
        """Ends it as a service manager does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def restart(self) -> None:
        """Ends it and starts it again."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything that it has said so far."""
        path = self.folder / "agent.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def series(self, name: str, **labels: str) -> dict[Labels, float]:
        """The series of that name with at least these labels."""
        found = {}
        for line in self._page().splitlines():
            if line.startswith((f"{name}{{", f"{name} ")):
                text, _, value = line.removeprefix(name).rpartition(" ")
                have = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
                if labels.items() <= have:
                    found[have] = float(value)
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of these series; None where there is none."""
        found = self.series(name, **labels)
        return sum(found.values()) if found else None

    def timeouts(self, operation: str) -> dict[tuple[str, str], float]:
        """The timeouts of an operation by host and cause; only what was counted."""
        found = self.series("nova_vmware_task_timeouts_total", cloud="lab", operation=operation)
        by_place = ((dict(labels), value) for labels, value in found.items() if value)
        return {(labels.get("host", ""), labels["cause"]): value for labels, value in by_place}

    def cycles(self, count: int) -> None:
        """Waits for so many further cycles of the cloud, whatever comes of them."""
        name = "novacenter_cloud_cycles_total"
        before = self.value(name) or 0
        wait(lambda: (self.value(name) or 0) >= before + count, what=f"{count} cycles", seconds=60)

    def _page(self) -> str:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, timeout=10) as reply:
                return str(reply.read().decode())
        except urllib.error.URLError as error:
            raise RuntimeError(f"no metrics from the agent ({error}); its log ends:\n{self.log()[-3000:]}") from error


@contextmanager
def running(folder: Path, lab: Lab, **limits: float) -> Iterator[Agent]:
    """An agent with limits by operation, which has read the cloud once."""
    agent = Agent(folder, lab, limits)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()
