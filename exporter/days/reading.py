"""The newest samples of an entity as numbers, at little cost: entities that are alike share the places. Pure."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from exporter.store import Newest, Samples

T = TypeVar("T")

_MOST = 5_000


def number(newest: Newest, place: int | None) -> float | None:
    """The number at a place of the series; None where there is none, and where it is none that can be measured."""
    if place is None:
        return None
    text = newest.parts[place][newest.slots[place]]
    if not text:
        return None
    value = float(text)
    return value if 0 <= value < 1e200 else None


class Places(Generic[T]):
    """What ``find`` finds in a tuple of series, looked for once for all entities that share it."""

    def __init__(self, find: Callable[[Samples], T]) -> None:
        self._find = find
        self._known: dict[int, tuple[Samples, T]] = {}

    def of(self, series: Samples) -> T:
        """What is found in these."""
        known = self._known.get(id(series))
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            # The tuple is kept too, so that its id stays taken.
            known = self._known[id(series)] = (series, self._find(series))
        return known[1]


def totals(ids: Mapping[str, int], names: Mapping[str, str]) -> Callable[[Samples], tuple[tuple[str, int], ...]]:
    """Finds the entity's own series (not those of its devices): (measure, place) of ``names``, measure -> counter."""
    wanted = {ids[counter]: measure for measure, counter in names.items() if counter in ids}

    def find(series: Samples) -> tuple[tuple[str, int], ...]:
        found: dict[str, int] = {}
        for place, (counter, instance) in enumerate(series):
            if not instance and counter in wanted:
                found.setdefault(wanted[counter], place)
        return tuple(found.items())

    return find
