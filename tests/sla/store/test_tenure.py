"""Who may judge, and until when: in time that the test turns by hand."""

import pytest

from sla.store.base import Lease
from sla.store.errors import Unavailable
from sla.store.memory import MemoryStore
from sla.store.tenure import Tenure


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


class Flaky(MemoryStore):
    """A store that can be out of reach, and counts how often it was asked for the lease."""

    down = False
    asked = 0

    def acquire(self, holder: str, ttl: float) -> Lease | None:
        """As long as it is up."""
        self.asked += 1
        if self.down:
            raise Unavailable("down")
        return super().acquire(holder, ttl)


@pytest.fixture
def hand() -> Hand:
    """The clock of everybody in a test."""
    return Hand()


@pytest.fixture
def store(hand: Hand) -> Flaky:
    """An empty store on that clock."""
    return Flaky(monotonic=hand)


def test_it_renews_in_time_and_not_more_often(hand: Hand, store: Flaky) -> None:
    """Every third of the ttl; the epoch stays."""
    tenure = Tenure(store, "a", monotonic=hand, ttl=15.0)
    for _ in range(31):
        assert tenure.renew() == Lease("a", 1)
        hand.now += 1.0
    assert store.asked == 7


def test_it_steps_down_before_another_can_step_up(hand: Hand, store: Flaky) -> None:
    """When the store is out of reach: the lease is relied on for two thirds of the ttl, and taken after all of it."""
    first, second = (Tenure(store, name, monotonic=hand, ttl=15.0) for name in "ab")
    assert (first.renew(), second.renew()) == (Lease("a", 1), None)
    store.down = True
    leading: dict[float, tuple[bool, bool]] = {}
    for second_ in range(1, 18):
        hand.now = 1000.0 + second_
        store.down = second_ < 11
        if second_ >= 5 and store.down:
            with pytest.raises(Unavailable):
                first.renew()
        if not store.down:
            second.renew()
        leading[second_] = (first.lease is not None, second.lease is not None)
    assert [second_ for second_, (one, _) in leading.items() if one] == list(range(1, 10))
    assert [second_ for second_, (_, two) in leading.items() if two] == [16, 17]


def test_a_frozen_process_knows_at_once(hand: Hand, store: Flaky) -> None:
    """After the freeze the lease is gone without asking anybody."""
    tenure = Tenure(store, "a", monotonic=hand, ttl=15.0)
    tenure.renew()
    hand.now += 3600.0
    assert tenure.lease is None


def test_time_spent_asking_counts(hand: Hand, store: Flaky) -> None:
    """A renewal counts from when it was asked for, since the store may have granted it then."""

    class Slow(Flaky):
        def acquire(self, holder: str, ttl: float) -> Lease | None:
            got = super().acquire(holder, ttl)
            hand.now += 9.0
            return got

    tenure = Tenure(Slow(monotonic=hand), "a", monotonic=hand, ttl=15.0)
    assert tenure.renew() == Lease("a", 1)
    hand.now += 1.0
    assert tenure.lease is None


def test_fenced_and_resigned(hand: Hand, store: Flaky) -> None:
    """Who was refused follows and asks anew; who resigns lets the next one in at once."""
    first, second = (Tenure(store, name, monotonic=hand, ttl=15.0) for name in "ab")
    first.renew()
    first.fenced()
    assert first.lease is None
    assert first.renew() == Lease("a", 1)
    first.resign()
    first.resign()
    assert (first.lease, second.renew(), first.renew()) == (None, Lease("b", 2), None)
