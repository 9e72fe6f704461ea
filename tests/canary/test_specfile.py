# ruff: noqa: E501 - a table of lines and messages reads better unbroken
"""Specification files of canary runs: what they may say, and a sentence for everything else."""

from importlib.resources import files

import pytest

from sla.canary.readings import readings_of
from sla.canary.spec import (
    Comparison,
    EventKind,
    Figure,
    Guard,
    Margin,
    Scope,
    Spec,
    Statistic,
    Target,
    UnitKind,
    Worse,
)
from sla.canary.specfile import BUILT_IN, load, text_of
from sla.days import MEASURES
from sla.policyyaml import PolicyError

WHOLE = """
release: 2026.11
unit: service
share: 0.2
seed: salt
min_days: 8
max_days: 21
min_coverage: 0.9
max_maintenance: 90m
max_restarts: 1
min_events: 50
alpha: 0.01
day_correlation: 0.3
freeze: [2026-12-24, 2026-12-30..2027-01-01]
targets:
  up: {measure: unit_up, statistic: mean, at_least: 0.99, description: The services are up}
  api: {measure: vcenter_api_seconds, statistic: p95, at_most: 0.25, scope: whole, min_events: 9}
  slow: {measure: unit_build_seconds, statistic: share_above, threshold: 90, at_most: 0.1, required: false}
comparisons:
  failures: {measure: unit_build_failures, statistic: ratio, per: [unit_build_seconds, unit_build_failures], margin: {relative: 0.5}}
  up_compared: {measure: unit_up, statistic: p50, worse: lower, margin: {relative: 0.01, absolute: 0.00001}}
guards:
  sla: {event: sla_breach, class: api_communication, at_most: 0}
  timeouts: {measure: unit_task_timeouts, at_most: 20, description: Operations beyond their limit}
  errors: {measure: unit_error_ratio, above: 0.05, for: 30m}
  dead: {event: evaluator_dead, at_most: 1, scope: whole}
"""


def test_whole() -> None:
    """Every key, with its unit and its type."""
    builds = ("unit_build_seconds", "unit_build_failures")
    assert load(WHOLE, "spec.yml") == Spec(
        release="2026.11",
        unit=UnitKind.SERVICE,
        share=0.2,
        seed="salt",
        min_days=8,
        max_days=21,
        min_coverage=0.9,
        max_maintenance=5400.0,
        max_restarts=1,
        min_events=50,
        alpha=0.01,
        day_correlation=0.3,
        freeze=("2026-12-24", "2026-12-30", "2026-12-31", "2027-01-01"),
        targets=(
            Target("up", Figure("unit_up", Statistic.MEAN), 0.99, least=True, min_events=50, description="The services are up"),
            Target("api", Figure("vcenter_api_seconds", Statistic.P95), 0.25, scope=Scope.WHOLE, min_events=9),
            Target("slow", Figure("unit_build_seconds", Statistic.SHARE_ABOVE, threshold=90.0), 0.1, required=False, min_events=50),
        ),
        comparisons=(
            Comparison("failures", Figure("unit_build_failures", Statistic.RATIO, builds), Margin(0.5), min_events=50),
            Comparison("up_compared", Figure("unit_up", Statistic.P50), Margin(0.01, 0.00001), Worse.LOWER, min_events=50),
        ),
        guards=(
            Guard("sla", event=EventKind.SLA_BREACH, class_="api_communication"),
            Guard("timeouts", measure="unit_task_timeouts", limit=20, description="Operations beyond their limit"),
            Guard("errors", measure="unit_error_ratio", above=0.05, lasting=1800.0),
            Guard("dead", event=EventKind.EVALUATOR_DEAD, limit=1, scope=Scope.WHOLE),
        ),
    )  # fmt: skip


def test_little_is_enough() -> None:
    """A unit kind and one target; everything else is as the requirement says: 10 %, 7 days, 14 at most, 95 %, 2 h."""
    spec = load(
        "unit: host\ntargets: {cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 0.8}}", "spec.yml"
    )
    assert (spec.share, spec.min_days, spec.max_days, spec.min_coverage, spec.max_maintenance) == (
        0.1,
        7,
        14,
        0.95,
        7200.0,
    )
    assert (spec.release, spec.alpha, spec.comparisons, spec.guards) == ("", 0.05, (), ())


def test_text_and_back() -> None:
    """A specification written as text is read back the same, in one line, with its checks in their order."""
    spec = load(WHOLE, "spec.yml")
    assert load(text_of(spec), "again") == spec
    assert "\n" not in text_of(spec)
    assert text_of(load(text_of(spec), "again")) == text_of(spec)


@pytest.mark.parametrize("kind", list(UnitKind))
def test_built_in(kind: UnitKind) -> None:
    """Those that come with the product can be read, ask for measures that are recorded for their kind of unit, and name
    what the requirement names."""
    spec = load(files("sla").joinpath("data", BUILT_IN[kind]).read_text(encoding="utf-8"), BUILT_IN[kind])
    assert spec.unit is kind
    assert spec.measures <= {str(measure) for measure in MEASURES}
    assert load(text_of(spec), "again") == spec
    assert {"api_interruption", "storage_failure", "evaluator"} <= {guard.name for guard in spec.guards}
    assert {target.name: target.limit for target in spec.targets}["api_latency"] == 0.25
    assert readings_of((), spec) == ()


