"""Rules on Nova's operations, builds and services. Pure.

How long an operation may take is what the clouds of the configuration allow; those without a limit of their own share
one expression.
"""

from collections.abc import Iterable, Mapping

from exporter.config import Cloud
from exporter.openstack.operations import LIMITS
from exporter.rules.model import Alert, Group, Opens, duration, grew, percent, seen
from exporter.thresholds import Thresholds

COMPUTE = r"[^.]+\\.[0-9a-f-]{36}"
"""Nova's name of a hypervisor that is a vSphere cluster, as a regular expression within a PromQL string."""

_CLOUD = "{{ $labels.cloud }}"
_HOST = "{{ $labels.host }}"
_ON_HOST = "{{ with $labels.host }} on {{ . }}{{ end }}"
_OPERATION = "{{ $labels.operation }}"


def groups(limits: Thresholds, clouds: Iterable[Cloud]) -> tuple[Group, ...]:
    """All of them, for these clouds; without one, for any."""
    return (
        Group(name="nova-tasks", rules=(_timeouts(), _in_flight(limits, tuple(clouds)), _detach(limits))),
        Group(name="nova-builds", rules=_builds(limits)),
        Group(name="nova-services", interval=15, rules=(*_services(), *_others())),
    )


def _timeouts() -> Alert:
    return Alert(
        name="NovaVmwareTaskTimeout",
        severity="warning",
        expr=grew(
            "nova_vmware_task_timeouts_total",
            by="cloud, host, operation, cause, job",
            window="10m",
            source="novacenter_cloud_up",
            on="cloud, instance",
        )
        + " > 0",
        summary='{{ $value | printf "%.0f" }} timeout(s) of ' + f"{_OPERATION}{_ON_HOST}",
        description='{{ $value | printf "%.0f" }} operation(s) ' + f"{_OPERATION}{_ON_HOST} ({_CLOUD}) timed out in "
        "the last 10 minutes; cause: {{ $labels.cause }}.",
    )


def _in_flight(limits: Thresholds, clouds: tuple[Cloud, ...]) -> Alert:
    factor = f"{limits.task_limit_factor:.12g}"
    return Alert(
        name="NovaVmwareTaskHangs",
        severity="critical",
        expr=seen("\nor\n".join(_longest(limits.task_limit_factor, clouds))),
        keep=limits.keep_firing_seconds,
        summary=f"{_OPERATION}{_ON_HOST}: in flight for " + "{{ $value | humanizeDuration }}",
        description=f"The oldest operation {_OPERATION}{_ON_HOST} ({_CLOUD}) is in flight for "
        "{{ $value | humanizeDuration }}, " + f"{factor} times its limit. Nova has no timeout of its own for it.",
    )


def _longest(factor: float, clouds: tuple[Cloud, ...]) -> Iterable[str]:
    """An expression for each limit, and each cloud that has one of its own."""
    usual = {word: limit.seconds for word, limit in LIMITS.items()}
    own = {cloud.name.replace(".", "[.]"): cloud.limits for cloud in clouds if cloud.limits}
    places = [(f'cloud=~"{name}(/.*)?", ', given) for name, given in own.items()]
    others = f'cloud!~"({"|".join(own)})(/.*)?", ' if own else ""
    for matcher, given in (*places, (others, {})):
        for seconds, words in sorted(_by_limit({**usual, **given}).items()):
            which = f'{matcher}operation=~"{"|".join(words)}"'
            yield f"nova_vmware_task_oldest_age_seconds{{{which}}} > {seconds * factor:.12g}"


def _by_limit(given: Mapping[str, float]) -> Mapping[float, list[str]]:
    found: dict[float, list[str]] = {}
    for word, seconds in sorted(given.items()):
        found.setdefault(seconds, []).append(word)
    return found


def _detach(limits: Thresholds) -> Alert:
    failed = grew(
        'nova_vmware_tasks_total{operation="detach_volume", result="error"}',
        by="cloud, job",
        window="15m",
        source="novacenter_cloud_up",
        on="cloud, instance",
    )
    return Alert(
        name="NovaVmwareVolumeDetachFailing",
        severity="critical",
        opens=Opens("storage_connection", _CLOUD),
        expr=f"{failed} > {limits.detach_errors:.12g}",
        summary=f"{_CLOUD}: " + '{{ $value | printf "%.0f" }} volumes could not be detached',
        description='{{ $value | printf "%.0f" }} volumes of cloud ' + f"{_CLOUD} could not be detached in the last "
        f"15 minutes, more than {limits.detach_errors:.12g}.",
    )


