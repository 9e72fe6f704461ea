"""A run and what became of it as lines of JSON: for the store, and to judge recorded days. Pure.

The run comes first, all else in any order::

    {"run": {"started": 1795305600, "release": "2026.11", "spec": {...}, "units": [{"id": "vc1/host-1", ...}, ...]}}
    {"day": "2026-11-24", "unit": "vc1/host-1", "measure": "unit_cpu_usage_ratio", "values": [0.4, 0.5]}
    {"at": 1795400000, "event": "sla_breach", "unit": "vc1/host-1", "name": "api_communication", "detail": "a1b2"}

``run``: ``spec`` is what a specification file says, left out where there is a file; ``units`` are those that the cohort
is chosen from (``id``, ``cluster``, ``name``, ``size``, ``load``), or ``cohort`` names them with ``arm`` (canary,
control, rest) and ``partner``. ``detectable``, if left out, follows from the days before the start.

``day``: ``values``, or ``value`` and how many ``times``, or a ``sketch`` as ``Sketch.to_json`` writes it. Without
``unit``, it is of the installation as a whole.

``event``: a kind of occurrence; ``maintenance`` has ``until``. Times are seconds since the epoch, or RFC 3339.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date

from sla.canary.judging import begin
from sla.canary.lines import (
    Document,
    RecordedError,
    array,
    begun,
    document,
    number,
    occurrence,
    occurrence_json,
    occurrence_of,
    only,
    reading_json,
    run_json,
    run_of,
    word,
)
from sla.canary.model import Observations, Occurrence, Reading, Run
from sla.canary.spec import Spec
from sla.sketch import Gathering, Sketch

_DAY = frozenset({"day", "unit", "measure", "values", "value", "times", "sketch"})
_FORMS = ({"values"}, {"value"}, {"value", "times"}, {"sketch"})


def read(lines: Iterable[str], name: str, *, spec: Spec | None = None) -> tuple[Run, Observations]:
    """The run and all that is known of it; ``name`` is what errors call the lines. Raises RecordedError.

    ``spec``, if given, goes before that of the run.
    """
    run: Run | None = None
    is_declared = False
    readings: list[Reading] = []
    occurrences: list[Occurrence] = []
    for count, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            found = document(text)
            if run is None:
                run, is_declared = begun(found, spec)
            elif "day" in found:
                readings.append(_reading(found))
            elif "event" in found:
                occurrences.append(occurrence(found))
            else:
                raise RecordedError("is neither a day nor an event; write one of both, and the run only once")
        except RecordedError as error:
            raise RecordedError(f"{name}:{count}: {error}") from None
    if run is None:
        raise RecordedError(f'{name}:1: there is no run; write {{"run": ...}} in the first line')
    if not is_declared:
        before = run.history
        history = (one for one in readings if before[0] <= one.date <= before[1])
        run = begin(run.spec, run.started, run.cohort, history=history)
    return run, Observations(tuple(readings), tuple(occurrences))


def write(run: Run, observations: Observations) -> Iterator[str]:
    """Lines that ``read`` makes the same of."""
    yield run_json(run)
    for one in observations.occurrences:
        yield occurrence_json(one)
    for reading in observations.readings:
        yield reading_json(reading)


def _reading(found: Document) -> Reading:
    only(found, _DAY)
    day, measure = word(found, "day"), word(found, "measure")
    try:
        is_day = date.fromisoformat(day).isoformat() == day
    except ValueError:
        is_day = False
    if not is_day:
        raise RecordedError("day is no date; write one such as 2026-11-24")
    if found.keys() & {"values", "value", "times", "sketch"} not in _FORMS:
        raise RecordedError("a day needs values, or value (and times), or sketch; write one of them")
    unit = word(found, "unit") if "unit" in found else ""
    try:
        return Reading(day, unit, measure, _sketch(found))
    except RecordedError:
        raise
    except ValueError as error:
        raise RecordedError(f"{error}; correct the values") from None


def _sketch(found: Document) -> Sketch:
    if "sketch" in found:
        try:
            return Sketch.from_json(json.dumps(found["sketch"]))
        except ValueError:
            raise RecordedError("sketch is no distribution; write values instead, or take it from a record") from None
    if "values" in found:
        return Sketch.of(number({"a value": one}, "a value") for one in array(found["values"], "values"))
    times = number(found, "times") if "times" in found else 1.0
    if not times.is_integer():
        raise RecordedError("times must be a whole number; write how often the value was seen")
    gathering = Gathering()
    gathering.add(number(found, "value"), int(times))
    return gathering.sketch()


__all__ = ["RecordedError", "occurrence_json", "occurrence_of", "read", "run_json", "run_of", "write"]
