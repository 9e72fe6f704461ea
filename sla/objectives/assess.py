"""The assessment: every objective judged by what was measured, worst first. Pure."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from sla.objectives import clouds, cost, speed
from sla.objectives.charts import charts
from sla.objectives.grids import grids
from sla.objectives.measured import Measured
from sla.objectives.model import Assessment, Line, Objective, State

SEED = 6
"""The same figures give the same intervals."""

_Row: TypeAlias = Callable[[Objective, Measured, random.Random], Iterator[Line]]


def _plain(row: Callable[[Objective, Measured], Iterator[Line]]) -> _Row:
    return lambda objective, measured, _: row(objective, measured)


ROWS: Mapping[str, _Row] = {
    "vcenter_latency": _plain(clouds.latency),
    "vcenter_hosts": _plain(clouds.hosts),
    "functional_coverage": _plain(clouds.coverage),
    "creation_overhead": speed.creation_overhead,
    "builds_per_hour": _plain(speed.builds_per_hour),
    "vmdk_iops": _plain(speed.vmdk_iops),
    "rdm_iops": _plain(speed.rdm_iops),
    "rdm_gain": speed.rdm_gain,
    "cost_vm_hour": _plain(cost.cost_vm_hour),
    "host_cpu": _plain(clouds.cpu),
    "api_interruption": _plain(clouds.api_interruption),
    "storage_failure": _plain(clouds.storage_failure),
    "release_gate": _plain(clouds.release_gate),
    "mapping_drift": _plain(clouds.mapping_drift),
    "mutual_tls": _plain(clouds.mutual_tls),
    "certificate_expiry": _plain(clouds.certificate_expiry),
}
"""What judges each objective, by its name."""

_WORST = (State.MISSED, State.NOT_MEASURABLE, State.MET)


def assess(objectives: Iterable[Objective], measured: Measured) -> Assessment:
    """All lines, worst first: missed by most, then not measurable in the order of the file, then met by least."""
    every = tuple(objectives)
    rng = random.Random(SEED)  # noqa: S311 - draws samples, keeps no secret
    lines = [
        replace(line, before=measured.before.get(line.key))
        for objective in every
        for line in ROWS[objective.name](objective, measured, rng)
    ]
    order = {objective.name: n for n, objective in enumerate(every)}
    lines.sort(key=lambda line: (_WORST.index(line.state), -badness(line), order[line.objective.name], line.scope))
    return Assessment(
        at=measured.at,
        start=measured.start,
        days=measured.days,
        lines=tuple(lines),
        grids=grids(measured),
        charts=charts({objective.name: objective for objective in every}, measured),
        failed=measured.failed,
        numbers=Counter(line.state for line in lines),
    )


def badness(line: Line) -> float:
    """How far beyond its target a value is, as a share of the target; below 0 on the good side. 0 without a value."""
    target = line.objective.target
    if line.measurement is None or target is None or line.state is State.NOT_MEASURABLE:
        return 0.0
    distance = line.measurement.value - target
    scale = abs(target) or 1.0
    good_side_is_below = line.objective.bound == "at_most"
    return (distance if good_side_is_below else -distance) / scale
