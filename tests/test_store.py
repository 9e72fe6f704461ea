"""The newest samples, in slots that are patched: the page equals one laid out from scratch, whatever came before."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest

from exporter.exposition import Scale
from exporter.late import LateSeries
from exporter.model import Entity, Family, Kind
from exporter.store import Samples, Store, newest

CPU = Family("vsphere_vm_cpu_usage_average_ratio", "gauge", "CPU.")
MEM = Family("vsphere_vm_mem_active_average_bytes", "gauge", "Memory.")
HOST_CPU = Family("vsphere_host_cpu_usage_average_ratio", "gauge", "CPU.")
VM_COLUMNS = {2: (CPU, Scale(divide=10_000)), 24: (MEM, Scale(1024))}
SCALES = {2: (1, 10_000), 24: (1024, 1)}
NAMES = st.sampled_from(["web", "web", 'a "quoted" one', "back\\slash", "line\nfeed", "ünï漢", ""])
LABELS = st.dictionaries(st.sampled_from(["cluster", "zone", "other"]), NAMES, max_size=3)
INSTANCES = st.sampled_from(["", "", "0", "1", 'scsi"0', "a\\b"])
PAIRS = st.dictionaries(st.sampled_from(["volume", "port", "a", "cluster"]), NAMES, max_size=2)
DEVICES = st.dictionaries(st.sampled_from(["", "0", "1", "9"]), PAIRS.map(lambda its: tuple(its.items())), max_size=2)
TEXTS = st.sampled_from([b"5", b"5", b"77", b"0", b"-1", b"", b"5,-1", b"-1,-1", b"1,2", b"9223372036854775807"])


def vm(number: int = 1, name: str = "web", **more: object) -> Entity:
    """A virtual machine."""
    return replace(Entity(f"vm-{number}", Kind.VM, "VirtualMachine", name), **more)


def host(number: int = 1) -> Entity:
    """A host."""
    return Entity(f"host-{number}", Kind.HOST, "HostSystem", "esx")


def stored(*, copied: tuple[str, ...] = ()) -> Store:
    """An empty store that knows two counters of VMs and one of hosts."""
    store = Store("vc1", copied)
    store.define(Kind.VM, VM_COLUMNS)
    store.define(Kind.HOST, {2: (HOST_CPU, Scale(divide=10_000))})
    return store


def rendered(store: Store) -> list[bytes]:
    """Every line of the store, in order of text."""
    return sorted(line for column in store.columns() for line in column.render().splitlines(keepends=True))


class Collected:
    """What client_python renders: a registry that holds these families."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        """The families."""
        return self._families


class _Slots(RuleBasedStateMachine):
    """Samples, renames, removals and new counters in any order, against a page that client_python makes each time."""

    @initialize()
    def start(self) -> None:
        self.store = stored(copied=("cluster", "zone"))
        self.inventory = {"vm-1": vm(1), "vm-2": vm(2), "vm-3": vm(3), "host-1": host()}
        self.model: dict[str, dict[tuple[int, str], int | None]] = {}
        self.tuples: dict[Samples, Samples] = {}

    @rule(
        number=st.integers(1, 3),
        samples=st.lists(st.tuples(st.sampled_from([2, 24, 99]), INSTANCES, TEXTS), max_size=5),
        shared=st.booleans(),
    )
    def put(self, number: int, samples: list[tuple[int, str, bytes]], shared: bool) -> None:
        if f"vm-{number}" not in self.inventory:
            return
        series = tuple((counter, instance) for counter, instance, _ in samples)
        series = self.tuples.setdefault(series, series) if shared else series
        values = [text for _, _, text in samples]
        plain = all(text.isdigit() for text in values)
        self.store.put(self.inventory[f"vm-{number}"], series=series, values=values, plain=plain)
        now: dict[tuple[int, str], int | None] = {}
        for counter, instance, text in samples:
            good = [int(item) for item in text.split(b",") if item and not item.startswith(b"-")]
            if counter in SCALES:
                now.setdefault((counter, instance), good[-1] if good else None)
        self.model[f"vm-{number}"] = now

    @rule(number=st.integers(1, 3), name=NAMES, labels=LABELS, devices=DEVICES)
    def becomes(
        self, number: int, name: str, labels: dict[str, str], devices: dict[str, tuple[tuple[str, str]]]
    ) -> None:
        self.inventory = {**self.inventory, f"vm-{number}": vm(number, name, labels=labels, devices=devices)}
        self.take_over()

    @rule(number=st.integers(1, 3), devices=DEVICES)
    def gets_other_devices(self, number: int, devices: dict[str, tuple[tuple[str, str]]]) -> None:
        if f"vm-{number}" in self.inventory:
            changed = replace(self.inventory[f"vm-{number}"], devices=devices)
            self.inventory = {**self.inventory, f"vm-{number}": changed}
            self.take_over()

    @rule(number=st.integers(1, 3))
    def goes(self, number: int) -> None:
        self.inventory = {moid: entity for moid, entity in self.inventory.items() if moid != f"vm-{number}"}
        self.take_over()

    @rule(number=st.integers(1, 3))
    def is_seen_anew_before_the_store_is_told(self, number: int) -> None:
        self.inventory = {**self.inventory, f"vm-{number}": vm(number, "new")}
        if f"vm-{number}" in self.model:
            series = ((2, "0"), (24, ""))
            self.store.put(self.inventory[f"vm-{number}"], series=series, values=[b"8", b"-1"], plain=False)
            self.model[f"vm-{number}"] = {(2, "0"): 8, (24, ""): None}

    @rule(number=st.integers(1, 4))
    def is_dropped(self, number: int) -> None:
        self.store.drop([f"vm-{number}", "vm-99"])
        self.model.pop(f"vm-{number}", None)

    @rule()
    def vcenter_restarts(self) -> None:
        self.store.define(Kind.VM, VM_COLUMNS)
        self.model.clear()

    def take_over(self) -> None:
        self.store.update(self.inventory)
        self.model = {moid: samples for moid, samples in self.model.items() if moid in self.inventory}

    @invariant()
    def the_page_is_as_if_laid_out_from_scratch(self) -> None:
        families = {counter: GaugeMetricFamily(family.name, "") for counter, (family, _) in VM_COLUMNS.items()}
        for moid, samples in self.model.items():
            for (counter, instance), value in samples.items():
                if value is not None:
                    multiply, divide = SCALES[counter]
                    labels = self.labels(self.inventory[moid], instance)
                    families[counter].add_sample(families[counter].name, labels, value * multiply / divide)
        page = generate_latest(Collected(list(families.values())))
        shown = {column.family.name: column.series for column in self.store.columns()}
        assert shown == {family.name: len(family.samples) for family in families.values()} | {HOST_CPU.name: 0}
        expected = sorted(line for line in page.splitlines(keepends=True) if not line.startswith(b"#"))
        assert rendered(self.store) == expected
        assert {column.family.name: column.series for column in self.store.columns()} == shown
        for moid in ("vm-1", "vm-2", "vm-3"):
            known = self.model.get(moid, {}).get((24, ""))
            assert self.store.value(moid, 24) == (None if known is None else float(known * 1024))
            assert self.store.value(moid, 99) is None
            assert (moid in self.store) == (moid in self.model)

    @staticmethod
    def labels(entity: Entity, instance: str) -> dict[str, str]:
        """What a series is labelled with: empty labels are left out, the object's name and a device's own are not."""
        copied = {name: entity.labels[name] for name in ("cluster", "zone") if entity.labels.get(name)}
        device = {**dict(entity.devices.get(instance, ())), "device": instance} if instance else {}
        return {"vcenter": "vc1", "moid": entity.moid, "vm": entity.name, **copied, **device}


_Slots.TestCase.settings = settings(max_examples=120, stateful_step_count=20, deadline=None)
TestSlots = _Slots.TestCase


def test_a_series_without_a_sample_leaves_the_page_and_returns() -> None:
    """-1 is no sample: the series is not shown, and its slot waits for the next value, plain or not."""
    store, series = stored(), ((2, ""), (24, ""))
    for values in ([b"5", b"6"], [b"-1", b"6"], [b"", b"6"], [b"7", b"6"], [b"-1", b"-1"], [b"8", b"9"]):
        store.put(vm(), series=series, values=values, plain=False)
        shown = [int(text) >= 0 if text else False for text in values]
        assert [column.series for column in store.columns()] == [*map(int, shown), 0]
        assert len(rendered(store)) == sum(shown)
    store.put(vm(), series=series, values=[b"-1", b"9"], plain=False)
    store.put(vm(), series=series, values=[b"10", b"9"], plain=True)
    assert (
        store.columns()[0].render() == b'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vcenter="vc1",vm="web"} 0.001\n'
    )


def test_a_renamed_entity_without_a_sample_stays_off_the_page() -> None:
    """Relabelling does not bring a hidden series back as a line without value."""
    store = stored()
    store.put(vm(), series=((2, ""), (24, "")), values=[b"-1", b"1"], plain=False)
    store.update({"vm-1": vm(name="renamed")})
    assert rendered(store) == [b'vsphere_vm_mem_active_average_bytes{moid="vm-1",vcenter="vc1",vm="renamed"} 1024.0\n']


def test_a_steady_cycle_keeps_slots_and_columns() -> None:
    """The same series again, and a new inventory in which nothing changed, touch no slot."""
    store, series = stored(), ((2, ""), (2, "0"), (24, ""))
    store.put(vm(), series=series, values=[b"1", b"2", b"3"], plain=True)
    before = [(id(column), list(column.parts[::2]), list(column.free)) for column in store.columns()]
    texts = [column.parts[0] for column in store.columns()[:2]]
    again = vm()
    store.update({"vm-1": again})
    store.put(again, series=series, values=[b"4", b"5", b"6"], plain=True)
    assert [(id(column), list(column.parts[::2]), list(column.free)) for column in store.columns()] == before
    assert all(column.parts[0] is text for column, text in zip(store.columns()[:2], texts, strict=True))


def test_a_device_has_labels_of_its_own() -> None:
    """Only the series of that device get them, in order of name; other devices relabel all of it, and lose no value."""
    store = stored(copied=("zone",))
    store.put(vm(labels={"zone": "z"}), series=((2, ""), (2, "0"), (2, "1")), values=[b"1", b"2", b"3"], plain=True)
    store.update({"vm-1": vm(labels={"zone": "z"}, devices={"0": (("volume", "v1"),), "7": (("port", "p7"),)})})
    store.update({"vm-1": vm(labels={"zone": "z"}, devices={"0": (("volume", "v2"),), "1": (("port", 'p"1'),)})})
    assert [line.removeprefix(CPU.name.encode()) for line in rendered(store)] == [
        b'{device="0",moid="vm-1",vcenter="vc1",vm="web",volume="v2",zone="z"} 0.0002\n',
        b'{device="1",moid="vm-1",port="p\\"1",vcenter="vc1",vm="web",zone="z"} 0.0003\n',
        b'{moid="vm-1",vcenter="vc1",vm="web",zone="z"} 0.0001\n',
    ]
    assert [len(column.parts) // 2 for column in store.columns()] == [3, 0, 0]


def test_late_samples_have_the_labels_of_their_device() -> None:
    """As the newest ones have."""
    entity = vm(devices={"0": (("volume", "v1"),)})
    [series] = stored().late(entity, series=((2, "0"),), values=[b"100"], times=(20,))
    assert (
        series.before
        == b'vsphere_vm_cpu_usage_average_ratio{device="0",moid="vm-1",vcenter="vc1",vm="web",volume="v1"} '
    )


def test_slots_are_used_again() -> None:
    """A thousand entities that come and go need the room of one."""
    store = stored()
    for number in range(1000):
        store.put(vm(number), series=((2, ""), (2, "0")), values=[b"1", b"2"], plain=True)
        store.drop([f"vm-{number}"])
    store.put(vm(7), series=((2, ""),), values=[b"3"], plain=True)
    [cpu, *_] = store.columns()
    assert (cpu.series, len(cpu.parts) // 2, len(cpu.render().splitlines())) == (1, 2, 1)


def test_kinds_have_columns_of_their_own() -> None:
    """One counter id on a VM and a host: two families, each with its kind's label."""
    store = stored()
    for entity in (vm(), host()):
        store.put(entity, series=((2, ""),), values=[b"5000"], plain=True)
    assert rendered(store) == [
        b'vsphere_host_cpu_usage_average_ratio{host="esx",moid="host-1",vcenter="vc1"} 0.5\n',
        b'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vcenter="vc1",vm="web"} 0.5\n',
    ]


