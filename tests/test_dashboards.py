"""The committed dashboards: as built, as Grafana reads them, by the linter's rules, and about metrics that exist."""

import copy
import json
import re
import shutil
import subprocess
import warnings
from collections import Counter
from functools import cache
from typing import Any

import pytest
from dashboardlint import excluded, exclusions, faults, selectors
from externals import ROOT
from metricnames import OTHERS, counters, family_of, fixed
from paneltargets import DIRECTORY, dashboards, every_value, filled, panels, targets

from exporter.thresholds import Thresholds

with warnings.catch_warnings():
    # The SDK would rather have the schema of Grafana 13, which 11 and 12 cannot read.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models import dashboard as sdk

    from tools.dashboards import every, house, units
    from tools.dashboards.__main__ import files

ALL = dashboards()
NAMES = ("agent", "canary", "integration", "overview", "sla", "storage", "tasks", "vcenter", "vms")


PLACE = "a place, which is a label of every other info"
SETTING = "a setting that is there only where somebody has made it; docs/METRICS.md tells it"
LEFT_OUT = {
    "vsphere_datacenter_info": PLACE,
    "vsphere_folder_info": PLACE,
    "vsphere_resource_pool_cpu_limit_hertz": SETTING,
    "vsphere_resource_pool_memory_limit_bytes": SETTING,
    "vsphere_vapp_cpu_limit_hertz": SETTING,
    "vsphere_vapp_memory_limit_bytes": SETTING,
    "vsphere_vapp_state": "OpenStack makes no vApps; their pools are shown",
}
"""Families that are in no panel and no rule, and why."""


@cache
def _recorded() -> frozenset[str]:
    """What the rules record."""
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "alerts").glob("*.rules.yml"))
    return frozenset(re.findall(r"record: (\S+)", text))


def _used(text: str) -> set[str]:
    """The families that a query names."""
    return {family_of(selector.name) for selector in selectors(text)}


def test_they_are_as_built() -> None:
    """The committed files are what the code writes, byte by byte, and all of it."""
    written = files()
    committed = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "dashboards").glob("*.json")}
    assert sorted(written) == sorted(committed) == [f"{name}.json" for name in NAMES]
    for name, text in written.items():
        assert text == committed[name], f"{name} is out of date; run `make dashboards`"


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_model_reads_them_without_loss(name: str) -> None:
    """Read into the SDK's model and written again, a dashboard is the same: no key is misspelt or misplaced."""
    register_default_plugins()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        read = sdk.Dashboard.from_json(copy.deepcopy(ALL[name]))
    assert house.settled(json.loads(json.dumps(read, cls=JSONEncoder))) == ALL[name]


def test_a_misspelt_key_would_be_seen() -> None:
    """The comparison above is not empty: an unknown key in a panel's options does not survive it."""
    register_default_plugins()
    content = copy.deepcopy(ALL["overview"])
    next(panels(content))["fieldConfig"]["defaults"]["unitt"] = "s"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        read = sdk.Dashboard.from_json(copy.deepcopy(content))
    assert house.settled(json.loads(json.dumps(read, cls=JSONEncoder))) != content


