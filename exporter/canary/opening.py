"""Opens what the state keeps of canary runs."""

from collections.abc import Callable
from pathlib import Path

from exporter import slastores
from exporter.canary.runs import LIMITS, Limits, Runs
from exporter.canary.sqliteruns import SqliteRuns
from exporter.configvalues import DatabaseUrl
from exporter.errors import ConfigError
from sla.store.errors import StoreError


def runs(state: str, *, monotonic: Callable[[], float], limits: Limits = LIMITS) -> Runs:
    """The runs in a directory, or in the database of a ``postgresql://`` URL. Raises ConfigError."""
    text = state.reveal() if isinstance(state, DatabaseUrl) else state
    if not text.startswith("postgresql:"):
        return SqliteRuns(Path(text), limits=limits)
    try:
        access = slastores.access(text, schema="novacenter_canary")
    except StoreError as error:
        raise ConfigError(str(error)) from error
    from exporter.canary.postgresruns import PostgresRuns  # noqa: PLC0415 - psycopg is optional

    return PostgresRuns(access, monotonic=monotonic, limits=limits)
