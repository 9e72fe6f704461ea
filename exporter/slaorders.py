"""``novacenter sla status | ack | cancel | approve | reapply | window | verify``: beside a running agent, by its store.

What is asked for is left in the store's inbox; the agent that judges takes it within seconds.
"""

import argparse
import asyncio
import getpass
import os
import re
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TextIO, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.live import Live

from exporter import slaservice, slastatus, slastores
from exporter.boottime import Clocks
from exporter.clock import Clock
from exporter.config import Config
from exporter.configfile import load
from exporter.errors import ConfigError
from exporter.slajudge import Judge, Setup
from exporter.slaview import View, is_over
from exporter.slawishes import Wish, checked, message
from sla import clock as effective
from sla import facts
from sla.engine import Judged
from sla.incident import Incident
from sla.model import Ack, Announce, Approve, Cancel, CancelReason, EndWindow, Reapply, Selector, Window
from sla.store.base import Heartbeat, Store
from sla.store.errors import StoreError
from sla.verify import differences

_CONFIG = Path("/etc/novacenter/novacenter.yml")
_WIDTH = 120
_REFRESH = 1.0
_DURATION = re.compile(r"(\d{1,6})(m|h|d)")
_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_REASONS = [reason.value for reason in CancelReason if reason is not CancelReason.ORPHANED]


class Desk:
    """The store as a bystander sees it, and where to write to."""

    def __init__(self, store: Store, setup: Setup, *, clock: Clock, out: TextIO, err: TextIO) -> None:
        self.store = store
        self.clock = clock
        self.out = out
        self.err = err
        self._setup = setup
        self._judge: Judge | None = None
        self._seq = 0

    def picture(self) -> tuple[View, Heartbeat | None]:
        """What the log says, at this moment. Raises StoreError, and ValueError where the log is damaged."""
        if self._judge is None or next(self.store.read(since=self._seq), None) is not None:
            log = list(self.store.read())
            self._judge = Judge([stored.record for stored in log], (), setup=self._setup)
            self._seq = log[-1].seq if log else 0
        beat = self.store.heartbeat()
        reading = Clocks(self.clock.now).read()
        timeline, _ = effective.begin(reading, beat.at if beat else None, beat.body if beat else None)
        return self._judge.view(now=timeline.now), beat

    def in_force(self) -> str | None:
        """The version of the policy that incidents begin under now; None before the first one. Raises StoreError."""
        found = [facts.decode(stored.record) for stored in self.store.read(kind=facts.PolicySelected.kind)]
        return next((fact.version for fact in reversed(found) if isinstance(fact, facts.PolicySelected)), None)


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name
Command: TypeAlias = Callable[[argparse.Namespace], Awaitable[int]]
Order: TypeAlias = Callable[[argparse.Namespace, Desk], int]


def add(commands: Commands) -> None:
    """The subcommands; each sets ``command``, a coroutine function of the options."""
    _command(commands, "status", _status, text="the incidents that are not over, and how much time is left")
    made = commands.choices["status"]
    made.add_argument("--json", action="store_true", help="as JSON, once")
    made.add_argument("--once", action="store_true", help="do not refresh; so it is without a terminal")
    for name, run, text in (
        ("ack", ack, "say that somebody has taken up incidents"),
        ("cancel", cancel, "say that incidents do not count"),
        ("reapply", reapply, "judge incidents again, under the policy that is in force now"),
    ):
        _selecting(_command(commands, name, _run(run), text=text))
    commands.choices["cancel"].add_argument("--reason", required=True, choices=_REASONS)
    text = "grant incidents the exclusion of maintenance that was announced too late"
    _approving(_command(commands, "approve", _run(approve), text=text))
    _windows(commands.add_parser("window", help="maintenance windows"))
    text = "replay the log and compare: exit 1 where it is not what would be written again"
    _command(commands, "verify", _run(verify), text=text)


def _command(commands: Commands, name: str, run: Command, *, text: str) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    made.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}")
    made.set_defaults(command=run)
    return made


def _selecting(made: argparse.ArgumentParser) -> None:
    made.add_argument("incident", nargs="?", default="", metavar="INCIDENT", help="its id; or choose by the options")
    made.add_argument("--all", action="store_true", help="all incidents that are not over")
    _scoped(made)
    made.add_argument("--actor", default="", metavar="NAME", help="default: the user")


def _approving(made: argparse.ArgumentParser) -> None:
    made.set_defaults(all=True)  # of those that the window covers
    made.add_argument("--window", required=True, metavar="ID", help="see novacenter sla window list")
    made.add_argument("--incident", default="", metavar="ID", help="default: all that the window covers")
    _scoped(made)
    made.add_argument("--actor", default="", metavar="NAME", help="default: the user")


def _scoped(made: argparse.ArgumentParser) -> None:
    made.add_argument("--class", dest="class_", default="", metavar="NAME")
    made.add_argument("--resource", default="", metavar="NAME")
    made.add_argument("--label", dest="labels", action="append", default=[], metavar="NAME=VALUE")


