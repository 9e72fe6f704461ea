"""The measured record's names, and how days are put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.days import MEASURES, Day, Key, Measure, load_band, merged
from sla.sketch import Sketch


def test_every_measure_is_defined() -> None:
    """Each name has its labels, unit and meaning, and the name says the unit where it is seconds."""
    assert set(MEASURES) == set(Measure)
    for name, found in MEASURES.items():
        assert found.help
        assert (found.unit == "seconds") == name.endswith("_seconds"), name


def test_days_together() -> None:
    """Days are merged over everything that is not named; an absent label is empty."""
    days = [
        Day("2026-11-22", Key.of("vc1", "x", b="2", a="1"), Sketch.of([1.0])),
        Day("2026-11-23", Key.of("vc1", "x", a="1", b="3"), Sketch.of([2.0])),
        Day("2026-11-23", Key.of("vc2", "x", a="9"), Sketch.of([4.0])),
    ]
    assert merged(days) == {(): Sketch.of([1.0, 2.0, 4.0])}
    assert merged(days, "source", "a") == {("vc1", "1"): Sketch.of([1.0, 2.0]), ("vc2", "9"): Sketch.of([4.0])}
    assert list(merged(days, "date", "b")) == [("2026-11-22", "2"), ("2026-11-23", ""), ("2026-11-23", "3")]
    assert merged([], "a") == {}


def test_labels_are_in_order() -> None:
    """A key is the same in whatever order its labels were given."""
    key = Key.of("vc1", "x", b="2", a="1")
    assert key == Key("vc1", "x", (("a", "1"), ("b", "2")))
    assert (key.label("b"), key.label("c")) == ("2", "")


@pytest.mark.parametrize(
    ("iops", "band"),
    [(0, "0"), (0.99, "0"), (1, "1"), (1.99, "1"), (2, "2"), (1023, "512"), (1024, "1024"), (1e9, "65536")],
)
def test_bands(iops: float, band: str) -> None:
    """The band is the power of two that is reached."""
    assert load_band(iops) == band


@given(st.floats(1, 131_071))
def test_a_band_holds_its_load(iops: float) -> None:
    """The load is at least the band, and less than its double."""
    band = int(load_band(iops))
    assert band <= iops < 2 * band
