"""Which metric families stay off the page when there are more series than the budget allows. Pure."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

KEPT = ("novacenter_*", "vsphere_up", "vsphere_last_success_timestamp_seconds")
"""Families that are never dropped: without them nobody could tell what is missing, or why."""

IMPORTANCE = (
    # What there is, and whether it is in trouble: everything else is read beside these.
    "vsphere_*_info",
    "vsphere_*_state",
    "vsphere_*_status",
    "vsphere_*_alarm*",
    "vsphere_*_connected",
    "vsphere_*_accessible",
    "vsphere_*_maintenance*",
    "vsphere_*_certificate_*",
    # What is full: few series each, and the ones that capacity alerts stand on.
    "vsphere_host_cpu_usage*",
    "vsphere_host_mem_usage*",
    "vsphere_cluster_cpu_usage*",
    "vsphere_cluster_mem_usage*",
    "vsphere_datastore_*_bytes",
    "vsphere_host_*_bytes",
    "vsphere_cluster_*",
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
    "vsphere_host_*",
    "vsphere_datastore_*",
    "vsphere_resource_pool_*",
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