HEAD = "unit: host\n"
TARGET = "targets: {cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 0.8}}\n"
COMPARED = "comparisons: {x: {measure: unit_up, statistic: mean, margin: {relative: 0.1}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "spec.yml:1: the file is empty; write unit: host and targets: with at least one target"),
        ("# nothing\n", "spec.yml:1: the file is empty; write unit: host and targets: with at least one target"),
        (TARGET, "spec.yml:1: needs unit; write unit: host, service or cluster"),
        (HEAD, "spec.yml:1: needs targets with at least one that is required; no data must never pass"),
        (HEAD + TARGET.replace("}}", ", required: false}}"), "spec.yml:1: needs targets with at least one that is required; no data must never pass"),
        (HEAD + TARGET + "units: host\n", "spec.yml:3: units: unknown key; did you mean unit?"),
        ("unit: hosts\n" + TARGET, "spec.yml:1: unit: is not known; did you mean host?"),
        (HEAD + TARGET + "share: 0.6\n", "spec.yml:3: share: is out of range; write a number from 0.001 to 0.5"),
        (HEAD + TARGET + "share: 10%\n", "spec.yml:3: share: is not a number; write one without exponent, such as 0 or 0.95"),
        (HEAD + TARGET + "min_days: 3\n", "spec.yml:3: min_days: must be a whole number from 7 to 90"),
        (HEAD + TARGET + "min_days: 15\n", "spec.yml:3: min_days: max_days (14) must not be less than min_days (15)"),
        (HEAD + TARGET + "max_maintenance: 2 hours\n", "spec.yml:3: max_maintenance: is not a time; write seconds, or a number and ms, s, m, h or d, such as 30m"),
        (HEAD + TARGET + "freeze: [24.12.2026]\n", "spec.yml:3: freeze[0]: is not a date; write one such as 2026-12-24, or a range 2026-12-24..2027-01-02"),
        (HEAD + TARGET + "freeze: [2026-12-24..2026-12-20]\n", "spec.yml:3: freeze[0]: is no range of a year or less; write the earlier day first"),
        (HEAD + TARGET.replace(", at_most: 0.8", ""), "spec.yml:2: targets.cpu: needs either at_most or at_least; write at_most: 0.8"),
        (HEAD + TARGET.replace("statistic: mean, ", ""), "spec.yml:2: targets.cpu: needs measure and statistic; write measure: unit_cpu_usage_ratio and statistic: mean"),
        (HEAD + TARGET.replace("mean", "p99"), "spec.yml:2: targets.cpu.statistic: is not known; did you mean p95?"),
        (HEAD + TARGET.replace("mean", "ratio"), "spec.yml:2: targets.cpu: per belongs to statistic: ratio; write both, or neither"),
        (HEAD + TARGET.replace("mean", "mean, threshold: 0.9"), "spec.yml:2: targets.cpu.threshold: threshold belongs to statistic: share_above; write both, or neither"),
        (HEAD + TARGET.replace("mean", "ratio, per: []"), "spec.yml:2: targets.cpu.per: needs at least one measure; write the measure of what was tried"),
        (HEAD + TARGET.replace("unit_cpu_usage_ratio", "CPU"), "spec.yml:2: targets.cpu.measure: is not the name of a measure; write one such as unit_cpu_usage_ratio"),
        (HEAD + TARGET.replace("mean", "mean, scope: whole"), "spec.yml:2: targets.cpu: scope: whole has no unit_cpu_usage_ratio; measures of units (unit_...) have scope: cohort"),
        (HEAD + TARGET.replace("unit_cpu_usage_ratio", "vcenter_api_seconds"), "spec.yml:2: targets.cpu: scope: cohort has no vcenter_api_seconds; measures of units (unit_...) have scope: cohort"),
        (HEAD + TARGET + COMPARED.replace("x:", "cpu:"), "spec.yml:3: comparisons.cpu: a check of this name is there already; give each target, comparison, guard its own"),
        (HEAD + TARGET + COMPARED.replace(", margin: {relative: 0.1}", ""), "spec.yml:3: comparisons.x: needs margin; write margin: {relative: 0.1}"),
        (HEAD + TARGET + COMPARED.replace("{relative: 0.1}", "{}"), "spec.yml:3: comparisons.x.margin: needs relative, such as {relative: 0.1}, or absolute where it is no ratio"),
        (HEAD + TARGET + COMPARED.replace("mean", "ratio, per: unit_operations, worse: lower"), "spec.yml:3: comparisons.x.worse: a ratio counts what is bad, so more is worse; count failures, or remove this"),
        (HEAD + TARGET + "guards: {g: {at_most: 0}}\n", "spec.yml:3: guards.g: needs either event or measure; write event: sla_breach and at_most: 0"),
        (HEAD + TARGET + "guards: {g: {event: breach, at_most: 0}}\n", "spec.yml:3: guards.g.event: is not known; did you mean sla_breach?"),
        (HEAD + TARGET + "guards: {g: {measure: unit_up, above: 1}}\n", "spec.yml:3: guards.g: needs at_most: 0, or for a measure above: 0.05 and for: 30m"),
        (HEAD + TARGET + "guards: {g: {measure: unit_up, at_most: 1, class: x}}\n", "spec.yml:3: guards.g.class: is the class of an SLA breach; remove it"),
    ],
)  # fmt: skip
def test_refused(text: str, message: str) -> None:
    """What is wrong is named with file, line and key, and with what to write."""
    with pytest.raises(PolicyError) as caught:
        load(text, "spec.yml")
    assert str(caught.value) == message
