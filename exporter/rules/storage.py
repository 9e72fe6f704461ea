"""Rules on storage: datastores, paths, disks by backing, snapshots, and the volume services. Pure.

A disk's counters do not say what backs it; that comes from ``vsphere_vm_disk_info`` by virtual machine and device.
"""

from exporter.rules.model import Alert, Group, Recording, duration, percent, seen
from exporter.thresholds import Thresholds

CLASS = "storage_connection"
LATENCY = "vcenter_backing:vsphere_vm_disk_latency_seconds:avg"
"""The mean latency of virtual disks by vCenter, backing and direction (op)."""

_CONNECTED = '\nand on (vcenter, host, instance) vsphere_host_connection_state{state="connected"} == 1'
"""Of a host that vCenter is not connected to, vCenter shows what it was told last: as in the built-in policy."""
_VCENTER = "{{ $labels.vcenter }}"
_HOST = "{{ $labels.host }}"
_DATASTORE = "{{ $labels.datastore }}"
_VM = "{{ $labels.vm }}"
_PERCENT = "{{ $value | humanizePercentage }}"
_TIME = "{{ $value | humanizeDuration }}"


def groups(limits: Thresholds) -> tuple[Group, ...]:
    """All of them."""
    return (
        Group(name="storage-connections", interval=15, rules=(*_datastores(), *_hosts(), _cinder())),
        Group(name="storage-space", rules=_space(limits)),
        Group(name="storage-latency", rules=(*_recordings(), *_latency(limits))),
        Group(name="storage-snapshots", rules=_snapshots(limits)),
    )


def _datastores() -> tuple[Alert, ...]:
    planned = 'unless on (vcenter, moid, instance) vsphere_datastore_maintenance_state{state="inMaintenance"} == 1'
    machines = (
        "count by (vcenter, datastore, job) (\n"
        "  max by (vcenter, datastore, moid, job) (vsphere_vm_disk_info)\n"
        ")\n"
        "and on (vcenter, datastore) max by (vcenter, datastore) (vsphere_datastore_accessible == 0)"
    )
    return (
        Alert(
            name="VsphereDatastoreInaccessible",
            severity="critical",
            class_=CLASS,
            expr=seen(f"vsphere_datastore_accessible == 0\n{planned}"),
            hold=60,
            summary=f"Datastore {_DATASTORE}: no host can access it",
            description=f"No host of vCenter {_VCENTER} can access datastore {_DATASTORE} for a minute, and it is not "
            "in maintenance mode.",
        ),
        Alert(
            name="VsphereDatastoreDisconnectedWithVms",
            severity="critical",
            class_=CLASS,
            expr=machines,
            hold=60,
            summary=f"Datastore {_DATASTORE}: inaccessible, with disks of " + "{{ $value }} virtual machine(s) on it",
            description="{{ $value }} virtual machine(s) of vCenter " + f"{_VCENTER} have disks on datastore "
            f"{_DATASTORE}, which no host can access. They hang or have stopped.",
        ),
        Alert(
            name="VsphereDatastoreLostByHost",
            severity="critical",
            class_=CLASS,
            expr=seen(f"vsphere_datastore_mount_accessible == 0{_CONNECTED}"),
            hold=60,
            summary=f"{_HOST}: cannot access datastore {_DATASTORE}",
            description=f"Host {_HOST} ({_VCENTER}) has mounted datastore {_DATASTORE} and cannot access it for a "
            "minute.",
        ),
    )


