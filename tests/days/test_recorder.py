"""What the loops bring into the record: from a simulated vCenter and a modelled Nova, over their real protocols."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cloudlab import CloudLab, cloud_lab, failing, on
from novamodel import FakeNova
from pollerlab import NOON, Lab, lab
from prometheus_client import CollectorRegistry

from exporter.clock import Clock
from exporter.cloudpoller import CloudReport
from exporter.days.daysqlite import SqliteDays
from exporter.days.recorder import Recorder
from exporter.days.service import Days
from exporter.model import Kind, Request
from exporter.vcenter.facts import HostFacts
from simulator.inventory import Size
from sla.days import MEASURES, Day, merged
from sla.sketch import Sketch


def recording(directory: Path, now: Callable[[], float]) -> tuple[Days, Recorder]:
    """A record of an agent that judges."""
    clock = Clock(now=now, monotonic=now)
    days = Days(SqliteDays(directory), clock=clock, epoch=lambda: 1, registry=CollectorRegistry())
    return days, Recorder(days, clock=clock)


def shown(days: Iterable[Day], measure: str, *labels: str) -> dict[tuple[str, ...], Sketch]:
    """The rows of a measure by these labels."""
    return merged((day for day in days if day.key.measure == measure), *labels)


def means(days: Iterable[Day], measure: str, *labels: str) -> dict[tuple[str, ...], tuple[int, float | None]]:
    """Count and mean of a measure by these labels."""
    return {key: (sketch.count, sketch.mean) for key, sketch in shown(days, measure, *labels).items()}


def page_values(lab: Lab, family: str) -> list[float]:
    """The values that a vCenter's page shows of a family."""
    text = b"".join(lab.pages["realtime"].values()).decode()
    return [float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(family + "{")]


async def looks(lab: Lab, recorder: Recorder, count: int) -> None:
    """So many cycles, each told to the recorder."""
    for _ in range(count):
        await lab.cycle()
        recorder.cycle(lab.poller, lab.poller.reports["realtime"])


async def test_hosts_and_clusters(tmp_path: Path) -> None:
    """Each host and cluster is a unit with its name and cluster: observed, up, and as loaded as the page says."""
    async with lab(size=Size(hosts=6, vms=12, hosts_per_cluster=3)) as made:
        days, recorder = recording(tmp_path, made.hands)
        await looks(made, recorder, 3)
        await made.poller.historical_cycle()
        recorder.cycle(made.poller, made.poller.reports["historical"])
        facts = made.poller.inventory.facts if made.poller.inventory else {}
        found = [day for day in days.book.days() if day.key.label("unit_kind") == "host"]

        assert means(found, "unit_observed_seconds", "name", "cluster") == {
            (f"esx-{n // 3:02}-{n % 3:03}.example.org", f"Cluster{n // 3}"): (3, 40 / 3) for n in range(6)
        }
        hosts = {moid: one for moid, one in facts.items() if isinstance(one, HostFacts)}
        connected = {(moid,): (3, float(one.connection_state == "connected")) for moid, one in hosts.items()}
        assert means(found, "unit_up", "unit") == connected
        assert {mean for _, mean in connected.values()} == {0.0, 1.0}
        used = shown(found, "unit_cpu_usage_ratio", "unit")
        newest = page_values(made, "vsphere_host_cpu_usage_average_ratio")
        assert len(used) == len(newest)
        assert all(one.count == 3 for one in used.values())
        assert merged(found, "measure").keys() == {
            (name,)
            for name in (
                "unit_cpu_ready_ratio", "unit_cpu_usage_ratio", "unit_datastore_latency_seconds", "unit_maintenance",
                "unit_memory_usage_ratio", "unit_observed_seconds", "unit_up",
            )
        }  # fmt: skip
        clusters = [day for day in days.book.days() if day.key.label("unit_kind") == "cluster"]
        assert means(clusters, "unit_up", "name", "cluster") == {
            ("Cluster0", "Cluster0"): (1, 1.0),
            ("Cluster1", "Cluster1"): (1, 1.0),
        }


