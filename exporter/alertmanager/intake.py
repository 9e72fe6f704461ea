"""Which alert is about which resource of which incident class, and what follows from the alerts that fire. Pure.

An alert opens an incident, by webhook or by being found. That it no longer fires is believed only when the list of what
fires says so: a silenced alert is never announced as resolved (alertmanager#226).
"""

import re
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from unicodedata import category

from exporter.alertmanager.wire import Alert
from sla.incident import Incident, State
from sla.model import Health, Labels, Observation
from sla.policy import Condition, Policy

OWN = frozenset({"SlaIncident", "SlaTimerAtRisk", "SlaTimerBreached", "NovacenterWatchdog"})
"""Names of alerts that we send: one that came back as an incident would hold itself up."""
FALLBACK = ("alertname", "instance")
"""What names a resource where neither a label nor the class says."""

Place: TypeAlias = tuple[str, str]
"""An incident class and a resource."""
Key: TypeAlias = tuple[str, float]
"""One occurrence of an alert: its fingerprint and when it began."""

_MOST_BYTES = 16 * 1024
_MOST_RESOURCE = 500
_MOST_ENDED = 10_000
_DOWN = frozenset({State.SUSPECT, State.OPEN, State.ACKED})


@dataclass(frozen=True, slots=True)
class Names:
    """The labels by which an alert says its incident class and its resource."""

    class_: str = "sla_class"
    resource: str = "sla_resource"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about. ``labels`` are the alert's, with ``condition``, the name of the condition it meets."""

    place: Place
    labels: Labels


SAID = {
    "unknown_class": "the policy has no class {class_!r}; add it, or correct the label {names.class_}",
    "no_condition": "no condition of class {class_!r} with alert: true matches its labels; add one, or correct them",
    "no_resource": "no label says its resource; add {names.resource} in the alerting rule",
    "oversized": "its labels, or its resource, are too long",
}
"""What an operator should know of an alert that was left out."""


def clean(text: str) -> str:
    """Without what the store of incidents does not take: control characters, and all that is over its limit."""
    return "".join("\N{REPLACEMENT CHARACTER}" if category(one) in {"Cc", "Cs"} else one for one in text[:4000])


def subject(alert: Alert, policy: Policy, names: Names) -> Subject | str:
    """What the alert is about, or why that cannot be said: one of ``metrics.ALERTS``.

    The resource is in the label for it, or in the labels that a condition of the class names, or in ``FALLBACK``.
    """
    labels = {clean(name): clean(value) for name, value in alert.labels}
    class_ = policy.classes.get(labels.get(names.class_, ""))
    if class_ is None:
        return "unknown_class" if labels.get(names.class_) else "no_class"
    if labels.get("alertname") in OWN:
        return "own"
    if sum(len(name) + len(value) for name, value in alert.labels) > _MOST_BYTES:
        return "oversized"
    ways = [condition for condition in class_.conditions if condition.alert]
    condition = next((way for way in ways if _meets(way, labels, class_.name)), None)
    if ways and condition is None:
        return "no_condition"
    parts = [labels.get(name, "") for name in (condition.resource if condition else FALLBACK)]
    resource = labels.get(names.resource) or "/".join(filter(None, parts))
    if not resource or len(resource) > _MOST_RESOURCE:
        return "oversized" if resource else "no_resource"
    kept = labels | {"condition": condition.name if condition else "alert"}
    return Subject((class_.name, resource), tuple(sorted(kept.items())))


def _meets(condition: Condition, labels: Mapping[str, str], class_: str) -> bool:
    # A condition may name the class again, by the default name of its label.
    seen = {"sla_class": class_, **labels}
    return all(re.fullmatch(pattern, seen.get(name, "")) for name, pattern in condition.labels)


@dataclass(frozen=True, slots=True)
class Before:
    """What was thought before a look, so that what is told during it is not taken for over.

    ``places`` are those that the engine holds for down, or for unknown, because of an alert.
    """

    keys: frozenset[Key]
    places: frozenset[Place]


class Book:
    """Which alerts fire, and what the engine was last told of their resources.

    Nothing counts as told before ``told`` is called for it: what could not be stored comes again.
    """

    def __init__(self) -> None:
        self._firing: dict[Key, Subject] = {}
        self._ended: OrderedDict[Key, None] = OrderedDict()
        self._told: dict[Place, Health] = {}

    def __len__(self) -> int:
        return len(self._firing)

    def forget(self) -> None:
        """The engine no longer holds what it was told: another process leads, or led."""
        self._firing.clear()
        self._told.clear()

    def is_new(self, key: Key) -> bool:
        """Whether this occurrence is neither known to fire nor known to be over."""
        return key not in self._firing and key not in self._ended

    def fires(self, key: Key, about: Subject) -> None:
        """The engine was told that this alert fires."""
        self._ended.pop(key, None)
        self._firing[key] = about
        self._told[about.place] = Health.DOWN

    def before(self, standing: Iterable[Place]) -> Before:
        """What to compare the answer to a question with that is asked now. ``standing`` are open incidents."""
        return Before(frozenset(self._firing), frozenset(self._told) | frozenset(standing))

    def over(self, before: Before, found: Container[Key]) -> None:
        """What was known to fire and is not in the whole list of what does, is over."""
        for key in [key for key in before.keys if key not in found]:
            if self._firing.pop(key, None) is not None:
                self._ended[key] = None
        while len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def changes(
        self, before: Before, at: float, *, found: Mapping[Key, tuple[Alert, Subject]], whole: bool
    ) -> Iterator[Observation]:
        """What the engine must be told after a look: who is known again to be down, and if ``whole``, who is up.

        ``found`` is what fires, but for what is not listed yet; ``whole`` says that what is not in it is over.
        """
        firing = {about.place: about for about in self._firing.values()}
        seen = {about.place for _, about in found.values()}
        for place in sorted(before.places):
            about = firing.get(place)
            if about is None and whole:
                yield Observation(at, *place, Health.UP)
            elif about is not None and place in seen and self._told.get(place) is Health.UNKNOWN:
                yield Observation(at, *place, Health.DOWN, about.labels)

    def blind(self, at: float, *, found: Mapping[Key, tuple[Alert, Subject]]) -> Iterator[Observation]:
        """What the engine must be told when nobody can say whether anything else than ``found`` fires."""
        seen = {about.place for _, about in found.values()}
        for place, health in sorted(self._told.items()):
            if health is Health.DOWN and place not in seen:
                yield Observation(at, *place, Health.UNKNOWN)

    def told(self, observation: Observation) -> None:
        """The engine knows this."""
        place = (observation.class_, observation.resource)
        if observation.health is Health.UP:
            self._told.pop(place, None)
        else:
            self._told[place] = observation.health


def standing(incidents: Iterable[Incident], names: Names) -> Iterator[Place]:
    """The resources whose incidents began by an alert and wait for its end."""
    for incident in incidents:
        if incident.state in _DOWN and dict(incident.labels).get(names.class_) == incident.class_:
            yield (incident.class_, incident.resource)
