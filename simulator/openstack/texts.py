"""Instants as the services write them; each has a way of its own."""

from datetime import UTC, datetime


def zulu(instant: float) -> str:
    """Whole seconds and a Z: ``2026-11-23T00:43:05Z``."""
    return f"{_moment(instant):%Y-%m-%dT%H:%M:%SZ}"


def micro(instant: float | None) -> str | None:
    """As Nova writes most: whole seconds, six zeros, no zone."""
    return None if instant is None else f"{_moment(instant):%Y-%m-%dT%H:%M:%S}.000000"


def spaced(instant: float) -> str:
    """As Neutron writes the times of agents: a space, no zone."""
    return f"{_moment(instant):%Y-%m-%d %H:%M:%S}"


def instant(text: str) -> float:
    """Seconds since the epoch of ISO 8601; UTC where it says no zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(instant: float) -> datetime:
    return datetime.fromtimestamp(int(instant), UTC)