async def test_numbers_are_those_of_the_page(tmp_path: Path) -> None:
    """After one look the record holds exactly what the page shows."""
    async with lab(size=Size(hosts=4, vms=12)) as made:
        days, recorder = recording(tmp_path, made.hands)
        await looks(made, recorder, 1)
        rows = days.book.days()
        for measure, family in (
            ("unit_cpu_usage_ratio", "vsphere_host_cpu_usage_average_ratio"),
            ("unit_memory_usage_ratio", "vsphere_host_mem_usage_average_ratio"),
            ("unit_datastore_latency_seconds", "vsphere_host_datastore_max_total_latency_latest_seconds"),
            ("disk_throughput_bytes", "vsphere_vm_virtual_disk_read_average_bytes_per_second"),
        ):
            wanted = {"direction": "read"} if measure.startswith("disk") else {}
            found = [
                row for row in rows if row.key.measure == measure and wanted.items() <= dict(row.key.labels).items()
            ]
            assert shown(found, measure)[()].pairs() == Sketch.of(page_values(made, family)).pairs(), measure


async def test_how_much_there_is(tmp_path: Path) -> None:
    """Hosts and VMs are counted at each look, the VMs by power."""
    async with lab(size=Size(hosts=4, vms=32)) as made:
        days, recorder = recording(tmp_path, made.hands)
        await looks(made, recorder, 2)
        off = sum(not e.queryable for e in made.poller.inventory.entities.values() if e.kind is Kind.VM)  # type: ignore[union-attr]
        assert means(days.book.days(), "vcenter_hosts") == {(): (2, 4.0)}
        assert means(days.book.days(), "vcenter_vms", "power") == {("off",): (2, off), ("on",): (2, 32.0 - off)}


async def test_a_cycle_that_failed(tmp_path: Path) -> None:
    """It observes nothing; the next one stands for twice the interval at most."""
    async with lab(size=Size(hosts=1, vms=2)) as made:
        days, recorder = recording(tmp_path, made.hands)
        await looks(made, recorder, 1)
        made.hands.seconds += 600
        await looks(made, recorder, 1)
        assert shown(days.book.days(), "unit_observed_seconds")[()].total == 40


async def test_every_row_is_as_defined(tmp_path: Path) -> None:
    """Measures and labels are those that are listed, and nothing is about a source that was not looked at."""
    async with lab(size=Size(hosts=4, vms=12)) as made:
        days, recorder = recording(tmp_path, made.hands)
        await looks(made, recorder, 2)
        for row in days.book.days():
            assert row.key.source == "vc1"
            assert sorted(MEASURES[row.key.measure].labels) == [name for name, _ in row.key.labels]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (Request("vc1", "QueryPerf", "ok", 0.25), [("vcenter_api_seconds", {"operation": "QueryPerf"}, 0.25)]),
        (Request("vc1", "WaitForUpdatesEx", "ok", 30.0), []),
        (
            Request("vc1", "WaitForUpdatesEx", "timeout", 30.0),
            [("vcenter_api_failures", {"operation": "WaitForUpdatesEx", "outcome": "timeout"}, 1)],
        ),
        (
            Request("c1", "/servers?limit=1", "ok", 0.5, "compute"),
            [("openstack_api_seconds", {"service": "nova", "operation": "probe"}, 0.5)],
        ),
        (
            Request("c1", "/servers/detail", "server_error", 0.5, "compute"),
            [("openstack_api_failures", {"service": "nova", "operation": "read", "outcome": "server_error"}, 1)],
        ),
        (
            Request("c1", "/traits", "ok", 0.5, "placement"),
            [("openstack_api_seconds", {"service": "placement", "operation": "read"}, 0.5)],
        ),
        (Request("c1", "/volumes", "absent", 0.0, "block-storage"), []),
        (Request("c1", "/servers/1", "not_found", 0.1, "compute"), []),
    ],
)
def test_requests(asked: Request, rows: list[tuple[str, dict[str, str], float]], tmp_path: Path) -> None:
    """Requests by operation, failures by outcome; waiting, and what a cloud does not have, is neither."""
    days, recorder = recording(tmp_path, lambda: NOON)
    recorder.request(asked)
    found = [(row.key.measure, dict(row.key.labels), row.sketch.total) for row in days.book.days()]
    assert found == rows
    assert all(row.key.source == asked.source for row in days.book.days())


