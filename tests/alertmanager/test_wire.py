"""What Alertmanager says is understood as two versions of it were recorded; anything else is refused in a sentence."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alertmanager import wire
from exporter.alertmanager.wire import Alert, Delivery, Matcher, Outgoing
from exporter.errors import BadReply

FIXTURES = Path(__file__).parent.parent / "fixtures" / "alertmanager"
LABELS = (("alertname", "ApiDown"), ("instance", "nova"), ("site", "dc1"), ("sla_class", "api_communication"))
PRINT = "04fa54939545bdd4"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["version", "alerts", "labels", "status", "startsAt", "matchers", "id", "state"]), inner
        )
    ),
)


def recorded(name: str) -> bytes:
    """A document as Alertmanager sent it."""
    return (FIXTURES / f"{name}.json").read_bytes()


def at(text: str) -> float:
    """Seconds since the epoch, in milliseconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("version", "start", "end"),
    [
        ("0.25.0", "2026-11-23T02:55:54.681", "2026-11-23T02:55:54.698"),
        ("0.34.2", "2026-11-23T02:55:51.989", "2026-11-23T02:55:52.005"),
    ],
)
def test_an_occurrence_has_one_key(version: str, start: str, end: str) -> None:
    """Webhook and API name the same occurrence; while it fires, its end in the webhook, year 1, is none."""
    alert = Alert(PRINT, LABELS, at(start))
    assert wire.delivery(recorded(f"webhook-firing-{version}")) == Delivery((alert,))
    assert wire.alerts(recorded(f"alerts-{version}")) == (alert,)
    [resolved] = wire.delivery(recorded(f"webhook-resolved-{version}")).alerts
    assert (resolved.key, resolved.ends_at) == (alert.key, at(end))


@pytest.mark.parametrize(("version", "annotations"), [("0.25.0", ()), ("0.34.2", (("sla/pause", "true"),))])
def test_silences(version: str, annotations: Any) -> None:
    """Each with its state, times and matchers; with annotations where the version has them."""
    first, second = wire.silences(recorded(f"silences-{version}"))
    assert (first.state, second.state) == ("active", "expired")
    assert first.matchers == (Matcher("site", "dc1"), Matcher("instance", "n.*", regex=True, equal=False))
    assert (first.comment, first.created_by, first.annotations) == ("MAINT: change 4711", "somebody", annotations)
    assert first.ends_at - first.starts_at == pytest.approx(3599.999)
    assert first.starts_at == first.updated_at


def test_when_a_member_was_started() -> None:
    """uptime is not a duration but an instant."""
    assert wire.up_since(recorded("status-0.25.0")) == at("2026-11-23T02:55:54.577")


def test_a_matcher_without_is_equal_is_one_of_equality() -> None:
    """Alertmanager before 0.22 knew no negative ones."""
    [silence] = json.loads(recorded("silences-0.25.0"))[:1]
    del silence["matchers"][0]["isEqual"]
    [read] = wire.silences(json.dumps([silence]).encode())
    assert read.matchers[0] == Matcher("site", "dc1")


@pytest.mark.parametrize(
    ("read", "body", "said"),
    [
        (wire.delivery, b"", "not JSON"),
        (wire.delivery, b"\xff", "not JSON"),
        (wire.delivery, b"[" * 100_000, "not JSON"),
        (wire.delivery, b"[]", "a webhook is not a JSON object"),
        (wire.delivery, b'{"version": "3", "alerts": []}', "not a webhook of version 4"),
        (wire.delivery, b'{"version": "4"}', "alerts is not a JSON list"),
        (wire.delivery, b'{"version": "4", "alerts": [], "truncatedAlerts": "x"}', "truncatedAlerts is not a number"),
        (wire.delivery, b'{"version": "4", "alerts": [{"status": 1}]}', "status is missing or not text"),
        (wire.alerts, b'[{"labels": {"a": 1}}]', "a is missing or not text"),
        (wire.alerts, b'[{"labels": {}, "fingerprint": "f", "startsAt": "soon"}]', "startsAt is no time"),
        (
            wire.alerts,
            b'[{"labels": {}, "fingerprint": "f", "startsAt": "2026-01-01T00:00:00"}]',
            "startsAt is no time",
        ),
        (wire.silences, b'[{"id": "a", "status": "active"}]', "status is not a JSON object"),
        (wire.up_since, b"{}", "uptime is missing"),
    ],
)
def test_what_is_not_alertmanager_is_refused(read: Any, body: bytes, said: str) -> None:
    """One sentence says which part is not what it should be."""
    with pytest.raises(BadReply, match=said):
        read(body)


@given(JSON, st.sampled_from([wire.delivery, wire.alerts, wire.silences, wire.up_since]))
def test_no_document_brings_anything_else_than_a_refusal(document: Any, read: Any) -> None:
    """Any JSON is either understood or refused as BadReply."""
    try:
        read(json.dumps(document).encode())
    except BadReply:
        return
    assert document is not None


@given(
    st.dictionaries(st.text(min_size=1), st.text()),
    st.floats(0, 4e9),
    st.floats(0, 4e9),
)
def test_what_is_told_can_be_read_again(labels: dict[str, str], start: float, end: float) -> None:
    """Labels and times survive, the latter to the millisecond."""
    told = Outgoing(tuple(sorted(labels.items())), start, end, (("summary", "ä"),))
    [read] = json.loads(wire.encode([told]))
    assert read["labels"] == labels
    assert read["annotations"] == {"summary": "ä"}
    times = [datetime.fromisoformat(read[key]).timestamp() for key in ("startsAt", "endsAt")]
    assert times == pytest.approx([start, end], abs=0.002)
