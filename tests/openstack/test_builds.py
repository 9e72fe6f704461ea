"""How servers are made: times by hypervisor type, builds of the last hour, failures by class."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.openstack.builds import FAULTS, HOUR, Build, Builds, add, build, fault_class
from exporter.openstack.model import Hypervisor, Server, ServerFault
from exporter.openstack.phases import Result
from exporter.openstack.timeouts import Ended, Operation

COMPUTE = Path(__file__).resolve().parents[1] / "fixtures/openstack/compute"
NODES = {
    "domain-c8.uuid": Hypervisor(hostname="domain-c8.uuid", type="VMware", service_host="v1", up=True, enabled=True),
    "kvm1": Hypervisor(hostname="kvm1", type="QEMU", service_host="kvm1", up=True, enabled=True),
}


def ended(name: str = "create", result: Result = Result.SUCCESS, *, host: str = "v1", seconds: float = 30.0) -> Ended:
    """An operation that began at 100."""
    operation = Operation(server="s1", key="req-1", name=name, start=100.0, limit=1800.0, host=host)
    return Ended(operation, result, seconds, 200.0)


def server(node: str | None, *, launched: float | None = None, message: str = "") -> Server:
    """A server on a node, with its fault."""
    fault = ServerFault(code=500, message=message) if message else None
    return Server(id="s1", name="s", project="p", status="X", hypervisor=node, launched=launched, fault=fault)


def test_a_build_and_its_time() -> None:
    """Up to the launch where Nova tells it, else to the end of the last event; by the type of the hypervisor."""
    made = server("domain-c8.uuid", launched=125.5)
    assert build(ended(), replace(made, flavor="m1.small"), NODES) == Build(
        200.0, "VMware", 25.5, host="v1", flavor="m1.small"
    )
    assert build(ended(), server("kvm1"), NODES) == Build(200.0, "QEMU", 30.0, host="v1")
    assert build(ended(), server("kvm1", launched=90.0), NODES) == Build(200.0, "QEMU", 0.0, host="v1")
    assert build(ended(host="v9"), server("gone"), NODES) == Build(200.0, "other", 30.0, host="v9")


def test_a_build_that_failed() -> None:
    """It has a class of fault; one that found no host has no hypervisor."""
    lost = server(None, message="No valid host was found. ")
    assert build(ended(result=Result.ERROR, host=""), lost, NODES) == Build(200.0, "none", 30.0, "no_valid_host")
    assert build(ended(result=Result.ERROR), server("kvm1"), NODES) == Build(200.0, "QEMU", 30.0, "other", "v1")
    assert build(ended(result=Result.ERROR, host="v9"), None, NODES) == Build(200.0, "other", 30.0, "other", "v9")


def test_a_build_that_failed_is_of_its_hosts_type() -> None:
    """Nova takes the hypervisor off a server whose build failed; the host that tried is known."""
    assert build(ended(result=Result.ERROR), server(None), NODES) == Build(200.0, "VMware", 30.0, "other", "v1")


def test_what_is_no_build() -> None:
    """Another operation, and a server that was deleted while it was made."""
    assert build(ended("rebuild"), server("kvm1"), NODES) is None
    assert build(ended(result=Result.UNKNOWN), server("kvm1"), NODES) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No valid host was found. There are not enough hosts available.", "no_valid_host"),
        ("Build of instance 1 aborted: Binding failed for port 2, please check neutron logs", "network"),
        ("Build of instance 1 aborted: Failed to allocate the network(s), not rescheduling.", "network"),
        ("Build of instance 1 aborted: Volume 2 did not finish being created even after we waited", "timeout"),
        ("Block Device Mapping is Invalid: failed to get volume 1.", "volume"),
        ("Image 1 is unacceptable: Image disk size greater than requested disk size", "image"),
        ("*types.NoDiskSpace", "no_space"),
        ("VimFaultException: A general system error occurred", "vcenter"),
        ("Quota exceeded for instances: Requested 1, but already used 10 of 10 instances", "quota"),
        ("Exceeded maximum number of retries. Exhausted all hosts available for retrying.", "retries"),
        ("Exceeded maximum number of retries. Last exception: Binding failed for port 1", "network"),
        ("Build of instance 1 was re-scheduled: something", "aborted"),
        ("Timed out waiting for a reply to message ID 1", "timeout"),
        ("", "other"),
    ],
)
def test_classes_of_faults(message: str, expected: str) -> None:
    """What the fault is about comes before how Nova wraps it."""
    assert fault_class(message) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("failed-no-host", "no_valid_host"), ("failed-network", "retries"), ("failed-vcenter", "no_space")],
)
def test_classes_of_recorded_faults(name: str, expected: str) -> None:
    """What the real Nova says; of a port that cannot be bound on any host it keeps only the last sentence."""
    reply = json.loads((COMPUTE / f"server-{name}.json").read_text(encoding="utf-8"))["reply"]
    assert fault_class(reply["body"]["server"]["fault"]["message"]) == expected


@given(st.text())
def test_every_fault_has_one_of_few_classes(message: str) -> None:
    """Whatever Nova says becomes no label of its own."""
    assert fault_class(message) in FAULTS


TIMES = st.floats(0, 10 * HOUR)
NEWS = st.builds(Build, TIMES, st.sampled_from(["VMware", "QEMU"]), st.none(), st.none() | st.sampled_from(FAULTS))


@given(st.lists(st.lists(NEWS, max_size=5), max_size=6))
def test_the_last_hour_and_all_failures(cycles: list[list[Build]]) -> None:
    """Only the last hour's builds are kept, and every failure is counted once."""
    builds, seen, now = Builds(), [], 0.0
    for cycle in cycles:
        now = max([now, *(found.at for found in cycle)])
        builds = add(builds, cycle, now)
        seen += cycle
        late = [found for found in seen if now - found.at <= HOUR]
        assert sum(builds.per_hour().values()) == len(late) == len(builds.recent)
        assert builds.failures == Counter((b.hypervisor_type, b.fault) for b in seen if b.fault)
