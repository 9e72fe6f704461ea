"""The newest samples of one vCenter, by column: what pollers write and the exposition is rendered from.

A column is one metric family; a slot in it is one series. An entity keeps its slots from cycle to cycle, so a steady
cycle writes values and nothing else; a change in the inventory patches the slots of the entities concerned.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.exposition import Scale, escape, label_pairs
from exporter.late import LateSeries
from exporter.model import Entity, Family, Kind

Samples = tuple[tuple[int, str], ...]
"""The series of an entity in the order of its values: (counter id, instance)."""

_MOST_LAYOUTS = 50_000


class Column:
    """The series of one family, as the page under construction.

    ``parts`` is text before line 0's value, that value with its line feed, text before line 1's value, ... A slot is
    the index of a value in it; the value is empty where there is none.
    """

    __slots__ = ("family", "free", "hidden", "parts", "scale")

    def __init__(self, family: Family, scale: Scale) -> None:
        self.family = family
        self.scale = scale
        self.parts: list[bytes] = []
        self.hidden: dict[int, bytes] = {}
        self.free: list[int] = []

    @property
    def series(self) -> int:
        """How many series the column would show now."""
        return len(self.parts) // 2 - len(self.free) - sum(not self.parts[slot] for slot in self.hidden)

    def open(self, before: bytes) -> int:
        """Takes a slot for a series whose line starts with ``before``."""
        if self.free:
            slot = self.free.pop()
            self.parts[slot - 1] = before
            return slot
        self.parts += (before, b"")
        return len(self.parts) - 1

    def close(self, slot: int) -> None:
        """Gives a slot back."""
        self.hidden.pop(slot, None)
        self.parts[slot - 1] = self.parts[slot] = b""
        self.free.append(slot)

    def hide(self, slot: int) -> None:
        """Leaves the series out of the page until a value comes."""
        self.parts[slot] = b""
        if slot not in self.hidden:
            self.hidden[slot] = self.parts[slot - 1]
            self.parts[slot - 1] = b""

    def render(self) -> bytes:
        """The lines of the column."""
        for slot in [slot for slot in self.hidden if self.parts[slot]]:
            self.parts[slot - 1] = self.hidden.pop(slot)
        return b"".join(self.parts)


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels of an entity's series.

    ``before`` and ``after`` are texts of those that stand before and after ``device`` in order of name; ``pairs`` are
    the same ones, for the series of a device that has ``more``. ``texts`` are those made so far, by device.
    """

    before: str
    after: str
    pairs: Mapping[str, str]
    more: Mapping[str, tuple[tuple[str, str], ...]]
    texts: dict[str, str] = field(default_factory=dict, compare=False)

    def text(self, instance: str) -> str:
        """All labels of a series, in order of name."""
        known = self.texts.get(instance)
        if known is None:
            more = self.more.get(instance) if instance else None
            if more:
                known = label_pairs({**self.pairs, **dict(more), "device": instance}.items())
            else:
                device = f'device="{escape(instance)}",' if instance else ""
                known = f"{self.before}{device}{self.after}"
            self.texts[instance] = known
        return known


class _Layout(NamedTuple):
    """Where the values of a series tuple go: a column each, its parts, and its scale."""

    series: Samples
    columns: tuple[Column, ...]
    parts: tuple[list[bytes], ...]
    scales: tuple[Scale, ...]


class Newest(NamedTuple):
    """The newest samples of an entity: of ``series[i]`` the text in base units is ``parts[i][slots[i]]``, or empty.

    Entities that are alike share ``series`` and ``parts``. A series that comes twice counts where it comes first.
    """

    series: Samples
    parts: tuple[list[bytes], ...]
    slots: "array[int]"


@dataclass(slots=True)
class _Entry:
    entity: Entity
    layout: _Layout
    slots: "array[int]"


