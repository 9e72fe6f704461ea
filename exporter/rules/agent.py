"""Rules on the agent itself: whether it is there, sees everything, and is trusted. Pure.

These are about one agent of several, so most of them keep the label of the instance.
"""

from exporter.model import HISTORICAL_KINDS, REALTIME_KINDS
from exporter.rules.model import JOB, REPLICA, Alert, Group, duration, grew, percent, seen
from exporter.thresholds import Thresholds

_VCENTER = "{{ $labels.vcenter }}"
_AGENT = "{{ $labels.instance }}"
_EDGE = "{{ $labels.edge }} {{ $labels.peer }}"
_ROLE = "{{ $labels.role }}"
_KIND = "{{ $labels.kind }}"
_PERCENT = "{{ $value | humanizePercentage }}"
_TIME = "{{ $value | humanizeDuration }}"
_COUNT = '{{ $value | printf "%.0f" }}'


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All of them."""
    return (
        Group(name="agent-presence", interval=15, rules=_presence()),
        Group(name="agent-samples", rules=(*_samples(limits), *_age(limits))),
        Group(name="agent-health", rules=(*_health(), *_losses())),
        Group(name="agent-certificates", rules=_certificates(limits)),
    )


def _presence() -> tuple[Alert, ...]:
    return (
        Alert(
            name="NovacenterAbsent",
            severity="critical",
            expr=f'absent(up{{job="{JOB}"}} == 1)',
            hold=120,
            labels={"job": JOB},
            summary="No agent is there",
            description="No agent could be scraped for 2 minutes: nothing is seen of vCenters and clouds, and no "
            "incident is opened or resolved.",
        ),
        Alert(
            name="NovacenterDown",
            severity="warning",
            expr=f'up{{job="{JOB}"}} == 0',
            hold=120,
            summary=f"Agent {_AGENT}: does not answer",
            description=f"The agent at {_AGENT} could not be scraped for 2 minutes.",
        ),
        Alert(
            name="NovacenterWatchdog",
            severity="none",
            expr="vector(1)",
            summary="Prometheus and Alertmanager work",
            description="Always fires. Whoever receives it regularly should call for help when it stays away.",
        ),
    )


def _share(metric: str, limit: float) -> str:
    lost, due = (f"increase(novacenter_samples_{name}_total[15m])" for name in (metric, "expected"))
    return seen(f"{lost}\n/ {due} > {limit:.12g}")


def _samples(limits: Thresholds) -> tuple[Alert, ...]:
    missing, late = limits.samples_missing_ratio, limits.samples_late_ratio
    return (
        Alert(
            name="NovacenterSamplesMissing",
            severity="warning",
            expr=_share("missing", missing),
            hold=300,
            summary=f"vCenter {_VCENTER}: {_PERCENT} of the samples of {_KIND} are missing",
            description=f"vCenter {_VCENTER} never delivered {_PERCENT} of the samples of {_KIND} that were due in the "
            f"last 15 minutes, more than {percent(missing)}.",
        ),
        Alert(
            name="NovacenterSamplesLate",
            severity="warning",
            expr=_share("late", late),
            hold=300,
            summary=f"vCenter {_VCENTER}: {_PERCENT} of the samples of {_KIND} are late",
            description=f"{_PERCENT} of the samples of {_KIND} of vCenter {_VCENTER} came only when they were asked "
            f"for again, more than {percent(late)}.",
        ),
    )


def _age(limits: Thresholds) -> tuple[Alert, ...]:
    ages = "\nor\n".join(
        f'novacenter_sample_age_seconds{{of="median", kind=~"{"|".join(kinds)}"}} > {limit:.12g}'
        for kinds, limit in (
            (REALTIME_KINDS, limits.sample_age_seconds),
            (HISTORICAL_KINDS, limits.historical_sample_age_seconds),
        )
    )
    return (
        Alert(
            name="NovacenterSamplesOld",
            severity="warning",
            expr=seen(ages, "of"),
            hold=300,
            summary=f"vCenter {_VCENTER}: samples of {_KIND} are {_TIME} old",
            description=f"The newest samples of half of all {_KIND} objects of vCenter {_VCENTER} are older than "
            f"{_TIME}: alerts on performance are that late.",
        ),
        Alert(
            name="NovacenterCyclesSkipped",
            severity="warning",
            expr=seen(f"increase(novacenter_cycles_skipped_total[15m]) > {limits.cycles_skipped:.12g}"),
            summary=f"vCenter {_VCENTER}: " + _COUNT + " {{ $labels.schedule }} cycles left out",
            description=_COUNT + " {{ $labels.schedule }} cycles of vCenter " + f"{_VCENTER} were not begun within 15 "
            f"minutes because the one before was not done, more than {limits.cycles_skipped:.12g}.",
        ),
    )


def _health() -> tuple[Alert, ...]:
    bugs = grew(
        "novacenter_loop_errors_total", by="loop, job", window="15m", source="novacenter_build_info", on="instance"
    )
    return (
        Alert(
            name="NovacenterReloadFailed",
            severity="warning",
            expr="novacenter_config_last_reload_successful == 0\nor novacenter_web_config_last_reload_successful == 0",
            hold=300,
            summary=f"Agent {_AGENT}: the configuration was refused",
            description=f"The agent at {_AGENT} could not take over its changed configuration and goes on with the "
            "one before; at its next start it would not start.",
        ),
        Alert(
            name="NovacenterSeriesBudgetHit",
            severity="warning",
            expr="novacenter_series > novacenter_series_budget",
            hold=300,
            summary=f"Agent {_AGENT}: {_COUNT} series exceed the budget",
            description=f"The agent at {_AGENT} has {_COUNT} series, more than series_budget allows, and "
            "leaves out the least important families; novacenter_family_dropped names them.",
        ),
        Alert(
            name="NovacenterLoopErrors",
            severity="warning",
            expr=f"{bugs} > 0",
            summary="The agent met unexpected errors in {{ $labels.loop }}",
            description=f"{_COUNT} unexpected error(s) in the loop " + "{{ $labels.loop }} within 15 minutes. It went "
            "on; each is a bug.",
        ),
    )


def _losses() -> tuple[Alert, ...]:
    return (
        Alert(
            name="NovacenterStateErrors",
            severity="warning",
            expr="increase(novacenter_state_errors_total[15m]) > 0",
            hold=120,
            summary=f"Agent {_AGENT}: cannot write its state",
            description=f"{_COUNT} write(s) of the agent at {_AGENT} to its state database failed within 15 minutes. "
            "What they held is lost if it ends now.",
        ),
        Alert(
            name="NovacenterNotificationsLost",
            severity="warning",
            expr=seen("novacenter_notifications_connected == 0"),
            hold=600,
            summary="{{ $labels.cloud }}: no connection to the message broker",
            description="The agent does not hear the notifications of cloud {{ $labels.cloud }} for 10 minutes. It "
            "polls all the same; what begins and ends between two polls is not seen.",
        ),
    )


def _certificates(limits: Thresholds) -> tuple[Alert, ...]:
    ends = f"min without ({REPLICA}) (novacenter_certificate_expiry_timestamp_seconds)"
    said = f"The {_ROLE} certificate on the edge {_EDGE} ends in {_TIME}, less than "
    return tuple(
        Alert(
            name=name,
            severity=severity,
            expr=f"{ends} - time() < {seconds:.12g}",
            hold=300,
            summary=f"{_EDGE}: the {_ROLE} certificate ends in {_TIME}",
            description=f"{said}{duration(seconds)}. Then no connection is accepted there any more.",
        )
        for name, severity, seconds in (
            ("NovacenterCertificateExpiring", "warning", limits.certificate_seconds),
            ("NovacenterCertificateExpiringSoon", "critical", limits.certificate_urgent_seconds),
        )
    )
