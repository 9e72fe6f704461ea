"""The section ``sla`` of the configuration: what it reads, what it refuses, and that every key is documented."""

import re
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exporter.config import Config, Maintenance, MonthlyReport
from exporter.configfile import load
from exporter.configsla import REPORT_KEYS, WINDOW_KEYS, sla_keys
from exporter.errors import ConfigError
from sla.model import Selector

MANUAL = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
HEAD = """vcenters:
  - {name: vc1, url: https://vc.example/sdk, username: u, password_file: p}
"""


def read(directory: Path, text: str) -> Config:
    """The configuration with this section ``sla``, beside a password and a policy file."""
    (directory / "p").write_text("secret")
    (directory / "contract.yml").write_text("classes: {backup: {targets: {resolution: 4h}}}\n")
    path = directory / "novacenter.yml"
    path.write_text(HEAD + text)
    return load(path, environ={})


def test_it_may_be_left_out(tmp_path: Path) -> None:
    """Then the built-in policy applies, which is read when it is needed."""
    sla = read(tmp_path, "").sla

    assert (sla.policy, sla.sites, sla.windows, sla.retention) == (None, {}, (), 400 * 86400.0)


def test_all_of_it(tmp_path: Path) -> None:
    """Policy files add to the built-in classes; windows are read in their zone."""
    sla = read(
        tmp_path,
        """sla:
  policies: [contract.yml]
  sites: {vc1: berlin}
  retention_days: 90
  windows:
    - {name: once, start: 2026-10-01T22:00, end: "2026-10-02 04:00", zone: Europe/Berlin, resource: vc1, comment: c}
    - {name: often, days: [Sun, 2nd tue, 15], at: "02:30", lasts: 2h, class: backup, site: berlin, labels: {a: b}}
""",
    ).sla

    assert sla.policy is not None
    assert sorted(sla.policy.classes) == ["api_communication", "backup", "storage_connection"]
    assert (sla.sites, sla.retention) == ({"vc1": "berlin"}, 90 * 86400.0)
    berlin = ZoneInfo("Europe/Berlin")
    assert sla.windows == (
        Maintenance(
            "once",
            Selector("", "", "vc1"),
            "c",
            start=datetime(2026, 10, 1, 22, tzinfo=berlin).timestamp(),
            end=datetime(2026, 10, 2, 4, tzinfo=berlin).timestamp(),
            zone="Europe/Berlin",
        ),
        Maintenance(
            "often",
            Selector("", "backup", "", (("a", "b"), ("site", "berlin"))),
            days=("sun", "2nd tue", "15"),
            at=150,
            lasts=7200.0,
        ),
    )


def test_the_monthly_report(tmp_path: Path) -> None:
    """The directory is relative to the file; a format named twice is made once; the rest has defaults."""
    text = "sla: {report: {directory: out, format: [json, html, json], zone: Europe/Berlin}}\n"

    assert read(tmp_path, text).sla.report == MonthlyReport(tmp_path / "out", ("json", "html"), "Europe/Berlin")
    assert read(tmp_path, "sla: {report: {directory: /var/r}}\n").sla.report == MonthlyReport(Path("/var/r"))


def test_pdf_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better an error at the start than at the end of the month."""
    monkeypatch.setitem(sys.modules, "fpdf", None)
    with pytest.raises(
        ConfigError, match=r"sla\.report\.format\[0\]: needs a library .*pip install 'novacenter\[report\]'"
    ):
        read(tmp_path, "sla: {report: {directory: r, format: [pdf]}}\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("policies: [bogus.yml]", "sla.policies[0]: the file cannot be read"),
        ("sites: {vc2: berlin}", "sla.sites.vc2: is no vCenter or cloud of this file; did you mean vc1?"),
        ("retention_days: 7", "sla.retention_days: is out of range; write a number from 35 to 10000"),
        ("report: {format: [html]}", "sla.report.directory: is missing; write the directory for the files"),
        ("report: {directory: r, format: []}", "sla.report.format: is empty; write at least one format, such as html"),
        ("report: {directory: r, format: [doc]}", "sla.report.format[0]: is no format of the report; use one of: text"),
        ("report: {directory: r, zone: Berlin}", "sla.report.zone: is no time zone of the IANA database here"),
        ("window: []", "sla.window: unknown key; did you mean windows?"),
        ("windows: [{name: a, start: 2026-10-01}]", "sla.windows[0].end: is missing; write start and end, or days"),
        ("windows: [{name: a, days: [sun], at: '1:00', lasts: 1h}]", "sla.windows[0].at: is no time of day; write one"),
        ("windows: [{name: a, days: [sunday], at: '01:00', lasts: 1h}]", "sla.windows[0].days[0]: is no day; write"),
        (
            "windows: [{name: a, days: [1], at: '01:00', lasts: 1h, start: 2026-10-01}]",
            "sla.windows[0].start: cannot be combined with days",
        ),
        (
            "windows: [{name: a, start: 2026-10-02, end: 2026-10-01}]",
            "sla.windows[0].end: must be after start, and at most 31 days after it",
        ),
        ("windows: [{name: a, start: x, end: y}]", "sla.windows[0].start: is no date and time; write one such as"),
        (
            "windows: [{name: a, start: 2026-10-01, end: 2026-10-02, zone: Berlin}]",
            "sla.windows[0].zone: is no time zone of the IANA database here",
        ),
        (
            "windows: [{name: a, start: 2026-10-01, end: 2026-10-02, class: api}]",
            "sla.windows[0].class: is no class of the policy; use one of: api_communication, storage_connection",
        ),
        (
            "windows: [{name: a, start: 2026-10-01, end: 2026-10-02}, {name: a, start: 2026-10-01, end: 2026-10-02}]",
            "sla.windows[1]: has the name of another window",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, problem: str) -> None:
    """File, line, key, what is wrong and what to do."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"sla: {{{text}}}\n")

    assert f"novacenter.yml:3: {problem}" in str(caught.value)


def test_a_mistake_in_a_policy_file_names_that_file(tmp_path: Path) -> None:
    """The policy's own reader says what is wrong."""
    (tmp_path / "broken.yml").write_text("classes: {backup: {target: {resolution: 4h}}}\n")
    with pytest.raises(
        ConfigError, match=r"broken\.yml:1: classes\.backup\.target: unknown key; did you mean targets\?"
    ):
        read(tmp_path, "sla: {policies: [broken.yml]}\n")


def test_every_key_is_documented() -> None:
    """docs/configuration.md has a row for each key, and for no other."""
    for heading, keys in (
        ("sla", sla_keys(lambda _: "", lambda _: None)),
        ("windows", WINDOW_KEYS),
        ("report", REPORT_KEYS),
    ):
        section = MANUAL.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        assert sorted(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == sorted(keys)


def test_the_documented_example_loads(tmp_path: Path) -> None:
    """The examples in the sections."""
    section = MANUAL.read_text().split("## report\n", 1)[1].split("\n## ", 1)[0]
    [text] = re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert read(tmp_path, text).sla.report == MonthlyReport(
        Path("/var/lib/novacenter/reports"), ("html", "json"), "Europe/Berlin"
    )

    section = MANUAL.read_text().split("## windows\n", 1)[1].split("\n## ", 1)[0]
    [text] = re.findall(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)

    assert [window.name for window in read(tmp_path, text).sla.windows] == ["move", "storage"]
