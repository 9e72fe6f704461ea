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
    """Measures the product and one cycle of its rival."""
    size = bench.size(SIZE)
    vcsim = bench.simulator(size)
    where = target(vcsim, FULL_COUNTERS, instances=True)
    with agent("novacenter") as ours, agent("plain") as plain:
        listing = ours.ask("start", gzip=True, **where)
        bench.await_sample()
        first = ours.ask("cycle")
        cycles: list[Answer] = []
        for _ in range(bench.rounds(7)):
            bench.await_sample()
            cycles.append(ours.ask("cycle"))
            bench.say(f"novacenter {cycles[-1]['cpu']:.3f} s")
        steady = cycles[-5:]
        plain.ask("start", **login(vcsim), counters=FULL_COUNTERS, instance="*")
        rival = plain.ask("cycle")
        bench.say(f"plain {rival['cpu']:.3f} s")
    if rival["series"] != steady[-1]["series"]:
        raise RuntimeError(f"not the same series: {rival['series']} and {steady[-1]['series']}")
    with agent("novacenter") as ours:
        ours.ask("start", gzip=True, inventory=True, **where)
        inventory = []
        for _ in range(bench.rounds(4)):
            bench.await_sample()
            inventory.append(ours.ask("cycle"))
    cpu, count = median(steady, "cpu"), steady[-1]["series"]
    peak = max(steady[-1]["peak_rss"], inventory[-1]["peak_rss"])
    return Part(
        how=HOW,
        figures={
            "size": size.words,
            "series": count,
            "cpu_seconds": {"steady": cpu, "first": first["cpu"], "listing": listing["cpu"], "plain": rival["cpu"]},
            "cpu_seconds_with_inventory": median(inventory[2:] or inventory, "cpu"),
            "cpu_microseconds_per_series": cpu / count * 1e6,
            "times_less_cpu": rival["cpu"] / cpu,
            "rss_mib": {"steady": steady[-1]["rss"], "peak": peak, "plain": rival["peak_rss"]},
            "page_bytes": {"perf": steady[-1]["bytes"], "with_inventory": inventory[-1]["bytes"]},
        },
        raw={"listing": listing, "first": first, "cycles": cycles, "plain": rival, "with_inventory": inventory},
        checks=(
            Check("CPU below pyVmomi + prometheus_client", rival["cpu"] / cpu, "x", 45, at_least=True),
            Check("CPU per 500,000 series", cpu / count * REFERENCE_SERIES, "s", 0.6),
            Check("CPU of the first cycle", first["cpu"], "s", 5),
            Check("peak RSS", peak, "MiB", 600),
        ),
    )
