"""A small canary run to judge: four hosts in one cluster, one canary and its control, days made of few values."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sla.canary.cohort import choose
from sla.canary.judging import begin
from sla.canary.model import DAY, SETTLE, Arm, Observations, Occurrence, Reading, Run, Unit, begin_of, days_from
from sla.canary.specfile import load
from sla.sketch import Gathering, Sketch

SPEC = """
release: r1
unit: host
share: 0.25
min_events: 5
targets:
  cpu: {measure: unit_cpu_usage_ratio, statistic: mean, at_most: 0.8}
comparisons:
  cpu_compared: {measure: unit_cpu_usage_ratio, statistic: mean, margin: {relative: 0.1}}
guards:
  sla: {event: sla_breach, at_most: 0}
  evaluator: {event: evaluator_dead, at_most: 0, scope: whole}
  timeouts: {measure: unit_task_timeouts, at_most: 2}
"""
UNITS = tuple(Unit(f"vc1/host-{number}", "vc1/c1", f"esx{number}") for number in range(1, 5))
STARTED = begin_of("2026-11-02") + 12 * 3600
"""Noon of a Monday: the first whole day is Tuesday, the seventh is Monday, the 9th."""
FIRST = "2026-11-03"
DAYS = days_from(FIRST, 14)
WOBBLE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.001, 0.003)
"""What days differ by, so that there is some noise."""


def judged(day: int) -> float:
    """The instant from which the day of this number (from 1) is judged."""
    return begin_of(DAYS[day - 1]) + DAY + SETTLE


def times(value: float, count: int) -> Sketch:
    """One value, many times."""
    gathering = Gathering()
    gathering.add(value, count)
    return gathering.sketch()


def run_of(text: str = SPEC, *, history: Iterable[Reading] = (), units: Iterable[Unit] = UNITS) -> Run:
    """The run of these units, with this specification."""
    spec = load(text, "spec.yml")
    return begin(spec, STARTED, choose(spec, units), history=history)


def unit(run: Run, arm: Arm) -> str:
    """The first unit of an arm."""
    return run.cohort.units(arm)[0].id


def readings(
    run: Run,
    days: Iterable[str] = DAYS,
    *,
    cpu: Mapping[Arm, float | None] | None = None,
    hours: Mapping[Arm, float] | None = None,
) -> tuple[Reading, ...]:
    """Days of all units: CPU usage by arm (None: not measured; 0.4 if not said) and hours observed (24 if not said)."""
    made = []
    for number, date in enumerate(days):
        for member in run.cohort.members:
            usage = (cpu or {}).get(member.arm, 0.4)
            wobble = WOBBLE[number % 7] * (1 if member.arm is Arm.CANARY else -1)
            seen = (hours or {}).get(member.arm, 24.0) * 3600
            if seen:
                made.append(Reading(date, member.unit.id, "unit_observed_seconds", times(20.0, round(seen / 20))))
            if usage is not None:
                made.append(Reading(date, member.unit.id, "unit_cpu_usage_ratio", times(usage + wobble, 100)))
    return tuple(made)


def replaced(
    made: Iterable[Reading], date: str, *, measure: str, sketch: Sketch, unit: str = ""
) -> tuple[Reading, ...]:
    """Readings in which those of a day and a measure (and a unit, if named) are others."""
    return tuple(
        replace(one, sketch=sketch) if (one.date, one.measure) == (date, measure) and unit in {"", one.unit} else one
        for one in made
    )


def seen(made: Iterable[Reading], *occurrences: Occurrence) -> Observations:
    """All together."""
    return Observations(tuple(made), occurrences)
