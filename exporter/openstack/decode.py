"""Replies of OpenStack's APIs -> values. Pure: bytes in, values or BadReply out.

Unknown fields are ignored and a missing optional one is None. A field of the wrong type is a BadReply that names it.
Sources: the API references of Compute (2.1 to 2.87), Block Storage v3, Networking v2.0, Placement (1.0 to 1.39).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.errors import BadReply
from exporter.openstack.jsonrecord import Record, parsed, root
from exporter.openstack.model import Action, ActionEvent, Hypervisor, Server, ServerFault, ServiceState

UNKNOWN = "UNKNOWN"
"""Status of a record in a cell that is down (Compute API guide, "Handling Down Cells", since 2.69)."""

_MIB = 1024**2
_GIB = 1024**3
_TEXT_LIMIT = 2000  # characters kept of messages that a user can make as long as he likes


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
    page = root(body)
    links = page.records("servers_links", optional=True)
    return ServerPage(
        tuple(_server(record) for record in page.records("servers")),
        any(link.text("rel") == "next" for link in links),
    )


def actions(body: bytes, server: str) -> tuple[Action, ...]:
    """``GET /servers/{server}/os-instance-actions``: without events, the newest first."""
    return tuple(_action(record, server) for record in root(body).records("instanceActions"))


def action(body: bytes, server: str) -> Action:
    """``GET /servers/{server}/os-instance-actions/{request}``: with events, the oldest first."""
    return _action(root(body).record("instanceAction"), server)


def services(body: bytes) -> Services:
    """``GET /os-services`` of Nova or Cinder."""
    records = list(root(body).records("services"))
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
            for record in root(body).records("agents")
        )
    )


def hypervisors(body: bytes) -> Mapping[str, Hypervisor]:
    """``GET /os-hypervisors/detail`` by id, which from 2.53 on is the id of the resource provider in Placement, too."""
    return {record.identifier("id"): _hypervisor(record) for record in root(body).records("hypervisors")}


def traits(body: bytes) -> tuple[str, ...]:
    """``GET /resource_providers/{uuid}/traits``, sorted."""
    found = root(body).value("traits", list, "a list", optional=False)
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
        for name, record in root(body).record("inventories").members()
    }


def usages(body: bytes) -> Mapping[str, int]:
    """``GET /resource_providers/{uuid}/usages`` by resource class."""
    record = root(body).record("usages")
    return {name: record.count(name, optional=False) or 0 for name in record.content}


def fault(body: bytes) -> tuple[str, str] | None:
    """What an API's error says, as its word for it and its message; None where it is no such error.

    Nova, Cinder and Keystone: ``{"<word>": {"message": ...}}``; Neutron has ``type`` beside the message; Placement:
    ``{"errors": [{"title": ..., "detail": ...}]}``; the middleware that checks tokens: ``{"title":, "message": ...}``.
    """
    try:
        content = parsed(body)
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


def _server(record: Record) -> Server:
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
        image=Record({"image": image}, record.where).record("image").text("id") if image else None,
        created=record.instant("created"),
        updated=record.instant("updated"),
        launched=record.instant("OS-SRV-USG:launched_at"),
        fault=_fault(fault) if fault else None,
        volumes=tuple(volume.required("id") for volume in attached),
    )


def _fault(record: Record) -> ServerFault:
    return ServerFault(
        code=record.count("code") or 0,
        message=_clip(record.text("message") or ""),
        created=record.instant("created"),
    )


def _action(record: Record, server: str) -> Action:
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


def _event(record: Record) -> ActionEvent:
    start = record.instant("start_time")
    return ActionEvent(
        name=record.required("event"),
        start=record.missing("start_time") if start is None else start,
        finish=record.instant("finish_time"),
        result=record.text("result"),
        host=record.text("host"),
        details=_clip(record.text("details") or "") or None,
    )


def _hypervisor(record: Record) -> Hypervisor:
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


def _clip(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."
