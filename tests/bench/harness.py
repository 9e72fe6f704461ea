"""Starts simulators and agents, each in a process of its own, and talks to the agents."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import vcsimulator
from externals import ROOT, require
from vcsimulator import Vcsim

from bench.workload import Size, smoke

Answer = dict[str, Any]

PERIOD = 20
LAG = 10
"""Seconds between the simulator's samples, and the age of the newest (its flag ``-lag``)."""


class Agent:
    """A running agent."""

    def __init__(self, process: subprocess.Popen[str], module: str) -> None:
        self._process = process
        self._module = module

    def ask(self, do: str, **arguments: Any) -> Answer:
        """Has the agent carry out a command. Raises RuntimeError if it died of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended with {self._process.wait()} while asked to {do}; see above")
        return json.loads(line)


@contextmanager
def agent(module: str, *, python: str = sys.executable) -> Iterator[Agent]:
    """Starts ``bench.agents.<module>``; it ends when its standard input does."""
    path = os.pathsep.join(str(folder) for folder in (ROOT / "tests", ROOT))
    with subprocess.Popen(
        [python, "-m", f"bench.agents.{module}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    ) as process:
        try:
            yield Agent(process, module)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def rival_python() -> str:
    """The interpreter of vmware_exporter's virtual environment."""
    return str(require("vmware_exporter").with_name("python"))


class Bench:
    """One run: its simulator (one at a time; parts that need the same one share it) and what it says meanwhile."""

    def __init__(self, *, quick: bool, say: Callable[[str], None]) -> None:
        self.quick = quick
        self.say = say
        self._stack = ExitStack()
        self._running: tuple[Size, Vcsim] | None = None
        self._sample = 0

    def close(self) -> None:
        """Ends the simulator."""
        self._running = None
        self._stack.close()

    def size(self, size: Size) -> Size:
        """The size to run: in a smoke run a small one."""
        return smoke(size) if self.quick else size

    def rounds(self, count: int) -> int:
        """How often to measure: in a smoke run less often."""
        return 2 if self.quick else count

    def simulator(self, size: Size) -> Vcsim:
        """The running simulator of that size, strict, over TLS, with an aggregate for each counter."""
        if self._running is None or self._running[0] != size:
            self.close()
            began = time.monotonic()
            started = vcsimulator.start("classic", "-strict", "-answer-all", *size.flags, timeout=600)
            self._running = (size, self._stack.enter_context(started))
            self.say(f"simulator with {size.words}: started in {time.monotonic() - began:.0f} s")
        return self._running[1]

    def await_sample(self) -> None:
        """Waits until the simulator has a sample that was not there at the last call; a smoke run does not wait."""
        while not self.quick and (newest := int(time.time() - LAG) // PERIOD) == self._sample:
            time.sleep(0.2)
        self._sample = newest if not self.quick else 0


def login(vcsim: Vcsim) -> Answer:
    """Where the rivals log in."""
    return {"host": vcsim.host, "port": vcsim.port, "user": vcsim.user, "password": vcsim.password}


def target(vcsim: Vcsim, counters: dict[str, list[str]], *, instances: bool) -> Answer:
    """What the product reads."""
    trust = {"url": vcsim.url, "thumbprint": vcsim.thumbprint, "user": vcsim.user, "password": vcsim.password}
    return trust | {"counters": counters, "instances": instances}


def simulator_cpu(vcsim: Vcsim) -> float:
    """CPU seconds that the simulator has used (proc(5), stat)."""
    fields = Path(f"/proc/{vcsim.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