def _hosts() -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereHostPathsDown",
            severity="critical",
            class_=CLASS,
            expr=seen(f"vsphere_host_storage_luns_down > 0{_CONNECTED}"),
            hold=60,
            summary=f"{_HOST}: all paths to " + "{{ $value }} LUN(s) are down",
            description=f"Host {_HOST} ({_VCENTER}) has no working path to " + "{{ $value }} logical unit(s) for a "
            "minute.",
        ),
        Alert(
            name="VsphereHostRedundancyLost",
            severity="warning",
            class_=CLASS,
            expr=seen(f"vsphere_host_storage_luns_without_redundancy > 0{_CONNECTED}"),
            hold=300,
            summary=f"{_HOST}: one path left to " + "{{ $value }} LUN(s)",
            description=f"Host {_HOST} ({_VCENTER}) has one working path of several left to " + "{{ $value }} logical "
            "unit(s) for 5 minutes: the next failure cuts them off.",
        ),
        Alert(
            name="VsphereHostStorageLost",
            severity="critical",
            class_=CLASS,
            expr=seen(f'vsphere_host_storage_lost{{reason!="redundancy"}} > 0{_CONNECTED}'),
            hold=60,
            summary=f"{_HOST}: lost " + "{{ $value }} device(s), {{ $labels.reason }}",
            description=f"Host {_HOST} ({_VCENTER}) told of " + "{{ $value }} device(s) or volume(s) that it lost "
            "({{ $labels.reason }}), and not that they are back.",
        ),
    )


def _cinder() -> Alert:
    down = (
        'openstack_service_up{binary="cinder-volume"} == 0\nand openstack_service_enabled{binary="cinder-volume"} == 1'
    )
    return Alert(
        name="OpenstackVolumeServiceDown",
        severity="critical",
        class_=CLASS,
        expr=seen(down),
        hold=120,
        summary="cinder-volume on {{ $labels.host }}: down",
        description="cinder-volume on {{ $labels.host }} ({{ $labels.cloud }}) does not report for 2 minutes, and is "
        "enabled: volumes of its backend cannot be created, attached or detached.",
    )


def _space(limits: Thresholds) -> tuple[Alert, ...]:
    free = "vsphere_datastore_free_bytes / vsphere_datastore_capacity_bytes"
    filling = (
        f"predict_linear(vsphere_datastore_free_bytes[6h], {limits.datastore_fill_seconds:.12g}) < 0\n"
        f"and {free} < {2 * limits.datastore_free_ratio:.12g}"
    )
    return (
        Alert(
            name="VsphereDatastoreSpaceLow",
            severity="warning",
            expr=seen(f"{free} < {limits.datastore_free_ratio:.12g}"),
            hold=900,
            summary=f"Datastore {_DATASTORE}: {_PERCENT} free",
            description=f"Datastore {_DATASTORE} ({_VCENTER}) has {_PERCENT} of its space free, less than "
            f"{percent(limits.datastore_free_ratio)}.",
        ),
        Alert(
            name="VsphereDatastoreFull",
            severity="critical",
            expr=seen(f"{free} < {limits.datastore_full_free_ratio:.12g}"),
            hold=300,
            summary=f"Datastore {_DATASTORE}: {_PERCENT} free",
            description=f"Datastore {_DATASTORE} ({_VCENTER}) has {_PERCENT} of its space free, less than "
            f"{percent(limits.datastore_full_free_ratio)}. When it is full, virtual machines with thin disks or "
            "snapshots stop.",
        ),
        Alert(
            name="VsphereDatastoreFillingUp",
            severity="warning",
            expr=seen(filling),
            hold=3600,
            summary=f"Datastore {_DATASTORE}: full within {duration(limits.datastore_fill_seconds)}",
            description=f"At the pace of the last 6 hours, datastore {_DATASTORE} ({_VCENTER}) is full within "
            f"{duration(limits.datastore_fill_seconds)}.",
        ),
    )


def _disk(direction: str, backing: str, joined: str = "backing, datastore") -> str:
    """The latency of each disk over 10 minutes, with what is ``joined`` to it."""
    return (
        f"avg_over_time(vsphere_vm_virtual_disk_total_{direction}_latency_average_seconds[10m])\n"
        f"* on (vcenter, moid, device) group_left ({joined})\n"
        f"max by (vcenter, moid, device, {joined}) (vsphere_vm_disk_info{{{backing}}})"
    )


