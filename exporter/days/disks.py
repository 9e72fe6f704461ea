"""Virtual disks of one vCenter by backing: load and latency, so that backings can be compared at like load.

The VMs are looked at by turns, ``TURN`` disks in a cycle, so that the cost of a cycle does not grow with the vCenter:
what is kept is a distribution, for which a part of the disks is as good as all of them. The busiest disks of each
backing have rows of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.days.book import Page
from exporter.days.reading import Places, number
from exporter.days.unit import Lines
from exporter.model import Kind
from exporter.poller import Poller
from exporter.store import Newest, Samples
from exporter.vcenter.facts import Disk, VmFacts
from exporter.vcenter.inventory import Inventory
from sla.days import Measure, load_band

TURN = 250
"""Disks that are looked at in one cycle."""
BUSIEST = 50
"""Disks of each backing with rows of their own."""
MARGIN = 1.1
"""By how much a disk must be busier than the least busy of those, to take its place."""
BACKINGS = frozenset({"vmdk", "rdm_virtual", "rdm_physical", "rdm", "raw", "pmem"})

_COUNTERS = {
    "virtualDisk.numberReadAveraged.average": 0,
    "virtualDisk.numberWriteAveraged.average": 1,
    "virtualDisk.totalReadLatency.average": 2,
    "virtualDisk.totalWriteLatency.average": 3,
    "virtualDisk.read.average": 4,
    "virtualDisk.write.average": 5,
}
_DIRECTIONS = ("read", "write")

Device = tuple[str, tuple[int | None, ...]]
"""A disk's address, and the places of ``_COUNTERS``."""


@dataclass(slots=True)
class _Busy:
    """One of the busiest: its rows by direction, and how much it did at how many looks."""

    lines: tuple[Lines, ...]
    looks: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.looks if self.looks else 0.0


class Disks:
    """The virtual disks of one vCenter."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._ids: Mapping[str, int] = {}
        self._places: Places[tuple[Device, ...]] | None = None
        self._order: list[str] = []
        self._next = 0
        self._page: Page | None = None
        self._lines: dict[tuple[str, ...], Lines] = {}
        self._busy: dict[str, dict[tuple[str, str], _Busy]] = {}
        self._least: dict[str, tuple[tuple[str, str], float]] = {}

    def look(self, inventory: Inventory, page: Page) -> None:
        """One look at the disks whose turn it is."""
        ids = self._poller.asked.get(Kind.VM, {})
        if ids is not self._ids:
            self._ids = ids
            self._places = Places(lambda series: _devices(series, ids))
        if page is not self._page:
            self._page = page
            self._busy = {}
        if self._places is None or not _COUNTERS.keys() & ids.keys():
            return
        seen = 0
        self._least = {}
        for moid in self._turn(inventory):
            facts = inventory.facts.get(moid)
            newest = self._poller.newest("realtime", moid)
            if newest is None or not isinstance(facts, VmFacts) or not facts.disks:
                continue
            backings = {disk.device: disk for disk in facts.disks}
            for address, places in self._places.of(newest.series):
                disk = backings.get(address)
                if disk is not None:
                    self._take(page, disk, owner=(moid, inventory), numbers=_numbers(newest, places))
            seen += len(facts.disks)
            if seen >= TURN:
                break

    def _turn(self, inventory: Inventory) -> Iterator[str]:
        """The VMs whose turn it is, until all had one; a VM that is new has its turn in the next round."""
        if self._next >= len(self._order):
            self._order = [moid for moid, entity in inventory.entities.items() if entity.kind is Kind.VM]
            self._next = 0
        while self._next < len(self._order):
            self._next += 1
            yield self._order[self._next - 1]

    def _take(self, page: Page, disk: Disk, *, owner: tuple[str, Inventory], numbers: tuple[float | None, ...]) -> None:
        backing = disk.backing if disk.backing in BACKINGS else "unknown"
        iops = [value for value in numbers[:2] if value is not None]
        if not iops:
            return
        load = sum(iops)
        band = load_band(load)
        for side, direction in enumerate(_DIRECTIONS):
            done, latency, rate = numbers[side], numbers[side + 2], numbers[side + 4]
            lines = self._kept(backing, direction).on(page)
            if done is not None:
                lines.add(Measure.DISK_IOPS, done)
            if rate is not None:
                lines.add(Measure.DISK_THROUGHPUT, rate)
            if latency is not None and done:
                self._kept(backing, direction, band).on(page).add(Measure.DISK_LATENCY, latency)
        busy = self._busiest(backing, disk, owner=owner, load=load) if load > 0 else None
        if busy is not None:
            busy.looks += 1
            busy.total += load
            for side, lines in enumerate(busy.lines):
                done, latency = numbers[side], numbers[side + 2]
                if done is not None:
                    lines.on(page).add(Measure.BUSY_DISK_IOPS, done)
                if latency is not None and done:
                    lines.on(page).add(Measure.BUSY_DISK_LATENCY, latency)

    def _kept(self, *labels: str) -> Lines:
        lines = self._lines.get(labels)
        if lines is None:
            named = dict(zip(("backing", "direction", "load"), labels, strict=False))
            lines = self._lines[labels] = Lines(self._poller.name, named)
        return lines

    def _busiest(self, backing: str, disk: Disk, *, owner: tuple[str, Inventory], load: float) -> _Busy | None:
        moid, inventory = owner
        held = self._busy.setdefault(backing, {})
        known = held.get((moid, disk.device))
        if known is not None:
            return known
        if len(held) >= BUSIEST:
            if backing not in self._least:
                key = min(held, key=lambda key: held[key].mean)
                self._least[backing] = (key, held[key].mean)
            least, mean = self._least[backing]
            if load <= MARGIN * mean:
                return None
            self._drop(held.pop(least))
            del self._least[backing]
        entity = inventory.entities.get(moid)
        named = {
            "backing": backing,
            "vm": entity.name if entity else "",
            "moid": moid,
            "disk": disk.label,
            "device": disk.device,
            "datastore": disk.datastore or "",
        }
        lines = tuple(Lines(self._poller.name, {**named, "direction": direction}) for direction in _DIRECTIONS)
        held[moid, disk.device] = found = _Busy(lines)
        return found

    def _drop(self, busy: _Busy) -> None:
        for lines in busy.lines:
            lines.drop()


def _devices(series: Samples, ids: Mapping[str, int]) -> tuple[Device, ...]:
    places = {ids[name]: place for name, place in _COUNTERS.items() if name in ids}
    found: dict[str, list[int | None]] = {}
    for index, (counter, instance) in enumerate(series):
        place = places.get(counter)
        if place is not None and instance:
            kept = found.setdefault(instance, [None] * len(_COUNTERS))
            if kept[place] is None:
                kept[place] = index
    return tuple((instance, tuple(kept)) for instance, kept in found.items())


def _numbers(newest: Newest, places: tuple[int | None, ...]) -> tuple[float | None, ...]:
    return tuple(number(newest, place) for place in places)
