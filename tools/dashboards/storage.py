"""Datastores & disks: is storage reachable, is there space, is it fast, and how do VMDK and RDM compare."""

from collections.abc import Sequence

from exporter.thresholds import Thresholds
from tools.dashboards import panels
from tools.dashboards.house import CLOUDS, VCENTERS, Choice, Dashboard, Panel, Row
from tools.dashboards.panels import (
    NONE_IS_BETTER,
    NONE_IS_GOOD,
    Column,
    Q,
    bars,
    events,
    graph,
    number,
    opens,
    table,
    timeline,
)
from tools.dashboards.promql import (
    CLOUD,
    VCENTER,
    Scope,
    count,
    failing,
    greatest,
    increase,
    least,
    once,
    total,
    with_info,
)
from tools.dashboards.vcenterparts import WHOLE

DATASTORES = Choice(
    "datastore", "Datastore", 'label_values(vsphere_datastore_info{job=~"$job",vcenter=~"$vcenter"}, datastore)'
)

_DS = VCENTER.only('datastore=~"$datastore"')
_CONNECTED = VCENTER("vsphere_host_connection_state", 'state="connected"')
_MOUNTS = f"{_DS('vsphere_datastore_mount_accessible')} and on (vcenter, host) {_CONNECTED} == 1"
"""Of a host that vCenter is not connected to nobody knows what it can access; the alert leaves it out, too."""
_KEYS = "vcenter, datastore"
_DISK = ("vcenter", "moid", "device")
_INFO = _DS("vsphere_vm_disk_info")
_SPLIT = {"VMDK": 'backing="vmdk"', "RDM": 'backing=~"rdm.*"'}


def made(limits: Thresholds) -> Dashboard:
    """The dashboard."""
    return Dashboard(
        name="storage",
        title="Datastores and disks",
        text="Datastores, paths to storage, and virtual disks by what is behind them.",
        choices=(VCENTERS, DATASTORES, CLOUDS),
        rows=(
            Row("Is anything wrong?", _first(limits)),
            Row("Where, and since when?", _where()),
            Row("Space", _space(limits)),
            Row("Speed of datastores", _speed(limits)),
            Row("VMDK beside RDM", _split(limits)),
            Row("What is there", _inventory()),
        ),
    )


def _ds(name: str, *matchers: str) -> str:
    return greatest(_KEYS, _DS(f"vsphere_datastore_{name}", *matchers))


def _free() -> str:
    return f"{_ds('free_bytes')} / {_ds('capacity_bytes')}"


def _first(limits: Thresholds) -> tuple[Panel, ...]:
    luns = VCENTER("vsphere_host_storage_luns")
    accessible = _DS("vsphere_datastore_accessible")
    return (
        number(
            "Datastores lost",
            "Datastores that no host can access.",
            failing("vcenter, moid", accessible),
            steps=NONE_IS_GOOD,
        ),
        number(
            "Mounts lost",
            "Connected hosts that cannot access a datastore which they have mounted.",
            failing("vcenter, moid, host", _MOUNTS),
            steps=NONE_IS_GOOD,
        ),
        number(
            "LUNs down",
            "Logical units to which a host has no path left.",
            f"sum({once(VCENTER('vsphere_host_storage_luns_down'))})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "One path left",
            "Logical units to which a host had several paths and has one left.",
            f"sum({once(VCENTER('vsphere_host_storage_luns_without_redundancy'))})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "Said to be lost",
            "Devices and volumes that hosts said they lost and not that they are back.",
            f"sum({once(VCENTER('vsphere_host_storage_lost'))})",
            steps=NONE_IS_GOOD,
        ),
        number(
            "Low on space",
            "Datastores with less space free than the alert accepts.",
            count(f"{_free()} < {limits.datastore_free_ratio:g}", known=accessible),
            steps=NONE_IS_BETTER,
        ),
        number(
            "Slow",
            "Datastores whose reads or writes take longer than the alert accepts.",
            count(
                " or ".join(
                    f"{_ds(f'datastore_total_{way}_latency_average_seconds', WHOLE)}"
                    f" > {limits.datastore_latency_seconds:g}"
                    for way in ("read", "write")
                ),
                known=accessible,
            ),
            steps=NONE_IS_BETTER,
        ),
        number(
            "LUNs seen",
            "Logical units that hosts see, each counted by each host: where this falls, something is gone.",
            f"sum({once(luns)})",
        ),
    )


