"""The whole agent against the real Nova: what hangs or fails there is on /metrics in time, exactly once, by name."""

from pathlib import Path

import pytest
from e2e.openstack.agent import INTERVAL, SLACK, Agent, running
from e2e.openstack.cloud import Cloud
from e2e.openstack.lab import Lab, wait

pytestmark = [pytest.mark.external, pytest.mark.timeout(300)]

SERVICES_PERIOD = 60.0
"""Seconds between the agent's readings of services."""


def seen(agent: Agent, operation: str, *, limit: float) -> dict[tuple[str, str], float]:
    """The timeouts of an operation that began just now, within a cycle plus the limit."""
    what = f"a timeout of {operation}"
    return wait(lambda: agent.timeouts(operation), what=what, seconds=limit + INTERVAL + SLACK)


def stays(agent: Agent, operation: str) -> dict[tuple[str, str], float]:
    """The timeouts of an operation after some more cycles and another start of the agent."""
    agent.cycles(2)
    before = agent.timeouts(operation)
    agent.restart()
    agent.cycles(2)
    assert agent.timeouts(operation) == before
    return before


def test_create_that_does_not_finish(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """A create whose CreateVM_Task hangs in the vCenter is a timeout with that cause, once, and later a success."""
    with running(tmp_path, lab, create=10) as agent:
        lab.task_runs("createVM", 30)

        uuid = cloud.create("never", "vmware:vmware1")

        assert seen(agent, "create", limit=10) == {("vmware1", "vcenter_running"): 1}
        assert f"create of server {uuid} on vmware1 timed out" in agent.log()
        assert agent.value("nova_vmware_tasks_in_flight", operation="create", host="vmware1") == 1
        assert stays(agent, "create") == {("vmware1", "vcenter_running"): 1}
        assert cloud.settled(uuid)["status"] == "ACTIVE"
        wait(lambda: agent.value("nova_vmware_tasks_in_flight", operation="create") == 0, what="the end of the create")
        assert agent.value("nova_vmware_tasks_total", operation="create", host="vmware1", result="success") == 1
        assert agent.timeouts("create") == {("vmware1", "vcenter_running"): 1}
        assert agent.log().count(f"create of server {uuid}") == 1


def test_creates_that_fail(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """No host that fits, and a vCenter without space, are failed builds by their class, each once, and no timeout."""
    with running(tmp_path, lab, create=60) as agent:
        lab.task_fails("createVM", "NoDiskSpace")
        for name, zone, flavor in (("huge", "fake", "lab.huge"), ("full", "vmware:vmware1", "lab.tiny")):
            assert cloud.settled(cloud.create(name, zone, flavor=flavor))["status"] == "ERROR"

        def failures() -> dict[str, float]:
            found = agent.series("nova_vmware_build_failures_total", cloud="lab")
            return {dict(labels)["fault"]: value for labels, value in found.items()}

        wait(lambda: len(failures()) == 2, what="both failures", seconds=INTERVAL + SLACK)
        assert failures() == {"no_valid_host": 1, "no_space": 1}
        assert agent.value("nova_vmware_tasks_total", operation="create", result="error") == 2
        agent.restart()
        agent.cycles(2)
        assert agent.value("nova_vmware_tasks_total", operation="create", result="error") == 2
        assert agent.value("nova_vmware_tasks_total", operation="create", result="success") == 0
        assert agent.timeouts("create") == {}


def test_operation_that_hangs_on_a_vm(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """The VM of a server carries its name on both sides, and the vCenter's task on that VM is why the stop hangs."""
    uuid = cloud.create("stuck", "vmware:vmware1")
    other = cloud.create("well", "vmware:vmware1")
    cloud.settled(uuid)
    cloud.settled(other)
    [vm] = [vm for vm in lab.vms() if vm.instance_uuid == uuid]
    with running(tmp_path, lab, power_off=10) as agent:
        wait(lambda: agent.series("vsphere_vm_info", server=uuid), what="the server on its VM")
        lab.task_runs("powerOff", 30)

        cloud.act(uuid, "os-stop")

        assert seen(agent, "power_off", limit=10) == {("vmware1", "vcenter_running"): 1}
        assert f"power_off of server {uuid} on vmware1 timed out" in agent.log()
        assert agent.value("vsphere_task_running", operation="VirtualMachine.powerOff", initiator="nova") == 1
        for server, name in ((uuid, "stuck"), (other, "well")):
            [labels] = [dict(labels) for labels in agent.series("vsphere_vm_info", server=server)]
            assert (labels["vm"], labels["nova_host"]) == (f"{name} ({server})", "vmware1")
            assert (labels["moid"] == vm.moref.rpartition(":")[2]) is (server == uuid)
        assert stays(agent, "power_off") == {("vmware1", "vcenter_running"): 1}


def test_compute_service_stopped(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """The service is down at the next look, and what is asked of it is a timeout that no host has picked up, once."""
    uuid = cloud.create("unheard", "nova:fake1")
    cloud.settled(uuid)
    with running(tmp_path, lab, power_off=10) as agent:
        up = {"binary": "nova-compute", "host": "fake1"}
        wait(lambda: agent.value("openstack_service_up", **up) == 1, what="fake1 up")
        with lab.stopped("nova-compute-fake1"):
            cloud.act(uuid, "os-stop")

            assert seen(agent, "power_off", limit=10) == {("fake1", "not_picked_up"): 1}
            down = 12 + SERVICES_PERIOD + SLACK
            wait(lambda: agent.value("openstack_service_up", **up) == 0, what="fake1 down", seconds=down)
            assert stays(agent, "power_off") == {("fake1", "not_picked_up"): 1}
        cloud.settled(uuid)
        wait(lambda: agent.value("nova_vmware_tasks_in_flight", operation="power_off") == 0, what="the late end")
        assert agent.timeouts("power_off") == {("fake1", "not_picked_up"): 1}


def test_api_stopped(lab: Lab, cloud: Cloud, tmp_path: Path) -> None:
    """Nova's silence shows in the next cycle; counters stay; what passed its limit meanwhile is counted once after."""
    uuid = cloud.create("outlasts", "vmware:vmware1")
    cloud.settled(uuid)
    with running(tmp_path, lab, power_off=10) as agent:
        lab.task_runs("powerOff", 45)
        cloud.act(uuid, "os-stop")
        in_flight = {"operation": "power_off", "host": "vmware1"}
        wait(lambda: agent.value("nova_vmware_tasks_in_flight", **in_flight) == 1, what="the stop in flight")
        before = agent.value("nova_vmware_task_timeouts_total", **in_flight)
        with lab.stopped("nova-api"):
            wait(lambda: agent.value("novacenter_cloud_up") == 0, what="the outage", seconds=INTERVAL + SLACK)
            wait(lambda: agent.value("openstack_api_up", api="nova") == 0, what="the probe", seconds=15 + SLACK)
            agent.cycles(4)
            outage = agent.log()
            assert agent.value("novacenter_cloud_cycles_total", outcome="unreachable")
            assert agent.value("openstack_api_up", api="keystone") == 1
            assert (before, agent.value("nova_vmware_task_timeouts_total", **in_flight)) == (0, 0)
        assert outage.count("cloud lab: operations: ") == 1

        assert seen(agent, "power_off", limit=INTERVAL) == {("vmware1", "vcenter_running"): 1}
        assert stays(agent, "power_off") == {("vmware1", "vcenter_running"): 1}
