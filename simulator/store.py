"""The managed objects: who exists, who belongs to whom, and what changed since when."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from pyVmomi import VmomiSupport, vmodl

from simulator.data import Ref
from simulator.facts import Datastore, Host, Vm

JOURNAL = 100_000
"""Changes remembered; a watcher further behind looks at everything again."""

_RELATIONS = frozenset({"host", "pool", "disks", "nics", "datastores", "networks", "name"})


def vim_class(name: str) -> Any:
    """The pyVmomi class of a vSphere managed object type: ``VirtualMachine`` -> ``vim.VirtualMachine``."""
    return VmomiSupport.GetWsdlType("urn:vim25", name)


class Node:
    """A managed object. ``facts`` is replaced, never edited; the other slots are caches of what was made from it."""

    __slots__ = ("cls", "epoch", "facts", "kind", "moid", "parent", "ref", "texts", "values")

    def __init__(self, kind: str, moid: str, facts: Any, *, parent: str | None = None) -> None:
        self.kind = kind
        self.cls = vim_class(kind)
        self.moid = moid
        self.parent = parent
        self.facts = facts
        self.ref = Ref(kind, moid)
        self.epoch = 0
        self.values: dict[str, Any] = {}
        self.texts: dict[tuple[str, str], str | None] = {}

    def forget(self) -> None:
        """Drop everything that was made from the facts."""
        self.values.clear()
        self.texts.clear()


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the journal. ``structural`` means that selections and views may hold other objects now."""

    version: int
    moid: str
    structural: bool


class Store:
    """Managed objects by id, with their relations. Not thread-safe: change it in the thread of the event loop."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.version = 1
        self.journal: deque[Change] = deque(maxlen=JOURNAL)
        self._watchers: set[Callable[[], None]] = set()
        self._related: dict[str, dict[str, list[Node]]] = {}

    def get(self, moid: str) -> Node:
        """The object. Raises the vSphere fault ManagedObjectNotFound where there is none."""
        node = self.nodes.get(moid)
        if node is None:
            raise not_found(VmomiSupport.ManagedObject(moid))
        return node

    def of_kind(self, *kinds: str) -> Iterator[Node]:
        """All objects of these vSphere types, in the order they were added."""
        return (node for node in self.nodes.values() if node.kind in kinds)

    def add(self, node: Node) -> Node:
        """Add an object; its relatives are marked as changed."""
        self.nodes[node.moid] = node
        self._related.clear()
        self._touch_relatives(node)
        self._record(node.moid, structural=True)
        return node

    def remove(self, moid: str) -> None:
        """Remove an object with all that is below it, or on it. Raises ManagedObjectNotFound where there is none."""
        node = self.get(moid)
        for relation in ("child", "vm.host", "vm.pool", "vm.datastore"):
            for other in tuple(self.related(relation, moid)):
                if other.moid in self.nodes:
                    self.remove(other.moid)
        for host in tuple(self.related("host.datastore", moid)):
            self.update(host.moid, datastores=tuple(one for one in host.facts.datastores if one != moid))
        self._touch_relatives(node)
        del self.nodes[moid]
        self._related.clear()
        self._record(moid, structural=True)

    def update(self, moid: str, **changes: Any) -> None:
        """Replace some facts of an object, and its ``parent`` where given. No-op changes are recorded too."""
        node = self.get(moid)
        structural = "parent" in changes or not _RELATIONS.isdisjoint(changes)
        if structural:
            self._touch_relatives(node)
        if "parent" in changes:
            node.parent = changes.pop("parent")
        node.facts = replace(node.facts, **changes)
        node.epoch += 1
        node.forget()
        if structural:
            self._related.clear()
            self._touch_relatives(node)
        self._record(moid, structural=structural)

    def touch(self, moid: str) -> None:
        """Mark an object as changed because something that it is derived from did."""
        node = self.nodes.get(moid)
        if node is not None:
            node.forget()
            self._record(moid, structural=False)

    def note(self, moid: str) -> None:
        """Journal a change of an object that is kept elsewhere, as tasks are."""
        self._record(moid, structural=False)

    def related(self, relation: str, moid: str) -> list[Node]:
        """Objects that refer to this one: relation ``child``, or the field of the referrer as ``vm.host``."""
        if not self._related:
            self._related = self._relations()
        return self._related.get(relation, {}).get(moid, [])

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change, until the function that is returned is called."""
        self._watchers.add(callback)
        return lambda: self._watchers.discard(callback)

    def changes_since(self, version: int) -> list[Change] | None:
        """The journal after a version, or None where it no longer reaches back that far."""
        if version >= self.version:
            return []
        if not self.journal or self.journal[0].version > version + 1:
            return None
        return list(islice(self.journal, len(self.journal) - (self.version - version), None))

    def _record(self, moid: str, *, structural: bool) -> None:
        self.version += 1
        self.journal.append(Change(self.version, moid, structural))
        for callback in tuple(self._watchers):
            callback()

    def _relations(self) -> dict[str, dict[str, list[Node]]]:
        related: dict[str, dict[str, list[Node]]] = {}
        for node in self.nodes.values():
            for relation, moid in _references(node):
                related.setdefault(relation, {}).setdefault(moid, []).append(node)
        return related

    def _touch_relatives(self, node: Node) -> None:
        for moid in {moid for _, moid in _references(node)}:
            self.touch(moid)


def _references(node: Node) -> Iterable[tuple[str, str]]:
    if node.parent is not None:
        yield "child", node.parent
    facts = node.facts
    if isinstance(facts, Vm):
        yield "vm.host", facts.host
        yield "vm.pool", facts.pool
        yield from (("vm.datastore", moid) for moid in facts.datastores)
        yield from (("vm.network", moid) for moid in facts.networks)
    elif isinstance(facts, Host):
        yield from (("host.datastore", moid) for moid in facts.datastores)
        yield from (("host.network", moid) for moid in facts.networks)


def not_found(ref: Any) -> Exception:
    """The vSphere fault for a managed object that is not, or no longer, there."""
    message = f"The object {ref!s} has already been deleted or has not been completely created"
    fault: Exception = vmodl.fault.ManagedObjectNotFound(msg=message, obj=ref)
    return fault


def is_sampled(store: Store, node: Node) -> bool:
    """Whether there are samples of it: a running VM on a connected host, a connected host, an accessible datastore."""
    facts = node.facts
    if isinstance(facts, Vm):
        host = store.nodes.get(facts.host)
        return facts.power == "poweredOn" and host is not None and is_sampled(store, host)
    if isinstance(facts, Host):
        return facts.connection == "connected"
    if isinstance(facts, Datastore):
        return facts.accessible
    return True
