"""The inventory of one vCenter as a frozen value, and how it is made from records. Pure."""

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from exporter.model import VIM_TYPES, Entity, Kind
from exporter.vcenter.atlas import Atlas, upwards
from exporter.vcenter.derive import Sight, derive
from exporter.vcenter.facts import Facts
from exporter.vcenter.openstackmarks import DeviceLabels, device_labels
from exporter.vcenter.records import Record, Records, custom_fields
from exporter.vcenter.selection import Selection

STEP = 100
"""Entities described between two steps: about 5 ms."""

_T = TypeVar("_T")

Missing = tuple[str, str, str]
"""vSphere type, property path, and why it was not given: the name of the server's fault, or ``unreadable``."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All selected entities of one vCenter at one moment.

    ``facts`` has the type of the entity's kind (``VmFacts``). ``parents`` holds every object's parent, selected or not.
    ``complete`` is false as long as only what is needed for performance queries was read: most facts are then None.
    ``missing`` counts the objects that lack a property by cause. ``version`` grows with every change; an entity or fact
    that did not change is the same object (``is``) as in the version before.
    """

    entities: Mapping[str, Entity] = field(default_factory=lambda: MappingProxyType({}))
    facts: Mapping[str, Facts] = field(default_factory=lambda: MappingProxyType({}))
    parents: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    missing: Mapping[Missing, int] = field(default_factory=lambda: MappingProxyType({}))
    version: int = 0
    complete: bool = False

    def ancestors(self, moid: str) -> Iterator[str]:
        """The parent, its parent, and so on up to the root folder."""
        return upwards(moid, self.parents.get)

    def children(self, moid: str) -> tuple[str, ...]:
        """The ids whose parent this is."""
        return tuple(child for child, parent in self.parents.items() if parent == moid)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an inventory is made for: its root folder's id, which entities are collected, and if all was asked for."""

    root: str
    selection: Selection
    complete: bool


def build(
    records: Records, scope: Scope, *, previous: Inventory, changed: Collection[str] | None = None
) -> Generator[None, None, Inventory]:
    """Makes the next inventory in steps; the generator's return value is it, or ``previous`` where nothing differs.

    ``changed`` are the only objects whose description may differ from ``previous``; None stands for all.
    """
    draft = _Draft(records, scope, previous)
    moids = dict.fromkeys((*records, *previous.entities, *previous.parents)) if changed is None else changed
    for count, moid in enumerate(moids):
        if count % STEP == STEP - 1:
            yield
        draft.describe(moid)
    return draft.finish()


class _Draft:
    """The next inventory in the making: the previous one, patched."""

    def __init__(self, records: Records, scope: Scope, previous: Inventory) -> None:
        self._records = records
        self._scope = scope
        self._previous = previous
        self._atlas = Atlas(records, scope.root)
        self._fields = custom_fields(records)
        self._entities = dict(previous.entities)
        self._facts = dict(previous.facts)
        self._parents = dict(previous.parents)
        self._differs = previous.complete != scope.complete

    def describe(self, moid: str) -> None:
        """Takes over what the records say of one object now."""
        record = self._records.get(moid)
        kind = VIM_TYPES.get(record.type) if record else None
        parent = self._atlas.parent(moid)
        if parent is None:
            self._parents.pop(moid, None)
        else:
            self._parents[moid] = parent
        if record is None or kind is None or not self._scope.selection.selects(kind, self._atlas.path(moid)):
            self._differs = self._entities.pop(moid, None) is not None or self._differs
            self._facts.pop(moid, None)
            return
        facts = derive(kind, self._sight(moid, record))
        self._put(moid, self._entities, self._entity(moid, kind, record, devices=device_labels(facts)))
        self._put(moid, self._facts, facts)

    def _entity(self, moid: str, kind: Kind, record: Record, *, devices: DeviceLabels) -> Entity:
        return Entity(
            moid=moid,
            kind=kind,
            type=record.type,
            name=self._atlas.name(moid) or moid,
            path=self._atlas.path(moid),
            queryable=_queryable(kind, record.values),
            labels=self._atlas.labels(moid, kind),
            devices=devices,
        )

    def _put(self, moid: str, into: dict[str, _T], new: _T) -> None:
        if into.get(moid) != new:
            into[moid] = new
            self._differs = True

    def _sight(self, moid: str, record: Record) -> Sight:
        complete = self._scope.complete
        return Sight(
            moid=moid,
            values=record.values,
            known=lambda path: complete and path not in record.missing,
            names=self._atlas.name,
            fields=self._fields,
        )

    def finish(self) -> Inventory:
        """The inventory."""
        missing = _count_missing(self._records)
        if not (self._differs or self._parents != self._previous.parents or missing != self._previous.missing):
            return self._previous
        return Inventory(
            entities=MappingProxyType(self._entities),
            facts=MappingProxyType(self._facts),
            parents=MappingProxyType(self._parents),
            missing=MappingProxyType(missing),
            version=self._previous.version + 1,
            complete=self._scope.complete,
        )


def _queryable(kind: Kind, values: Mapping[str, Any]) -> bool:
    """Whether vCenter has samples of it; where its state is not known, they are worth asking for."""
    if kind is Kind.VM or kind is Kind.HOST:
        power = values.get("runtime.powerState") or "poweredOn"
        connected = (values.get("runtime.connectionState") or "connected") == "connected"
        # A host that vCenter has lost power state of is reported as unknown (HostSystemPowerState).
        return connected and power in {"poweredOn", "unknown"}
    return kind is not Kind.DATASTORE or values.get("summary.accessible") is not False


def _count_missing(records: Records) -> dict[Missing, int]:
    counts: dict[Missing, int] = {}
    for record in records.values():
        for path, reason in record.missing.items():
            key = (record.type, path, reason)
            counts[key] = counts.get(key, 0) + 1
    return counts
