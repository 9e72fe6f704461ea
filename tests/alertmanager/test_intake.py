"""Which alert is about what, and what the engine is told after each look."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alertmanager.intake import Book, Names, Subject, subject
from exporter.alertmanager.wire import Alert
from sla.model import Health, Observation
from sla.policy import Condition, IncidentClass, Policy, Target

NAMES = Names()
TARGETS = (Target("resolution", 1800.0),)
POLICY = Policy(
    {
        "api": IncidentClass(
            "api",
            TARGETS,
            conditions=(
                Condition("metric", ("vcenter",), metric="vsphere_up"),
                Condition("paged", ("cloud", "api"), alert=True, labels=(("severity", "page|call"),)),
                Condition("rest", ("alertname",), alert=True, labels=(("sla_class", "api"), ("severity", "note"))),
            ),
        ),
        "plain": IncidentClass("plain", TARGETS),
    }
)


def alert(**labels: str) -> Alert:
    """An alert with these labels."""
    return Alert("f", tuple(sorted(labels.items())), 100.0)


@pytest.mark.parametrize(
    ("labels", "resource", "condition"),
    [
        ({"sla_class": "api", "severity": "page", "cloud": "c1", "api": "nova"}, "c1/nova", "paged"),
        ({"sla_class": "api", "severity": "call", "cloud": "c1"}, "c1", "paged"),
        ({"sla_class": "api", "severity": "note", "alertname": "Slow", "instance": "i"}, "Slow", "rest"),
        ({"sla_class": "api", "severity": "page", "cloud": "c1", "sla_resource": "vc1"}, "vc1", "paged"),
        ({"sla_class": "plain", "alertname": "Slow", "instance": "i"}, "Slow/i", "alert"),
        ({"sla_class": "plain", "alertname": "Absent"}, "Absent", "alert"),
        ({"sla_class": "plain", "alertname": "Odd", "instance": "a\nb"}, "Odd/a\N{REPLACEMENT CHARACTER}b", "alert"),
    ],
)
def test_what_an_alert_is_about(labels: dict[str, str], resource: str, condition: str) -> None:
    """The class by its label; the resource by its label, by the condition that matches, by alertname and instance."""
    found = subject(alert(**labels), POLICY, NAMES)
    assert isinstance(found, Subject)
    assert found.place == (labels["sla_class"], resource)
    kept = {name: value.replace("\n", "\N{REPLACEMENT CHARACTER}") for name, value in labels.items()}
    assert dict(found.labels) == {**kept, "condition": condition}


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"alertname": "A"}, "no_class"),
        ({"sla_class": "other", "alertname": "A"}, "unknown_class"),
        ({"sla_class": "api", "severity": "pager", "cloud": "c1"}, "no_condition"),
        ({"sla_class": "api", "severity": "page"}, "no_resource"),
        ({"sla_class": "plain"}, "no_resource"),
        ({"sla_class": "plain", "sla_resource": "x" * 501}, "oversized"),
        ({"sla_class": "plain", "alertname": "A", "text": "x" * 20_000}, "oversized"),
        ({"sla_class": "plain", "alertname": "SlaIncident", "resource": "r"}, "own"),
    ],
)
def test_what_an_alert_is_not_about(labels: dict[str, str], why: str) -> None:
    """What is left out has a reason; alerts that we send never come back as incidents."""
    assert subject(alert(**labels), POLICY, NAMES) == why


def test_labels_may_have_other_names() -> None:
    """A condition that names the class by the usual label matches, whatever the label is called."""
    found = subject(alert(kind="api", what="r", severity="note"), POLICY, Names("kind", "what"))
    assert isinstance(found, Subject)
    assert found.place == ("api", "r")


ALERTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("xyz")), unique_by=lambda one: one[0])
STEPS = st.lists(st.tuples(st.sampled_from(["look", "told", "blind", "forget"]), ALERTS), max_size=12)


def entry(name: str, place: str) -> tuple[Alert, Subject]:
    """An alert with that fingerprint, about that resource."""
    return replace(alert(), fingerprint=name + place), Subject(("plain", place), ())


@given(STEPS)
def test_the_engine_holds_what_was_seen_last(steps: list[Any]) -> None:
    """After a whole look, the engine holds exactly those for down of which an alert fires, however it came to that."""
    book = Book()
    engine: dict[str, Health] = {}

    def tell(found: list[Observation]) -> None:
        for one in found:
            engine[one.resource] = one.health
            book.told(one)

    for what, alerts in steps:
        found = {made[0].key: made for made in (entry(*one) for one in alerts)}
        if what == "forget":
            book.forget()
            continue
        before = book.before(("plain", place) for place, health in engine.items() if health is not Health.UP)
        if what == "blind":
            tell(list(book.blind(1.0, found={})))
            continue
        for key, (_, about) in found.items():
            if book.is_new(key) or what == "look":
                engine[about.place[1]] = Health.DOWN
                book.fires(key, about)
        if what == "look":
            book.over(before, found)
            tell(list(book.changes(before, 1.0, found=found, whole=True)))
            down = {place for place, health in engine.items() if health is Health.DOWN}
            assert down == {about.place[1] for _, about in found.values()}
            assert Health.UNKNOWN not in engine.values()


def test_what_is_told_during_a_look_is_not_over() -> None:
    """A webhook that arrives while the list is on its way is newer than the list."""
    book = Book()
    before = book.before(())
    made, about = entry("a", "x")
    book.fires(made.key, about)
    book.over(before, {})
    assert list(book.changes(before, 1.0, found={}, whole=True)) == []
    assert not book.is_new(made.key)


def test_a_list_that_may_lack_something_ends_nothing() -> None:
    """Without a whole list nothing is up; without any, what is not seen is unknown, once."""
    book = Book()
    (made, about), (other, about_other) = entry("a", "x"), entry("b", "y")
    book.fires(made.key, about)
    book.fires(other.key, about_other)
    before = book.before([("plain", "z")])
    found = {made.key: (made, about)}
    assert list(book.changes(before, 1.0, found=found, whole=False)) == []
    [unknown] = book.blind(1.0, found=found)
    assert unknown == Observation(1.0, "plain", "y", Health.UNKNOWN)
    book.told(unknown)
    assert list(book.blind(2.0, found=found)) == []
    found = {other.key: (other, about_other)}
    assert list(book.changes(before, 3.0, found=found, whole=False)) == [Observation(3.0, "plain", "y", Health.DOWN)]


def test_what_is_over_does_not_begin_again() -> None:
    """A late copy of a delivery is not new; what the list shows again is, whatever was thought of it."""
    book = Book()
    made, about = entry("a", "x")
    book.fires(made.key, about)
    book.over(book.before(()), {})
    assert not book.is_new(made.key)
    book.fires(made.key, about)
    book.forget()
    assert book.is_new(made.key)
