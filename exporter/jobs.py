"""Periodic chores beside the polling: idempotent, and content to run late. APScheduler keeps their clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from exporter.telemetry import Telemetry

_log = logging.getLogger("novacenter.jobs")


class Jobs:
    """The chores of one agent; to be made within its event loop."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.start()

    def every(self, seconds: float, chore: Callable[[], Awaitable[None]], *, name: str, at_once: bool = False) -> None:
        """Runs a chore every so many seconds. One that fails is logged, counted, and run again next time."""

        async def guarded() -> None:
            try:
                await chore()
            except asyncio.CancelledError:
                # Only the end of the agent cancels a chore; APScheduler would log that as an error.
                return
            except Exception:  # noqa: BLE001 - the top of a loop
                # The one place of this loop: a chore that fails must not end the others.
                _log.exception("chore %s: unexpected error; it will run again. Please report it", name)
                self._telemetry.loop_errors.labels(name).inc()

        # APScheduler's own defaults drop a run that is a second late.
        options = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._scheduler.add_job(guarded, "interval", seconds=seconds, id=name, **options)
        if at_once:
            self._scheduler.add_job(guarded, id=f"{name} at once", **options)

    async def stop(self) -> None:
        """Runs no chore from now on."""
        self._scheduler.shutdown(wait=False)
