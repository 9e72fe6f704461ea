"""``novacenter canary start``: chooses the canary units from what is there now, and begins to watch them."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

from exporter import survey
from exporter.canary import judging, opening, units, words
from exporter.canary.runs import AlreadyRunningError, Note, Runs, Started
from exporter.canary.units import Look
from exporter.clock import Clock
from exporter.config import Config
from exporter.configfile import load
from exporter.days import stores
from exporter.errors import ConfigError, NovacenterError
from exporter.survey import Sources
from sla.canary import judging as core
from sla.canary import recorded, specfile
from sla.canary.cohort import CohortError, choose
from sla.canary.model import Run, Unit, date_of
from sla.canary.readings import readings_of, units_of
from sla.canary.spec import Spec, UnitKind
from sla.days import Day, Measure
from sla.policyyaml import PolicyError
from sla.report import period
from sla.report.period import PeriodError

_MOST_BYTES = 1024**2


def add_arguments(made: argparse.ArgumentParser) -> None:
    """The options of the command."""
    made.add_argument("--release", required=True, metavar="ID", help="what is released, such as nova-30.2")
    made.add_argument("--unit", choices=[kind.value for kind in UnitKind], help="what is upgraded; default: host")
    made.add_argument("--spec", type=Path, metavar="FILE", help="targets, guards, comparisons; default: the built-in")
    made.add_argument("--at", metavar="TIME", help="when it began, such as 2026-11-23T12:00:00Z; default: now")


def spec_file(path: Path) -> Spec:
    """The specification in a file. Raises ConfigError."""
    try:
        with path.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ConfigError(f"{path}: is larger than 1 MiB; name the file of a specification")
        return specfile.load(content.decode("utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read ({reason}); name a specification in UTF-8") from error
    except PolicyError as error:
        raise ConfigError(str(error)) from error


def built_in(kind: UnitKind) -> Spec:
    """The specification that comes with the product."""
    name = specfile.BUILT_IN[kind]
    return specfile.load(resources.files("sla").joinpath("data", name).read_text(encoding="utf-8"), name)


def judged_at(text: str) -> float:
    """When a verdict was given. Raises ValueError for what is none."""
    try:
        return float(json.loads(text)["at"])
    except (KeyError, TypeError) as error:
        raise ValueError("it has no time") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be begun: the specification with the release in it, and when (epoch seconds, whole)."""

    spec: Spec
    at: float


async def start(options: argparse.Namespace) -> int:
    """The command: 0 and what to upgrade; 1 where a source failed or another run is not over. Raises ConfigError."""
    config, clock = load(options.config, environ=os.environ), Clock()
    plan = _plan(options, config, clock.now())
    store = opening.runs(config.state, monotonic=clock.monotonic)
    try:
        await asyncio.to_thread(_refuse, store)
        async with survey.opened(config, lambda *_: None, clock=clock) as sources:
            seen = await _look(sources, plan.spec.unit)
        run = await asyncio.to_thread(_begin, store, plan, seen=seen, config=config)
    except ConfigError:
        raise
    except NovacenterError as error:
        sys.stderr.write(f"novacenter: {error}\n")
        return 1
    sys.stdout.write(words.plan_json(run) if options.form == "json" else words.plan_text(run))
    return 0


def _plan(options: argparse.Namespace, config: Config, now: float) -> Plan:
    kind = UnitKind(options.unit or (UnitKind.HOST if config.vcenters else UnitKind.SERVICE))
    spec = built_in(kind) if options.spec is None else spec_file(options.spec)
    if options.unit and spec.unit != kind:
        raise ConfigError(f"--unit {options.unit}: the specification is about units of kind {spec.unit}; leave it out")
    try:
        at = now if options.at is None else period.instant(options.at)
    except PeriodError as error:
        raise ConfigError(f"--at: {error}") from error
    if at > now:
        raise ConfigError(f"--at {options.at}: lies in the future; start the run when the upgrade begins")
    try:
        checked = specfile.load(specfile.text_of(replace(spec, release=options.release)), "specification")
    except PolicyError as error:
        raise ConfigError(f"--release {options.release!r}: {error}") from error
    return Plan(checked, float(int(at)))


def _refuse(store: Runs) -> None:
    """Raises AlreadyRunningError before anybody is asked for an inventory."""
    newest = store.newest()
    if newest is not None and newest.ended is None:
        raise AlreadyRunningError(
            f"canary: release {newest.release} is being watched; wait for its verdict, or end it by "
            "novacenter canary abort"
        )


async def _look(sources: Sources, kind: UnitKind) -> Look:
    """What there is. Raises NovacenterError where a source failed: the share would be of a part only."""
    failures = {f"vCenter {name}": str(error) for name, error in (await sources.survey()).items()}
    if kind is UnitKind.SERVICE:
        for cloud in sources.clouds:
            reading = cloud.services.computes if cloud.services is not None else None
            if reading is None or reading.value is None:
                failures[f"cloud {cloud.name}"] = str(reading.error if reading else "its services cannot be read")
    if failures:
        said = "; ".join(f"{name}: {error}" for name, error in failures.items())
        raise NovacenterError(f"canary: the units cannot be listed, so nothing was started: {said}")
    return units.look(sources.vcenters, sources.clouds, home=sources.identity.home)


def _begin(store: Runs, plan: Plan, *, seen: Look, config: Config) -> Run:
    days = _history(plan, config)
    try:
        cohort = choose(plan.spec, _loaded(units.units(plan.spec.unit, seen), days, plan.spec.unit))
    except CohortError as error:
        raise NovacenterError(f"canary: {error}") from error
    run = core.begin(plan.spec, plan.at, cohort, history=readings_of(days, plan.spec))
    store.begin(Started(run.release, plan.at, recorded.run_json(run)))
    versions = json.dumps(dict(units.versions(plan.spec.unit, seen)), sort_keys=True)
    store.note(run.release, [Note("versions", judging.VERSIONS, plan.at, plan.at, versions)])
    return run


def _history(plan: Plan, config: Config) -> tuple[Day, ...]:
    """The days before the start that are stored; none, with a word, where the agent has not run yet."""
    until = date_of(plan.at)
    since = until - timedelta(days=plan.spec.max_days)
    measures = plan.spec.measures | {Measure.UNIT_CPU_USAGE, Measure.UNIT_OPERATIONS}
    try:
        with closing(stores.opened(config.state)) as opened:
            return opened.rows(since.isoformat(), until.isoformat(), measures=measures)
    except ConfigError as error:
        sys.stderr.write(f"novacenter: no measured days: {error}\n")
        return ()


def _loaded(found: Iterable[Unit], days: Iterable[Day], kind: UnitKind) -> tuple[Unit, ...]:
    """Units with the load that they had in the days before, so that a control is like its canary."""
    loads = {unit.id: unit.load for unit in units_of(days, kind)}
    return tuple(replace(unit, load=loads.get(unit.id)) for unit in found)
