"""How often the gate is wrong, in simulated worlds: 1,000 runs each, the same ones every time."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from canarysim import Case, covariance, factor, found_at_declared, outcomes, spec_of

from sla.canary.foresight import foreseen
from sla.canary.spec import Spec

DOCS = Path(__file__).parents[2] / "docs" / "canary.md"
PHIS = (0.0, 0.9, 0.99, 0.999)
NOISES = (0.1, 0.2, 0.3)
SPEC: Spec = spec_of()
"""Of hosts, the one with the most comparisons, which all have a chance to fail wrongly."""


@cache
def shares(case: Case) -> Counter[str]:
    """What becomes of 1,000 runs; simulated once."""
    return outcomes(SPEC, case)


def row(case: Case) -> str:
    """A line of the table in the documentation: shares of 1,000 runs."""
    found = shares(case)
    cells = " | ".join(f"{found[state] / 10:.1f} %" for state in ("failed", "inconclusive", "passed"))
    return f"| {case.phi:g} | {case.noise:.0%} | {case.regression:.0%} | {case.history} | {cells} |"


@pytest.mark.parametrize("phi", PHIS)
def test_figures_in_the_documentation(phi: float) -> None:
    """The table in docs/canary.md is what the gate does."""
    text = DOCS.read_text(encoding="utf-8")
    cases = [Case(phi, noise, regression) for noise in NOISES for regression in (0.0, 0.2)]
    cases.append(Case(phi, noise=10.0, history=0))
    rows = [row(case) for case in cases]
    assert [line for line in rows if line not in text] == []


@pytest.mark.parametrize("history", [0, 14])
@pytest.mark.parametrize("phi", PHIS)
def test_false_failures(phi: float, history: int) -> None:
    """With no real difference, at most 5 % fail, even where noise is so large that no margin helps."""
    for noise in (0.1, 10.0):
        assert shares(Case(phi, noise, history=history))["failed"] <= 50


@pytest.mark.parametrize("history", [0, 14])
@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_a_regression_is_found(noise: float, history: int) -> None:
    """Of a 20 % regression in one of the measures, at least 90 % are found at phi 0.9; no run passes."""
    found = shares(Case(0.9, noise, regression=0.2, history=history))
    assert found["failed"] >= 900
    assert found["passed"] == 0


def test_no_regression_passes_for_noise() -> None:
    """The noisiest regression is inconclusive rather than passed."""
    for phi in PHIS:
        assert shares(Case(phi, 0.3, regression=0.2))["passed"] == 0


def test_what_differed_before_does_not_matter() -> None:
    """Canaries that were 30 % higher already neither fail nor are held back."""
    assert shares(Case(0.9, 0.1, offset=0.3))["passed"] >= 990


@pytest.mark.parametrize("phi", PHIS)
def test_what_is_declared_is_found(phi: float) -> None:
    """A regression of just the size that was declared for a power of 0.8 (0.9) fails the run about that often, or more
    often where noise is quick."""
    at_80, at_90 = found_at_declared(SPEC, Case(phi, 0.1))
    assert 0.78 <= at_80 <= 0.9
    assert 0.88 <= at_90 <= 0.97


def test_whether_passing_can_be_expected() -> None:
    """With 14 days before that scatter by d sqrt(14/13), and 19 degrees of freedom, a margin of 0.1 can be shown with
    80 % up to d = 0.1 / (1.729 + 0.861) / (0.754 sqrt(14/13)) = 0.0494 (quantiles 0.95 and 0.8 of the table)."""
    for deviation, shows in ((0.049, True), (0.0498, False)):
        pairs = [(1 + deviation, 1.0), (1 - deviation, 1.0)] * 7
        found = foreseen(SPEC, SPEC.comparisons[0], pairs)
        assert (found.margin, found.shows_margin) == (0.1, shows)


def test_simulated_days() -> None:
    """The closed form is that of the minutes: for noise without memory, a mean of 1,440 has a variance of 1/1,440; the
    factor times itself gives the covariances back."""
    assert covariance(0.0, 0) == pytest.approx(1 / 1440)
    phi, minutes = 0.9, 1440
    slow = sum(phi ** abs(i - j) for i in range(0, minutes, 10) for j in range(minutes)) / (minutes / 10) / minutes
    assert covariance(phi, 0) == pytest.approx(slow, rel=0.01)
    assert covariance(phi, 1) == pytest.approx(
        sum(phi ** (minutes + j - i) for i in range(minutes) for j in range(100)) / minutes**2, rel=0.01
    )
    rows = factor(0.999, 5)
    for i in range(5):
        for j in range(i + 1):
            product = sum(a * b for a, b in zip(rows[i], rows[j], strict=False))
            assert product == pytest.approx(covariance(0.999, i - j))
