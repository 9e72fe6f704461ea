"""Part ``sla``: observations replayed per CPU second, and the cost of open incidents, beside a naive accumulator."""

import json
import statistics
import time
from collections.abc import Iterable
from itertools import pairwise

from bench.harness import Bench
from bench.report import Check, Part, median
from exporter.slacommand import load_policy
from sla.engine import Engine
from sla.model import Health, Observation, PolicyChange, Tick
from sla.policy import Policy
from sla.replay import replay

HOW = (
    "In this process, CPU seconds, medians. 'replay' is sla.replay.replay with the built-in classes over lines of "
    "JSON: 200 resources, a probe each 15 s, each down for 10 minutes of every 2 hours; 'naive' parses the same "
    "lines and adds up the seconds that a resource was down, with no hold-down, windows, log or exact instants. "
    "'tick' is Engine.handle(Tick) each 5 s over incidents that began one after the other within half an hour; 'naive' "
    "adds the seconds since the last tick to each of them and compares with the limit. 'view' is Engine.judged, all "
    "timers of all of them, which a page of metrics needs: the median of 20, 5 s apart; 'first view' "
    "is the first after something has changed in all of them."
)
CLASS = "api_communication"
RESOURCES = 200
OPEN = 10_000


def run(bench: Bench) -> Part:
    """Measures both."""
    policy = load_policy(None)
    lines = _lines(20 if bench.quick else 1000)
    replays = [_replayed(policy, lines) for _ in range(bench.rounds(5))]
    ticks = [_ticked(policy, 100 if bench.quick else OPEN) for _ in range(bench.rounds(3))]
    rate = median(replays, "observations_per_second")
    tick = median(ticks, "tick_milliseconds")
    naive = median(replays, "naive_per_second")
    view = median(ticks, "view_milliseconds")
    return Part(
        how=HOW,
        figures={
            "observations": len(lines),
            "observations_per_cpu_second": rate,
            "naive_per_cpu_second": naive,
            "times_naive": naive / rate,
            "open_incidents": OPEN,
            "tick_milliseconds": tick,
            "naive_tick_milliseconds": median(ticks, "naive_milliseconds"),
            "view_milliseconds": view,
            "first_view_milliseconds": median(ticks, "first_view_milliseconds"),
        },
        raw={"replay": replays, "tick": ticks},
        checks=(
            Check("observations replayed per CPU second", rate, "/s", 100_000, at_least=True),
            Check("CPU of a tick with 10,000 open incidents", tick, "ms", 50),
            Check("CPU of all timers of 10,000 open incidents, at one look after another", view, "ms", 50),
        ),
    )


def _lines(probes: int) -> list[str]:
    return [
        json.dumps(
            {
                "t": probe * 15,
                "class": CLASS,
                "resource": f"vc{resource}",
                "health": "down" if (probe * 15 + resource * 36) % 7200 < 600 else "up",
            }
        )
        for probe in range(probes)
        for resource in range(RESOURCES)
    ]


def _replayed(policy: Policy, lines: list[str]) -> dict[str, float]:
    began = time.process_time()
    incidents = len(replay(policy, lines)["incidents"])
    between = time.process_time()
    down = _naive(lines)
    ended = time.process_time()
    return {
        "observations_per_second": len(lines) / (between - began),
        "naive_per_second": len(lines) / (ended - between),
        "incidents": incidents,
        "resources_down": len(down),
    }


def _naive(lines: Iterable[str]) -> dict[str, float]:
    """The seconds that each resource was down."""
    last: dict[str, tuple[float, bool]] = {}
    down: dict[str, float] = {}
    for line in lines:
        record = json.loads(line)
        name, at = record["resource"], record["t"]
        before = last.get(name)
        if before and before[1]:
            down[name] = down.get(name, 0.0) + at - before[0]
        last[name] = (at, record["health"] == "down")
    return down


def _ticked(policy: Policy, count: int) -> dict[str, float]:
    engine = Engine()
    engine.handle(PolicyChange(0.0, policy))
    for second in (0.0, 20.0, 40.0):
        for number in range(count):
            at = second + number * 1800 // count
            engine.handle(Observation(at, CLASS, f"vc{number}", Health.DOWN))
    engine.handle(Tick(1900.0))
    times = [1900.0 + 5 * number for number in range(200)]
    began = time.process_time()
    facts = sum(len(engine.handle(Tick(at))) for at in times)
    between = time.process_time()
    elapsed = [0.0] * count
    late = 0
    for before, now in pairwise([1895.0, *times]):
        for number in range(count):
            elapsed[number] += now - before
            late += elapsed[number] > 1800
    middle = time.process_time()
    shown = len(engine.judged(times[-1]))
    ended = time.process_time()
    views = [_viewed(engine, times[-1] + 5 * number) for number in range(1, 21)]
    return {
        "tick_milliseconds": (between - began) / len(times) * 1000,
        "naive_milliseconds": (middle - between) / len(times) * 1000,
        "view_milliseconds": statistics.median(views),
        "first_view_milliseconds": (ended - middle) * 1000,
        "facts": facts,
        "shown": shown,
    }


def _viewed(engine: Engine, at: float) -> float:
    """Milliseconds of CPU of all timers."""
    began = time.process_time()
    engine.judged(at)
    return (time.process_time() - began) * 1000
