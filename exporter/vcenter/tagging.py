"""An inventory whose virtual machines carry labels from elsewhere: what Nova knows of them. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from exporter.model import Entity, Kind
from exporter.vcenter.inventory import Inventory

Tags = Mapping[str, Mapping[str, str]]
"""Managed object id of a VM -> labels that it gets."""


def tagged(inventory: Inventory, tags: Tags, previous: Inventory | None) -> Inventory:
    """The same inventory with VMs labelled by ``tags``; vCenter's own labels win.

    ``previous`` is what this function gave for the inventory before: an entity that is the same as there is the same
    object (``is``), and so is the whole inventory where nothing differs. ``version`` is that of ``inventory``.
    """
    before = previous.entities if previous is not None else {}
    entities = dict(inventory.entities)
    for moid, labels in tags.items():
        entity = entities.get(moid)
        if entity is not None and entity.kind is Kind.VM:
            entities[moid] = _tagged(entity, labels, before.get(moid))
    if previous is not None and _same(inventory, previous) and _identical(entities, before):
        return previous
    return replace(inventory, entities=MappingProxyType(entities))


def _tagged(entity: Entity, tags: Mapping[str, str], known: Entity | None) -> Entity:
    labels = {**tags, **entity.labels}
    if known is not None and known.labels == labels and _alike(known, entity):
        return known
    return replace(entity, labels=labels) if labels != entity.labels else entity


def _alike(one: Entity, other: Entity) -> bool:
    """Whether they differ in labels at most."""
    return (
        one.name == other.name
        and one.path == other.path
        and one.queryable == other.queryable
        and one.devices == other.devices
        and one.type == other.type
    )


def _same(inventory: Inventory, previous: Inventory) -> bool:
    """Whether all but the entities is the same."""
    return (
        inventory.facts is previous.facts
        and inventory.parents is previous.parents
        and inventory.version == previous.version
    )


def _identical(entities: Mapping[str, Entity], before: Mapping[str, Entity]) -> bool:
    return len(entities) == len(before) and all(before.get(moid) is entity for moid, entity in entities.items())
