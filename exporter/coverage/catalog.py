"""The metric families of the coverage: the only list of them, and their rows. Pure."""

from collections.abc import Iterator

from exporter.coverage.model import Coverage, State
from exporter.model import Family, Row

_SOURCE = "Compute, Placement, Networking, Block Storage APIs; nova's support matrix"

STATE = Family(
    "integration_feature_state",
    "gauge",
    "Whether VMware hosts offer a feature: 1 for the present state, which is works, by_hand, missing or unknown.",
    source=_SOURCE,
)
SCORE = Family(
    "integration_coverage_score_ratio",
    "gauge",
    "Points of the features that are known over their weight; by hand counts half.",
    "ratio",
    _SOURCE,
)
KNOWN = Family(
    "integration_coverage_known_ratio", "gauge", "Share of all weight whose state is known.", "ratio", _SOURCE
)


def every_family() -> tuple[Family, ...]:
    """All families of this list."""
    return (STATE, SCORE, KNOWN)


def rows(coverage: Coverage) -> Iterator[tuple[Family, Row]]:
    """Everything of one cloud. Where nothing is known there is no score."""
    base = (("cloud", coverage.cloud),)
    for item in coverage.items:
        for state in State:
            labels = (*base, ("feature", item.feature), ("state", state.value))
            yield STATE, Row(labels, float(item.state is state))
    if coverage.score is not None:
        yield SCORE, Row(base, coverage.score)
    yield KNOWN, Row(base, coverage.known)
