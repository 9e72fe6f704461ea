"""What every store promises, held against memory, SQLite and a real PostgreSQL."""

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sla.record import Record
from sla.store.base import MAX_TEXT, Aggregate, Batch, Heartbeat, Lease, Message, Store, Stored, Window
from sla.store.errors import Fenced

TTL = 60.0
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
TIME = st.floats(allow_nan=False, allow_infinity=False).map(lambda time: time + 0.0)  # SQLite has no -0.0
RECORDS = st.lists(st.builds(Record, TEXT, TEXT, TIME, TEXT, TEXT), max_size=6)


def record(key: str, *, incident: str = "i1", kind: str = "opened", at: float = 1.0) -> Record:
    """A record of which the key matters."""
    return Record(incident, kind, at, key, "{}")


def lead(store: Store, holder: str = "a") -> Lease:
    """The lease, which must be free."""
    lease = store.acquire(holder, TTL)
    assert lease is not None
    return lease


def keys(log: Iterable[Stored]) -> list[str]:
    """The keys of a log, in its order."""
    return [stored.record.key for stored in log]


@pytest.fixture
def store(kept) -> Store:
    """An empty store."""
    return kept.open()


def test_an_empty_store(store: Store) -> None:
    """Nothing is None or empty, never 0."""
    assert (list(store.read()), store.heartbeat()) == ([], None)
    assert (store.windows(), store.policies(), store.aggregates("0", "9"), store.outbox(), store.inbox()) == (
        (),
        {},
        (),
        (),
        (),
    )


def test_the_log_keeps_its_order(store: Store) -> None:
    """Records come back as they were handed in, with rising numbers and their writer's epoch, whatever their time."""
    lease = lead(store)
    batch = [record("b", at=9.5), record("a", at=-1e9), record("c", at=0.1 + 0.2)]
    new = store.append(Batch(records=batch), lease)
    more = store.append(Batch(records=[record("d")]), lease)
    assert [stored.record for stored in new] == batch
    assert tuple(store.read()) == new + more
    seqs = [stored.seq for stored in new + more]
    assert seqs == sorted(set(seqs))
    assert {stored.epoch for stored in new + more} == {lease.epoch}


def test_a_key_is_recorded_once(store: Store) -> None:
    """Again in the same batch, in a later one, with other contents: the first stays, and only new ones are returned."""
    lease = lead(store)
    first = store.append(Batch(records=[record("a", at=1.0), record("a", at=2.0)]), lease)
    again = store.append(Batch(records=[record("a", at=3.0), record("b")]), lease)
    assert [stored.record.at for stored in first] == [1.0]
    assert keys(again) == ["b"]
    assert tuple(store.read()) == first + again


def test_what_can_be_read(store: Store) -> None:
    """By number, incident, kind and time, the end of a range excluded, and all of it at once."""
    lease = lead(store)
    store.append(
        Batch(
            records=[
                record("a", incident="i1", kind="opened", at=1.0),
                record("b", incident="i2", kind="opened", at=2.0),
                record("c", incident="i1", kind="resolved", at=3.0),
                record("d", incident="", kind="clock_jump", at=0.0),
            ]
        ),
        lease,
    )
    first = next(store.read()).seq
    assert keys(store.read(since=first)) == ["b", "c", "d"]
    assert keys(store.read(incident="i1")) == ["a", "c"]
    assert keys(store.read(incident="")) == ["d"]
    assert keys(store.read(kind="opened")) == ["a", "b"]
    assert keys(store.read(start=1.0, end=3.0)) == ["a", "b"]
    assert keys(store.read(since=first, incident="i1", kind="resolved", start=3.0, end=4.0)) == ["c"]


def test_a_log_longer_than_a_page(store: Store) -> None:
    """Reading in pages loses none and doubles none, also while records are added."""
    lease = lead(store)
    store.append(Batch(records=[record(f"k{number}") for number in range(4500)]), lease)
    reading = store.read()
    got = [next(reading) for _ in range(100)]
    store.append(Batch(records=[record("late")]), lease)
    got.extend(reading)
    assert [key for key in keys(got) if key != "late"] == [f"k{number}" for number in range(4500)]


