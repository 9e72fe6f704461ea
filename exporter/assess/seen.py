"""What one look at both clouds has seen, as the parts of an assessment. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.canary.last import Last
from exporter.coverage.model import Coverage as CloudCoverage
from exporter.drift.model import Compared
from exporter.driftkinds import LEVELS, Level
from exporter.trust.model import EdgeTrust, Trust
from exporter.ways.model import Governed
from sla.objectives.measured import Coverage, Drifts, Edge, Feature, Gate
from sla.sketch import Sketch

_MOST = 25
"""Findings that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was looked at. What is None or lacks could not be seen; ``failed`` says why, by source.

    ``hosts`` counts ESXi hosts by vCenter, ``compared`` the mapping by cloud. ``edges`` None: nobody looked.
    """

    hosts: Mapping[str, int] = field(default_factory=dict)
    covered: tuple[CloudCoverage, ...] = ()
    compared: Mapping[str, Compared] = field(default_factory=dict)
    governed: tuple[Governed, ...] = ()
    edges: tuple[EdgeTrust, ...] | None = None
    gate: Last | None = None
    failed: tuple[tuple[str, str], ...] = ()


def parts(seen: Seen) -> dict[str, Any]:
    """The fields of ``Measured`` that come from the look, but for ``hosts``."""
    return {
        "coverage": tuple(map(_coverage, seen.covered)),
        "drifts": tuple(_drifts(cloud, compared) for cloud, compared in sorted(seen.compared.items())),
        "governed": _governed(seen.governed),
        "edges": tuple(_edge(edge) for edge in seen.edges or ()),
        "gate": None if seen.gate is None else _gate(seen.gate),
        "failed": seen.failed,
    }


def hosts(seen: Seen, recorded: Mapping[str, Sketch]) -> dict[str, Sketch]:
    """The hosts of each vCenter, recorded and now."""
    now = {vcenter: Sketch.of([count]) for vcenter, count in seen.hosts.items()}
    names = sorted({*now, *recorded})
    return {name: recorded.get(name, Sketch()).plus(now.get(name, Sketch())) for name in names}


def why(seen: Seen) -> dict[str, str]:
    """Why a part of the look is missing."""
    found = {
        "coverage": "no cloud was looked at",
        "drifts": "no cloud was looked at",
        "gate": "there was no canary run yet",
    }
    if seen.edges is None:
        found["edges"] = "the connections were not looked at"
    else:
        errors = [f"{edge.peer}: {edge.error}" for edge in seen.edges if edge.error]
        found["edges"] = errors[0] if errors else "no connection has a certificate"
    return found


def _coverage(found: CloudCoverage) -> Coverage:
    features = tuple(
        Feature(item.title, item.state.value, item.found, item.advice, item.evidence.value) for item in found.items
    )
    return Coverage(found.cloud, found.score, found.grade, found.known, features)


def _drifts(cloud: str, compared: Compared) -> Drifts:
    """Notes are about tidying up and do not count."""
    count = sum(number for (kind, _), number in compared.counts.items() if LEVELS[kind] is not Level.NOTE)
    grave = [drift for drift in compared.drifts if drift.level is not Level.NOTE]
    reasons = dict.fromkeys(" ".join(filter(None, (one.vcenter, one.reason))) for one in compared.unchecked)
    found = tuple((drift.subject, drift.found, drift.advice) for drift in grave[:_MOST])
    looked = len({kind for kind, _ in compared.counts})
    return Drifts(cloud, count, looked, found, tuple(reasons))


def _governed(found: Iterable[Governed]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in found:
        for way, tally in one.tallies.items():
            counts[way] = counts.get(way, 0) + tally.vms
    return counts


def _edge(edge: EdgeTrust) -> Edge:
    mutual = None if edge.trust is None else edge.trust is Trust.MUTUAL
    return Edge(f"{edge.edge} {edge.peer}", mutual, edge.soonest, edge.local)


def _gate(last: Last) -> Gate:
    return Gate(last.release, last.phase, last.sentence, last.valid_days, last.needed_days, last.judged_at)
