"""The objective for the availability of APIs, with the metric names of Sloth, so that its dashboards work. Pure.

An API is up while the newest probe by any replica was answered well; time without a probe counts for nothing. This is
availability by time slices, which suits APIs that few requests reach (the error budget counts seconds).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.rules.model import Alert, Group, Recording, duration, percent
from exporter.thresholds import Thresholds

SLOTH = "sloth_id, sloth_service, sloth_slo"


@dataclass(frozen=True, slots=True)
class Objective:
    """What is promised to be up. ``up`` is a series that is 1 or 0; its labels tell several such things apart."""

    service: str
    up: str
    description: str

    @property
    def labels(self) -> Mapping[str, str]:
        """By which Sloth knows it."""
        return {"sloth_id": f"{self.service}-availability", "sloth_service": self.service, "sloth_slo": "availability"}


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows, in seconds, and the share of the budget that may be spent in the long one."""

    short: float
    long: float
    budget: float
    page: bool


OBJECTIVES = (
    Objective("openstack-api", 'openstack_api_up{api=~"keystone|nova"}', "The API answers our probes."),
    Objective("vcenter-api", "vsphere_up", "A cycle of the vCenter succeeds."),
)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_SHARES = {True: (0.02, 0.05, 0.10, 0.10), False: (0.08, 0.125, 0.20, 0.42)}
"""Of the budget in each long window: of periods of four weeks and more (The Site Reliability Workbook, table 5-8, with
Sloth's window of a day), and of shorter ones (Sloth, examples/windows/7d.yaml)."""
WINDOWS = (5 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 6 * _HOUR, _DAY, 3 * _DAY)


def burns(limits: Thresholds) -> tuple[Burn, ...]:
    """The four pairs of windows."""
    shares = _SHARES[limits.objective_days >= 28]
    pairs = ((5 * _MINUTE, _HOUR), (30 * _MINUTE, 6 * _HOUR), (2 * _HOUR, _DAY), (6 * _HOUR, 3 * _DAY))
    return tuple(
        Burn(short, long, share, page)
        for (short, long), share, page in zip(pairs, shares, (True, True, False, False), strict=True)
    )


def factor(burn: Burn, limits: Thresholds) -> float:
    """How many times faster than evenly the budget may be spent: 14.4 for 2 % of 30 days in an hour."""
    return round(burn.budget * limits.objective_days * _DAY / burn.long, 4)


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """Recordings of each objective, and the alerts on all of them: one group, so that each sees the ones before it."""
    recordings = [rule for objective in OBJECTIVES for rule in (*_ratios(objective, limits), *_meta(objective, limits))]
    return (Group(name="sloth-slo-availability", rules=(*recordings, *_alerts(limits))),)


def _ratios(objective: Objective, limits: Thresholds) -> tuple[Recording, ...]:
    made = [
        Recording(
            name=f"slo:sli_error:ratio_rate{duration(window)}",
            expr=f"1 - max without (instance, pod) (avg_over_time({objective.up}[{duration(window)}]))",
            labels={**objective.labels, "sloth_window": duration(window)},
        )
        for window in WINDOWS
    ]
    period = duration(limits.objective_days * _DAY)
    ratio = f"slo:sli_error:ratio_rate5m{_matchers(objective)}[{period}]"
    made.append(
        Recording(
            name=f"slo:sli_error:ratio_rate{period}",
            expr=f"sum_over_time({ratio})\n/ ignoring (sloth_window)\ncount_over_time({ratio})",
            labels={**objective.labels, "sloth_window": period},
        )
    )
    return tuple(made)


def _matchers(objective: Objective) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in objective.labels.items()) + "}"


def _meta(objective: Objective, limits: Thresholds) -> tuple[Recording, ...]:
    which = _matchers(objective)
    period = duration(limits.objective_days * _DAY)
    budget = f"/ on ({SLOTH}) group_left ()\nslo:error_budget:ratio{which}"
    about = {
        "sloth_mode": "novacenter",
        "sloth_objective": f"{limits.objective_ratio * 100:.12g}",
        "sloth_spec": objective.description,
        "sloth_version": "0",
    }
    made: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        ("slo:objective:ratio", f"vector({limits.objective_ratio:.12g})", {}),
        ("slo:error_budget:ratio", f"vector(1-{limits.objective_ratio:.12g})", {}),
        ("slo:time_period:days", f"vector({limits.objective_days:.12g})", {}),
        ("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{which}\n{budget}", {}),
        ("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate{period}{which}\n{budget}", {}),
        ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{which}", {}),
        ("sloth_slo_info", "vector(1)", about),
    )
    return tuple(Recording(name=name, expr=expr, labels={**objective.labels, **more}) for name, expr, more in made)


def _burning(limits: Thresholds, *, page: bool) -> str:
    """Both windows of a pair, of one of the pairs, are above the factor."""
    wanted = [burn for burn in burns(limits) if burn.page is page]
    each = []
    for burn in wanted:
        limit = f"({factor(burn, limits):.12g} * (1-{limits.objective_ratio:.12g}))"
        long, short = (
            f'max without (sloth_window) (slo:sli_error:ratio_rate{duration(window)}{{sloth_slo="availability"}})'
            for window in (burn.long, burn.short)
        )
        each.append(f"(\n  {long} > {limit}\n  and\n  {short} > {limit}\n)")
    return "\nor\n".join(each)


def _windows(limits: Thresholds, *, page: bool) -> str:
    return " or ".join(duration(burn.long) for burn in burns(limits) if burn.page is page)


def _alerts(limits: Thresholds) -> tuple[Alert, ...]:
    which = (
        "{{ $labels.sloth_service }} of {{ with $labels.vcenter }}{{ . }}{{ else }}{{ $labels.cloud }} "
        "({{ $labels.api }}){{ end }}"
    )
    share = "{{ $value | humanizePercentage }}"
    promised = f"promised are {percent(limits.objective_ratio)} of {limits.objective_days:.12g} days"
    return (
        Alert(
            name="ApiBudgetBurnsFast",
            severity="critical",
            class_="api_communication",
            expr=_burning(limits, page=True),
            labels={"sloth_severity": "page"},
            summary=f"{which}: down for {share} of {_windows(limits, page=True)}",
            description=f"{which} was down for {share} of the last {_windows(limits, page=True)}, and still is; "
            f"{promised}. At this pace the error budget is gone within days.",
        ),
        Alert(
            name="ApiBudgetBurnsSlowly",
            severity="warning",
            class_="api_communication",
            expr=_burning(limits, page=False),
            labels={"sloth_severity": "ticket"},
            summary=f"{which}: down for {share} of {_windows(limits, page=False)}",
            description=f"{which} was down for {share} of the last {_windows(limits, page=False)}, and lately, too; "
            f"{promised}. At this pace the error budget does not last for the period.",
        ),
        Alert(
            name="ApiBudgetLow",
            severity="warning",
            class_="api_communication",
            expr=f'slo:period_error_budget_remaining:ratio{{sloth_slo="availability"}} < '
            f"{limits.budget_remaining_ratio:.12g}",
            hold=900,
            summary=f"{which}: {share} of the error budget left",
            description=f"{which} has {share} of its error budget left; {promised}.",
        ),
    )
