"""SLA: timers that run out, incidents over time, availability and budget, the evaluator itself."""

from exporter.rules.model import percent
from exporter.rules.slo import burns, factor
from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import Choice, Dashboard, Panel, Row
from tools.dashboards.panels import (
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    Column,
    Q,
    bars,
    events,
    graph,
    number,
    table,
    timeline,
)
from tools.dashboards.parts import (
    AT_RISK,
    HALFWAY,
    REMAINING_COLUMNS,
    available,
    counted,
    incidents_open,
    remaining,
    spent,
)
from tools.dashboards.promql import AGENTS, greatest, increase, least, once, quantile, total

CLASSES = Choice("class", "Class", 'label_values(sla_incidents_open{job=~"$job"}, class)')
RESOURCES = Choice(
    "resource", "Resource", 'label_values(sla_observed_seconds_total{job=~"$job",class=~"$class"}, resource)'
)

_CLASS = AGENTS.only('class=~"$class"')
_RESOURCE = _CLASS.only('resource=~"$resource"')

INCIDENT_STATES: panels.States = {
    1: ("suspect", panels.YELLOW),
    2: ("open", panels.RED),
    3: ("acknowledged", panels.ORANGE),
    4: ("recovering", panels.BLUE),
    5: ("resolved", panels.GREEN),
    6: ("over", panels.GREEN),
}
_WORDS = ("suspect", "open", "acked", "recovering", "resolved", "closed|cancelled")


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="sla",
        title="SLA",
        text="Incidents, their timers, and what is left of the budget. The agent judges; this shows what it found.",
        choices=(CLASSES, RESOURCES),
        since="now-24h",
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("What runs out, what happened, and when?", _now()),
            Row("Is the promise kept?", _budget(limits)),
            Row("Error budget of the APIs", _objective(limits)),
            Row("How fast are we?", _speed()),
            Row("The evaluator", _evaluator(limits)),
        ),
    )


def _ended(*matchers: str) -> str:
    return total("", increase(_CLASS("sla_incidents_total", *matchers), "$__range"))


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    left, used = remaining(_RESOURCE)
    met, breached = 'outcome="met"', 'outcome=~"met|breached"'
    last = greatest("job", AGENTS("sla_evaluator_last_run_timestamp_seconds"))
    return (
        number("Incidents", "Incidents that are not over.", incidents_open('class=~"$class"'), steps=NONE_IS_GOOD),
        number(
            "Breached",
            "Timers that are beyond their limit now.",
            f"count({used} >= 1) or 0 * max({AGENTS('sla_evaluator_leader')})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "At risk",
            f"Timers that have used up {percent(AT_RISK)} of their limit and are not beyond it.",
            f"count(({used} >= {AT_RISK:g}) < 1) or 0 * max({AGENTS('sla_evaluator_leader')})",
            steps=NONE_IS_BETTER,
        ),
        number(
            "Next limit in",
            "Time until the first timer reaches its limit; no data where none runs.",
            f"min(({left}) > 0)",
            unit="dtdurations",
        ),
        number(
            "Met",
            "Share of the incidents that were over within their limits, in the time that is shown.",
            f"{_ended(met)} / ({_ended(breached)} > 0)",
            unit="percentunit",
        ),
        number(
            "Breaches",
            "Timers that reached their limit in the time that is shown.",
            total("", increase(_CLASS("sla_breaches_total"), "$__range")),
            steps=NONE_IS_GOOD,
            decimals=0,
        ),
        number("Flapping", "Incidents that flap now.", f"sum({once(_CLASS('sla_flapping'))})", steps=NONE_IS_BETTER),
        number(
            "Last judged",
            "Time since the evaluator last looked. Where it is stale, timers stand still here and nowhere else.",
            f"time() - max({last})",
            unit="s",
            steps=panels.above(limits.evaluator_stale_seconds),
        ),
    )


