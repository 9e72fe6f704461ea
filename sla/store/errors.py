"""What can go wrong with a store.

    StoreError             base
    ├── Unavailable        the database could not be reached or written now; the same call may be made again
    ├── Fenced             the writer does not hold the lease (any more); nothing was written
    ├── Occupied           another process works on this state; start no second one
    └── SchemaRefused      the database was written by a newer novacenter, or cannot be brought up to date

Each message says what failed, where, and what the operator can do. None contains a password.
"""


class StoreError(Exception):
    """Base of every error of a store."""


class Unavailable(StoreError):
    """The database did not answer, or refused. Whether a write took place is unknown: make the same write again.

    The keys of the records keep it single.
    """


class Fenced(StoreError):
    """The lease is not this writer's: another one leads, or the lease ran out. Nothing was written."""


class Occupied(StoreError):
    """Another process holds the directory."""


class SchemaRefused(StoreError):
    """The schema of the database is not one that this version can work with."""
