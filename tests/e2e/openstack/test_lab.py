"""What the tests against the real Nova rely on; a new release that differs fails here first."""

import pytest
from e2e.openstack.cloud import Cloud
from e2e.openstack.lab import VM, Lab, wait

pytestmark = [pytest.mark.external, pytest.mark.timeout(300)]


def last_action(cloud: Cloud, uuid: str) -> tuple[str, str | None, list[tuple[str, str | None, str | None]]]:
    """Name and message of a server's newest action, and host, result and details of its events."""
    action = cloud.actions(uuid)[0]
    return (
        action["action"],
        action["message"],
        [(event["host"], event["result"], event["details"]) for event in action["events"]],
    )


def test_a_server_is_a_vm(lab: Lab, cloud: Cloud) -> None:
    """The real VMware driver makes the VM; its name and instanceUuid lead back to the server."""
    uuid = cloud.create("twin", "vmware")

    assert cloud.settled(uuid)["status"] == "ACTIVE"

    [vm] = [vm for vm in lab.vms() if vm.instance_uuid == uuid]
    assert vm == VM(moref=vm.moref, name=f"twin ({uuid})", instance_uuid=uuid, power_state="poweredOn")


def test_a_vcenter_task_that_runs_on_keeps_the_operation_in_flight(lab: Lab, cloud: Cloud) -> None:
    """Nova waits as long as vCenter's task runs: task_state set, the event neither finished nor judged."""
    uuid = cloud.create("stuck", "vmware")
    cloud.settled(uuid)
    lab.task_runs("powerOff", 8)

    cloud.act(uuid, "os-stop")

    wait(lambda: last_action(cloud, uuid)[2], what="the event of the stop")
    assert last_action(cloud, uuid) == ("stop", None, [("vmware1", None, None)])
    assert cloud.server(uuid)["OS-EXT-STS:task_state"] == "powering-off"
    assert cloud.settled(uuid)["status"] == "SHUTOFF"
    assert last_action(cloud, uuid) == ("stop", None, [("vmware1", "Success", None)])


def test_a_fault_of_a_vcenter_task_is_the_actions_error(lab: Lab, cloud: Cloud) -> None:
    """The action fails with vSphere's fault; the server shows nothing of it."""
    uuid = cloud.create("refused", "vmware")
    cloud.settled(uuid)
    lab.task_fails("powerOff", "TaskInProgress")

    cloud.act(uuid, "os-stop")

    assert cloud.settled(uuid)["status"] == "ACTIVE"
    assert last_action(cloud, uuid) == ("stop", "Error", [("vmware1", "Error", "TaskInProgress")])


def test_a_hung_compute_leaves_an_action_without_events(lab: Lab, cloud: Cloud) -> None:
    """While nova-compute hangs nobody takes up the action; once it wakes up the action is only late."""
    uuid = cloud.create("unheard", "fake")
    cloud.settled(uuid)
    with lab.frozen("nova-compute-fake1"):
        cloud.act(uuid, "reboot", {"type": "HARD"})
        services = "/os-services?host=fake1&binary=nova-compute"
        wait(lambda: cloud.get("compute", services)["services"][0]["state"] == "down", what="fake1 down")
        assert last_action(cloud, uuid) == ("reboot", None, [])

    assert cloud.settled(uuid)["status"] == "ACTIVE"
    assert last_action(cloud, uuid) == ("reboot", None, [("fake1", "Success", None)])


def test_a_lost_vcenter_disables_the_service(lab: Lab, cloud: Cloud) -> None:
    """The driver disables its own service, with its reason; on recovery it enables it and leaves the reason."""

    def service() -> tuple[str, str, str | None]:
        reply = cloud.get("compute", "/os-services?host=vmware1&binary=nova-compute")["services"][0]
        return reply["status"], reply["state"], reply["disabled_reason"]

    reason = "set by vmwareapi host_state"
    lab.soap_status(0, count=1_000_000)
    wait(lambda: service() == ("disabled", "up", reason), what="vmware1 disabled by its driver", seconds=120)
    lab.soap_status(200, count=0)
    wait(lambda: service() == ("enabled", "up", reason), what="vmware1 enabled by its driver", seconds=120)
