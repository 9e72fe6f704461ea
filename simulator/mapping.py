"""What people do to a vCenter that its OpenStack does not hear of: names, VLANs and mounts change."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from simulator.facts import Host
from simulator.model import Model
from simulator.store import Node

_SWITCH, _GROUP = "VmwareDistributedVirtualSwitch", "DistributedVirtualPortgroup"


def _one(model: Model, kind: str, name: str) -> Node:
    """The object of this type and name, the first where there is none given. Raises KeyError."""
    return model.named(kind, name) if name else next(iter(model.of_kind(kind)))


def rename_switch(model: Model, name: str, to: str) -> None:
    """Give a distributed switch another name."""
    node = _one(model, _SWITCH, name)
    model.update(node.moid, name=to or f"{node.facts.name} old")


def rename_portgroup(model: Model, name: str, to: str) -> None:
    """Give a port group another name."""
    node = _one(model, _GROUP, name)
    model.update(node.moid, name=to or f"{node.facts.name} old")


def rename_cluster(model: Model, name: str, to: str) -> None:
    """Give a cluster another name."""
    node = _one(model, "ClusterComputeResource", name)
    model.update(node.moid, name=to or f"{node.facts.name} old")


def vlan(model: Model, name: str, to: str) -> None:
    """Give a port group another VLAN."""
    node = _one(model, _GROUP, name)
    model.update(node.moid, vlan=int(to or node.facts.vlan + 1000))


def mtu(model: Model, name: str, to: str) -> None:
    """Give a distributed switch another MTU."""
    model.update(_one(model, _SWITCH, name).moid, mtu=int(to or 1280))


def detach_host(model: Model, name: str, to: str) -> None:
    """Take a host off all distributed switches."""
    del to
    node = _one(model, "HostSystem", name)
    host: Host = node.facts
    switches = [model.get(moid).facts.switch for moid in host.networks if model.get(moid).kind == _GROUP]
    model.update(node.moid, networks=tuple(moid for moid in host.networks if model.get(moid).kind != _GROUP))
    for switch in set(switches):
        model.touch(switch)


def pull_cables(model: Model, name: str, to: str) -> None:
    """Take the physical NICs of a distributed switch away from a host."""
    host = _one(model, "HostSystem", to)
    node = _one(model, _SWITCH, name)
    model.update(node.moid, unplugged=(*node.facts.unplugged, host.moid))


def remove_datastore(model: Model, name: str, to: str) -> None:
    """Remove a datastore with what is on it."""
    del to
    model.remove(_one(model, "Datastore", name).moid)


CHANGES: Mapping[str, Callable[[Model, str, str], None]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            *(rename_switch, rename_portgroup, rename_cluster, vlan),
            *(mtu, detach_host, pull_cables, remove_datastore),
        )
    }
)
"""Name -> what does it, with the object's name (empty: the first) and what it becomes (empty: something else)."""


def happen(model: Model, what: str, *, name: str = "", to: str = "") -> None:
    """Change something. Raises KeyError and ValueError for what makes no sense."""
    CHANGES[what](model, name, to)
