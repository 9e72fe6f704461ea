"""Effective time: no step of the wall clock moves it, it never goes back, and it goes on over restarts and boots."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.clock import DOUBT, STEP, SYNCHRONISED, Reading, Timeline, advance, begin
from sla.model import ClockJump, Jump

T = 1_700_000_000.0
DAY = 86400.0
ROUNDING = 1e-5
"""Seconds; a double near today's epoch resolves 2.4e-7."""


def reading(boottime: float, wall: float, *, boot: str = "b1", ntp: bool | None = False) -> Reading:
    """The clocks, the wall clock in seconds after T."""
    return Reading(boottime=boottime, wall=T + wall, boot_id=boot, synchronised=ntp)


def step(at: float, delta: float) -> ClockJump:
    """A step that was not felt, in seconds after T."""
    return ClockJump(T + at, delta, Jump.STEP)


def rebase(before: float, after: float) -> ClockJump:
    """Time set forward, in seconds after T."""
    return ClockJump(T + after, pytest.approx(after - before), Jump.REBASE)


def behind(at: float, delta: float) -> ClockJump:
    """Time held, in seconds after T."""
    return ClockJump(T + at, delta, Jump.BEHIND)


def run(*readings: Reading, last: float | None = None) -> tuple[list[float], list[ClockJump]]:
    """Effective times in seconds after T, one for each reading, and every event."""
    timeline, found = begin(readings[0], last)
    times, events = [timeline.now - T], list(found)
    for one in readings[1:]:
        timeline, found = advance(timeline, one)
        times.append(timeline.now - T)
        events += found
    return times, events


def test_it_starts_at_the_wall_clock_and_follows_the_boot_clock() -> None:
    """With nothing stored, and without any step."""
    assert run(reading(100.0, 0.0), reading(101.5, 1.5), reading(400.0, 300.0)) == ([0.0, 1.5, 300.0], [])


@pytest.mark.parametrize("delta", [-5.1, -3600.0, -DAY * 365 * 50])
def test_a_step_back_is_told_and_not_felt(delta: float) -> None:
    """Time goes on at the pace of the boot clock, also under NTP, and the step is told once."""
    times, events = run(
        reading(0.0, 0.0, ntp=True),
        reading(10.0, 10.0 + delta, ntp=True),
        reading(20.0, 20.0 + delta, ntp=True),
        reading(300.0, 300.0 + delta, ntp=True),
    )
    assert times == [0.0, 10.0, 20.0, 300.0]
    assert events == [step(10.0, pytest.approx(delta))]


def test_a_step_forward_is_believed_after_a_minute_of_ntp() -> None:
    """Until then it is not felt; then time is set forward, and the event says what was left out."""
    times, events = run(
        reading(0.0, 0.0, ntp=True),
        reading(10.0, 1010.0, ntp=True),
        reading(40.0, 1040.0, ntp=True),
        reading(69.9, 1069.9, ntp=True),
        reading(70.0, 1070.0, ntp=True),
        reading(80.0, 1080.0, ntp=True),
    )
    assert times == pytest.approx([0.0, 10.0, 40.0, 69.9, 1070.0, 1080.0])
    assert events == [step(10.0, 1000.0), rebase(70.0, 1070.0)]


@pytest.mark.parametrize("ntp", [False, None])
def test_without_ntp_a_step_forward_is_never_believed(ntp: bool | None) -> None:
    """It is told, and stays visible as the offset."""
    timeline, _ = begin(reading(0.0, 0.0, ntp=ntp), None)
    for second in range(1, 4000, 10):
        timeline, _ = advance(timeline, reading(float(second), second + 1000.0, ntp=ntp))
    assert (timeline.now - T, timeline.offset) == (3991.0, 1000.0)


def test_ntp_must_rule_without_a_break_and_without_another_step() -> None:
    """The minute begins again when it is lost, and at each step."""
    times, events = run(
        reading(0.0, 0.0),
        reading(1.0, 101.0, ntp=True),
        reading(50.0, 150.0, ntp=False),
        reading(51.0, 151.0, ntp=True),
        reading(100.0, 300.0, ntp=True),
        reading(159.0, 359.0, ntp=True),
        reading(160.0, 360.0, ntp=True),
    )
    assert times == [0.0, 1.0, 50.0, 51.0, 100.0, 159.0, 360.0]
    assert events == [step(1.0, 100.0), step(100.0, 100.0), rebase(160.0, 360.0)]


