"""Replies of OpenStack's APIs as values: those of a real cloud exactly, damaged ones a named BadReply."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudreplies import names, recorded
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import BadReply
from exporter.openstack import decode
from exporter.openstack.decode import Inventory, Services
from exporter.openstack.model import Action, ActionEvent, Hypervisor, Server, ServerFault, ServiceState

VCENTER = "dbed6e0c-bd88-4ef6-b594-21283e1c677f"
DECODERS: dict[str, Callable[[bytes], object]] = {
    "compute/servers": decode.servers,
    "compute/actions-stuck": lambda body: decode.actions(body, "s"),
    "compute/action-active-pause": lambda body: decode.action(body, "s"),
    "compute/services": decode.services,
    "compute/hypervisors": decode.hypervisors,
    "network/agents": decode.agents,
    "placement/traits-vmware1": decode.traits,
    "placement/inventories-vmware1": decode.inventories,
    "placement/usages-vmware1": decode.usages,
}


def seconds(written: str) -> float:
    """An instant as the recordings write it, in epoch seconds."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()


def wire(content: object) -> bytes:
    """JSON."""
    return json.dumps(content).encode()


def test_servers_in_flight_and_failed() -> None:
    """A server that is powered off, one that is being built, one in ERROR: every field as recorded."""
    found = {server.name: server for server in decode.servers(recorded("compute/servers").body).servers}
    raw = {server["name"]: server for server in recorded("compute/servers").content["servers"]}

    assert list(found) == list(raw)
    stuck = raw["stuck"]
    assert found["stuck"] == Server(
        id=stuck["id"],
        name="stuck",
        project=stuck["tenant_id"],
        status="ACTIVE",
        task_state="powering-off",
        vm_state="active",
        power_state=1,
        host="vmware1",
        hypervisor=stuck["OS-EXT-SRV-ATTR:hypervisor_hostname"],
        availability_zone="vmware",
        flavor="lab.tiny",
        image=stuck["image"]["id"],
        created=seconds(stuck["created"][:-1]),
        updated=seconds(stuck["updated"][:-1]),
        launched=seconds(stuck["OS-SRV-USG:launched_at"]),
    )
    assert found["stuck"].hypervisor is not None
    assert found["stuck"].hypervisor.partition(".")[2] == VCENTER
    building = found["building"]
    task = raw["building"]["OS-EXT-STS:task_state"]
    assert (building.status, building.vm_state, building.task_state, building.launched) == (
        "BUILD",
        "building",
        task,
        None,
    )
    nowhere = found["failed-no-host"]
    assert (nowhere.status, nowhere.vm_state, nowhere.host, nowhere.hypervisor) == ("ERROR", "error", None, None)
    fault = raw["failed-no-host"]["fault"]
    assert nowhere.fault == ServerFault(code=500, message=fault["message"], created=seconds(fault["created"][:-1]))


@pytest.mark.parametrize("name", names("compute/servers*"))
def test_every_recorded_listing(name: str) -> None:
    """Every page of servers that the cloud gave is read, each server once, and says whether another page follows."""
    reply = recorded(name)
    if reply.status != 200:
        assert decode.fault(reply.body) == ("badRequest", reply.content["badRequest"]["message"])
        return
    page = decode.servers(reply.body)

    assert [server.id for server in page.servers] == [server["id"] for server in reply.content["servers"]]
    assert page.more is ("servers_links" in reply.content)


def test_servers_of_a_cell_that_is_down() -> None:
    """Partial records (Compute API 2.69) have an id, a project and the status UNKNOWN; the rest is unknown."""
    reply = recorded("compute/cell-down-servers")
    partial = [server for server in reply.content["servers"] if server["status"] == "UNKNOWN"]

    found = [server for server in decode.servers(reply.body).servers if server.status == decode.UNKNOWN]

    assert found == [
        Server(id=raw["id"], name="", project=raw["tenant_id"], status="UNKNOWN", created=seconds(raw["created"][:-1]))
        for raw in partial
    ]
    assert found


