"""The store of the measured record, as promised by both kinds, and which one ``state`` names.

DaysError        the store could not be read or written now; the message says what failed and what to do
└── Fenced       another agent writes by now; nothing was written
"""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

from exporter.clock import Clock
from exporter.configvalues import DatabaseUrl
from exporter.days.daysqlite import FILE, SqliteDays
from exporter.days.errors import DaysError, Fenced
from exporter.errors import ConfigError
from exporter.slastores import access
from sla.days import Day, Key
from sla.store.errors import StoreError

__all__ = ["DayStore", "DaysError", "Fenced", "opened"]

SCHEMA = "novacenter_days"
"""Of the tables in PostgreSQL: beside those of the SLA engine, with a version of their own."""


class DayStore(Protocol):
    """Days, one row per date and key. All raise DaysError; every call may be made from any thread."""

    def rows(
        self,
        since: str,
        until: str,
        *,
        measures: Collection[str] | None = None,
        sources: Collection[str] | None = None,
    ) -> tuple[Day, ...]:
        """From one date to another, both included (``2026-11-23``); by date, source, measure and labels."""

    def days(self) -> tuple[str, ...]:
        """The dates that have rows, ascending."""

    def claim(self, epoch: int) -> None:
        """From now on who has a lower epoch may not write.

        Raises Fenced where a greater one has claimed it, unless that was not heard of for ``STALE`` seconds: then the
        SLA engine's state, whose epochs these are, was made anew.
        """

    def write(self, rows: Iterable[Day], *, epoch: int, gone: Collection[tuple[str, Key]] = ()) -> None:
        """Puts these in the place of what was stored of the same dates and keys, and takes away what is gone.

        All of it or nothing; made again it changes nothing. Raises Fenced.
        """

    def forget(self, before: str, *, epoch: int) -> int:
        """Takes away what is older than a date; how many rows. Raises Fenced."""

    def close(self) -> None:
        """Lets go of the database."""


def opened(state: str, *, exclusive: bool = False, monotonic: Callable[[], float] | None = None) -> DayStore:
    """The store in a directory, or in the database of a ``postgresql://`` URL. Raises ConfigError.

    ``exclusive`` is the agent's mode, which makes what is missing; without it, it is read beside a running agent.
    ``monotonic`` is for the limit of a call, the system's where none is given.
    """
    text = state.reveal() if isinstance(state, DatabaseUrl) else state
    try:
        if text.startswith("postgresql:"):
            found = access(text, schema=SCHEMA)
            from exporter.days.dayspostgres import PostgresDays  # noqa: PLC0415 - psycopg is optional

            return PostgresDays(found, monotonic=monotonic or Clock().monotonic)
        if not exclusive and not Path(text, FILE).is_file():
            raise ConfigError(
                f"state: there is no {FILE} in {text} yet; start the agent once, or name its configuration"
            )
        return SqliteDays(Path(text), exclusive=exclusive)
    except (DaysError, StoreError) as error:
        raise ConfigError(str(error)) from error
