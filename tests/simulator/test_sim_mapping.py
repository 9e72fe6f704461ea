"""What people do to the simulated vCenter, and the simulated Neutron: orders over HTTP, pages, filters, fields."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from simclient import Clock
from yarl import URL

from simulator import mapping
from simulator.model import Model
from simulator.openstack.cloud import Cloud
from simulator.openstack.networking import agents, extensions, networks, ports
from simulator.vcenter import serve


def facts(model: Model, kind: str, at: int = 0) -> Any:
    """The facts of one object of a type."""
    return list(model.of_kind(kind))[at].facts


SWITCH, GROUP = "VmwareDistributedVirtualSwitch", "DistributedVirtualPortgroup"
CHANGES: dict[str, Callable[[Model], object]] = {
    "rename_switch": lambda model: facts(model, SWITCH).name,
    "rename_portgroup": lambda model: facts(model, GROUP).name,
    "rename_cluster": lambda model: facts(model, "ClusterComputeResource").name,
    "vlan": lambda model: facts(model, GROUP).vlan,
    "mtu": lambda model: facts(model, SWITCH).mtu,
    "detach_host": lambda model: facts(model, "HostSystem").networks,
    "pull_cables": lambda model: facts(model, SWITCH).unplugged,
    "remove_datastore": lambda model: len(list(model.of_kind("Datastore"))),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_each_change_may_be_ordered(model: Model, what: str) -> None:
    """POST /fault changes the first object of its kind; one that is not there is a bad order."""
    assert set(CHANGES) == set(mapping.CHANGES)
    before, order = CHANGES[what](model), {"kind": "mapping", "what": what}
    async with serve(model, control=True) as server, aiohttp.ClientSession() as http:
        url = server.url.replace("/sdk", "/fault")
        async with http.post(url, json=order) as reply:
            assert (reply.status, await reply.text()) == (200, "ok\n")
        assert CHANGES[what](model) != before
        async with http.post(url, json={**order, "name": "no such thing"}) as reply:
            assert reply.status == 400


def query(**asked: Any) -> Any:
    """A query string as aiohttp hands it over."""
    return URL(f"http://x/?{urlencode(asked, doseq=True)}").query


def test_networks_are_those_of_the_port_groups(cloud: Cloud, clock: Clock) -> None:
    """One of each port group with its VLAN on the physical network of its switch, and a flat one for KVM."""
    content: Any = networks(cloud, query()).content
    shown = {(one["provider:physical_network"], one["provider:segmentation_id"]) for one in content["networks"]}
    groups = list(cloud.model.of_kind(GROUP))
    switches = [node.moid for node in cloud.model.of_kind(SWITCH)]
    expected = {(f"physnet{switches.index(one.facts.switch) + 1}", one.facts.vlan) for one in groups}
    assert shown == {("provider", None), *expected}


def test_ports_name_the_port_group_of_their_card(cloud: Cloud, clock: Clock) -> None:
    """Those of servers on VMware; filtered by host, with the fields that were asked for alone."""
    host = next(one.host for one in cloud.computes.values() if one.is_vmware)
    asked = query(**{"binding:host_id": host, "fields": ["id", "binding:vif_details"]})
    content: Any = ports(cloud, asked).content
    assert content["ports"]
    assert all(set(port) == {"id", "binding:vif_details"} for port in content["ports"])
    names = {node.facts.name for node in cloud.model.of_kind(GROUP)}
    assert {port["binding:vif_details"]["dvs_port_group_name"] for port in content["ports"]} <= names


def test_pages(cloud: Cloud, clock: Clock) -> None:
    """All ports, each once, seven at a time; the last page has no link to another."""
    everything: Any = ports(cloud, query()).content
    marker, found = "", []
    while True:
        content: Any = ports(cloud, query(limit=7, **({"marker": marker} if marker else {}))).content
        found += [port["id"] for port in content["ports"]]
        if "ports_links" not in content:
            break
        marker = found[-1]
    assert sorted(found) == sorted(port["id"] for port in everything["ports"])
    assert len(found) == len(set(found)) > 7


def test_agents_and_extensions(cloud: Cloud, clock: Clock) -> None:
    """An agent for each compute; the extensions whose attributes are simulated."""
    shown: Any = agents(cloud, query()).content
    assert {agent["host"] for agent in shown["agents"]} == set(cloud.computes)
    content: Any = extensions().content
    assert {"provider", "binding", "agent"} <= {one["alias"] for one in content["extensions"]}
