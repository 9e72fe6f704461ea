"""The section ``objectives``: targets, references and costs that are not those of the reference figures."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

from exporter import configvalues as values
from exporter.configparts import members, text
from exporter.configrules import number
from exporter.configvalues import BadValueError, nearest
from exporter.configyaml import Field, Reader, scalar
from sla.objectives.measured import Way
from sla.objectives.objectivefile import Standard, read
from sla.objectives.settings import CostWishes, WayWish, Wish, Wishes

_LONGEST = 366 * 86400.0
_FILE = "objectives.yml"
MOST_WAYS = 12


def standard() -> Standard:
    """The reference figures that come with the product. Reads a file of it."""
    return read(files("sla").joinpath("data", _FILE).read_text(encoding="utf-8"), _FILE)


def share(value: object) -> float:
    """A share from 0 to 1, both included."""
    found = number(value)
    if found > 1:
        raise BadValueError("is not a share; write a number from 0 to 1, such as 0.05 for 5 %")
    return found


def _of_unit(unit: str) -> Callable[[object], float]:
    if unit == "seconds":
        return values.duration(0.001, _LONGEST)
    return share if unit in {"ratio", "points", "verdict"} else number


def _reference(parse: Callable[[object], float], field: Field) -> tuple[float, float]:
    """One figure, or a band."""
    if field.value not in ([], {}):
        one = field.check(parse, field.value)
        return one, one
    ends = [item.check(parse, item.value) for item in field.items()]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise field.error("is no band; write [from, to], or one figure")
    return ends[0], ends[1]


def _wish(unit: str, field: Field) -> Wish:
    parse = _of_unit(unit)
    keys: Mapping[str, Reader] = {
        "target": scalar(parse),
        "reference": partial(_reference, parse),
        "least": scalar(values.whole(0, 1_000_000)),
    }
    return Wish(**members(keys, field.section(keys)))


WAY_KEYS: Mapping[str, Reader] = {"title": text, "first": scalar(number), "yearly": scalar(number)}


def _ways(known: tuple[Way, ...], field: Field) -> Mapping[str, WayWish]:
    found = field.members()
    if len(found) > MOST_WAYS:
        raise field.error(f"has more than {MOST_WAYS} ways; name those that are compared")
    made = {}
    for name, item in found.items():
        given = members(WAY_KEYS, item.section(WAY_KEYS))
        if name not in {way.name for way in known}:
            for key in ("first", "yearly"):
                if key not in given:
                    raise item.error("is missing; add what the way costs", member=key)
        made[name] = WayWish(**given)
    return made


def vms(value: object) -> float | None:
    """A number of machines, or ``measured`` (None)."""
    if value == "measured":
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000_000:
        raise BadValueError("is no number of machines; write a whole number, or measured")
    return float(value)


def hours(value: object) -> float:
    """Hours of a year."""
    found = number(value)
    if not 0 < found <= 8784:
        raise BadValueError("are not hours of a year; write a number up to 8784")
    return found


def years(value: object) -> float:
    """Years to look ahead."""
    found = number(value)
    if not 1 <= found <= 30:
        raise BadValueError("is out of range; write a number of years from 1 to 30")
    return found


def _costs(known: Standard, field: Field) -> CostWishes:
    keys: Mapping[str, Reader] = {
        "ways": partial(_ways, known.ways),
        "use": text,
        "vms": scalar(vms),
        "hours": scalar(hours),
        "years": scalar(years),
        "currency": scalar(values.name),
    }
    found = field.section(keys)
    made: dict[str, Any] = members(keys, found)
    ways = {*(way.name for way in known.ways), *made.get("ways", {})}
    if "use" in made and made["use"] not in ways:
        raise found["use"].error(f"is not a way; {nearest(made['use'], sorted(ways))}")
    return CostWishes(**made)


def keys(known: Standard) -> Mapping[str, Reader]:
    """What the section may hold: the names of the objectives, and ``costs``."""
    wishes: dict[str, Reader] = {one.name: partial(_wish, one.unit) for one in known.objectives}
    return {**wishes, "costs": partial(_costs, known)}


def objectives(field: Field) -> Wishes:
    """The whole section."""
    readers = keys(standard())
    found: dict[str, Any] = members(readers, field.section(readers))
    costs = found.pop("costs", CostWishes())
    return Wishes(found, costs)
