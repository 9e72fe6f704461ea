"""Which samples have been seen, which are awaited, and which are lost: each is counted once."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.vcenter.marks import Completeness, Marks, Times, Window

T0 = 1_700_000_000


def at(tick: int) -> int:
    """The time of a sample on a grid of 20 s."""
    return T0 + 20 * tick


@dataclass
class Seen:
    """The naive model of one entity: sets of ticks."""

    mark: int
    got: set[int] = field(default_factory=set)
    awaited: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)


class _Accounts(RuleBasedStateMachine):
    """Marks against sets of ticks: whatever comes, in order or again, late or never."""

    @initialize(refill=st.booleans())
    def start(self, refill: bool) -> None:
        self.refill = refill
        self.marks = Marks(20, retention=400, refill=refill)
        self.model: dict[str, Seen] = {}
        self.gone = Completeness()
        self.now = 0
        self.late = 0

    @rule(moid=st.sampled_from("abc"), ticks=st.sets(st.integers(-3, 12), max_size=4))
    def samples_come(self, moid: str, ticks: set[int]) -> None:
        times = sorted(self.now + tick for tick in ticks)
        known = self.model.get(moid)
        fresh = [tick for tick in times if known is None or tick > known.mark]
        assert self.marks.take(moid, tuple(map(at, times))) == bool(fresh)
        if fresh:
            seen = self.model.setdefault(moid, Seen(fresh[0] - 1))
            before = set(range(seen.mark + 1, fresh[0]))
            (seen.awaited if self.refill else seen.lost).update(before)
            seen.lost |= set(range(fresh[0], fresh[-1])) - set(fresh)
            seen.got |= set(fresh)
            seen.mark = fresh[-1]

    @rule(ticks=st.integers(1, 15))
    def time_passes(self, ticks: int) -> None:
        self.now += ticks

    @rule(off=st.integers(0, 19), data=st.data())
    def gaps_are_asked_for(self, off: int, data: st.DataObject) -> None:
        now = at(self.now) + off
        for seen in self.model.values():
            expired = {tick for tick in seen.awaited if at(tick) <= now - 400}
            seen.lost |= expired
            seen.awaited -= expired
        gaps = list(self.marks.gaps(now))
        assert {moid for moid, _ in gaps} == {moid for moid, seen in self.model.items() if seen.awaited}
        assert [gap.start for _, gap in gaps] == sorted(gap.start for _, gap in gaps)
        for moid, gap in gaps:
            seen = self.model[moid]
            asked = {tick for tick in seen.awaited if gap.start < at(tick) <= gap.end}
            assert asked == set(range(min(seen.awaited), min(seen.awaited) + len(asked)))
            assert asked == {tick for tick in range(-20, self.now + 20) if gap.start < at(tick) <= gap.end}
            if data.draw(st.booleans()):
                came = data.draw(st.sets(st.sampled_from(sorted(asked))))
                others = [gap.start, gap.end + 20]
                assert self.marks.fill(moid, gap, [*map(at, came), *others]) == len(came)
                assert self.marks.fill(moid, gap, map(at, came)) == 0
                seen.got |= came
                seen.lost |= asked - came
                seen.awaited -= asked
                self.late += len(came)

    @rule(moid=st.sampled_from("abc"))
    def entity_goes(self, moid: str) -> None:
        self.marks.forget([moid, "never seen"])
        seen = self.model.pop(moid, Seen(0))
        gone = self.gone
        received, missing = gone.received + len(seen.got), gone.missing + len(seen.lost | seen.awaited)
        self.gone = Completeness(received + missing, received, 0, missing)

    @rule()
    def restart(self) -> None:
        saved = self.marks.saved()
        assert saved == {
            moid: at(min(seen.awaited) - 1 if seen.awaited else seen.mark) for moid, seen in self.model.items()
        }
        again = Marks(20, retention=400, refill=self.refill)
        again.restore(saved)
        assert again.saved() == saved
        again.restore(dict.fromkeys(saved, 0))
        assert again.saved() == saved

    @invariant()
    def each_sample_is_counted_once(self) -> None:
        got, lost, awaited = (
            sum(len(getattr(seen, name)) for seen in self.model.values()) for name in ("got", "lost", "awaited")
        )
        received, missing = self.gone.received + got, self.gone.missing + lost
        expected = received + missing + awaited
        assert self.marks.totals == Completeness(expected, received, self.late, missing)
        assert {moid: self.marks.mark(moid) for moid in "abc"} == {
            moid: at(self.model[moid].mark) if moid in self.model else None for moid in "abc"
        }
        assert set(self.marks.known()) == self.model.keys()
        assert self.marks.ages(at(self.now)) == sorted(20 * (self.now - seen.mark) for seen in self.model.values())


_Accounts.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestAccounts = _Accounts.TestCase


@settings(deadline=None)
@given(st.lists(st.integers(1, 4000), max_size=12), st.integers(0, 5000))
def test_samples_off_the_grid_are_accounted_for_too(steps: list[int], wait: int) -> None:
    """Times that keep no interval: expected is still received, missing and what the gaps would bring."""
    marks = Marks(20)
    time = T0
    for step in steps:
        time += step
        marks.take("vm-1", (time,))
    for _ in range(20):
        for moid, window in marks.gaps(time + wait):
            assert window.start < window.end
            marks.fill(moid, window, range(window.start, window.end + 1, 7))
    totals = marks.totals
    assert (totals.expected, list(marks.gaps(time + wait))) == (totals.received + totals.missing, [])


def test_a_gap_is_asked_for_from_the_mark_up_to_before_the_new_sample() -> None:
    """Two samples skipped: the window starts after the last that came, and ends with the last that did not."""
    marks = Marks(20)
    for tick in (0, 3):
        marks.take("vm-1", (at(tick),))
    assert list(marks.gaps(at(3))) == [("vm-1", Window(at(0), at(2)))]
    assert marks.totals == Completeness(expected=4, received=2)


def test_what_vcenter_no_longer_keeps_is_missing() -> None:
    """Of a gap of two hours the last is asked for, the rest is given up."""
    marks = Marks(20)
    marks.restore({"vm-1": at(0)})
    marks.take("vm-1", (at(360),))
    assert list(marks.gaps(at(360))) == [("vm-1", Window(at(180), at(359)))]
    assert marks.totals == Completeness(expected=360, received=1, missing=180)


def test_rollups_that_did_not_come_are_missing_at_once() -> None:
    """Without refill nothing is awaited: before the first new sample and between new ones alike."""
    marks = Marks(300, refill=False)
    marks.take("c", (T0,))
    marks.take("c", (T0 + 600, T0 + 1500))
    assert list(marks.gaps(T0 + 1500)) == []
    assert marks.totals == Completeness(expected=6, received=3, missing=3)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        (b"", ()),
        (b"20,2023-11-14T22:13:20Z", (T0,)),
        (b"20,2023-11-14T22:13:20Z,20,2023-11-14T22:13:40Z", (T0, T0 + 20)),
        (b"20,2023-11-14T22:13:40Z,20,2023-11-14T22:13:20Z", (T0, T0 + 20)),
        (b"20,2023-11-15T00:13:20+02:00", (T0,)),
        (b"20,2023-11-14T22:13:20", (T0,)),
        (b"20,2023-11-14T22:13:20.123456789Z", (T0,)),
    ],
)
def test_times_are_read_in_any_zone_and_order(text: bytes, times: tuple[int, ...]) -> None:
    """Epoch seconds, oldest first; a time without zone is UTC; fractions fall away."""
    reader = Times()
    assert reader.read(text) == times
    assert reader.read(text) is reader.read(text)


@pytest.mark.parametrize("text", [b"20,yesterday", b"20,2023-13-14T22:13:20Z", b"20,\xff", b"20,"])
def test_what_is_no_time_is_an_error(text: bytes) -> None:
    """ValueError, each time anew."""
    reader = Times()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            reader.read(text)


def test_the_memory_of_times_is_bounded() -> None:
    """Texts are forgotten when there are too many, and read again."""
    reader = Times(limit=3)
    texts = [f"20,2023-11-14T22:13:{second:02d}Z".encode() for second in range(20, 40)]
    assert [reader.read(text) for text in texts * 2] == [(T0 + n,) for n in range(20)] * 2
    assert len(reader._known) <= 3
