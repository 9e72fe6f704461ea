"""The rows about builds and disks, where two kinds are compared or demand bounds what can be seen. Pure."""

import random
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from sla.objectives.estimate import Estimate, Stratum, median_ratio, merged, usable
from sla.objectives.judge import judged, measurement, missing
from sla.objectives.measured import NATIVE, RDM, VMDK, VMWARE, Builds, DiskLatency, Measured
from sla.objectives.model import Line, Objective
from sla.objectives.words import percent, told
from sla.sketch import Sketch

_RATIO = "medians within each {what}, 95 % by bootstrap"


def by_flavor(builds: Iterable[Builds]) -> tuple[Stratum, ...]:
    """Builds on VMware beside native ones, flavor by flavor; those of only one kind have an empty side."""
    return _strata((one.flavor, one.kind, one.seconds) for one in builds if one.kind in {VMWARE, NATIVE})


def by_load(latencies: Iterable[DiskLatency]) -> tuple[Stratum, ...]:
    """VMDKs beside RDM disks of the same vCenter, direction and band of load."""
    names = {VMDK: VMWARE, RDM: NATIVE}
    return _strata(
        (f"{one.vcenter} {one.direction} {one.load}", names[one.backing], one.seconds)
        for one in latencies
        if one.backing in names
    )


def _strata(found: Iterable[tuple[str, str, Sketch]]) -> tuple[Stratum, ...]:
    kinds: dict[str, dict[str, Sketch]] = {}
    for name, kind, sketch in found:
        sides = kinds.setdefault(name, {})
        sides[kind] = sides.get(kind, Sketch()).plus(sketch)
    return tuple(
        Stratum(name, sides.get(VMWARE, Sketch()), sides.get(NATIVE, Sketch())) for name, sides in sorted(kinds.items())
    )


def creation_overhead(objective: Objective, measured: Measured, rng: random.Random) -> Iterator[Line]:
    """How many times as long a build takes on VMware, flavor by flavor in each cloud."""
    clouds = sorted({one.cloud for one in measured.builds})
    for cloud in clouds:
        strata = by_flavor(one for one in measured.builds if one.cloud == cloud)
        found = median_ratio(strata, least=objective.least, rng=rng)
        counted = {side: sum(getattr(one, side).count for one in strata) for side in ("above", "below")}
        if found is None:
            yield judged(objective, cloud, None, why=_lacking(objective, strata, counted))
            continue
        compared = usable(strata, objective.least)
        vmware, native = (merged(getattr(one, side) for one in compared) for side in ("above", "below"))
        slower = f"{percent(found.value - 1)} slower" if found.value >= 1 else f"{percent(1 - found.value)} faster"
        middles = [f"{told(one.quantile(0.5), 'seconds')} ({one.count:,} builds)" for one in (vmware, native)]
        remarks = (slower, f"median {middles[0]} on VMware, {middles[1]} native")
        yield judged(objective, cloud, measurement(found, measured, _RATIO.format(what="flavor")), remarks=remarks)
    if not clouds:
        yield missing(objective, measured, "builds")


def _lacking(objective: Objective, strata: Iterable[Stratum], counted: Mapping[str, int]) -> str:
    vmware, native = counted["above"], counted["below"]
    if not vmware or not native:
        there, absent = ("VMware", "native") if vmware else ("native", "VMware")
        return f"{max(vmware, native):,} builds on {there} hypervisors, and none on {absent} ones to compare with"
    most = max(min(one.above.count, one.below.count) for one in strata)
    return (
        f"{vmware:,} builds on VMware and {native:,} native, but of no flavor {objective.least} of each kind "
        f"(most: {most})"
    )


def builds_per_hour(objective: Objective, measured: Measured) -> Iterator[Line]:
    """The busiest hour of each cloud."""
    for cloud in sorted({one.cloud for one in measured.hours}):
        builds = merged(one.builds for one in measured.hours if one.cloud == cloud)
        if builds.most is not None:
            found = Estimate(builds.most, builds.count)
            method = "busiest hour; users' demand, not ability, bounds it"
            yield judged(objective, cloud, measurement(found, measured, method))
    if not measured.hours:
        yield missing(objective, measured, "hours")


def _iops(backing: str, objective: Objective, measured: Measured) -> Iterator[Line]:
    own = [one for one in measured.disks if one.backing == backing and one.direction == "read"]
    vcenters = sorted({one.vcenter for one in own})
    for vcenter in vcenters:
        reads = merged(one.iops for one in own if one.vcenter == vcenter)
        bytes_ = merged(one.bytes for one in own if one.vcenter == vcenter)
        if reads.most is None:
            continue
        remarks = (f"most bytes read from a disk: {told(bytes_.most, 'bytes')}",) if bytes_.most is not None else ()
        method = "busiest disk in 20 s, of any size of read; what guests ask for bounds it"
        found = measurement(Estimate(reads.most, reads.count), measured, method)
        yield judged(objective, vcenter, found, remarks=remarks)
    if not vcenters:
        yield missing(objective, measured, "rdm" if backing == RDM else "disks")


vmdk_iops = partial(_iops, VMDK)
"""Reads of the busiest VMDK of each vCenter."""
rdm_iops = partial(_iops, RDM)
"""Reads of the busiest RDM disk of each vCenter."""


def rdm_gain(objective: Objective, measured: Measured, rng: random.Random) -> Iterator[Line]:
    """How many times as long VMDKs take as RDM disks under like load."""
    vcenters = sorted({one.vcenter for one in measured.latencies})
    for vcenter in vcenters:
        own = [one for one in measured.latencies if one.vcenter == vcenter]
        found = median_ratio(by_load(own), least=objective.least, rng=rng)
        if found is None:
            there = {one.backing for one in own if one.seconds.count}
            lacking = " or ".join(kind.upper() for kind in (VMDK, RDM) if kind not in there)
            why = f"no {lacking} disk did anything" if lacking else "disks of both kinds never had a like load for long"
            yield judged(objective, vcenter, None, why=why)
            continue
        method = _RATIO.format(what="direction and band of load") + "; not a limit of the hardware"
        yield judged(objective, vcenter, measurement(found, measured, method))
    if not vcenters:
        yield missing(objective, measured, "latencies")
