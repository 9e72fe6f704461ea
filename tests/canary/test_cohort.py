"""Who becomes canary and control: shares, strata, stability, likeness."""

from collections import Counter
from dataclasses import replace

import pytest
from canarylab import SPEC
from hypothesis import given, settings
from hypothesis import strategies as st

from sla.canary.cohort import CohortError, choose
from sla.canary.model import Arm, Cohort, Unit
from sla.canary.spec import Spec
from sla.canary.specfile import load


def spec_of(share: float = 0.1, release: str = "r1", seed: str = "") -> Spec:
    """A specification with this share."""
    return replace(load(SPEC, "spec.yml"), share=share, release=release, seed=seed)


def units_of(*clusters: int) -> tuple[Unit, ...]:
    """As many units in each cluster."""
    return tuple(Unit(f"h{c}-{n}", f"c{c}") for c, size in enumerate(clusters) for n in range(size))


def names(cohort: Cohort, arm: Arm = Arm.CANARY) -> set[str]:
    """The ids of an arm."""
    return {unit.id for unit in cohort.units(arm)}


strata = st.lists(st.integers(1, 40), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) >= 2)
shares = st.sampled_from([0.01, 0.1, 0.25, 0.5])
seeds = st.text("abc", max_size=3)


@settings(deadline=None)
@given(strata, shares, seeds)
def test_share_and_arms(sizes: list[int], share: float, seed: str) -> None:
    """The share is right within one unit, at least one; as many controls as canaries; each unit has one arm."""
    units = units_of(*sizes)
    cohort = choose(spec_of(share, seed=seed), units)
    counts = Counter(member.arm for member in cohort.members)
    assert abs(counts[Arm.CANARY] - share * len(units)) <= 1
    assert counts[Arm.CANARY] == counts[Arm.CONTROL] >= 1
    assert [member.unit for member in cohort.members] == sorted(units, key=lambda unit: unit.id)
    partners = {member.unit.id: member.partner for member in cohort.members if member.arm is not Arm.REST}
    assert all(partners[partner] == unit for unit, partner in partners.items())
    assert all(cohort.arm(unit) is not cohort.arm(partner) for unit, partner in partners.items())


@settings(deadline=None)
@given(strata, shares, seeds)
def test_strata_are_proportionate(sizes: list[int], share: float, seed: str) -> None:
    """Each cluster has its part of the canaries within one unit."""
    units = units_of(*sizes)
    cohort = choose(spec_of(share, seed=seed), units)
    wanted = len(cohort.units(Arm.CANARY))
    found = Counter(unit.cluster for unit in cohort.units(Arm.CANARY))
    for number, size in enumerate(sizes):
        assert abs(found[f"c{number}"] - wanted * size / len(units)) <= 1


@settings(deadline=None)
@given(strata, shares, st.randoms(use_true_random=False))
def test_any_order(sizes: list[int], share: float, shuffle: st.DataObject) -> None:
    """The order in which units are named makes no difference."""
    units = list(units_of(*sizes))
    expected = choose(spec_of(share), units)
    shuffle.shuffle(units)  # type: ignore[attr-defined]
    assert choose(spec_of(share), units) == expected


@settings(deadline=None)
@given(st.integers(10, 60), st.integers(0, 59), shares)
def test_stable_when_others_go(size: int, which: int, share: float) -> None:
    """When a unit goes, all canaries that were chosen stay, but for the last one where one less is wanted."""
    units = units_of(size)
    before = choose(spec_of(share), units)
    gone = units[which % size].id
    after = choose(spec_of(share), [unit for unit in units if unit.id != gone])
    lost = names(before) - names(after) - {gone}
    assert len(lost) <= max(0, len(names(before)) - len(names(after)))
    assert len(names(after) - names(before)) <= (1 if gone in names(before) else 0)


