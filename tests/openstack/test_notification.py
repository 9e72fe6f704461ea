"""Nova's versioned notifications: what each recorded one says, and that nothing which arrives can do harm."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import BadReply
from exporter.openstack.notification import EVENTS, MAX_BYTES, OTHER, PHASES, Notification, decode, event_of

FIXTURES = Path(__file__).parent.parent / "fixtures" / "openstack" / "notifications"
ROOT = Path(__file__).resolve().parents[2]

SERVER = "5a076aee-7e00-4c35-962e-c4e934ec4977"
PROJECT = "913b757b286f41b48be82c8b006c3f46"


def at(clock: str) -> float:
    """An instant of the recording's day."""
    return datetime.fromisoformat(f"2026-11-23T{clock}").replace(tzinfo=UTC).timestamp()


RECORDED = {
    "instance.create.start": Notification(
        "instance.create.start",
        "instance.create.start",
        server=SERVER,
        host="vmware1",
        request="req-04c11fdd-41a3-4474-b0e5-3d7ee4d8938b",
        when=at("02:06:30.204687"),
        project=PROJECT,
        state="building",
    ),
    "instance.create.end": Notification(
        "instance.create.end",
        "instance.create.end",
        server=SERVER,
        host="vmware1",
        request="req-04c11fdd-41a3-4474-b0e5-3d7ee4d8938b",
        when=at("02:06:39.535837"),
        project=PROJECT,
        state="active",
    ),
    "instance.create.error": Notification(
        "instance.create.error",
        "instance.create.error",
        server="d76b55c0-53f6-43ed-b8e6-006c60d367d5",
        host="vmware1",
        request="req-2cdf692e-95ef-4b92-9d50-ef5e14a3a1c3",
        when=at("02:06:51.759055"),
        is_error=True,
        exception="NoDiskSpaceException",
        message="*types.NoDiskSpace",
        project=PROJECT,
        state="building",
        task_state="spawning",
    ),
    "instance.power_off.start": Notification(
        "instance.power_off.start",
        "instance.power_off.start",
        server=SERVER,
        host="vmware1",
        request="req-05e1181f-1216-4e9d-a43a-d9710762dba0",
        when=at("02:06:40.586529"),
        project=PROJECT,
        state="active",
        task_state="powering-off",
    ),
    "instance.power_off.end": Notification(
        "instance.power_off.end",
        "instance.power_off.end",
        server=SERVER,
        host="vmware1",
        request="req-05e1181f-1216-4e9d-a43a-d9710762dba0",
        when=at("02:06:41.146703"),
        project=PROJECT,
        state="stopped",
    ),
    "instance.pause.start": Notification(
        "instance.pause.start",
        "instance.pause.start",
        server=SERVER,
        host="vmware1",
        request="req-512d2b5a-7c97-4a7b-99d0-017cf21c7a9c",
        when=at("02:06:43.563960"),
        project=PROJECT,
        state="active",
        task_state="pausing",
    ),
    "instance.delete.end": Notification(
        "instance.delete.end",
        "instance.delete.end",
        server=SERVER,
        host="vmware1",
        request="req-6010d300-40db-472c-91e7-75079e9d592b",
        when=at("02:06:53.484846"),
        project=PROJECT,
        state="deleted",
    ),
    "compute.exception": Notification(
        "compute.exception",
        "compute.exception",
        host="vmware1",
        request="req-512d2b5a-7c97-4a7b-99d0-017cf21c7a9c",
        when=at("02:06:44.418914"),
        is_error=True,
        exception="NotImplementedError",
        message="pause not supported for vmwareapi",
    ),
    "compute_task.build_instances.error": Notification(
        "compute_task.build_instances.error",
        "compute_task.build_instances.error",
        server="3bdabff3-98a4-424e-a573-879a2bb594c8",
        host="controller",
        request="req-5a13bfc5-efe7-4a42-b2f2-b1e2f2ee278b",
        when=at("02:06:46.785390"),
        is_error=True,
        exception="NoValidHost_Remote",
        message="No valid host was found.",
        state="error",
    ),
    "scheduler.select_destinations.start": Notification(
        "scheduler.select_destinations.start",
        "scheduler.select_destinations.start",
        server=SERVER,
        host="controller",
        request="req-04c11fdd-41a3-4474-b0e5-3d7ee4d8938b",
        when=at("02:06:29.022461"),
    ),
}


