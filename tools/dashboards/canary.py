"""Canary: may a release go to all units, which day is it, what fails, and beside what."""

from collections.abc import Iterable

from exporter.thresholds import Thresholds
from sla.canary.model import Phase, State
from tools.dashboards import panels
from tools.dashboards.house import Choice, Dashboard, Panel, Row
from tools.dashboards.panels import NONE_IS_BETTER, NONE_IS_GOOD, Column, Q, bars, graph, number, table, timeline
from tools.dashboards.promql import AGENTS, greatest, least

RELEASES = Choice("release", "Release", 'label_values(canary_phase{job=~"$job"}, release)')
CHECKS = Choice("check", "Check", 'label_values(canary_check_state{job=~"$job",release=~"$release"}, check)')

_RELEASE = AGENTS.only('release=~"$release"')
_CHECK = _RELEASE.only('check=~"$check"')

PHASES: panels.States = {
    1: ("not yet: it begins", panels.BLUE),
    2: ("not yet: it runs", panels.BLUE),
    3: ("YES", panels.GREEN),
    4: ("no: failed", panels.RED),
    5: ("no: inconclusive", panels.ORANGE),
    6: ("no: aborted", panels.ORANGE),
    7: ("no: error", panels.RED),
}
CHECK_STATES: panels.States = {
    1: ("error", panels.RED),
    2: ("failed", panels.RED),
    3: ("not decided", panels.YELLOW),
    4: ("passed", panels.GREEN),
}


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="canary",
        title="Canary",
        text="A release on 10 % of the units, watched for 7 valid days beside units on the old version.",
        choices=(RELEASES, CHECKS),
        since="now-14d",
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("What fails, and by how much?", _checks()),
            Row("Canary beside control", _arms()),
            Row("Does the run measure what it should?", _run(limits)),
        ),
    )


def _numbered(each: Iterable[str]) -> str:
    """Which of several states is 1, as a number from 1."""
    return " or ".join(f"{index} * ({inner} == 1)" for index, inner in enumerate(each, start=1))


def _phase() -> str:
    return _numbered(greatest("release", _RELEASE("canary_phase", f'phase="{phase}"')) for phase in Phase)


def _states() -> str:
    by = "release, check, kind"
    return _numbered(greatest(by, _CHECK("canary_check_state", f'state="{state}"')) for state in State)


def _checks_in(state: str) -> str:
    known = f"0 * max({_RELEASE('canary_day')})"
    return f"count({greatest('release, check', _RELEASE('canary_check_state', state))} == 1) or {known}"


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    share, drift = limits.canary_share_ratio, limits.canary_share_drift_ratio
    within = panels.Steps(panels.ORANGE, ((share - drift, panels.GREEN), (share + drift, panels.ORANGE)))
    left = f"min({_RELEASE('canary_deadline_timestamp_seconds')}) - time()"
    return (
        number(
            "May we switch fully?",
            "Yes only when seven valid days are over and every check holds; that is what promote-check answers.",
            f"max({_phase()})",
            states=PHASES,
            unit="none",
        ),
        number(
            "Valid days",
            "Days that count; seven are needed, unless the specification says more.",
            f"min({_RELEASE('canary_valid_days')})",
            unit="none",
        ),
        number("Day", "Day of the run, valid or not.", f"max({_RELEASE('canary_day')})", unit="none"),
        number(
            "Failing checks",
            "Targets, guards and comparisons that fail now.",
            _checks_in('state=~"failed|error"'),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Not decided",
            "Checks for which there is not enough yet.",
            _checks_in('state="inconclusive"'),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Share",
            f"The canaries' share of all units, by size; {share:.0%} give or take {drift:.0%} is agreed.",
            f"min({_RELEASE('canary_workload_share_ratio')})",
            unit="percentunit",
            steps=within,
        ),
        number(
            "Coverage",
            "What was seen of the newest day, on the arm of which least was seen.",
            f"min({_RELEASE('canary_coverage_ratio')})",
            unit="percentunit",
            steps=panels.below(limits.canary_coverage_ratio),
        ),
        number(
            "Ends in",
            "Time until the run ends at the latest; negative after that.",
            left,
            unit="dtdurations",
        ),
    )


