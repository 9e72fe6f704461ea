"""Long computations in short steps, so that the event loop is never held up: a generator yields between them."""

import asyncio
from collections.abc import Generator
from typing import TypeVar

_T = TypeVar("_T")


async def paced(steps: Generator[None, None, _T]) -> _T:
    """Run ``steps`` to the end, letting other tasks run after each; its return value."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: _T = stop.value
            return result
        await asyncio.sleep(0)


def finish(steps: Generator[None, None, _T]) -> _T:
    """Run ``steps`` to the end at once, where nothing else waits; its return value."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: _T = stop.value
            return result
