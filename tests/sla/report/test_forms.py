"""Every form of the report of October 2026 as a whole, and that all of them say the numbers of the JSON."""

import csv
import io
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from externals import require
from lxml import html
from prometheus_client.parser import text_string_to_metric_families
from slareportlab import built_in, log, outage, pdf_lines, report
from slareportmonth import API, NOW, october

from sla.report.document import SCHEMA
from sla.report.period import between
from sla.report.render import FORMATS, render

FONTS = [Path(f"/usr/share/fonts/{path}/DejaVuSans.ttf") for path in ("truetype/dejavu", "dejavu-sans-fonts", "TTF")]
ODD = 'wéb "1" \\ <b>\n=1\t☃ {a="b"}\x1b[31m ' + "x" * 200
"""Quotes, backslash, markup, line feed, tab, a terminal's escape, other alphabets, and no place to break a line."""


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """The document of the month."""
    return october()


@pytest.mark.parametrize("form", FORMATS)
def test_golden(form: str, made: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    """The whole report in this form; of the PDF its words. CSV lines end in CR LF."""
    content = render(made, form)
    text = "".join(f"{line}\n" for line in pdf_lines(content)) if form == "pdf" else content.decode()
    suffix = {"text": "txt", "pdf": "pdf.txt"}.get(form, form)
    golden(f"sla-report-october.{suffix}", text.replace("\r\n", "\n"))


@pytest.mark.parametrize("form", FORMATS)
def test_same_input_same_bytes(form: str, made: dict[str, Any]) -> None:
    """A second run over the same observations gives the same bytes; another time of making does not."""
    assert render(made, form) == render(october(), form)
    if form != "csv":
        assert render(made, form) != render({**made, "generated_at": "2026-11-02T07:00:01Z"}, form)


def rows(page: bytes) -> list[list[str]]:
    """The cells of all tables of an HTML page."""
    document = html.fromstring(page.decode())
    return [["\n".join(cell.itertext()) for cell in row.iter("td")] for row in document.iter("tr")]


def test_html_says_the_numbers(made: dict[str, Any]) -> None:
    """Counts of each class, target and site are those of the JSON."""
    expected = [
        [str(tally[key]) for key in ("incidents", "met", "breached", "undecided")]
        for one in made["classes"]
        for target in one["targets"]
        for tally in (target["total"], *(site["tally"] for site in target["sites"]))
    ]
    found = [row[4:8] for row in rows(render(made, "html")) if len(row) == 11]
    assert found == expected


def test_text_and_pdf_say_what_html_says(made: dict[str, Any]) -> None:
    """Every cell of the HTML page stands in the text and in the PDF."""
    wide = render(made, "text", width=400).decode()
    drawn = " ".join(pdf_lines(render(made, "pdf")))
    cells = {line for row in rows(render(made, "html")) for cell in row for line in cell.split("\n")}
    assert [cell for cell in cells if cell not in wide] == []
    words = {word for cell in cells for word in cell.split()}
    assert [word for word in words if word not in drawn] == []


def test_csv_says_the_numbers(made: dict[str, Any]) -> None:
    """A row for each incident and target, with the values of the JSON, in the order of the JSON."""
    found = list(csv.DictReader(io.StringIO(render(made, "csv").decode(), newline="")))
    timers = [(incident, timer) for incident in made["incidents"] for timer in incident["timers"]]
    assert len(found) == len(timers)
    assert render(made, "csv").count(b"\r\n") == len(timers) + 1
    for row, (incident, timer) in zip(found, timers, strict=True):
        told = {**{k: v for k, v in incident.items() if k in row}, **{k: v for k, v in timer.items() if k in row}}
        told |= incident["seconds"]
        del told["crossings"]
        words = {True: "true", False: "false", None: ""}
        assert {key: row[key] for key in told} == {
            key: words[value] if value is None or isinstance(value, bool) else str(value) for key, value in told.items()
        }
        crossings = [f"{one['cycle']}/{one['percent']}/{one['at']}" for one in timer["crossings"]]
        assert row["crossings"].split() == crossings


def test_prom_says_the_numbers(made: dict[str, Any]) -> None:
    """Prometheus's own parser reads the page; counts and shares are those of the JSON."""
    families = text_string_to_metric_families(render(made, "prom").decode())
    found = {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}
    for one in made["classes"]:
        for outcome in ("met", "breached", "undecided"):
            assert found["sla_report_incidents", *sorted((one["class"], outcome))] == one["tally"][outcome]
        for availability in one["availability"]:
            key = ("sla_report_availability_ratio", *sorted((one["class"], availability["method"])))
            assert found.get(key) == availability["ratio"]
    assert found["sla_report_kept",] == 0


@pytest.mark.external
def test_prom_passes_promtool(made: dict[str, Any]) -> None:
    """``promtool check metrics`` has nothing to say about the page."""
    done = subprocess.run(
        [require("promtool"), "check", "metrics"],
        input=render(made, "prom"),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_html_is_one_strict_file(made: dict[str, Any]) -> None:
    """Its policy allows one style sheet by hash; there is no script, handler, style attribute, or address."""
    page = render(made, "html").decode()
    document = html.fromstring(page)
    policy = document.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'", policy
    )
    assert {element.tag for element in document.iter()} & {"script", "img", "link", "iframe", "object", "a"} == set()
    assert [name for element in document.iter() for name in element.attrib if name == "style" or name[:2] == "on"] == []
    assert "http" not in page.replace("http-equiv", "")


@pytest.fixture(scope="module")
def odd() -> dict[str, Any]:
    """A report on a resource whose name somebody chose with care."""
    start = 1_790_900_000.0
    lines = outage(API, ODD, start, seconds=2400, site="=cmd|' /C calc'!A0")
    made = report(log(built_in(), lines), between("2026-10-01", "2026-10-03", "UTC"), now=NOW)
    assert made["classes"][0]["tally"]["breached"] == 1
    return made


def test_odd_names(odd: dict[str, Any]) -> None:
    """A name with anything in it stays text: no markup, no escape, no formula, no broken line."""
    page = render(odd, "html").decode()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    text = render(odd, "text").decode()
    assert [char for char in text if not char.isprintable() and char != "\n"] == []
    assert max(map(len, text.splitlines())) <= 120
    row = next(csv.DictReader(io.StringIO(render(odd, "csv").decode(), newline="")))
    assert (row["resource"], row["site"]) == (ODD, "'=cmd|' /C calc'!A0")
    assert list(text_string_to_metric_families(render(odd, "prom").decode()))
    assert any("\\u2603" in line for line in pdf_lines(render(odd, "pdf")))


def test_colour_only_where_it_is_asked_for(made: dict[str, Any]) -> None:
    """A file holds no control sequences; a terminal gets colours around the same words."""
    plain, coloured = render(made, "text").decode(), render(made, "text", colour=True).decode()
    assert "\x1b" not in plain
    assert re.sub(r" +\n", "\n", re.sub(r"\x1b\[[\d;]*m", "", coloured)) == plain
    assert "\x1b[1;31mBROKEN" in coloured


def test_pdf_with_a_font(odd: dict[str, Any]) -> None:
    """A TrueType font is embedded, and the same font gives the same bytes."""
    font = next((path for path in FONTS if path.is_file()), None)
    if font is None:
        pytest.skip("no DejaVu Sans on this machine: install fonts-dejavu-core")
    content = render(odd, "pdf", font=font)
    assert b"/FontFile2" in content
    assert content == render(odd, "pdf", font=font)


def test_every_key_is_documented(made: dict[str, Any]) -> None:
    """docs/sla-report.md names every key of the schema."""
    text = (Path(__file__).parents[3] / "docs/sla-report.md").read_text(encoding="utf-8")
    assert SCHEMA in text
    assert keys(made) - set(re.findall(r"\w+", text)) == set()


def keys(value: object) -> set[str]:
    """All keys at any depth."""
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys(item)}
    return {key for item in value for key in keys(item)} if isinstance(value, list) else set()
