"""VMs: which machine suffers, whose it is (project, flavor), and where it runs (Nova host, ESXi host)."""

from exporter.rules.vsphere import VM_TROUBLE
from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import VCENTERS, Choice, Dashboard, Panel, Row
from tools.dashboards.panels import NONE_IS_BETTER, NONE_IS_GOOD, Column, Q, bars, graph, number, opens, table
from tools.dashboards.promql import VCENTER, count, greatest, with_info
from tools.dashboards.vcenterparts import CLUSTERS, WHOLE

_OF = 'job=~"$job",vcenter=~"$vcenter",cluster=~"$cluster"'
PROJECTS = Choice("project", "Project", f"label_values(vsphere_vm_info{{{_OF}}}, project)", every=".*")
NOVA_HOSTS = Choice("nova_host", "Nova host", f"label_values(vsphere_vm_info{{{_OF}}}, nova_host)", every=".*")
VMS = Choice(
    "vm",
    "VM",
    f'label_values(vsphere_vm_info{{{_OF},project=~"$project",nova_host=~"$nova_host"}}, vm)',
)

_MOST = 10
_VM = VCENTER.only('vm=~"$vm"')
_INFO = _VM("vsphere_vm_info", 'cluster=~"$cluster"', 'project=~"$project"', 'nova_host=~"$nova_host"')
_KEYS = ("vcenter", "moid", "vm")
_ON = ("vcenter", "moid")
_WHOSE = ("project", "nova_host", "host")


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="vms",
        title="VMs",
        text="Virtual machines with their project, flavor and Nova host. Machines that are not Nova's have no project; "
        "All includes them.",
        choices=(VCENTERS, CLUSTERS, PROJECTS, NOVA_HOSTS, VMS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("Which machines suffer?", _suffering(limits)),
            Row("Who uses what?", _usage()),
            Row("Snapshots and leftovers", _snapshots(limits)),
            Row("What is there", _inventory()),
        ),
    )


def chosen(value: str, *add: str) -> str:
    """A value of machines, of the chosen ones only, with labels of their info."""
    return with_info(value, _INFO, on=_ON, add=add)


def _each(name: str, *matchers: str) -> str:
    return greatest(", ".join(_KEYS), _VM(name, *matchers))


def _top(value: str) -> str:
    return f"topk({_MOST}, {chosen(value, 'project')})"


def _share(name: str) -> str:
    """A part of the machine's memory."""
    return f"{_each(name, WHOLE)} / {_each('vsphere_vm_memory_bytes')}"


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    known = _VM("vsphere_vm_vcpus")
    lost = "|".join(VM_TROUBLE)
    ready = f"{_each('vsphere_vm_cpu_readiness_average_ratio', WHOLE)} > {limits.vm_cpu_ready_ratio:g}"
    age = f"time() - {_each('vsphere_vm_snapshot_oldest_timestamp_seconds')} > {limits.snapshot_age_seconds:g}"
    balloon = f"{_share('vsphere_vm_mem_vmmemctl_average_bytes')} > {limits.vm_balloon_ratio:g}"
    swapped = f"{_share('vsphere_vm_mem_swapped_average_bytes')} > {limits.vm_swapped_ratio:g}"
    on = _each("vsphere_vm_power_state", 'state="poweredOn"')
    return (
        number("Powered on", "Virtual machines that run.", count(chosen(on), known=known)),
        number(
            "Lost",
            "Machines that vCenter cannot access, or whose files are gone or broken.",
            count(chosen(_each("vsphere_vm_connection_state", f'state=~"{lost}"')), known=known),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Wait for CPU",
            "Machines that are ready to run and wait for more of the time than the alert accepts.",
            count(chosen(f"({ready})"), known=known),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Ballooned",
            "Machines of whose memory the balloon driver has taken more than the alert accepts.",
            count(chosen(f"({balloon})"), known=known),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Swapped",
            "Machines of whose memory their host has swapped out more than the alert accepts.",
            count(chosen(f"({swapped})"), known=known),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Old snapshots",
            "Machines with a snapshot that is older than the alert accepts.",
            count(chosen(f"({age})"), known=known),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Consolidate",
            "Machines with disks left over from removed snapshots.",
            count(chosen(f"({_each('vsphere_vm_disk_consolidation_needed')} == 1)"), known=known),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Without Tools",
            "Machines in which VMware Tools do not run; what their guest would report is missing.",
            count(chosen(f"({_each('vsphere_vm_tools_running')} == 0)"), known=known),
        ),
    )