def _value(arm: str) -> str:
    return greatest("release, check, kind", _CHECK("canary_check_value", f'arm="{arm}"'))


def _checks() -> tuple[Panel, ...]:
    states = _states()
    margin = greatest("release, check, kind", _CHECK("canary_check_margin"))
    limit = greatest("release, check, kind", _CHECK("canary_check_limit"))
    return (
        table(
            "Which checks hold?",
            "Targets are kept (limit), comparisons are not worse than the control by more than the margin.",
            states,
            _value("canary"),
            _value("control"),
            margin,
            limit,
            columns=(
                Column("check", "Check"),
                Column("kind", "Kind"),
                Column("Value #A", "State", states=CHECK_STATES),
                Column("Value #B", "Canary"),
                Column("Value #C", "Control"),
                Column("Value #D", "Margin"),
                Column("Value #E", "Limit"),
                Column("release", "Release"),
            ),
            sort="State",
            descending=False,
            height=10,
        ),
        timeline(
            "In which state was each check?",
            "Not decided until there are enough days; red ends the run when it is a guard.",
            Q(states, "{{check}}"),
            states=CHECK_STATES,
            width=16,
            height=10,
        ),
        timeline(
            "In which phase was the run?",
            "The newest run; a verdict stays until the next run begins.",
            Q(_phase(), "{{release}}"),
            states=PHASES,
            width=8,
            height=10,
        ),
    )


def _arms() -> tuple[Panel, ...]:
    return (
        graph(
            "What was measured on both arms?",
            "Each check in its own unit: choose one above to see it alone.",
            Q(_value("canary"), "{{check}} canary"),
            Q(_value("control"), "{{check}} control"),
            unit="none",
        ),
        graph(
            "How do canaries compare with their controls?",
            "Canary divided by control, by check: 1 is the same.",
            Q(f"{_value('canary')} / ({_value('control')} > 0)", "{{check}}"),
            unit="none",
        ),
    )


def _run(limits: Thresholds) -> tuple[Panel, ...]:
    share, drift = limits.canary_share_ratio, limits.canary_share_drift_ratio
    within = panels.Steps(panels.ORANGE, ((share - drift, panels.GREEN), (share + drift, panels.ORANGE)))
    return (
        bars(
            "How much was seen of each arm?",
            f"Of the newest day; below {limits.canary_coverage_ratio:.0%} it does not count.",
            Q(least("release, arm", _RELEASE("canary_coverage_ratio")), "{{arm}}"),
            unit="percentunit",
            steps=panels.below(limits.canary_coverage_ratio),
            most=1,
        ),
        graph(
            "How much of the workload is on the release?",
            "By size of the units that there are now; the lines are where the alert begins.",
            Q(greatest("release", _RELEASE("canary_workload_share_ratio")), "{{release}}"),
            unit="percentunit",
            steps=within,
            width=8,
        ),
        graph(
            "How many days count?",
            "Both lines rise by one a day; the distance is what did not count.",
            Q(greatest("release", _RELEASE("canary_day")), "{{release}} day"),
            Q(greatest("release", _RELEASE("canary_valid_days")), "{{release}} valid days"),
            unit="none",
            width=8,
        ),
        graph(
            "When does the run end?",
            "Time that is left until the deadline.",
            Q(f"{least('release', _RELEASE('canary_deadline_timestamp_seconds'))} - time()", "{{release}}"),
            unit="s",
        ),
        graph(
            "When was it last judged?",
            "By the hour while the run goes on; the line is where the alert begins.",
            Q(f"time() - {greatest('release', _RELEASE('canary_last_judgement_timestamp_seconds'))}", "{{release}}"),
            unit="s",
            steps=panels.above(limits.canary_stale_seconds),
        ),
    )