def test_new_counter_ids_start_empty() -> None:
    """``define`` drops the series of that kind, and of no other; a tuple seen before gets its meaning anew."""
    store, series = stored(), ((2, ""),)
    for entity in (vm(), host()):
        store.put(entity, series=series, values=[b"5000"], plain=True)
    store.define(Kind.VM, {2: (MEM, Scale(1024))})
    assert ("vm-1" in store, "host-1" in store) == (False, True)
    store.put(vm(), series=series, values=[b"1"], plain=True)
    assert rendered(store) == [
        b'vsphere_host_cpu_usage_average_ratio{host="esx",moid="host-1",vcenter="vc1"} 0.5\n',
        b'vsphere_vm_mem_active_average_bytes{moid="vm-1",vcenter="vc1",vm="web"} 1024.0\n',
    ]


def test_a_series_that_comes_twice_is_shown_once() -> None:
    """Prometheus would refuse a page with two lines of the same series: the first counts."""
    store = stored()
    for _ in range(2):
        store.put(vm(), series=((2, ""), (2, ""), (2, "0")), values=[b"1", b"2", b"3"], plain=True)
        store.put(vm(), series=((2, ""), (2, "0"), (2, "")), values=[b"4", b"5", b"6"], plain=False)
    assert rendered(store) == [
        b'vsphere_vm_cpu_usage_average_ratio{device="0",moid="vm-1",vcenter="vc1",vm="web"} 0.0005\n',
        b'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vcenter="vc1",vm="web"} 0.0004\n',
    ]


