"""The measured record in PostgreSQL, in a schema of its own beside that of the SLA engine."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from exporter.days import rowform
from exporter.days.errors import STALE, DaysError, Fenced
from sla.days import Day, Key
from sla.store.errors import StoreError
from sla.store.postgressession import Access, Session, open_session

CHANGES: Mapping[int, tuple[str, ...]] = {
    1: (
        """
CREATE TABLE day (
    measure text NOT NULL, date text NOT NULL, source text NOT NULL, labels text NOT NULL, sketch text NOT NULL,
    PRIMARY KEY (measure, date, source, labels)
)""",
        "CREATE TABLE writer (id integer PRIMARY KEY CHECK (id = 1), epoch bigint NOT NULL, at timestamptz NOT NULL)",
        "INSERT INTO writer VALUES (1, 0, '-infinity')",
    ),
}
"""Statements by version. A released version is never edited: a change is a new one, and only adds."""

_PART = 2000
"""Rows in one statement, so that none takes longer than the session's limit."""
_TEXT = 400
_READ = """
SELECT date, source, measure, labels, sketch FROM day
WHERE date BETWEEN %(since)s AND %(until)s
  AND (%(measures)s::text[] IS NULL OR measure = ANY(%(measures)s::text[]))
  AND (%(sources)s::text[] IS NULL OR source = ANY(%(sources)s::text[]))
ORDER BY date COLLATE "C", source COLLATE "C", measure COLLATE "C", labels COLLATE "C"
"""
_PUT = """
INSERT INTO day (date, source, measure, labels, sketch)
SELECT * FROM unnest(%(a)s::text[], %(b)s::text[], %(c)s::text[], %(d)s::text[], %(e)s::text[])
ON CONFLICT (measure, date, source, labels) DO UPDATE SET sketch = excluded.sketch
"""
_TAKE = """
DELETE FROM day USING unnest(%(a)s::text[], %(b)s::text[], %(c)s::text[], %(d)s::text[]) AS g (m, t, s, l)
WHERE measure = g.m AND date = g.t AND source = g.s AND labels = g.l
"""
# Locked until the end of the transaction: who claims meanwhile waits for it, and then reads what it wrote.
_WRITER = """
SELECT epoch, at < clock_timestamp() - %s * interval '1 second' FROM writer FOR UPDATE
"""


class PostgresDays:
    """See ``DayStore``. Connects, and brings the tables up to date, at the first call; a lost connection is opened
    again at the next one. ``monotonic`` is for the limit of a call."""

    def __init__(
        self, access: Access, *, monotonic: Callable[[], float], changes: Mapping[int, tuple[str, ...]] = CHANGES
    ) -> None:
        self._access = access
        self._monotonic = monotonic
        self._changes = changes
        self._lock = threading.RLock()
        self._session: Session | None = None

    def rows(
        self,
        since: str,
        until: str,
        *,
        measures: Collection[str] | None = None,
        sources: Collection[str] | None = None,
    ) -> tuple[Day, ...]:
        """See ``DayStore``."""
        only = {"measures": measures, "sources": sources}
        given: dict[str, Any] = {name: None if wanted is None else list(wanted) for name, wanted in only.items()}
        with self._talking() as session:
            found = session.execute(_READ, {"since": since, "until": until, **given}).fetchall()
        return tuple(rowform.day(*names, labels=labels, sketch=sketch) for *names, labels, sketch in found)

    def days(self) -> tuple[str, ...]:
        """See ``DayStore``."""
        with self._talking() as session:
            found = session.execute('SELECT DISTINCT date COLLATE "C" FROM day ORDER BY 1').fetchall()
        return tuple(date for (date,) in found)

    def claim(self, epoch: int) -> None:
        """See ``DayStore``."""
        with self._writing(epoch, stale=STALE) as session:
            session.execute("UPDATE writer SET epoch = %s", (epoch,))

    def write(self, rows: Iterable[Day], *, epoch: int, gone: Collection[tuple[str, Key]] = ()) -> None:
        """See ``DayStore``."""
        texts = list({row[:4]: row for row in map(rowform.row, rows)}.values())
        keys = [(key.measure, date, key.source, rowform.labels_text(key)) for date, key in gone]
        with self._writing(epoch) as session:
            for statement, values in ((_TAKE, keys), (_PUT, texts)):
                for begin in range(0, len(values), _PART):
                    columns = zip(*values[begin : begin + _PART], strict=True)
                    session.execute(statement, dict(zip("abcde", map(list, columns), strict=False)))

    def forget(self, before: str, *, epoch: int) -> int:
        """See ``DayStore``."""
        with self._writing(epoch) as session:
            return session.execute("DELETE FROM day WHERE date < %s", (before,)).rowcount

    def close(self) -> None:
        """See ``DayStore``."""
        with self._lock:
            self._drop()

    @contextmanager
    def _writing(self, epoch: int, *, stale: float | None = None) -> Iterator[Session]:
        with self._talking() as session, session.transaction():
            found, is_stale = session.execute(_WRITER, (stale or 0.0,)).fetchone() or (0, False)
            if found > epoch and not (stale and is_stale):
                where = self._access.where
                raise Fenced(f"state: {where}: another agent writes with epoch {found}, this one had {epoch}")
            session.execute("UPDATE writer SET at = clock_timestamp()")
            yield session

    @contextmanager
    def _talking(self) -> Iterator[Session]:
        with self._lock:
            try:
                if self._session is None:
                    self._session = open_session(self._access, self._changes, monotonic=self._monotonic)
                yield self._session
            except psycopg.Error as error:
                # What state the session is in is not worth finding out: a new one costs little.
                self._drop()
                said = " ".join(str(error).split())[:_TEXT] or type(error).__name__
                raise DaysError(
                    f"state: {self._access.where}: {said}; look at the server, the network and the rights of the user"
                ) from error
            except StoreError as error:
                raise DaysError(str(error)) from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with suppress(psycopg.Error):
                session.close()