def _now() -> tuple[Panel, ...]:
    left, used = remaining(_RESOURCE)
    ids = "incident, class, resource"
    states = " or ".join(
        f"{number} * {greatest(ids, _info(word))}" for number, word in reversed(list(enumerate(_WORDS, start=1)))
    )
    running = greatest("class, target, resource", _RESOURCE("sla_timer_consumed_ratio"))
    return (
        table(
            "Which timers run out first?",
            "What is left until the limit, negative after a breach.",
            left,
            used,
            *counted(_RESOURCE),
            columns=(
                *REMAINING_COLUMNS[:2],
                Column("Value #C", "Counted", unit="dtdurations"),
                Column("Value #D", "Limit", unit="dtdurations"),
                *REMAINING_COLUMNS[2:],
            ),
            sort="Time left",
            descending=False,
            width=16,
        ),
        bars(
            "How much of each limit is used up?",
            f"1 is the limit; orange from {percent(HALFWAY)}, red from {percent(AT_RISK)}, where the alerts begin.",
            Q(running, "{{resource}}"),
            unit="percentunit",
            steps=panels.between(HALFWAY, AT_RISK),
            width=8,
            most=1,
        ),
        timeline(
            "What happened, and when?",
            "Each incident with its states; those that are over stay for a day.",
            Q(states, "{{class}} {{resource}}"),
            states=INCIDENT_STATES,
            width=24,
            height=10,
        ),
        timeline(
            "When was there maintenance?",
            "Maintenance windows that were open, from the configuration, silences and the API.",
            Q(greatest("window, source", AGENTS("sla_maintenance_active")), "{{window}} ({{source}})"),
            states={1: ("open", panels.BLUE)},
        ),
        graph(
            "How much of the limits was used up?",
            "Share of its limit that each timer has reached; 1 is the limit.",
            Q(running, "{{resource}}"),
            unit="percentunit",
            steps=panels.between(HALFWAY, AT_RISK),
        ),
    )


def _info(state: str) -> str:
    return _RESOURCE("sla_incident_info", f'state=~"{state}"')


def _budget(limits: Thresholds) -> tuple[Panel, ...]:
    up = available(_RESOURCE)
    allowed = 1 - limits.objective_ratio
    by = "class, resource"
    down = spent("sla_down_seconds_total", _RESOURCE, by=by)
    unknown = spent("sla_unknown_seconds_total", _RESOURCE)
    return (
        bars(
            "How available was each class?",
            "Share of the observed time, maintenance left out, that was not down; green from the objective of "
            f"{percent(limits.objective_ratio)} on. What nobody could look at counts neither way.",
            Q(up, "{{class}}"),
            unit="percentunit",
            steps=panels.below(limits.objective_ratio),
            most=1,
        ),
        bars(
            "How much of the budget is left?",
            f"Of the downtime that {percent(limits.objective_ratio)} allows in the time that is shown; below 0 it is "
            "overdrawn.",
            Q(f"1 - (1 - ({up})) / {allowed:.6g}", "{{class}}"),
            unit="percentunit",
            steps=panels.Steps(panels.RED, ((limits.budget_remaining_ratio, panels.ORANGE), (0.5, panels.GREEN))),
            most=1,
        ),
        table(
            "What was down, and for how long?",
            "Downtime outside maintenance, maintenance, and time that nobody could look, in the time that is shown.",
            f"{down} > 0",
            spent("sla_excluded_seconds_total", _RESOURCE, by=by),
            spent("sla_unknown_seconds_total", _RESOURCE, by=by),
            columns=(
                Column("Value #A", "Down", unit="dtdurations"),
                Column("Value #B", "Maintenance", unit="dtdurations"),
                Column("Value #C", "Unknown", unit="dtdurations"),
                Column("resource", "Resource"),
                Column("class", "Class"),
            ),
            sort="Down",
            width=8,
        ),
        graph(
            "How many resources are down, and since when?",
            "Resources of a class that are down, and those that nobody can look at: seconds per second.",
            Q(f"sum by (class) ({once(_rate('down'))})", "{{class}} down"),
            Q(f"sum by (class) ({once(_rate('unknown'))})", "{{class}} unknown"),
            unit="none",
        ),
        bars(
            "How much could nobody look at?",
            "Share of the time that is shown in which it was not known whether the resources of a class were up.",
            Q(f"{unknown} / ({spent('sla_observed_seconds_total', _RESOURCE)} + {unknown} > 0)", "{{class}}"),
            unit="percentunit",
            steps=panels.above(limits.unknown_ratio),
            width=12,
            most=1,
        ),
    )


