"""A policy: which incident classes there are, what is promised for each, and how an incident is judged.

A policy never changes. Its version is a hash of its content, and an incident keeps the version that it began under.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from sla.calendar import Calendar

ALWAYS = "24x7"
"""The name of the calendar that is never closed."""


class Until(StrEnum):
    """What stops a timer."""

    ACK = "ack"
    RESOLUTION = "resolution"


class Reopen(StrEnum):
    """What a failure within ``reopen_within`` of a resolution does to the timers.

    ``resume``: they go on, without the good stretch in between. ``new_cycle``: they begin again at zero.
    ``total_span``: they go on, the good stretch is charged too.
    """

    RESUME = "resume"
    NEW_CYCLE = "new_cycle"
    TOTAL_SPAN = "total_span"


class Unknown(StrEnum):
    """What the timers of an open incident do while nobody could look."""

    RUN = "run"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Target:
    """One promise: the timer ``name`` may reach ``limit`` seconds; percentages of it in ``at_risk`` are announced."""

    name: str
    limit: float
    until: Until = Until.RESOLUTION
    at_risk: tuple[int, ...] = (50, 80)

    @property
    def percents(self) -> tuple[int, ...]:
        """The crossings of interest in order, the breach (100) last."""
        return (*self.at_risk, 100)


@dataclass(frozen=True, slots=True)
class Flap:
    """When an incident flaps: ``on`` changes between open and recovering within ``window`` seconds, until fewer than
    ``off`` are left in it. Meanwhile ``clear_after`` is doubled, but not beyond ``clear_max`` seconds."""

    on: int = 5
    off: int = 2
    window: float = 1800.0
    clear_max: float = 1800.0


@dataclass(frozen=True, slots=True)
class Guard:
    """Which series a condition judges: those for which a series of another metric is there and is met.

    That one is of ``metric``, has labels that match ``labels`` (regular expressions, fully anchored), compares
    (``compare``) with ``value``, and has equal values of the labels ``on``, none of them empty.
    """

    metric: str
    on: tuple[str, ...]
    compare: str = "=="
    value: float = 1.0
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """When a resource of a class is down, as data; the shell evaluates it.

    Either ``metric``: a series of an exported metric whose labels match ``labels`` (regular expressions, fully
    anchored) compares (``compare``: one of ``== != < <= > >=``) with ``value``; with ``over`` > 0 its increase over so
    many seconds is compared instead. A series without a value is unknown, not up.
    Or ``alert``: an Alertmanager notification whose label ``sla_class`` names the class, and whose labels match.
    ``resource`` are the labels whose values, joined with ``/``, name the resource. ``hold`` is for how many seconds the
    comparison must hold before the resource counts as down. A series that the guard ``only`` does not let pass is
    unknown, whatever its value.
    """

    name: str
    resource: tuple[str, ...]
    metric: str = ""
    compare: str = "=="
    value: float = 0.0
    over: float = 0.0
    hold: float = 0.0
    alert: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    only: Guard | None = None


@dataclass(frozen=True, slots=True)
class IncidentClass:
    """One class of incident. All durations are seconds.

    An incident opens after ``open_after`` and ``open_count`` bad observations, is resolved after ``clear_after`` and
    ``clear_count`` good ones, re-opens within ``reopen_within``, and is cancelled as orphaned when its resource has
    been gone for ``orphan_after``. ``calendar`` is ``""`` for the site's, or where the site has none, 24x7.
    """

    name: str
    targets: tuple[Target, ...]
    description: str = ""
    severity: str = "critical"
    calendar: str = ""
    open_after: float = 60.0
    open_count: int = 3
    clear_after: float = 120.0
    clear_count: int = 4
    reopen_within: float = 600.0
    reopen_policy: Reopen = Reopen.RESUME
    flap: Flap = Flap()
    unknown_policy: Unknown = Unknown.RUN
    pausable: bool = True
    orphan_after: float = 86400.0
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Policy:
    """Classes, calendars and sites (site -> calendar name) by name. ``severities`` are in order, worst first."""

    classes: Mapping[str, IncidentClass]
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    severities: tuple[str, ...] = ("critical", "major", "minor")

    @cached_property
    def version(self) -> str:
        """Sixteen hexadecimal digits, of the content alone."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def text(self) -> str:
        """The content as canonical JSON, which ``policy_of`` reads."""
        return json.dumps(_plain(asdict(self)), sort_keys=True, separators=(",", ":"))

    def calendar(self, class_: IncidentClass, site: str = "") -> Calendar | None:
        """The calendar of incidents of the class at the site; None is 24x7."""
        return self.calendars.get(class_.calendar or self.sites.get(site, ALWAYS))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            # What is not there is left out: a policy without it keeps its version when the product learns of it.
            return {str(key): _plain(item) for key, item in value.items() if item is not None}
        case list() | tuple():
            return [_plain(item) for item in value]
        case frozenset():
            return sorted(_plain(item) for item in value)
        case date():
            return value.isoformat()
        case _:
            return value


def policy_of(text: str) -> Policy:
    """The policy whose ``text`` this is. Raises ValueError, KeyError or TypeError if it is not one's."""
    made = json.loads(text)
    return Policy(
        classes={name: _class(value) for name, value in made["classes"].items()},
        calendars={name: _calendar(value) for name, value in made["calendars"].items()},
        sites=made["sites"],
        severities=tuple(made["severities"]),
    )


def _class(made: Mapping[str, Any]) -> IncidentClass:
    return IncidentClass(
        **{
            **made,
            "targets": tuple(
                Target(**{**target, "until": Until(target["until"]), "at_risk": tuple(target["at_risk"])})
                for target in made["targets"]
            ),
            "reopen_policy": Reopen(made["reopen_policy"]),
            "unknown_policy": Unknown(made["unknown_policy"]),
            "flap": Flap(**made["flap"]),
            "conditions": tuple(_condition(condition) for condition in made["conditions"]),
        }
    )


def _condition(made: Mapping[str, Any]) -> Condition:
    only = _guard(made["only"]) if "only" in made else None
    return Condition(**{**made, "resource": tuple(made["resource"]), "labels": _labels(made), "only": only})


def _guard(made: Mapping[str, Any]) -> Guard:
    return Guard(**{**made, "on": tuple(made["on"]), "labels": _labels(made)})


def _labels(made: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, pattern) for name, pattern in made["labels"])


def _calendar(made: Mapping[str, Any]) -> Calendar:
    week = tuple(tuple((opens, closes) for opens, closes in day) for day in made["week"])
    return Calendar(made["name"], made["zone"], week, frozenset(map(date.fromisoformat, made["holidays"])))