def test_values_must_match_their_series() -> None:
    """A decoder that hands over fewer values than series is a bug, not a shift of values."""
    for plain in (True, False):
        with pytest.raises(ValueError, match="shorter"):
            stored().put(vm(), series=((2, ""), (24, "")), values=[b"1"], plain=plain)


def test_late_samples_keep_their_times() -> None:
    """One series each, in base units, without -1, and without what was not asked for."""
    series = ((2, ""), (24, 'x"'), (99, ""), (2, "1"))
    values = [b"100,-1,300", b"1,2", b"7,7,7", b"-1,,-1"]
    assert list(stored().late(vm(), series=series, values=values, times=(20, 40, 60))) == [
        LateSeries(
            CPU,
            b'vsphere_vm_cpu_usage_average_ratio{moid="vm-1",vcenter="vc1",vm="web"} ',
            (b"0.01", b"0.03"),
            (20, 60),
        ),
        LateSeries(
            MEM,
            b'vsphere_vm_mem_active_average_bytes{device="x\\"",moid="vm-1",vcenter="vc1",vm="web"} ',
            (b"1024.0", b"2048.0"),
            (20, 40),
        ),
    ]


def test_where_the_newest_samples_stand() -> None:
    """In the order of the series, as texts in base units; none for an entity without samples."""
    store = stored()
    series = ((2, ""), (24, "x"), (99, ""))
    store.put(vm(), series=series, values=[b"100", b"-1", b"7"], plain=False)
    found = store.newest("vm-1")
    assert found is not None
    assert found.series is series
    values = [parts[slot] for parts, slot in zip(found.parts, found.slots, strict=True)]
    assert values[:2] == [b"0.01\n", b""]
    assert store.newest("vm-2") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"5", b"5"), (b"1,2,3", b"3"), (b"1,2,-1", b"2"), (b"-1,-1", b""), (b"-1", b""), (b"", b""), (b"-1,7", b"7")],
)
def test_the_newest_value_is_the_last_that_is_there(text: bytes, value: bytes) -> None:
    """The last integer of a list that is not negative."""
    assert newest(text) == value
