"""Neutron's networks and ports: recorded replies of a real one as values, pages, and what may go wrong."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cloudreplies import recorded
from neutronlab import Pages, encoded

from exporter.errors import BadReply, SourceError, Unreachable
from exporter.openstack import neutron
from exporter.openstack import neutrondecode as decode
from exporter.openstack.cloud import ApiFault, NotOffered
from exporter.openstack.networkmodel import Agent, Network, Port, Segment
from exporter.openstack.services import Outcome


def test_recorded_networks() -> None:
    """Every network of the lab: flat, each on a physical network of its name."""
    page = decode.networks(recorded("network/networks").body)
    assert page.marker is None
    assert {(one.name, one.mtu, one.segments) for one in page.items} == {
        (name, 1500, (Segment("flat", name, None),)) for name in ("lab-net", "lab-slow-net", "lab-fail-net")
    }


def test_recorded_ports() -> None:
    """Where they are bound, to which port group, and what guards them."""
    page = decode.ports(recorded("network/ports").body)
    bound = [one for one in page.items if one.host == "vmware1" and one.vif_type == "dvs"]
    assert bound
    assert {one.details["dvs_port_group_name"] for one in bound} == {"DC0_DVPG0"}
    assert all(one.security_groups and one.port_security is None and one.owner == "compute:vmware" for one in bound)


def test_recorded_agents() -> None:
    """The lab's agents tell bridges, which are no switches."""
    found = decode.agents(recorded("network/agents").body)
    assert {(one.type, one.host, tuple(one.switches)) for one in found} == {
        ("DVS agent", "vmware1", ()),
        ("DVS agent", "vmware2", ()),
    }


def test_recorded_extensions() -> None:
    """Those that this reads by are among the lab's."""
    found = decode.extensions(recorded("network/extensions").body)
    assert {"provider", "binding", "net-mtu", "security-group", "agent"} <= found


def test_several_segments() -> None:
    """Of a network on several segments (multi-provider) all are read."""
    vlan = {
        "provider:network_type": "vlan",
        "provider:physical_network": "physnet1",
        "provider:segmentation_id": 100,
    }
    tunnel = {
        "provider:network_type": "vxlan",
        "provider:physical_network": None,
        "provider:segmentation_id": 5000,
    }
    body = encoded({"networks": [{"id": "n1", "name": "web", "mtu": 0, "segments": [vlan, tunnel]}]})
    assert decode.networks(body).items == (
        Network(id="n1", name="web", segments=(Segment("vlan", "physnet1", 100), Segment("vxlan", None, 5000))),
    )


def test_what_a_user_without_rights_gets() -> None:
    """A network without provider attributes has unknown segments; a port without binding an unknown host."""
    assert decode.networks(encoded({"networks": [{"id": "n1", "name": "web"}]})).items == (
        Network(id="n1", name="web", segments=None),
    )
    assert decode.ports(encoded({"ports": [{"id": "p1", "network_id": "n1"}]})).items == (Port(id="p1", network="n1"),)


@pytest.mark.parametrize("key", ["network_maps", "network_maps_v2"])
def test_switches_of_an_agent(key: str) -> None:
    """As networking-dvs reports them; what is no text is left out."""
    configurations = {key: {"physnet1": "dvSwitch1", "physnet2": None}, "bridge_mappings": {"x": "br-x"}}
    agent = {"agent_type": "DVS agent", "host": "a", "alive": True, "configurations": configurations}
    assert decode.agents(encoded({"agents": [agent]})) == (
        Agent(type="DVS agent", host="a", alive=True, switches={"physnet1": "dvSwitch1"}),
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "networks is missing"),
        ({"networks": [{"id": 1}]}, "networks[0].id is a number, not text"),
        ({"networks": [{"id": "n", "mtu": "big"}]}, "networks[0].mtu is text, not a whole number"),
        ({"networks": [{"id": "n", "segments": {}}]}, "networks[0].segments is an object, not a list"),
    ],
)
def test_bad_replies(body: Any, words: str) -> None:
    """The field that is wrong is named."""
    with pytest.raises(BadReply) as caught:
        decode.networks(encoded(body))
    assert str(caught.value) == words


async def test_pages_are_followed() -> None:
    """Every port of every host, 500 at a time, with the fields that are needed alone."""
    api = Pages({"a": 1001, "b": 0, "c": 500})
    found = await neutron.read_networks(api, ["a", "b", "c"])
    assert found.ports.value is not None
    assert len({one.id for one in found.ports.value}) == 1501
    assert sum(path.startswith("/ports?") for path in api.asked) == 5
    asked = next(path for path in api.asked if path.startswith("/networks?"))
    assert parse_qs(urlsplit(asked).query) == {"fields": list(decode.NETWORK_FIELDS), "limit": ["500"]}


async def test_too_many_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the ports would be a wrong picture."""
    monkeypatch.setattr(neutron, "MOST", 900)
    found = await neutron.read_networks(Pages({"a": 1001}), ["a"])
    assert found.ports.outcome is Outcome.FAILED
    assert "more than 900 ports" in str(found.ports.error)


TROUBLES: tuple[tuple[Callable[[], SourceError], Outcome], ...] = (
    (lambda: ApiFault("Forbidden", "no", code=403), Outcome.FORBIDDEN),
    (lambda: NotOffered("the catalogue has no network"), Outcome.ABSENT),
    (lambda: Unreachable("no connection"), Outcome.FAILED),
)


@pytest.mark.parametrize(("trouble", "outcome"), TROUBLES)
async def test_each_is_asked_for_by_itself(trouble: Callable[[], SourceError], outcome: Outcome) -> None:
    """That one of them fails does not stop the others."""
    found = await neutron.read_networks(Pages({"a": 1}, trouble={"networks": trouble()}), ["a"])
    assert found.networks.outcome is outcome
    assert (found.ports.outcome, found.agents.outcome, found.extensions.value) == (
        Outcome.OK,
        Outcome.OK,
        frozenset({"provider"}),
    )
