"""Integration: do the two clouds fit together: latency, builds, what one has and the other not, room to grow."""

from exporter.thresholds import Thresholds
from tools.dashboards import integrationparts, panels
from tools.dashboards.house import CLOUDS, VCENTERS, Dashboard, Panel, Row
from tools.dashboards.panels import (
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    Column,
    Q,
    bars,
    graph,
    heat_map,
    number,
    opens,
    table,
    timeline,
)
from tools.dashboards.parts import CALLS, LIGHT_CALLS
from tools.dashboards.promql import AGENTS, CLOUD, VCENTER, Scope, greatest, increase, once, quantile, rate, total
from tools.dashboards.storage import by_disk

LATENCY_LOW = 0.12
"""Seconds: vCenter's API under Nova's driver is said to answer within 120 to 250 ms on average. The upper end is the
threshold of the alert."""
BUILDS_PER_HOUR = 200
"""Instances (8 vCPUs) that are said to be built per hour."""

_VMWARE = 'hypervisor_type="VMware vCenter Server"'
_NATIVE = 'hypervisor_type!="VMware vCenter Server"'
_GOOD = 'result="success"'
_CALLS = "novacenter_request_duration_seconds"


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="integration",
        title="Integration",
        text="How well OpenStack and VMware work together, beside the figures that are expected of the integration.",
        choices=(VCENTERS, CLOUDS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("How does the integration stand?", integrationparts.objectives()),
            Row("What does not fit together, and since when?", _findings()),
            Row("Latency of vCenter's API: 120 to 250 ms", _latency(limits)),
            Row("Builds: 200 an hour, VMware 40 to 60 % slower than native", _builds(limits)),
            Row("VMDK beside RDM: 12,500 and 16,800 random reads of 4 KiB", _disks(limits)),
            Row("Room: 500 hosts for each vCenter", _room(limits)),
            Row("Do networks and storage of both sides fit together?", integrationparts.mapping()),
            Row("Who governs the machines?", integrationparts.ways()),
            Row("Who trusts whom?", integrationparts.trust()),
            Row("What does Nova's driver offer?", integrationparts.functions()),
            Row("Who is who", _mapping()),
        ),
    )


def _findings_of(by: str) -> str:
    return f"sum by ({by}) ({once(AGENTS('nova_vmware_findings'))})"


def _mean(scope: Scope, by: str = "") -> str:
    """Average of the calls of the last minutes: the sum by the number, not a mean of means."""
    spent, calls = (total(by, rate(scope(f"{_CALLS}_{end}"))) for end in ("sum", "count"))
    return f"{spent} / ({calls} > 0)"


def _median(kind: str) -> str:
    buckets = CLOUD("nova_vmware_build_duration_seconds_bucket", _GOOD, kind)
    return f"histogram_quantile(0.5, {total('le', increase(buckets, '$__range'))})"


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    fast = total("", rate(LIGHT_CALLS(f"{_CALLS}_bucket", f'le="{limits.vcenter_latency_seconds:g}"')))
    every = total("", rate(LIGHT_CALLS(f"{_CALLS}_count")))
    hosts = f"max(max by (vcenter) ({VCENTER('vsphere_entities', _HOSTS)}))"
    nova = f"count({greatest('vcenter, moid', VCENTER('vsphere_vm_info', _OURS))})"
    vms = f"count({greatest('vcenter, moid', VCENTER('vsphere_vm_info'))})"
    built = CLOUD("nova_vmware_builds_last_hour", _GOOD, _VMWARE)
    return (
        number(
            "Findings",
            "What does not fit together between Nova and vCenter, all kinds.",
            f"sum({once(AGENTS('nova_vmware_findings'))})",
            steps=NONE_IS_BETTER,
        ),
        number(
            "API latency",
            "Average time of our light calls to vCenter; expected are 120 to 250 ms.",
            _mean(LIGHT_CALLS),
            unit="s",
            steps=panels.between(LATENCY_LOW, limits.vcenter_latency_seconds),
        ),
        number(
            "Within 250 ms",
            "Share of our light calls to vCenter that were answered within the upper end of the band.",
            f"{fast} / ({every} > 0)",
            unit="percentunit",
            steps=panels.below(0.95, panels.ORANGE),
        ),
        number("Builds, 1 h", "Servers that were created on VMware within the last hour.", total("", built)),
        number(
            "VMware / native",
            "Median time of a build on VMware, by that on native hypervisors; over the time that is shown.",
            f"{_median(_VMWARE)} / {_median(_NATIVE)}",
            unit="percentunit",
        ),
        number(
            "Hosts, fullest",
            "ESXi hosts of the vCenter that has most; the alert begins shortly before the limit.",
            hosts,
            steps=panels.between(limits.vcenter_hosts * limits.vcenter_hosts_ratio, limits.vcenter_hosts),
        ),
        number("Nova's share", "Share of the virtual machines that are Nova's.", f"{nova} / {vms}", unit="percentunit"),
        number(
            "Useless",
            "nova-computes that are up though their vCenter does not answer.",
            f"sum({greatest('cloud, host', CLOUD('nova_vmware_service_useless'))})",
            steps=NONE_IS_GOOD,
        ),
    )


