"""Which metric families stay off the page when there are more series than the budget allows. Pure."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from exporter.model import Kind

KEPT = ("novacenter_*", "sla_*", "canary_*", "vsphere_up", "vsphere_last_success_timestamp_seconds")
"""Families that are never dropped: without them nobody could tell what is missing, or why; and what is promised."""

IMPORTANCE = (
    # What hangs, and on which side: few series, and what an incident is declared by.
    "nova_vmware_task_timeouts_total",
    "nova_vmware_tasks_in_flight",
    "nova_vmware_task_oldest_age_seconds",
    "nova_vmware_service_*",
    "nova_vmware_findings",
    "openstack_service*",
    "nova_vmware_*",
    "integration_*",
    "openstack_servers",
    "openstack_hypervisor_*",
    # What there is, and whether it is in trouble: everything else is read beside these.
    *(f"vsphere_{kind}_info" for kind in Kind),
    "vsphere_entities",
    "vsphere_alarm*",
    "vsphere_*_state",
    "vsphere_*_status",
    "vsphere_host_maintenance_mode",
    "vsphere_host_certificate_*",
    "vsphere_datastore_accessible",
    "vsphere_datastore_mount_*",
    "vsphere_task_*",
    # What is full: few series, and the ones that capacity alerts stand on.
    "vsphere_host_cpu_usage*",
    "vsphere_host_mem_usage*",
    "vsphere_host_memory_bytes",
    "vsphere_host_storage_*",
    "vsphere_storage_events_total",
    "vsphere_cluster_*",
    "vsphere_datastore_*_bytes",
    "vsphere_vm_cpu_usage*",
    "vsphere_vm_mem_usage*",
    # What a tenant feels: latency, waiting for a CPU, memory taken away, packets lost.
    "vsphere_host_*latency*",
    "vsphere_datastore_*latency*",
    "vsphere_vm_*latency*",
    "vsphere_*_cpu_ready*",
    "vsphere_*_cpu_costop*",
    "vsphere_*_mem_swap*",
    "vsphere_*_mem_vmmemctl*",
    "vsphere_*_dropped_*",
    "vsphere_vm_snapshot*",
    "vsphere_vm_vcpus",
    "vsphere_vm_memory_bytes",
    "vsphere_vm_tools_running",
    "vsphere_vm_disk_consolidation_needed",
    # The rest, smaller kinds first.
    "openstack_provider_*",
    "vsphere_datacenter_*",
    "vsphere_datastore_*",
    "vsphere_switch_*",
    "vsphere_portgroup_*",
    "vsphere_resource_pool_*",
    "vsphere_vapp_*",
    "vsphere_host_*",
    "vsphere_*_info",
    "vsphere_vm_boot_timestamp_seconds",
    "vsphere_vm_nics",
    "vsphere_vm_cpu_*",
    "vsphere_vm_mem_*",
    "vsphere_vm_net_*",
    "vsphere_vm_disk_*",
)
"""Globs of family names, the most important first. What no glob meets is dropped before everything else."""


def within(
    series: Mapping[str, int], budget: int, *, importance: Sequence[str] = IMPORTANCE, kept: Sequence[str] = KEPT
) -> tuple[str, ...]:
    """The families to drop so that the series of the rest fit the budget, the least important first.

    ``series`` is family name -> number of series. Families that meet the same glob, or none, go in reverse alphabetical
    order. More than needed is never dropped, and a larger budget never drops a family that a smaller one keeps. The
    rest exceeds the budget only where the families in ``kept`` alone do.
    """
    left = sum(series.values())
    if left <= budget:
        return ()
    droppable = [name for name, count in series.items() if count and _rank(name, tuple(kept)) == len(kept)]
    dropped = []
    for name in sorted(droppable, key=lambda name: (_rank(name, tuple(importance)), name), reverse=True):
        if left <= budget:
            break
        dropped.append(name)
        left -= series[name]
    return tuple(dropped)


@lru_cache(maxsize=8192)
def _rank(name: str, globs: tuple[str, ...]) -> int:
    """The index of the first glob that the name meets, or the number of globs."""
    return next((index for index, glob in enumerate(globs) if fnmatchcase(name, glob)), len(globs))
