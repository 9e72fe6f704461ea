"""Everything that an assessment is made from, put together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.assess import promises, recorded, seen
from exporter.assess.promises import Kept
from exporter.assess.seen import Seen
from sla.days import Day
from sla.objectives import settings
from sla.objectives.assess import assess
from sla.objectives.measured import Incidents, Measured
from sla.objectives.model import Assessment
from sla.objectives.objectivefile import Standard
from sla.objectives.settings import Wishes

WINDOW = 30 * 86400.0
"""Seconds that are looked back at, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What was read, from ``start`` to ``at`` (epoch seconds). ``why`` says of a part why it could not be read."""

    at: float
    start: float
    days: Sequence[Day] = ()
    kept: Kept | None = None
    seen: Seen = field(default_factory=Seen)
    why: Mapping[str, str] = field(default_factory=dict)


def date_of(at: float) -> str:
    """The date, UTC, as the record has it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def assessed(found: Measured, standard: Standard, wishes: Wishes) -> Assessment:
    """The assessment of what was measured."""
    return assess(settings.objectives(standard, wishes), found)


def measured(material: Material, standard: Standard, wishes: Wishes) -> Measured:
    """The parts, each with its reason where it is missing. Takes a second for 500 hosts: belongs in a thread."""
    found = recorded.parts(material.days, today=date_of(material.at))
    reasons = {**_reasons(material), **seen.why(material.seen), **material.why}
    incidents: tuple[Incidents, ...] = ()
    if material.kept is not None:
        try:
            incidents = promises.incidents(material.kept, start=material.start, end=material.at)
        except ValueError as error:
            reasons["incidents"] = f"the log of incidents is damaged ({error})"
    found["hosts"] = seen.hosts(material.seen, found["hosts"])
    machines = recorded.machines(material.days)
    if machines is None and material.seen.governed:
        machines = float(sum(len(one.machines) for one in material.seen.governed))
    if machines == 0:
        reasons["costs"] = "there is no machine that the cost could be spread over"
    return Measured(
        at=material.at,
        start=material.start,
        incidents=incidents,
        costs=settings.costs(standard, wishes.costs, vms=machines),
        why=reasons,
        **found,
        **seen.parts(material.seen),
    )


def _reasons(material: Material) -> dict[str, str]:
    if not any(day.key.source != recorded.OWN for day in material.days):
        nothing = "there is no measured record of the window; let the agent run"
        parts = ("calls", "builds", "hours", "disks", "rdm", "latencies", "busy", "cpu")
        return {**dict.fromkeys(parts, nothing), "incidents": _NO_LOG, "costs": _NO_MACHINES, "hosts": nothing}
    return {
        "calls": "no call to a vCenter was recorded",
        "hosts": "no vCenter was read",
        "builds": "no build was recorded",
        "hours": "no cloud was read for long enough",
        "disks": "no VMDK did anything that was recorded",
        "rdm": "there is no RDM disk, or none did anything",
        "latencies": "no disk did anything that was recorded",
        "busy": "no disk was recorded",
        "cpu": "the counter cpu.usage.average of hosts was not recorded",
        "costs": _NO_MACHINES,
        "incidents": _NO_LOG,
    }


_NO_LOG = "nobody has judged incidents in the window"
_NO_MACHINES = "nobody has counted the machines; write their number as objectives.costs.vms"