_HOSTS = 'kind="host"'
_OURS = 'server!=""'


def _findings() -> tuple[Panel, ...]:
    return (
        timeline(
            "Since when is there a finding?",
            "Findings by kind: orphans on either side, duplicates, leftovers, drift of power states.",
            Q(f"{_findings_of('kind')} > bool 0", "{{kind}}"),
            states=panels.NO_YES,
        ),
        graph(
            "How many findings are there?",
            "By kind and place.",
            Q(_findings_of("kind, vcenter, cloud"), "{{kind}} {{vcenter}} {{cloud}}"),
            stacked=True,
        ),
    )


def _latency(limits: Thresholds) -> tuple[Panel, ...]:
    buckets = LIGHT_CALLS(f"{_CALLS}_bucket")
    band = panels.between(LATENCY_LOW, limits.vcenter_latency_seconds)
    return (
        graph(
            "How fast does vCenter answer?",
            "Median, average and 95th percentile of light calls, whose time is that of the API itself; the alert is "
            "about these, too. The lines are the band of 120 to 250 ms.",
            Q(quantile(0.5, "vcenter", buckets), "{{vcenter}} median"),
            Q(_mean(LIGHT_CALLS, "vcenter"), "{{vcenter}} average"),
            Q(quantile(0.95, "vcenter", buckets), "{{vcenter}} 95 %"),
            unit="s",
            steps=band,
        ),
        heat_map(
            "How are the answers spread?",
            "All calls by the time they took, but for the one that waits for changes.",
            total("le", increase(CALLS(f"{_CALLS}_bucket"))),
        ),
        graph(
            "Which calls are slow?",
            "Average by operation, but for the one that waits for changes. The lines are the band of 120 to 250 ms.",
            Q(_mean(CALLS, "operation"), "{{operation}}"),
            unit="s",
            steps=band,
        ),
        graph(
            "How many calls do we make?",
            "By operation and outcome.",
            Q(total("operation, outcome", rate(VCENTER("novacenter_requests_total"))), "{{operation}} {{outcome}}"),
            unit="reqps",
            stacked=True,
        ),
    )


def _builds(limits: Thresholds) -> tuple[Panel, ...]:
    by = "hypervisor_type"
    buckets = CLOUD("nova_vmware_build_duration_seconds_bucket", _GOOD)
    return (
        graph(
            "How many servers are built per hour?",
            "Builds that ended within the hour before, by result. The line is the expected figure.",
            Q(total(f"{by}, result", CLOUD("nova_vmware_builds_last_hour")), "{{hypervisor_type}} {{result}}"),
            steps=panels.Steps(panels.BLUE, ((BUILDS_PER_HOUR, panels.GREEN),)),
        ),
        graph(
            "How long does a build take, VMware beside native?",
            "Median and 95th percentile of builds that succeeded.",
            Q(quantile(0.5, by, buckets), "{{hypervisor_type}} median"),
            Q(quantile(0.95, by, buckets), "{{hypervisor_type}} 95 %"),
            unit="s",
            steps=panels.above(limits.build_seconds),
        ),
        bars(
            "How long did a build take, VMware beside native?",
            "Median of the builds that succeeded in the time that is shown.",
            Q(_median(_VMWARE), "VMware"),
            Q(_median(_NATIVE), "native"),
            unit="s",
            width=12,
            height=6,
        ),
        bars(
            "How many builds fail?",
            "Builds by result in the time that is shown.",
            Q(
                total(
                    f"{by}, result",
                    increase(CLOUD("nova_vmware_build_duration_seconds_count"), "$__range"),
                ),
                "{{hypervisor_type}} {{result}}",
            ),
            width=12,
            height=6,
        ),
    )


def _disks(limits: Thresholds) -> tuple[Panel, ...]:
    iops = " + ".join(f"({by_disk(f'number_{way}_averaged_average', scope=VCENTER)})" for way in ("read", "write"))
    return (
        graph(
            "How many operations do the busiest disks do?",
            "Reads and writes per second of the busiest disk of each backing. What a disk does is what its guest asks "
            "for: it says nothing about what it could do.",
            Q(f"max by (backing) ({iops})", "{{backing}}"),
            unit="iops",
        ),
        graph(
            "How long do reads take, by backing?",
            "Average over all virtual disks of a backing. The lines are where the alerts of RDM and VMDK begin.",
            Q(f"avg by (backing) ({by_disk('total_read_latency_average_seconds', scope=VCENTER)})", "{{backing}}"),
            unit="s",
            steps=panels.between(limits.rdm_latency_seconds, limits.vmdk_latency_seconds),
        ),
    )