def _recordings() -> tuple[Recording, ...]:
    return tuple(
        Recording(
            name=LATENCY,
            expr="avg by (vcenter, backing, job) (\n" + _indented(_disk(direction, 'backing!=""', "backing")) + "\n)",
            labels={"op": direction},
        )
        for direction in ("read", "write")
    )


def _latency(limits: Thresholds) -> tuple[Alert, ...]:
    return (
        Alert(
            name="VsphereDatastoreLatencyHigh",
            severity="warning",
            expr=seen(_either("vsphere_datastore_datastore_total_{}_latency_average_seconds", limits)),
            hold=900,
            keep=limits.keep_firing_seconds,
            summary=f"Datastore {_DATASTORE}: " + f"{{{{ $labels.op }}}} takes {_TIME}",
            description=f"A {{{{ $labels.op }}}} on datastore {_DATASTORE} ({_VCENTER}) takes {_TIME} on average, more "
            f"than {duration(limits.datastore_latency_seconds)}.",
        ),
        _disks("VsphereVmdkLatencyHigh", 'backing="vmdk"', limit=limits.vmdk_latency_seconds, limits=limits),
        _disks("VsphereRdmLatencyHigh", 'backing=~"rdm.*"', limit=limits.rdm_latency_seconds, limits=limits),
    )


def _either(metric: str, limits: Thresholds) -> str:
    limit = f"{limits.datastore_latency_seconds:.12g}"
    rows = [
        f'label_replace({metric.format(op)}{{device=""}} > {limit}, "op", "{op}", "", "")' for op in ("read", "write")
    ]
    return "\nor\n".join(rows)


def _disks(name: str, backing: str, *, limit: float, limits: Thresholds) -> Alert:
    rows = [
        f'label_replace(\n{_indented(_disk(op, backing))}\n  > {limit:.12g},\n  "op", "{op}", "", ""\n)'
        for op in ("read", "write")
    ]
    return Alert(
        name=name,
        severity="warning",
        expr=seen("\nor\n".join(rows)),
        hold=600,
        keep=limits.keep_firing_seconds,
        summary=f"{_VM} {{{{ $labels.device }}}}: {{{{ $labels.op }}}} takes {_TIME}",
        description=f"A {{{{ $labels.op }}}} on disk {{{{ $labels.device }}}} ({{{{ $labels.backing }}}} on datastore "
        f"{_DATASTORE}) of {_VM} ({_VCENTER}) took {_TIME} on average over 10 minutes, more than {duration(limit)}.",
    )


def _snapshots(limits: Thresholds) -> tuple[Alert, ...]:
    oldest = duration(limits.snapshot_age_seconds)
    age = f"time() - vsphere_vm_snapshot_oldest_timestamp_seconds > {limits.snapshot_age_seconds:.12g}"
    return (
        Alert(
            name="VsphereVmSnapshotOld",
            severity="warning",
            expr=seen(age),
            hold=3600,
            summary=f"{_VM}: has a snapshot of {_TIME} ago",
            description=f"The oldest snapshot of {_VM} ({_VCENTER}) was made {_TIME} ago, more than {oldest}. It grows "
            "with every write, slows the disks, and makes its removal longer.",
        ),
        Alert(
            name="VsphereVmSnapshotsMany",
            severity="warning",
            expr=seen(f"vsphere_vm_snapshots > {limits.snapshots:.12g}"),
            hold=3600,
            summary=f"{_VM}: " + "{{ $value }} snapshots",
            description=f"{_VM} ({_VCENTER}) has " + "{{ $value }} snapshots, more than "
            f"{limits.snapshots:.12g}: every read may go through all of them.",
        ),
        Alert(
            name="VsphereVmConsolidationNeeded",
            severity="warning",
            expr=seen("vsphere_vm_disk_consolidation_needed == 1"),
            hold=3600,
            summary=f"{_VM}: disks need consolidation",
            description=f"Disks of removed snapshots of {_VM} ({_VCENTER}) are left over and go on growing, though "
            "no snapshot shows them.",
        ),
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
