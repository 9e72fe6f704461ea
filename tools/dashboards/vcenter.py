"""vCenter & hosts: does vCenter answer, are hosts and clusters well, who is short of CPU or memory."""

from exporter.rules.vsphere import HA_TROUBLE
from exporter.thresholds import Thresholds
from tools.dashboards import panels, vcenterparts
from tools.dashboards.house import VCENTERS, Dashboard, Panel, Row
from tools.dashboards.panels import NONE_IS_BETTER, NONE_IS_GOOD, Column, Q, graph, number, table, timeline
from tools.dashboards.parts import CALLS, LIGHT_CALLS, MAINTENANCE_STATES, states_of_hosts
from tools.dashboards.promql import VCENTER, count, failing, greatest, once, quantile
from tools.dashboards.vcenterparts import CLUSTERS, HOST, HOSTS, WHOLE

_UP = VCENTER("vsphere_up")


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="vcenter",
        title="vCenter and hosts",
        text="vCenters, their clusters and ESXi hosts.",
        choices=(VCENTERS, CLUSTERS, HOSTS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("Where, and since when?", _where()),
            Row("CPU and memory of hosts", _load(limits)),
            Row("Disks, network and power of hosts", _devices(limits)),
            Row("Clusters", vcenterparts.clusters()),
            Row("What is there", vcenterparts.inventory(limits)),
            Row("Networks and pools", vcenterparts.pools(), collapsed=True),
        ),
    )


def _cpu() -> str:
    return once(HOST("vsphere_host_cpu_usage_average_ratio", WHOLE))


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    lost = HOST("vsphere_host_connection_state", 'state!="connected"')
    bad = "|".join(HA_TROUBLE)
    trouble = HOST("vsphere_host_ha_state", f'state=~"{bad}"')
    busy = f"avg_over_time({HOST('vsphere_host_cpu_usage_average_ratio', WHOLE)}[5m]) > {limits.host_cpu_ratio:g}"
    short = f"{once(HOST('vsphere_host_mem_state_latest', WHOLE))} > {limits.host_memory_state:g}"
    there = HOST("vsphere_host_maintenance_mode")
    red = VCENTER("vsphere_alarms", 'severity="red"')
    return (
        number("vCenters down", "vCenters whose last cycle failed.", failing("vcenter", _UP), steps=NONE_IS_GOOD),
        number(
            "Hosts lost",
            "ESXi hosts that are disconnected or do not respond.",
            count(greatest("vcenter, moid", lost), known=there),
            steps=NONE_IS_GOOD,
        ),
        number(
            "In maintenance",
            "ESXi hosts in maintenance mode.",
            f"sum({greatest('vcenter, moid', there)})",
            steps=NONE_IS_BETTER,
        ),
        number(
            "CPU above limit",
            "ESXi hosts whose CPU usage over 5 minutes is above the limit of the alert.",
            count(once(busy), known=there),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Memory short",
            "ESXi hosts whose memory state is below high: they take memory away from virtual machines.",
            count(short, known=there),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Without HA",
            "ESXi hosts in a state in which vSphere HA does not protect them.",
            count(greatest("vcenter, moid", trouble), known=there),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Red alarms",
            "Alarms that vCenter has triggered at severity red, on whatever object.",
            f"sum({once(red)}) or 0 * max({_UP})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "API latency",
            "Median time of our light calls to the slowest vCenter, as the alert looks at it.",
            f"max({quantile(0.5, 'vcenter', LIGHT_CALLS('novacenter_request_duration_seconds_bucket'))})",
            unit="s",
            steps=panels.above(limits.vcenter_latency_seconds),
        ),
    )


def _where() -> tuple[Panel, ...]:
    return (
        timeline(
            "Which hosts are in service?",
            "Connection and maintenance mode of each ESXi host.",
            *states_of_hosts(only_trouble=False),
            states=MAINTENANCE_STATES,
        ),
        table(
            "Which alarms has vCenter triggered?",
            "Alarms with the time at which they took their present severity.",
            f"1000 * {greatest('vcenter, kind, entity, alarm', VCENTER('vsphere_alarm_triggered_timestamp_seconds'))}",
            greatest("vcenter, kind, entity, alarm, severity, acknowledged", VCENTER("vsphere_alarm_info")),
            columns=(
                Column("Value #A", "Since", unit="dateTimeFromNow"),
                Column("severity", "Severity"),
                Column("kind", "Kind"),
                Column("entity", "Object"),
                Column("alarm", "Alarm"),
                Column("acknowledged", "Acknowledged"),
                Column("vcenter", "vCenter"),
            ),
            sort="Since",
            width=12,
        ),
    )


