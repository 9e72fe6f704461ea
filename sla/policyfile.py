"""Policy files: text in, a ``Policy`` out. Pure. A later file adds to an earlier one.

A class that is there already keeps what the later file does not name; its targets and conditions are replaced whole.
Every error names file, line and key.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sla.calendar import Calendar, Hours
from sla.policy import ALWAYS, Condition, Flap, Guard, IncidentClass, Policy, Reopen, Target, Unknown, Until
from sla.policyyaml import Node, PolicyError, parse

_YEAR = 366 * 86400.0
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_COMPARISON = re.compile(r"(==|!=|<=|>=|<|>) *([+-]?\d{1,15}(?:\.\d{1,15})?)")
_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]{0,254}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was read so far."""

    classes: dict[str, IncidentClass] = field(default_factory=dict)
    calendars: dict[str, Calendar] = field(default_factory=dict)
    sites: dict[str, str] = field(default_factory=dict)
    severities: tuple[str, ...] = Policy({}).severities


def load(files: Iterable[tuple[str, str]]) -> Policy:
    """The policy of all files together, each a pair of what errors call it and its text. Raises PolicyError."""
    parts = _Parts()
    for name, text in files:
        parts = _read(parse(text, name), parts)
    return Policy(parts.classes, parts.calendars, parts.sites, parts.severities)


def _read(root: Node, before: _Parts) -> _Parts:
    found = root.members(("severities", "calendars", "sites", "classes"))
    severities, calendars, sites, classes = (found.get(key) for key in ("severities", "calendars", "sites", "classes"))
    parts = replace(
        before,
        severities=tuple(item.name() for item in severities.items()) if severities else before.severities,
        calendars=before.calendars
        | ({k: _calendar(v, k) for k, v in calendars.members().items()} if calendars else {}),
    )
    known = (ALWAYS, *parts.calendars)
    parts = replace(
        parts, sites=before.sites | ({k: v.one_of(known) for k, v in sites.members().items()} if sites else {})
    )
    made = dict(before.classes)
    for name, node in classes.members().items() if classes else ():
        made[name] = _class(node, made.get(name), (name, parts))
    return replace(parts, classes=made)


def _calendar(node: Node, name: str) -> Calendar:
    if name == ALWAYS:
        raise node.error("this calendar is never closed and cannot be changed; choose another name")
    found = node.members(("zone", "hours", "holidays"))
    if "zone" not in found or "hours" not in found:
        raise node.error("needs zone and hours; write zone: Europe/Berlin and hours: {mon-fri: 08:00-18:00}")
    zone = found["zone"].text()
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise found["zone"].error(
            "is no time zone of the IANA database here; write one such as Europe/Berlin"
        ) from None
    week: list[Hours] = [()] * 7
    for days, hours in found["hours"].members().items():
        for day in _days(days, hours):
            if week[day]:
                raise hours.error(f"{_DAYS[day]} is there twice; name each day once")
            week[day] = tuple(_hours(item) for item in hours.items())
    if not any(week):
        raise found["hours"].error("is never open, so no timer would ever run; name some hours")
    holidays = frozenset(_date(item) for item in found["holidays"].items()) if "holidays" in found else frozenset()
    return Calendar(name, zone, tuple(week), holidays)


def _days(text: str, node: Node) -> range:
    first, _, last = text.partition("-")
    if first not in _DAYS or (last or first) not in _DAYS or _DAYS.index(first) > _DAYS.index(last or first):
        raise node.error("is no day; write mon, tue, wed, thu, fri, sat, sun, or a range of them such as mon-fri")
    return range(_DAYS.index(first), _DAYS.index(last or first) + 1)


def _hours(node: Node) -> tuple[int, int]:
    match = _HOURS.fullmatch(node.text())
    opens, closes = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if not opens < closes <= 1440:
        raise node.error("is not a span of hours within a day; write one such as 08:00-18:00, up to 24:00")
    return opens, closes


def _date(node: Node) -> date:
    try:
        return date.fromisoformat(node.text())
    except ValueError:
        raise node.error("is not a date; write one such as 2026-12-25") from None


def _class(node: Node, before: IncidentClass | None, context: tuple[str, _Parts]) -> IncidentClass:
    name, parts = context
    made: dict[str, Any] = {}
    for key, value in node.members(_CLASS).items():
        made[key] = _CLASS[key](value)
    if (severity := made.get("severity")) is not None and severity not in parts.severities:
        raise node.error(f"severity is not one of: {', '.join(parts.severities)}")
    if (calendar := made.get("calendar")) is not None and calendar not in {ALWAYS, *parts.calendars}:
        raise node.error(f"calendar is not one of: {', '.join(sorted((ALWAYS, *parts.calendars)))}")
    if before is not None:
        return replace(before, **made)
    if not made.get("targets"):
        raise node.error("needs targets; write targets: {resolution: 30m}")
    return IncidentClass(name=name, **made)


def _targets(node: Node) -> tuple[Target, ...]:
    found = tuple(_target(name, value) for name, value in node.members().items())
    if not found:
        raise node.error("needs at least one target; write {resolution: 30m}")
    return found


