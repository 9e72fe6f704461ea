"""``novacenter rules``: the Prometheus rules that follow from thresholds, policy and configuration. Writes files."""

import argparse
import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter import slapolicy
from exporter.config import Cloud
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.rules import agent, canary, integration, nova, sla, storage, vsphere
from exporter.rules.model import Group, text
from exporter.thresholds import Thresholds
from sla.policy import Policy

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Sources:
    """What rules follow from. ``runbooks`` is the URL or folder of the pages on alerts."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    policy: Policy = field(default_factory=slapolicy.policy)
    clouds: tuple[Cloud, ...] = ()
    runbooks: str = RUNBOOKS


def files(sources: Sources) -> Mapping[str, str]:
    """Every rule file, by its name."""
    return {name: text(groups, runbooks=sources.runbooks) for name, groups in every_group(sources).items()}


def every_group(sources: Sources) -> Mapping[str, tuple[Group, ...]]:
    """All rules, by the name of their file."""
    limits = sources.thresholds
    return {
        "vsphere.rules.yml": vsphere.groups(limits),
        "storage.rules.yml": storage.groups(limits),
        "nova.rules.yml": nova.groups(limits, sources.clouds),
        "integration.rules.yml": integration.groups(limits),
        "sla.rules.yml": sla.groups(limits, sources.policy),
        "agent.rules.yml": agent.groups(limits),
        "canary.rules.yml": canary.groups(limits),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: the built-in thresholds and policy")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: all rules on stdout")
    parser.add_argument(
        "--runbooks", default=RUNBOOKS, metavar="URL", help="where docs/runbooks is published; default: %(default)s"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where files differ")


def run(options: argparse.Namespace, *, say: Callable[[str], None]) -> int:
    """The command: 0, or with --check 1 where a file in --output is not what would be written. Raises ConfigError."""
    sources = _sources(options)
    if options.output is None:
        groups = [group for its in every_group(sources).values() for group in its]
        say(text(groups, runbooks=sources.runbooks).rstrip("\n"))
        return 0
    made = {options.output / name: content for name, content in files(sources).items()}
    if options.check:
        differences = "\n".join(_differences(made))
        if differences:
            say(f"{options.output}: not what `novacenter rules` writes\n{differences}")
        return int(bool(differences))
    for path, content in made.items():
        _write(path, content)
        say(f"{path}: written")
    return 0


def _sources(options: argparse.Namespace) -> Sources:
    if options.config is None:
        return Sources(runbooks=options.runbooks)
    config = load(options.config, environ=os.environ)
    return Sources(config.rules, config.sla.policy or slapolicy.policy(), config.clouds, options.runbooks)


def _differences(made: Mapping[Path, str]) -> Iterable[str]:
    for path, content in made.items():
        there = _read(path)
        yield from difflib.unified_diff(there.splitlines(), content.splitlines(), f"{path}", "rules", lineterm="", n=0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read; name the folder of the rule files") from error


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name a folder that can be") from error
