"""How an agent is told what to do: one JSON object per line in (``do`` and arguments), one out. Standard library only,
because vmware_exporter's virtual environment has nothing else of ours."""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

Answer = dict[str, Any]


def _answers() -> IO[str]:
    """The pipe for answers. Whatever else is printed goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def serve(commands: Mapping[str, Callable[..., Answer]]) -> None:
    """Carries out commands until standard input ends."""
    answers = _answers()
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(commands[order.pop("do")](**order)), file=answers, flush=True)


async def serve_async(commands: Mapping[str, Callable[..., Awaitable[Answer]]]) -> None:
    """Like ``serve``, beside whatever else runs on the event loop."""
    answers = _answers()
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        print(json.dumps(await commands[order.pop("do")](**order)), file=answers, flush=True)


@contextmanager
def measured(spent: Answer) -> Iterator[None]:
    """Puts into ``spent`` what happens meanwhile: ``cpu`` of the whole process (user and system, all threads) and
    ``wall``, in seconds. Garbage of before is collected first, so that everybody pays for his own."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        spent |= {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def memory() -> Answer:
    """``rss`` and ``peak_rss`` of this process in MiB (VmRSS and VmHWM of proc(5))."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return {name: int(fields[key].split()[0]) / 1024 for name, key in (("rss", "VmRSS"), ("peak_rss", "VmHWM"))}


def series(page: bytes) -> int:
    """How many series an exposition has."""
    return sum(1 for line in page.split(b"\n") if line and not line.startswith(b"#"))