def test_all_of_a_batch_survives_a_restart(kept) -> None:
    """Records, heartbeat, notices, windows, policies, aggregates and inbox are there for the next process."""
    store = kept.open()
    lease = lead(store)
    new = store.append(
        Batch(
            records=[record("a")],
            heartbeat=Heartbeat(1e9 + 0.1, '{"x": 1}'),
            notices=[Message("n2", 2.0, "two"), Message("n1", 1.0, "one")],
            windows=[Window("w2", 5.0, None, "open"), Window("w1", 5.0, 6.5, "closed")],
            policies={"p": "text"},
            aggregates=[Aggregate("2026-10-02", "k", "2"), Aggregate("2026-10-01", "k", "1")],
        ),
        lease,
    )
    store.post(Message("m", 3.0, "ack"))
    store.release(lease)
    after = kept.open()
    assert tuple(after.read()) == new
    assert after.heartbeat() == Heartbeat(1e9 + 0.1, '{"x": 1}')
    assert after.outbox() == (Message("n2", 2.0, "two"), Message("n1", 1.0, "one"))
    assert after.windows() == (Window("w1", 5.0, 6.5, "closed"), Window("w2", 5.0, None, "open"))
    assert after.policies() == {"p": "text"}
    assert after.aggregates("2026-10-01", "2026-10-02") == (
        Aggregate("2026-10-01", "k", "1"),
        Aggregate("2026-10-02", "k", "2"),
    )
    assert after.aggregates("2026-10-02", "2026-10-31") == (Aggregate("2026-10-02", "k", "2"),)
    assert after.inbox() == (Message("m", 3.0, "ack"),)
    assert lead(after).epoch > lease.epoch


def test_the_heartbeat_never_goes_back(store: Store) -> None:
    """An older one is ignored, one of the same time replaces the text."""
    lease = lead(store)
    seen = []
    for beat in (Heartbeat(5.0, "a"), Heartbeat(4.0, "b"), Heartbeat(5.0, "c"), Heartbeat(6.0, "d")):
        store.append(Batch(heartbeat=beat), lease)
        seen.append(store.heartbeat())
    assert seen == [Heartbeat(5.0, "a"), Heartbeat(5.0, "a"), Heartbeat(5.0, "c"), Heartbeat(6.0, "d")]


def test_windows_and_sums_are_replaced_policies_are_not(store: Store) -> None:
    """The last window of an id and sum of a day count, also within a batch; the first text of a policy stays."""
    lease = lead(store)
    store.append(
        Batch(
            windows=[Window("w", 1.0, None, "a"), Window("w", 1.0, 2.0, "b")],
            aggregates=[Aggregate("2026-10-01", "k", "1"), Aggregate("2026-10-01", "k", "2")],
            policies={"p": "first"},
        ),
        lease,
    )
    assert (store.windows(), store.aggregates("2026", "2027")) == (
        (Window("w", 1.0, 2.0, "b"),),
        (Aggregate("2026-10-01", "k", "2"),),
    )
    store.append(
        Batch(
            windows=[Window("w", 1.0, 3.0, "c")],
            aggregates=[Aggregate("2026-10-01", "k", "3")],
            policies={"p": "second"},
        ),
        lease,
    )
    assert (store.windows(), store.aggregates("2026", "2027"), store.policies()) == (
        (Window("w", 1.0, 3.0, "c"),),
        (Aggregate("2026-10-01", "k", "3"),),
        {"p": "first"},
    )


def test_a_notice_is_sent_once(store: Store) -> None:
    """What was sent leaves the outbox, and the same notice again does not come back."""
    lease = lead(store)
    notice = Message("i1/opened", 1.0, "text")
    store.append(Batch(notices=[notice, notice, Message("i2/opened", 2.0, "text")]), lease)
    store.append(Batch(sent=["i1/opened", "never heard of"]), lease)
    store.append(Batch(notices=[notice]), lease)
    assert store.outbox() == (Message("i2/opened", 2.0, "text"),)


def test_messages_for_the_leader(store: Store) -> None:
    """Anybody leaves them, once by key; they go in the same batch that holds their meaning."""
    assert [store.post(Message("m", 1.0, body)) for body in ("ack", "again")] == [True, False]
    store.post(Message("n", 2.0, "cancel"))
    assert store.inbox() == (Message("m", 1.0, "ack"), Message("n", 2.0, "cancel"))
    store.append(Batch(records=[record("acked")], taken=["m"]), lead(store))
    assert (keys(store.read()), store.inbox()) == (["acked"], (Message("n", 2.0, "cancel"),))


def test_one_holder_at_a_time(store: Store) -> None:
    """Another gets nothing, the same keeps its epoch; after a release the epoch rises, even for the same holder."""
    lease = lead(store)
    assert (store.acquire("b", TTL), store.acquire("a", TTL)) == (None, lease)
    store.release(lease)
    other = lead(store, "b")
    assert (other.holder, other.epoch) == ("b", lease.epoch + 1)
    store.release(lease)
    assert store.acquire("a", TTL) is None, "an old lease releases nothing"
    store.release(other)
    assert lead(store, "b").epoch == other.epoch + 1