@settings(deadline=None)
@given(st.integers(10, 60), shares)
def test_stable_when_others_come(size: int, share: float) -> None:
    """A new unit can only take a place for itself, or a place more."""
    before, after = names(choose(spec_of(share), units_of(size))), names(choose(spec_of(share), units_of(size + 1)))
    new = f"h0-{size}"
    assert len(before - after) <= (1 if new in after else 0)


def test_every_release_has_other_canaries() -> None:
    """So that it is not always the same hosts that try things out; a seed does the same for one release."""
    units = units_of(40)
    cohorts = [names(choose(spec_of(release=f"r{number}"), units)) for number in range(20)]
    assert len(set().union(*cohorts)) > 30
    assert names(choose(spec_of(seed="a"), units)) != names(choose(spec_of(seed="b"), units))


def test_the_choice_is_the_same_for_ever() -> None:
    """The hash is SHA-256, not Python's: the same hosts on every machine and in every version."""
    assert names(choose(spec_of(), units_of(12, 8))) == {"h0-2", "h1-2"}


def test_small_clusters_keep_a_control() -> None:
    """Single hosts are left alone while larger clusters have room, so that controls come from the same cluster."""
    cohort = choose(spec_of(0.25), units_of(1, 1, 1, 1, 8))
    assert [unit.cluster for unit in cohort.units(Arm.CANARY)] == ["c4"] * 3
    assert [unit.cluster for unit in cohort.units(Arm.CONTROL)] == ["c4"] * 3


def test_clusters_as_units() -> None:
    """Where each unit is a stratum of its own, canaries and controls are chosen all the same."""
    cohort = choose(spec_of(), tuple(Unit(f"c{number}", f"c{number}") for number in range(20)))
    assert (len(names(cohort)), len(names(cohort, Arm.CONTROL))) == (2, 2)


def test_controls_are_alike() -> None:
    """The control is the nearest in size and load of the same cluster."""
    units = [
        Unit("a1", "a", size=64, load=0.7),
        *(Unit(f"a{n}", "a", size=16, load=0.2) for n in range(2, 6)),
        Unit("a6", "a", size=64, load=0.65),
        Unit("b1", "b", size=64, load=0.7),
    ]
    for seed in range(200):
        cohort = choose(spec_of(0.1, seed=str(seed)), units)
        if "a1" in names(cohort):
            assert names(cohort, Arm.CONTROL) == {"a6"}
            return
    pytest.fail("a1 is never chosen")


@settings(deadline=None)
@given(strata)
def test_controls_come_from_the_cluster(sizes: list[int]) -> None:
    """A canary whose cluster has units left has a control in it."""
    cohort = choose(spec_of(0.5), units_of(*sizes))
    arms = {member.unit.id: member for member in cohort.members}
    for member in cohort.members:
        if member.arm is Arm.CANARY and arms[member.partner].unit.cluster != member.unit.cluster:
            same = [one for one in cohort.members if one.unit.cluster == member.unit.cluster]
            assert all(one.arm is not Arm.REST for one in same)


def test_shares_of_size() -> None:
    """The share of units and that of their size are two things."""
    units = (Unit("a", size=3), Unit("b"))
    cohort = choose(spec_of(0.5), units)
    assert (cohort.share, cohort.size_share) == (0.5, 0.75 if "a" in names(cohort) else 0.25)
    assert cohort.arm("c") is None


@pytest.mark.parametrize(
    ("spec", "units", "message"),
    [
        (spec_of(release=""), units_of(5), "the run has no release; write release: in the specification"),
        (spec_of(), units_of(1), r"1 host\(s\) known, a canary and a control need two; wait for the inventory"),
        (spec_of(), (*units_of(2), *units_of(1)), "the unit h0-0 is there twice; give each unit an id of its own"),
        (spec_of(), (Unit("a", size=0), Unit("b")), "the unit 'a' has no id, or its size is not above 0; correct it"),
    ],
)
def test_no_cohort(spec: Spec, units: tuple[Unit, ...], message: str) -> None:
    """What cannot be chosen from is refused with a sentence."""
    with pytest.raises(CohortError, match=message):
        choose(spec, units)
