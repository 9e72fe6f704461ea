"""How far the first listing of each vCenter is, on a terminal: it may take a while, and says nothing otherwise."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

PERIOD = 0.2
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The first listing of one vCenter: objects so far, and whether it is done."""

    name: str
    objects: int
    done: bool


@asynccontextmanager
async def shown(listings: Callable[[], Sequence[Listing]], stream: TextIO) -> AsyncIterator[None]:
    """Shows the listings while the block runs, until all are done; nothing where the stream is no terminal."""
    if not stream.isatty():
        yield
        return
    task = asyncio.create_task(_show(listings, Console(file=stream)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _show(listings: Callable[[], Sequence[Listing]], console: Console) -> None:
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=False) as progress:
        tasks: dict[str, TaskID] = {}
        while True:
            found = listings()
            for listing in found:
                if listing.name not in tasks:
                    tasks[listing.name] = progress.add_task(listing.name, total=None)
                text = f"vCenter {listing.name}: {listing.objects:,} objects listed"
                total = listing.objects if listing.done else None
                progress.update(tasks[listing.name], description=text, completed=listing.objects, total=total)
            if found and all(listing.done for listing in found):
                return
            await asyncio.sleep(PERIOD)
