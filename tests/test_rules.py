"""The rules in alerts/: as generated, lint-free, each alert seen to fire and to stay silent, on metrics that exist."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import pytest
import rulelab
import yaml
from externals import ROOT, require
from metricnames import counters, fixed, registry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families
from rulelab import ALERTS, LabelError, Labels, Life, alerts, cases, lives, promtool, rules, yields

from exporter import rulescommand as command
from exporter import slapolicy
from exporter.config import Cloud
from exporter.rules.integration import JUDGED
from exporter.rules.slo import burns, factor
from exporter.thresholds import Thresholds
from sla.policy import Policy

RULE_FILES = ("agent", "canary", "integration", "nova", "sla", "storage", "vsphere")
RUNBOOKS = ROOT / "docs" / "runbooks"
CLASSES = tuple(slapolicy.policy().classes)

UNUSUAL = {
    "NovacenterAbsent": "is about a series that is missing",
    "NovacenterWatchdog": "fires always",
    "SlaDeadlineUnwatched": "is about series that are missing",
}
"""Alerts whose life is another one, with tests of their own."""


def test_they_are_what_the_command_writes() -> None:
    """The committed files are generated from the built-in thresholds and policy, byte by byte."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in ALERTS.glob("*.rules.yml")}
    assert committed == command.files(command.Sources())


@pytest.mark.external
def test_promtool_finds_nothing_to_say() -> None:
    """No lint in the rules, and the example configuration of Prometheus can be used."""
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", *(f"{name}.rules.yml" for name in RULE_FILES))
    assert (code, re.findall(r"(FAILED|lint error|duplicate)", said)) == (0, []), said
    code, said = promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
    assert code == 0, said


@pytest.mark.external
@pytest.mark.parametrize("file", sorted(path.name for path in (ALERTS / "tests").glob("*.yml")))
def test_rule_tests_pass(file: str) -> None:
    """Promtool runs the tests: silent at the threshold, fired above it and after a restart, resolved, word by word."""
    code, said = promtool("test", "rules", f"tests/{file}")
    assert code == 0, said


@pytest.mark.external
@pytest.mark.parametrize("file", ["canary", "integration", "nova", "storage", "vsphere"])
def test_two_replicas_make_one_alert(file: str, tmp_path: Path) -> None:
    """The same tests, with every series told by a second agent too, expect the same alerts."""
    case = yaml.safe_load((ALERTS / "tests" / f"{file}.yml").read_text(encoding="utf-8"))
    case["rule_files"] = [str(ALERTS / f"{file}.rules.yml")]
    for test in case["tests"]:
        twins = [
            {**series, "series": series["series"].replace("nc1:9272", "nc2:9272")} for series in test["input_series"]
        ]
        test["input_series"] += twins
    (tmp_path / "test.yml").write_text(yaml.safe_dump(case), encoding="utf-8")

    code, said = promtool("test", "rules", tmp_path / "test.yml")

    assert code == 0, said


@pytest.mark.parametrize("name", sorted(set(alerts()) - set(UNUSUAL)))
def test_every_alert_is_tested(name: str) -> None:
    """Each has a test in which it is silent first, fires with all its words, comes through a restart of the agent, is
    resolved while its series are there, and is silent without them."""
    assert lives(name) == Life(silent_before=True, told=True, gap=True, resolved=True, missing=True)


@pytest.mark.parametrize("name", sorted(UNUSUAL))
def test_the_unusual_ones_are_tested(name: str) -> None:
    """These fire, too, with all their words; and they are alerts that there are."""
    assert name in alerts()
    assert lives(name).told


def test_no_test_is_of_an_alert_that_is_not_there() -> None:
    """A test that expects nothing of a misspelt alert would pass."""
    named = {look["alertname"] for _, case in cases() for look in case["alert_rule_test"]}
    assert named == set(alerts())


def test_every_alert_says_what_it_is() -> None:
    """Severity, summary, description and runbook; a class and resource where it opens an incident."""
    for name, alert in alerts().items():
        assert alert["labels"]["severity"] in {"critical", "warning", "info", "none"}, name
        assert list(alert["annotations"]) == ["summary", "description", "runbook_url"], name
        assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
        if "sla_class" in alert["labels"]:
            assert alert["labels"]["sla_class"] == alert["labels"]["class"] in CLASSES
            assert alert["labels"]["sla_resource"]


def test_every_alert_has_a_runbook() -> None:
    """One page each, of a screenful, that says cause, check and cure; and no page of something else."""
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == sorted(alerts())
    for path in RUNBOOKS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        heads = re.findall(r"^#+ .*", text, re.MULTILINE)
        assert heads == [f"# {path.stem}", "## Cause", "## Check", "## Cure"], path
        assert len(text.splitlines()) <= 40, path


# --- metrics and labels -----------------------------------------------------------------------------------------------


