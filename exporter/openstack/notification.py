"""Nova's versioned notifications: bytes of a message -> Notification, or BadReply. Pure.

The envelope is oslo.messaging's, format 2.0 (oslo_messaging/_drivers/common.py); the driver ``messaging`` sends none.
Payloads are versioned objects: ``nova_object.data`` holds the fields (nova/notifications/objects, Nova 34.0.0). Fields
that are missing or of another type are None: a notification only says where to look, and Nova's API is asked then.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from exporter.errors import BadReply

MAX_BYTES = 1024**2
"""Of a message; one of the lab's Nova has 3 to 8 KiB, and grows with what a user may attach to a server."""

OTHER = "other"
"""The event of a notification that Nova 34.0.0 does not define."""

PHASES = ("start", "end", "error", "progress")
"""nova/objects/fields.py, NotificationPhase."""

_DEFINED: Mapping[str, str] = {
    "aggregate": "add_host cache_images create delete remove_host update_metadata update_prop",
    "compute": "exception",
    "compute_task": "build_instances migrate_server rebuild_server",
    "flavor": "create delete update",
    "instance": "create delete evacuate exists interface_attach interface_detach live_migration_abort "
    "live_migration_force_complete live_migration_post live_migration_post_dest live_migration_pre "
    "live_migration_rollback live_migration_rollback_dest lock pause power_off power_on reboot rebuild "
    "rebuild_scheduled rescue resize resize_confirm resize_finish resize_prep resize_revert restore resume "
    "share_attach share_detach shelve shelve_offload shutdown snapshot soft_delete suspend trigger_crash_dump unlock "
    "unpause unrescue unshelve update volume_attach volume_detach volume_swap",
    "keypair": "create delete import",
    "libvirt": "connect",
    "metrics": "update",
    "scheduler": "select_destinations",
    "server_group": "add_member create delete",
    "service": "create delete update",
    "volume": "usage",
}
EVENTS: Mapping[str, frozenset[str]] = MappingProxyType({name: frozenset(s.split()) for name, s in _DEFINED.items()})
"""Object -> its actions: every versioned notification of Nova 34.0.0 (``notification_sample`` in its classes)."""

_TEXT_LIMIT = 2000  # characters kept of an exception's message, as elsewhere of Nova's messages
_WORD_LIMIT = 200
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. ``event_type`` is as sent, cut short; ``event`` is the same where Nova defines it, else OTHER.

    ``server`` is the UUID of the server that it is about, ``host`` that of the server or else of the sender,
    ``request`` the id under which Nova keeps the action, ``when`` epoch seconds by the sender's clock. ``is_error``
    where the phase or the priority is ERROR; ``exception`` is then the class and ``message`` the first line of what
    it said, if sent.
    """

    event_type: str
    event: str
    server: str | None = None
    host: str | None = None
    request: str | None = None
    when: float | None = None
    is_error: bool = False
    exception: str | None = None
    message: str | None = None
    project: str | None = None
    state: str | None = None
    task_state: str | None = None


def decode(body: bytes) -> Notification:
    """The notification in a message. Raises BadReply where it is none; an event that is unknown is no error."""
    message = _message(body)
    event_type = _word(message, "event_type")
    if event_type is None:
        raise BadReply("the notification has no event_type")
    data = _data(message.get("payload"))
    fault = _data(data.get("fault")) or _data(data.get("reason")) or (data if "exception_message" in data else {})
    return Notification(
        event_type=event_type,
        event=event_of(event_type),
        server=_uuid(data.get("uuid" if event_type.startswith("instance.") else "instance_uuid")),
        host=_word(data, "host") or _sender(message),
        request=_word(data, "request_id") or _word(message, "_context_request_id"),
        when=_instant(message.get("timestamp")),
        is_error=event_type.endswith(".error") or message.get("priority") in ("ERROR", "CRITICAL"),
        exception=_word(fault, "exception"),
        message=_line(fault.get("exception_message")),
        project=_word(data, "tenant_id"),
        state=_word(data, "state"),
        task_state=_word(data, "task_state"),
    )


def event_of(event_type: str) -> str:
    """``event_type`` where Nova defines it, else OTHER: a value for a label."""
    name, _, rest = event_type.partition(".")
    action, dot, phase = rest.partition(".")
    defined = action in EVENTS.get(name, ()) and (phase in PHASES or not dot)
    return event_type if defined else OTHER


def _message(body: bytes) -> Mapping[str, Any]:
    """What the service sent, out of its envelope."""
    if len(body) > MAX_BYTES:
        raise BadReply(f"the notification has {len(body)} bytes, more than {MAX_BYTES}")
    message = _object(body, "the message")
    if "oslo.message" not in message:
        return message
    inner = message["oslo.message"]
    if not isinstance(inner, str):
        raise BadReply("oslo.message is not text")
    return _object(inner, "oslo.message")


def _object(written: bytes | str, what: str) -> Mapping[str, Any]:
    try:
        read = json.loads(written)
    except (ValueError, RecursionError) as error:  # no JSON, not UTF-8, a number of thousands of digits, deep brackets
        raise BadReply(f"{what} is not JSON that can be read ({type(error).__name__})") from None
    if not isinstance(read, dict):
        raise BadReply(f"{what} is not a JSON object")
    return read


def _data(value: object) -> Mapping[str, Any]:
    """The fields of a versioned object; none where it is something else."""
    fields = value.get("nova_object.data") if isinstance(value, dict) else None
    return fields if isinstance(fields, dict) else {}


def _word(fields: Mapping[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value[:_WORD_LIMIT] if isinstance(value, str) and value and value.isprintable() else None


def _uuid(value: object) -> str | None:
    """As Nova writes it; it becomes part of a path of Nova's API."""
    return value if isinstance(value, str) and _UUID.fullmatch(value) else None


def _line(value: object) -> str | None:
    """The first line: a remote exception (oslo.messaging) has its whole traceback behind it."""
    text = value.strip() if isinstance(value, str) else ""
    return text.splitlines()[0].strip()[:_TEXT_LIMIT] if text else None


def _sender(message: Mapping[str, Any]) -> str | None:
    """The host of ``publisher_id``, which is ``binary:host``."""
    return (_word(message, "publisher_id") or "").partition(":")[2] or None


def _instant(value: object) -> float | None:
    """``2026-11-23 02:06:51.759055``, in UTC (oslo_messaging/notify/notifier.py)."""
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
