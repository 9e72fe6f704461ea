"""What a user says of objectives and costs, put over the reference figures. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sla.objectives.measured import Costs, Way
from sla.objectives.model import Objective
from sla.objectives.objectivefile import Standard

OWN = "configuration"
"""The source of a figure that the user gave."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said of one objective; None where nothing is."""

    target: float | None = None
    reference: tuple[float, float] | None = None
    least: int | None = None


@dataclass(frozen=True, slots=True)
class WayWish:
    """What is said of the cost of a way; None where nothing is."""

    title: str | None = None
    first: float | None = None
    yearly: float | None = None


@dataclass(frozen=True, slots=True)
class CostWishes:
    """What is said of costs. ``vms`` None is as many as are measured."""

    ways: Mapping[str, WayWish] = field(default_factory=dict)
    use: str | None = None
    vms: float | None = None
    hours: float | None = None
    years: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """The section ``objectives`` of a configuration."""

    objectives: Mapping[str, Wish] = field(default_factory=dict)
    costs: CostWishes = CostWishes()


def objectives(standard: Standard, wishes: Wishes) -> tuple[Objective, ...]:
    """The objectives, the user's word first."""
    return tuple(_objective(one, wishes.objectives.get(one.name, Wish())) for one in standard.objectives)


def _objective(said: Objective, wish: Wish) -> Objective:
    found = replace(
        said,
        target=said.target if wish.target is None else wish.target,
        least=said.least if wish.least is None else wish.least,
    )
    if wish.reference is None:
        return found
    low, high = wish.reference
    told = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return replace(found, reference=wish.reference, said=f"{told} {said.unit}, as configured", source=OWN)


def costs(standard: Standard, wishes: CostWishes, *, vms: float | None) -> Costs:
    """The ways of the standard and those of the user, for ``vms`` machines where the user does not say how many."""
    known = {way.name: way for way in standard.ways}
    ways = {name: _way(name, known.get(name), wishes.ways.get(name, WayWish())) for name in {**known, **wishes.ways}}
    return Costs(
        ways=tuple(ways.values()),
        use=wishes.use or standard.use,
        vms=vms if wishes.vms is None else wishes.vms,
        counted="measured" if wishes.vms is None else "configured",
        hours=wishes.hours or standard.hours,
        years=wishes.years or standard.years,
        currency=wishes.currency or standard.currency,
    )


def _way(name: str, known: Way | None, wish: WayWish) -> Way:
    begin = known or Way(name, name.replace("_", " "), 0.0, 0.0)
    own = wish.first is not None or wish.yearly is not None
    return Way(
        name,
        wish.title or begin.title,
        begin.first if wish.first is None else wish.first,
        begin.yearly if wish.yearly is None else wish.yearly,
        OWN if own else begin.source,
    )
