"""Rules on incidents, their timers, and the evaluator that judges them. Pure.

When a timer is at risk is what the policy says: the last percentage of a target before the breach is a warning, those
before it are for information.
"""

from collections.abc import Iterator

from exporter.rules import slo
from exporter.rules.model import JOB, Alert, Group, duration, percent, seen
from exporter.thresholds import Thresholds
from sla.policy import Policy

_INCIDENT = "{{ $labels.class }}/{{ $labels.target }}"
_RESOURCE = "{{ $labels.resource }}"
_PERCENT = "{{ $value | humanizePercentage }}"


def groups(limits: Thresholds, policy: Policy) -> tuple[Group, ...]:
    """All of them, for this policy."""
    return (
        Group(name="sla-timers", interval=15, rules=(*_timers(policy), *_breaches())),
        Group(name="sla-evaluator", interval=15, rules=(*_evaluator(limits), *_health(limits))),
        *slo.groups(limits),
    )


def _between(policy: Policy, *, last: bool) -> str:
    """Timers between two percentages of the policy: the last one and the breach, or the first one and the last."""
    found: dict[tuple[float, float], list[tuple[str, str]]] = {}
    for class_, target, percents in _targets(policy):
        low, high = (percents[-1], 100) if last else (percents[0], percents[-1])
        if low < high:
            found.setdefault((low / 100, high / 100), []).append((class_, target))
    rows = []
    for (start, end), targets in sorted(found.items()):
        which = '{state="running"}'
        if len(found) > 1:
            classes, names = (sorted(set(column)) for column in zip(*targets, strict=True))
            which = f'{{state="running", class=~"{"|".join(classes)}", target=~"{"|".join(names)}"}}'
        rows.append(f"(sla_timer_consumed_ratio{which} >= {start:.12g}) < {end:.12g}")
    return seen("\nor\n".join(rows))


def _targets(policy: Policy) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    for name, class_ in sorted(policy.classes.items()):
        for target in class_.targets:
            if target.at_risk:
                yield name, target.name, target.at_risk


def _timers(policy: Policy) -> tuple[Alert, ...]:
    return (
        Alert(
            name="SlaTimerHalfway",
            severity="info",
            expr=_between(policy, last=False),
            summary=f"SLA {_INCIDENT}: {_PERCENT} of the time for {_RESOURCE} is used up",
            description=f"The incident of class {{{{ $labels.class }}}} on {_RESOURCE} has used up {_PERCENT} of what "
            "its target {{ $labels.target }} allows.",
        ),
        Alert(
            name="SlaTimerAtRisk",
            severity="warning",
            expr=_between(policy, last=True),
            summary=f"SLA {_INCIDENT}: {_PERCENT} of the time for {_RESOURCE} is used up",
            description=f"The incident of class {{{{ $labels.class }}}} on {_RESOURCE} has used up {_PERCENT} of what "
            "its target {{ $labels.target }} allows: it will be breached soon.",
        ),
    )


def _breaches() -> tuple[Alert, ...]:
    breached = (
        'sla_timer_consumed_ratio{state=~"running|paused"} >= 1\n'
        "or\n"
        'sla_timer_consumed_ratio{state="running"}\n'
        'and sla_timer_deadline_timestamp_seconds{state="running"} <= time()'
    )
    unwatched = (
        'last_over_time(sla_timer_deadline_timestamp_seconds{state="running"}[1h]) <= time()\n'
        f'unless on (job) up{{job="{JOB}"}} == 1'
    )
    recorded = "sum by (class, target, job) (max without (instance, pod) (increase(sla_breaches_total[15m]))) > 0"
    return (
        Alert(
            name="SlaTimerBreached",
            severity="critical",
            expr=seen(breached),
            summary=f"SLA {_INCIDENT}: breached for {_RESOURCE}",
            description=f"The incident of class {{{{ $labels.class }}}} on {_RESOURCE} lasts for longer than its "
            "target {{ $labels.target }} allows.",
        ),
        Alert(
            name="SlaDeadlineUnwatched",
            severity="critical",
            expr=seen(unwatched),
            summary=f"SLA {_INCIDENT}: the deadline for {_RESOURCE} has passed, and no agent looks",
            description=f"The incident of class {{{{ $labels.class }}}} on {_RESOURCE} was open within the last hour, "
            "its deadline has passed, and no agent is there to say whether it was resolved in time.",
        ),
        Alert(
            name="SlaBreachRecorded",
            severity="info",
            expr=recorded,
            summary=f"SLA {_INCIDENT}: " + '{{ $value | printf "%.0f" }} breach(es) in 15 minutes',
            description=f'{{{{ $value | printf "%.0f" }}}} timer(s) of {_INCIDENT} reached their limit within the '
            "last 15 minutes, those included whose incident is over.",
        ),
    )


