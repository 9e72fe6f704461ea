"""Which objects and properties a property filter means, by ObjectSpec, TraversalSpec, PropertySpec; and views."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyVmomi import VmomiSupport, vmodl

from simulator import properties
from simulator.data import Ref, class_of, moid_of
from simulator.model import Model
from simulator.store import Node

Resolve = Callable[[str], Node]
"""From a managed object id to the object, for one session. Raises ManagedObjectNotFound."""


@dataclass(frozen=True, slots=True)
class View:
    """A container view: the entities of these types below a container. ``types`` are vSphere type names."""

    container: Ref
    types: tuple[str, ...]
    recursive: bool

    def contents(self, model: Model) -> list[Ref]:
        """What is in the view now."""
        wanted = tuple(class_of(name) for name in self.types)
        found = below(model, model.get(self.container.moid), recursive=self.recursive)
        return [node.ref for node in found if not wanted or issubclass(node.cls, wanted)]


def below(model: Model, container: Node, *, recursive: bool) -> Iterable[Node]:
    """The entities in a container: tree children, and the machines of a pool, host or cluster."""
    found: dict[str, Node] = {}
    queue = [container]
    while queue:
        node = queue.pop()
        for child in _contained(model, node):
            if child.moid not in found:
                found[child.moid] = child
                if recursive:
                    queue.append(child)
    return found.values()


def _contained(model: Model, node: Node) -> Iterator[Node]:
    yield from model.related("child", node.moid)
    if node.kind in {"ResourcePool", "VirtualApp"}:
        yield from model.related("vm.pool", node.moid)
    elif node.kind == "HostSystem":
        yield from model.related("vm.host", node.moid)


class Selection:
    """One FilterSpec, ready to be asked for its objects and their property paths."""

    def __init__(self, model: Model, resolve: Resolve, spec: Any) -> None:
        self._model = model
        self._resolve = resolve
        self._spec = spec
        self._paths: dict[str, tuple[str, ...]] = {}

    def nodes(self) -> list[Node]:
        """The objects that are selected now, each once. Raises ManagedObjectNotFound for a start that is gone."""
        found: dict[str, Node] = {}
        for start in self._spec.objectSet:
            try:
                node = self._resolve(moid_of(start.obj))
            except vmodl.fault.ManagedObjectNotFound:
                if self._spec.reportMissingObjectsInResults:
                    continue
                raise
            if not start.skip:
                found[node.moid] = node
            named = {spec.name: spec for spec in _all_specs(start.selectSet) if spec.name}
            self._walk(node, start.selectSet, named=named, found=found, visited=set())
        return [node for node in found.values() if self.paths(node)]

    def _walk(
        self,
        node: Node,
        specs: Iterable[Any],
        *,
        named: dict[str, Any],
        found: dict[str, Node],
        visited: set[tuple[str, int]],
    ) -> None:
        for selection in specs:
            spec = selection if hasattr(selection, "path") else named.get(selection.name)
            if spec is None:
                raise vmodl.fault.InvalidArgument(
                    msg="A specified parameter was not correct: selectSet", invalidProperty="selectSet"
                )
            if (node.moid, id(spec)) in visited or not issubclass(node.cls, spec.type):
                continue
            visited.add((node.moid, id(spec)))
            for target in self._targets(node, spec.path):
                if not spec.skip:
                    found[target.moid] = target
                self._walk(target, spec.selectSet, named=named, found=found, visited=visited)

    def _targets(self, node: Node, path: str) -> Iterator[Node]:
        value, _ = properties.lookup(self._model, node, path)
        for ref in [value] if isinstance(value, Ref) else value or ():
            target = self._model.find(ref.moid)
            if target is not None:
                yield target

    def paths(self, node: Node) -> tuple[str, ...]:
        """The property paths wanted of an object. Raises InvalidProperty for one that its type does not have."""
        if node.kind not in self._paths:
            wanted: dict[str, None] = {}
            for spec in self._spec.propSet:
                if issubclass(node.cls, spec.type):
                    names = properties.names(node.kind) if spec.all else spec.pathSet
                    wanted.update(dict.fromkeys(str(name) for name in names))
            for path in wanted:
                properties.lookup(self._model, node, path)
            self._paths[node.kind] = tuple(wanted)
        return self._paths[node.kind]


def _all_specs(specs: Iterable[Any]) -> Iterator[Any]:
    for spec in specs:
        if hasattr(spec, "path"):
            yield spec
            yield from _all_specs(spec.selectSet)


def type_name(cls: Any) -> str:
    """The vSphere name of a managed object class."""
    return str(VmomiSupport.GetWsdlName(cls))