def _suffering(limits: Thresholds) -> tuple[Panel, ...]:
    legend = "{{vm}} {{project}}"
    return (
        graph(
            "Which machines wait for CPU?",
            "Share of the time in which the machine was ready to run and did not. The line is where the alert begins.",
            Q(_top(_each("vsphere_vm_cpu_readiness_average_ratio", WHOLE)), legend),
            unit="percentunit",
            steps=panels.above(limits.vm_cpu_ready_ratio),
        ),
        graph(
            "Which machines wait for their other CPUs?",
            "Co-stop within each interval of 20 s, summed over the machine's virtual CPUs.",
            Q(_top(_each("vsphere_vm_cpu_costop_summation_seconds", WHOLE)), legend),
            unit="s",
        ),
        graph(
            "Whose memory is ballooned?",
            "Share of the machine's memory that the balloon driver has taken. The line is where the alert begins.",
            Q(_top(f"({_share('vsphere_vm_mem_vmmemctl_average_bytes')})"), legend),
            unit="percentunit",
            steps=panels.above(limits.vm_balloon_ratio),
        ),
        graph(
            "Whose memory is swapped out?",
            "Share of the machine's memory that its host has swapped out. The line is where the alert begins.",
            Q(_top(f"({_share('vsphere_vm_mem_swapped_average_bytes')})"), legend),
            unit="percentunit",
            steps=panels.above(limits.vm_swapped_ratio),
        ),
        graph(
            "Whose disks are slow?",
            "Highest latency over the machine's datastores.",
            Q(_top(_each("vsphere_vm_datastore_max_total_latency_latest_seconds", WHOLE)), legend),
            unit="s",
            steps=panels.above(limits.datastore_latency_seconds),
        ),
        graph(
            "Whose packets are dropped?",
            "Packets dropped per interval of 20 s, received and sent.",
            Q(_top(f"({_both('vsphere_vm_net_dropped_{}_summation', 'rx', 'tx')})"), legend),
        ),
    )


def _both(name: str, *ways: str) -> str:
    return " + ".join(_each(name.format(way), WHOLE) for way in ways)


def _usage() -> tuple[Panel, ...]:
    legend = "{{vm}} {{project}}"
    wires = f"({_both('vsphere_vm_net_{}_average_bytes_per_second', 'received', 'transmitted')})"
    return (
        graph(
            "Which machines use the most CPU?",
            "cpu.usage.average, of the machine's virtual CPUs.",
            Q(_top(_each("vsphere_vm_cpu_usage_average_ratio", WHOLE)), legend),
            unit="percentunit",
            most=1,
        ),
        graph(
            "Which machines use the most memory?",
            "Memory that is actively used, as ESXi estimates it.",
            Q(_top(_each("vsphere_vm_mem_active_average_bytes", WHOLE)), legend),
            unit="bytes",
        ),
        graph(
            "Which machines use the network most?",
            "Received and sent.",
            Q(_top(wires), legend),
            unit="binBps",
        ),
        graph(
            "How much CPU does each project use?",
            "CPU used by all machines of a project; the line without a name is of machines that are not Nova's.",
            Q(
                f"sum by (project) ({chosen(_each('vsphere_vm_cpu_usagemhz_average_hertz', WHOLE), 'project')})",
                "{{project}}",
            ),
            unit="hertz",
            stacked=True,
        ),
        graph(
            "How much memory does each project take?",
            "Memory of hosts that all machines of a project take; the line without a name is of machines not Nova's.",
            Q(
                f"sum by (project) ({chosen(_each('vsphere_vm_mem_consumed_average_bytes', WHOLE), 'project')})",
                "{{project}}",
            ),
            unit="bytes",
            stacked=True,
        ),
        bars(
            "How many machines does each Nova host have?",
            "Machines by the nova-compute that they belong to; without a name: not Nova's.",
            Q(f"count by (nova_host) ({chosen(_each('vsphere_vm_vcpus'), 'nova_host')})", "{{nova_host}}"),
            width=12,
        ),
    )