def test_boot_from_volume() -> None:
    """A server without an image has its volumes; a flavor without a name (before 2.47) has none."""
    record = {"id": "a", "status": "ACTIVE", "image": "", "flavor": {"id": "1"}}
    record["os-extended-volumes:volumes_attached"] = [{"id": "v1"}, {"id": "v2", "delete_on_termination": False}]

    assert decode.servers(wire({"servers": [record]})).servers == (
        Server(id="a", name="", project="", status="ACTIVE", volumes=("v1", "v2")),
    )


def test_actions() -> None:
    """A listing of actions has no events, which is not the same as having none."""
    raw = recorded("compute/actions-stuck").content["instanceActions"]

    found = decode.actions(recorded("compute/actions-stuck").body, "stuck")

    assert found[0] == Action(
        server="stuck",
        request=raw[0]["request_id"],
        action="stop",
        start=seconds(raw[0]["start_time"]),
        updated=seconds(raw[0]["updated_at"]),
        project=raw[0]["project_id"],
        user=raw[0]["user_id"],
    )
    assert [action.action for action in found] == ["stop", "create"]


def test_action_that_is_not_picked_up_and_action_in_flight() -> None:
    """No event at all is a host that hangs; an event without end is in flight."""
    hung = decode.action(recorded("compute/action-hung-reboot").body, "hung")
    raw = recorded("compute/action-stuck-stop").content["instanceAction"]["events"]
    stuck = decode.action(recorded("compute/action-stuck-stop").body, "stuck")

    assert (hung.message, hung.events) == (None, ())
    assert stuck.events == (
        ActionEvent(name="compute_stop_instance", start=seconds(raw[0]["start_time"]), host="vmware1"),
    )


def test_action_that_failed() -> None:
    """The events come in order of time, with the details of the failure."""
    raw = recorded("compute/action-active-pause").content["instanceAction"]

    found = decode.action(recorded("compute/action-active-pause").body, "active")

    assert (found.message, [event.result for event in found.events or ()]) == ("Error", ["Error"])
    assert (found.events or ())[-1].details == raw["events"][0]["details"]
    moved = decode.action(recorded("compute/action-moved-resize").body, "moved").events or ()
    assert [event.start for event in moved] == sorted(event.start for event in moved)
    assert len(moved) > 3


@pytest.mark.parametrize("name", names("compute/action*-*"))
def test_every_recorded_action(name: str) -> None:
    """Every action that the cloud gave is read."""
    reply = recorded(name)
    if reply.status == 404:
        assert decode.fault(reply.body) == ("itemNotFound", reply.content["itemNotFound"]["message"])
    elif "actions-" in name:
        assert len(decode.actions(reply.body, "s")) == len(reply.content["instanceActions"])
    else:
        assert len(decode.action(reply.body, "s").events or ()) == len(reply.content["instanceAction"]["events"])


def test_services() -> None:
    """Up is the heartbeat; disabled has its reason, which stays behind when the driver enables the service again."""
    disabled = decode.services(recorded("compute/services-driver-disabled-stuck").body).services
    recovered = decode.services(recorded("compute/services-driver-recovered").body).services
    forced = decode.services(recorded("compute/services-forced-down").body).services

    def one(services: tuple[ServiceState, ...], host: str) -> ServiceState:
        return next(service for service in services if service.host == host and service.binary == "nova-compute")

    vmware1 = one(disabled, "vmware1")
    assert (vmware1.up, vmware1.enabled, vmware1.disabled_reason) == (True, False, "set by vmwareapi host_state")
    assert (one(recovered, "vmware1").enabled, one(recovered, "vmware1").disabled_reason) == (
        True,
        "set by vmwareapi host_state",
    )
    assert (one(forced, "fake1").up, one(forced, "fake1").forced_down) == (False, True)
    down = one(decode.services(recorded("compute/services-down").body).services, "fake1")
    assert (down.up, down.enabled, down.zone) == (False, True, "fake")