def _room(limits: Thresholds) -> tuple[Panel, ...]:
    keys = "cloud, hypervisor"

    def of(name: str) -> str:
        return greatest(keys, CLOUD(f"openstack_hypervisor_{name}"))

    placed = "cloud, host, resource_class"
    free = (
        f"({greatest(placed, CLOUD('openstack_provider_inventory'))} - "
        f"{greatest(placed, CLOUD('openstack_provider_reserved'))}) * "
        f"{greatest(placed, CLOUD('openstack_provider_allocation_ratio'))}"
    )
    return (
        bars(
            "How many hosts does each vCenter have?",
            "ESXi hosts; the alert begins shortly before the limit.",
            Q(greatest("vcenter", VCENTER("vsphere_entities", _HOSTS)), "{{vcenter}}"),
            steps=panels.between(limits.vcenter_hosts * limits.vcenter_hosts_ratio, limits.vcenter_hosts),
            most=limits.vcenter_hosts,
        ),
        graph(
            "How full is each provider?",
            "What Placement has given away of each resource class, of what it may give away.",
            Q(f"{greatest(placed, CLOUD('openstack_provider_used'))} / ({free} > 0)", "{{host}} {{resource_class}}"),
            unit="percentunit",
            width=16,
        ),
        table(
            "How full is each hypervisor?",
            "Hypervisors as Nova counts them; one of VMware is a whole cluster, its disk one datastore alone.",
            greatest(f"{keys}, host, hypervisor_type", CLOUD("openstack_hypervisor_info")),
            of("up"),
            of("enabled"),
            of("servers"),
            f"{of('vcpus_used')} / {of('vcpus')}",
            f"{of('memory_used_bytes')} / {of('memory_bytes')}",
            f"{of('disk_used_bytes')} / {of('disk_bytes')}",
            columns=(
                Column("hypervisor", "Hypervisor"),
                Column("hypervisor_type", "Type"),
                Column("host", "nova-compute", link=opens("vms", "nova_host")),
                Column("Value #B", "Up", states=panels.YES_NO),
                Column("Value #C", "Enabled", states=panels.YES_NO),
                Column("Value #D", "Servers"),
                Column("Value #E", "CPUs", unit="percentunit"),
                Column("Value #F", "Memory", unit="percentunit"),
                Column("Value #G", "Disk", unit="percentunit"),
                Column("cloud", "Cloud"),
            ),
        ),
    )


def _mapping() -> tuple[Panel, ...]:
    cluster = greatest(
        "instance_uuid, cluster_moid, hypervisor, host, cloud", CLOUD("openstack_hypervisor_info", _MAPPED)
    )
    uuid = greatest("instance_uuid, vcenter, version", VCENTER("vsphere_vcenter_info"))
    clusters = (
        f"label_replace({greatest('vcenter, moid, cluster', VCENTER('vsphere_cluster_info'))}, "
        '"cluster_moid", "$1", "moid", "(.+)")'
    )
    joined = f"{cluster} * on (instance_uuid) group_left (vcenter, version) {uuid}"
    networks = f"count by (vcenter, network) ({once(VCENTER('vsphere_vm_nic_info'))})"
    ports = f"count by (vcenter, network) ({once(VCENTER('vsphere_vm_nic_info', _PORT))})"
    return (
        table(
            "Which cluster is which hypervisor?",
            "nova-compute, the cluster that it uses, and the vCenter that has it.",
            f"{joined} * on (vcenter, cluster_moid) group_left (cluster) {clusters}",
            columns=(
                Column("host", "nova-compute"),
                Column("hypervisor", "Hypervisor"),
                Column("cluster", "Cluster", link=opens("vcenter", "cluster")),
                Column("vcenter", "vCenter"),
                Column("version", "Version"),
                Column("cloud", "Cloud"),
            ),
            width=12,
        ),
        table(
            "Which networks do machines use?",
            "Network cards by network, and how many of them are ports of Neutron.",
            networks,
            ports,
            columns=(
                Column("network", "Network"),
                Column("Value #A", "Cards"),
                Column("Value #B", "Neutron ports"),
                Column("vcenter", "vCenter"),
            ),
            width=12,
        ),
        table(
            "What can the hypervisors do?",
            "Traits of the resource providers of VMware.",
            f"count by (cloud, host, trait) ({once(CLOUD('openstack_provider_trait_info'))})",
            columns=(Column("host", "nova-compute"), Column("trait", "Trait"), Column("cloud", "Cloud")),
            width=12,
        ),
        bars(
            "Whose are the machines?",
            "Virtual machines by what manages them, as vCenter has it; without a name: by hand or by other tools.",
            Q(
                f"count by (managed_by) ({greatest('vcenter, moid, managed_by', VCENTER('vsphere_vm_info'))})",
                "{{managed_by}}",
            ),
            width=12,
        ),
    )


_MAPPED = 'cluster_moid!=""'
_PORT = 'port!=""'
