"""Part ``cloud``: a cycle of Nova beside openstack-exporter's way, which lists every server for each scrape."""

from statistics import mean
from typing import Any

from bench.harness import Agent, Answer, Bench, agent
from bench.report import Check, Part, median

SERVERS = 10_000
MANY = 100_000
HUNG = RUNNING = 25
PERIOD = 20.0
TURNS = 1000
SETTLED = 250  # cycles, behind the first hourly listing
HOW = (
    "A server process answers as Keystone and Nova, with bodies in the shape of recorded replies; time moves 20 s a "
    "cycle. Of the servers, 25 have an operation that hangs since an hour, 25 one that takes 100 s: five begin and "
    "five end in each cycle, one server is made and one deleted. The product: session, Nova.cycle, ledger and "
    "SQLite, CPU of the whole process. 'listing' is openstack-exporter's way through the same session: all pages of "
    "servers/detail, JSON, and one openstack_nova_server_status per server with prometheus_client; 'listing_json' is "
    "its part up to the decoded JSON, which no reader of the listing can do without. (openstack-exporter itself is in "
    "Go.) 'busy_mean' is the mean of all cycles after the first, with the hourly listing that is spread over ten "
    "of them; all others are medians. 'quiet' has 50 that hang and nothing else, 'many' 100,000 servers."
)


def run(bench: Bench) -> Part:
    """Measures both ways, a thousand cycles, and ten times the servers."""
    raw: dict[str, Any] = {
        "busy": _turns(bench, 20 if bench.quick else TURNS, running=RUNNING, listings=bench.rounds(7)),
        "quiet": _turns(bench, bench.rounds(40), running=0, listings=0),
        "many": _turns(bench, bench.rounds(40), running=RUNNING, listings=0, servers=MANY),
    }
    busy, many = raw["busy"]["cycles"], raw["many"]["cycles"]
    cpu = {name: median(found["cycles"], "cpu") for name, found in raw.items()}
    listing, listed = (median(raw["busy"]["listings"], key) for key in ("cpu", "json"))
    early, late = (median(part, "rss") for part in (busy[SETTLED:][:20] or busy[:5], busy[-20:]))
    return Part(
        how=HOW,
        figures={
            "servers": busy[-1]["servers"],
            "in_flight": busy[-1]["in_flight"],
            "cpu_seconds": {
                **cpu,
                "busy_mean": mean(one["cpu"] for one in busy),
                "first": raw["busy"]["first"]["cpu"],
                "listing": listing,
                "listing_json": listed,
            },
            "wall_seconds": {"busy": median(busy, "wall"), "listing": median(raw["busy"]["listings"], "wall")},
            "times_less_cpu": {"listing": listing / cpu["busy"], "listing_json": listed / cpu["busy"]},
            "requests": {"median": median(busy, "requests"), "most": max(one["requests"] for one in busy)},
            "received_bytes": {
                "busy": median(busy, "received"),
                "listing": median(raw["busy"]["listings"], "received"),
            },
            "rss_mib": {"after_250_cycles": early, "last": late, "cycles": len(busy)},
            "many": {
                "servers": many[-1]["servers"],
                "first_wall_seconds": raw["many"]["first"]["wall"],
                "first_cpu_seconds": raw["many"]["first"]["cpu"],
                "wall_seconds": median(many, "wall"),
                "rss_mib": many[-1]["rss"],
                "peak_rss_mib": many[-1]["peak_rss"],
            },
        },
        raw=raw,
        checks=(
            Check("CPU of a cycle below a full listing", listing / cpu["busy"], "x", 20, at_least=True),
            Check("most requests in a cycle", max(one["requests"] for one in busy), "", 60),
            Check("RSS, last of 1,000 cycles over the 250th", late / early, "x", 1.05),
        ),
    )


def _turns(bench: Bench, turns: int, *, running: int, listings: int, servers: int = SERVERS) -> Answer:
    """So many cycles, with the rival's listings spread over them."""
    count = servers // 50 if bench.quick else servers
    with agent("novaserver") as server, agent("cloud") as ours, agent("cloud") as rival:
        started = server.ask("start", servers=count, hung=HUNG if running else HUNG + RUNNING)
        ours.ask("start", **started)
        rival.ask("start", **started)
        first = ours.ask("cycle", now=started["now"])
        found: Answer = {"first": first, "cycles": [], "listings": []}
        bench.say(f"{count} servers: first cycle {first['cpu']:.3f} s of CPU, {first['wall']:.3f} s")
        for turn in range(turns):
            found["cycles"].append(_cycle(server, ours, running))
            if listings and turn % max(1, turns // listings) == 1:
                found["listings"].append(rival.ask("listing", now=started["now"] + PERIOD * (turn + 1)))
        last = found["cycles"][-1]
        bench.say(f"{count} servers: {last['cpu']:.3f} s of CPU, {last['requests']} requests, {last['rss']:.0f} MiB")
    return found


def _cycle(server: Agent, ours: Agent, running: int) -> Answer:
    told = server.ask("tick", seconds=PERIOD, begin=running // 5, keep=running, replace=1 if running else 0)
    return ours.ask("cycle", now=told["now"])
