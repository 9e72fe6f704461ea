"""The whole agent: ``exporter.app``, with its web server, inventory watch and loops, and an eye on its event loop."""

import asyncio
import gc
import sys
import tempfile
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

from bench.agents.protocol import Answer, memory, serve_async
from bench.agents.target import vcenter
from exporter.app import App
from exporter.clock import Clock
from exporter.config import Config
from exporter.vcenter.sampler import Report

BEAT = 0.005
"""Seconds between two beats of the event loop that are timed."""
BLOCKED = 0.05
"""Seconds without a beat after which it is noted what runs."""


class Whole:
    """Runs the agent, and tells about it."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._lags: list[tuple[float, float]] = []
        self._blockers: Tally[str] = Tally()
        self._blame = False
        self._collections: list[float] = []
        self._beats = asyncio.Event()
        self._beats.set()
        self._last_beat = 0.0
        self._cycles: list[Answer] = []
        self._new_cycle = asyncio.Event()

    async def start(self, *, labels: tuple[str, ...] = (), **target) -> Answer:
        """Starts the agent; returns when its first cycle is in."""
        state = tempfile.TemporaryDirectory(prefix="bench-")
        sources = {"vcenters": (vcenter(**target),), "labels": tuple(labels)}
        config = Config(listen="127.0.0.1:0", state=state.name, series_budget=2_000_000, **sources)
        app = App(config, load=lambda: config, clock=Clock(), cycled=self._cycled)
        address = asyncio.get_running_loop().create_future()
        cpu = time.process_time()
        self._tasks = [
            asyncio.create_task(self._run(app, address, state)),
            asyncio.create_task(self._beat()),
        ]
        gc.callbacks.append(self._collected)
        threading.Thread(target=self._look, args=(threading.get_ident(),), daemon=True).start()
        url = await address
        await self.cycle()
        return {"url": url, "cpu_until_first_cycle": time.process_time() - cpu, "lag": self._lag()} | memory()

    async def cycle(self) -> Answer:
        """Waits for the next realtime cycle."""
        self._new_cycle.clear()
        await self._new_cycle.wait()
        return self._cycles[-1]

    async def reset(self, *, beats: bool = True, blame: bool = False) -> Answer:
        """Begins to note anew: CPU, cycles; with ``beats`` lags, with ``blame`` what blocks, both of which cost CPU."""
        self._lags.clear()
        self._blockers.clear()
        self._cycles.clear()
        self._collections.clear()
        self._blame = blame
        if beats:
            self._beats.set()
        else:
            self._beats.clear()
        self._since = time.process_time()
        return {}

    async def noted(self) -> Answer:
        """What was noted since the last ``reset``."""
        return {
            "cpu": time.process_time() - self._since,
            "cycles": list(self._cycles),
            "lag": self._lag(),
            "longest_garbage_collections": sorted(self._collections, reverse=True)[:10],
            "blockers": dict(self._blockers.most_common(25)),
        } | memory()

    async def stop(self) -> Answer:
        """Ends the agent."""
        self._stop.set()
        await self._tasks[0]
        self._tasks[1].cancel()
        return {}

    async def _run(self, app: App, address: "asyncio.Future[str]", state: "tempfile.TemporaryDirectory[str]") -> None:
        with state:
            await app.run(self._stop, started=address.set_result)

    def _cycled(self, _: str, report: Report) -> None:
        if report.schedule == "realtime":
            outcome = {"seconds": report.seconds, "decode_wall": report.result.decode_seconds}
            self._cycles.append(outcome | {"error": str(report.error or ""), "outcomes": dict(report.result.outcomes)})
            self._new_cycle.set()

    def _collected(self, phase: str, _: Answer) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self._collections.append(time.perf_counter() - self._collecting)

    async def _beat(self) -> None:
        while True:
            await self._beats.wait()
            self._last_beat = time.monotonic()
            worked = time.thread_time()
            await asyncio.sleep(BEAT)
            self._lags.append((time.monotonic() - self._last_beat - BEAT, time.thread_time() - worked))

    def _lag(self) -> Answer:
        """How late beats were, and how much of that the loop's thread worked itself: the rest it waited for a core."""
        if not self._lags:
            return {}
        late, worked = zip(*self._lags, strict=True)
        return {"late": _spread(late), "worked": _spread(worked)}

    def _look(self, loop_thread: int) -> None:
        """In a thread of its own: what the event loop's thread does while it does not beat."""
        while True:
            time.sleep(0.01)
            if self._blame and time.monotonic() - self._last_beat > BLOCKED:
                frame = sys._current_frames().get(loop_thread)
                self._blockers[" < ".join(_names(frame))] += 1


def _spread(values: Iterable[float]) -> Answer:
    ordered = sorted(values)
    shares = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    return {name: ordered[int(len(ordered) * share)] for name, share in shares.items()} | {
        "max": ordered[-1],
        "over_50_ms": sum(value > 0.05 for value in ordered),
        "over_100_ms": sum(value > 0.1 for value in ordered),
        "count": len(ordered),
    }


def _names(frame: FrameType | None) -> list[str]:
    """The functions of the product that are running, the innermost first, after the innermost of all."""
    names = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if not names or path.parent.name in {"exporter", "vcenter"}:
            names.append(f"{path.parent.name}/{path.name}:{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return names[:5]


async def _main() -> None:
    whole = Whole()
    commands = (whole.start, whole.cycle, whole.reset, whole.noted, whole.stop)
    await serve_async({command.__name__: command for command in commands})


if __name__ == "__main__":
    asyncio.run(_main())