@pytest.mark.parametrize(
    "wrong",
    [Lease("a", 99), Lease("a", 0), Lease("b", 1), Lease("", 0), Lease("", 1)],
    ids=["later", "earlier", "other holder", "never", "nobody"],
)
def test_a_fenced_write_changes_nothing(store: Store, wrong: Lease) -> None:
    """Without the lease neither records nor anything else of a batch is written, and nothing is forgotten."""
    lease = lead(store)
    store.append(Batch(records=[record("a")], notices=[Message("n", 1.0, "")]), lease)
    store.post(Message("m", 1.0, ""))
    with pytest.raises(Fenced, match="may not write"):
        store.append(
            Batch(
                records=[record("b")],
                heartbeat=Heartbeat(1.0),
                notices=[Message("n2", 1.0, "")],
                sent=["n"],
                taken=["m"],
                windows=[Window("w", 1.0, None, "")],
                policies={"p": ""},
                aggregates=[Aggregate("2026-10-01", "k", "1")],
            ),
            wrong,
        )
    with pytest.raises(Fenced, match="may not write"):
        store.forget(1e9, keep=(), lease=wrong)
    assert (keys(store.read()), store.heartbeat(), store.windows(), store.policies()) == (["a"], None, (), {})
    assert (store.aggregates("0", "9"), keys_of(store.outbox()), keys_of(store.inbox())) == ((), ["n"], ["m"])


def keys_of(messages: Iterable[Message]) -> list[str]:
    """The keys of messages, in their order."""
    return [message.key for message in messages]


def test_a_free_lease_lets_nobody_write(store: Store) -> None:
    """Before the first holder and after a release every write is refused."""
    with pytest.raises(Fenced):
        store.append(Batch(records=[record("a")]), Lease("a", 1))
    lease = lead(store)
    store.release(lease)
    for fallen in (lease, Lease("", lease.epoch)):
        with pytest.raises(Fenced):
            store.append(Batch(records=[record("a")]), fallen)
    assert list(store.read()) == []


@pytest.mark.parametrize("holder", ["", "n\x00l", "\ud800"])
def test_who_cannot_lead(store: Store, holder: str) -> None:
    """The empty name stands for nobody, so nobody may use it."""
    with pytest.raises(ValueError, match="cannot hold a lease"):
        store.acquire(holder, TTL)


@pytest.mark.parametrize(
    "batch",
    [
        Batch(records=[record("fine"), record("n\x00l")]),
        Batch(records=[record("fine"), record("a", at=math.nan)]),
        Batch(records=[record("fine")], heartbeat=Heartbeat(math.inf)),
        Batch(records=[record("fine")], windows=[Window("w", 1.0, math.inf, "")]),
        Batch(records=[record("fine")], policies={"\ud800": ""}),
        Batch(records=[record("fine")], notices=[Message("n", 1.0, "x" * (MAX_TEXT + 1))]),
    ],
    ids=["NUL", "no number", "infinite heartbeat", "infinite window", "surrogate", "too long"],
)
def test_what_no_store_can_keep(store: Store, batch: Batch) -> None:
    """All refuse the same, before anything is written, so that a batch cannot hang one of them for ever."""
    with pytest.raises(ValueError, match=r"store: "):
        store.append(batch, lead(store))
    assert list(store.read()) == []


def test_forgetting(store: Store) -> None:
    """Old records go but for the incidents to keep, sent notices too; numbers go on rising."""
    lease = lead(store)
    new = store.append(
        Batch(
            records=[
                record("a", at=1.0),
                record("b", incident="i2", at=1.0),
                record("c", at=5.0),
                record("d", incident="", at=1.0),
            ],
            notices=[Message("sent", 1.0, ""), Message("waiting", 1.0, ""), Message("young", 5.0, "")],
        ),
        lease,
    )
    store.append(Batch(sent=["sent", "young"]), lease)
    assert store.forget(5.0, keep={"i2"}, lease=lease) == 2
    assert keys(store.read()) == ["b", "c"]
    again = store.append(
        Batch(records=[record("a"), record("b")], notices=[Message("sent", 9.0, ""), Message("young", 9.0, "")]), lease
    )
    assert keys(again) == ["a"], "a key that was forgotten is new"
    assert again[0].seq > new[-1].seq
    assert keys_of(store.outbox()) == ["waiting", "sent"]
    assert store.forget(-1.0, keep=(), lease=lease) == 0


def test_many_threads(store: Store) -> None:
    """Writers and readers in several threads get along: each record once, each reader an ordered log."""
    lease = lead(store)

    def write(number: int) -> int:
        new = store.append(Batch(records=[record(f"k{number // 2}"), record(f"own{number}")]), lease)
        log = [stored.seq for stored in store.read()]
        assert log == sorted(set(log))
        return len(new)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(80))) == 120
    assert len(set(keys(store.read()))) == len(list(store.read())) == 120


@given(batches=st.lists(RECORDS, max_size=5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_time_comes_back(store: Store, batches: list[list[Record]]) -> None:
    """Whatever is appended, in whatever batches: the log is the first record of each key, bit for bit."""
    before = list(store.read())
    known = {stored.record.key for stored in before}
    expected: list[Record] = []
    lease = lead(store)
    for batch in batches:
        new = store.append(Batch(records=batch), lease)
        fresh = []
        for one in batch:
            if one.key not in known:
                known.add(one.key)
                fresh.append(one)
        assert [stored.record for stored in new] == fresh
        expected += fresh
    since = before[-1].seq if before else 0
    assert repr([stored.record for stored in store.read(since=since)]) == repr(expected)
