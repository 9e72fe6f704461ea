"""Who gets the new version, and who is compared with them. Pure; the same answer for the same units in any order.

Canaries are chosen by rendezvous hashing (Thaler and Ravishankar 1998, "Using name-based mappings to increase hit
rates", IEEE/ACM Transactions on Networking 6 (1)): each unit has a score made of its own id and the release's, so that
units that come or go leave the order of the others alone, and every release begins with other units.

Each cluster is a stratum with its share of the canaries (largest remainder). Small clusters: where that can be
avoided, not more than half of a cluster become canaries, so that controls are left in it.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from sla.canary.model import Arm, Cohort, Member, Unit
from sla.canary.spec import Spec

_UNKNOWN_LOAD = 0.5
"""How unlike two loads count of which one is not known; loads are shares, so it is between alike and unlike."""


class CohortError(ValueError):
    """No cohort can be chosen. The message says why and what to do."""


def choose(spec: Spec, units: Iterable[Unit]) -> Cohort:
    """Canaries, controls and the rest of these units, for the release of ``spec``. Raises CohortError.

    Of n units, ``share`` x n are canaries, rounded (halves up), at least one and at most half of them; each has a
    control of its own, in its cluster where there is one left, as near to it in size and load as there is.
    """
    known = sorted(units, key=lambda unit: unit.id)
    _check(spec, known)
    order = sorted(known, key=lambda unit: _score(spec, unit.id))
    wanted = min(max(1, math.floor(spec.share * len(known) + 0.5)), len(known) // 2)
    quotas = _quotas(spec, Counter(unit.cluster for unit in known), wanted)
    canaries: list[Unit] = []
    for unit in order:
        if quotas[unit.cluster]:
            quotas[unit.cluster] -= 1
            canaries.append(unit)
    chosen = {unit.id for unit in canaries}
    pairs = _controls(canaries, [unit for unit in order if unit.id not in chosen])
    partners = {control: canary for canary, control in pairs.items()} | pairs
    members = tuple(
        Member(
            unit,
            Arm.CANARY if unit.id in chosen else Arm.CONTROL if unit.id in partners else Arm.REST,
            partners.get(unit.id, ""),
        )
        for unit in known
    )
    return Cohort(spec.release, spec.unit, members)


def _check(spec: Spec, known: Sequence[Unit]) -> None:
    if not spec.release:
        raise CohortError("the run has no release; write release: in the specification, or name it when starting")
    if len(known) < 2:
        raise CohortError(f"{len(known)} {spec.unit}(s) known, a canary and a control need two; wait for the inventory")
    twice = [unit for unit, times in Counter(unit.id for unit in known).items() if times > 1]
    if twice:
        raise CohortError(f"the unit {twice[0]} is there twice; give each unit an id of its own")
    if wrong := [unit.id for unit in known if not (unit.id and 0 < unit.size < math.inf)]:
        raise CohortError(f"the unit {wrong[0]!r} has no id, or its size is not above 0; correct it")


def _score(spec: Spec, name: str) -> bytes:
    """Lower is chosen first. The parts are kept apart by a character that no id contains."""
    return sha256(f"{spec.seed}\0{spec.release}\0{name}".encode()).digest()


def _quotas(spec: Spec, strata: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Canaries of each stratum by largest remainder, equal remainders by hash; not above half of one if possible."""
    total = sum(strata.values())
    exact = {name: wanted * size / total for name, size in strata.items()}
    quotas = {name: math.floor(share) for name, share in exact.items()}
    order = sorted(strata, key=lambda name: (quotas[name] - exact[name], _score(spec, name)))
    missing = wanted - sum(quotas.values())
    roomy = [name for name in order if quotas[name] < strata[name] // 2]
    for name in [*roomy, *(name for name in order if name not in roomy)][:missing]:
        quotas[name] += 1
    return quotas


def _controls(canaries: Sequence[Unit], others: Sequence[Unit]) -> dict[str, str]:
    """Canary to control, first within clusters, then across them."""
    free: dict[str, list[Unit]] = defaultdict(list)
    for unit in others:
        free[unit.cluster].append(unit)
    pairs: dict[str, str] = {}
    for canary in canaries:
        if near := free[canary.cluster]:
            pairs[canary.id] = _taken(canary, near, free)
    for canary in canaries:
        if canary.id not in pairs:
            pairs[canary.id] = _taken(canary, [unit for units in free.values() for unit in units], free)
    return pairs


def _taken(canary: Unit, among: Sequence[Unit], free: Mapping[str, list[Unit]]) -> str:
    nearest = min(among, key=lambda unit: _distance(canary, unit))
    free[nearest.cluster].remove(nearest)
    return nearest.id


def _distance(one: Unit, other: Unit) -> float:
    """Sizes differ by their ratio, loads by their difference."""
    apart = abs(math.log(one.size / other.size))
    if one.load is None or other.load is None:
        return apart + (0.0 if one.load is other.load else _UNKNOWN_LOAD)
    return apart + abs(one.load - other.load)
