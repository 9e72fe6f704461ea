"""``novacenter canary start | status | judge | change | abort | promote-check``: may a release go to all units?

Exit codes of status, judge and promote-check: 0 passed; 10 failed; 11 inconclusive; 12 still running; 13 aborted; 1 the
tool could not say; 2 the command line, configuration or specification cannot be used.
"""

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO, TypeAlias

from exporter import canarystart
from exporter.canary import judging, opening, runs, words
from exporter.canary.judging import Case
from exporter.canary.runs import Judgement, Note, Runs
from exporter.clock import Clock
from exporter.config import Config
from exporter.configfile import load
from exporter.days import stores
from exporter.errors import ConfigError, NovacenterError
from exporter.replacement import replaced
from sla.canary import recorded
from sla.canary.judging import judge, verify
from sla.canary.model import EXIT, Kind, Observations, Occurrence, Phase, Run
from sla.canary.verdict import Verdict, text_form, to_json
from sla.days import Day
from sla.report import period
from sla.report.period import PeriodError

_CONFIG = Path("/etc/novacenter/novacenter.yml")
_OVER = {Phase.PASSED, Phase.FAILED, Phase.INCONCLUSIVE, Phase.ABORTED}
_EXITS = "Exit codes: 0 passed, 10 failed, 11 inconclusive, 12 still running, 13 aborted, 1 or 2 it cannot be said."
_EXAMPLE = f"""\
example:
  novacenter canary start --release nova-30.2     prints the hosts to upgrade
  novacenter canary status                        day by day
  novacenter canary promote-check && ./upgrade-the-rest

{_EXITS}"""
_ABOUT = """\
A release goes to 10 % of the hosts or compute services first, is watched there for 7 valid days beside as many units
that keep the old version, and may go to all of them if its targets are met."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
Command: TypeAlias = Callable[[argparse.Namespace], Awaitable[int]]
Order: TypeAlias = Callable[[argparse.Namespace, "Desk"], int]


def add(parser: argparse.ArgumentParser) -> None:
    """The subcommands; each sets ``command``, a coroutine function of the options."""
    parser.description = _ABOUT
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "choose the canary units, and begin to watch them; prints what to upgrade"
    made = _command(commands, "start", canarystart.start, text=text)
    canarystart.add_arguments(made)
    made = _command(commands, "status", _run(status), text="how far the run is: days, checks, deadline")
    _run_of(made)
    made = _command(commands, "judge", _judge, text="give the verdict, of now, of the past, or on recorded days")
    _run_of(made)
    made.add_argument("--observations", type=Path, metavar="FILE", help="judge the days recorded there (JSON lines)")
    made.add_argument("--spec", type=Path, metavar="FILE", help="with --observations: judge by this specification")
    made.add_argument("--output", type=Path, metavar="FILE", help="write the verdict there too, as JSON with its hash")
    made.add_argument("--verify", type=Path, metavar="FILE", help="see whether that verdict would be given again")
    made = _command(commands, "change", _run(change), text="tell that units were changed: their days begin anew")
    _run_of(made, at=False)
    made.add_argument("--unit", dest="units", action="append", required=True, metavar="NAME", help="id or name; again")
    made.add_argument("--detail", required=True, metavar="TEXT", help="such as: nova 30.1 -> 30.2")
    made = _command(commands, "abort", _run(abort), text="end the run without a verdict on the release")
    _run_of(made, at=False)
    made.add_argument("--reason", required=True, metavar="TEXT")
    text = "whether the full switch is allowed: what a pipeline asks"
    _run_of(_command(commands, "promote-check", _run(promote_check), text=text))


def _command(commands: Commands, name: str, run: Command, *, text: str) -> argparse.ArgumentParser:
    description = f"{text[0].upper()}{text[1:]}."
    made = commands.add_parser(name, help=text, description=description, epilog=_EXITS if name != "start" else None)
    made.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}")
    made.add_argument("--format", dest="form", choices=("text", "json"), default="text")
    made.set_defaults(command=run)
    return made


def _run_of(made: argparse.ArgumentParser, *, at: bool = True) -> None:
    made.add_argument("--release", default="", metavar="ID", help="default: the run that was started last")
    if at:
        made.add_argument("--at", metavar="TIME", help="as of then, such as 2026-11-23T12:00:00Z; default: now")


@dataclass(frozen=True, slots=True)
class Desk:
    """A run, the measured days, and where to write to. ``now`` is epoch seconds; the past where ``at`` was given."""

    store: Runs
    case: Case
    days: Callable[..., tuple[Day, ...]]
    now: float
    out: TextIO

    def observations(self, at: float) -> Observations:
        """What is known at an instant. Raises DaysError."""
        since, until = self.case.dates(at)
        return self.case.observations(self.days(since, until, measures=self.case.run.spec.measures), at)

    def verdict(self, at: float) -> Verdict:
        """The verdict of an instant. Raises DaysError."""
        return judge(self.case.run, self.observations(at), at)

    def latest(self, options: argparse.Namespace) -> Verdict:
        """The verdict of ``--at``, that by which the run has ended, or that of now."""
        at = moment(options.at, self.now)
        ended = runs.last(self.store, self.case.started.release) if self.case.started.ended is not None else None
        if options.at is None and ended is not None:
            at = ended.at
        return self.verdict(at)


def moment(text: str | None, now: float) -> float:
    """The instant of ``--at``. Raises ConfigError for one of the future."""
    try:
        at = now if text is None else period.instant(text)
    except PeriodError as error:
        raise ConfigError(f"--at: {error}") from error
    if at > now:
        raise ConfigError(f"--at {text}: lies in the future; nothing is known of it yet")
    return at


def _run(order: Order) -> Command:
    async def command(options: argparse.Namespace) -> int:
        return await asyncio.to_thread(_at_desk, order, options)

    return command


def _at_desk(order: Order, options: argparse.Namespace) -> int:
    """Opens what the configuration names, and does what is asked for; 1 and a sentence where it cannot be."""
    config, clock = load(options.config, environ=os.environ), Clock()
    store = opening.runs(config.state, monotonic=clock.monotonic)
    try:
        started = store.find(options.release) if options.release else store.newest()
        if started is None:
            which = f"release {options.release} has no canary run" if options.release else "there is no canary run yet"
            raise NovacenterError(f"canary: {which}; begin one by novacenter canary start")
        case = judging.opened(store, started)
        desk = Desk(store, case, partial(_days, config), float(int(clock.now())), sys.stdout)
        return order(options, desk)
    except ConfigError:
        raise
    except NovacenterError as error:
        sys.stderr.write(f"novacenter: {error}\n")
        return 1


def _days(config: Config, since: str, until: str, *, measures: Collection[str]) -> tuple[Day, ...]:
    with closing(stores.opened(config.state)) as days:
        return days.rows(since, until, measures=measures)


def status(options: argparse.Namespace, desk: Desk) -> int:
    """How far the run is; the exit code is that of its phase."""
    verdict = desk.latest(options)
    desk.out.write(
        to_json(verdict) if options.form == "json" else f"{text_form(verdict)}\n{words.about(desk.case.run, verdict)}"
    )
    return EXIT[verdict.phase]


async def _judge(options: argparse.Namespace) -> int:
    if options.observations is not None:
        return await asyncio.to_thread(_judge_recorded, options)
    if options.spec is not None:
        raise ConfigError("--spec: a stored run is judged by its own specification; it goes with --observations")
    return await asyncio.to_thread(_at_desk, judge_stored, options)


def judge_stored(options: argparse.Namespace, desk: Desk) -> int:
    """The verdict on the stored run; that of now is stored as well, as the agent does."""
    if options.verify is not None:
        return _verify(options.verify, desk.case.run, desk.observations, out=desk.out)
    verdict = desk.latest(options)
    if options.at is None and desk.case.started.ended is None:
        judgement = Judgement(verdict.at, to_json(verdict))
        desk.store.judged(verdict.release, judgement, over=verdict.phase in _OVER)
    return _told(verdict, options, desk.out)


def _judge_recorded(options: argparse.Namespace) -> int:
    """The verdict on recorded days, without state and configuration."""
    path: Path = options.observations
    try:
        spec = canarystart.spec_file(options.spec) if options.spec is not None else None
        with path.open(encoding="utf-8") as lines:
            run, known = recorded.read(lines, str(path), spec=spec)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        sys.stderr.write(f"novacenter: {path}: cannot be read ({reason}); name a file of JSON lines in UTF-8\n")
        return 1
    except recorded.RecordedError as error:
        sys.stderr.write(f"novacenter: {error}\n")
        return 1
    if options.verify is not None:
        return _verify(options.verify, run, lambda _: known, out=sys.stdout)
    return _told(judge(run, known, moment(options.at, Clock().now())), options, sys.stdout)


def _told(verdict: Verdict, options: argparse.Namespace, out: TextIO) -> int:
    made = to_json(verdict)
    if options.output is not None:
        try:
            replaced(options.output, made.encode())
        except OSError as error:
            reason = f"cannot be written ({error.strerror}); name another file, or make room"
            raise ConfigError(f"--output {options.output}: {reason}") from error
    with suppress(BrokenPipeError):
        out.write(made if options.form == "json" else text_form(verdict))
    return EXIT[verdict.phase]


def _verify(path: Path, run: Run, known: Callable[[float], Observations], *, out: TextIO) -> int:
    """0 if the verdict in a file is what would be given again; else 1, and what differs."""
    try:
        text = path.read_text(encoding="utf-8")
        at = canarystart.judged_at(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--verify {path}: is not the file of a verdict ({error})") from error
    differences = verify(text, run, known(at))
    out.writelines(f"{path}: {one}\n" for one in differences or ("verified",))
    return 1 if differences else 0


def change(options: argparse.Namespace, desk: Desk) -> int:
    """Notes that units were changed, by hand or by a tool that tells us; 1 where one is not of the run."""
    names = {
        name: member.unit.id for member in desk.case.run.cohort.members for name in (member.unit.id, member.unit.name)
    }
    if unknown := [name for name in options.units if name not in names]:
        raise NovacenterError(f"canary: {', '.join(unknown)}: no unit of the run; see novacenter canary status")
    now, who = desk.now, getpass.getuser()
    for name in options.units:
        unit = names[name]
        said = Occurrence(now, Kind.VERSION_CHANGED, unit, detail=f"{options.detail} (told by {who})")
        _note(desk, f"told {unit} {now!r}", said)
        desk.out.write(f"{unit}: noted; its run begins anew\n")
    return 0


def abort(options: argparse.Namespace, desk: Desk) -> int:
    """Ends the run; 1 where it has ended already."""
    if desk.case.started.ended is not None:
        raise NovacenterError(f"canary: the run of {desk.case.started.release} is over; see novacenter canary status")
    said = Occurrence(desk.now, Kind.ABORTED, detail=f"{options.reason} ({getpass.getuser()})")
    _note(desk, "aborted", said)
    again = Desk(desk.store, judging.opened(desk.store, desk.case.started), desk.days, desk.now, desk.out)
    verdict = again.verdict(desk.now)
    desk.store.judged(verdict.release, Judgement(verdict.at, to_json(verdict)), over=verdict.phase in _OVER)
    desk.out.write(words.promotion_json(verdict) if options.form == "json" else words.promotion(verdict))
    return 0


def _note(desk: Desk, key: str, said: Occurrence) -> None:
    note = Note(key, judging.OCCURRENCE, said.at, desk.now, recorded.occurrence_json(said))
    desk.store.note(desk.case.started.release, [note])


def promote_check(options: argparse.Namespace, desk: Desk) -> int:
    """Whether the full switch is allowed; the exit code is 0 only then."""
    verdict = desk.latest(options)
    desk.out.write(words.promotion_json(verdict) if options.form == "json" else words.promotion(verdict))
    return EXIT[verdict.phase]
