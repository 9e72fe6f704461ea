"""Rules on vCenters, their hosts, clusters and virtual machines. Pure.

Performance series of a device carry ``device``; where an object as a whole is meant, they are left out.
"""

from exporter.rules.model import Alert, Group, duration, percent, seen
from exporter.thresholds import Thresholds

HA_TROUBLE = (
    *("networkPartitionedFromMaster", "networkIsolated", "hostDown"),
    *("initializationError", "uninitializationError", "fdmUnreachable"),
)
"""States of a host in which vSphere HA does not protect it (vSphere API reference, ClusterDasFdmAvailabilityState)."""
VM_TROUBLE = ("inaccessible", "invalid", "orphaned")
"""States of a virtual machine that vCenter has lost (vSphere API reference, VirtualMachineConnectionState)."""

_VCENTER = "{{ $labels.vcenter }}"
_HOST = "{{ $labels.host }}"
_VM = "{{ $labels.vm }}"
_CLUSTER = "{{ $labels.cluster }}"
_PERCENT = "{{ $value | humanizePercentage }}"


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All of them."""
    return (
        Group(name="vsphere-vcenters", interval=15, rules=_vcenters()),
        Group(
            name="vsphere-hosts", rules=(*_load(limits), *_memory(limits), *_states(), *_care(limits), *_trust(limits))
        ),
        Group(name="vsphere-clusters", rules=(*_clusters(), *_capacity())),
        Group(name="vsphere-vms", rules=(*_vms(limits), *_vm_memory(limits))),
    )


def _vcenters() -> tuple[Alert, ...]:
    return (
        Alert(
            name="VcenterDown",
            severity="critical",
            class_="api_communication",
            expr=seen("vsphere_up == 0"),
            hold=60,
            summary=f"vCenter {_VCENTER} does not answer",
            description=f"No cycle of vCenter {_VCENTER} has succeeded for a minute. Nothing behind it can be seen, "
            "and Nova cannot do anything there.",
        ),
        Alert(
            name="VsphereAlarmRed",
            severity="warning",
            expr=seen('vsphere_alarms{severity="red"} > 0', "severity"),
            hold=300,
            summary="{{ $labels.kind }} {{ $labels.entity }}: red alarm in vCenter",
            description="{{ $value }} red alarm(s) of vCenter " + _VCENTER + " on {{ $labels.kind }} "
            "{{ $labels.entity }}; vsphere_alarm_info names them.",
        ),
    )


def _load(limits: Thresholds) -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereHostCpuHigh",
            severity="warning",
            expr=seen(
                f'avg_over_time(vsphere_host_cpu_usage_average_ratio{{device=""}}[5m]) > {limits.host_cpu_ratio:.12g}'
            ),
            hold=limits.host_cpu_hold_seconds,
            keep=limits.keep_firing_seconds,
            summary=f"{_HOST}: CPU at {_PERCENT}",
            description=f"The CPU of host {_HOST} ({_VCENTER}) was used to {_PERCENT} on average over 5 minutes, and "
            f"for longer than {duration(limits.host_cpu_hold_seconds)} above {percent(limits.host_cpu_ratio)}.",
        ),
    )


def _memory(limits: Thresholds) -> tuple[Alert, ...]:
    memory = "vsphere_host_mem_state_latest"
    swap = (
        'vsphere_host_mem_swapin_rate_average_bytes_per_second{device=""}\n'
        '+ vsphere_host_mem_swapout_rate_average_bytes_per_second{device=""}\n'
        f"> {limits.host_swap_bytes_per_second:.12g}"
    )
    return (
        Alert(
            name="VsphereHostMemoryContention",
            severity="warning",
            expr=seen(f'{memory}{{device=""}} > {limits.host_memory_state:.12g}'),
            hold=300,
            keep=limits.keep_firing_seconds,
            summary=f"{_HOST}: memory is short",
            description=f"The memory state of host {_HOST} ({_VCENTER}) is " + "{{ $value }} (0 high, 1 soft, 2 hard, "
            "3 low): it takes memory away from its virtual machines.",
        ),
        Alert(
            name="VsphereHostSwapping",
            severity="warning",
            expr=seen(swap),
            hold=600,
            keep=limits.keep_firing_seconds,
            summary=f"{_HOST}: swaps at " + "{{ $value | humanize1024 }}B/s",
            description=f"Host {_HOST} ({_VCENTER}) swaps memory of virtual machines in and out at "
            "{{ $value | humanize1024 }}B/s; they are slow for as long as it does.",
        ),
    )


def _states() -> tuple[Alert, ...]:
    state = seen('vsphere_host_connection_state{{state="{}"}} == 1')
    return (
        Alert(
            name="VsphereHostNotResponding",
            severity="critical",
            expr=state.format("notResponding"),
            hold=120,
            summary=f"{_HOST}: does not respond",
            description=f"Host {_HOST} does not respond to vCenter {_VCENTER} for 2 minutes. Its virtual machines may "
            "run on, or be restarted elsewhere by vSphere HA.",
        ),
        Alert(
            name="VsphereHostDisconnected",
            severity="warning",
            expr=state.format("disconnected"),
            hold=300,
            summary=f"{_HOST}: disconnected",
            description=f"Host {_HOST} is disconnected from vCenter {_VCENTER} for 5 minutes. Its virtual machines "
            "run, but nobody manages them.",
        ),
    )


def _care(limits: Thresholds) -> tuple[Alert, ...]:
    longest = duration(limits.host_maintenance_seconds)
    return (
        Alert(
            name="VsphereHostMaintenanceTooLong",
            severity="warning",
            expr=seen("vsphere_host_maintenance_mode == 1"),
            hold=limits.host_maintenance_seconds,
            summary=f"{_HOST}: in maintenance mode for {longest}",
            description=f"Host {_HOST} ({_VCENTER}) has been in maintenance mode for longer than {longest}; its "
            "cluster lacks it.",
        ),
        Alert(
            name="VsphereHostInMaintenance",
            severity="none",
            expr=seen("vsphere_host_maintenance_mode == 1"),
            summary=f"{_HOST}: in maintenance mode",
            description=f"Host {_HOST} ({_VCENTER}) is in maintenance mode. This alert tells nobody; it keeps others "
            "of the host back.",
        ),
    )


def _trust(limits: Thresholds) -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereHostHaTrouble",
            severity="critical",
            expr=seen(f'vsphere_host_ha_state{{state=~"{"|".join(HA_TROUBLE)}"}} == 1'),
            hold=300,
            summary=f"{_HOST}: not protected by vSphere HA",
            description=f"Host {_HOST} ({_VCENTER}) is in the state " + "{{ $labels.state }} of vSphere HA for 5 "
            "minutes: if it fails, its virtual machines may not be restarted.",
        ),
        Alert(
            name="VsphereHostCertificateExpiring",
            severity="warning",
            expr=seen(
                f"vsphere_host_certificate_expiry_timestamp_seconds - time() < {limits.certificate_seconds:.12g}"
            ),
            hold=3600,
            summary=f"{_HOST}: certificate ends in " + "{{ $value | humanizeDuration }}",
            description=f"The certificate of host {_HOST} ({_VCENTER}) ends in " + "{{ $value | humanizeDuration }}; "
            "then vCenter disconnects it.",
        ),
    )


def _clusters() -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereClusterWithoutHosts",
            severity="critical",
            expr=seen("vsphere_cluster_effective_hosts == 0 and vsphere_cluster_hosts > 0"),
            hold=120,
            summary=f"{_CLUSTER}: no host can run virtual machines",
            description=f"No host of cluster {_CLUSTER} ({_VCENTER}) is connected and out of maintenance mode.",
        ),
        Alert(
            name="VsphereClusterHaDisabled",
            severity="warning",
            expr=seen("vsphere_cluster_ha_enabled == 0 and vsphere_cluster_hosts > 1"),
            hold=900,
            summary=f"{_CLUSTER}: vSphere HA is off",
            description=f"vSphere HA of cluster {_CLUSTER} ({_VCENTER}) is off: if a host fails, its virtual machines "
            "stay down.",
        ),
    )


def _capacity() -> tuple[Alert, ...]:
    failover = (
        "vsphere_cluster_ha_failover_hosts\n"
        "< vsphere_cluster_ha_configured_failover_hosts\n"
        "and vsphere_cluster_ha_enabled == 1"
    )
    automation = 'vsphere_cluster_drs_enabled == 0\nor\nvsphere_cluster_drs_automation{level!="fullyAutomated"} == 1'
    return (
        Alert(
            name="VsphereClusterFailoverCapacityLost",
            severity="critical",
            expr=seen(failover),
            hold=600,
            summary=f"{_CLUSTER}: " + "{{ $value }} host(s) may fail, fewer than configured",
            description=f"Cluster {_CLUSTER} ({_VCENTER}) "
            "has room for the VMs of {{ $value }} failed "
            "host(s), which is fewer than vSphere HA is configured for.",
        ),
        Alert(
            name="VsphereClusterDrsNotAutomated",
            severity="warning",
            expr=seen(automation, "level"),
            hold=1800,
            summary=f"{_CLUSTER}: DRS does not place virtual machines",
            description=f"DRS of cluster {_CLUSTER} ({_VCENTER}) is off or not fully automated. Nova names no host "
            "within the cluster, so that new virtual machines pile up on some.",
        ),
    )


def _vms(limits: Thresholds) -> tuple[Alert, ...]:
    ready = (
        f'avg_over_time(vsphere_vm_cpu_readiness_average_ratio{{device=""}}[10m]) > {limits.vm_cpu_ready_ratio:.12g}'
    )
    return (
        Alert(
            name="VsphereVmCpuReady",
            severity="warning",
            expr=seen(ready),
            hold=600,
            keep=limits.keep_firing_seconds,
            summary=f"{_VM}: waits for CPU, {_PERCENT}",
            description=f"The virtual CPUs of {_VM} ({_VCENTER}) were ready to run and had to wait for {_PERCENT} of "
            f"the last 10 minutes; more than {percent(limits.vm_cpu_ready_ratio)} is felt.",
        ),
    )


def _vm_memory(limits: Thresholds) -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereVmBallooning",
            severity="warning",
            expr=seen(_share("vsphere_vm_mem_vmmemctl_average_bytes", limits.vm_balloon_ratio)),
            hold=900,
            keep=limits.keep_firing_seconds,
            summary=f"{_VM}: {_PERCENT} of its memory is ballooned",
            description=f"The balloon driver in {_VM} ({_VCENTER}) has taken {_PERCENT} of its memory, more than "
            f"{percent(limits.vm_balloon_ratio)}, for its host.",
        ),
        Alert(
            name="VsphereVmSwapped",
            severity="warning",
            expr=seen(_share("vsphere_vm_mem_swapped_average_bytes", limits.vm_swapped_ratio)),
            hold=900,
            keep=limits.keep_firing_seconds,
            summary=f"{_VM}: {_PERCENT} of its memory is swapped out",
            description=f"The host of {_VM} ({_VCENTER}) has swapped out {_PERCENT} of its memory, more than "
            f"{percent(limits.vm_swapped_ratio)}; what is touched there comes back from disk.",
        ),
        Alert(
            name="VsphereVmInaccessible",
            severity="warning",
            expr=seen(f'vsphere_vm_connection_state{{state=~"{"|".join(VM_TROUBLE)}"}} == 1'),
            hold=600,
            summary=f"{_VM}: " + "{{ $labels.state }} in vCenter",
            description=f"Virtual machine {_VM} ({_VCENTER}) is " + "{{ $labels.state }} for 10 minutes: vCenter "
            "cannot read its configuration, and Nova cannot act on it.",
        ),
    )


def _share(metric: str, limit: float) -> str:
    return f'{metric}{{device=""}}\n/ on (vcenter, moid, instance) group_left () vsphere_vm_memory_bytes > {limit:.12g}'