def _windows(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = _command(commands, "add", _run(window_add), text="announce maintenance")
    made.add_argument("--start", default="now", metavar="TIME", help="such as 2026-10-01T22:00; default: now")
    which = made.add_mutually_exclusive_group(required=True)
    which.add_argument("--end", metavar="TIME")
    which.add_argument("--for", dest="lasts", metavar="2h", help="minutes, hours or days")
    made.add_argument("--zone", default="UTC", metavar="NAME", help="of the times; default: UTC")
    made.add_argument("--id", default="", metavar="NAME", help="default: made up")
    made.add_argument("--comment", default="", metavar="TEXT")
    _scoped(made)
    made = _command(commands, "list", _run(window_list), text="the windows that are open or to come")
    made.add_argument("--json", action="store_true")
    made = _command(commands, "end", _run(window_end), text="end a window now, or call it off")
    made.add_argument("id", metavar="WINDOW")
    made.add_argument("--actor", default="", metavar="NAME", help="default: the user")


def _run(order: Order) -> Command:
    async def command(options: argparse.Namespace) -> int:
        return await asyncio.to_thread(run, order, options)

    return command


def run(order: Order, options: argparse.Namespace) -> int:
    """Opens the store that the configuration names, and does what is asked for. Raises ConfigError."""
    config, clock = load(options.config, environ=os.environ), Clock()
    with closing(_store(config, clock)) as store:
        return guarded(order, options, _desk(config, store, clock))


def _desk(config: Config, store: Store, clock: Clock) -> Desk:
    return Desk(store, slaservice.setup(config), clock=clock, out=sys.stdout, err=sys.stderr)


def _store(config: Config, clock: Clock) -> Store:
    return slastores.opened(config.state, monotonic=clock.monotonic, exclusive=False)


def guarded(order: Order, options: argparse.Namespace, desk: Desk) -> int:
    """What is asked for; 1 and a sentence where the store cannot be used."""
    try:
        return order(options, desk)
    except (StoreError, ValueError) as error:
        desk.err.write(f"novacenter: {error}\n")
        return 1


async def _status(options: argparse.Namespace) -> int:
    if options.json or options.once or not sys.stdout.isatty():
        return await asyncio.to_thread(run, status, options)
    config, clock = load(options.config, environ=os.environ), Clock()
    with closing(_store(config, clock)) as store, Live(auto_refresh=False) as live:
        desk = _desk(config, store, clock)
        while True:
            view, beat = await asyncio.to_thread(desk.picture)
            live.update(slastatus.table(view, beat.at if beat else None), refresh=True)
            await asyncio.sleep(_REFRESH)


def status(options: argparse.Namespace, desk: Desk) -> int:
    """The table, or JSON, once."""
    view, beat = desk.picture()
    at = beat.at if beat else None
    if options.json:
        desk.out.write(slastatus.as_json(view, at))
        return 0
    shown = desk.out.isatty()
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if shown else _WIDTH
    colour = shown and not os.environ.get("NO_COLOR")
    desk.out.write(slastatus.rendered(slastatus.table(view, at), width=width, colour=colour))
    return 0


def ack(options: argparse.Namespace, desk: Desk) -> int:
    """Acknowledges what is selected; 1 if that is nothing."""
    return _order(options, desk, Ack)


def cancel(options: argparse.Namespace, desk: Desk) -> int:
    """Cancels what is selected; 1 if that is nothing."""
    reason = CancelReason(options.reason)
    return _order(options, desk, lambda now, scope, actor: Cancel(now, scope, reason, actor))


def approve(options: argparse.Namespace, desk: Desk) -> int:
    """Grants the exclusion of a window to what it covers of what is selected; 1 if that is nothing."""
    window = options.window

    def order(now: float, scope: Selector, actor: str) -> Approve:
        return Approve(now, window, scope, actor)

    def asks(incident: Incident) -> bool:
        return window in incident.requested and window not in incident.approved

    none = f"no incident that is not over and is selected still asks for the exclusion of window {window}"
    return _order(options, desk, order, only=asks, none=none)


def reapply(options: argparse.Namespace, desk: Desk) -> int:
    """Has what is selected judged again, where it began under another policy; 1 if that is nothing, or not possible."""
    policy = desk.picture()[0].policy
    if desk.in_force() != policy.version:
        desk.err.write("novacenter: the agent has not taken over the policy of this configuration; reload it first\n")
        return 1

    def differs(incident: Incident) -> bool:
        return incident.policy != policy.version and incident.class_ in policy.classes

    none = "no incident that is not over and is selected began under another policy"
    return _order(options, desk, Reapply, only=differs, none=none)


def _order(
    options: argparse.Namespace,
    desk: Desk,
    order: Callable[[float, Selector, str], Ack | Cancel | Approve | Reapply],
    *,
    only: Callable[[Incident], bool] = lambda _: True,
    none: str = "no incident that is not over is selected",
) -> int:
    scope = _scope(options, options.incident)
    if scope == Selector() and not options.all:
        raise ConfigError("nothing is selected; name an incident, --class, --resource or --label, or write --all")
    view, _ = desk.picture()
    living = [one.incident for one in view.incidents if not is_over(one) and _selects(scope, one)]
    selected = [incident for incident in living if only(incident)]
    if not selected:
        desk.err.write(f"novacenter: {none}; see novacenter sla status\n")
        return 1
    _leave(desk, order(desk.clock.now(), scope, options.actor or getpass.getuser()))
    for incident in selected:
        desk.out.write(f"{incident.id} {_named(incident)}\n")
    return 0


def _named(incident: Incident) -> str:
    return slastatus.clean(f"{incident.class_} {incident.resource}")


def _selects(scope: Selector, judged: Judged) -> bool:
    one = judged.incident
    pairs = ((scope.incident, one.id), (scope.class_, one.class_), (scope.resource, one.resource))
    return all(wanted in {"", found} for wanted, found in pairs) and set(scope.labels) <= set(one.labels)


def _scope(options: argparse.Namespace, incident: str = "") -> Selector:
    labels = []
    for text in options.labels:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"--label {text!r}: write NAME=VALUE")
        labels.append((name, value))
    return Selector(incident, options.class_, options.resource, tuple(sorted(labels)))