@pytest.mark.parametrize("name", NAMES)
def test_grafana_can_take_them_in(name: str) -> None:
    """Stable uid, no id and version of a server, an old enough schema, and links that keep time and variables."""
    content = ALL[name]
    assert content["uid"] == f"novacenter-{name}"
    assert len(content["uid"]) <= 40
    assert content["id"] is None
    assert "version" not in content
    assert content["schemaVersion"] == 39
    assert content["tags"] == ["novacenter"]
    [link] = content["links"]
    assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == (
        "dashboards",
        ["novacenter"],
        True,
        True,
    )
    assert [one["name"] for one in content["annotations"]["list"]] == ["Alerts", "Incidents", "Maintenance"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_a_place_of_their_own(name: str) -> None:
    """No two panels overlap or share id or title, none is wider than the screen, each question has its answer."""
    content = ALL[name]
    shown = list(panels(content))
    assert max(Counter(panel["title"] for panel in shown).values()) == 1
    ids = [one["id"] for one in (*shown, *(row for row in content["panels"] if row["type"] == "row"))]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in (one for one in content["panels"] if one["type"] != "row"):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", NAMES)
def test_the_first_row_says_whether_something_is_wrong(name: str) -> None:
    """The first row is of single numbers, and every variable that is used is there and the other way round."""
    content = ALL[name]
    row, *rest = content["panels"]
    assert (row["type"], row["title"]) == ("row", "Is anything wrong?")
    first = [panel["type"] for panel in rest[:8]]
    assert first == ["stat"] * 8
    defined = {one["name"] for one in content["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(list(panels(content)))))
    assert used == defined


@pytest.mark.parametrize("name", NAMES)
def test_the_linter_is_content(name: str) -> None:
    """No rule of grafana/dashboard-linter is broken but where dashboards/.lint says why."""
    assert [fault for fault in faults(ALL[name]) if not excluded(fault)] == []


@pytest.mark.skipif(
    shutil.which("dashboard-linter") is None,
    reason="put Grafana's dashboard-linter on PATH: the Go module proxy refuses github.com/grafana/dashboard-linter "
    "with 403, for its list of versions, latest, main and v0.0.0 of 2024 alike (2026-11-23)",
)
@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_linter_is_content(name: str) -> None:
    """The program itself finds nothing in the committed file, with the exclusions of dashboards/.lint."""
    command = ["dashboard-linter", "lint", "--strict", "--config", DIRECTORY / ".lint", DIRECTORY / f"{name}.json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_exclusion_is_needed_and_has_a_reason() -> None:
    """Each entry of dashboards/.lint is about a fault that there is, and says why it may stay."""
    found = {(fault.rule, fault.dashboard, fault.panel) for content in ALL.values() for fault in faults(content)}
    for rule, section in exclusions().items():
        assert section["reason"]
        for entry in section["entries"]:
            assert (rule, entry["dashboard"], entry["panel"]) in found


def test_a_broken_rule_would_be_seen() -> None:
    """The rules are not empty: one dashboard with a fault for each of them breaks each of them."""
    content: dict[str, Any] = copy.deepcopy(ALL["overview"])
    content["editable"] = True
    content["templating"]["list"][0]["name"] = "source"
    for one in content["templating"]["list"][1:]:
        one |= {"multi": False, "refresh": 1, "query": "vsphere_up"}
    first, second, third, *_ = panels(content)
    first |= {"datasource": None, "description": "", "targets": []}
    second["fieldConfig"]["defaults"]["unit"] = "parsec"
    second["targets"][0]["expr"] = "rate(vsphere_up[5m]) + novacenter_requests_total"
    rules = {fault.rule for fault in faults(content)}
    third["targets"][0]["expr"] = "sum("
    assert {fault.rule for fault in _only_promql(content)} == {"target-promql-rule"}
    assert rules == {
        "template-datasource-rule",
        "template-job-rule",
        "template-instance-rule",
        "template-label-promql-rule",
        "template-on-time-change-reload-rule",
        "panel-datasource-rule",
        "panel-title-description-rule",
        "panel-units-rule",
        "panel-no-targets-rule",
        "target-rate-interval-rule",
        "target-job-rule",
        "target-instance-rule",
        "target-counter-agg-rule",
        "uneditable-dashboard",
    }


def _only_promql(content: dict[str, Any]) -> list[Any]:
    from dashboardlint import Fault, target_promql  # noqa: PLC0415

    return [Fault("target-promql-rule", "", panel, text) for panel, text in target_promql(content)]


def test_thresholds_are_those_of_the_alerts() -> None:
    """Where the limit of an alert changes, the line in the panel moves with it, to the same number."""
    cpu = "Which hosts are the busiest?"
    for limits in (Thresholds(), Thresholds(host_cpu_ratio=0.55)):
        [overview] = [one for one in every.dashboards(limits) if one.name == "overview"]
        [panel] = [one for one in panels(json.loads(house.text(overview))) if one["title"] == cpu]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert [step["value"] for step in steps] == [None, limits.host_cpu_ratio]


def test_every_metric_in_a_panel_exists() -> None:
    """Each name in a query is in the catalogues, a performance counter by the rule, or recorded by our rules."""
    known = fixed().keys() | counters() | OTHERS | _recorded()
    unknown = {}
    for one in targets():
        text = filled(one.expr, every_value(ALL[one.dashboard]))
        if missing := _used(text) - known:
            unknown[one.name] = missing
    assert unknown == {}


def test_every_family_is_shown_or_alerts() -> None:
    """Each family of the catalogues is in a panel or in a rule, or stands in the list below with the reason."""
    shown = {name for one in targets() for name in _used(filled(one.expr, every_value(ALL[one.dashboard])))}
    rules = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "alerts").glob("*.rules.yml"))
    ruled = {family_of(word) for word in re.findall(r"[a-z]\w+", rules)}
    assert sorted(fixed().keys() - shown - ruled) == sorted(LEFT_OUT)


def test_pictures_have_numbers_that_people_read() -> None:
    """Units of Grafana become words: seconds by their size, bytes by 1024, the rest by 1000."""
    given = [(0.9, "percentunit"), (0.02, "s"), (90, "s"), (7200, "dtdurations"), (259200, "s")]
    given += [(1536, "bytes"), (2e9, "hertz"), (12500, "iops"), (4, "short"), (-30, "s")]
    assert [units.text(value, unit) for value, unit in given] == [
        *("90 %", "20 ms", "1.5 min", "2 h", "3 d", "1.5 KiB", "2 GHz"),
        *("12.5 kio/s", "4", "-30 s"),
    ]
