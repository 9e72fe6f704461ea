"""Part ``growth``: whether CPU and memory grow no faster than the number of series."""

from bench.full import SIZE
from bench.harness import Answer, Bench, agent, target
from bench.report import Check, Part, median
from bench.workload import FULL_COUNTERS, Size

SIZES = (Size(2, 25, 500, 1), Size(8, 25, 500, 1), SIZE)
NOISE = 1.1
HOW = (
    "For each size a simulator and a process of the product of their own: CPU of a steady cycle with the page as "
    "gzip, per series; RSS after the last cycle and peak RSS. Linear is: the largest needs no more CPU per series than "
    "the smallest, within 10 % for noise."
)


def run(bench: Bench) -> Part:
    """Measures three sizes."""
    found: dict[str, list[Answer]] = {}
    for size in map(bench.size, SIZES):
        vcsim = bench.simulator(size)
        with agent("novacenter") as ours:
            ours.ask("start", gzip=True, **target(vcsim, FULL_COUNTERS, instances=True))
            cycles = []
            for _ in range(bench.rounds(7)):
                bench.await_sample()
                cycles.append(ours.ask("cycle"))
        found[size.words] = cycles
    figures = {}
    for words, cycles in found.items():
        count, cpu = cycles[-1]["series"], median(cycles[-4:], "cpu")
        figures[words] = {
            "series": count,
            "cpu_seconds": cpu,
            "cpu_microseconds_per_series": cpu / count * 1e6,
            "rss_bytes_per_series": cycles[-1]["rss"] * 2**20 / count,
            "rss_mib": cycles[-1]["rss"],
            "peak_rss_mib": cycles[-1]["peak_rss"],
        }
    smallest, *_, largest = figures.values()
    growth = largest["cpu_microseconds_per_series"] / smallest["cpu_microseconds_per_series"]
    check = Check("CPU per series, largest over smallest", growth, "x", NOISE)
    return Part(how=HOW, figures=figures, raw=found, checks=(check,))