def test_services_of_a_cell_that_is_down() -> None:
    """Their state is unknown, which is neither up nor down."""
    found = decode.services(recorded("compute/cell-down-services").body)

    assert found == Services((), (("nova-compute", "fake1"), ("nova-compute", "vmware2"), ("nova-compute", "vmware1")))


def test_agents() -> None:
    """Neutron's agents are services like the others."""
    raw = {agent["host"]: agent for agent in recorded("network/agents").content["agents"]}
    found = {agent.host: agent for agent in decode.agents(recorded("network/agents").body).services}

    assert found["vmware2"] == ServiceState(
        binary="neutron-dvs-agent",
        host="vmware2",
        up=raw["vmware2"]["alive"],
        enabled=True,
        updated=seconds(raw["vmware2"]["heartbeat_timestamp"]),
    )
    assert list(found) == list(raw)


def test_hypervisors() -> None:
    """Sizes are bytes; the id is the resource provider's."""
    raw = {each["id"]: each for each in recorded("compute/hypervisors").content["hypervisors"]}
    providers = {each["uuid"] for each in recorded("placement/resource-providers").content["resource_providers"]}
    found = decode.hypervisors(recorded("compute/hypervisors").body)

    assert set(found) == set(raw)
    assert set(found) <= providers
    key = next(key for key, each in raw.items() if each["service"]["host"] == "vmware1")
    assert found[key] == Hypervisor(
        hostname=raw[key]["hypervisor_hostname"],
        type="VMware vCenter Server",
        service_host="vmware1",
        up=True,
        enabled=True,
        version=6005000,
        vcpus=6,
        vcpus_used=raw[key]["vcpus_used"],
        memory_bytes=raw[key]["memory_mb"] * 1024**2,
        memory_used_bytes=raw[key]["memory_mb_used"] * 1024**2,
        disk_bytes=raw[key]["local_gb"] * 1024**3,
        disk_used_bytes=raw[key]["local_gb_used"] * 1024**3,
        running=raw[key]["running_vms"],
    )


def test_hypervisors_without_resources() -> None:
    """From 2.88 on the resources are gone: they are unknown, not 0."""
    found = decode.hypervisors(recorded("compute/hypervisors-2.88").body)

    assert {(each.vcpus, each.memory_bytes, each.running) for each in found.values()} == {(None, None, None)}


def test_placement() -> None:
    """Traits in order, inventory and usages by resource class."""
    raw = recorded("placement/inventories-vmware1").content["inventories"]
    traits = recorded("placement/traits-vmware1").content["traits"]

    assert decode.traits(recorded("placement/traits-vmware1").body) == tuple(sorted(traits))
    assert decode.inventories(recorded("placement/inventories-vmware1").body) == {
        name: Inventory(total=each["total"], reserved=each["reserved"], allocation_ratio=each["allocation_ratio"])
        for name, each in raw.items()
    }
    assert set(raw) == {"VCPU", "MEMORY_MB", "DISK_GB"}
    usages = recorded("placement/usages-vmware1").content["usages"]
    assert decode.usages(recorded("placement/usages-vmware1").body) == usages


@pytest.mark.parametrize("name", [name for name in names("*/*") if recorded(name).status >= 400])
def test_every_recorded_fault(name: str) -> None:
    """Every error that the cloud gave as JSON has a word and a message in one line."""
    reply = recorded(name)
    found = decode.fault(reply.body)

    if "html" in reply.headers.get("Content-Type", ""):
        assert found is None
    else:
        assert found is not None
        assert found[0]
        assert len(found[1]) > 10
        assert "\n" not in found[1]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"NeutronError": {"type": "AgentNotFound", "message": "Agent x"}}', ("AgentNotFound", "Agent x")),
        (b'{"errors": [{"status": 409, "title": "Conflict", "detail": "busy"}]}', ("Conflict", "busy")),
        (b'{"overLimit": {"code": 413, "message": "slow\\n down", "retryAfter": "0"}}', ("overLimit", "slow down")),
        (b"<html>", None),
        (b"[]", None),
        (b'{"a": 1, "message": 2}', None),
    ],
)
def test_shapes_of_faults(body: bytes, said: tuple[str, str] | None) -> None:
    """The shapes of Neutron, Placement and rate limiters; what is none of them is no fault of an API."""
    assert decode.fault(body) == said


