"""The section ``sla``: policy files, sites, planned maintenance, and the monthly report."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporter import configvalues as values
from exporter import slapolicy
from exporter.config import Maintenance, MonthlyReport, Sla
from exporter.configvalues import BadValueError
from exporter.configyaml import Field, Reader, each, scalar
from sla.model import Selector
from sla.policy import Policy
from sla.report.render import FORMATS

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKS = ("1st", "2nd", "3rd", "4th", "5th", "last")
_LONGEST = 31 * 86400.0
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")

_text = scalar(values.text)
_name = scalar(values.name)

ReadFile = Callable[[Field], str]
"""The text of the file that a field names. Raises ConfigError."""


def zone(value: object) -> str:
    """A time zone of the IANA database."""
    try:
        ZoneInfo(values.text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadValueError("is no time zone of the IANA database here; write one such as Europe/Berlin") from None
    return values.text(value)


def day(value: object) -> str:
    """A weekday, one in a certain week of the month, or a day of the month, in lower case."""
    words = (str(value) if isinstance(value, int) else values.text(value)).lower().split()
    weekday = words[-1] in DAYS and (len(words) == 1 or (len(words) == 2 and words[0] in WEEKS))
    if not weekday and not (len(words) == 1 and words[0].isdecimal() and 1 <= int(words[0]) <= 31):
        raise BadValueError("is no day; write one such as sun, 2nd tue, last fri or 15")
    return " ".join(words)


def at(value: object) -> int:
    """``hh:mm`` as minutes after midnight."""
    match = _AT.fullmatch(values.text(value))
    if not match:
        raise BadValueError('is no time of day; write one in quotes, such as "22:00"')
    return int(match[1]) * 60 + int(match[2])


def moment(value: object) -> datetime:
    """A date and time, with or without its distance from UTC."""
    try:
        return datetime.fromisoformat(values.text(value))
    except ValueError:
        raise BadValueError("is no date and time; write one such as 2026-10-01T22:00") from None


def _labels(field: Field) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, _text(value)) for name, value in field.members().items()))


WINDOW_KEYS: Mapping[str, Reader] = {
    "name": _name,
    "start": scalar(moment),
    "end": scalar(moment),
    "days": each(scalar(day)),
    "at": scalar(at),
    "lasts": scalar(values.duration(60, _LONGEST)),
    "zone": scalar(zone),
    "class": _text,
    "resource": _text,
    "site": _text,
    "labels": _labels,
    "comment": _text,
}
_ONCE = ("start", "end")
_REGULAR = ("days", "at", "lasts")


def _window(field: Field) -> Maintenance:
    found = field.section(WINDOW_KEYS)
    wanted = _REGULAR if any(key in found for key in _REGULAR) else _ONCE
    for key in ("name", *wanted):
        if key not in found:
            raise field.error("is missing; write start and end, or days, at and lasts", member=key)
    for key in _ONCE:
        if wanted is _REGULAR and key in found:
            raise found[key].error("cannot be combined with days; remove one of the two")
    given: dict[str, Any] = {key: WINDOW_KEYS[key](value) for key, value in found.items()}
    labels = dict(given.pop("labels", ()))
    if "site" in given:
        labels["site"] = given.pop("site")
    scope = Selector("", given.pop("class", ""), given.pop("resource", ""), tuple(sorted(labels.items())))
    where = ZoneInfo(given.get("zone", "UTC"))
    for key in _ONCE:
        if key in given:
            given[key] = (given[key] if given[key].tzinfo else given[key].replace(tzinfo=where)).timestamp()
    if wanted is _ONCE and not 0 < given["end"] - given["start"] <= _LONGEST:
        raise found["end"].error("must be after start, and at most 31 days after it")
    return Maintenance(scope=scope, **given)


def _windows(field: Field) -> tuple[Maintenance, ...]:
    read = [_window(item) for item in field.items()]
    names = [window.name for window in read]
    for index, item in enumerate(field.items()):
        if names.index(names[index]) != index:
            raise item.error("has the name of another window; give each a name of its own")
    return tuple(read)


def _sites(field: Field) -> Mapping[str, str]:
    return {name: _name(value) for name, value in field.members().items()}


def _policy(read_file: ReadFile, field: Field) -> Policy:
    return slapolicy.policy((_text(item), read_file(item)) for item in field.items())


def _days(field: Field) -> float:
    return scalar(values.whole(35, 10_000))(field) * 86400.0


def form(value: object) -> str:
    """A form of the report that this installation can make."""
    if value not in FORMATS:
        raise BadValueError(f"is no format of the report; use one of: {', '.join(FORMATS)}")
    if value == "pdf" and find_spec("fpdf") is None:
        raise BadValueError("needs a library that is not installed; pip install 'novacenter[report]'")
    return values.text(value)


def _directory(field: Field) -> Path:
    return field.origin.path.parent / _text(field)


def _forms(field: Field) -> tuple[str, ...]:
    read = tuple(dict.fromkeys(scalar(form)(item) for item in field.items()))
    if not read:
        raise field.error("is empty; write at least one format, such as html")
    return read


REPORT_KEYS: Mapping[str, Reader] = {"directory": _directory, "format": _forms, "zone": scalar(zone)}


def _report(field: Field) -> MonthlyReport:
    found = field.section(REPORT_KEYS)
    if "directory" not in found:
        raise field.error("is missing; write the directory for the files", member="directory")
    read: dict[str, Any] = {_RENAMED.get(key, key): REPORT_KEYS[key](value) for key, value in found.items()}
    return MonthlyReport(**read)


def sla_keys(read_file: ReadFile, alertmanager: Reader) -> Mapping[str, Reader]:
    """What the section may hold."""
    return {
        "policies": partial(_policy, read_file),
        "sites": _sites,
        "windows": _windows,
        "retention_days": _days,
        "alertmanager": alertmanager,
        "report": _report,
    }


_RENAMED = {"policies": "policy", "retention_days": "retention", "format": "formats"}


def sla(read_file: ReadFile, alertmanager: Reader, field: Field) -> Sla:
    """The whole section."""
    keys = sla_keys(read_file, alertmanager)
    found = field.section(keys)
    read: dict[str, Any] = {_RENAMED.get(key, key): keys[key](value) for key, value in found.items()}
    made = Sla(**read)
    classes = (made.policy or slapolicy.policy()).classes
    for window, item in zip(made.windows, found["windows"].items() if "windows" in found else (), strict=True):
        if window.scope.class_ and window.scope.class_ not in classes:
            problem = f"is no class of the policy; {values.nearest(window.scope.class_, classes)}"
            raise item.members()["class"].error(problem)
    return made


def check_sites(field: Field, sources: Iterable[str]) -> None:
    """Each name under ``sites`` is that of a vCenter or cloud of this file. Raises ConfigError."""
    known = list(sources)
    sites = field.members().get("sites")
    for name, value in sites.members().items() if sites else ():
        if name not in known:
            raise value.error(f"is no vCenter or cloud of this file; {values.nearest(name, known)}")
