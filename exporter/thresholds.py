"""From where on something is worth an alert: the numbers of all rules, for dashboards and reports too. Pure.

The section ``rules`` of the configuration overrides them. A name says its unit: ``_seconds``, ``_ratio`` (0 to 1),
``_bytes_per_second``; the rest are counts.
"""

from dataclasses import dataclass

_MINUTE = 60.0
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is still accepted: an alert needs more than this, or less where the name says ``free`` or ``remaining``.

    Sources: ``host_cpu_ratio``, ``vcenter_hosts`` and the latencies of APIs are the figures of the integration that
    this agent is made for. ``host_memory_state``: 0 high, 1 soft, 2 hard, 3 low (vSphere API reference, counter
    mem.state.latest); below high, the host takes memory away from virtual machines. ``vm_cpu_ready_ratio``: VMware
    calls 5 % per virtual CPU worth a look, and 10 % a problem. ``snapshots``: VMware recommends two or three in a
    chain, none for longer than 72 hours; we wait for a week. Burn rates follow from ``objective_ratio`` and
    ``objective_days`` (Google, The Site Reliability Workbook, chapter 5).
    """

    host_cpu_ratio: float = 0.80
    host_cpu_hold_seconds: float = 5 * _MINUTE
    keep_firing_seconds: float = 5 * _MINUTE
    host_memory_state: float = 0
    host_swap_bytes_per_second: float = 1024.0 * 1024
    host_maintenance_seconds: float = 3 * _DAY
    vm_cpu_ready_ratio: float = 0.05
    vm_balloon_ratio: float = 0.05
    vm_swapped_ratio: float = 0.05

    datastore_latency_seconds: float = 0.03
    datastore_free_ratio: float = 0.15
    datastore_full_free_ratio: float = 0.05
    datastore_fill_seconds: float = 4 * _DAY
    vmdk_latency_seconds: float = 0.03
    rdm_latency_seconds: float = 0.02
    snapshot_age_seconds: float = 7 * _DAY
    snapshots: float = 3

    task_limit_factor: float = 2
    build_error_ratio: float = 0.2
    build_errors: float = 2
    build_seconds: float = 10 * _MINUTE
    detach_errors: float = 2

    vcenter_hosts: float = 500
    vcenter_hosts_ratio: float = 0.9
    vcenter_latency_seconds: float = 0.25
    api_latency_seconds: float = 0.25
    request_error_ratio: float = 0.5
    clock_skew_seconds: float = 5.0
    logins: float = 3

    objective_ratio: float = 0.999
    objective_days: float = 30
    budget_remaining_ratio: float = 0.1
    evaluator_stale_seconds: float = 2 * _MINUTE
    unknown_ratio: float = 0.5

    certificate_seconds: float = 30 * _DAY
    certificate_urgent_seconds: float = 7 * _DAY
    samples_missing_ratio: float = 0.01
    samples_late_ratio: float = 0.2
    sample_age_seconds: float = 2 * _MINUTE
    historical_sample_age_seconds: float = 30 * _MINUTE
    cycles_skipped: float = 3

    canary_coverage_ratio: float = 0.95
    canary_share_ratio: float = 0.10
    canary_share_drift_ratio: float = 0.02
    canary_stale_seconds: float = 3 * _HOUR
    canary_deadline_seconds: float = 1 * _DAY
    canary_told_seconds: float = 1 * _DAY