class Store:
    """The newest samples of one vCenter. ``copied`` are the entity labels that go on to every series."""

    def __init__(self, vcenter: str, copied: tuple[str, ...] = ()) -> None:
        self._vcenter = vcenter
        self._copied = copied
        self._columns: dict[Kind, dict[int, Column]] = {}
        self._entries: dict[str, _Entry] = {}
        self._layouts: dict[tuple[Kind, int], _Layout] = {}
        self._unasked = Column(Family("", "gauge", ""), Scale())
        self._unasked.open(b"")

    def define(self, kind: Kind, columns: Mapping[int, tuple[Family, Scale]]) -> None:
        """Sets what the counter ids of a kind mean. All series of the kind are dropped: ids change with a restart."""
        self.drop([moid for moid, entry in self._entries.items() if entry.entity.kind is kind])
        self._layouts = {key: layout for key, layout in self._layouts.items() if key[0] is not kind}
        self._columns[kind] = {key: Column(family, scale) for key, (family, scale) in columns.items()}

    def columns(self) -> list[Column]:
        """Every column, in a steady order."""
        return [column for columns in self._columns.values() for column in columns.values()]

    def __contains__(self, moid: str) -> bool:
        return moid in self._entries

    def put(self, entity: Entity, *, series: Samples, values: list[bytes], plain: bool) -> None:
        """Writes the newest sample of each series of an entity; a series that is not in ``series`` loses its slot.

        ``values`` are integer lists as text, oldest first; the last one that is not negative counts. ``plain`` says
        that each value is one integer, not negative.
        """
        entry = self._entries.get(entity.moid)
        if entry is None or entry.layout.series is not series or entry.entity is not entity:
            entry = self._place(entity, series)
        layout = entry.layout
        if plain:
            # The scaled texts are few and shared; vCenter's own would be as many as there are series.
            for parts, slot, scale, value in zip(layout.parts, entry.slots, layout.scales, values, strict=True):
                parts[slot] = scale[value]
            return
        for column, slot, value in zip(layout.columns, entry.slots, values, strict=True):
            text = newest(value)
            if text:
                column.parts[slot] = column.scale[text]
            elif column is not self._unasked:
                column.hide(slot)

    def update(self, entities: Mapping[str, Entity]) -> None:
        """Takes over a new inventory: entities that are gone lose their slots, changed ones are relabelled."""
        self.drop([moid for moid in self._entries if moid not in entities])
        for moid, entry in self._entries.items():
            entity = entities[moid]
            if entity is not entry.entity:
                self._relabel(entry, entity)

    def drop(self, moids: Iterable[str]) -> None:
        """Takes entities off the page."""
        for moid in moids:
            entry = self._entries.pop(moid, None)
            if entry is not None:
                self._close(entry)

    def value(self, moid: str, counter: int) -> float | None:
        """The newest aggregate sample of an entity in base units, or None."""
        entry = self._entries.get(moid)
        if entry is None or (counter, "") not in entry.layout.series:
            return None
        index = entry.layout.series.index((counter, ""))
        column = entry.layout.columns[index]
        text = column.parts[entry.slots[index]]
        return float(text) if text and column is not self._unasked else None

    def newest(self, moid: str) -> Newest | None:
        """Where the newest samples of an entity stand; None where it has none."""
        entry = self._entries.get(moid)
        return None if entry is None else Newest(entry.layout.series, entry.layout.parts, entry.slots)

    def late(
        self, entity: Entity, *, series: Samples, values: list[bytes], times: tuple[int, ...]
    ) -> Iterator[LateSeries]:
        """Samples that are not the newest, as series with their times; -1 is left out."""
        labels = self._labels(entity)
        columns = self._layout(entity.kind, series).columns
        for (_, instance), column, text in zip(series, columns, values, strict=True):
            pairs = [
                (column.scale[value].rstrip(), time)
                for value, time in zip(text.split(b","), times, strict=False)
                if value and not value.startswith(b"-")
            ]
            if pairs and column is not self._unasked:
                texts, stamps = zip(*pairs, strict=True)
                yield LateSeries(column.family, self._before(column, labels, instance), texts, stamps)

    def _place(self, entity: Entity, series: Samples) -> _Entry:
        layout = self._layout(entity.kind, series)
        old = self._entries.pop(entity.moid, None)
        kept: dict[tuple[int, str], tuple[Column, int]] = {}
        if old is not None:
            if self._same_labels(old.entity, entity):
                owned = zip(old.layout.series, zip(old.layout.columns, old.slots, strict=True), strict=True)
                kept = {key: slot for key, slot in owned if slot[0] is not self._unasked}
            else:
                self._close(old)
        labels = self._labels(entity)
        slots = array("L")
        for key, column in zip(series, layout.columns, strict=True):
            before = kept.pop(key, None)
            slots.append(before[1] if before else self._open(column, labels, key[1]))
        for column, slot in kept.values():
            column.close(slot)
        entry = self._entries[entity.moid] = _Entry(entity, layout, slots)
        return entry

    def _layout(self, kind: Kind, series: Samples) -> _Layout:
        """The columns of a series tuple; the many entities that share one share the layout.

        A series that comes twice has one slot, its first: a page may not show it twice.
        """
        known = self._layouts.get((kind, id(series)))
        if known is None:
            defined = self._columns.get(kind, {})
            first = {key: index for index, key in reversed(list(enumerate(series)))}
            columns = tuple(
                defined.get(key[0], self._unasked) if first[key] == index else self._unasked
                for index, key in enumerate(series)
            )
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            parts, scales = tuple(column.parts for column in columns), tuple(column.scale for column in columns)
            # The series tuple is kept in the layout, so that its id stays taken.
            known = self._layouts[kind, id(series)] = _Layout(series, columns, parts, scales)
        return known

    def _open(self, column: Column, labels: _Labels, instance: str) -> int:
        if column is self._unasked:
            return 0
        return column.open(self._before(column, labels, instance))

    def _before(self, column: Column, labels: _Labels, instance: str) -> bytes:
        return f"{column.family.name}{{{labels.text(instance)}}} ".encode()

    def _labels(self, entity: Entity) -> _Labels:
        pairs = {name: entity.labels[name] for name in self._copied if entity.labels.get(name)}
        pairs |= {"vcenter": self._vcenter, "moid": entity.moid, entity.kind.value: entity.name}
        texts = [(name, f'{name}="{escape(value)}"') for name, value in sorted(pairs.items())]
        before = "".join(text + "," for name, text in texts if name < "device")
        return _Labels(before, ",".join(text for name, text in texts if name > "device"), pairs, entity.devices)

    def _same_labels(self, old: Entity, new: Entity) -> bool:
        return old is new or self._labels(old) == self._labels(new)

    def _relabel(self, entry: _Entry, entity: Entity) -> None:
        old, new = self._labels(entry.entity), self._labels(entity)
        if old != new:
            alike = replace(old, more=new.more) == new
            for index, (column, (_, instance)) in enumerate(
                zip(entry.layout.columns, entry.layout.series, strict=True)
            ):
                if column is self._unasked or (alike and old.more.get(instance) == new.more.get(instance)):
                    continue
                value = column.parts[entry.slots[index]]
                column.close(entry.slots[index])
                entry.slots[index] = slot = self._open(column, new, instance)
                if value:
                    column.parts[slot] = value
                else:
                    column.hide(slot)
        entry.entity = entity

    def _close(self, entry: _Entry) -> None:
        for column, slot in zip(entry.layout.columns, entry.slots, strict=True):
            self._give_back(column, slot)

    def _give_back(self, column: Column, slot: int) -> None:
        if column is not self._unasked:
            column.close(slot)


def newest(text: bytes) -> bytes:
    """The last integer of a list that is not negative, or nothing: -1 is vCenter's word for "no sample".

    (vSphere API reference, PerfMetricIntSeries: a missing sample is -1.)
    """
    if b"-" not in text:
        return text[text.rfind(b",") + 1 :]
    for item in reversed(text.split(b",")):
        if not item.startswith(b"-"):
            return item
    return b""
