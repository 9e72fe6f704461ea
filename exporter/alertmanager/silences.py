"""Which silences are announced maintenance, over which incidents. Pure.

A silence mutes; it pauses a clock only where somebody marked it as maintenance. Alertmanager does not accept a start
in the past (silence.go, setSilence), so ``startsAt`` can be believed; what it forgets after its retention, 120 hours,
must be kept here. Prolonging a silence, or editing its comment, changes it in place; any other edit makes a new one.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import regex

from exporter.alertmanager.intake import OWN, clean
from exporter.alertmanager.wire import Matcher, Silence
from sla.incident import TERMINAL, Incident
from sla.model import Selector, Window

SOURCE = "silence"
ANNOTATION = ("sla/pause", "true")
PREFIX = "MAINT:"
MATCH_LIMIT = 0.05
"""Seconds that a regular expression may take for one value; whoever may silence could write one that takes for ever."""

_IDENTITY = {"class": "class_", "sla_class": "class_", "resource": "resource", "sla_resource": "resource"}
_MOST_PATTERN = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from the silences: windows that there must be, ids of windows that must end, outcomes counted.

    ``outcomes`` has one of ``metrics.SILENCES`` for the id of each silence that is not over.
    """

    windows: tuple[Window, ...]
    ended: tuple[str, ...]
    outcomes: Mapping[str, str]


def newest(lists: Iterable[Iterable[Silence]]) -> tuple[Silence, ...]:
    """The silences of all members, each as it was changed last, in the order of their ids."""
    found: dict[str, Silence] = {}
    for silence in (silence for one in lists for silence in one):
        if silence.id not in found or silence.updated_at > found[silence.id].updated_at:
            found[silence.id] = silence
    return tuple(found[key] for key in sorted(found))


def is_marked(silence: Silence) -> bool:
    """Whether it says that it is maintenance, by annotation or by the beginning of its comment."""
    return ANNOTATION in silence.annotations or silence.comment.startswith(PREFIX)


def plan(
    silences: Iterable[Silence], incidents: Iterable[Incident], windows: Iterable[Window], *, now: float, longest: float
) -> Plan:
    """What is to be done, given the incidents and windows that there are. ``now`` is effective time.

    A window ends early only where Alertmanager says that its silence did, not where the silence is missing.
    """
    listed = {silence.id: silence for silence in silences}
    ongoing = [incident for incident in incidents if incident.state not in TERMINAL]
    wanted: list[Window] = []
    outcomes: dict[str, str] = {}
    for silence in listed.values():
        if silence.state != "expired":
            found = _applied(silence, ongoing, longest)
            outcomes[silence.id] = found if isinstance(found, str) else "applied" if found else "unmatched"
            wanted += () if isinstance(found, str) else found
    ended = [
        window.id
        for window in windows
        if window.source == SOURCE and window.end > now and _is_over(window, listed, outcomes)
    ]
    return Plan(tuple(wanted), tuple(ended), outcomes)


def _is_over(window: Window, listed: Mapping[str, Silence], outcomes: Mapping[str, str]) -> bool:
    silence = listed.get(window.id.split("/")[1])
    if silence is None or outcomes.get(silence.id) == "bad_pattern":
        return False
    return outcomes.get(silence.id) not in {"applied", "unmatched"} or window.id.rpartition("@")[2] != _span(silence)


def _span(silence: Silence) -> str:
    return f"{silence.starts_at:.3f}-{silence.ends_at:.3f}"


def _applied(silence: Silence, incidents: list[Incident], longest: float) -> list[Window] | str:
    """The windows of a silence, or why it has none."""
    if not is_marked(silence):
        return "unmarked"
    if silence.ends_at - silence.starts_at > longest:
        return "too_long"
    scope = exact(silence.matchers)
    if scope is not None:
        return list(_windows(silence, [scope]))
    try:
        met = [incident for incident in incidents if _selects(silence.matchers, incident)]
    except (regex.error, TimeoutError):
        return "bad_pattern"
    return list(_windows(silence, [Selector("", incident.class_, incident.resource) for incident in met]))


def _windows(silence: Silence, scopes: Iterable[Selector]) -> Iterator[Window]:
    """What it is now it is since ``updated_at``, so that a comment that is edited later marks nothing backwards."""
    start = max(silence.starts_at, silence.updated_at)
    for scope in scopes if start < silence.ends_at else ():
        mark = hashlib.sha256(repr((scope.class_, scope.resource, scope.labels)).encode()).hexdigest()[:8]
        yield Window(
            id=f"{SOURCE}/{silence.id}/{mark}@{_span(silence)}",
            start=start,
            end=silence.ends_at,
            scope=scope,
            announced_at=silence.updated_at,
            source=SOURCE,
            comment=clean(f"{silence.created_by}: {silence.comment}")[:500],
        )


def exact(matchers: Iterable[Matcher]) -> Selector | None:
    """The selector of the same incidents, so that later ones are covered too; None where only a look at each can tell.

    ``class`` and ``resource`` are the incident's own, other names its labels; names of alerts that we send say nothing.
    """
    identity: dict[str, str] = {}
    labels: dict[str, str] = {}
    for matcher in matchers:
        if matcher.regex or not matcher.equal or not matcher.value:
            return None
        if matcher.name == "alertname" and matcher.value in OWN:
            continue
        known, name = (identity, _IDENTITY[matcher.name]) if matcher.name in _IDENTITY else (labels, matcher.name)
        if known.setdefault(name, matcher.value) != matcher.value:
            return None
    return Selector(labels=tuple(sorted(labels.items())), **identity)


def _selects(matchers: Iterable[Matcher], incident: Incident) -> bool:
    """As Alertmanager would for an alert with the incident's labels. Raises regex.error and TimeoutError."""
    own = {name: getattr(incident, attribute) for name, attribute in _IDENTITY.items()}
    labels = dict(incident.labels) | own
    names = [labels["alertname"]] if "alertname" in labels else sorted(OWN)
    return any(all(_meets(one, labels | {"alertname": name}) for one in matchers) for name in names)


def _meets(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    if not matcher.regex:
        return (value == matcher.value) is matcher.equal
    if len(matcher.value) > _MOST_PATTERN:
        raise TimeoutError
    found = regex.fullmatch(matcher.value, value, timeout=MATCH_LIMIT)  # type: ignore[no-untyped-call]
    return (found is not None) is matcher.equal