def _where() -> tuple[Panel, ...]:
    return (
        timeline(
            "Which datastores are reachable?",
            "Whether some host can access the datastore.",
            Q(least("vcenter, datastore", _DS("vsphere_datastore_accessible")), "{{datastore}}"),
            states=panels.UP_DOWN,
        ),
        timeline(
            "Which hosts have lost a datastore?",
            "Connected hosts with a datastore mounted that they cannot access; a host that can has no line here.",
            Q(f"{greatest('vcenter, host, datastore', _MOUNTS)} == 0", "{{host}} {{datastore}}"),
            states=panels.UP_DOWN,
        ),
        graph(
            "Which paths to storage are not active?",
            "Paths by state, without those that are active or on standby.",
            Q(
                f"sum by (host, state) ({once(VCENTER('vsphere_host_storage_paths', _BAD_PATH))}) > 0",
                "{{host}} {{state}}",
            ),
        ),
        events(
            "What do hosts say about their storage?",
            "Events about storage lost and restored.",
            Q(f"{total('event', increase(VCENTER('vsphere_storage_events_total')))} > 0", "{{event}}"),
        ),
        table(
            "Which devices did hosts lose, and when?",
            "Devices and volumes that a host said it lost and not that they are back.",
            f"1000 * {once(VCENTER('vsphere_host_storage_lost_timestamp_seconds'))}",
            columns=(
                Column("host", "Host", link=opens("vcenter", "host")),
                Column("device", "Device"),
                Column("reason", "Reason"),
                Column("Value", "Since", unit="dateTimeFromNow"),
                Column("vcenter", "vCenter"),
            ),
            width=12,
        ),
        table(
            "Are the storage services up?",
            "cinder-volume by host, as the cloud sees it.",
            greatest("cloud, host, zone", CLOUD("openstack_service_up", 'binary="cinder-volume"')),
            greatest("cloud, host, zone", CLOUD("openstack_service_enabled", 'binary="cinder-volume"')),
            columns=(
                Column("host", "Service"),
                Column("Value #A", "Up", states=panels.YES_NO),
                Column("Value #B", "Enabled", states=panels.YES_NO),
                Column("zone", "Zone"),
                Column("cloud", "Cloud"),
            ),
            width=12,
        ),
    )


_BAD_PATH = 'state!~"active|standby"'


def _space(limits: Thresholds) -> tuple[Panel, ...]:
    window = "6h"
    steps = panels.between(1 - limits.datastore_free_ratio, 1 - limits.datastore_full_free_ratio)
    days = limits.datastore_fill_seconds / 86400
    ahead = f"predict_linear({_DS('vsphere_datastore_free_bytes')}[{window}], {limits.datastore_fill_seconds:g})"
    return (
        graph(
            "How full is each datastore?",
            "Share of the space that is used. The lines are where the alerts begin.",
            Q(f"1 - {_free()}", "{{datastore}}"),
            unit="percentunit",
            steps=steps,
            most=1,
        ),
        bars(
            f"How full will each datastore be in {days:g} days?",
            f"Share of the space that is used {days:g} days from now, at the pace of the last 6 hours.",
            Q(f"1 - {greatest(_KEYS, ahead)} / {_ds('capacity_bytes')}", "{{datastore}}"),
            unit="percentunit",
            steps=steps,
            width=6,
            most=1,
        ),
        bars(
            "How much is promised of each datastore?",
            "Space used and promised to thin disks and swap files, of the capacity.",
            Q(f"{_ds('provisioned_bytes')} / {_ds('capacity_bytes')}", "{{datastore}}"),
            unit="percentunit",
            steps=panels.above(1, panels.ORANGE),
            width=6,
        ),
    )


def _speed(limits: Thresholds) -> tuple[Panel, ...]:
    steps = panels.above(limits.datastore_latency_seconds)

    def both(name: str) -> tuple[Q, Q]:
        read, write = (Q(_ds(f"datastore_{name.format(way)}", WHOLE), f"{{{{datastore}}}} {way}") for way in _WAYS)
        return read, write

    return (
        graph(
            "How long do reads and writes of each datastore take?",
            "Average over 5 minutes, as the hosts see it. The line is where the alert begins.",
            *both("total_{}_latency_average_seconds"),
            unit="s",
            steps=steps,
        ),
        graph(
            "How many reads and writes does each datastore do?",
            "Per second, average over 5 minutes.",
            *both("number_{}_averaged_average"),
            unit="iops",
        ),
        graph(
            "Which hosts see slow datastores?",
            "Highest latency of any datastore of the host, every 20 s.",
            Q(
                greatest("vcenter, host", VCENTER("vsphere_host_datastore_max_total_latency_latest_seconds", WHOLE)),
                "{{host}}",
            ),
            unit="s",
            steps=steps,
        ),
        graph(
            "Which hosts have lost paths?",
            "Logical units with no path, and with one left of several.",
            Q(greatest("vcenter, host", VCENTER("vsphere_host_storage_luns_down")), "{{host}} down"),
            Q(
                greatest("vcenter, host", VCENTER("vsphere_host_storage_luns_without_redundancy")),
                "{{host}} not redundant",
            ),
        ),
    )


