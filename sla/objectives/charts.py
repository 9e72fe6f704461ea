"""What is drawn of an assessment: points of each chart, not yet a picture. Pure."""

import math
from collections.abc import Iterable, Mapping

from sla.objectives.cost import total
from sla.objectives.estimate import merged
from sla.objectives.measured import RDM, VMDK, Measured
from sla.objectives.model import Chart, Look, Objective, Series
from sla.objectives.speed import by_flavor
from sla.sketch import Sketch

STEP = 2 ** (1 / 3)
"""How many times as far the bin of a histogram ends as it begins: ten in a decade."""
_MOST_BARS = 12
_MOST_DAYS = 30


def charts(objectives: Mapping[str, Objective], measured: Measured) -> tuple[Chart, ...]:
    """All of them, also those without points, which say why."""
    return (
        _latency(objectives.get("vcenter_latency"), measured),
        _creation(objectives.get("creation_overhead"), measured),
        _disks(measured),
        _hosts(objectives.get("vcenter_hosts"), measured),
        _builds(objectives.get("builds_per_hour"), measured),
        _costs(measured),
    )


def _latency(objective: Objective | None, measured: Measured) -> Chart:
    light = merged(one.seconds for one in measured.calls if one.light)
    return Chart(
        name="latency",
        title="How long does vCenter's API take?",
        look=Look.HISTOGRAM,
        series=(Series("light calls", binned(light)),),
        x_unit="seconds",
        y_unit="ratio",
        band=objective.reference if objective else (None, None),
        mark=objective.target if objective else None,
        logarithmic=True,
        step=STEP,
        note="Share of our calls that ask for little; the band is the reference.",
        empty=measured.why.get("calls", "no call was recorded"),
    )


def binned(sketch: Sketch) -> tuple[tuple[float, float], ...]:
    """Lower edge of each bin from the first to the last that is not empty, and its share of all values above 0."""
    counts: dict[int, int] = {}
    for value, count in sketch.pairs():
        if value > 0:
            number = math.floor(math.log(value, STEP))
            counts[number] = counts.get(number, 0) + count
    whole = sum(counts.values())
    if not whole:
        return ()
    return tuple((STEP**number, counts.get(number, 0) / whole) for number in range(min(counts), max(counts) + 1))


def _creation(objective: Objective | None, measured: Measured) -> Chart:
    strata = [one for one in by_flavor(measured.builds) if one.above.count or one.below.count][:_MOST_BARS]
    least = objective.least if objective else 1
    return Chart(
        name="creation",
        title="How long does a build take, VMware beside native?",
        look=Look.BARS,
        series=(
            Series("VMware", _medians(one.above for one in strata)),
            Series("native", _medians(one.below for one in strata)),
        ),
        x_unit="seconds",
        y_unit="",
        names=tuple(f"{one.name} ({one.above.count:,} / {one.below.count:,})" for one in strata),
        note=f"Median by flavor (builds on VMware / native); compared are flavors with {least} of each.",
        empty=measured.why.get("builds", "no build was recorded"),
    )


def _medians(sketches: Iterable[Sketch]) -> tuple[tuple[float, float], ...]:
    middles = ((float(n), sketch.quantile(0.5)) for n, sketch in enumerate(sketches))
    return tuple((n, middle) for n, middle in middles if middle is not None)


def _disks(measured: Measured) -> Chart:
    def points(backing: str) -> tuple[tuple[float, float], ...]:
        own = ((one.iops.quantile(0.5), one.seconds.quantile(0.5)) for one in measured.busy if one.backing == backing)
        return tuple(sorted((iops, seconds) for iops, seconds in own if iops and seconds))

    return Chart(
        name="disks",
        title="What do the busiest disks do, and how long does it take?",
        look=Look.POINTS,
        series=(Series("VMDK", points(VMDK)), Series("RDM", points(RDM))),
        x_unit="iops",
        y_unit="seconds",
        logarithmic=True,
        note="One point per disk: medians of operations per second and latency. What guests ask for bounds the load.",
        empty=measured.why.get("busy", "no disk was recorded"),
    )


def _hosts(objective: Objective | None, measured: Measured) -> Chart:
    found = sorted(measured.hosts.items(), key=lambda pair: (-(pair[1].most or 0.0), pair[0]))[:_MOST_BARS]
    return Chart(
        name="hosts",
        title="How many hosts does each vCenter have?",
        look=Look.BARS,
        series=(Series("hosts", tuple((float(n), seen.most or 0.0) for n, (_, seen) in enumerate(found))),),
        x_unit="hosts",
        y_unit="",
        names=tuple(name for name, _ in found),
        mark=objective.target if objective else None,
        note="The line is the target.",
        empty=measured.why.get("hosts", "no vCenter was read"),
    )


def _builds(objective: Objective | None, measured: Measured) -> Chart:
    days = sorted({one.date for one in measured.hours})[-_MOST_DAYS:]
    busiest = [max((one.builds.most or 0.0 for one in measured.hours if one.date == day), default=0.0) for day in days]
    return Chart(
        name="builds",
        title="How many servers are built in the busiest hour of a day?",
        look=Look.COLUMNS,
        series=(Series("builds", tuple((float(n), value) for n, value in enumerate(busiest))),),
        x_unit="",
        y_unit="per_hour",
        names=tuple(days),
        mark=objective.target if objective else None,
        note="The line is the target. Demand bounds the columns, not ability.",
        empty=measured.why.get("hours", "no build was recorded"),
    )


def _costs(measured: Measured) -> Chart:
    costs = measured.costs
    years = max(1.0, costs.years) if costs else 1.0
    steps = [years * n / 10 for n in range(11)]
    ways = costs.ways if costs else ()
    return Chart(
        name="costs",
        title="What does each way cost over the years?",
        look=Look.LINES,
        series=tuple(Series(way.title, tuple((at, total(way, at)) for at in steps)) for way in ways),
        x_unit="years",
        y_unit="count",
        note=f"In {costs.currency}." if costs else "",
        empty=measured.why.get("costs", "no costs are configured"),
    )