def _snapshots(limits: Thresholds) -> tuple[Panel, ...]:
    return (
        table(
            "Which machines have snapshots?",
            "Number, space taken since the oldest was made, and its age; red from where the alerts begin.",
            f"time() - {chosen(_each('vsphere_vm_snapshot_oldest_timestamp_seconds'), *_WHOSE)}",
            f"{_each('vsphere_vm_snapshots')} > 0",
            f"{_each('vsphere_vm_snapshot_bytes')} > 0",
            columns=(
                Column("vm", "VM", link=opens("vms", "vm")),
                Column("Value #A", "Oldest", unit="dtdurations", steps=panels.above(limits.snapshot_age_seconds)),
                Column("Value #B", "Snapshots", steps=panels.above(limits.snapshots + 1)),
                Column("Value #C", "Space", unit="bytes"),
                Column("project", "Project"),
                Column("nova_host", "Nova host"),
                Column("host", "Host"),
                Column("vcenter", "vCenter"),
            ),
            sort="Oldest",
        ),
    )


def _inventory() -> tuple[Panel, ...]:
    described = (*_WHOSE, "cluster", "flavor", "availability_zone", "guest_os", "instance_uuid")
    size = chosen(_each("vsphere_vm_vcpus"), *described)
    power = greatest("vcenter, moid, vm, state", _VM("vsphere_vm_power_state"))
    guest = greatest("vcenter, moid, vm, hostname, ip_address", _VM("vsphere_vm_guest_info"))
    up = f"time() - {_each('vsphere_vm_boot_timestamp_seconds')}"
    tools = greatest("vcenter, moid, vm, running_status, version_status", _VM("vsphere_vm_tools_info"))
    return (
        table(
            "Which machines are there, and whose?",
            "Owner, place, size and guest of each machine.",
            size,
            _each("vsphere_vm_memory_bytes"),
            power,
            up,
            guest,
            tools,
            _each("vsphere_vm_nics"),
            columns=(
                Column("vm", "VM", link=opens("vms", "vm")),
                Column("state", "Power"),
                Column("project", "Project", link=opens("vms", "project")),
                Column("flavor", "Flavor"),
                Column("nova_host", "Nova host", link=opens("vms", "nova_host")),
                Column("host", "Host", link=opens("vcenter", "host")),
                Column("cluster", "Cluster"),
                Column("Value #A", "vCPUs"),
                Column("Value #B", "Memory", unit="bytes"),
                Column("Value #D", "Up for", unit="dtdurations"),
                Column("Value #G", "NICs"),
                Column("hostname", "Guest's name"),
                Column("ip_address", "Address"),
                Column("version_status", "Tools"),
                Column("guest_os", "Guest"),
                Column("instance_uuid", "Instance UUID"),
            ),
            sort="VM",
            descending=False,
            height=12,
        ),
        graph(
            "How much power do machines draw?",
            "power.power.average, as ESXi attributes it; the ten highest.",
            Q(_top(_each("vsphere_vm_power_power_average_watts", WHOLE)), "{{vm}} {{project}}"),
            unit="watt",
        ),
        table(
            "Which custom attributes do machines have?",
            "As somebody set them in vCenter; other objects have them, too, in the same metric.",
            greatest("entity, name, value", VCENTER("vsphere_custom_attribute_info", 'kind="vm"', 'entity=~"$vm"')),
            columns=(Column("entity", "VM"), Column("name", "Attribute"), Column("value", "Value")),
            width=12,
        ),
        table(
            "Which addresses and ports do machines have?",
            "Network cards with their network and, of Nova's machines, the Neutron port.",
            with_info(
                greatest("vcenter, moid, vm, nic, mac, network, port", _VM("vsphere_vm_nic_info")),
                _INFO,
                on=_ON,
                add=("project",),
            ),
            columns=(
                Column("vm", "VM", link=opens("vms", "vm")),
                Column("nic", "Card"),
                Column("mac", "MAC"),
                Column("network", "Network"),
                Column("port", "Neutron port"),
                Column("project", "Project"),
            ),
            width=12,
        ),
    )
