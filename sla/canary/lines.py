"""Runs and occurrences as lines of JSON, and back. Pure. ``recorded`` says what the lines look like."""

import json
import math
from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sla.canary.cohort import CohortError, choose
from sla.canary.model import Arm, Cohort, Detectable, Kind, Member, Occurrence, Reading, Run, Unit
from sla.canary.spec import Spec
from sla.canary.specfile import load, text_of
from sla.policyyaml import PolicyError, nearest

Document = dict[str, Any]

_LONGEST = 4_000_000
_RUN = frozenset({"started", "release", "spec", "units", "cohort", "detectable"})
_UNIT = frozenset({"id", "cluster", "name", "size", "load"})
_EVENT = frozenset({"at", "event", "unit", "name", "detail", "until"})
_YEAR_3000 = 32_503_680_000.0


class RecordedError(ValueError):
    """A line cannot be used. The message says which one, why, and what to do."""


def run_json(run: Run) -> str:
    """A run in one line, always the same for the same run."""
    cohort = [
        {**_unit_body(member.unit), "arm": member.arm} | ({"partner": member.partner} if member.partner else {})
        for member in run.cohort.members
    ]
    body = {
        "started": run.started,
        "release": run.release,
        "spec": json.loads(text_of(run.spec)),
        "cohort": cohort,
        "detectable": [asdict(one) for one in run.detectable],
    }
    return line({"run": body})


def run_of(text: str) -> Run:
    """What ``run_json`` wrote. Raises RecordedError."""
    made, known = begun(document(text), None)
    if not known:
        raise RecordedError("the run has no detectable; take the line that was written when it was begun")
    return made


def occurrence_json(occurrence: Occurrence) -> str:
    """An occurrence in one line, always the same for the same one."""
    body: Document = {"at": occurrence.at, "event": occurrence.kind, "unit": occurrence.unit}
    body |= {"name": occurrence.name, "detail": occurrence.detail, "until": occurrence.until}
    return line({key: value for key, value in body.items() if value not in {"", None}})


def occurrence_of(text: str) -> Occurrence:
    """What ``occurrence_json`` wrote. Raises RecordedError."""
    return occurrence(document(text))


def reading_json(reading: Reading) -> str:
    """A reading in one line, always the same for the same one."""
    body: Document = {"day": reading.date, "measure": reading.measure}
    if reading.unit:
        body["unit"] = reading.unit
    return f'{line(body)[:-1]},"sketch":{reading.sketch.to_json()}}}'