def _load(limits: Thresholds) -> tuple[Panel, ...]:
    swap = " + ".join(
        once(HOST(f"vsphere_host_mem_swap{way}_rate_average_bytes_per_second", WHOLE)) for way in ("in", "out")
    )
    return (
        graph(
            "How busy is the CPU of each host?",
            "cpu.usage.average. The line is where the alert begins.",
            Q(_cpu(), "{{host}}"),
            unit="percentunit",
            steps=panels.above(limits.host_cpu_ratio),
            most=1,
        ),
        graph(
            "How long do virtual CPUs wait on each host?",
            "Share of the time in which virtual machines were ready to run and did not.",
            Q(once(HOST("vsphere_host_cpu_readiness_average_ratio", WHOLE)), "{{host}}"),
            unit="percentunit",
            steps=panels.above(limits.vm_cpu_ready_ratio),
        ),
        graph(
            "How full is the memory of each host?",
            "Consumed share of the host's memory.",
            Q(once(HOST("vsphere_host_mem_usage_average_ratio", WHOLE)), "{{host}}"),
            unit="percentunit",
            most=1,
        ),
        graph(
            "Which hosts swap?",
            "Memory of virtual machines swapped in and out. The line is where the alert begins.",
            Q(swap, "{{host}}"),
            unit="binBps",
            steps=panels.above(limits.host_swap_bytes_per_second),
        ),
        graph(
            "How much memory is taken back by balloons?",
            "Memory that balloon drivers have taken from virtual machines for their host.",
            Q(once(HOST("vsphere_host_mem_vmmemctl_average_bytes", WHOLE)), "{{host}}"),
            unit="bytes",
        ),
        timeline(
            "Which hosts are short of memory?",
            "mem.state.latest: below high, a host takes memory away from virtual machines.",
            Q(greatest("vcenter, host", HOST("vsphere_host_mem_state_latest", WHOLE)), "{{host}}"),
            states={
                0: ("high", panels.GREEN),
                1: ("soft", panels.YELLOW),
                2: ("hard", panels.ORANGE),
                3: ("low", panels.RED),
            },
        ),
    )


def _devices(limits: Thresholds) -> tuple[Panel, ...]:
    dropped = " + ".join(once(HOST(f"vsphere_host_net_dropped_{way}_summation", WHOLE)) for way in ("rx", "tx"))
    wires = " + ".join(
        once(HOST(f"vsphere_host_net_{way}_average_bytes_per_second", WHOLE)) for way in ("received", "transmitted")
    )
    disks = " + ".join(
        once(HOST(f"vsphere_host_disk_{way}_average_bytes_per_second", WHOLE)) for way in ("read", "write")
    )
    return (
        graph(
            "How slow is the slowest disk of each host?",
            "Highest latency over all disks of the host. The line is where the alert of a datastore begins.",
            Q(once(HOST("vsphere_host_disk_max_total_latency_latest_seconds", WHOLE)), "{{host}}"),
            unit="s",
            steps=panels.above(limits.datastore_latency_seconds),
        ),
        graph("How much does each host read and write?", "Sum over its disks.", Q(disks, "{{host}}"), unit="binBps"),
        graph("How much goes over the network?", "Received and sent.", Q(wires, "{{host}}"), unit="binBps"),
        graph("Which hosts drop packets?", "Packets dropped per interval of 20 s.", Q(dropped, "{{host}}")),
        graph(
            "How much power does each host draw?",
            "power.power.average.",
            Q(once(HOST("vsphere_host_power_power_average_watts", WHOLE)), "{{host}}"),
            unit="watt",
        ),
        graph(
            "How fast does each vCenter answer, by operation?",
            "95th percentile of our calls, by operation; without the one that waits for changes.",
            Q(
                quantile(0.95, "vcenter, operation", CALLS("novacenter_request_duration_seconds_bucket")),
                "{{operation}} {{vcenter}}",
            ),
            unit="s",
        ),
    )
