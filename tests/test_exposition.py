"""The page, byte by byte: client_python is the oracle of both formats."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import exposition as text_format
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.exposition import Format, Scale, escape, header, label_pairs, lines, number, page
from exporter.model import Family, Row


class Collected:
    """What client_python renders: a registry that holds these families."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The families."""
        return self._families


def oracle(form: Format, *families: Metric) -> bytes:
    """The page as client_python writes it, without OpenMetrics' end mark."""
    if form is Format.TEXT:
        return text_format.generate_latest(Collected(*families))
    return openmetrics.generate_latest(Collected(*families)).removesuffix(b"# EOF\n")


def ours(form: Format, *families: tuple[Family, list[Row]]) -> bytes:
    """The page as we write it."""
    return b"".join(page([{family: lines(family, rows) for family, rows in families}], form))


TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "\\",
            '"',
            "\n",
            '\\n"\\',
            "a\r\nb\t",
            "{}",
            "# EOF",
            "\u00fcn\u6f22 \U0001d518",
            "\x00",
            "\u2028",
            "\ufeff",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
NAMES = st.lists(st.sampled_from(["vm", "moid", "vcenter", "device", "a", "A", "_x", "le2"]), unique=True, max_size=5)
NUMBERS = st.one_of(st.integers(-(2**63), 2**63), st.floats(), st.integers(0, 10_000).map(lambda n: n / 10_000))
FORMS = pytest.mark.parametrize("form", Format, ids=lambda form: form.name.lower())


@FORMS
@settings(max_examples=150, deadline=None)
@given(data=st.data(), help_text=TEXTS)
def test_a_gauge_is_byte_for_byte_client_pythons(form: Format, data: st.DataObject, help_text: str) -> None:
    """Any help, any label values, any number; labels in order of name, whatever order they came in."""
    names = data.draw(NAMES)
    theirs = GaugeMetricFamily("vsphere_vm_x_ratio", help_text, labels=names)
    rows = []
    for _ in range(data.draw(st.integers(1, 4))):
        values, value = [data.draw(TEXTS) for _ in names], data.draw(NUMBERS)
        theirs.add_metric(values, value)
        rows.append(Row(tuple(zip(names, values, strict=True)), value))
    assert ours(form, (Family("vsphere_vm_x_ratio", "gauge", help_text), rows)) == oracle(form, theirs)


@FORMS
def test_a_counter_has_its_suffix_where_each_format_wants_it(form: Format) -> None:
    """``_total`` is on the family in the text format, and on its samples alone in OpenMetrics."""
    theirs = CounterMetricFamily("novacenter_requests", 'Requests "sent".', labels=["outcome"])
    theirs.add_metric(["ok"], 17)
    family = Family("novacenter_requests_total", "counter", 'Requests "sent".')
    assert ours(form, (family, [Row((("outcome", "ok"),), 17)])) == oracle(form, theirs)


def test_an_info_is_a_gauge_of_ones() -> None:
    """In the text format as client_python writes its info; in OpenMetrics a gauge of the same name."""
    family, rows = Family("vsphere_vm_info", "info", "What a VM is."), [Row((("guest", "Debian"), ("vm", "a")), 1)]
    info = InfoMetricFamily("vsphere_vm", "What a VM is.", {"guest": "Debian", "vm": "a"})
    gauge = GaugeMetricFamily("vsphere_vm_info", "What a VM is.", labels=["guest", "vm"])
    gauge.add_metric(["Debian", "a"], 1)
    assert ours(Format.TEXT, (family, rows)) == oracle(Format.TEXT, info)
    assert ours(Format.OPENMETRICS, (family, rows)) == oracle(Format.OPENMETRICS, gauge)


@FORMS
@settings(max_examples=60, deadline=None)
@given(values=st.lists(TEXTS, min_size=1, max_size=4, unique=True))
def test_label_values_survive_client_pythons_parser(form: Format, values: list[str]) -> None:
    """What is read back is what was written."""
    family = Family("vsphere_vm_x", "gauge", "Some.")
    text = ours(form, (family, [Row((("vm", value),), 1.0) for value in values])).decode()
    parsed = parse_text(text) if form is Format.TEXT else parse_openmetrics(text + "# EOF\n")
    assert [sample.labels["vm"] for found in parsed for sample in found.samples] == values


