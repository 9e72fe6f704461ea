"""The command ``novacenter``.

Exit codes: 0 all well; 1 a source failed or something unexpected happened; 2 the configuration or the command line
cannot be used.
"""

import argparse
import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from prometheus_client import disable_created_metrics

from exporter import (
    assesscommand,
    canarycommand,
    certscommand,
    check,
    demo,
    driftcommand,
    init,
    logs,
    once,
    progress,
    rulescommand,
    slacommand,
    wayscommand,
)
from exporter.app import App
from exporter.clock import Clock
from exporter.config import Config
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.telemetry import product_version

DEFAULT_CONFIG = Path("/etc/novacenter/novacenter.yml")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, None: 1}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["simulate"]:
        return demo.simulate(arguments[1:])
    options = _parser().parse_args(arguments)
    # When a counter was created is of no use here, and doubles their number on the page.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    logs.set_up(sys.stderr, form=options.log_format, level=options.log_level)
    try:
        command: Callable[[argparse.Namespace], Coroutine[None, None, int]] = options.command
        return asyncio.run(command(options))
    except ConfigError as error:
        print(f"novacenter: {error}", file=sys.stderr)  # noqa: T201 - the command's own voice
        return 2
    except KeyboardInterrupt:
        return 130


async def _run(options: argparse.Namespace) -> int:
    config = _load(options)
    app = App(config, load=lambda: _load(options), clock=Clock())
    stop = stop_event()
    async with progress.shown(app.listings, sys.stderr):
        await app.run(stop, started=lambda url: demo.say(f"novacenter {product_version()}: {url}/metrics"))
    return 0


async def _once(options: argparse.Namespace) -> int:
    return await once.run(_load(options), out=sys.stdout.buffer, err=sys.stderr)


async def _check(options: argparse.Namespace) -> int:
    return await check.run(_load(options), out=sys.stdout)


async def _init(options: argparse.Namespace) -> int:
    return init.run(options, say=demo.say)


async def _demo(options: argparse.Namespace) -> int:
    plan = demo.Demo(listen=options.listen, hosts=options.hosts, vms=options.vms, seconds=options.seconds)
    return await demo.run(plan, stop=stop_event())


async def _rules(options: argparse.Namespace) -> int:
    return rulescommand.run(options, say=demo.say)


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _load(options: argparse.Namespace) -> Config:
    return load(options.config, environ=os.environ)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="novacenter", description="Monitoring and SLA agent for clouds that run OpenStack on VMware."
    )
    parser.add_argument("--version", action="version", version=f"novacenter {product_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, level, text in (
        ("run", _run, "info", "poll the configured vCenters and serve /metrics until stopped"),
        ("once", _once, "warning", "one cycle: the exposition on stdout; exit 1 if a source failed"),
        ("check", _check, "error", "configuration, connection, rights and limits of each vCenter as a table"),
    ):
        made = commands.add_parser(name, parents=[_logging(level=level), _configured()], help=text, description=text)
        made.set_defaults(command=command)
    text = certscommand.TEXT
    made = commands.add_parser("certs", parents=[_logging(level="error")], help=text, description=text)
    certscommand.add(made, _load, config=DEFAULT_CONFIG)
    for name, asked in (("drift", driftcommand), ("ways", wayscommand), ("assess", assesscommand)):
        text = asked.TEXT
        made = commands.add_parser(name, parents=[_logging(level="error"), _configured()], help=text, description=text)
        asked.add(made, _load)
    _add_demo(
        commands.add_parser(
            "demo", parents=[_logging(level="warning")], help="the whole agent against the embedded simulator"
        )
    )
    text = "a configuration from what nova.conf, cinder.conf and ml2_conf.ini know"
    made = commands.add_parser("init", parents=[_logging(level="warning")], help=text, description=text)
    made.set_defaults(command=_init)
    init.add_arguments(made)
    text = "Prometheus rules that follow from thresholds, policy and configuration"
    made = commands.add_parser("rules", parents=[_logging(level="warning")], help=text, description=text)
    made.set_defaults(command=_rules)
    rulescommand.add_arguments(made)
    commands.add_parser("simulate", help="the simulated vCenter by itself", add_help=False)
    text = "may a release go to all units: a tenth first, seven days, then a verdict"
    canarycommand.add(commands.add_parser("canary", parents=[_logging(level="warning")], help=text))
    slacommand.add(commands.add_parser("sla", parents=[_logging(level="warning")], help="incidents and their timers"))
    return parser


def _configured() -> argparse.ArgumentParser:
    """The option that names the configuration."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"default: {DEFAULT_CONFIG}"
    )
    return parser


def _logging(*, level: str) -> argparse.ArgumentParser:
    """The options on logging, which every command has; argparse shares them by reference, defaults included."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="form of the log lines")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default=level)
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_demo)
    parser.add_argument("--listen", default="127.0.0.1:9272", metavar="HOST:PORT")
    parser.add_argument("--hosts", type=int, default=8, help="simulated hosts")
    parser.add_argument("--vms", type=int, default=60, help="simulated VMs")
    parser.add_argument("--for", dest="seconds", type=_seconds, default=None, metavar="60s", help="end by itself")


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 5m or 1h")
    return float(found[1]) * _SECONDS[found[2]]