def _builds(limits: Thresholds) -> tuple[Alert, ...]:
    by = "cloud, hypervisor_type, job"
    total = f"sum by ({by}) (max without (instance, pod) (nova_vmware_builds_last_hour))"
    failed = total.replace("last_hour", 'last_hour{result="error"}')
    bucket = 'rate(nova_vmware_build_duration_seconds_bucket{result="success"}[1h])'
    slow = f"histogram_quantile(0.9, sum by (le, {by}) ({bucket})) > {limits.build_seconds:.12g}"
    type_ = "{{ $labels.hypervisor_type }}"
    return (
        Alert(
            name="NovaVmwareBuildsFailing",
            severity="warning",
            expr=f"{failed}\n/\n{total}\n> {limits.build_error_ratio:.12g}\nand\n{failed} > {limits.build_errors:.12g}",
            hold=300,
            summary=f"{_CLOUD}: " + "{{ $value | humanizePercentage }} of builds fail",
            description="{{ $value | humanizePercentage }} of the servers that " + f"{_CLOUD} built on {type_} in the "
            f"last hour failed, more than {percent(limits.build_error_ratio)}; nova_vmware_build_failures_total says "
            "why.",
        ),
        Alert(
            name="NovaVmwareBuildsSlow",
            severity="warning",
            expr=slow,
            hold=900,
            summary=f"{_CLOUD}: a build takes " + "{{ $value | humanizeDuration }}",
            description=f"One in ten servers that {_CLOUD} built on {type_} in the last hour took longer than "
            "{{ $value | humanizeDuration }}; " + f"the limit is {duration(limits.build_seconds)}.",
        ),
    )


def _services() -> tuple[Alert, ...]:
    return (
        Alert(
            name="NovaVmwareComputeDown",
            severity="critical",
            class_="api_communication",
            expr=seen(f'openstack_hypervisor_up{{hypervisor=~"{COMPUTE}"}} == 0'),
            hold=60,
            summary=f"nova-compute on {_HOST}: down",
            description=f"nova-compute on {_HOST} ({_CLOUD}), which is for a vSphere cluster, has not reported for a "
            "minute: nothing can be done with the servers there.",
        ),
        Alert(
            name="NovaVmwareServiceUseless",
            severity="critical",
            class_="api_communication",
            expr=seen("nova_vmware_service_useless == 1"),
            hold=60,
            summary=f"nova-compute on {_HOST}: up, but of no use",
            description=f"nova-compute on {_HOST} ({_CLOUD}) reports and is enabled, but its vCenter "
            "{{ $labels.vcenter }} does not answer: the scheduler goes on sending it work that hangs.",
        ),
        Alert(
            name="NovaVmwareServiceStuckDisabled",
            severity="warning",
            expr=seen("nova_vmware_service_stuck_disabled == 1"),
            hold=300,
            summary=f"nova-compute on {_HOST}: still disabled by its driver",
            description=f"nova-compute on {_HOST} ({_CLOUD}) was disabled by its driver, and stays so though its "
            "vCenter {{ $labels.vcenter }} answers again: no server is placed there.",
        ),
    )


def _others() -> tuple[Alert, ...]:
    binary = "{{ $labels.binary }}"
    other = 'binary!="cinder-volume"'
    return (
        Alert(
            name="OpenstackServiceDown",
            severity="warning",
            expr=seen(f"openstack_service_up{{{other}}} == 0\nand openstack_service_enabled{{{other}}} == 1"),
            hold=120,
            summary=f"{binary} on {_HOST}: down",
            description=f"{binary} on {_HOST} ({_CLOUD}) does not report for 2 minutes, and is enabled.",
        ),
        Alert(
            name="OpenstackServicesUnknown",
            severity="critical",
            expr=seen("openstack_services_unknown > 0"),
            hold=300,
            summary=f"{_CLOUD}: " + "nothing is known of {{ $value }} service(s) of {{ $labels.service }}",
            description=f"A cell of cloud {_CLOUD} is down: of " + "{{ $value }} service(s) of {{ $labels.service }} "
            "nothing but the name is known for 5 minutes.",
        ),
    )
