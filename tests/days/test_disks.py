"""Virtual disks in the record: by backing at like load, by turns, and the busiest by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from exporter.days.book import Book
from exporter.days.disks import BUSIEST, TURN, Disks
from exporter.exposition import Scale
from exporter.model import Entity, Family, Kind
from exporter.poller import Poller
from exporter.store import Newest, Samples, Store
from exporter.vcenter.facts import Disk, VmFacts
from exporter.vcenter.inventory import Inventory
from sla.days import Day, merged

COUNTERS = {
    "virtualDisk.numberReadAveraged.average": (1, Scale()),
    "virtualDisk.numberWriteAveraged.average": (2, Scale()),
    "virtualDisk.totalReadLatency.average": (3, Scale(1, 1000)),
    "virtualDisk.totalWriteLatency.average": (4, Scale(1, 1000)),
    "virtualDisk.read.average": (5, Scale(1000)),
    "virtualDisk.write.average": (6, Scale(1000)),
}
Numbers = tuple[int, int, int, int, int, int]
"""Of a disk in vCenter's units: reads and writes per second, their latency in ms, KB/s."""


@dataclass
class Side:
    """What a poller tells of its samples."""

    name: str = "vc1"
    asked: dict[Kind, Mapping[str, int]] = field(default_factory=dict)
    store: Store = field(default_factory=lambda: Store("vc1"))

    def newest(self, schedule: str, moid: str) -> Newest | None:
        """See Poller."""
        assert schedule == "realtime"
        return self.store.newest(moid)


class Vms:
    """VMs with a disk each, its backing, and what the counters say of it."""

    def __init__(self, *, without: tuple[str, ...] = ()) -> None:
        self.side = Side()
        asked = {name: one for name, one in COUNTERS.items() if name not in without}
        self.side.asked[Kind.VM] = {name: key for name, (key, _) in asked.items()}
        self.side.store.define(Kind.VM, {key: (Family(f"f{key}", "gauge", ""), scale) for key, scale in asked.values()})
        self._series: Samples = tuple((key, "scsi0:0") for key, _ in asked.values())
        self._kept = [index for index, name in enumerate(COUNTERS) if name in asked]
        self.entities: dict[str, Entity] = {}
        self.facts: dict[str, VmFacts] = {}
        self.now = 0.0
        self.book = Book(lambda: self.now)
        self.disks = Disks(cast("Poller", self.side))
        self.inventory = Inventory()

    def set(self, name: str, numbers: Numbers, *, backing: str | None = "vmdk") -> None:
        """What a VM's disk does now."""
        if name not in self.entities:
            self.entities[name] = Entity(f"vm-{name}", Kind.VM, "VirtualMachine", name)
            disk = Disk(
                "Hard disk 1", "scsi0:0", backing, mode=None, datastore="ds1", thin=None, capacity_bytes=1, uuid=None
            )
            self.facts[name] = VmFacts(disks=(disk,))
        values = [str(numbers[index]).encode() for index in self._kept]
        self.side.store.put(self.entities[name], series=self._series, values=values, plain=-1 not in numbers)

    def look(self, count: int = 1) -> None:
        """So many looks."""
        entities = {entity.moid: entity for entity in self.entities.values()}
        facts = {self.entities[name].moid: one for name, one in self.facts.items()}
        self.inventory = Inventory(entities=entities, facts=facts, complete=True)
        for _ in range(count):
            self.disks.look(self.inventory, self.book.page())

    def found(self, measure: str, *labels: str) -> dict[tuple[str, ...], tuple[int, float | None]]:
        """Count and mean by these labels."""
        days: list[Day] = [day for day in self.book.days() if day.key.measure == measure]
        return {key: (sketch.count, sketch.mean) for key, sketch in merged(days, *labels).items()}


def test_by_backing_and_load() -> None:
    """Each direction by backing; latency by the band of the disk's whole load, in seconds and bytes."""
    vms = Vms()
    vms.set("a", (100, 60, 2, 4, 800, 480))
    vms.set("b", (100, 0, 1, 0, 400, 0), backing="rdm_physical")
    vms.set("c", (1, 0, 9, 7, 3, 0), backing="a new one")
    vms.look()
    assert vms.found("disk_iops", "backing", "direction") == {
        ("rdm_physical", "read"): (1, 100),
        ("rdm_physical", "write"): (1, 0),
        ("unknown", "read"): (1, 1),
        ("unknown", "write"): (1, 0),
        ("vmdk", "read"): (1, 100),
        ("vmdk", "write"): (1, 60),
    }
    assert vms.found("disk_throughput_bytes", "backing", "direction")["vmdk", "write"] == (1, 480_000)
    assert vms.found("disk_latency_seconds", "backing", "direction", "load") == {
        ("rdm_physical", "read", "64"): (1, pytest.approx(0.001)),
        ("unknown", "read", "1"): (1, pytest.approx(0.009)),
        ("vmdk", "read", "128"): (1, pytest.approx(0.002)),
        ("vmdk", "write", "128"): (1, pytest.approx(0.004)),
    }


