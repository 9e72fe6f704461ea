"""Counters of vSphere become metrics: names, units, and which of them are asked for.

fixtures/counters.csv holds the 560 counters of a vCenter 6.5, as govmomi's simulator (Apache-2.0) has recorded them.
"""

import csv
import re
import subprocess
from collections import Counter as Tally
from pathlib import Path

import pytest
from externals import require
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Globs
from exporter.exposition import Format, Scale, header
from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS, Counter, Kind
from exporter.vcenter import counters
from exporter.vcenter.counters import Unit

NAME = re.compile(r"vsphere_[a-z][a-z0-9]*(_[a-z0-9]+)+")


def counter(name: str, unit: str = "number", **more: object) -> Counter:
    """A counter of which only name and unit matter."""
    return Counter(**{"id": 1, "name": name, "unit": unit, "stats": "absolute", "level": 1, "summary": "Some.", **more})


@pytest.fixture(scope="module")
def all_counters() -> list[Counter]:
    """The counters of a vCenter."""
    path = Path(__file__).parent.parent / "fixtures/counters.csv"
    with path.open(newline="", encoding="utf-8") as file:
        return [
            counter(row["name"], row["unit"], id=int(row["id"]), stats=row["stats"], level=int(row["level"]))
            for row in csv.DictReader(file)
        ]


def test_every_counter_has_a_valid_name_of_its_own(all_counters: list[Counter]) -> None:
    """560 counters on each kind of entity: Prometheus names in snake case, no two alike."""
    families = [counters.family(kind, one) for kind in Kind for one in all_counters]
    assert len(all_counters) == 560
    assert [family.name for family in families if not NAME.fullmatch(family.name)] == []
    assert [name for name, count in Tally(family.name for family in families).items() if count > 1] == []


def test_every_unit_is_a_base_unit_at_the_end_of_the_name(all_counters: list[Counter]) -> None:
    """Each unit of a real vCenter is in the table, and its base unit ends the name."""
    assert {one.unit for one in all_counters} <= counters.UNITS.keys()
    for one in all_counters:
        family = counters.family(Kind.HOST, one)
        assert family.name.endswith(("_" + family.unit) if family.unit else one.name.rpartition(".")[2])


@pytest.mark.external
def test_promtool_has_nothing_to_say(all_counters: list[Counter]) -> None:
    """``promtool check metrics`` is silent on names, HELP and TYPE of every counter on every kind that is sampled."""
    families = [counters.family(kind, one) for kind in (*REALTIME_KINDS, *HISTORICAL_KINDS) for one in all_counters]
    page = b"".join(header(family, Format.TEXT) + f"{family.name} 1\n".encode() for family in families)
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=page, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("cpu.usage.average", "percent", "vsphere_vm_cpu_usage_average_ratio"),
        ("cpu.usagemhz.average", "megaHertz", "vsphere_vm_cpu_usagemhz_average_hertz"),
        ("cpu.ready.summation", "millisecond", "vsphere_vm_cpu_ready_summation_seconds"),
        ("rescpu.actav15.latest", "percent", "vsphere_vm_rescpu_actav15_latest_ratio"),
        ("datastore.maxTotalLatency.latest", "millisecond", "vsphere_vm_datastore_max_total_latency_latest_seconds"),
        ("virtualDisk.readLatencyUS.latest", "microsecond", "vsphere_vm_virtual_disk_read_latency_latest_seconds"),
        ("net.throughput.packetsPerSec.average", "number", "vsphere_vm_net_throughput_packets_per_second_average"),
        ("mem.vmmemctltarget.average", "kiloBytes", "vsphere_vm_mem_vmmemctltarget_average_bytes"),
        ("storageAdapter.OIOsPct.average", "percent", "vsphere_vm_storage_adapter_oi_os_pct_average_ratio"),
        ("gpu.temp.latest", "parsecSquared", "vsphere_vm_gpu_temp_latest_parsec_squared"),
    ],
)
def test_names(name: str, unit: str, expected: str) -> None:
    """vSphere's own words in snake case, then the base unit; a unit that is not known keeps its name."""
    assert counters.family(Kind.VM, counter(name, unit)).name == expected


@pytest.mark.parametrize(
    ("unit", "wire", "suffix", "text"),
    [
        ("percent", b"1234", "ratio", b"0.1234"),
        ("percent", b"10000", "ratio", b"1.0"),
        ("kiloBytes", b"3", "bytes", b"3072.0"),
        ("megaBytes", b"3", "bytes", b"3.145728e+06"),
        ("gigaBytes", b"1", "bytes", b"1.073741824e+09"),
        ("teraBytes", b"1", "bytes", b"1.099511627776e+12"),
        ("kiloBytesPerSecond", b"3", "bytes_per_second", b"3072.0"),
        ("megaBytesPerSecond", b"1", "bytes_per_second", b"1.048576e+06"),
        ("megaHertz", b"2", "hertz", b"2e+06"),
        ("nanosecond", b"1", "seconds", b"1e-09"),
        ("microsecond", b"15", "seconds", b"1.5e-05"),
        ("millisecond", b"20000", "seconds", b"20.0"),
        ("second", b"7", "seconds", b"7.0"),
        ("watt", b"7", "watts", b"7.0"),
        ("joule", b"7", "joules", b"7.0"),
        ("celsius", b"7", "celsius", b"7.0"),
        ("number", b"7", "", b"7.0"),
    ],
)
def test_units(unit: str, wire: bytes, suffix: str, text: bytes) -> None:
    """What is on the wire, and what is on the page."""
    base = counters.unit_of(unit)
    assert (base.suffix, Scale(base.multiply, base.divide)[wire]) == (suffix, text + b"\n")


def test_the_table_of_units_is_tested_whole() -> None:
    """No unit is in the table without a line above."""
    tested = {case[0] for case in test_units.pytestmark[0].args[1]}
    assert tested == counters.UNITS.keys()
    assert counters.unit_of("parsecSquared") == Unit("parsec_squared")


def test_help_is_one_sentence_that_names_the_counter() -> None:
    """The summary on one line, vSphere's name, and that it is the newest sample; without a summary the name."""
    one = counter("cpu.usage.average", "percent", summary="CPU usage \n as a  percentage.")
    assert counters.family(Kind.VM, one).help == "CPU usage as a percentage (vSphere cpu.usage.average, newest sample)."
    bare = counters.family(Kind.VM, counter("cpu.usage.average", summary=" "))
    assert bare.help == "cpu.usage.average (vSphere cpu.usage.average, newest sample)."


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_name_becomes_words(name: str) -> None:
    """``snake`` gives lower-case words of ASCII letters and digits with single underscores between, or nothing."""
    assert re.fullmatch(r"([a-z0-9]+(_[a-z0-9]+)*)?", counters.snake(name))


def test_selection_includes_then_excludes_in_order_of_id() -> None:
    """Of counters that share a name the first id is taken; patterns that this vCenter cannot meet are reported."""
    available = [
        counter("mem.usage.average", id=24),
        counter("cpu.usage.average", id=9),
        counter("cpu.usage.average", id=2),
        counter("cpu.usage.maximum", id=4),
        counter("cpu.ready.summation", id=12),
    ]
    globs = Globs(("cpu.*", "mem.*", "gpu.*.average", "cpu.ready.*"), ("*.maximum", "mem.*"))
    selected = counters.select(available, globs)
    assert [one.id for one in selected.counters] == [2, 12]
    assert selected.missing == ("gpu.*.average",)
    assert counters.select([], Globs()) == counters.Selected((), ("*",))