def test_there_and_back() -> None:
    """A step that is undone is told twice and needs no correction."""
    times, events = run(
        reading(0.0, 0.0, ntp=True),
        reading(10.0, 3610.0, ntp=True),
        reading(20.0, 20.0, ntp=True),
        reading(200.0, 200.0, ntp=True),
    )
    assert (times, events) == ([0.0, 10.0, 20.0, 200.0], [step(10.0, 3600.0), step(20.0, -3600.0)])


def test_many_small_steps_are_one_large() -> None:
    """Each is within the tolerance; together they are told as soon as they are over it."""
    readings = [reading(float(second), second * 1.5) for second in range(20)]
    times, events = run(*readings)
    assert times == [float(second) for second in range(20)]
    assert events == [step(11.0, 5.5)]


def test_a_restart_in_the_same_boot() -> None:
    """What was saved goes on by the boot clock, whatever the wall clock did meanwhile."""
    timeline, _ = begin(reading(0.0, 0.0), None)
    timeline, _ = advance(timeline, reading(100.0, 100.0))
    again, events = begin(reading(500.0, 9000.0), timeline.now, timeline.dumps())
    assert (again.now - T, events) == (500.0, (step(500.0, 8500.0),))


def test_a_restart_begins_the_minute_of_ntp_again() -> None:
    """Nobody looked while the process was down."""
    timeline, _ = begin(reading(0.0, 0.0, ntp=True), None)
    timeline, _ = advance(timeline, reading(10.0, 1010.0, ntp=True))
    timeline, events = begin(reading(500.0, 1500.0, ntp=True), timeline.now, timeline.dumps())
    assert (timeline.now - T, events) == (500.0, ())
    timeline, events = advance(timeline, reading(560.0, 1560.0, ntp=True))
    assert (timeline.now - T, events) == (1560.0, (rebase(560.0, 1560.0),))


def test_a_stored_time_counts_more_than_the_saved_clock() -> None:
    """It does not go back behind what was recorded."""
    timeline, _ = begin(reading(0.0, 0.0), None)
    again, _ = begin(reading(50.0, 50.0), T + 200.0, timeline.dumps())
    assert again.now == T + 200.0


@pytest.mark.parametrize("saved", [None, "", "{}", "[]", "7", "nonsense", '{"now": 1, "unheard_of": 2}'])
def test_what_cannot_be_read_counts_as_another_boot(saved: str | None) -> None:
    """Then the wall clock counts, which is ahead of the last stored time."""
    assert begin(reading(500.0, 300.0), T + 100.0, saved) == begin(reading(500.0, 300.0), None)


def test_the_clock_as_text() -> None:
    """Nothing is lost in it."""
    timeline = Timeline(
        now=T, boot_id="b", boottime=0.1, origin=T - 0.1, offset=-3.3, known=1e-9, steady=7.0, behind=2.0
    )
    again, _ = begin(Reading(0.1, T - 2.0, "b"), T, timeline.dumps())
    assert again == replace(timeline, offset=-2.0, known=-2.0, steady=None)


def test_a_new_boot_ahead_of_the_last_stored_time() -> None:
    """The time in between has passed: it is the wall clock's again."""
    assert run(reading(5.0, 1000.0, boot="b2"), reading(6.0, 1001.0, boot="b2"), last=T) == ([1000.0, 1001.0], [])


def test_a_new_boot_behind_the_last_stored_time() -> None:
    """Time stands still until the wall clock has passed it, which is told once."""
    times, events = run(
        reading(5.0, -100.0, boot="b2"),
        reading(55.0, -50.0, boot="b2"),
        reading(104.0, -1.0, boot="b2"),
        reading(107.0, 2.0, boot="b2"),
        reading(117.0, 12.0, boot="b2"),
        last=T,
    )
    assert (times, events) == ([0.0, 0.0, 0.0, 2.0, 12.0], [behind(0.0, 100.0)])


def test_held_until_the_clock_is_set() -> None:
    """The usual case: a machine boots with a wrong clock, and NTP sets it."""
    times, events = run(reading(5.0, -DAY, boot="b2"), reading(65.0, 600.0, boot="b2", ntp=True), last=T)
    assert (times, events) == ([0.0, 600.0], [behind(0.0, DAY)])


def test_two_machines_that_disagree_a_little() -> None:
    """The next leader's clock may be some seconds behind; that is no alarm, and time does not go back."""
    assert run(reading(5.0, -3.0, boot="other"), reading(9.0, 1.0, boot="other"), last=T) == ([0.0, 1.0], [])


