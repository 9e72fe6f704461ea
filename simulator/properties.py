"""Property paths: from ``summary.config.numCpu`` on an object to the value there and its declared type."""

import re
from collections.abc import Iterator
from typing import Any

from pyVmomi import vmodl

from simulator import data
from simulator.data import Data, Declared
from simulator.group_properties import (
    ALARM,
    CLUSTER,
    DATACENTER,
    DATASTORE,
    FOLDER,
    NETWORK,
    POOL,
    PORTGROUP,
    STANDALONE,
    SWITCH,
    VAPP,
    Properties,
)
from simulator.host_properties import HOST
from simulator.model import Model
from simulator.service_properties import SERVICES
from simulator.store import Node
from simulator.vm_properties import VM

PROPERTIES: dict[str, Properties] = {
    "VirtualMachine": VM,
    "HostSystem": HOST,
    "ClusterComputeResource": CLUSTER,
    "ComputeResource": STANDALONE,
    "ResourcePool": POOL,
    "VirtualApp": VAPP,
    "Datastore": DATASTORE,
    "Network": NETWORK,
    "DistributedVirtualPortgroup": PORTGROUP,
    "VmwareDistributedVirtualSwitch": SWITCH,
    "Folder": FOLDER,
    "Datacenter": DATACENTER,
    "Alarm": ALARM,
    **SERVICES,
}
"""vSphere type -> its properties. What pyVmomi knows of a type but is not here counts as unset."""

_STEP = re.compile(r'(\w+)(?:\[(?:"([^"]*)"|(-?\w+))\])?')


def invalid(path: str) -> Any:
    """vSphere's fault for a property path that the type does not have."""
    return vmodl.query.InvalidProperty(msg=f"The property {path} is invalid.", name=path)


def names(kind: str) -> Iterator[str]:
    """The property names that this simulator fills in for a type."""
    return iter(PROPERTIES.get(kind, {}))


def lookup(model: Model, node: Node, path: str) -> tuple[Any, Declared]:
    """The value at a path of an object, None where it is unset, and its declared type.

    A step may pick from an array by key, as ``config.hardware.device[2000].backing``. Raises the vSphere fault
    InvalidProperty for a path that the types do not have.
    """
    steps = [_STEP.fullmatch(step) for step in re.split(r"\.(?![^\[]*\])", path)]
    value: Any = None
    owner, declared = node.kind, None
    for number, step in enumerate(steps):
        if step is None:
            raise invalid(path)
        name, key = step[1], step[2] if step[2] is not None else step[3]
        try:
            declared = data.field(owner, name)
        except (AttributeError, KeyError):
            raise invalid(path) from None
        value = top(model, node, name) if number == 0 else _inner(value, name)
        if key is not None:
            value = _pick(value, key)
            declared = Declared(declared.cls, declared.word, many=False)
        owner = value.type if isinstance(value, Data) else declared.word
    if declared is None:
        raise invalid(path)
    return value, declared


def top(model: Model, node: Node, name: str) -> Any:
    """A property of an object by its plain name; made once and kept until the object changes."""
    if name in node.values:
        return node.values[name]
    make = PROPERTIES.get(node.kind, {}).get(name)
    value = make(model, node) if make else None
    if node.kind not in SERVICES:
        node.values[name] = value
    return value


def _inner(value: Any, name: str) -> Any:
    return value.fields.get(name) if isinstance(value, Data) else None


def _pick(value: Any, key: str) -> Any:
    for item in value or ():
        if isinstance(item, Data) and str(item.fields.get("key")) == key:
            return item
    return None


def text(model: Model, node: Node, path: str, *, tag: str = "val") -> str | None:
    """The value at a path as an element of any type, or None where it is unset. Kept until the object changes."""
    key = (path, tag)
    if key in node.texts:
        return node.texts[key]
    value, declared = lookup(model, node, path)
    xml = None if value is None else data.anything(tag, value, declared)
    if node.kind not in SERVICES:
        node.texts[key] = xml
    return xml
