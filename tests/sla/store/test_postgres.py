"""PostgreSQL: who may connect how, schemas, limits, lost connections, and replicas that die, freeze or are cut off."""

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from postgresserver import Postgres
from replicalab import Network, Replica, network, replica

from sla.record import Record
from sla.store.base import Batch, Lease
from sla.store.errors import Fenced, SchemaRefused, StoreError, Unavailable
from sla.store.postgres import PostgresStore
from sla.store.postgresschema import CHANGES
from sla.store.postgressession import Access, Limits
from sla.store.tenure import Tenure

NEWEST = max(CHANGES)
TTL = 3.0
SLACK = 4.0
"""Seconds by which a busy machine may be late."""


def record(key: str) -> Record:
    """A record of which the key matters."""
    return Record("i1", "opened", 1.0, key, "{}")


@contextmanager
def opened(access: Access, **options: object) -> Iterator[PostgresStore]:
    """A store, closed at the end."""
    with closing(PostgresStore(access, monotonic=time.monotonic, **options)) as store:  # type: ignore[arg-type]
        yield store


def keys(store: PostgresStore) -> list[str]:
    """The keys of the log."""
    return [stored.record.key for stored in store.read()]


def until(ask: Callable[[], Lease | None], deadline: float = 30.0) -> Lease:
    """Asks until there is an answer."""
    end = time.monotonic() + deadline
    while (answer := ask()) is None:
        assert time.monotonic() < end, "no answer in time"
    return answer


@pytest.mark.parametrize("dsn", ["host=h password=topsecret", "postgresql://u:topsecret@h/db", "host=h 'topsecret"])
def test_a_password_in_the_connection_string(dsn: str) -> None:
    """Is refused, and so is what cannot be parsed; neither sentence shows it."""
    with pytest.raises(StoreError) as caught:
        Access(dsn)
    assert "topsecret" not in str(caught.value) + repr(caught.value.__cause__)


def test_the_password_is_never_printed() -> None:
    """Neither are the connection string and the function that knows it."""
    access = Access("host=h dbname=d user=u", lambda: "topsecret")
    assert repr(access) == "Access(schema='novacenter', limits=Limits(connect=5.0, statement=5.0, migration=300.0))"
    assert access.where == "PostgreSQL host=h dbname=d user=u schema=novacenter"
    assert access.parameters()["password"] == "topsecret"