def test_who_does_not_judge_records_nothing(tmp_path: Path) -> None:
    """An agent that follows gathers nothing."""
    clock = Clock(now=lambda: NOON, monotonic=lambda: NOON)
    days = Days(SqliteDays(tmp_path), clock=clock, epoch=lambda: 0, registry=CollectorRegistry())
    Recorder(days, clock=clock).request(Request("vc1", "QueryPerf", "ok", 0.25))
    assert days.book.days() == ()


async def turn(cloud: CloudLab, recorder: Recorder, *, services: bool = False) -> CloudReport:
    """One cycle of Nova, with the services before it or not, told to the recorder."""
    if services:
        await cloud.poller.services_cycle()
    await cloud.cycles()
    report = cloud.poller.report
    assert report is not None
    recorder.cloud_cycle("c1", [cloud.poller], report)
    return report


async def test_computes(tmp_path: Path) -> None:
    """Each nova-compute is a unit: observed at each reading of the services, not at each cycle; up or not."""
    async with cloud_lab(tmp_path / "cloud") as cloud:
        days, recorder = recording(tmp_path, lambda: cloud.nova.now)
        await turn(cloud, recorder, services=True)
        await turn(cloud, recorder)
        await turn(cloud, recorder, services=True)
        rows = days.book.days()
        observed = means(rows, "unit_observed_seconds", "unit_kind", "unit", "name")
        assert observed
        assert set(observed.values()) == {(2, 20.0)}
        assert means(rows, "unit_up", "unit_kind", "unit", "name").keys() == observed.keys()
        assert all(key[0] == "service" and key[1] == key[2] for key in observed)


async def test_builds_and_operations(tmp_path: Path) -> None:
    """A build counts by kind, flavor and host, and for its service; so does an operation that ended or is late."""
    async with cloud_lab(tmp_path / "cloud", FakeNova()) as cloud:
        days, recorder = recording(tmp_path, lambda: cloud.nova.now)
        await cloud.cycles()
        await turn(cloud, recorder, services=True)
        cloud.nova.boot("s1", host="vmware1")
        made = cloud.nova.begin("s1", "create", task_state="spawning")
        await turn(cloud, recorder)
        cloud.nova.end("s1", made)
        await turn(cloud, recorder)
        cloud.nova.begin("s1")
        cloud.nova.now += 200
        await turn(cloud, recorder)
        rows = days.book.days()
        assert means(rows, "task_timeouts", "operation", "host") == {("power_off", "vmware1"): (1, 1.0)}
        assert shown(rows, "unit_task_timeouts", "unit")[("vmware1",)].count == 1
        assert shown(rows, "unit_operations", "unit")[("vmware1",)].count == 1
        assert means(rows, "build_seconds", "kind", "host") == {("vmware", "vmware1"): (1, 20.0)}
        assert means(rows, "unit_build_seconds", "unit") == {("vmware1",): (1, 20.0)}
        assert shown(rows, "builds_last_hour", "kind")[("vmware",)].most == 1
        assert shown(rows, "builds_last_hour", "kind")[("native",)].most == 0
        for row in rows:
            assert sorted(MEASURES[row.key.measure].labels) == [name for name, _ in row.key.labels]


async def test_a_cloud_that_is_away(tmp_path: Path) -> None:
    """Nothing is measured of a cloud that does not answer."""
    async with cloud_lab(tmp_path / "cloud") as cloud:
        cloud.trouble = on("/auth/tokens", lambda: failing(503))
        days, recorder = recording(tmp_path, lambda: cloud.nova.now)
        await turn(cloud, recorder, services=True)
        assert days.book.days() == ()