def test_a_disk_that_does_nothing() -> None:
    """It has a load of 0, and no latency: vCenter's 0 there is no measurement. It is none of the busiest."""
    vms = Vms()
    vms.set("a", (0, 0, 0, 0, 0, 0))
    vms.look()
    assert vms.found("disk_iops", "direction") == {("read",): (1, 0), ("write",): (1, 0)}
    assert vms.found("disk_latency_seconds") == {}
    assert vms.found("busy_disk_iops") == {}


def test_samples_that_are_missing() -> None:
    """What vCenter has no sample of is not measured."""
    vms = Vms()
    vms.set("a", (10, -1, 2, -1, 5, -1))
    vms.look()
    assert vms.found("disk_iops", "direction") == {("read",): (1, 10)}
    assert vms.found("disk_latency_seconds", "direction", "load") == {("read", "8"): (1, pytest.approx(0.002))}


def test_counters_that_are_not_collected() -> None:
    """Without the counters of virtual disks there are no rows; without some of them, not those."""
    vms = Vms(without=tuple(COUNTERS))
    vms.set("a", (10, 10, 2, 2, 5, 5))
    vms.look()
    assert vms.book.days() == ()
    some = Vms(without=("virtualDisk.totalReadLatency.average", "virtualDisk.read.average"))
    some.set("a", (10, 10, 2, 2, 5, 5))
    some.look()
    assert some.found("disk_latency_seconds", "direction") == {("write",): (1, pytest.approx(0.002))}
    assert some.found("disk_throughput_bytes", "direction") == {("write",): (1, 5000)}


def test_by_turns() -> None:
    """A look is at a part of the disks; after as many looks as it takes, each had its turn, once."""
    vms = Vms()
    for number in range(2 * TURN + 10):
        vms.set(f"{number}", (number + 1, 0, 1, 0, 1, 0))
    vms.look()
    assert vms.found("disk_iops", "direction")["read",] == (TURN, (TURN + 1) / 2)
    vms.look(2)
    count = 2 * TURN + 10
    assert vms.found("disk_iops", "direction")["read",] == (count, (count + 1) / 2)
    vms.look()
    assert vms.found("disk_iops", "direction")["read",][0] == count + TURN


def test_the_busiest() -> None:
    """The busiest of each backing have rows of their own, however late they come; who leaves takes its rows along."""
    vms = Vms()
    count = BUSIEST + 30
    for number in range(count):
        vms.set(f"{number:03}", (100 * (number + 1), 0, 1, 0, 1, 0))
    vms.set("rdm", (1, 1, 1, 1, 1, 1), backing="rdm_virtual")
    vms.look(5)
    rows = vms.found("busy_disk_iops", "backing", "vm", "device", "disk", "datastore", "direction")
    wanted = [f"{number:03}" for number in range(30, count)]
    vmdk = sorted({vm for backing, vm, *_ in rows if backing == "vmdk"})
    assert len(vmdk) == BUSIEST
    assert len(set(vmdk) & set(wanted)) >= BUSIEST - 3, "a disk that is hardly busier takes no place"
    assert rows["vmdk", "079", "scsi0:0", "Hard disk 1", "ds1", "read"] == (5, 8000)
    assert rows["rdm_virtual", "rdm", "scsi0:0", "Hard disk 1", "ds1", "write"] == (5, 1)


def test_the_busiest_of_a_day() -> None:
    """With the day they are looked for anew."""
    vms = Vms()
    for number in range(BUSIEST):
        vms.set(f"{number:03}", (1000, 0, 1, 0, 1, 0))
    vms.look()
    vms.now = 86_400.0
    for number in range(BUSIEST):
        vms.set(f"{number:03}", (0, 0, 0, 0, 0, 0))
    vms.set("new", (5, 0, 1, 0, 1, 0))
    vms.look()
    rows = vms.found("busy_disk_iops", "date", "vm")
    assert [vm for date, vm in rows if date == "1970-01-02"] == ["new"]
