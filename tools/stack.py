"""Runs the demo agent, Prometheus and Alertmanager on loopback, without containers, until Ctrl-C (`make stack`).

Everything is written into .build/stack, which is removed at the end. The rules are those of alerts/. The two
configurations are copies of those there: with other addresses, and with receivers that tell nobody.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "alerts"
BUILD = ROOT / ".build"
START_LIMIT = 60
"""Seconds that a program may take to be ready."""
STOP_LIMIT = 20
"""Seconds that a program may take to end."""
SHIPPED = {"agent": "127.0.0.1:9272", "prometheus": "127.0.0.1:9090", "alertmanager": "127.0.0.1:9093"}
"""The addresses that the configurations in alerts/ have."""


class StackError(Exception):
    """What failed, and what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is to run: its command, and the URL that answers 200 as soon as it is ready."""

    name: str
    command: Sequence[str]
    ready: str


def prometheus_config(shipped: Any, addresses: Mapping[str, str]) -> Any:
    """alerts/prometheus.yml for these addresses: the rules by full path, samples an hour late accepted."""
    there = {old: addresses[name] for name, old in SHIPPED.items()}
    adapted = {**shipped, "rule_files": [str(ALERTS / pattern) for pattern in shipped["rule_files"]]}
    adapted["storage"] = {"tsdb": {"out_of_order_time_window": "1h"}}
    adapted["alerting"] = {"alertmanagers": [_targets(found, there) for found in shipped["alerting"]["alertmanagers"]]}
    adapted["scrape_configs"] = [_targets(job, there) for job in shipped["scrape_configs"]]
    return adapted


def _targets(section: Any, there: Mapping[str, str]) -> Any:
    static = [{**group, "targets": [there[each] for each in group["targets"]]} for group in section["static_configs"]]
    return {**section, "static_configs": static}


def alertmanager_config(shipped: Any) -> Any:
    """alerts/alertmanager.yml with the same routes and inhibitions, and receivers that tell nobody."""
    return {**shipped, "receivers": [{"name": receiver["name"]} for receiver in shipped["receivers"]]}


def find(name: str, *places: str) -> str:
    """The program below .build, else on PATH. Raises StackError."""
    for place in places:
        if (built := BUILD / place).is_file():
            return str(built)
    found = shutil.which(name)
    if found is None:
        raise StackError(f"{name} is missing: run `make .build/{name}`")
    return found


def write(directory: Path, addresses: Mapping[str, str]) -> None:
    """Writes both configurations into the directory."""
    prometheus = prometheus_config(yaml.safe_load((ALERTS / "prometheus.yml").read_text("utf-8")), addresses)
    alertmanager = alertmanager_config(yaml.safe_load((ALERTS / "alertmanager.yml").read_text("utf-8")))
    (directory / "prometheus.yml").write_text(yaml.safe_dump(prometheus), encoding="utf-8")
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager), encoding="utf-8")


def programs(directory: Path, addresses: Mapping[str, str]) -> Sequence[Program]:
    """What is started, in this order."""
    agent, prometheus, alertmanager = (addresses[name] for name in ("agent", "prometheus", "alertmanager"))
    return (
        Program(
            "alertmanager",
            (
                find("alertmanager", "alertmanager/alertmanager"),
                f"--config.file={directory}/alertmanager.yml",
                f"--storage.path={directory}/alertmanager",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            ),
            f"http://{alertmanager}/-/ready",
        ),
        Program(
            "agent",
            (str(Path(sys.executable).with_name("novacenter")), "demo", "--listen", agent),
            f"http://{agent}/-/ready",
        ),
        Program(
            "prometheus",
            (
                find("prometheus", "prometheus/usr/bin/prometheus"),
                f"--config.file={directory}/prometheus.yml",
                f"--storage.tsdb.path={directory}/prometheus",
                f"--web.listen-address={prometheus}",
            ),
            f"http://{prometheus}/-/ready",
        ),
    )


def check_free(addresses: Mapping[str, str]) -> None:
    """Raises StackError where somebody listens already."""
    for name, address in addresses.items():
        host, port = address.rsplit(":", 1)
        try:
            with socket.create_server((host, int(port))):
                pass
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise StackError(f"{name}: {address}: {reason}; end what listens there, or say --{name}") from error


@contextmanager
def made(directory: Path) -> Any:
    """The directory, new and empty, and removed at the end. Raises StackError."""
    try:
        directory.mkdir(parents=True)
    except FileExistsError as error:
        raise StackError(f"{directory} exists: another stack runs, or was killed; then remove it") from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def running(program: Program, log: Path) -> Any:
    """The process, ended at the end: by SIGTERM, after ``STOP_LIMIT`` by SIGKILL."""
    with log.open("wb") as output:
        # Ctrl-C is for this script, which ends the programs one after the other.
        process = subprocess.Popen(  # noqa: S603 - no shell, fixed programs
            program.command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Whether the URL answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - http on loopback
            return bool(reply.status == 200)
    except OSError:
        return False


def check_alive(program: Program, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Raises StackError with the last lines it said, where the program has ended."""
    if process.poll() is not None:
        last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-10:])
        raise StackError(f"{program.name} ended with code {process.returncode}:\n{last}")


def run(place: Path, addresses: Mapping[str, str], stop: threading.Event) -> None:
    """Starts all, says where to look, and ends all when told to, or when one ends. Raises StackError."""
    check_free(addresses)
    with ExitStack() as stack:
        stack.enter_context(made(place))
        write(place, addresses)
        started = []
        for program in programs(place, addresses):
            log = place / f"{program.name}.log"
            process = stack.enter_context(running(program, log))
            started.append((program, process, log))
            for _ in range(START_LIMIT):
                if answers(program.ready) or stop.wait(1):
                    break
                check_alive(program, process, log)
            else:
                raise StackError(f"{program.name} was not ready within {START_LIMIT} s")
            if stop.is_set():
                return
        welcome(addresses, place)
        while not stop.wait(1):
            for each in started:
                check_alive(*each)


def welcome(addresses: Mapping[str, str], place: Path) -> None:
    """Says where to look."""
    agent, prometheus, alertmanager = (addresses[name] for name in ("agent", "prometheus", "alertmanager"))
    print(f"agent         http://{agent}/  (metrics: http://{agent}/metrics)")
    print(f"Prometheus    http://{prometheus}/alerts  (targets: http://{prometheus}/targets)")
    print(f"Alertmanager  http://{alertmanager}/#/alerts")
    print(f"logs          {place}/*.log, until the end")
    print("Within two minutes NovaVmwareTaskTimeout is in Alertmanager. Ctrl-C ends all.", flush=True)


def main(arguments: Sequence[str]) -> int:
    """0 after Ctrl-C or SIGTERM, 1 where something failed."""
    parser = argparse.ArgumentParser(description="agent, Prometheus and Alertmanager on loopback")
    for name, address in SHIPPED.items():
        parser.add_argument(f"--{name}", default=address, metavar="HOST:PORT", help=address)
    parser.add_argument("--directory", type=Path, default=BUILD / "stack", help="new, and removed at the end")
    chosen = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(chosen.directory, {name: getattr(chosen, name) for name in SHIPPED}, stop)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
