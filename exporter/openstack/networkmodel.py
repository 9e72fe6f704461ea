"""What Neutron says of networks, ports and agents, as frozen values. None is unknown: not shown to this user."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.openstack.services import Reading

TUNNELS = frozenset({"vxlan", "gre", "ip6gre", "geneve", "stt"})
"""Types of network that are carried in packets of another (neutron_lib/constants.py, TYPE_TUNNELLED; NSX's STT)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A layer 2 of a network: ``type`` is flat, vlan, vxlan..., ``id`` a VLAN id or a VNI, ``physical`` where it is."""

    type: str
    physical: str | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network. ``segments`` None are not shown to this user (extensions provider and multi-provider)."""

    id: str
    name: str = ""
    mtu: int | None = None
    segments: tuple[Segment, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port (extensions binding, port-security, security-group).

    ``host`` is that of the compute, ``vif_type`` how it is bound, ``details`` the texts and truths of
    ``binding:vif_details``.
    """

    id: str
    network: str
    owner: str = ""
    host: str | None = None
    vif_type: str | None = None
    details: Mapping[str, str | bool] = field(default_factory=dict)
    port_security: bool | None = None
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent. ``switches`` are the switches of physical networks, where it tells them."""

    type: str
    host: str
    alive: bool
    switches: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReading:
    """What Neutron said. ``ports`` are those bound on the hosts that were asked for, ``extensions`` aliases."""

    networks: Reading[tuple[Network, ...]]
    ports: Reading[tuple[Port, ...]]
    agents: Reading[tuple[Agent, ...]]
    extensions: Reading[frozenset[str]]
