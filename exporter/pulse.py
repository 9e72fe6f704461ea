"""A loop at a steady rate."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from exporter.clock import Clock

_log = logging.getLogger("novacenter.pulse")


class Pulse:
    """Runs one coroutine function every ``interval`` seconds, never two at once.

    A run that takes longer than the interval costs the beats it covers, which are told to ``skipped``; the rhythm is
    kept. An unexpected error is logged with its traceback and told to ``broken``, and the loop goes on.
    """

    def __init__(
        self, name: str, interval: float, *, clock: Clock, skipped: Callable[[int], None], broken: Callable[[], None]
    ) -> None:
        self._name = name
        self._interval = interval
        self._clock = clock
        self._skipped = skipped
        self._broken = broken

    async def run(self, beat: Callable[[], Awaitable[None]]) -> None:
        """Runs until cancelled."""
        due = self._clock.monotonic()
        while True:
            try:
                await beat()
            except Exception:  # noqa: BLE001 - the top of a loop
                # The one place of this loop: one beat that fails must not end the others.
                _log.exception("%s: unexpected error; the loop goes on. Please report it", self._name)
                self._broken()
            due += self._interval
            late = self._clock.monotonic() - due
            if late > 0:
                missed = int(late // self._interval) + 1
                self._skipped(missed)
                due += missed * self._interval
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
