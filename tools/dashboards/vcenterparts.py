"""What the dashboard of vCenter and hosts shows of clusters, pools and networks, and the tables of what is there."""

from exporter.model import Kind
from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import Choice, Panel
from tools.dashboards.panels import NONE_IS_BETTER, Column, Q, bars, graph, opens, table
from tools.dashboards.promql import VCENTER, greatest, once, with_info

CLUSTERS = Choice(
    "cluster", "Cluster", 'label_values(vsphere_cluster_info{job=~"$job",vcenter=~"$vcenter"}, cluster)', every=".*"
)
HOSTS = Choice(
    "host", "Host", 'label_values(vsphere_host_info{job=~"$job",vcenter=~"$vcenter",cluster=~"$cluster"}, host)'
)

HOST = VCENTER.only('host=~"$host"')
CLUSTER = VCENTER.only('cluster=~"$cluster"')
WHOLE = 'device=""'


def clusters() -> tuple[Panel, ...]:
    """Load, capacity and settings of clusters."""
    keys = "vcenter, cluster"

    def of(name: str, *matchers: str) -> str:
        return greatest(keys, CLUSTER(f"vsphere_cluster_{name}", *matchers))

    return (
        graph(
            "How busy is each cluster?",
            "CPU and memory usage of the cluster; samples of 5 minutes.",
            Q(of("cpu_usage_average_ratio", WHOLE), "{{cluster}} CPU"),
            Q(of("mem_usage_average_ratio", WHOLE), "{{cluster}} memory"),
            unit="percentunit",
            most=1,
        ),
        graph(
            "How much of each cluster can run machines?",
            "Capacity of the hosts that are connected and not in maintenance, of that of all hosts.",
            Q(f"{of('effective_cpu_hertz')} / {of('cpu_hertz')}", "{{cluster}} CPU"),
            Q(f"{of('effective_memory_bytes')} / {of('memory_bytes')}", "{{cluster}} memory"),
            unit="percentunit",
            most=1,
        ),
        table(
            "Are HA and DRS as they should be?",
            "Hosts that may fail now beside the number configured, and whether HA, admission control and DRS are on.",
            of("effective_hosts"),
            of("hosts"),
            of("ha_failover_hosts"),
            of("ha_configured_failover_hosts"),
            of("ha_enabled"),
            of("ha_admission_control_enabled"),
            of("drs_enabled"),
            greatest(f"{keys}, level", CLUSTER("vsphere_cluster_drs_automation")),
            columns=(
                Column("cluster", "Cluster", link=opens("vms", "cluster")),
                Column("Value #A", "Hosts in service"),
                Column("Value #B", "Hosts"),
                Column("Value #C", "Hosts that may fail"),
                Column("Value #D", "Configured"),
                Column("Value #E", "HA", states=panels.YES_NO),
                Column("Value #F", "Admission control", states=panels.YES_NO),
                Column("Value #G", "DRS", states=panels.YES_NO),
                Column("level", "DRS automation"),
                Column("vcenter", "vCenter"),
            ),
            height=6,
        ),
        table(
            "How large is each cluster?",
            "Cores, threads, CPU and memory of all hosts.",
            of("cpu_cores"),
            of("cpu_threads"),
            of("cpu_hertz"),
            of("memory_bytes"),
            columns=(
                Column("cluster", "Cluster"),
                Column("Value #A", "Cores"),
                Column("Value #B", "Threads"),
                Column("Value #C", "CPU", unit="hertz"),
                Column("Value #D", "Memory", unit="bytes"),
                Column("vcenter", "vCenter"),
            ),
            height=6,
        ),
    )


def inventory(limits: Thresholds) -> tuple[Panel, ...]:
    """Hosts and vCenters as they are."""
    keys = "vcenter, host"
    described = ("cluster", "model", "version", "build")

    def of(name: str) -> str:
        return greatest(keys, HOST(f"vsphere_host_{name}"))

    boot = f"time() - {of('boot_timestamp_seconds')}"
    expiry = f"{of('certificate_expiry_timestamp_seconds')} - time()"
    return (
        table(
            "Which hosts are there?",
            "Make, version and size of each ESXi host, since when it runs, and for how long its certificate is good.",
            with_info(of("cpu_cores"), HOST("vsphere_host_info"), on=("vcenter", "host"), add=described),
            of("memory_bytes"),
            of("nics"),
            of("hbas"),
            boot,
            expiry,
            of("cpu_packages"),
            of("cpu_threads"),
            of("cpu_core_hertz"),
            greatest(f"{keys}, state", HOST("vsphere_host_power_state")),
            columns=(
                Column("host", "Host"),
                Column("cluster", "Cluster"),
                Column("model", "Model"),
                Column("version", "ESXi"),
                Column("build", "Build"),
                Column("state", "Power"),
                Column("Value #G", "Sockets"),
                Column("Value #A", "Cores"),
                Column("Value #H", "Threads"),
                Column("Value #I", "Core", unit="hertz"),
                Column("Value #B", "Memory", unit="bytes"),
                Column("Value #C", "NICs"),
                Column("Value #D", "HBAs"),
                Column("Value #E", "Up for", unit="dtdurations"),
                Column("Value #F", "Certificate", unit="dtdurations", steps=panels.below(limits.certificate_seconds)),
            ),
            sort="Certificate",
            descending=False,
        ),
        bars(
            "Of what does vCenter think badly?",
            "Objects by kind whose overall status is not green.",
            Q(overall_status(), "{{kind}} {{status}}"),
            steps=NONE_IS_BETTER,
            width=8,
        ),
        table(
            "Which vCenters are there?",
            "Version of each vCenter, and the step between its clock and the agent's.",
            greatest("vcenter, version, build, instance_uuid", VCENTER("vsphere_vcenter_info")),
            greatest("vcenter", VCENTER("vsphere_clock_skew_seconds")),
            columns=(
                Column("vcenter", "vCenter"),
                Column("version", "Version"),
                Column("build", "Build"),
                Column("Value #B", "Clock ahead by", unit="s"),
                Column("instance_uuid", "Instance UUID"),
            ),
            width=16,
        ),
    )