def test_a_boot_with_an_absurd_clock() -> None:
    """Years ahead and without NTP it is not believed, since time could never come back; under NTP it is set right."""
    late = DOUBT + DAY
    times, events = run(
        reading(5.0, late, boot="b2"),
        reading(15.0, late + 10, boot="b2"),
        reading(25.0, 500.0, boot="b2", ntp=True),
        reading(85.0, 560.0, boot="b2", ntp=True),
        last=T,
    )
    assert times == pytest.approx([0.0, 10.0, 20.0, 560.0])
    assert events == [
        step(0.0, late),
        step(20.0, pytest.approx(480.0 - late)),
        rebase(80.0, 560.0),
    ]


def test_a_machine_set_back_to_a_snapshot() -> None:
    """The same boot with a smaller boot clock is treated as another boot."""
    times, events = run(reading(1000.0, 0.0), reading(400.0, 50.0), reading(401.0, 51.0))
    assert (times, events) == ([0.0, 50.0, 51.0], [])


MOMENTS = st.lists(
    st.tuples(
        st.floats(0.0, 2 * DAY),  # seconds since the last reading
        st.one_of(st.just(0.0), st.floats(-20.0, 20.0), st.floats(-1e9, 1e9)),  # step of the wall clock
        st.sampled_from([True, False, None]),
        st.booleans(),  # the process restarts
    ),
    max_size=30,
)


@given(moments=MOMENTS)
def test_a_step_of_any_size_changes_no_duration(moments: list[tuple[float, float, bool | None, bool]]) -> None:
    """In one boot: between any two readings exactly the boot clock's seconds pass, but for what a rebase leaves out.

    So a timer that leaves rebases out, as they ask for, is never wrong, whatever the wall clock does.
    """
    boottime, wall = 50.0, 0.0
    timeline, _ = begin(reading(boottime, wall), None)
    left_out = 0.0
    for passed, step, ntp, restarts in moments:
        boottime, wall = boottime + passed, wall + passed + step
        before = timeline.now
        now = reading(boottime, wall, ntp=ntp)
        timeline, events = begin(now, before, timeline.dumps()) if restarts else advance(timeline, now)
        for event in events:
            assert event.kind is not Jump.BEHIND
            if event.kind is Jump.REBASE:
                assert event.delta > 0
                assert timeline.now == event.at == now.wall
                left_out += event.delta
        assert timeline.now >= before
        assert math.isclose(
            timeline.now - T - left_out, boottime - 50.0, rel_tol=0, abs_tol=max(ROUNDING, ROUNDING * left_out)
        )


@given(moments=MOMENTS, boots=st.lists(st.booleans(), min_size=30, max_size=30))
def test_it_never_goes_back(moments: list[tuple[float, float, bool | None, bool]], boots: list[bool]) -> None:
    """Whatever clocks, boots, snapshots and restarts do; and it stands only while it says so."""
    boottime, wall, boot = 50.0, 0.0, 0
    timeline, _ = begin(reading(boottime, wall, boot="0"), None)
    for (passed, step, ntp, restarts), reboots in zip(moments, boots, strict=False):
        boottime, wall, boot = (0.0, wall, boot + 1) if reboots else (boottime, wall, boot)
        boottime, wall = boottime + passed, wall + passed + step
        before, now = timeline, reading(boottime, wall, boot=str(boot), ntp=ntp)
        timeline, _ = begin(now, before.now, before.dumps()) if restarts else advance(before, now)
        assert timeline.now >= before.now
        if timeline.behind is not None:
            assert (timeline.now, timeline.behind) == (before.now, pytest.approx(before.now - now.wall))
        elif before.behind is None and boot == int(before.boot_id):
            assert timeline.now - before.now >= passed - ROUNDING * max(1.0, abs(wall))


@given(delta=st.floats(-1e8, 1e8), tick=st.floats(0.5, 60.0))
def test_how_often_it_is_read_does_not_matter(delta: float, tick: float) -> None:
    """A step that is believed ends at the same time, and is told alike, at any rhythm of readings."""
    end = 10 * SYNCHRONISED
    readings = [reading(0.0, 0.0, ntp=True)]
    while readings[-1].boottime + tick < end:
        boottime = readings[-1].boottime + tick
        readings.append(reading(boottime, boottime + (delta if boottime > 100 else 0.0), ntp=True))
    times, events = run(*readings, reading(end, end + delta, ntp=True))
    expected = end + delta if delta > STEP else end
    assert times[-1] == pytest.approx(expected)
    kinds = [event.kind for event in events]
    assert kinds == ([Jump.STEP, Jump.REBASE] if delta > STEP else [Jump.STEP] if delta < -STEP else [])
