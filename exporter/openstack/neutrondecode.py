"""Replies of Neutron -> values. Pure: bytes in, values or BadReply out.

Sources: Networking API v2.0 reference; extensions ``provider``, ``multi-provider``, ``net-mtu``, ``binding``,
``port-security``, ``security-group``, ``agent``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from exporter.openstack.jsonrecord import Record, root
from exporter.openstack.networkmodel import Agent, Network, Port, Segment

NETWORK_FIELDS = (
    *("id", "name", "mtu", "segments"),
    *("provider:network_type", "provider:physical_network", "provider:segmentation_id"),
)
PORT_FIELDS = (
    *("id", "network_id", "device_owner", "security_groups", "port_security_enabled"),
    *("binding:host_id", "binding:vif_type", "binding:vif_details"),
)
AGENT_FIELDS = ("agent_type", "host", "alive", "configurations")

_MAPS = ("network_maps_v2", "network_maps")
"""Where an agent tells the switch of each physical network (networking-dvs, mech_dvs/driver.py, get_mappings)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``marker`` is what to ask for the next with, None after the last."""

    items: tuple[T, ...]
    marker: str | None


def networks(body: bytes) -> Page[Network]:
    """A page of ``GET /v2.0/networks``."""
    page = root(body)
    found = tuple(_network(record) for record in page.records("networks"))
    return Page(found, found[-1].id if found and _more(page, "networks") else None)


def ports(body: bytes) -> Page[Port]:
    """A page of ``GET /v2.0/ports``."""
    page = root(body)
    found = tuple(_port(record) for record in page.records("ports"))
    return Page(found, found[-1].id if found and _more(page, "ports") else None)


def agents(body: bytes) -> tuple[Agent, ...]:
    """``GET /v2.0/agents``."""
    return tuple(_agent(record) for record in root(body).records("agents"))


def extensions(body: bytes) -> frozenset[str]:
    """The aliases in ``GET /v2.0/extensions``."""
    return frozenset(record.required("alias") for record in root(body).records("extensions"))


def _more(page: Record, what: str) -> bool:
    return any(link.text("rel") == "next" for link in page.records(f"{what}_links", optional=True))


def _network(record: Record) -> Network:
    shown: tuple[Segment, ...] | None = None
    if record.content.get("segments") is not None:
        shown = tuple(_segment(segment) for segment in record.records("segments"))
    elif record.text("provider:network_type") is not None:
        shown = (_segment(record),)
    return Network(
        id=record.required("id"),
        name=record.text("name") or "",
        mtu=record.count("mtu") or None,  # 0 is unknown (net-mtu)
        segments=shown,
    )


def _segment(record: Record) -> Segment:
    return Segment(
        type=record.text("provider:network_type") or "",
        physical=record.text("provider:physical_network"),
        id=record.count("provider:segmentation_id"),
    )


def _port(record: Record) -> Port:
    groups = record.value("security_groups", list, "a list") or []
    return Port(
        id=record.required("id"),
        network=record.required("network_id"),
        owner=record.text("device_owner") or "",
        host=record.text("binding:host_id"),
        vif_type=record.text("binding:vif_type"),
        details=_plain(record.value("binding:vif_details", dict, "an object") or {}),
        port_security=record.flag("port_security_enabled"),
        security_groups=tuple(group for group in groups if isinstance(group, str)),
    )


def _plain(content: Mapping[str, object]) -> Mapping[str, str | bool]:
    return {key: value for key, value in content.items() if isinstance(value, str | bool)}


def _agent(record: Record) -> Agent:
    configurations = record.value("configurations", dict, "an object") or {}
    maps = next((found for key in _MAPS if isinstance(found := configurations.get(key), dict)), {})
    return Agent(
        type=record.text("agent_type") or "",
        host=record.required("host"),
        alive=record.flag("alive") is True,
        switches={physical: switch for physical, switch in maps.items() if isinstance(switch, str) and switch},
    )