_WAYS = ("read", "write")


def by_disk(name: str, *matchers: str, scope: Scope = _DS, add: Sequence[str] = ()) -> str:
    """A counter of virtual disks with the backing of each, and further labels; ``matchers`` narrow the disks."""
    disk = greatest(", ".join((*_DISK, "vm")), VCENTER(f"vsphere_vm_virtual_disk_{name}"))
    return with_info(disk, scope("vsphere_vm_disk_info", *matchers), on=_DISK, add=("backing", *add))


def _kinds(name: str, how: str) -> tuple[Q, ...]:
    return tuple(
        Q(f"{how}({by_disk(name.format(way), backing)})", f"{kind} {way}")
        for kind, backing in _SPLIT.items()
        for way in _WAYS
    )


def _split(limits: Thresholds) -> tuple[Panel, ...]:
    latency = "total_{}_latency_average_seconds"
    slow = panels.between(limits.rdm_latency_seconds, limits.vmdk_latency_seconds)
    return (
        graph(
            "How long do reads and writes take, VMDK beside RDM?",
            "Average over all virtual disks of a kind, as the guest sees it. The lines are where the alerts of RDM and "
            "of VMDK begin. The loads differ: this is no measurement of what the hardware can do.",
            *_kinds(latency, "avg"),
            unit="s",
            steps=slow,
        ),
        graph(
            "How many operations does a disk do, VMDK beside RDM?",
            "Per second, average over all virtual disks of a kind.",
            *_kinds("number_{}_averaged_average", "avg"),
            unit="iops",
        ),
        graph(
            "How much do disks move, VMDK beside RDM?",
            "Bytes per second, sum over all virtual disks of a kind.",
            *_kinds("{}_average_bytes_per_second", "sum"),
            unit="binBps",
        ),
        table(
            "Which disks are slow?",
            "The twenty slowest virtual disks, with what is behind them.",
            f"topk(20, {by_disk('total_read_latency_average_seconds', add=('datastore', 'disk', 'volume'))})",
            greatest(", ".join((*_DISK, "vm")), VCENTER("vsphere_vm_virtual_disk_total_write_latency_average_seconds")),
            columns=(
                Column("vm", "VM", link=opens("vms", "vm")),
                Column("disk", "Disk"),
                Column("backing", "Backing"),
                Column("datastore", "Datastore", link=opens("storage", "datastore")),
                Column("Value #A", "Read takes", unit="s", steps=slow),
                Column("Value #B", "Write takes", unit="s", steps=slow),
                Column("volume", "Volume"),
            ),
            sort="Read takes",
            width=12,
        ),
    )


def _inventory() -> tuple[Panel, ...]:
    size = with_info(
        _ds("capacity_bytes"), _DS("vsphere_datastore_info"), on=("vcenter", "datastore"), add=("type", "shared")
    )
    capacity = greatest(", ".join((*_DISK, "vm", "disk")), VCENTER("vsphere_vm_disk_capacity_bytes"))
    return (
        table(
            "Which datastores are there?",
            "Kind, size and maintenance mode of each datastore, and how many hosts have it mounted.",
            size,
            _ds("free_bytes"),
            _ds("uncommitted_bytes"),
            f"sum by (vcenter, datastore) ({once(_DS('vsphere_datastore_mount_mounted'))})",
            greatest("vcenter, datastore, state", _DS("vsphere_datastore_maintenance_state")),
            columns=(
                Column("datastore", "Datastore"),
                Column("type", "Type"),
                Column("shared", "Shared"),
                Column("state", "Maintenance"),
                Column("Value #A", "Capacity", unit="bytes"),
                Column("Value #B", "Free", unit="bytes"),
                Column("Value #C", "Promised", unit="bytes"),
                Column("Value #D", "Hosts"),
                Column("vcenter", "vCenter"),
            ),
            width=12,
        ),
        table(
            "Which disks are there?",
            "Virtual disks with their backing, datastore and Cinder volume.",
            with_info(capacity, _INFO, on=_DISK, add=("backing", "datastore", "mode", "thin", "volume")),
            columns=(
                Column("vm", "VM", link=opens("vms", "vm")),
                Column("disk", "Disk"),
                Column("backing", "Backing"),
                Column("Value", "Size", unit="bytes"),
                Column("datastore", "Datastore"),
                Column("mode", "Mode"),
                Column("thin", "Thin"),
                Column("volume", "Cinder volume"),
            ),
            sort="Size",
            width=12,
        ),
    )