async def _once(directory: Path) -> str:
    """The page after one cycle of the agent, of the embedded simulator with a cloud."""
    pipe = asyncio.subprocess.PIPE
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulator", "--listen", "127.0.0.1:0", "--hosts", "4", "--vms", "30"),
        *("--user", "user", "--password", "pass", "--cloud-listen", "127.0.0.1:0", "--kvm", "2"),
        stdout=pipe,
    )
    try:
        assert simulator.stdout is not None
        words = (await simulator.stdout.readline()).decode().split()
        there = dict(word.split("=", 1) for word in words[1:])
        file = directory / "novacenter.yml"
        source = {"username": "user", "password_env": "PW"}
        tls = {"thumbprint": there["thumbprint"]}
        cloud = {"auth_url": there["cloud_url"], "project_name": "admin", "vcenters": ["vc1"], **source}
        config = {
            "state": str(directory / "state"),
            "vcenters": [{"name": "vc1", "url": there["url"], "tls": tls, **source}],
            "clouds": [{"name": "c1", **cloud}],
        }
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        agent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "once", "--config", str(file)), stdout=pipe, env={"PW": "pass"}
        )
        out, _ = await agent.communicate()
        assert agent.returncode == 0
        return out.decode()
    finally:
        if simulator.returncode is None:
            simulator.terminate()
        await simulator.wait()


def _instruments() -> Iterator[tuple[str, Labels]]:
    """What is on the agent's registry, with the labels that it is declared with."""
    for collector in registry()._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            for metric in collector.describe():
                labels = frozenset(collector._labelnames)
                if metric.type == "histogram":
                    yield f"{metric.name}_bucket", labels | {"le"}
                yield metric.name + ("_total" if metric.type == "counter" else ""), labels


def _shown(page: str) -> Iterator[tuple[str, Labels]]:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield sample.name, frozenset(sample.labels)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Labels]:
    """The labels of every series: of a real page, of the committed pages, and of the agent's registry."""
    pages = [asyncio.run(_once(tmp_path_factory.mktemp("once")))]
    pages += [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "golden").glob("*.prom"))]
    found: dict[str, Labels] = {}
    for name, labels in (*_instruments(), *(pair for page in pages for pair in _shown(page))):
        found[name] = found.get(name, frozenset()) | labels
    return found


@cache
def _listed() -> frozenset[str]:
    """What the catalogues list: families, and the performance counters of every kind."""
    return frozenset(fixed()) | counters()


def test_metrics_and_labels_exist(exported: Mapping[str, Labels]) -> None:
    """Every metric of every rule is in the catalogues, and has the labels by which the rule selects, groups and joins;
    what an alert's words name is a label of its result."""
    known: dict[str, Labels] = {**exported, "up": frozenset()}
    listed = _listed()
    for file, its in rules().items():
        for rule in its:
            name = rule.get("alert") or rule["record"]
            tree = rulelab.parse(rule["expr"])
            for selector in rulelab.selectors(tree):
                family = re.sub(r"_bucket$", "", selector.name)
                recorded = selector.name.startswith(("slo:", "vcenter_backing:"))
                assert selector.name == "up" or recorded or family in listed, f"{file} {name}: {selector.name}"
                assert selector.name in known, f"{file} {name}: nobody has seen {selector.name}"
            has = yields(tree, lambda metric: known[metric]) | set(rule.get("labels", ()))
            known.update({name: has | known.get(name, frozenset())} if "record" in rule else {})
            words = " ".join((*rule.get("annotations", {}).values(), *rule.get("labels", {}).values()))
            assert set(re.findall(r"\$labels\.(\w+)", words)) <= has, f"{file} {name}"


@pytest.mark.parametrize(
    "query",
    [
        'vsphere_up{cloud="c1"}',
        "sum by (host) (vsphere_up)",
        "vsphere_up / on (moid) vsphere_vm_vcpus",
        "vsphere_vm_vcpus * on (vcenter) group_left (site) vsphere_up",
        "histogram_quantile(0.5, vsphere_up)",
    ],
)
def test_a_label_that_is_not_there_is_found(query: str) -> None:
    """The check above is not empty: a wrong label in a selector, a grouping or a join does not pass it."""
    known = {"vsphere_up": frozenset({"vcenter"}), "vsphere_vm_vcpus": frozenset({"vcenter", "moid", "vm"})}
    with pytest.raises(LabelError):
        yields(rulelab.parse(query), known.__getitem__)


# --- thresholds, policy, configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [field.name for field in fields(Thresholds)])
def test_every_threshold_counts(field: str) -> None:
    """Another value of any threshold makes other rules."""
    usual = Thresholds()
    value = getattr(usual, field)
    other = replace(usual, **{field: value / 2 if value else 1.0})
    assert command.files(command.Sources(thresholds=other)) != command.files(command.Sources())


