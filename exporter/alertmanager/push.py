"""Open incidents -> the alerts to tell Alertmanager, and for how long. Pure.

An alert ends by itself unless it is told again, so that a dead agent leaves nothing behind that fires; that the agent
is dead is told by the watchdog, which fires as long as it lives. Who tells alerts must repeat that one is resolved for
five minutes (docs/alerts_api.md).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporter.alertmanager.wire import Outgoing
from sla.engine import Judged
from sla.incident import State
from sla.model import Labels
from sla.policy import Policy
from sla.timers import Timer

RESOLVED_FOR = 300.0
"""Seconds for which an alert is told to be resolved."""
LASTS = 3
"""Alerts last for so many resends."""

_OPEN = frozenset({State.OPEN, State.ACKED, State.RECOVERING})


@dataclass(frozen=True, slots=True)
class Incidents:
    """What to tell of: the incidents under their policy. ``wall`` gives wall-clock time for effective time.

    ``labels`` are put on every alert.
    """

    judged: tuple[Judged, ...]
    policy: Policy
    wall: Callable[[float], float]
    labels: Labels = ()


def alerts(found: Incidents) -> Mapping[Labels, Outgoing]:
    """What fires, by its labels, which identify it and never change; ``ends_at`` is not set yet."""
    return {one.labels: one for judged in found.judged for one in _of(judged, found)}


def _of(judged: Judged, found: Incidents) -> Iterator[Outgoing]:
    incident = judged.incident
    # Maintenance that was there first is nobody's alarm; once it is over, the incident is.
    if incident.state not in _OPEN or (incident.during_maintenance and incident.paused):
        return
    started = found.wall(incident.start)
    what = f"{incident.class_} of {incident.resource}"
    yield _alert("SlaIncident", judged, found, starts_at=started, summary=f"{what} is interrupted")
    for timer in (timer for timer in judged.timers if timer.cycle == max(one.cycle for one in judged.timers)):
        name = f"{timer.target} within {timer.limit:g} s"
        if timer.breached_at is not None:
            at, summary = found.wall(timer.breached_at), f"{what}: {name} is breached"
            yield _alert("SlaTimerBreached", judged, found, starts_at=at, summary=summary, target=timer.target)
        elif (risk := _at_risk(timer)) is not None:
            at, summary = found.wall(risk), f"{what}: {name} is at risk"
            yield _alert("SlaTimerAtRisk", judged, found, starts_at=at, summary=summary, target=timer.target)


def _at_risk(timer: Timer) -> float | None:
    """When its first percentage was reached."""
    return min((at for percent, at in timer.crossings.items() if at is not None and percent < 100), default=None)


def _alert(
    name: str, judged: Judged, found: Incidents, *, starts_at: float, summary: str, target: str = ""
) -> Outgoing:
    incident = judged.incident
    class_ = found.policy.classes.get(incident.class_)
    site = dict(incident.labels).get("site", "")
    labels = {
        **dict(found.labels),
        "alertname": name,
        "class": incident.class_,
        "resource": incident.resource,
        "severity": class_.severity if class_ else "",
        "site": site,
        "target": target,
    }
    said = (("incident", incident.id), ("summary", summary))
    return Outgoing(_filled(labels), starts_at, starts_at, said)


def _filled(labels: Mapping[str, str]) -> Labels:
    """An empty label is none for Alertmanager."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def watchdog(labels: Labels, started: float) -> Outgoing:
    """The alert that fires as long as the agent lives, which did so from ``started``."""
    all_labels = _filled({**dict(labels), "alertname": "NovacenterWatchdog", "severity": "none"})
    said = (("summary", "The agent lives. Where this is resolved or missing, it does not, and no incident is told."),)
    return Outgoing(all_labels, started, started, said)


class Ledger:
    """What was told, and what is still to be told as resolved."""

    def __init__(self, resend: float) -> None:
        self._lasts = LASTS * resend
        self._fired: dict[Labels, Outgoing] = {}
        self._resolved: dict[Labels, Outgoing] = {}

    def turn(self, firing: Mapping[Labels, Outgoing], now: float) -> tuple[Outgoing, ...]:
        """What to tell at ``now``, given what fires."""
        for labels in self._fired.keys() - firing.keys():
            before = self._fired[labels]
            self._resolved[labels] = Outgoing(labels, before.starts_at, max(now, before.starts_at), before.annotations)
        self._fired = dict(firing)
        self._resolved = {
            labels: one
            for labels, one in self._resolved.items()
            if labels not in firing and one.ends_at > now - RESOLVED_FOR
        }
        fires = (
            Outgoing(one.labels, min(one.starts_at, now), now + self._lasts, one.annotations) for one in firing.values()
        )
        return tuple(sorted((*fires, *self._resolved.values()), key=lambda one: one.labels))


def chunks(told: Iterable[Outgoing], size: int = 500) -> Iterator[tuple[Outgoing, ...]]:
    """In pieces that a member takes at once."""
    every = tuple(told)
    return (every[at : at + size] for at in range(0, len(every), size))
