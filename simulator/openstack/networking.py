"""Replies of Neutron: networks, ports and agents, as the recorded ones are, with paging, filters and chosen fields."""

from collections.abc import Mapping
from typing import Any

from multidict import MultiMapping

from simulator.model import Model
from simulator.openstack.cloud import Cloud
from simulator.openstack.facts import Compute, Network, Port, Server
from simulator.openstack.replies import Answer
from simulator.openstack.texts import spaced, zulu

_EXTENSIONS = ("agent", "binding", "multi-provider", "net-mtu", "port-security", "provider", "security-group")


def laid_out(model: Model) -> tuple[Network, ...]:
    """A flat network for KVM, and one for each port group of the vCenter, as it is now, with its VLAN."""
    switches = [node.moid for node in model.of_kind("VmwareDistributedVirtualSwitch")]
    groups = list(model.of_kind("DistributedVirtualPortgroup"))
    return (
        Network(model.uuid("network"), "provider-net", "provider"),
        *(
            Network(
                model.uuid("network", node.moid),
                f"vlan-{node.facts.vlan}-{switches.index(node.facts.switch)}",
                f"physnet{switches.index(node.facts.switch) + 1}",
                vlan=node.facts.vlan,
                group=node.facts.name,
                moid=node.moid,
            )
            for node in groups
        ),
    )


def network_versions(base: str) -> Answer:
    """``GET /`` of Neutron."""
    links = [{"rel": "self", "href": f"{base}/network/v2.0/"}]
    return Answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


def extensions() -> Answer:
    """``GET /v2.0/extensions``: those that are simulated."""
    shown = [{"alias": one, "name": one, "description": "", "updated": "", "links": []} for one in _EXTENSIONS]
    return Answer({"extensions": shown})


def agents(cloud: Cloud, query: MultiMapping[str]) -> Answer:
    """``GET /v2.0/agents``: one beside each compute, as alive as that."""
    return _listed("agents", [_agent(cloud, compute) for compute in cloud.computes.values()], query)


def networks(cloud: Cloud, query: MultiMapping[str]) -> Answer:
    """``GET /v2.0/networks``."""
    return _listed("networks", [_network(cloud, network) for network in cloud.networks], query)


def ports(cloud: Cloud, query: MultiMapping[str]) -> Answer:
    """``GET /v2.0/ports``: those of servers."""
    host = query.get("binding:host_id")
    servers = (server for server in cloud.alive() if host is None or server.host == host)
    return _listed("ports", [port for server in servers for port in _ports(cloud, server)], query)


def _listed(what: str, found: list[dict[str, Any]], query: MultiMapping[str]) -> Answer:
    """A page in order of ids (Networking API, "Pagination" and "Column selection")."""
    limit, marker = int(query.get("limit", "0")), query.get("marker", "")
    if not limit:
        return Answer({what: [_chosen(one, query) for one in found]})
    rest = sorted((one for one in found if one["id"] > marker), key=lambda one: str(one["id"]))
    page = {what: [_chosen(one, query) for one in rest[:limit]]}
    return Answer({**page, f"{what}_links": [{"rel": "next", "href": ""}]} if len(rest) > limit else page)


def _chosen(record: Mapping[str, Any], query: MultiMapping[str]) -> dict[str, Any]:
    fields = query.getall("fields", [])
    return {key: value for key, value in record.items() if not fields or key in fields}


def _agent(cloud: Cloud, compute: Compute) -> dict[str, Any]:
    name = "DVS agent" if compute.is_vmware else "Open vSwitch agent"
    began = spaced(cloud.model.started)
    return {
        "id": cloud.model.uuid("agent", compute.host),
        "agent_type": name,
        "binary": "neutron-dvs-agent" if compute.is_vmware else "neutron-openvswitch-agent",
        "topic": "N/A",
        "host": compute.host,
        "admin_state_up": True,
        "created_at": began,
        "started_at": began,
        "heartbeat_timestamp": spaced(cloud.heartbeat(compute.host)),
        "description": None,
        "resources_synced": None,
        "availability_zone": None,
        "alive": compute.stopped is None or cloud.now() - compute.stopped < 75.0,
        "configurations": {"bridge_mappings": {"provider": "br-provider"}},
    }


def _network(cloud: Cloud, network: Network) -> dict[str, Any]:
    project, at = cloud.hex("admin-project"), zulu(cloud.model.started)
    return {
        "id": network.id,
        "name": network.name,
        "tenant_id": project,
        "project_id": project,
        "admin_state_up": True,
        "mtu": network.mtu,
        "status": "ACTIVE",
        "subnets": [_subnet(cloud, network)],
        "shared": True,
        "availability_zone_hints": [],
        "availability_zones": [],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "router:external": False,
        "qinq": False,
        "vlan_transparent": False,
        "description": "",
        "l2_adjacency": True,
        "tags": [],
        "created_at": at,
        "updated_at": at,
        "revision_number": 2,
        "provider:network_type": "flat" if network.vlan is None else "vlan",
        "provider:physical_network": network.physical,
        "provider:segmentation_id": network.vlan,
    }


def _subnet(cloud: Cloud, network: Network) -> str:
    return cloud.model.uuid("subnet", network.id)


def _on(cloud: Cloud, server: Server, port: Port) -> Network:
    """The network of a port: that of the port group its card is on; for one on a standard switch the first VLAN."""
    moid = cloud.vm_of(server.id)
    nics = cloud.model.get(moid).facts.nics if moid else ()
    group = next((nic.network for nic in nics if nic.port == port.id), None)
    first, *rest = cloud.networks
    own = next((network for network in rest if network.moid == group), None)
    compute = cloud.computes.get(server.host or "")
    return own or (rest[0] if rest and compute is not None and compute.is_vmware else first)


def _ports(cloud: Cloud, server: Server) -> list[dict[str, Any]]:
    return [_port(cloud, server, port) for port in server.ports]


def _port(cloud: Cloud, server: Server, port: Port) -> dict[str, Any]:
    compute = cloud.computes.get(server.host or "")
    is_vmware = compute is not None and compute.is_vmware
    network = _on(cloud, server, port)
    return {
        "id": port.id,
        "name": "",
        "network_id": network.id,
        "project_id": server.project,
        "mac_address": port.mac,
        "admin_state_up": True,
        "status": "ACTIVE",
        "device_id": server.id,
        "device_owner": f"compute:{compute.zone if compute else 'nova'}",
        "fixed_ips": [{"subnet_id": _subnet(cloud, network), "ip_address": port.address}],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": [cloud.model.uuid("security-group", server.project)],
        "description": "",
        "binding:vnic_type": "normal",
        "binding:profile": {},
        "binding:host_id": server.host or "",
        "binding:vif_type": "dvs" if is_vmware else "ovs",
        "binding:vif_details": {"port_filter": True, "dvs_port_group_name": network.group} if is_vmware else {},
        "ip_allocation": "immediate",
        "tags": [],
        "created_at": zulu(server.created),
        "updated_at": zulu(server.updated),
        "revision_number": 4,
        "tenant_id": server.project,
    }
