"""Provokes failures in the cloud that ``up.sh`` started, and undoes them; for tests, and by hand as a command.

Needs the standard library only, so it runs in the project's environment. ``README.md`` says what each failure looks
like.
"""

import argparse
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
DEFAULT_STATE = HERE.parents[2] / ".build" / "openstack"
VCENTER = "https://127.0.0.1:18989"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VM:
    """A virtual machine in vcsim."""

    moref: str
    name: str
    instance_uuid: str
    power_state: str


def wait(condition: Callable[[], T | None], *, what: str, seconds: float = 60, every: float = 0.3) -> T:
    """The first true result of ``condition``; TimeoutError, which names ``what``, after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every)
    return result


class Lab:
    """The running cloud. A service's NAME is that of its log: nova-api, nova-compute-vmware1, vcsim, mariadb..."""

    def __init__(self, state: Path | None = None) -> None:
        """``state`` is the LAB_STATE that up.sh was given."""
        self.state = state or Path(os.environ.get("LAB_STATE", DEFAULT_STATE))
        # loopback: neither a proxy nor a certificate to verify
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl._create_unverified_context()),  # noqa: S323
        )

    @property
    def running(self) -> bool:
        """up.sh has been here and Nova's API lives."""
        return (self.state / "openrc").is_file() and self.status().get("nova-api") == "up"

    def credentials(self) -> dict[str, str]:
        """The OS_* variables of the administrator, as a client of OpenStack reads them."""
        lines = (self.state / "openrc").read_text(encoding="utf-8").splitlines()
        return dict(word.split("=", 1) for line in lines for word in shlex.split(line)[1:])

    # --- services ----------------------------------------------------------------------------------------------------

    def _pid(self, name: str) -> int:
        return int((self.state / "run" / f"{name}.pid").read_text(encoding="ascii"))

    def status(self) -> dict[str, str]:
        """Each service that was started: up, frozen or gone."""
        names = sorted(file.stem for file in (self.state / "run").glob("*.pid"))
        return {name: self._state(name) for name in names}

    def _state(self, name: str) -> str:
        try:
            letter = Path(f"/proc/{self._pid(name)}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
        except FileNotFoundError:
            return "gone"
        return {"T": "frozen", "Z": "gone"}.get(letter, "up")

    def freeze(self, name: str) -> None:
        """Hang a service and its children: it keeps its connections and answers nothing."""
        os.killpg(self._pid(name), signal.SIGSTOP)  # each service leads a process group of its own

    def thaw(self, name: str) -> None:
        """Undo ``freeze``."""
        os.killpg(self._pid(name), signal.SIGCONT)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A hung service for a while."""
        self.freeze(name)
        try:
            yield
        finally:
            self.thaw(name)

    def stop(self, name: str) -> None:
        """End a service: politely, after 15 s by force. Its clients are refused the connection."""
        group = self._pid(name)
        os.killpg(group, signal.SIGCONT)
        os.kill(group, signal.SIGTERM)
        try:
            wait(lambda: self._state(name) == "gone", what=f"the end of {name}", seconds=15)
        except TimeoutError:
            os.killpg(group, signal.SIGKILL)

    def start(self) -> None:
        """Start whatever is missing, and wait until it serves."""
        computes = [name.removeprefix("nova-compute-") for name in self.status() if name.startswith("nova-compute-")]
        environment = os.environ | {"LAB_STATE": str(self.state), "LAB_COMPUTES": " ".join(computes)}
        subprocess.run([HERE / "up.sh"], env=environment, check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """A service that is down for a while."""
        self.stop(name)
        try:
            yield
        finally:
            self.start()

    def restart_vcenter(self) -> None:
        """A new vcsim, which knows no VM. The driver keeps references into the old one, so its computes restart too."""
        for name in self.status():
            if name.startswith("nova-compute-vmware") or name == "vcsim":
                self.stop(name)
        self.start()

    def nova_manage(self, *arguments: str) -> str:
        """What Nova's own administration command prints."""
        conf = self.state / "conf"
        program: list[str | Path] = [self.state / "venv/bin/nova-manage"]
        for file in ("nova.conf", "nova-db.conf"):
            program += ["--config-file", conf / file]
        return subprocess.run([*program, *arguments], check=True, capture_output=True, text=True).stdout

    @contextmanager
    def cell_down(self) -> Iterator[None]:
        """Nova's API cannot reach the database of cell1 for a while: it answers with partial records."""
        line = next(line for line in self.nova_manage("cell_v2", "list_cells").splitlines() if " cell1 " in line)
        update = ("cell_v2", "update_cell", "--cell_uuid", line.split("|")[2].strip())
        self.nova_manage(*update, "--database_connection", "mysql+pymysql://root@localhost/nova?unix_socket=/nowhere")
        try:
            self._reload_nova_api()  # it caches the cells' addresses
            yield
        finally:
            self.nova_manage(*update)  # without addresses it takes those of the configuration
            self._reload_nova_api()

    def _reload_nova_api(self) -> None:
        """New workers, up to where they answer: one that starts without its database ends the whole service."""
        pid = self._pid("nova-api")
        children = Path(f"/proc/{pid}/task/{pid}/children")
        old = set(children.read_text(encoding="ascii").split())
        os.kill(pid, signal.SIGHUP)
        wait(lambda: old.isdisjoint(children.read_text(encoding="ascii").split()), what="the end of nova-api's workers")
        self._opener.open("http://127.0.0.1:8774/", timeout=60).close()

    # --- the vCenter -------------------------------------------------------------------------------------------------

    def task_runs(self, name: str, seconds: int, *, count: int = 1) -> None:
        """The next ``count`` vCenter tasks of this name (createVM, powerOn, powerOff, reconfigVm...) take so long."""
        self._vcsim("task", name=name, seconds=seconds, count=count)

    def task_fails(self, name: str, fault: str, *, count: int = 1) -> None:
        """The next ``count`` vCenter tasks of this name end with a vSphere fault (NoDiskSpace, TaskInProgress...)."""
        self._vcsim("task", name=name, fault=fault, count=count)

    def soap_status(self, status: int, *, count: int) -> None:
        """The vCenter answers the next ``count`` calls with this HTTP status; status 0 drops the connection."""
        self._vcsim("http", status=status, count=count)

    def soap_delay(self, method: str, seconds: float) -> None:
        """The vCenter takes so much longer over a method (* is every one); 0 ends it."""
        self._vcsim("delay", method=method, ms=round(seconds * 1000))

    def vms(self) -> list[VM]:
        """What the vCenter has."""
        return [VM(**vm) for vm in self._vcsim("vms")]

    def calls(self) -> dict[str, int]:
        """How often each SOAP method and task was called since vcsim started."""
        return dict(self._vcsim("calls"))

    def _vcsim(self, path: str, **query: str | int) -> Any:
        url = f"{VCENTER}/lab/{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, method="POST" if query else "GET")  # noqa: S310 - loopback
        with self._opener.open(request, timeout=10) as reply:
            return json.load(reply)


def main() -> None:
    """``lab.py COMMAND [ARGUMENT...]``."""
    lab = Lab()
    commands: dict[str, Callable[..., Any]] = {
        "status": lab.status,
        "freeze": lab.freeze,
        "thaw": lab.thaw,
        "stop": lab.stop,
        "start": lab.start,
        "restart-vcenter": lab.restart_vcenter,
        "task-runs": lambda name, seconds: lab.task_runs(name, int(seconds)),
        "task-fails": lab.task_fails,
        "soap-status": lambda status, count: lab.soap_status(int(status), count=int(count)),
        "soap-delay": lambda method, seconds: lab.soap_delay(method, float(seconds)),
        "vms": lambda: [f"{vm.moref} {vm.power_state} {vm.name}" for vm in lab.vms()],
        "calls": lab.calls,
    }
    parser = argparse.ArgumentParser(description="Provokes failures in the cloud that up.sh started, and undoes them.")
    parser.add_argument("command", choices=commands)
    parser.add_argument("argument", nargs="*")
    arguments = parser.parse_args()
    result = commands[arguments.command](*arguments.argument)
    if isinstance(result, dict):
        result = [f"{name:22} {value}" for name, value in result.items()]
    sys.stdout.writelines(f"{line}\n" for line in result or ())


if __name__ == "__main__":
    main()
