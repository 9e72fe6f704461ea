"""A child process for the tests of sudden death: appends without end, and says on standard output what is recorded.

``appender.py sqlite DIRECTORY PREFIX`` or ``appender.py postgres DSN SCHEMA HOLDER TTL``: each batch is two records and
a notice. A line per event: ``lease EPOCH``, ``ack KEY EPOCH``, ``fenced EPOCH``, ``error TEXT``. The PostgreSQL variant
appends the facts ``fact-0``, ``fact-1``, ... that every replica finds on its own, and follows whenever it is fenced.
"""

import itertools
import os
import sys
import time
from pathlib import Path

from sla.record import Record
from sla.store.base import Batch, Heartbeat, Lease, Message, Store
from sla.store.errors import Fenced, Unavailable
from sla.store.tenure import Tenure


def say(*words: object) -> None:
    """One line, at once, in one write."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def batch(name: str, number: int) -> Batch:
    """Two records and their notice, which belong together."""
    pair = [Record("i1", kind, float(number), f"{name}/{kind}", "{}") for kind in ("opened", "resolved")]
    return Batch(records=pair, notices=[Message(name, float(number), "")], heartbeat=Heartbeat(float(number)))


def embedded(directory: str, prefix: str) -> None:
    """Until it is killed."""
    from sla.store.sqlite import SqliteStore  # noqa: PLC0415

    store = SqliteStore(Path(directory))
    lease = store.acquire(prefix, 60.0)
    assert lease is not None
    say("lease", lease.epoch)
    for number in itertools.count():
        store.append(batch(f"{prefix}-{number}", number), lease)
        say("ack", f"{prefix}-{number}", lease.epoch)


def replica(dsn: str, schema: str, holder: str, ttl: str) -> None:
    """Leads or follows until it is killed. The password is in PGPASSWORD."""
    from sla.store.postgres import PostgresStore  # noqa: PLC0415
    from sla.store.postgressession import Access, Limits  # noqa: PLC0415

    limits = Limits(connect=2.0, statement=float(ttl) / 3)
    store = PostgresStore(Access(dsn, schema=schema, limits=limits), monotonic=time.monotonic)
    tenure = Tenure(store, holder, monotonic=time.monotonic, ttl=float(ttl))
    told = 0
    while True:
        try:
            lease = tenure.renew()
            if lease is None:
                time.sleep(0.05)
                continue
            if lease.epoch != told:
                told = lease.epoch
                say("lease", told)
            lead(store, lease)
        except Fenced:
            say("fenced", told)
            tenure.fenced()
        except Unavailable as error:
            say("error", " ".join(str(error).split()))
            time.sleep(0.05)


def lead(store: Store, lease: Lease) -> None:
    """Appends the next facts that the log does not have."""
    beat = store.heartbeat()
    first = 0 if beat is None else int(beat.at) + 1
    for number in range(first, first + 20):
        # The one before too: whoever cannot know whether a write took place makes it again.
        for again in (max(number - 1, 0), number):
            store.append(batch(f"fact-{again}", again), lease)
        say("ack", f"fact-{number}", lease.epoch)


if __name__ == "__main__":
    {"sqlite": embedded, "postgres": replica}[sys.argv[1]](*sys.argv[2:])