def test_long_message_is_cut() -> None:
    """A message that a user made does not fill our memory."""
    found = decode.fault(wire({"badRequest": {"message": "x" * 100_000}}))

    assert found == ("badRequest", "x" * 1997 + "...")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the reply is not JSON: Expecting value at character 0 of 0"),
        (b"<html>", "the reply is not JSON: Expecting value at character 0 of 6"),
        (b'{"servers": [', "the reply is not JSON: Expecting value at character 13 of 13"),
        (b"\xff\xff{}", "the reply is not JSON that can be read (UnicodeDecodeError)"),
        (b"9" * 5000, "the reply is not JSON that can be read (ValueError)"),
        (b"[" * 100_000, "the reply is not JSON that can be read (RecursionError)"),
        (b"[]", "the reply is a list, not an object"),
        (b"{}", "servers is missing"),
        (b'{"servers": {}}', "servers is an object, not a list"),
        (b'{"servers": [1]}', "servers[0] is a number, not an object"),
        (b'{"servers": [{"status": "ACTIVE"}]}', "servers[0].id is missing"),
        (b'{"servers": [{"id": 1, "status": "ACTIVE"}]}', "servers[0].id is a number, not text"),
        (b'{"servers": [{"id": "a"}]}', "servers[0].status is missing"),
        (
            b'{"servers": [{"id": "a", "status": "ACTIVE", "OS-EXT-STS:power_state": true}]}',
            "servers[0].OS-EXT-STS:power_state is true or false, not a whole number",
        ),
        (b'{"servers": [{"id": "a", "status": "A", "created": "soon"}]}', "servers[0].created is not a time"),
        (b'{"servers": [{"id": "a", "status": "A", "flavor": []}]}', "servers[0].flavor is a list, not an object"),
        (
            b'{"servers": [{"id": "a", "status": "A", "image": {"id": 7}}]}',
            "servers[0].image.id is a number, not text",
        ),
    ],
)
def test_damage_is_named(body: bytes, problem: str) -> None:
    """What is not as the API reference says is a BadReply that names the field."""
    with pytest.raises(BadReply) as raised:
        decode.servers(body)
    assert str(raised.value) == problem


junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.none()), st.just({})
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a JSON tree stand."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


@given(name=st.sampled_from(sorted(DECODERS)), data=st.data())
def test_one_wrong_value_never_crashes(name: str, data: st.DataObject) -> None:
    """Whatever stands in place of a value, or where one is missing: it is read, or it is a BadReply."""
    content = deepcopy(recorded(name).content)
    *path, last = data.draw(st.sampled_from(places(content)[1:]))
    target = content
    for key in path:
        target = target[key]
    if data.draw(st.booleans()):
        target[last] = data.draw(junk)
    else:
        del target[last]

    with suppress(BadReply):
        DECODERS[name](wire(content))
    with suppress(BadReply):
        decode.fault(wire(content))


@given(name=st.sampled_from(sorted(DECODERS)), cut=st.integers(min_value=0, max_value=200))
def test_truncated_reply(name: str, cut: int) -> None:
    """A reply that is cut short is a BadReply, never half a picture."""
    body = recorded(name).body

    with pytest.raises(BadReply, match="not JSON"):
        DECODERS[name](body[: len(body) - 1 - cut % (len(body) - 1)])


@given(name=st.sampled_from(sorted(DECODERS)))
def test_unknown_fields_are_ignored(name: str) -> None:
    """A newer cloud may say more."""
    content = deepcopy(recorded(name).content)
    for place in places(content):
        target = content
        for key in place:
            target = target[key]
        if isinstance(target, dict) and place[-1:] not in {("usages",), ("inventories",)}:
            target["x-new"] = [{"a": 1}]

    assert DECODERS[name](wire(content)) == DECODERS[name](recorded(name).body)
