"""Part ``change``: what it costs when 1 % of the VMs change in every cycle."""

from bench.full import SIZE
from bench.harness import Answer, Bench, agent, target
from bench.report import Check, Part, median
from bench.workload import FULL_COUNTERS

CHANGES = ("moved", "swapped", "disk", "mixed")
HOW = (
    "One live cycle is recorded; after that its replies are replayed in the process, with a new time in each cycle, so "
    "that nothing is sent; what the replay costs is subtracted. Cycles without and with change take turns; CPU of "
    "decoding, storing, planning, the page with the inventory's families, and gzip. A change's cost is the difference, "
    "in per cent of a cycle without change and of the network's CPU, measured live in the same process. Of 1 % of the "
    "VMs per cycle: moved: the host, which is copied on to every series, is another; swapped: they are gone and as "
    "many others come; disk: they get one more disk, two more series; mixed: a third of each. The change is in the "
    "inventory's value and in the replies; reading it from vCenter is not included. 'wide' cycles have values of up to "
    "eight digits that are always new: worse than life, as the simulator's four digits are better."
)


def run(bench: Bench) -> Part:
    """Measures cycles with and without changes."""
    vcsim = bench.simulator(bench.size(SIZE))
    with agent("replay") as replay:
        options = {"gzip": True, "inventory": True, "labels": ["host"]}
        replay.ask("start", **options, **target(vcsim, FULL_COUNTERS, instances=True))
        recorded = replay.ask("record")
        replay.ask("replay")
        found: dict[str, list[Answer]] = {change: [] for change in ("none", *CHANGES)}
        for _ in range(bench.rounds(7)):
            for change in CHANGES:
                found["none"].append(replay.ask("replay"))
                found[change].append(replay.ask("replay", change=change))
        wide = [replay.ask("replay", wide=True) for _ in range(bench.rounds(30))]
    shown = sum(one["gone_but_shown"] for measured in found.values() for one in measured)
    if shown or not any(one["gone"] for one in found["swapped"]):
        raise RuntimeError(f"of entities that are gone {shown} are still shown")
    cpu = {change: median(measured, "cpu") for change, measured in found.items()}
    whole = cpu["none"] + recorded["network"]
    more = {change: 100 * (cpu[change] - cpu["none"]) / whole for change in CHANGES}
    return Part(
        how=HOW,
        figures={
            "series": found["none"][-1]["series"],
            "cpu_seconds": cpu | {"wide": median(wide[-5:], "cpu"), "network": recorded["network"]},
            "percent_more_cpu": more,
            "gone": sum(one["gone"] for one in found["swapped"]),
            "gone_but_shown": shown,
            "rss_mib": {"before_wide": found["mixed"][-1]["rss"], "after_wide": wide[-1]["rss"]},
        },
        raw=found | {"wide": wide, "recorded": recorded},
        checks=tuple(Check(f"1 % of the VMs {change}: more CPU", more[change], "%", 15) for change in CHANGES),
    )