def _evaluator(limits: Thresholds) -> tuple[Alert, ...]:
    stale = duration(limits.evaluator_stale_seconds)
    newest = "max by (job) (sla_evaluator_last_run_timestamp_seconds)"
    leaders = "sum by (job) (sla_evaluator_leader)"
    return (
        Alert(
            name="SlaEvaluatorStale",
            severity="critical",
            expr=f"time() - {newest} > {limits.evaluator_stale_seconds:.12g}",
            hold=60,
            summary="The SLA evaluator stands still for {{ $value | humanizeDuration }}",
            description="No agent has judged incidents for {{ $value | humanizeDuration }}, " + f"more than {stale}: "
            "timers show what they did then.",
        ),
        Alert(
            name="SlaNoLeader",
            severity="critical",
            expr=f"{leaders} == 0",
            hold=60,
            summary="No agent judges incidents",
            description="There are agents, and for a minute none of them has the right to judge incidents: nothing is "
            "opened, and nothing resolved.",
        ),
        Alert(
            name="SlaTwoLeaders",
            severity="critical",
            expr=f"{leaders} > 1",
            hold=60,
            summary="{{ $value }} agents judge incidents",
            description="{{ $value }} agents say for a minute that they have the right to judge incidents. The store "
            "accepts the writes of one alone; see whether all of them use the same one.",
        ),
    )


def _overrun() -> Alert:
    return Alert(
        name="SlaMaintenanceOverrun",
        severity="warning",
        expr=seen("sla_maintenance_overrun_seconds > 0"),
        hold=60,
        summary=f"SLA {{{{ $labels.class }}}}: maintenance of {_RESOURCE} takes longer than announced",
        description=f"The window {{{{ $labels.window }}}} ended {{{{ $value | humanizeDuration }}}} ago, and the "
        f"incident of class {{{{ $labels.class }}}} on {_RESOURCE} that began in it is open: its timers run.",
    )


def _store_errors() -> Alert:
    return Alert(
        name="SlaStoreErrors",
        severity="critical",
        expr=seen("increase(sla_store_errors_total[10m]) > 0"),
        hold=120,
        summary="The SLA store fails, {{ $labels.op }}",
        description='{{ $value | printf "%.0f" }} call(s) of the SLA store ({{ $labels.op }}) failed within 10 '
        "minutes. What they held is kept in memory and tried again; it is lost if the agent ends now.",
    )


def _health(limits: Thresholds) -> tuple[Alert, ...]:
    unknown = f"rate(sla_unknown_seconds_total[15m]) > {limits.unknown_ratio:.12g}"
    return (
        Alert(
            name="SlaUnknownTooLong",
            severity="warning",
            expr=seen(unknown),
            hold=300,
            summary=f"SLA {{{{ $labels.class }}}}: {_RESOURCE} cannot be seen",
            description=f"For {_PERCENT} of the last 15 minutes nobody could say whether {_RESOURCE} "
            f"(class {{{{ $labels.class }}}}) was up, more than {percent(limits.unknown_ratio)}: an incident there "
            "would be neither opened nor resolved.",
        ),
        _overrun(),
        Alert(
            name="SlaFlapping",
            severity="warning",
            expr=seen("sla_flapping > 0"),
            hold=300,
            summary="SLA {{ $labels.class }}: {{ $value }} incident(s) flap",
            description="{{ $value }} incident(s) of class {{ $labels.class }} recover and fail again and again; they "
            "are resolved only after twice the usual quiet time.",
        ),
        Alert(
            name="SlaClockJumped",
            severity="warning",
            expr=seen("increase(sla_clock_jumps_total[15m]) > 0"),
            summary="The clock of an agent jumped {{ $labels.direction }}",
            description="The wall clock of the host of an agent jumped {{ $labels.direction }} {{ $value | printf "
            '"%.0f" }} time(s) within 15 minutes. Timers are not moved by that; times in logs are.',
        ),
        _store_errors(),
    )
