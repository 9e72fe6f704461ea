"""Rules on how both sides fit together: APIs and logins, what does not match, and the size of a vCenter. Pure."""

from exporter.driftkinds import LEVELS, Level
from exporter.joinmodel import FindingKind
from exporter.rules.model import Alert, Group, Opens, duration, grew, percent, seen
from exporter.thresholds import Thresholds

LIGHT = "CurrentTime|RetrieveServiceContent|QueryPerfProviderSummary|QueryOptions"
"""Calls of vCenter whose cost does not depend on how much is asked for: what they take, vCenter takes."""
JUDGED = "keystone|nova"
"""The APIs whose failure is an incident, as in the built-in policy."""

TOLD_OTHERWISE = "api_interruption|certificate_expiry|mapping_drift|release_gate|storage_failure"
"""Objectives whose state other alerts tell, and sooner."""

_VCENTER = "{{ $labels.vcenter }}"
_CLOUD = "{{ $labels.cloud }}"
_API = "{{ $labels.api }}"
_WHERE = "{{ with $labels.vcenter }}{{ . }}{{ else }}" + _CLOUD + "{{ end }}"
_TOLD = "The status page of the agent lists them, each with what to do."
_COUNT = '{{ $value | printf "%.0f" }}'


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All of them."""
    return (
        Group(name="integration-apis", interval=15, rules=_apis()),
        Group(name="integration-latency", rules=_latency(limits)),
        Group(name="integration-logins", rules=(*_logins(limits), *_clouds())),
        Group(name="integration-findings", rules=(*_findings(), *_leftovers())),
        Group(name="integration-mapping", rules=_mapping()),
        Group(name="integration-limits", rules=_limits(limits)),
        Group(name="integration-objectives", rules=_objectives()),
    )


def _apis() -> tuple[Alert, ...]:
    return (
        Alert(
            name="OpenstackApiDown",
            severity="critical",
            class_="api_communication",
            expr=seen(f'openstack_api_up{{api=~"{JUDGED}"}} == 0'),
            hold=60,
            summary=f"{_CLOUD}: the API of {_API} does not answer",
            description=f"The API of {_API} of cloud {_CLOUD} has not answered our probes well for a minute.",
        ),
        Alert(
            name="OpenstackOtherApiDown",
            severity="warning",
            expr=seen(f'openstack_api_up{{api!~"{JUDGED}"}} == 0'),
            hold=120,
            summary=f"{_CLOUD}: the API of {_API} does not answer",
            description=f"The API of {_API} of cloud {_CLOUD} has not answered our probes well for 2 minutes.",
        ),
        Alert(
            name="OpenstackCloudUnreadable",
            severity="critical",
            expr=seen("novacenter_cloud_up == 0"),
            hold=120,
            summary=f"{_CLOUD}: its servers cannot be listed",
            description=f"The servers of cloud {_CLOUD} could not be listed for 2 minutes: operations, timeouts and "
            "drift cannot be seen.",
        ),
    )


def _latency(limits: Thresholds) -> tuple[Alert, ...]:
    calls = f'rate(novacenter_request_duration_seconds_bucket{{operation=~"{LIGHT}"}}[10m])'
    probes = "rate(openstack_api_probe_seconds_bucket[10m])"
    median = "histogram_quantile(0.5, sum by (le, {}, job) ({}))"
    all_calls = "sum by (vcenter, job) (rate(novacenter_requests_total[5m]))"
    failed = all_calls.replace("_total", '_total{outcome!="ok"}')
    return (
        Alert(
            name="VcenterApiSlow",
            severity="warning",
            expr=f"{median.format('vcenter', calls)} > {limits.vcenter_latency_seconds:.12g}",
            hold=600,
            keep=limits.keep_firing_seconds,
            summary=f"vCenter {_VCENTER}: a call takes " + "{{ $value | humanizeDuration }}",
            description=f"Half of the calls to vCenter {_VCENTER} that ask for little took longer than "
            "{{ $value | humanizeDuration }} " + f"for 10 minutes; the limit is "
            f"{duration(limits.vcenter_latency_seconds)}.",
        ),
        Alert(
            name="OpenstackApiSlow",
            severity="warning",
            expr=f"{median.format('cloud, api', probes)} > {limits.api_latency_seconds:.12g}",
            hold=600,
            keep=limits.keep_firing_seconds,
            summary=f"{_CLOUD}: a request to {_API} takes " + "{{ $value | humanizeDuration }}",
            description=f"Half of our probes of the API of {_API} of cloud {_CLOUD} took longer than "
            "{{ $value | humanizeDuration }} "
            f"for 10 minutes; the limit is {duration(limits.api_latency_seconds)}.",
        ),
        Alert(
            name="VcenterRequestsFailing",
            severity="critical",
            opens=Opens("api_communication", _VCENTER),
            expr=f"{failed}\n/\n{all_calls}\n> {limits.request_error_ratio:.12g}",
            hold=120,
            summary=f"vCenter {_VCENTER}: " + "{{ $value | humanizePercentage }} of calls fail",
            description="{{ $value | humanizePercentage }} of our calls to vCenter " + f"{_VCENTER} failed for 2 "
            f"minutes, more than {percent(limits.request_error_ratio)}; novacenter_requests_total says which.",
        ),
    )


def _logins(limits: Thresholds) -> tuple[Alert, ...]:
    refused = grew(
        'novacenter_logins_total{outcome!="ok"}',
        by="vcenter, outcome, job",
        window="15m",
        source="vsphere_up",
        on="vcenter, instance",
    )
    often = 'increase(novacenter_logins_total{outcome="ok"}[1h])'
    return (
        Alert(
            name="VcenterLoginFailing",
            severity="critical",
            expr=f"{refused} > 0",
            hold=60,
            summary=f"vCenter {_VCENTER}: " + "login fails, {{ $labels.outcome }}",
            description=_COUNT + f" login(s) to vCenter {_VCENTER} failed in the last 15 minutes: "
            "{{ $labels.outcome }}. The agent tries again ever more slowly, lest the account be locked.",
        ),
        Alert(
            name="VcenterSessionsLost",
            severity="warning",
            expr=seen(f"{often} > {limits.logins:.12g}"),
            summary=f"vCenter {_VCENTER}: {_COUNT} logins within an hour",
            description=f"The agent had to log in to vCenter {_VCENTER} {_COUNT} times within an hour, more than "
            f"{limits.logins:.12g}: something ends its sessions.",
        ),
    )


def _clouds() -> tuple[Alert, ...]:
    clouds = seen('increase(novacenter_cloud_logins_total{outcome!="ok"}[15m])')
    reading = 'novacenter_cloud_reading{outcome=~"forbidden|failed"} == 1'
    return (
        Alert(
            name="OpenstackLoginFailing",
            severity="critical",
            expr=f"{clouds} > 0",
            hold=60,
            summary=f"{_CLOUD}: " + "login {{ $labels.outcome }}",
            description=_COUNT + f" login(s) to cloud {_CLOUD} were not accepted in the last 15 minutes: "
            "{{ $labels.outcome }}.",
        ),
        Alert(
            name="OpenstackReadingFailed",
            severity="warning",
            expr=seen(reading),
            hold=900,
            summary=f"{_CLOUD}: " + "{{ $labels.endpoint }} cannot be read, {{ $labels.outcome }}",
            description="{{ $labels.endpoint }} of cloud " + f"{_CLOUD} could not be read for 15 minutes "
            "({{ $labels.outcome }}); what it would tell has no series.",
        ),
    )


def _finding(*kinds: FindingKind) -> str:
    return seen(f'nova_vmware_findings{{kind={"~" if len(kinds) > 1 else ""}"{"|".join(kinds)}"}} > 0')


def _findings() -> tuple[Alert, ...]:
    told, kind = _TOLD, "{{ $labels.kind }}"
    return (
        Alert(
            name="NovaVmwareDuplicate",
            severity="critical",
            expr=_finding(FindingKind.DUPLICATE),
            hold=60,
            summary=f"{_WHERE}: " + "{{ $value }} second VM(s) of a server",
            description=f"vCenter {_VCENTER} has " + "{{ $value }} virtual machine(s) with the UUID of a server that "
            f"has another one: Nova may act on either. {told}",
        ),
        Alert(
            name="NovaVmwareStoppedAfterHa",
            severity="critical",
            expr=_finding(FindingKind.STOPPED_AFTER_HA),
            summary=f"{_WHERE}: " + "Nova stopped {{ $value }} server(s) after a restart by vSphere HA",
            description="Nova of cloud " + f"{_CLOUD} stopped " + "{{ $value }} server(s) that vSphere HA was just "
            f"powering on; nobody asked for that. {told}",
        ),
        Alert(
            name="NovaVmwareDrift",
            severity="warning",
            expr=_finding(FindingKind.POWER_DRIFT, FindingKind.SERVER_WITHOUT_VM),
            hold=300,
            summary=f"{_WHERE}: " + "{{ $value }} server(s) are not what Nova says" + f", {kind}",
            description=f"Nova of cloud {_CLOUD} says of " + "{{ $value }} server(s) what vCenter does not "
            f"({kind}). {told}",
        ),
    )


def _leftovers() -> tuple[Alert, ...]:
    told, kind = _TOLD, "{{ $labels.kind }}"
    return (
        Alert(
            name="NovaVmwareOrphans",
            severity="warning",
            expr=_finding(FindingKind.VM_WITHOUT_SERVER, FindingKind.DEAD_SPAWN, FindingKind.SNAPSHOT_LEFTOVER),
            hold=900,
            summary=f"{_WHERE}: " + "{{ $value }} orphan(s)" + f", {kind}",
            description=f"vCenter {_VCENTER} holds " + "{{ $value }} leftover(s) of Nova" + f" ({kind}) that take up "
            f"space. {told}",
        ),
        Alert(
            name="NovaVmwareHypervisorUnmatched",
            severity="warning",
            expr=_finding(FindingKind.HYPERVISOR_UNMATCHED),
            hold=900,
            summary=f"{_WHERE}: " + "{{ $value }} hypervisor(s) without a known cluster",
            description="{{ $value }} VMware hypervisor(s) of cloud " + f"{_CLOUD} belong to no cluster of its "
            f"vCenters. {told}",
        ),
    )


def _mapping() -> tuple[Alert, ...]:
    """What cannot work until somebody mends it, and what works until something else fails; notes alert nobody."""
    kind, told = "{{ $labels.kind }}", "novacenter drift and the status page of the agent name them."

    def drifted(level: Level) -> str:
        kinds = "|".join(sorted(one.value for one, its in LEVELS.items() if its is level))
        return seen(f'integration_mapping_findings{{kind=~"{kinds}"}} > 0')

    return (
        Alert(
            name="IntegrationMappingBroken",
            severity="critical",
            expr=drifted(Level.ERROR),
            hold=120,
            summary=f"{_CLOUD}: {_COUNT} mapping(s) broken" + f", {kind}",
            description=f"What OpenStack of cloud {_CLOUD} is configured to find in vSphere is not so there in "
            f"{_COUNT} place(s) ({kind}): servers cannot be built, or are on the wrong network. {told}",
        ),
        Alert(
            name="IntegrationMappingWeak",
            severity="warning",
            expr=drifted(Level.WARNING),
            hold=900,
            summary=f"{_CLOUD}: {_COUNT} mapping(s) weak" + f", {kind}",
            description=f"{_COUNT} mapping(s) of cloud {_CLOUD} to vSphere work, but not for all hosts or servers "
            f"({kind}). {told}",
        ),
    )


def _limits(limits: Thresholds) -> tuple[Alert, ...]:
    most = limits.vcenter_hosts * limits.vcenter_hosts_ratio
    return (
        Alert(
            name="VcenterHostsNearLimit",
            severity="warning",
            expr=seen(f'vsphere_entities{{kind="host"}} >= {most:.12g}'),
            hold=3600,
            summary=f"vCenter {_VCENTER}: " + "{{ $value }}" + f" of {limits.vcenter_hosts:.12g} hosts",
            description=f"vCenter {_VCENTER} manages " + "{{ $value }} hosts; planned are at most "
            f"{limits.vcenter_hosts:.12g}. Beyond that, calls become slow for Nova.",
        ),
        Alert(
            name="VcenterClockSkewed",
            severity="warning",
            expr=seen(f"abs(vsphere_clock_skew_seconds) > {limits.clock_skew_seconds:.12g}"),
            hold=600,
            summary=f"vCenter {_VCENTER}: its clock is off by " + "{{ $value | humanizeDuration }}",
            description=f"The clocks of vCenter {_VCENTER} and of the agent differ by "
            "{{ $value | humanizeDuration }} " + f"for 10 minutes, more than {duration(limits.clock_skew_seconds)}: "
            "samples look late, and tickets of logins may be refused.",
        ),
    )


def _objectives() -> tuple[Alert, ...]:
    """Objectives that no other alert is about."""
    missed = f'integration_objective_state{{state="missed", objective!~"{TOLD_OTHERWISE}"}} == 1'
    where = "{{ with $labels.scope }}{{ . }}: {{ end }}"
    return (
        Alert(
            name="IntegrationObjectiveMissed",
            severity="info",
            expr=seen(missed),
            hold=6 * 3600,
            summary=where + "the objective {{ $labels.objective }} is missed",
            description=where + "the objective {{ $labels.objective }} of the integration has been missed for 6 hours. "
            "novacenter assess says by how much, and what to do.",
        ),
    )
