"""What can go wrong with the measured record."""

from exporter.errors import NovacenterError

STALE = 900.0
"""Seconds after which a writer that was not heard of holds nobody up."""


class DaysError(NovacenterError):
    """The store of the record could not be read or written. The same call may be made again."""


class Fenced(DaysError):
    """Another agent writes by now. Nothing was written."""
