"""The file of objectives: text in, frozen values out. Pure; every error names file, line and key."""

from dataclasses import dataclass
from typing import Any

from sla.objectives.measured import Way
from sla.objectives.model import Bound, Objective
from sla.policyyaml import Node, parse

UNITS = (
    *("seconds", "days", "ratio", "factor", "iops", "per_hour", "points", "currency", "hosts", "findings", "verdict"),
)
_KEYS = ("title", "unit", "reference", "said", "bound", "target", "demand", "least", "advice", "lacking")
_NEEDED = ("title", "unit", "said", "bound")


@dataclass(frozen=True, slots=True)
class Standard:
    """What the file says: the objectives in its order, and the ways with what is said of their cost."""

    objectives: tuple[Objective, ...]
    ways: tuple[Way, ...]
    use: str
    years: float
    hours: float
    currency: str


def read(text: str, file: str) -> Standard:
    """The file. An objective without target gets one from what it is compared with. Raises PolicyError."""
    root = parse(text, file).members(("source", "objectives", "costs"))
    source = root["source"].text()
    objectives = tuple(_objective(name, node, source) for name, node in root["objectives"].members().items())
    costs = root["costs"].members(("currency", "use", "years", "hours", "ways"))
    ways = tuple(_way(name, node, source) for name, node in costs["ways"].members().items())
    return Standard(
        objectives,
        ways,
        use=costs["use"].one_of(way.name for way in ways),
        years=costs["years"].number(),
        hours=costs["hours"].number(),
        currency=costs["currency"].text(),
    )


def _objective(name: str, node: Node, source: str) -> Objective:
    found = node.members(_KEYS)
    for key in _NEEDED:
        if key not in found:
            raise node.error(f"lacks {key}; add it")
    made: dict[str, Any] = {key: found[key].text() for key in ("title", "said", "advice", "lacking") if key in found}
    return Objective(
        name=name,
        source=source,
        unit=found["unit"].one_of(UNITS),
        bound=Bound(found["bound"].one_of(tuple(Bound))),
        target=found["target"].number() if "target" in found else None,
        reference=_reference(found["reference"]) if "reference" in found else (None, None),
        demand=found["demand"].boolean() if "demand" in found else False,
        least=found["least"].whole(0, 1_000_000) if "least" in found else 1,
        **made,
    )


def _reference(node: Node) -> tuple[float | None, float | None]:
    ends = [item.number() for item in node.items()]
    if not 1 <= len(ends) <= 2 or ends[0] > ends[-1]:
        raise node.error("is no reference; write one figure, or a band [from, to]")
    return ends[0], ends[-1]


def _way(name: str, node: Node, source: str) -> Way:
    found = node.members(("title", "first", "yearly"))
    for key in ("title", "first", "yearly"):
        if key not in found:
            raise node.error(f"lacks {key}; add it")
    return Way(name, found["title"].text(), found["first"].number(), found["yearly"].number(), source)