def test_burn_rates_are_the_workbooks() -> None:
    """Factors 14.4, 6, 3 and 1 for 30 days (The Site Reliability Workbook, table 5-8; Sloth), others for 28 and 7."""
    factors = {days: [factor(burn, Thresholds(objective_days=days)) for burn in burns(Thresholds(objective_days=days))]
               for days in (30, 28, 7)}  # fmt: skip
    assert factors == {30: [14.4, 6, 3, 1], 28: [13.44, 5.6, 2.8, 0.9333], 7: [13.44, 3.5, 1.4, 0.98]}
    assert all(burn.long / burn.short == 12 for burn in burns(Thresholds()))


def test_limits_of_a_cloud_are_those_of_the_configuration() -> None:
    """A cloud with limits of its own has expressions of its own, and the others leave it out."""
    cloud = Cloud(name="c.1", limits={"create": 60.0})
    made = command.files(command.Sources(clouds=(cloud, Cloud(name="c2"))))["nova.rules.yml"]
    expressions = re.findall(r"task_oldest_age_seconds\{(.*?)operation=~\"create[|\"].*?> (\d+)", made)
    assert expressions == [('cloud=~"c[.]1(/.*)?", ', "120"), ('cloud!~"(c[.]1)(/.*)?", ', "3600")]


def test_percentages_of_timers_are_those_of_the_policy() -> None:
    """Classes with other percentages have bounds of their own."""
    policy = slapolicy.policy()
    first = policy.classes["api_communication"]
    targets = tuple(replace(target, at_risk=(60, 90)) for target in first.targets)
    other = Policy({**policy.classes, first.name: replace(first, targets=targets)})
    made = command.files(command.Sources(policy=other))["sla.rules.yml"]
    bounds = re.findall(r'class=~"(\w+)", target=~"resolution"\} >= ([\d.]+)\) < ([\d.]+)', made)
    assert bounds == [
        ("storage_connection", "0.5", "0.8"),
        ("api_communication", "0.6", "0.9"),
        ("storage_connection", "0.8", "1"),
        ("api_communication", "0.9", "1"),
    ]


def test_alerts_and_policy_mean_the_same_apis() -> None:
    """What OpenstackApiDown is about is what the built-in policy makes an incident of."""
    [condition] = [one for one in slapolicy.policy().classes["api_communication"].conditions if one.name == "api"]
    assert dict(condition.labels) == {"api": JUDGED}


# --- Alertmanager -----------------------------------------------------------------------------------------------------


def amtool(*arguments: str) -> tuple[int, str]:
    """Exit code and what amtool says."""
    done = subprocess.run(
        [require("amtool"), *arguments], cwd=ALERTS, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.strip()


@pytest.mark.external
def test_alertmanager_takes_its_configuration() -> None:
    """Amtool finds no fault in it."""
    assert amtool("check-config", "alertmanager.yml")[0] == 0


ROUTES = {
    "api_communication": {"critical": "api-oncall", "warning": "api-tickets", "info": "log", "none": "nobody"},
    "storage_connection": {"critical": "storage-oncall", "warning": "storage-tickets", "info": "log", "none": "nobody"},
    "": {"critical": "oncall", "warning": "tickets", "info": "log", "none": "nobody"},
}


@pytest.mark.external
@pytest.mark.parametrize("class_", [*CLASSES, ""])
@pytest.mark.parametrize("severity", ["critical", "warning", "info", "none"])
@pytest.mark.parametrize("opens", [False, True])
def test_every_class_and_severity_has_a_route(class_: str, severity: str, opens: bool) -> None:
    """An alert goes to those whom its class and severity concern; one that opens an incident to the agent first."""
    labels = {"severity": severity, "class": class_, "sla_class": class_ if opens else ""}
    expected = ROUTES[class_][severity]
    if opens and class_ and severity != "none":
        expected = f"agent,{expected}"
    given = [f"{name}={value}" for name, value in labels.items() if value]
    told = amtool("config", "routes", "test", "--config.file=alertmanager.yml", *given)
    assert told == (0, expected)


@pytest.mark.external
def test_the_watchdog_has_a_route_of_its_own() -> None:
    """The dead man's switch goes where its absence is noticed."""
    given = ("alertname=NovacenterWatchdog", "severity=none")
    assert amtool("config", "routes", "test", "--config.file=alertmanager.yml", *given) == (0, "watchdog")


def test_inhibition_is_about_alerts_that_there_are() -> None:
    """Every name in inhibit_rules and routes is, or matches, an alert; and what is to be equal is on both sides."""
    read = yaml.safe_load((ALERTS / "alertmanager.yml").read_text(encoding="utf-8"))
    matchers = [one for rule in read["inhibit_rules"] for one in (*rule["source_matchers"], *rule["target_matchers"])]
    named = [re.fullmatch(r'alertname *(=~|!~|=) *"?(.*?)"?', one) for one in matchers]
    for found in filter(None, named):
        for pattern in re.split(r"\|(?![^(]*\))", found[2]):
            assert any(re.fullmatch(pattern, name) for name in alerts()), pattern
