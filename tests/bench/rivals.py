"""Part ``rivals``: the product beside vmware_exporter and plain pyVmomi, the same series from the same simulator."""

from bench.harness import Answer, Bench, agent, login, rival_python, target
from bench.report import Check, Part, median
from bench.workload import RIVAL_COUNTERS, Size

SIZE = Size(clusters=20, hosts=25, vms=250)
HOW = (
    "Three processes take turns: one cycle each per round, with a new sample in each round. CPU is user + system time "
    "of the process over the cycle: request, TLS, decoding and the page as text, not compressed. The product: poller "
    "and publisher, without its inventory. plain: pyVmomi QueryPerf in batches of 250, normal format, "
    "GaugeMetricFamily, generate_latest; without its inventory. vmware_exporter: its collector's connection, labels "
    "and performance counters, and generate_latest, which is what it does per scrape for these series; 'again' is the "
    "same without connection, properties and labels."
)


def run(bench: Bench) -> Part:
    """Measures and compares. Raises RuntimeError where the agents do not deliver the same series."""
    size = bench.size(SIZE)
    vcsim = bench.simulator(size)
    with agent("novacenter") as ours, agent("plain") as plain, agent("vmware", python=rival_python()) as vmware:
        listing = ours.ask("start", **target(vcsim, RIVAL_COUNTERS, instances=False))
        plain.ask("start", **login(vcsim), counters=RIVAL_COUNTERS, instance="")
        vmware.ask("start", **login(vcsim))
        bench.await_sample()
        first = ours.ask("cycle")
        rounds: dict[str, list[Answer]] = {"novacenter": [], "plain": [], "vmware_exporter": []}
        for number in range(bench.rounds(5)):
            ours.ask("cycle")  # closes the gap that the others' turns have left
            bench.await_sample()
            rounds["novacenter"].append(ours.ask("cycle"))
            rounds["plain"].append(plain.ask("cycle"))
            rounds["vmware_exporter"].append(vmware.ask("cycle"))
            bench.say(f"round {number + 1}: " + ", ".join(f"{n} {r[-1]['cpu']:.3f} s" for n, r in rounds.items()))
        again = [vmware.ask("cycle", again=True) for _ in range(bench.rounds(3))]
    _compare(rounds, size.entities * 24)
    return _part(rounds, {"listing": listing, "first": first, "rounds": rounds, "again": again})


def _part(rounds: dict[str, list[Answer]], raw: Answer) -> Part:
    cpu = {name: median(found, "cpu") for name, found in rounds.items()}
    cpu["vmware_exporter again"] = median(raw["again"], "cpu")
    times = {name: value / cpu["novacenter"] for name, value in cpu.items()}
    return Part(
        how=HOW,
        figures={
            "series": rounds["novacenter"][-1]["series"],
            "cpu_seconds": cpu,
            "times_less_cpu": times,
            "peak_rss_mib": {name: found[-1]["peak_rss"] for name, found in rounds.items()},
        },
        raw=raw,
        checks=(
            Check("CPU below vmware_exporter", times["vmware_exporter"], "x", 100, at_least=True),
            Check("CPU below pyVmomi + prometheus_client", times["plain"], "x", 50, at_least=True),
        ),
    )


def _compare(rounds: dict[str, list[Answer]], expected: int) -> None:
    counts = {name: {one["series"] for one in found} for name, found in rounds.items()}
    if any(found != {expected} for found in counts.values()):
        raise RuntimeError(f"the agents do not have the same {expected} series: {counts}")