def _leave(desk: Desk, wish: Wish) -> None:
    desk.store.post(message(checked(wish)))


def window_add(options: argparse.Namespace, desk: Desk) -> int:
    """Announces a window and prints its id."""
    now = desk.clock.now()
    start = now if options.start == "now" else _moment(options.start, options.zone)
    end = start + _length(options.lasts) if options.lasts else _moment(options.end, options.zone)
    if not start < end <= start + 31 * 86400 or end <= now:
        raise ConfigError("the window must end after it begins, within 31 days, and not in the past")
    id_ = options.id or f"cli-{secrets.token_hex(4)}"
    view, _ = desk.picture()
    if any(window.id == id_ for window in view.windows):
        raise ConfigError(f"--id {id_}: there is, or was, a window of that id; choose another one")
    window = Window(id_, start, end, _scope(options), announced_at=now, source="cli", comment=options.comment)
    _leave(desk, Announce(now, window))
    if start < now - 1:
        desk.err.write("novacenter: it begins in the past: it pauses nothing, and is listed as a request\n")
    desk.out.write(f"{id_}\n")
    return 0


def window_list(options: argparse.Namespace, desk: Desk) -> int:
    """The windows that are open or to come."""
    view, beat = desk.picture()
    if options.json:
        desk.out.write(slastatus.as_json(view, beat.at if beat else None))
    else:
        desk.out.write(slastatus.rendered(slastatus.windows(view), width=_WIDTH, colour=False))
    return 0


def window_end(options: argparse.Namespace, desk: Desk) -> int:
    """Ends a window; 1 if there is none of that id that is not over."""
    view, _ = desk.picture()
    if not any(window.id == options.id and window.end > max(view.now, window.start) for window in view.windows):
        desk.err.write("novacenter: no such window is open or to come; see novacenter sla window list\n")
        return 1
    _leave(desk, EndWindow(desk.clock.now(), options.id, options.actor or getpass.getuser()))
    return 0


def _moment(text: str, zone: str) -> float:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        raise ConfigError(f"{text!r} in zone {zone!r} is no time; write one such as 2026-10-01T22:00") from None


def _length(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not match:
        raise ConfigError(f"--for {text!r} is no duration; write 30m, 4h or 2d")
    return float(match[1]) * _SECONDS[match[2]]


def verify(_: argparse.Namespace, desk: Desk) -> int:
    """Compares the log with what it would be, and the list of windows with the log; 1 if they differ."""
    records = [stored.record for stored in desk.store.read()]
    beat = desk.store.heartbeat()
    found = list(differences(records, until=beat.at if beat else 0.0))
    if not found:
        view, _beat = desk.picture()
        found = list(_lists(desk.store, view))
    for line in found:
        desk.out.write(f"{slastatus.clean(line)}\n")
    desk.out.write(f"{len(records)} records, {len(found)} differences\n")
    return 1 if found else 0


def _lists(store: Store, view: View) -> Iterator[str]:
    known = {window.id: (window.start, window.end) for window in view.windows}
    listed = {window.id: (window.start, window.end) for window in store.windows()}
    for id_ in sorted({*known, *listed}):
        if known.get(id_) != listed.get(id_):
            yield f"window {id_}: {listed.get(id_)} in the list, {known.get(id_)} by the log"
    for incident in {one.incident.policy for one in view.incidents} - store.policies().keys():
        yield f"policy {incident}: not in the list, and incidents began under it"
