"""Part ``scrape``: the whole agent with 600,000 series, scraped while it polls."""

from bench.harness import Answer, Bench, agent, target
from bench.report import Check, Part
from bench.workload import FULL_COUNTERS, Size

SIZE = Size(clusters=20, hosts=25, vms=500, instances=2)
HOW = (
    "The whole agent (exporter.app) in one process, the simulator in another, four scrapers in a third, each with a "
    "kept connection and a quarter of a second between its scrapes; cycles go on every 20 s. first_byte: from the "
    "request sent to the first byte received. lag: how much later than asked a 5 ms sleep on the event loop returns "
    "('late'), and CPU that the loop's thread used meanwhile ('worked'); the difference is waiting for a core of the "
    "machine, which all processes share. 'alone' is without scrapers and beats: its CPU is that of the whole "
    "agent per 20 s, inventory watch included. 'blame' is a run in which what blocks for more than 50 ms is noted, in "
    "samples of 10 ms."
)


def run(bench: Bench) -> Part:
    """Measures scrapes and the event loop."""
    size = bench.size(SIZE)
    vcsim = bench.simulator(size)
    seconds = 1 if bench.quick else 60
    with agent("whole") as whole, agent("scrapers") as scrapers:
        started = whole.ask("start", **target(vcsim, FULL_COUNTERS, instances=True))
        bench.say(f"first cycle in after {started['cpu_until_first_cycle']:.1f} s of CPU")
        raw: dict[str, Answer] = {"started": started}
        if not bench.quick:
            whole.ask("cycle")
        for name, gzip in (("gzip", True), ("identity", False)):
            scrapers.ask("scrape", url=started["url"], gzip=gzip, seconds=0.1, scrapers=1)
            whole.ask("reset")
            scraped = scrapers.ask("scrape", url=started["url"], gzip=gzip, seconds=seconds)
            raw[name] = whole.ask("noted") | {"scrapes": scraped}
            bench.say(f"{name}: {len(scraped['whole'])} scrapes, longest lag {raw[name]['lag']['late']['max']:.3f} s")
        raw["alone"] = _alone(whole, bench)
        whole.ask("reset", blame=True)
        scrapers.ask("scrape", url=started["url"], gzip=True, seconds=seconds)
        raw["blame"] = whole.ask("noted")
        whole.ask("stop")
    return _part(size, raw)


def _alone(whole, bench: Bench) -> Answer:
    """Whole periods of 20 s, from the end of a cycle to the end of a later one."""
    if not bench.quick:
        whole.ask("cycle")
    whole.ask("reset", beats=False)
    for _ in range(0 if bench.quick else 3):
        whole.ask("cycle")
    noted = whole.ask("noted")
    return noted | {"cpu_per_period": noted["cpu"] / max(1, len(noted["cycles"]))}


def _part(size: Size, raw: dict[str, Answer]) -> Part:
    scrapes = {name: raw[name]["scrapes"] for name in ("gzip", "identity")}
    first = {
        name: {"p50": _share(s["first_byte"], 0.5), "p99": _share(s["first_byte"], 0.99)} for name, s in scrapes.items()
    }
    late, worked = (max(raw[name]["lag"][what]["max"] for name in scrapes) for what in ("late", "worked"))
    return Part(
        how=HOW,
        figures={
            "size": size.words,
            "first_byte_seconds": first,
            "whole_page_seconds": {name: {"p50": _share(s["whole"], 0.5)} for name, s in scrapes.items()},
            "scrapes": {name: len(s["whole"]) for name, s in scrapes.items()},
            "page_bytes": {name: s["bytes"][-1] for name, s in scrapes.items()},
            "lag_seconds": {name: raw[name]["lag"] for name in scrapes},
            "longest_garbage_collections_seconds": {name: raw[name]["longest_garbage_collections"] for name in scrapes},
            "start_lag_seconds": raw["started"]["lag"],
            "cpu_seconds_per_period": raw["alone"]["cpu_per_period"],
            "rss_mib": {name: raw["alone"][name] for name in ("rss", "peak_rss")},
            "blockers": raw["blame"]["blockers"],
        },
        raw=raw,
        checks=(
            Check("longest stop of the event loop", late * 1000, "ms", 100),
            Check("longest work of the event loop in one go", worked * 1000, "ms", 100),
        ),
    )


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
