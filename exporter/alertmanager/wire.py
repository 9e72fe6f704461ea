"""What Alertmanager says, and what it is told: JSON bytes <-> frozen values. Pure.

Webhooks are version 4 of Alertmanager's ``webhook_config`` (docs/configuration.md), the rest its API v2
(api/v2/openapi.yaml). Fields that are not known are ignored.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from exporter.errors import BadReply
from sla.model import Labels

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires or, with ``ends_at``, did. Times are seconds since the epoch.

    ``fingerprint`` is a hash of the labels, so that ``key`` names one occurrence.
    """

    fingerprint: str
    labels: Labels
    starts_at: float
    ends_at: float | None = None

    @property
    def key(self) -> tuple[str, float]:
        """What two deliveries of the same occurrence have in common."""
        return (self.fingerprint, self.starts_at)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook: a group's alerts, and how many more the group has that were left out (``max_alerts``)."""

    alerts: tuple[Alert, ...]
    truncated: int = 0


@dataclass(frozen=True, slots=True)
class Matcher:
    """One comparison of a silence; a regular expression (RE2) must match the whole value. A missing label is ``""``."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence; all of its matchers must match. ``updated_at`` is when it became what it is.

    ``state`` is ``pending``, ``active`` or ``expired``. ``annotations`` exist since Alertmanager 0.32.
    """

    id: str
    state: str
    starts_at: float
    ends_at: float
    updated_at: float
    matchers: tuple[Matcher, ...]
    comment: str = ""
    created_by: str = ""
    annotations: Labels = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An alert that we tell. It is resolved once ``ends_at`` is over."""

    labels: Labels
    starts_at: float
    ends_at: float
    annotations: Labels = ()


def delivery(body: bytes) -> Delivery:
    """A webhook's body. Raises BadReply if it is not one of version 4."""
    found = _object(_parsed(body), "a webhook")
    if found.get("version") != "4":
        raise BadReply("not a webhook of version 4; send it with Alertmanager's own webhook_configs, without payload")
    truncated = found.get("truncatedAlerts", 0)
    if not isinstance(truncated, int):
        raise BadReply("truncatedAlerts is not a number; send it with Alertmanager's own webhook_configs")
    return Delivery(tuple(_notified(item) for item in _list(found.get("alerts"), "alerts")), truncated)


def _notified(item: object) -> Alert:
    found = _object(item, "an alert")
    firing = _text(found, "status") == "firing"  # its endsAt is then 0001-01-01
    return Alert(
        _text(found, "fingerprint"),
        _labels(found.get("labels"), "labels"),
        _time(found, "startsAt"),
        None if firing else _time(found, "endsAt"),
    )


def alerts(body: bytes) -> tuple[Alert, ...]:
    """The alerts that fire (GET /alerts, which lists no others), silenced and inhibited ones too. Raises BadReply."""
    return tuple(_listed(item) for item in _list(_parsed(body), "the list of alerts"))


def _listed(item: object) -> Alert:
    found = _object(item, "an alert")
    labels = _labels(found.get("labels"), "labels")
    return Alert(_text(found, "fingerprint"), labels, _time(found, "startsAt"))


def silences(body: bytes) -> tuple[Silence, ...]:
    """All silences (GET /silences), those that expired a while ago too. Raises BadReply."""
    return tuple(_silence(item) for item in _list(_parsed(body), "the list of silences"))


def _silence(item: object) -> Silence:
    found = _object(item, "a silence")
    return Silence(
        id=_text(found, "id"),
        state=_text(_object(found.get("status"), "status"), "state"),
        starts_at=_time(found, "startsAt"),
        ends_at=_time(found, "endsAt"),
        updated_at=_time(found, "updatedAt"),
        matchers=tuple(_matcher(one) for one in _list(found.get("matchers"), "matchers")),
        comment=_text(found, "comment"),
        created_by=_text(found, "createdBy"),
        annotations=_labels(found.get("annotations") or {}, "annotations"),
    )


def _matcher(item: object) -> Matcher:
    found = _object(item, "a matcher")
    regex, equal = found.get("isRegex", False), found.get("isEqual", True)
    if not isinstance(regex, bool) or not isinstance(equal, bool):
        raise BadReply("isRegex or isEqual of a matcher is neither true nor false; this is not Alertmanager's API v2")
    return Matcher(_text(found, "name"), _text(found, "value"), regex, equal)


def up_since(body: bytes) -> float:
    """When the member was started (GET /status), in seconds since the epoch. Raises BadReply."""
    return _time(_object(_parsed(body), "the status"), "uptime")


def encode(told: Iterable[Outgoing]) -> bytes:
    """The body of POST /alerts."""
    return json.dumps([_encoded(one) for one in told], separators=(",", ":"), ensure_ascii=False).encode()


def _encoded(one: Outgoing) -> Mapping[str, Any]:
    return {
        "labels": dict(one.labels),
        "annotations": dict(one.annotations),
        "startsAt": _stamp(one.starts_at),
        "endsAt": _stamp(one.ends_at),
    }


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise BadReply("the document is not JSON; something else than Alertmanager sent it") from None


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadReply(f"{what} is not a JSON object; something else than Alertmanager sent it")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise BadReply(f"{what} is not a JSON list; something else than Alertmanager sent it")
    return value


def _text(found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise BadReply(f"{key} is missing or not text; something else than Alertmanager sent it")
    return value


def _labels(value: object, what: str) -> Labels:
    found = _object(value, what)
    return tuple(sorted((name, _text(found, name)) for name in found))


def _time(found: Mapping[str, object], key: str) -> float:
    """Seconds since the epoch, cut to milliseconds: webhooks have nanoseconds, the API has milliseconds."""
    try:
        return (datetime.fromisoformat(_text(found, key)) - _EPOCH) // _MILLISECOND / 1000
    except (ValueError, TypeError, OverflowError):  # TypeError: without a zone
        raise BadReply(f"{key} is no time of RFC 3339; something else than Alertmanager sent it") from None