def line(body: Document) -> str:
    """One line of JSON. Keys stay in the order that they were put in: a specification's is the order of its checks."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def document(text: str) -> Document:
    """The JSON object of a line. Raises RecordedError."""
    if len(text) > _LONGEST:
        raise RecordedError(f"the line is longer than {_LONGEST} characters; write one record a line")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecordedError:
        raise
    except json.JSONDecodeError as error:
        raise RecordedError(f"is not JSON from character {error.pos + 1} on; correct it") from None
    except (ValueError, RecursionError):
        raise RecordedError(
            "is not JSON that is accepted: a number is too long, or lists too deep; correct it"
        ) from None
    if not isinstance(found, dict):
        raise RecordedError("is not a JSON object; write {...}")
    return found


def begun(found: Document, spec: Spec | None) -> tuple[Run, bool]:
    """The run of a document, and whether it came with its detectable differences. Raises RecordedError.

    ``spec`` goes before that of the document; of a release, the document's goes before that of the specification.
    """
    body = found.get("run")
    if not isinstance(body, dict) or len(found) != 1:
        raise RecordedError('the first line must be the run; write {"run": {"started": ..., "release": ..., ...}}')
    only(body, _RUN)
    if spec is None:
        if not isinstance(body.get("spec"), dict):
            raise RecordedError("the run has no spec, and no file with one is given; give one of both")
        try:
            spec = load(json.dumps(body["spec"]), "spec")
        except PolicyError as error:
            raise RecordedError(f"the specification of the run is not accepted: {error}") from None
    if "release" in body:
        spec = replace(spec, release=word(body, "release"))
    if ("units" in body) == ("cohort" in body):
        raise RecordedError("the run needs either units, to choose from, or cohort, as it was chosen")
    cohort = _cohort(spec, body)
    known = body.get("detectable")
    differences = tuple(_detectable(one) for one in array(known, "detectable")) if known is not None else ()
    return Run(spec, instant(body, "started"), cohort, differences), known is not None


def _cohort(spec: Spec, body: Document) -> Cohort:
    try:
        if "units" in body:
            return choose(spec, [_unit(one, _UNIT) for one in array(body["units"], "units")])
        members = sorted((_member(one) for one in array(body["cohort"], "cohort")), key=lambda one: one.unit.id)
    except CohortError as error:
        raise RecordedError(str(error)) from None
    arms = {member.arm for member in members}
    if not {Arm.CANARY, Arm.CONTROL} <= arms:
        raise RecordedError("the cohort needs a canary and a control at least; add the one that is missing")
    if not spec.release:
        raise RecordedError("the run has no release; write one")
    if len({member.unit.id for member in members}) < len(members):
        raise RecordedError("a unit is in the cohort twice; remove one")
    return Cohort(spec.release, spec.unit, tuple(members))


def _unit_body(unit: Unit) -> Document:
    body: Document = {"id": unit.id, "cluster": unit.cluster, "name": unit.name, "load": unit.load}
    return {key: value for key, value in body.items() if value not in {"", None}} | {"size": unit.size}


def _unit(found: Any, keys: Collection[str]) -> Unit:
    if not isinstance(found, dict):
        raise RecordedError('a unit is not an object; write {"id": "vc1/host-1", "cluster": "vc1/c1"}')
    only(found, keys)
    size = number(found, "size") if "size" in found else 1.0
    if size <= 0:
        raise RecordedError("size is not above 0; write a size or leave it out")
    return Unit(
        word(found, "id"),
        cluster=word(found, "cluster") if "cluster" in found else "",
        name=word(found, "name") if "name" in found else "",
        size=size,
        load=number(found, "load") if "load" in found else None,
    )


def _member(found: Any) -> Member:
    unit = _unit(found, _UNIT | {"arm", "partner"})
    arm = choice(found, "arm", [arm.value for arm in Arm])
    return Member(unit, Arm(arm), word(found, "partner") if "partner" in found else "")


def _detectable(found: Any) -> Detectable:
    fields = frozenset(Detectable.__dataclass_fields__)
    if not isinstance(found, dict) or found.keys() != fields:
        raise RecordedError(f"detectable needs exactly {', '.join(sorted(fields))}; leave it out to compute it")
    numbers = {
        key: None if found[key] is None else number(found, key)
        for key in ("deviation", "baseline", "at_80", "at_90", "margin")
    }
    if type(found["shows_margin"]) is not bool or not isinstance(found["reason"], str):
        raise RecordedError("shows_margin must be true or false, and reason a text; correct them")
    return Detectable(
        check=word(found, "check"),
        n=int(number(found, "n")),
        shows_margin=found["shows_margin"],
        reason=found["reason"],
        **numbers,
    )


def occurrence(found: Document) -> Occurrence:
    """The occurrence of a document. Raises RecordedError."""
    only(found, _EVENT)
    kind = Kind(choice(found, "event", [kind.value for kind in Kind]))
    if ("until" in found) != (kind is Kind.MAINTENANCE):
        raise RecordedError("until belongs to the event maintenance; write both, or neither")
    words = {key: word(found, key) for key in ("unit", "name", "detail") if key in found}
    at, until = instant(found, "at"), instant(found, "until") if "until" in found else None
    if until is not None and until <= at:
        raise RecordedError("until is not after at; correct one of them")
    return Occurrence(at, kind, until=until, **words)


def only(found: Document, known: Collection[str]) -> None:
    """Raises RecordedError for a key that is not known."""
    for key in found:
        if key not in known:
            raise RecordedError(f"{key}: unknown key; {nearest(key, known)}")


def word(found: Document, key: str) -> str:
    """A text that is not empty. Raises RecordedError."""
    if not isinstance(found.get(key), str) or not found[key]:
        raise RecordedError(f"{key} must be a text that is not empty; write one")
    return str(found[key])


def choice(found: Document, key: str, known: Collection[str]) -> str:
    """One of the words. Raises RecordedError."""
    if word(found, key) not in known:
        raise RecordedError(f"{key} is not known; {nearest(found[key], known)}")
    return word(found, key)


def number(found: Document, key: str) -> float:
    """A finite number. Raises RecordedError."""
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise RecordedError(f"{key} must be a number; write one")
    return float(value)


def instant(found: Document, key: str) -> float:
    """Seconds since the epoch, or an RFC 3339 time. Raises RecordedError."""
    value = found.get(key)
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            parsed = None
        if parsed is None or parsed.tzinfo is None:
            raise RecordedError(f"{key} is no time with a zone; write one such as 2026-11-24T08:00:00Z")
        return parsed.timestamp()
    seconds = number(found, key)
    if not 0 <= seconds < _YEAR_3000 or not math.isfinite(seconds):
        raise RecordedError(f"{key} is no time; write seconds since the epoch")
    return seconds


def array(value: Any, key: str) -> list[Any]:
    """A list. Raises RecordedError."""
    if not isinstance(value, list):
        raise RecordedError(f"{key} must be a list; write [...]")
    return value


def _once(pairs: list[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RecordedError("a key is there twice; remove one")
    return found


def _no_number(text: str) -> float:
    raise RecordedError(f"{text} is no number; leave out what is not known")
