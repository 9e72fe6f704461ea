"""The tables beside the lines: what is behind the figures. Pure; every table has a bounded number of rows."""

from collections.abc import Iterable, Iterator

from sla.objectives.cost import break_even, per_vm_hour, total
from sla.objectives.estimate import Stratum
from sla.objectives.measured import Costs, Measured
from sla.objectives.model import Grid
from sla.objectives.speed import by_flavor, by_load
from sla.objectives.words import told
from sla.report.words import NONE

MOST = 25
"""Rows of a table."""
_ORDER = ("missing", "by_hand", "unknown", "works")
_STATES = {"missing": "missing", "by_hand": "by hand", "unknown": "unknown", "works": "works"}


def grids(measured: Measured) -> tuple[Grid, ...]:
    """Those that have rows."""
    made = (
        _drifts(measured),
        _functions(measured),
        _calls(measured),
        _builds(measured),
        _disks(measured),
        _busy(measured),
        _costs(measured),
        _governed(measured),
        _edges(measured),
    )
    return tuple(grid for grid in made if grid.rows)


def _grid(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, note: str = "") -> Grid:
    every = tuple(rows)
    numeric = frozenset(n for n in range(len(columns)) if every and all(_is_number(row[n]) for row in every[:MOST]))
    return Grid(title, columns, every[:MOST], note, numeric, max(0, len(every) - MOST))


def _is_number(cell: str) -> bool:
    return cell == NONE or cell[:1].isdigit()


def _drifts(measured: Measured) -> Grid:
    rows = ((one.cloud, *found) for one in measured.drifts for found in one.found)
    return _grid("What does not fit together", ("Cloud", "What", "Finding", "What to do"), rows)


def _functions(measured: Measured) -> Grid:
    rows = (
        (one.cloud, item.title, _STATES.get(item.state, item.state), item.found, item.advice)
        for one in measured.coverage
        for item in sorted(one.features, key=lambda item: _ORDER.index(item.state) if item.state in _ORDER else 9)
    )
    return _grid("Functions of the driver", ("Cloud", "Function", "State", "Seen", "What to do"), rows)


def _calls(measured: Measured) -> Grid:
    def rows() -> Iterator[tuple[str, ...]]:
        for one in sorted(measured.calls, key=lambda one: (one.vcenter, -(one.seconds.quantile(0.5) or 0.0))):
            middle, high = one.seconds.quantile(0.5), one.seconds.quantile(0.95)
            cells = (told(middle, "seconds"), told(high, "seconds"), told(one.seconds.most, "seconds"))
            yield one.vcenter, one.operation, f"{one.seconds.count:,}", *cells, "judged" if one.light else ""

    columns = ("vCenter", "Call", "n", "Median", "95 %", "Longest", "")
    note = "Judged are calls that ask for little, so that their time is that of the API itself."
    return _grid("Calls to vCenter", columns, rows(), note=note)


def _builds(measured: Measured) -> Grid:
    def rows() -> Iterator[tuple[str, ...]]:
        for cloud in sorted({one.cloud for one in measured.builds}):
            for one in by_flavor(build for build in measured.builds if build.cloud == cloud):
                above, below = one.above.quantile(0.5), one.below.quantile(0.5)
                ratio = above / below if above is not None and below else None
                counts = (f"{one.above.count:,}", f"{one.below.count:,}")
                cells = (told(above, "seconds"), told(below, "seconds"), told(ratio, "factor"))
                yield cloud, one.name, *counts, *cells

    columns = ("Cloud", "Flavor", "n VMware", "n native", "Median VMware", "Median native", "Ratio")
    return _grid("Builds by flavor", columns, rows())


def _disks(measured: Measured) -> Grid:
    def rows() -> Iterator[tuple[str, ...]]:
        for one in sorted(by_load(measured.latencies), key=_by_load):
            vcenter, direction, load = one.name.rsplit(" ", 2)
            middles = (one.above.quantile(0.5), one.below.quantile(0.5))
            counts = (f"{one.above.count:,}", f"{one.below.count:,}")
            yield vcenter, direction, load, *counts, *(told(middle, "seconds") for middle in middles)

    columns = ("vCenter", "Direction", "From IOPS", "n VMDK", "n RDM", "Median VMDK", "Median RDM")
    note = (
        "Each band of load ends where the next begins. What guests ask for bounds it; it is no limit of the hardware."
    )
    return _grid("Disks at like load", columns, rows(), note=note)


def _by_load(found: Stratum) -> tuple[str, str, float]:
    vcenter, direction, load = found.name.rsplit(" ", 2)
    return vcenter, direction, float(load)


def _busy(measured: Measured) -> Grid:
    rows = (
        (
            one.vcenter,
            one.backing.upper(),
            one.vm,
            one.disk,
            told(one.iops.quantile(0.5), "iops"),
            told(one.iops.most, "iops"),
            told(one.seconds.quantile(0.5), "seconds"),
        )
        for one in sorted(measured.busy, key=lambda one: (-(one.iops.quantile(0.5) or 0.0), one.vm, one.disk))
    )
    columns = ("vCenter", "Backing", "VM", "Disk", "Median IOPS", "Most IOPS", "Median latency")
    return _grid("Busiest disks", columns, rows)


def _costs(measured: Measured) -> Grid:
    costs = measured.costs
    if costs is None:
        return Grid("", (), ())
    rows = (
        (
            f"{way.title} (in use)" if way.name == costs.use else way.title,
            told(way.first, "count"),
            told(way.yearly, "count"),
            *(told(total(way, years), "count") for years in _spans(costs)),
            told(per_vm_hour(way, costs), "currency"),
            _even(costs, n),
        )
        for n, way in enumerate(costs.ways)
    )
    years = tuple(f"{years:g} years" if years != 1 else "1 year" for years in _spans(costs))
    columns = ("Way", "At first", "A year", *years, "Per VM-hour", "Cheaper than the one in use")
    vms = "an unknown number of" if costs.vms is None else f"{costs.vms:,.0f}"
    note = f"{costs.currency}; {vms} machines ({costs.counted}) for {costs.hours:,.0f} hours a year."
    return _grid("Cost of the ways", columns, rows, note=note)


def _spans(costs: Costs) -> tuple[float, ...]:
    return tuple(sorted({1.0, 3.0, costs.years}))


def _even(costs: Costs, n: int) -> str:
    used = next((way for way in costs.ways if way.name == costs.use), None)
    if used is None or costs.ways[n] is used:
        return ""
    years = break_even(costs.ways[n], used)
    return "never" if years is None else "always" if years == 0 else f"after {years:.1f} years"


def _governed(measured: Measured) -> Grid:
    whole = sum(measured.governed.values())
    rows = (
        (way, f"{count:,}", told(count / whole, "ratio"))
        for way, count in sorted(measured.governed.items(), key=lambda pair: (-pair[1], pair[0]))
        if count
    )
    return _grid("Who governs the machines", ("Way", "Machines", "Share"), rows)


def _edges(measured: Measured) -> Grid:
    words = {True: "both ends", False: "server only", None: "not encrypted or not seen"}
    rows = (
        (
            edge.name,
            words[edge.mutual] + (", stays on this machine" if edge.local else ""),
            NONE if edge.expires is None else told((edge.expires - measured.at) / 86400, "days"),
        )
        for edge in sorted(measured.edges, key=lambda edge: (edge.expires is None, edge.expires or 0.0, edge.name))
    )
    return _grid("Trust of the agent's connections", ("Connection", "Certificates", "Expires in"), rows)
