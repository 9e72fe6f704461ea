"""Which silences pause what."""

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alertmanager.silences import exact, is_marked, newest, plan
from exporter.alertmanager.wire import Matcher, Silence
from sla.incident import Cycle, Incident, State
from sla.model import Selector, Window

DAY = 86400.0
SILENCE = Silence(
    id="5b3a",
    state="active",
    starts_at=1000.0,
    ends_at=4600.0,
    updated_at=1000.0,
    matchers=(Matcher("site", "dc1"),),
    comment="MAINT: change 4711",
    created_by="somebody",
)


def incident(resource: str = "vc1", **labels: str) -> Incident:
    """An open incident with these labels."""
    return Incident(
        id="0123",
        class_="api",
        resource=resource,
        labels=tuple(sorted(labels.items())),
        policy="p",
        start=900.0,
        cycle=Cycle(900.0),
        seen=900.0,
        counted_at=900.0,
        paused_at=900.0,
        state=State.OPEN,
    )


def windows(*silences: Silence, incidents: tuple[Incident, ...] = (), known: tuple[Window, ...] = ()) -> Any:
    """The plan for these at second 1100."""
    return plan(silences, incidents, known, now=1100.0, longest=DAY)


def test_a_marked_silence_is_a_window() -> None:
    """It lasts as the silence does, was announced when the silence became what it is, and says who and why."""
    [window] = windows(SILENCE).windows
    assert window == Window(
        id=window.id,
        start=1000.0,
        end=4600.0,
        scope=Selector(labels=(("site", "dc1"),)),
        announced_at=1000.0,
        source="silence",
        comment="somebody: MAINT: change 4711",
    )
    assert window.id.startswith("silence/5b3a/")


@pytest.mark.parametrize(
    ("comment", "annotations", "marked"),
    [
        ("MAINT: x", (), True),
        ("maintenance", (), False),
        ("no MAINT: x", (), False),
        ("ACK! I am on it", (), False),
        ("", (("sla/pause", "true"),), True),
        ("", (("sla/pause", "false"),), False),
    ],
)
def test_the_mark(comment: str, annotations: Any, marked: bool) -> None:
    """The annotation with the value true, or the comment's first word."""
    assert is_marked(replace(SILENCE, comment=comment, annotations=annotations)) is marked


def test_a_mark_that_is_added_later_holds_from_then_on() -> None:
    """A comment is edited in place and leaves startsAt; nothing before the edit is paused."""
    [window] = windows(replace(SILENCE, updated_at=2000.0)).windows
    assert (window.start, window.announced_at, window.end) == (2000.0, 2000.0, 4600.0)


def test_one_that_begins_later_is_announced_before() -> None:
    """A pending silence is a window of the future."""
    [window] = windows(replace(SILENCE, state="pending", starts_at=3000.0)).windows
    assert (window.start, window.announced_at) == (3000.0, 1000.0)


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"comment": "mute"}, "unmarked"),
        ({"ends_at": 1000.0 + DAY + 1}, "too_long"),
        ({"matchers": (Matcher("site", "dc2", regex=True),)}, "unmatched"),
        ({"matchers": (Matcher("site", "(", regex=True),)}, "bad_pattern"),
        ({"matchers": (Matcher("site", "(a|aa)+$", regex=True),)}, "bad_pattern"),
        ({"matchers": (Matcher("site", "x" * 2001, regex=True),)}, "bad_pattern"),
    ],
)
def test_what_is_not_applied_has_a_reason(changed: dict[str, Any], outcome: str) -> None:
    """No window, but one word that says why; also for an expression that would take for ever."""
    found = windows(replace(SILENCE, **changed), incidents=(incident(site="a" * 60 + "b"),))
    assert (found.windows, found.outcomes) == ((), {"5b3a": outcome})


def test_a_window_ends_with_its_silence() -> None:
    """What Alertmanager says is over, changed or no longer marked ends; what it does not list may be forgotten only."""
    [window] = windows(SILENCE).windows
    other = replace(window, id="config/weekly@1000", source="config")
    known = (window, other)
    assert windows(SILENCE, known=known).ended == ()
    assert windows(known=known).ended == ()
    for over in (
        replace(SILENCE, state="expired", ends_at=1050.0),
        replace(SILENCE, comment="mute"),
        replace(SILENCE, ends_at=5000.0, updated_at=1100.0),
    ):
        assert windows(over, known=known).ended == (window.id,)
    assert windows(replace(SILENCE, state="expired"), known=(replace(window, end=1090.0),)).ended == ()


def test_an_expression_that_cannot_be_compared_now_ends_nothing() -> None:
    """A machine so busy that a comparison takes too long does not end maintenance."""
    silence = replace(SILENCE, matchers=(Matcher("site", ".*", regex=True),))
    [window] = windows(silence, incidents=(incident(),)).windows
    bad = replace(silence, matchers=(Matcher("site", "(a|aa)+$", regex=True),))
    assert windows(bad, incidents=(incident(site="a" * 60 + "b"),), known=(window,)).ended == ()


def test_the_newest_of_what_the_members_say() -> None:
    """Gossip may be late: of two versions of a silence, the one that was changed later counts."""
    later = replace(SILENCE, updated_at=1200.0, comment="over")
    assert newest([[SILENCE], [later], []]) == newest([[later], [SILENCE]]) == (later,)


@pytest.mark.parametrize(
    ("matchers", "scope"),
    [
        ([Matcher("class", "api"), Matcher("resource", "vc1")], Selector(class_="api", resource="vc1")),
        ([Matcher("sla_class", "api"), Matcher("host", "h")], Selector(class_="api", labels=(("host", "h"),))),
        ([Matcher("alertname", "SlaIncident"), Matcher("class", "api")], Selector(class_="api")),
        ([Matcher("alertname", "HostDown")], Selector(labels=(("alertname", "HostDown"),))),
        ([Matcher("class", "api"), Matcher("sla_class", "storage")], None),
        ([Matcher("host", "h", regex=True)], None),
        ([Matcher("host", "h", equal=False)], None),
        ([Matcher("host", "")], None),
    ],
)
def test_plain_matchers_are_a_scope(matchers: list[Matcher], scope: Selector | None) -> None:
    """Equalities cover incidents that do not exist yet; all else is compared with each incident."""
    assert exact(matchers) == scope


WORD = st.text(string.ascii_lowercase[:3], max_size=2)
MATCHER = st.builds(Matcher, st.sampled_from(["a", "b", "class", "resource"]), WORD, st.booleans(), st.booleans())


@given(st.lists(MATCHER, min_size=1, max_size=3), st.dictionaries(st.sampled_from("ab"), WORD), WORD)
def test_a_silence_covers_what_alertmanager_would_mute(
    matchers: list[Matcher], labels: dict[str, str], resource: str
) -> None:
    """An incident is covered where each matcher holds for its labels, class and resource; a missing label is empty."""
    one = incident(resource or "r", **labels)
    seen = {**labels, "class": one.class_, "resource": one.resource}
    # These values have no letter with a meaning in expressions.
    mutes = all((seen.get(matcher.name, "") == matcher.value) is matcher.equal for matcher in matchers)
    found = windows(replace(SILENCE, matchers=tuple(matchers)), incidents=(one,)).windows
    covered = [
        window
        for window in found
        if window.scope.class_ in {"", one.class_}
        and window.scope.resource in {"", one.resource}
        and set(window.scope.labels) <= set(one.labels)
    ]
    assert bool(covered) is mutes
