"""The days of the record become the parts of an assessment."""

from assesslab import AT

from exporter.assess.recorded import MEASURES, OWN, machines, parts
from sla.days import MEASURES as EVERY
from sla.days import Day, Key
from sla.objectives.measured import Builds, BusyDisk, Calls, DiskLatency, DiskLoad, Hours
from sla.objectives.model import Past
from sla.sketch import Sketch

TODAY = "2026-11-23"


def day(date: str, key: Key, *values: float) -> Day:
    """One row."""
    return Day(date, key, Sketch.of(values))


def host(name: str) -> dict[str, str]:
    """The labels of a unit."""
    return {"unit_kind": "host", "unit": name, "name": name, "cluster": "c1"}


DISK = {"vm": "db", "moid": "vm-1", "disk": "Hard disk 1", "device": "scsi0:0", "datastore": "ds"}
ROWS = (
    day("2026-11-21", Key.of("vc1", "vcenter_api_seconds", operation="CurrentTime"), 0.1),
    day(TODAY, Key.of("vc1", "vcenter_api_seconds", operation="CurrentTime"), 0.3),
    day(TODAY, Key.of("vc1", "vcenter_api_seconds", operation="QueryPerf"), 1.0),
    day(TODAY, Key.of("vc1", "vcenter_hosts"), 8, 9),
    day(TODAY, Key.of("vc1", "vcenter_vms", power="on"), 40, 42),
    day(TODAY, Key.of("vc1", "vcenter_vms", power="off"), 4, 4),
    day(TODAY, Key.of("prod", "build_seconds", kind="vmware", flavor="m1", host="nova-1"), 60),
    day(TODAY, Key.of("prod", "build_seconds", kind="vmware", flavor="m1", host="nova-2"), 70),
    day(TODAY, Key.of("prod", "builds_last_hour", kind="vmware"), 0, 12),
    day(TODAY, Key.of("prod", "builds_last_hour", kind="native"), 90),
    day(TODAY, Key.of("vc1", "disk_iops", backing="rdm_virtual", direction="read"), 100),
    day(TODAY, Key.of("vc1", "disk_iops", backing="rdm_physical", direction="read"), 200),
    day(TODAY, Key.of("vc1", "disk_throughput_bytes", backing="rdm_physical", direction="read"), 4096),
    day(TODAY, Key.of("vc1", "disk_latency_seconds", backing="vmdk", direction="read", load="64"), 0.002),
    day(TODAY, Key.of("vc1", "busy_disk_iops", backing="vmdk", direction="read", **DISK), 300),
    day(TODAY, Key.of("vc1", "busy_disk_latency_seconds", backing="vmdk", direction="read", **DISK), 0.004),
    day(TODAY, Key.of("vc1", "busy_disk_iops", backing="vmdk", direction="write", **DISK), 7),
    day(TODAY, Key.of("vc1", "unit_cpu_usage_ratio", **host("esx1")), 0.5),
    day(TODAY, Key.of("vc1", "unit_cpu_usage_ratio", **host("esx2")), 0.9),
    day(TODAY, Key.of("vc1", "unit_cpu_usage_ratio", unit_kind="cluster", unit="c", name="c", cluster="c"), 1.0),
    day("2026-11-20", Key.of(OWN, "objective_value", objective="vcenter_latency", scope="vc1"), 0.4),
    day("2026-11-22", Key.of(OWN, "objective_value", objective="vcenter_latency", scope="vc1"), 0.2),
    day(TODAY, Key.of(OWN, "objective_value", objective="vcenter_latency", scope="vc1"), 0.3),
)


def test_every_part() -> None:
    """Days and hosts merged, both modes of raw device mapping as one, hosts alone, builds an hour on VMware alone."""
    assert parts(ROWS, today=TODAY) == {
        "days": 2,
        "calls": (
            Calls("vc1", "CurrentTime", True, Sketch.of([0.1, 0.3])),
            Calls("vc1", "QueryPerf", False, Sketch.of([1.0])),
        ),
        "hosts": {"vc1": Sketch.of([8, 9])},
        "builds": (Builds("prod", "vmware", "m1", Sketch.of([60, 70])),),
        "hours": (Hours("prod", TODAY, Sketch.of([0, 12])),),
        "disks": (DiskLoad("vc1", "rdm", "read", Sketch.of([200, 100]), Sketch.of([4096])),),
        "latencies": (DiskLatency("vc1", "vmdk", "read", "64", Sketch.of([0.002])),),
        "busy": (BusyDisk("vc1", "vmdk", "db", "Hard disk 1", Sketch.of([300]), Sketch.of([0.004])),),
        "cpu": {"vc1": Sketch.of([0.5, 0.9])},
        "before": {("vcenter_latency", "vc1"): Past(AT - 86400, 0.2)},
    }


def test_machines_on_average() -> None:
    """Those that are off count, too; None where nobody counted."""
    assert machines(ROWS) == 45.0
    assert machines(ROWS[:2]) is None


def test_only_known_measures_are_read() -> None:
    """Each is one of the record's, with the labels that are read of it."""
    assert set(EVERY) >= MEASURES