def _objective(limits: Thresholds) -> tuple[Panel, ...]:
    """What the recording rules of alerts/sla.rules.yml say, in the metric names of Sloth; they have no instance."""
    each = "{{sloth_service}} {{cloud}} {{api}} {{vcenter}}"

    def recorded(name: str) -> str:
        return f'max without (pod) (slo:{name}:ratio{{job=~"$job"}})'

    return (
        graph(
            "How much of the error budget is left?",
            f"Of the {limits.objective_days:g} days up to then, for an objective of {percent(limits.objective_ratio)}. "
            "The lower line is where the alert begins.",
            Q(recorded("period_error_budget_remaining"), each),
            unit="percentunit",
            steps=panels.Steps(panels.RED, ((limits.budget_remaining_ratio, panels.GREEN),)),
            most=1,
        ),
        graph(
            "How fast is the budget spent?",
            "1 is as fast as the budget lasts; over 5 minutes. The line is where the alert that wakes somebody begins.",
            Q(recorded("current_burn_rate"), each),
            steps=panels.above(factor(burns(limits)[0], limits)),
        ),
    )


def _rate(what: str) -> str:
    selector = _RESOURCE(f"sla_{what}_seconds_total")
    return f"rate({selector}[$__rate_interval])"


def _speed() -> tuple[Panel, ...]:
    def of(name: str) -> Q:
        buckets = increase(_CLASS(f"sla_{name}_seconds_bucket"), "$__range")
        return Q(f"histogram_quantile(0.5, {total('class, le', buckets)})", f"{name.replace('_', ' ')} {{{{class}}}}")

    def of_class(title: str, text: str, name: str, *also: str) -> Panel:
        asked = total(", ".join(("class", *also)), increase(_CLASS(f"sla_{name}_total")))
        legend = " ".join(("{{class}}", *(f"{{{{{label}}}}}" for label in also)))
        return events(title, text, Q(asked, legend), width=8)

    return (
        bars(
            "How long did it take?",
            "Median of the incidents that came that far in the time that is shown: detected, acknowledged, resolved.",
            of("time_to_detect"),
            of("time_to_ack"),
            of("time_to_resolve"),
            unit="dtdurations",
        ),
        of_class("How did incidents end?", "Incidents that are over, by outcome.", "incidents", "outcome"),
        of_class(
            "Which marks were passed?",
            "Timers that reached a percentage of their limit.",
            "threshold_crossings",
            "percent",
        ),
        of_class("What came back?", "Resolved incidents that began again soon.", "reopens"),
        of_class("What did not hold?", "Recoveries that failed.", "flaps"),
        of_class("What was over at once?", "Failures that were over before they became an incident.", "blips"),
    )


def _evaluator(limits: Thresholds) -> tuple[Panel, ...]:
    by = "instance"
    return (
        timeline(
            "Which agent judges?",
            "One leads, the others follow; two leaders or none are a fault.",
            Q(greatest(by, AGENTS("sla_evaluator_leader")), "{{instance}}"),
            states={0: ("follows", panels.BLUE), 1: ("leads", panels.GREEN)},
            width=8,
        ),
        graph(
            "How often has the right to judge changed hands?",
            "Each change is a step. The agent that has lost it cannot write any more.",
            Q(f"max({AGENTS('sla_evaluator_epoch')})", "changes"),
            Q(total("", increase(AGENTS("sla_fenced_writes_total"))), "refused writes"),
            width=8,
        ),
        graph(
            "How stale is the evaluator?",
            "Time since each agent last looked. The line is where the alert begins.",
            Q(f"time() - {least(by, AGENTS('sla_evaluator_last_run_timestamp_seconds'))}", "{{instance}}"),
            unit="s",
            steps=panels.above(limits.evaluator_stale_seconds),
            width=8,
        ),
        graph(
            "Which calls of the store fail?",
            "By kind; what they held is kept and written later.",
            Q(total("op", increase(AGENTS("sla_store_errors_total"))), "{{op}}"),
            width=8,
        ),
        graph(
            "Does the wall clock jump?",
            "Steps by direction; timers are not moved by them.",
            Q(total("direction", increase(AGENTS("sla_clock_jumps_total"))), "{{direction}}"),
            width=8,
        ),
        graph(
            "How late are breaches noticed?",
            "95th percentile of the time from a breach to the moment it was noticed.",
            Q(quantile(0.95, "", AGENTS("sla_breach_notice_delay_seconds_bucket")), "delay"),
            unit="s",
            width=8,
        ),
    )