@pytest.mark.parametrize("event", sorted(path.stem for path in FIXTURES.glob("*.json")))
def test_recorded(event: str) -> None:
    """A message of the real Nova is exactly this."""
    assert decode((FIXTURES / f"{event}.json").read_bytes()) == RECORDED[event]


def test_without_envelope() -> None:
    """What the driver ``messaging`` sends, which has no envelope, says the same."""
    body = (FIXTURES / "instance.create.error.json").read_bytes()

    assert decode(json.loads(body)["oslo.message"].encode()) == decode(body)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the message is not JSON that can be read (JSONDecodeError)"),
        (b"\xff", "the message is not JSON that can be read (UnicodeDecodeError)"),
        (b"[" * 100_000, "the message is not JSON that can be read (RecursionError)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "the message is not JSON that can be read (ValueError)"),
        (b"[]", "the message is not a JSON object"),
        (b"{}", "the notification has no event_type"),
        (b'{"event_type": 1}', "the notification has no event_type"),
        (b'{"oslo.version": "2.0", "oslo.message": {}}', "oslo.message is not text"),
        (
            b'{"oslo.version": "2.0", "oslo.message": "x"}',
            "oslo.message is not JSON that can be read (JSONDecodeError)",
        ),
        (b" " * (MAX_BYTES + 1), f"the notification has {MAX_BYTES + 1} bytes, more than {MAX_BYTES}"),
    ],
)
def test_malformed(body: bytes, problem: str) -> None:
    """What is no notification is a BadReply that says why, and quotes nothing of it."""
    with pytest.raises(BadReply) as raised:
        decode(body)
    assert str(raised.value) == problem


def test_unknown_events_have_one_label() -> None:
    """An event that Nova does not define keeps its name, but not as a label; the number of labels is bounded."""
    assert event_of("instance.power_off.start") == "instance.power_off.start"
    assert event_of("flavor.create") == "flavor.create"
    assert {
        event_of(name)
        for name in ("", "instance", "instance.fly.end", "instance.create.soon", "instance.create.", "a.b.c.d")
    } == {OTHER}
    assert decode(b'{"event_type": "baremetal.node.end"}') == Notification("baremetal.node.end", OTHER)
    assert sum(len(actions) for actions in EVENTS.values()) * (len(PHASES) + 1) == 360


def test_only_what_looks_like_a_uuid_is_a_server() -> None:
    """The server's UUID goes into paths of Nova's API; anything else in its place is passed over."""
    payload = {"nova_object.data": {"uuid": "../../os-services", "host": "a\nb"}}
    body = json.dumps({"event_type": "instance.create.end", "payload": payload}).encode()

    assert decode(body) == Notification("instance.create.end", "instance.create.end")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS = ("uuid", "instance_uuid", "host", "request_id", "fault", "reason", "exception_message", "tenant_id", "state")


@given(
    event=st.sampled_from(["instance.create.error", "compute.exception", "x"]),
    data=st.dictionaries(st.sampled_from(FIELDS), json_values) | json_values,
    rest=st.dictionaries(
        st.sampled_from(["priority", "timestamp", "publisher_id", "_context_request_id"]), json_values
    ),
)
def test_fields_of_any_type(event: str, data: object, rest: dict[str, object]) -> None:
    """Fields of any type make a notification with text or None for each, short and in one line."""
    body = json.dumps({"event_type": event, "payload": {"nova_object.data": data}, **rest}).encode()

    said = decode(body)

    texts = (said.server, said.host, said.request, said.exception, said.message, said.project, said.state)
    assert all(text is None or (len(text) <= 2000 and "\n" not in text) for text in texts)
    assert said.event in {event, OTHER}


@given(body=st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """Bytes of any kind are a notification or a BadReply."""
    with suppress(BadReply):
        assert decode(body).event


def test_events_are_those_of_nova() -> None:
    """The table of events is that of the Nova in the lab, read from its source."""
    found = sorted((ROOT / ".build/openstack/venv").glob("lib/python3*/site-packages/nova/notifications/objects/*.py"))
    if not found:
        pytest.skip("no Nova here: `make openstack-up` installs one")
    text = "".join(path.read_text(encoding="utf-8") for path in found)
    samples = [
        line.split("'")[1].removesuffix(".json") for line in text.splitlines() if "notification_sample('" in line
    ]
    names = {tuple(sample.split("-")[:2]) for sample in samples} - {("instance", "power_on_share")}

    assert names == {(name, action) for name, actions in EVENTS.items() for action in actions}
