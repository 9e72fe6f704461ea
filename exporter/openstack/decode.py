"""Replies of OpenStack's APIs -> values. Pure: bytes in, values or BadReply out.

Unknown fields are ignored and a missing optional one is None. A field of the wrong type is a BadReply that names it.
Sources: the API references of Compute (2.1 to 2.87), Block Storage v3, Networking v2.0, Placement (1.0 to 1.39).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from exporter.errors import BadReply
from exporter.openstack.model import Action, ActionEvent, Hypervisor, Server, ServerFault, ServiceState

UNKNOWN = "UNKNOWN"
"""Status of a record in a cell that is down (Compute API guide, "Handling Down Cells", since 2.69)."""

_MIB = 1024**2
_GIB = 1024**3
_TEXT_LIMIT = 2000  # characters kept of messages that a user can make as long as he likes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerPage:
    """One page of servers; ``more`` says that another follows."""

    servers: tuple[Server, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Services:
    """Services of one kind. ``unknown`` are those in a cell that is down: binary and host are all that is known."""

    services: tuple[ServiceState, ...]
    unknown: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """How much of a resource class a provider has: Placement's units, ``used`` None where it was not asked for."""

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    used: int | None = None


def servers(body: bytes) -> ServerPage:
    """A page of ``GET /servers/detail``."""
    root = _root(body)
    links = root.records("servers_links", optional=True)
    return ServerPage(
        tuple(_server(record) for record in root.records("servers")),
        any(link.text("rel") == "next" for link in links),
    )


def actions(body: bytes, server: str) -> tuple[Action, ...]:
    """``GET /servers/{server}/os-instance-actions``: without events, the newest first."""
    return tuple(_action(record, server) for record in _root(body).records("instanceActions"))


def action(body: bytes, server: str) -> Action:
    """``GET /servers/{server}/os-instance-actions/{request}``: with events, the oldest first."""
    return _action(_root(body).record("instanceAction"), server)


def services(body: bytes) -> Services:
    """``GET /os-services`` of Nova or Cinder."""
    records = list(_root(body).records("services"))
    known = [record for record in records if record.text("status") != UNKNOWN]
    return Services(
        tuple(
            ServiceState(
                binary=record.required("binary"),
                host=record.required("host"),
                zone=record.text("zone"),
                up=record.required("state") == "up",
                enabled=record.required("status") == "enabled",
                disabled_reason=record.text("disabled_reason"),
                forced_down=record.flag("forced_down"),
                updated=record.instant("updated_at"),
            )
            for record in known
        ),
        tuple(
            (record.required("binary"), record.required("host"))
            for record in records
            if record.text("status") == UNKNOWN
        ),
    )


def agents(body: bytes) -> Services:
    """``GET /v2.0/agents`` of Neutron."""
    return Services(
        tuple(
            ServiceState(
                binary=record.required("binary"),
                host=record.required("host"),
                zone=record.text("availability_zone"),
                up=record.flag("alive") is True,
                enabled=record.flag("admin_state_up") is not False,
                updated=record.instant("heartbeat_timestamp"),
            )
            for record in _root(body).records("agents")
        )
    )


def hypervisors(body: bytes) -> Mapping[str, Hypervisor]:
    """``GET /os-hypervisors/detail`` by id, which from 2.53 on is the id of the resource provider in Placement, too."""
    return {record.identifier("id"): _hypervisor(record) for record in _root(body).records("hypervisors")}


def traits(body: bytes) -> tuple[str, ...]:
    """``GET /resource_providers/{uuid}/traits``, sorted."""
    found = _root(body).value("traits", list, "a list", optional=False)
    if not all(isinstance(trait, str) for trait in found):
        raise BadReply("traits holds something else than text")
    return tuple(sorted(found))


def inventories(body: bytes) -> Mapping[str, Inventory]:
    """``GET /resource_providers/{uuid}/inventories`` by resource class."""
    return {
        name: Inventory(
            total=record.count("total", optional=False) or 0,
            reserved=record.count("reserved") or 0,
            allocation_ratio=record.number("allocation_ratio") or 1.0,
        )
        for name, record in _root(body).record("inventories").members()
    }


def usages(body: bytes) -> Mapping[str, int]:
    """``GET /resource_providers/{uuid}/usages`` by resource class."""
    record = _root(body).record("usages")
    return {name: record.count(name, optional=False) or 0 for name in record.content}


def fault(body: bytes) -> tuple[str, str] | None:
    """What an API's error says, as its word for it and its message; None where it is no such error.

    Nova, Cinder and Keystone: ``{"<word>": {"message": ...}}``; Neutron has ``type`` beside the message; Placement:
    ``{"errors": [{"title": ..., "detail": ...}]}``; the middleware that checks tokens: ``{"title":, "message": ...}``.
    """
    try:
        content = _parse(body)
    except BadReply:
        return None
    if not isinstance(content, dict):
        return None
    found = content.get("errors")
    listed = enumerate(found) if isinstance(found, list) else ()
    for word, inner in (*listed, *content.items(), ("error", content)):
        said = (inner.get("message") or inner.get("detail")) if isinstance(inner, dict) else None
        if isinstance(said, str):
            return str(inner.get("type") or inner.get("title") or word), _clip(" ".join(said.split()))
    return None