def _target(name: str, node: Node) -> Target:
    usual = Until.ACK if name == "response" else Until.RESOLUTION
    if not node.is_mapping:
        return Target(name, node.seconds(1, _YEAR), usual)
    found = node.members(("limit", "until", "at_risk"))
    if "limit" not in found:
        raise node.error("needs limit; write limit: 30m")
    until = Until(found["until"].one_of(tuple(Until))) if "until" in found else usual
    at_risk = found.get("at_risk")
    percents = {item.whole(1, 99) for item in at_risk.items()} if at_risk else {50, 80}
    return Target(name, found["limit"].seconds(1, _YEAR), until, tuple(sorted(percents)))


def _flap(node: Node) -> Flap:
    found = node.members(("on", "off", "window", "clear_max"))
    usual = Flap()
    flap = Flap(
        on=found["on"].whole(2, 100) if "on" in found else usual.on,
        off=found["off"].whole(1, 99) if "off" in found else usual.off,
        window=found["window"].seconds(1, _YEAR) if "window" in found else usual.window,
        clear_max=found["clear_max"].seconds(0, _YEAR) if "clear_max" in found else usual.clear_max,
    )
    if flap.off >= flap.on:
        raise node.error("off must be less than on, else flapping would never end")
    return flap


def _conditions(node: Node) -> tuple[Condition, ...]:
    return tuple(_condition(item) for item in node.items())


def _condition(node: Node) -> Condition:
    found = node.members(("name", "resource", "metric", "compare", "over", "hold", "alert", "labels", "only"))
    if "name" not in found or "resource" not in found:
        raise node.error("needs name and resource; write resource: [vcenter], the labels that name the resource")
    alert = "alert" in found and found["alert"].boolean()
    if alert == ("metric" in found) or (not alert and "compare" not in found):
        raise node.error('needs either metric and compare, such as compare: "== 0", or alert: true')
    if alert and "only" in found:
        raise found["only"].error("is for a metric; remove it, Alertmanager has judged already")
    compare, value = _comparison(found["compare"]) if "compare" in found else ("==", 0.0)
    return Condition(
        name=found["name"].name(),
        resource=_names(found["resource"]),
        metric="" if alert else _matching(found["metric"], _METRIC, "a metric"),
        compare=compare,
        value=value,
        over=found["over"].seconds(0, _YEAR) if "over" in found else 0.0,
        hold=found["hold"].seconds(0, _YEAR) if "hold" in found else 0.0,
        alert=alert,
        labels=_labels(found["labels"]) if "labels" in found else (),
        only=_guard(found["only"]) if "only" in found else None,
    )


def _guard(node: Node) -> Guard:
    found = node.members(("metric", "compare", "labels", "on"))
    if "metric" not in found or "on" not in found:
        raise node.error("needs metric and on; write on: [vcenter, host], the labels that both series have alike")
    on = _names(found["on"])
    if not on:
        raise found["on"].error("needs at least one label; write [vcenter, host]")
    compare, value = _comparison(found["compare"]) if "compare" in found else ("==", 1.0)
    return Guard(
        metric=_matching(found["metric"], _METRIC, "a metric"),
        on=on,
        compare=compare,
        value=value,
        labels=_labels(found["labels"]) if "labels" in found else (),
    )


def _names(node: Node) -> tuple[str, ...]:
    return tuple(_matching(item, _LABEL, "a label") for item in node.items())


def _matching(node: Node, form: re.Pattern[str], what: str) -> str:
    if not form.fullmatch(node.text()):
        raise node.error(f"is not the name of {what}; use letters, digits and '_'")
    return node.text()


def _comparison(node: Node) -> tuple[str, float]:
    match = _COMPARISON.fullmatch(node.text())
    if not match:
        raise node.error('is no comparison; write one of == != < <= > >= and a number, in quotes, such as "== 0"')
    return match[1], float(match[2])


def _labels(node: Node) -> tuple[tuple[str, str], ...]:
    found = []
    for label, value in node.members().items():
        try:
            re.compile(value.text())
        except re.error:
            raise value.error("is no regular expression; put a backslash before what is meant literally") from None
        found.append((label, value.text()))
    return tuple(sorted(found))


_CLASS: Mapping[str, Callable[[Node], object]] = {
    "description": Node.text,
    "severity": Node.name,
    "calendar": Node.name,
    "targets": _targets,
    "open_after": lambda node: node.seconds(0, _YEAR),
    "open_count": lambda node: node.whole(1, 1000),
    "clear_after": lambda node: node.seconds(0, _YEAR),
    "clear_count": lambda node: node.whole(1, 1000),
    "reopen_within": lambda node: node.seconds(0, _YEAR),
    "reopen_policy": lambda node: Reopen(node.one_of(tuple(Reopen))),
    "flap": _flap,
    "unknown_policy": lambda node: Unknown(node.one_of(tuple(Unknown))),
    "pausable": Node.boolean,
    "orphan_after": lambda node: node.seconds(1, _YEAR),
    "conditions": _conditions,
}

__all__ = ["PolicyError", "load"]