def overall_status() -> str:
    """How many objects of each kind are in a status other than green."""
    found = [
        f"label_replace(count by (status) ({once(VCENTER(f'vsphere_{kind}_overall_status', _NOT_GREEN))}), "
        f'"kind", "{kind}", "", "")'
        for kind in Kind
    ]
    return " or ".join(found)


_NOT_GREEN = 'status!="green"'


def pools() -> tuple[Panel, ...]:
    """Switches, port groups and resource pools."""
    switch = "vcenter, switch"
    return (
        table(
            "Which switches are there?",
            "Distributed switches with their hosts, uplinks, ports and largest frame.",
            *(
                greatest(switch, VCENTER(f"vsphere_switch_{name}"))
                for name in ("hosts", "uplinks", "ports", "mtu_bytes")
            ),
            greatest(f"{switch}, version", VCENTER("vsphere_switch_info")),
            columns=(
                Column("switch", "Switch"),
                Column("version", "Version"),
                Column("Value #A", "Hosts"),
                Column("Value #B", "Uplinks"),
                Column("Value #C", "Ports"),
                Column("Value #D", "MTU"),
                Column("vcenter", "vCenter"),
            ),
            width=12,
        ),
        table(
            "Which port groups are there?",
            "Distributed port groups with their VLAN and ports.",
            with_info(
                greatest("vcenter, portgroup", VCENTER("vsphere_portgroup_ports")),
                VCENTER("vsphere_portgroup_info"),
                on=("vcenter", "portgroup"),
                add=("switch", "vlan"),
            ),
            columns=(
                Column("portgroup", "Port group"),
                Column("switch", "Switch"),
                Column("vlan", "VLAN"),
                Column("Value", "Ports"),
                Column("vcenter", "vCenter"),
            ),
            width=12,
        ),
        *(_pools(kind, title) for kind, title in (("resource_pool", "resource pools"), ("vapp", "vApps"))),
        graph(
            "How much memory do resource pools use?",
            "Memory of hosts that is consumed by what is in the pool.",
            Q(
                greatest("vcenter, resource_pool", VCENTER("vsphere_resource_pool_mem_consumed_average_bytes", WHOLE)),
                "{{resource_pool}}",
            ),
            unit="bytes",
        ),
        graph(
            "How much CPU do resource pools use?",
            "CPU used by what is in the pool.",
            Q(
                greatest("vcenter, resource_pool", VCENTER("vsphere_resource_pool_cpu_usagemhz_average_hertz", WHOLE)),
                "{{resource_pool}}",
            ),
            unit="hertz",
        ),
    )


def _pools(kind: str, title: str) -> Panel:
    """What is reserved for pools of a kind, and what of it is taken."""

    def of(name: str) -> str:
        return greatest(f"vcenter, moid, {kind}", VCENTER(f"vsphere_{kind}_{name}"))

    return table(
        f"What is reserved for {title}?",
        "Reservations of CPU and memory, and how much of them is taken.",
        of("cpu_reservation_hertz"),
        of("cpu_reservation_used_hertz"),
        of("memory_reservation_bytes"),
        of("memory_reservation_used_bytes"),
        greatest(f"vcenter, moid, {kind}, cluster", VCENTER(f"vsphere_{kind}_info")),
        columns=(
            Column(kind, "Name"),
            Column("cluster", "Cluster"),
            Column("Value #A", "CPU", unit="hertz"),
            Column("Value #B", "CPU taken", unit="hertz"),
            Column("Value #C", "Memory", unit="bytes"),
            Column("Value #D", "Memory taken", unit="bytes"),
            Column("vcenter", "vCenter"),
        ),
        width=12,
    )