@settings(deadline=None)
@given(
    value=st.integers(0, 2**63 - 1),
    scale=st.sampled_from([(1, 1), (1, 10_000), (1024, 1), (1024**4, 1), (1_000_000, 1), (1, 1_000_000_000)]),
)
def test_a_scaled_value_is_client_pythons_number(value: int, scale: tuple[int, int]) -> None:
    """Every value a counter can have, in every unit: multiplied exactly, divided once, written as theirs."""
    multiply, divide = scale
    theirs = GaugeMetricFamily("x", "x", value=value * multiply / divide)
    expected = oracle(Format.TEXT, theirs).splitlines(keepends=True)[-1].removeprefix(b"x ")
    table = Scale(multiply, divide)
    assert table[str(value).encode()] == table[str(value).encode()] == expected


def test_every_percentage_is_its_ratio() -> None:
    """0 to 100 % in steps of the wire's 1/100 %: the nearest float, without the noise of a multiplication."""
    table = Scale(divide=10_000)
    assert [float(table[b"%d" % n]) for n in range(10_001)] == [n / 10_000 for n in range(10_001)]
    assert table[b"1234"] == b"0.1234\n"


def test_no_sample_is_no_text() -> None:
    """Empty stays empty, also after the table was emptied."""
    table = Scale(limit=3)
    texts = [table[text] for text in (b"1", b"2", b"3", b"4", b"", b"1")]
    assert (texts, len(table) <= 3) == ([b"1.0\n", b"2.0\n", b"3.0\n", b"4.0\n", b"", b"1.0\n"], True)


def test_what_no_counter_can_have_is_not_a_number() -> None:
    """A text longer than any 64-bit integer does not break the page, however long it is."""
    assert [Scale()[b"9" * digits] for digits in (20, 400, 5000)] == [b"NaN\n"] * 3


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e21, 123456789.0, 1e-7, math.inf, -math.inf, math.nan, 2.0**63])
def test_numbers(value: float) -> None:
    """As client_python writes them, edge cases too."""
    line = oracle(Format.TEXT, GaugeMetricFamily("x", "x", value=value)).splitlines()[-1]
    assert b"x " + number(value) == line


def test_sources_are_merged_under_one_header() -> None:
    """Two vCenters with the same family: one header, the lines of both; families in order; none without lines."""
    cpu, mem = Family("vsphere_vm_cpu", "gauge", "CPU."), Family("vsphere_vm_mem", "gauge", "Memory.")
    again = Family("vsphere_vm_cpu", "gauge", "CPU, in the words of another version.")
    sources = [{mem: b'vsphere_vm_mem{vcenter="a"} 1.0\n', cpu: b'vsphere_vm_cpu{vcenter="a"} 2.0\n'}]
    sources.append({again: b'vsphere_vm_cpu{vcenter="b"} 3.0\n', mem: b"", Family("vsphere_x", "gauge", "X."): b""})
    assert b"".join(page(sources, Format.TEXT)).decode().splitlines() == [
        "# HELP vsphere_vm_cpu CPU.",
        "# TYPE vsphere_vm_cpu gauge",
        'vsphere_vm_cpu{vcenter="a"} 2.0',
        'vsphere_vm_cpu{vcenter="b"} 3.0',
        "# HELP vsphere_vm_mem Memory.",
        "# TYPE vsphere_vm_mem gauge",
        'vsphere_vm_mem{vcenter="a"} 1.0',
    ]
    assert list(page([], Format.TEXT)) == []


def test_a_page_of_both_formats_differs_in_headers_alone() -> None:
    """The lines of the series, which are rendered once, are the same bytes."""
    family = Family("novacenter_x_total", "counter", 'Back\\slash, "quotes"\nand a line feed.')
    assert header(family, Format.TEXT) == (
        b'# HELP novacenter_x_total Back\\\\slash, "quotes"\\nand a line feed.\n# TYPE novacenter_x_total counter\n'
    )
    assert header(family, Format.OPENMETRICS) == (
        b'# HELP novacenter_x Back\\\\slash, \\"quotes\\"\\nand a line feed.\n# TYPE novacenter_x counter\n'
    )


@settings(deadline=None)
@given(TEXTS)
def test_escaped_text_holds_no_bare_quote_or_line_feed(value: str) -> None:
    """Between quotes it ends where it should, and unescapes to what it was."""
    text = escape(value)
    assert "\n" not in text
    plain = text.replace("\\\\", "\x00\x01").replace('\\"', '"').replace("\\n", "\n").replace("\x00\x01", "\\")
    assert plain == value or "\x00\x01" in value
    assert label_pairs([("b", value), ("a", "1")]) == f'a="1",b="{text}"'
