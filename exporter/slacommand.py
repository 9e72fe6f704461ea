"""``novacenter sla``: what an operator asks of the SLA engine."""

import argparse
import json
import sys
from pathlib import Path
from typing import TextIO

from exporter import slaorders, slapolicy, slareport
from exporter.errors import ConfigError
from sla.policy import Policy
from sla.replay import ReplayError, replay


def load_policy(path: Path | None) -> Policy:
    """The built-in classes, and what the policy file adds to them. Raises ConfigError."""
    if path is None:
        return slapolicy.policy()
    try:
        return slapolicy.policy([(str(path), path.read_text(encoding="utf-8"))])
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({_reason(error)}); name a policy file in UTF-8") from error


def add(parser: argparse.ArgumentParser) -> None:
    """The subcommands; each sets ``command``, a coroutine function of the options that returns the exit code."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "what a policy makes of recorded observations, as JSON"
    made = commands.add_parser("replay", help=text, description=f"{text}; exit 1 if a record cannot be used.")
    made.add_argument("--policy", type=Path, metavar="FILE", help="added to the two built-in classes")
    made.add_argument("observations", type=Path, metavar="OBSERVATIONS.jsonl", help="one record a line; - is stdin")
    made.set_defaults(command=_replay)
    slareport.add(commands)
    slaorders.add(commands)


async def _replay(options: argparse.Namespace) -> int:
    return run_replay(options, sys.stdout, sys.stderr)


def run_replay(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    """``novacenter sla replay``: 0 and JSON on ``out``, or 1 and what is wrong with the records on ``err``.

    Raises ConfigError where the policy cannot be used.
    """
    policy = load_policy(options.policy)
    path: Path = options.observations
    try:
        if str(path) == "-":
            result = replay(policy, sys.stdin)
        else:
            with path.open(encoding="utf-8") as lines:
                result = replay(policy, lines)
    except ReplayError as error:
        err.write(f"novacenter: {path}: {error}\n")
        return 1
    except (OSError, UnicodeDecodeError) as error:
        err.write(f"novacenter: {path}: cannot be read ({_reason(error)}); name a file of JSON lines in UTF-8\n")
        return 1
    json.dump(result, out, indent=1)
    out.write("\n")
    return 0


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "not UTF-8"
