"""The properties last heard of each object, and what an update does to them. Pure: new records replace the old ones."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from exporter.vcenter.derive import ALARMING
from exporter.vcenter.properties import ObjectUpdate
from exporter.vcenter.propertyspec import ALARM, CUSTOM_FIELDS, EVERYTHING
from exporter.vcenter.readers import Alarm

LAYOUT = "layoutEx"
_VM = "VirtualMachine"
_PLACE = frozenset({"name", "parent", "parentVApp", "owner", "info.name", "field"})
"""Properties of an object that also decide how others are described: their paths, labels and names."""


@dataclass(frozen=True, slots=True)
class Record:
    """One object: its vSphere type, its property values, and the properties not given with the server's reason."""

    type: str
    values: Mapping[str, Any]
    missing: Mapping[str, str]


Records = Mapping[str, Record]
"""By managed object id."""


class Read(NamedTuple):
    """One property of one object that must be read by itself."""

    type: str
    moid: str
    path: str


@dataclass(frozen=True, slots=True)
class Merged:
    """``records`` after some updates; ``changed`` are objects whose description may differ, ``everything``: all may.

    ``reads`` is what the updates did not tell and must be read: properties of which only a part was reported, the file
    layout of a VM whose snapshots changed, and the names of alarms seen for the first time.
    """

    records: Records = field(default_factory=lambda: MappingProxyType({}))
    changed: frozenset[str] = frozenset()
    everything: bool = False
    reads: frozenset[Read] = frozenset()


def merge(before: Merged, updates: Iterable[ObjectUpdate]) -> Merged:
    """Applies further object updates.

    An object enters with all its properties, is modified in some, or leaves; news of an object that never entered is
    dropped.
    """
    after = dict(before.records)
    changed: set[str] = set()
    reads: set[Read] = set()
    everything = before.everything
    for update in updates:
        old = after.get(update.moid)
        new = _next(old, update)
        if new is None:
            after.pop(update.moid, None)
        else:
            after[update.moid] = new
            reads.update(_partial(update))
        if new != old:
            changed.add(update.moid)
            reads.update(_consequences(before.records.get(update.moid), new, moid=update.moid))
            everything = everything or _moves_others(old, new)
    return Merged(
        records=MappingProxyType(after),
        changed=before.changed | changed,
        everything=everything,
        reads=before.reads | {read for read in reads if read.type != ALARM or read.moid not in after},
    )


def answered(reads: Iterable[Read], objects: Iterable[ObjectUpdate]) -> list[ObjectUpdate]:
    """What was read, as updates for ``merge``. What was asked for and not given is unset, so it is not asked again."""
    news: dict[str, ObjectUpdate] = {}
    for read in reads:
        kind = "enter" if read.type == ALARM else "modify"
        update = news.setdefault(read.moid, ObjectUpdate(kind, read.type, read.moid, {}))
        news[read.moid] = update._replace(values={**update.values, read.path: None})
    for found in objects:
        update = news.get(found.moid, found)
        values = {**update.values, **found.values}
        news[found.moid] = update._replace(values=values, missing=(*update.missing, *found.missing))
    return list(news.values())


def layouts(records: Records) -> frozenset[Read]:
    """The file layouts of all VMs with snapshots: snapshots grow without any property of the VM changing."""
    return frozenset(
        Read(record.type, moid, LAYOUT) for moid, record in records.items() if record.values.get("snapshot") is not None
    )


def _next(old: Record | None, update: ObjectUpdate) -> Record | None:
    if update.kind == "leave" or (update.kind == "modify" and old is None):
        return None
    if update.kind == "enter" or old is None:
        return Record(update.type, dict(update.values), dict(update.missing))
    missing = {path: fault for path, fault in old.missing.items() if path not in update.values}
    return Record(old.type, {**old.values, **update.values}, {**missing, **dict(update.missing)})


def _partial(update: ObjectUpdate) -> Iterator[Read]:
    """The properties asked for as a whole of which a part was reported: ``a`` for ``a.b`` and ``a["k"]``."""
    for part in update.nested:
        for path in EVERYTHING.get(update.type, {}):
            if part.startswith((path + ".", path + "[")):
                yield Read(update.type, update.moid, path)


def _consequences(old: Record | None, new: Record | None, *, moid: str) -> Iterator[Read]:
    """What has to be read because an object is as it is now."""
    if new is None:
        return
    alarms: tuple[Alarm, ...] = new.values.get("triggeredAlarmState") or ()
    for alarm in alarms:
        if alarm.entity == moid and alarm.severity in ALARMING:
            yield Read(ALARM, alarm.alarm, "info.name")
    snapshot = new.values.get("snapshot")
    if snapshot is not None and (LAYOUT not in new.values or old is None or old.values.get("snapshot") != snapshot):
        yield Read(new.type, moid, LAYOUT)


def _moves_others(old: Record | None, new: Record | None) -> bool:
    """Whether other objects are described by this one, and it came, went, or was renamed or moved."""
    if old is None or new is None:
        return (old or new or _NOTHING).type != _VM
    if new.type == _VM:
        return False
    return any(old.values.get(path) != new.values.get(path) for path in _PLACE)


_NOTHING = Record(_VM, MappingProxyType({}), MappingProxyType({}))


def custom_fields(records: Records) -> Mapping[int, str]:
    """The names of custom attributes by key; empty where they are not known."""
    for record in records.values():
        if record.type == CUSTOM_FIELDS:
            names: Mapping[int, str] | None = record.values.get("field")
            return names or {}
    return {}