def _server(record: "_Record") -> Server:
    flavor = record.record("flavor", optional=True)
    image = record.content.get("image") or None  # "" where it boots from a volume
    fault = record.record("fault", optional=True)
    attached = record.records("os-extended-volumes:volumes_attached", optional=True)
    return Server(
        id=record.required("id"),
        name=record.text("name") or "",
        project=record.text("tenant_id") or "",
        status=record.required("status"),
        task_state=record.text("OS-EXT-STS:task_state"),
        vm_state=record.text("OS-EXT-STS:vm_state"),
        power_state=record.count("OS-EXT-STS:power_state"),
        host=record.text("OS-EXT-SRV-ATTR:host"),
        hypervisor=record.text("OS-EXT-SRV-ATTR:hypervisor_hostname"),
        availability_zone=record.text("OS-EXT-AZ:availability_zone"),
        flavor=flavor.text("original_name") if flavor else None,
        image=_Record({"image": image}, record.where).record("image").text("id") if image else None,
        created=record.instant("created"),
        updated=record.instant("updated"),
        launched=record.instant("OS-SRV-USG:launched_at"),
        fault=_fault(fault) if fault else None,
        volumes=tuple(volume.required("id") for volume in attached),
    )


def _fault(record: "_Record") -> ServerFault:
    return ServerFault(
        code=record.count("code") or 0,
        message=_clip(record.text("message") or ""),
        created=record.instant("created"),
    )


def _action(record: "_Record", server: str) -> Action:
    events = list(record.records("events")) if record.content.get("events") is not None else None
    start = record.instant("start_time")
    return Action(
        server=server,
        request=record.required("request_id"),
        action=record.required("action"),
        start=record.missing("start_time") if start is None else start,
        updated=record.instant("updated_at"),
        message=record.text("message"),
        project=record.text("project_id"),
        user=record.text("user_id"),
        events=None if events is None else tuple(_event(event) for event in reversed(events)),
    )


def _event(record: "_Record") -> ActionEvent:
    start = record.instant("start_time")
    return ActionEvent(
        name=record.required("event"),
        start=record.missing("start_time") if start is None else start,
        finish=record.instant("finish_time"),
        result=record.text("result"),
        host=record.text("host"),
        details=_clip(record.text("details") or "") or None,
    )


def _hypervisor(record: "_Record") -> Hypervisor:
    service = record.record("service", optional=True)

    def sized(key: str, unit: int) -> int | None:
        count = record.count(key)
        return None if count is None else count * unit

    return Hypervisor(
        hostname=record.required("hypervisor_hostname"),
        type=record.text("hypervisor_type") or "",
        service_host=(service.text("host") if service else None) or "",
        up=record.text("state") == "up",
        enabled=record.text("status") == "enabled",
        version=record.count("hypervisor_version"),
        vcpus=record.count("vcpus"),
        vcpus_used=record.count("vcpus_used"),
        memory_bytes=sized("memory_mb", _MIB),
        memory_used_bytes=sized("memory_mb_used", _MIB),
        disk_bytes=sized("local_gb", _GIB),
        disk_used_bytes=sized("local_gb_used", _GIB),
        running=record.count("running_vms"),
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """A JSON object and where it stands, read field by field. Every method raises BadReply naming the field."""

    content: Mapping[str, Any]
    where: str = ""

    def value(self, key: str, kind: type[T] | tuple[type[T], ...], words: str, *, optional: bool = True) -> Any:
        found = self.content.get(key)
        if found is None and optional:
            return None
        if found is None:
            return self.missing(key)
        if not isinstance(found, kind) or isinstance(found, bool) is not (kind is bool):
            raise BadReply(f"{self.where}{key} is {_words(found)}, not {words}")
        return found

    def missing(self, key: str) -> Any:
        raise BadReply(f"{self.where}{key} is missing")

    def text(self, key: str) -> str | None:
        """Text; None where it is missing, null or empty."""
        return self.value(key, str, "text") or None

    def required(self, key: str) -> str:
        found: str = self.value(key, str, "text", optional=False)
        return found

    def identifier(self, key: str) -> str:
        """Text, or a number as text: ids were numbers before Compute API 2.53."""
        return str(self.value(key, (str, int), "text", optional=False))

    def count(self, key: str, *, optional: bool = True) -> int | None:
        found: int | None = self.value(key, int, "a whole number", optional=optional)
        return found

    def number(self, key: str) -> float | None:
        found = self.value(key, (int, float), "a number")
        return None if found is None else float(found)

    def flag(self, key: str) -> bool | None:
        found: bool | None = self.value(key, bool, "true or false")
        return found

    def instant(self, key: str) -> float | None:
        """A time (ISO 8601; UTC where it says no zone) in epoch seconds."""
        written = self.text(key)
        if written is None:
            return None
        try:
            moment = datetime.fromisoformat(written)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise BadReply(f"{self.where}{key} is not a time") from None

    def record(self, key: str, *, optional: bool = False) -> Any:
        found = self.value(key, dict, "an object", optional=optional)
        return None if found is None else _Record(found, f"{self.where}{key}.")

    def records(self, key: str, *, optional: bool = False) -> "Iterator[_Record]":
        found = self.value(key, list, "a list", optional=optional) or []
        for index, item in enumerate(found):
            if not isinstance(item, dict):
                raise BadReply(f"{self.where}{key}[{index}] is {_words(item)}, not an object")
            yield _Record(item, f"{self.where}{key}[{index}].")

    def members(self) -> "Iterator[tuple[str, _Record]]":
        for key in self.content:
            yield key, self.record(key)


def _root(body: bytes) -> _Record:
    content = _parse(body)
    if not isinstance(content, dict):
        raise BadReply(f"the reply is {_words(content)}, not an object")
    return _Record(content)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        raise BadReply(f"the reply is not JSON: {error.msg} at character {error.pos} of {len(body)}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, a number of thousands of digits, thousands of brackets
        raise BadReply(f"the reply is not JSON that can be read ({type(error).__name__})") from None


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


def _words(value: object) -> str:
    return _KINDS.get(type(value), "null")


def _clip(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."
