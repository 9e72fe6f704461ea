"""Part ``full``: the size that the product is made for, beside plain pyVmomi."""

from bench.harness import Answer, Bench, agent, login, target
from bench.report import Check, Part, median
from bench.workload import FULL_COUNTERS, Size

SIZE = Size(clusters=20, hosts=25, vms=500, instances=1)
REFERENCE_SERIES = 500_000
HOW = (
    "The product: one listing, one first cycle, then cycles with a new sample each; CPU is user + system time of its "
    "process over the cycle (request, TLS, decoding, the page as text, and its gzip), without what the watch of the "
    "inventory costs between cycles. plain: one cycle of pyVmomi + prometheus_client in the same run, without gzip. "
    "Instances: '*', with one added by the simulator to counters that have none. The absolute target is for "
    f"{REFERENCE_SERIES:,} series, so it is held against CPU per series times that. 'with_inventory' has the families "
    "of the inventory on the page too."
)


def run(bench: Bench) -> Part:
    """Measures the product and one cycle of its rival. Raises RuntimeError where they have not the same series."""
    vcsim = bench.simulator(bench.size(SIZE))
    where = target(vcsim, FULL_COUNTERS, instances=True)
    raw = _product(bench, where, rounds=7)
    with agent("plain") as plain:
        plain.ask("start", **login(vcsim), counters=FULL_COUNTERS, instance="*")
        raw["plain"] = plain.ask("cycle")
        bench.say(f"plain {raw['plain']['cpu']:.3f} s")
    if raw["plain"]["series"] != raw["cycles"][-1]["series"]:
        raise RuntimeError(f"not the same series: {raw['plain']['series']} and {raw['cycles'][-1]['series']}")
    raw["with_inventory"] = _product(bench, where, rounds=4, inventory=True)["cycles"]
    return _part(raw)


def _product(bench: Bench, where: Answer, *, rounds: int, inventory: bool = False) -> Answer:
    with agent("novacenter") as ours:
        found = {"listing": ours.ask("start", gzip=True, inventory=inventory, **where)}
        bench.await_sample()
        found |= {"first": ours.ask("cycle"), "cycles": []}
        for _ in range(bench.rounds(rounds)):
            bench.await_sample()
            found["cycles"].append(ours.ask("cycle"))
            bench.say(f"novacenter {found['cycles'][-1]['cpu']:.3f} s")
    return found


def _part(raw: Answer) -> Part:
    steady, inventory, plain = raw["cycles"][-5:], raw["with_inventory"], raw["plain"]
    cpu, count = median(steady, "cpu"), steady[-1]["series"]
    peak = max(steady[-1]["peak_rss"], inventory[-1]["peak_rss"])
    first = raw["first"]["cpu"]
    return Part(
        how=HOW,
        figures={
            "series": count,
            "cpu_seconds": {"steady": cpu, "first": first, "listing": raw["listing"]["cpu"], "plain": plain["cpu"]},
            "cpu_seconds_with_inventory": median(inventory, "cpu"),
            "cpu_microseconds_per_series": cpu / count * 1e6,
            "times_less_cpu": plain["cpu"] / cpu,
            "rss_mib": {"steady": steady[-1]["rss"], "peak": peak, "plain": plain["peak_rss"]},
            "page_bytes": {"perf": steady[-1]["bytes"], "with_inventory": inventory[-1]["bytes"]},
        },
        raw=raw,
        checks=(
            Check("CPU below pyVmomi + prometheus_client", plain["cpu"] / cpu, "x", 45, at_least=True),
            Check("CPU per 500,000 series", cpu / count * REFERENCE_SERIES, "s", 0.6),
            Check("CPU of the first cycle", first, "s", 5),
            Check("peak RSS", peak, "MiB", 600),
        ),
    )