@pytest.mark.parametrize(
    ("dsn", "mode"),
    [
        ("host=db.example.org", "verify-full"),
        ("postgresql://db.example.org,127.0.0.1/x", "verify-full"),
        ("host=192.0.2.1", "verify-full"),
        ("host=db.example.org sslmode=require sslrootcert=/ca.pem", "require"),
        ("host=127.0.0.1", None),
        ("host=localhost", None),
        ("host=/run/postgresql", None),
        ("host=::1", None),
        ("service=mine", None),
        ("dbname=x", None),
    ],
)
def test_tls_is_verified_unless_told_otherwise(dsn: str, mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """To other machines; what libpq is told about TLS is passed on."""
    for name in ("PGHOST", "PGSSLMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert Access(dsn).parameters().get("sslmode") == mode
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert Access(dsn).parameters().get("sslmode") == (mode if "sslmode" in dsn else None)


def test_a_schema_name_is_a_name() -> None:
    """Nothing else gets near a statement."""
    with pytest.raises(StoreError, match="is no schema name"):
        Access("host=h", schema='x"; DROP TABLE event; --')


@pytest.mark.external
def test_a_wrong_password(postgres: Postgres) -> None:
    """Says where, and that the password is wrong, without it. The next call asks for it again."""
    passwords = iter(["topsecret", postgres.password])
    with opened(Access(postgres.dsn, lambda: next(passwords), schema="test_password")) as store:
        with pytest.raises(Unavailable, match="password authentication failed") as caught:
            store.heartbeat()
        assert "host=127.0.0.1" in str(caught.value)
        assert "topsecret" not in str(caught.value)
        assert store.heartbeat() is None


def test_no_server() -> None:
    """Is told in a sentence, at the first call."""
    with (
        opened(Access("host=127.0.0.1 port=1 user=x")) as store,
        pytest.raises(Unavailable, match=r"sla: PostgreSQL host=127.0.0.1 port=1 user=x schema=novacenter: .*refused"),
    ):
        store.acquire("a", TTL)


@pytest.mark.external
def test_a_newer_schema_is_refused(postgres: Postgres, access: Access) -> None:
    """With both numbers, and nothing is changed."""
    with opened(access, changes={**CHANGES, NEWEST + 1: ("CREATE TABLE site (name text)",)}) as store:
        assert store.heartbeat() is None
    sentence = rf"written by a newer novacenter \(schema {NEWEST + 1}, this one knows {NEWEST}\); run the newer version"
    with opened(access) as store, pytest.raises(SchemaRefused, match=sentence):
        store.heartbeat()
    assert postgres.run("SELECT schema FROM version", access.schema) == [(NEWEST + 1,)]


@pytest.mark.external
@pytest.mark.parametrize("old", range(NEWEST + 1))
def test_every_older_schema_is_taken_over(postgres: Postgres, access: Access, old: int) -> None:
    """Its records stay and more can be added. Version 0 is no schema at all."""
    expected = []
    if old:
        with opened(access, changes={number: CHANGES[number] for number in range(1, old + 1)}) as store:
            lease = until(lambda: store.acquire("a", 60.0))
            store.append(Batch(records=[record("k1")]), lease)
            store.release(lease)
        expected = ["k1"]
    with opened(access) as store:
        store.append(Batch(records=[record("k2")]), until(lambda: store.acquire("a", 60.0)))
        assert keys(store) == [*expected, "k2"]
    assert postgres.run("SELECT schema FROM version", access.schema) == [(NEWEST,)]


@pytest.mark.external
def test_an_update_happens_whole_or_not_at_all(access: Access) -> None:
    """If its second statement fails, the first is undone, and the old program goes on."""
    with opened(access) as store:
        store.append(Batch(records=[record("k")]), until(lambda: store.acquire("a", 60.0)))
    later = {**CHANGES, NEWEST + 1: ("ALTER TABLE event ADD site text", "nonsense")}
    with opened(access, changes=later) as store, pytest.raises(Unavailable, match="syntax error"):
        store.heartbeat()
    with opened(access) as store:
        assert keys(store) == ["k"]


@pytest.mark.external
def test_replicas_that_start_together(access: Access) -> None:
    """One after the other makes the schema; one of them leads."""
    stores = [PostgresStore(access, monotonic=time.monotonic) for _ in range(6)]
    leases: list[Lease | None] = []
    threads = [
        threading.Thread(target=lambda store=store, name=name: leases.append(store.acquire(name, 60.0)))
        for store, name in zip(stores, "abcdef", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert [lease.epoch for lease in leases if lease] == [1]
    assert len(leases) == 6


@pytest.mark.external
def test_a_lost_connection_is_opened_again(postgres: Postgres, access: Access) -> None:
    """The call that noticed fails, the next one works, and the lease is still held."""
    with opened(access) as store:
        lease = until(lambda: store.acquire("a", 60.0))
        postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'novacenter'")
        with pytest.raises(Unavailable):
            store.append(Batch(records=[record("k")]), lease)
        assert [stored.record.key for stored in store.append(Batch(records=[record("k")]), lease)] == ["k"]


@pytest.mark.external
def test_a_database_that_hangs(postgres: Postgres, access: Access) -> None:
    """The server ends a statement that waits too long."""
    short = replace(access, limits=Limits(statement=0.3))
    with opened(short) as store, closing(postgres.session(access.schema)) as other:
        lease = until(lambda: store.acquire("a", 60.0))
        other.execute("LOCK TABLE event")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="statement timeout"):
            store.append(Batch(records=[record("k")]), lease)
        assert time.monotonic() - began < 5
        other.rollback()
        assert keys(store) == []


@pytest.mark.external
@pytest.mark.parametrize("connected", [True, False])
def test_a_network_that_goes_silent(postgres: Postgres, access: Access, connected: bool) -> None:
    """A call ends in time though nobody says that the connection is lost, and so does connecting."""
    with network(postgres.port) as net:
        limits = Limits(connect=2.0, statement=0.3)
        through = replace(access, dsn=f"{access.dsn} port={net.port}", limits=limits)
        with opened(through) as store:
            if connected:
                assert store.heartbeat() is None
            net.cut()
            began = time.monotonic()
            with pytest.raises(Unavailable, match=r"no answer within 1\.3 s" if connected else "timeout"):
                store.heartbeat()
            assert time.monotonic() - began < 8
            net.mend()
            assert store.heartbeat() is None


@pytest.mark.external
def test_a_lease_that_ran_out(access: Access) -> None:
    """Another takes over, the old leader's write is refused, and it gets a new epoch later."""
    with opened(access) as first, opened(access) as second:
        old = until(lambda: first.acquire("a", 0.5))
        first.append(Batch(records=[record("k1")]), old)
        assert second.acquire("b", 60.0) is None
        new = until(lambda: second.acquire("b", 60.0))
        assert new.epoch == old.epoch + 1
        with pytest.raises(Fenced, match="'a' with epoch 1 may not write"):
            first.append(Batch(records=[record("k2")]), old)
        assert first.acquire("a", 60.0) is None
        second.append(Batch(records=[record("k3")]), new)
        second.release(new)
        assert until(lambda: first.acquire("a", 60.0)).epoch == new.epoch + 1
        assert keys(first) == ["k1", "k3"]


@pytest.mark.external
def test_a_write_and_a_takeover_at_once(postgres: Postgres, access: Access) -> None:
    """Who waits for the lease's row looks at it again: a write that waited for a takeover is refused."""
    refused: list[bool] = []

    def write(store: PostgresStore, lease: Lease) -> None:
        try:
            store.append(Batch(records=[record("k")]), lease)
        except Fenced:
            refused.append(True)

    with opened(access) as store, closing(postgres.session(access.schema)) as other:
        lease = until(lambda: store.acquire("a", 60.0))
        other.execute("UPDATE lease SET holder = 'b', epoch = epoch + 1")
        writer = threading.Thread(target=write, args=(store, lease))
        writer.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'novacenter'"
        until(lambda: lease if postgres.run(waiting) else None)
        other.commit()
        writer.join()
        assert (refused, keys(store)) == ([True], [])


@pytest.mark.external
def test_server_settings_that_would_lose_or_double(postgres: Postgres, access: Access) -> None:
    """A role with asynchronous commits and serializable transactions gets durable ones that look again."""
    with opened(access) as store:
        store.heartbeat()
        for change in ("SET synchronous_commit = off", "SET default_transaction_isolation = serializable"):
            postgres.run(f"ALTER ROLE postgres {change}")
        try:
            store.close()
            shown = [store._rows(f"SHOW {name}") for name in ("synchronous_commit", "transaction_isolation")]
        finally:
            postgres.run("ALTER ROLE postgres RESET ALL")
    assert shown == [[("on",)], [("read committed",)]]


@pytest.fixture
def pair(postgres: Postgres, access: Access) -> Iterator[tuple[Replica, Replica, Network]]:
    """A leader, whose network can be cut, and its standby."""
    with network(postgres.port) as net, replica(postgres, access.schema, "a", ttl=TTL, port=net.port) as leader:
        leader.wait_for("ack")
        with replica(postgres, access.schema, "b", ttl=TTL) as standby:
            yield leader, standby, net


def check_log(postgres: Postgres, access: Access, *replicas: Replica) -> None:
    """Every fact once and whole, none that was acknowledged missing, no write of an epoch after that of the next."""
    acknowledged = {key for one in replicas for key in one.acknowledged()}
    with closing(postgres.session(access.schema)) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # some of them are still writing
        rows = session.execute("SELECT key, epoch FROM event ORDER BY seq").fetchall()
        notices = [key for (key,) in session.execute("SELECT key FROM outbox ORDER BY id")]
    assert [key for key, _ in rows] == [f"{fact}/{kind}" for fact in notices for kind in ("opened", "resolved")]
    assert notices == [f"fact-{number}" for number in range(len(notices))]
    assert [epoch for _, epoch in rows] == sorted(epoch for _, epoch in rows)
    assert acknowledged <= set(notices)


def takeover(leader: Replica, standby: Replica, lose: Callable[[], None]) -> None:
    """Loses the leader; the standby leads within the lease, and not before."""
    for _ in range(30):
        leader.wait_for("ack")
    began = time.monotonic()
    lose()
    assert standby.wait_for("lease") == "lease 2"
    assert TTL / 3 < time.monotonic() - began < TTL + SLACK
    for _ in range(30):
        standby.wait_for("ack")


@pytest.mark.external
def test_a_leader_that_is_killed(postgres: Postgres, access: Access, pair: tuple[Replica, Replica, Network]) -> None:
    """The standby goes on where it ended."""
    leader, standby, _ = pair
    takeover(leader, standby, lambda: leader.send(signal.SIGKILL))
    check_log(postgres, access, leader, standby)


@pytest.mark.external
def test_a_leader_that_is_frozen(postgres: Postgres, access: Access, pair: tuple[Replica, Replica, Network]) -> None:
    """The standby takes over although the frozen one's connection lives; thawed, that one acknowledges nothing more."""
    leader, standby, _ = pair
    takeover(leader, standby, lambda: leader.send(signal.SIGSTOP))
    before = leader.heard()
    leader.send(signal.SIGCONT)
    for _ in range(30):
        standby.wait_for("ack")
    standby.send(signal.SIGKILL)
    assert leader.wait_for("lease") == "lease 3", "it follows, and leads again when it is its turn"
    leader.wait_for("ack")
    after = list(itertools.takewhile(lambda line: line != "lease 3", leader.heard()[len(before) :]))
    # What the server had answered before the freeze may be said after it.
    assert len([line for line in after if line.startswith("ack")]) <= 1
    check_log(postgres, access, leader, standby)


@pytest.mark.external
def test_a_leader_that_is_cut_off(postgres: Postgres, access: Access, pair: tuple[Replica, Replica, Network]) -> None:
    """It steps down by itself; what it had sent and arrives after the takeover changes nothing."""
    leader, standby, net = pair
    takeover(leader, standby, net.cut)
    leader.wait_for("error")
    before = leader.heard()
    net.mend()
    for _ in range(30):
        standby.wait_for("ack")
    standby.send(signal.SIGKILL)
    assert leader.wait_for("lease") == "lease 3"
    leader.wait_for("ack")
    after = itertools.takewhile(lambda line: line != "lease 3", leader.heard()[len(before) :])
    assert [line for line in after if line.startswith("ack")] == []
    check_log(postgres, access, leader, standby)


@pytest.mark.external
def test_two_that_compete(postgres: Postgres, access: Access) -> None:
    """Over many short leases, two that always want to write never do so both at once."""
    with opened(access) as first, opened(access) as second:
        rivals = {
            name: Tenure(store, name, monotonic=time.monotonic, ttl=0.2)
            for name, store in (("a", first), ("b", second))
        }
        led: list[str] = []
        for number in range(40):
            name, store = ("a", first) if number % 2 else ("b", second)
            lease = until(rivals[name].renew)
            assert [stored.epoch for stored in store.append(Batch(records=[record(f"k{number}")]), lease)] == [
                lease.epoch
            ]
            led.append(name)
            if number % 3:
                rivals[name].resign()
        epochs = [stored.epoch for stored in first.read()]
        assert epochs == sorted(epochs)
        assert len(set(epochs)) == len(led) == 40
