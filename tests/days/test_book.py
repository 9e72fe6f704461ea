"""The book in memory: a page for each day, bounded, and counting what has no room."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.days.book import MOST_PAGES, Book, date_of
from exporter.days.unit import Lines, Looks
from sla.days import Day, Key
from sla.sketch import Sketch

NOON = 1_795_348_800.0
"""2026-11-22 12:00 UTC."""
DAY = 86_400.0


class Hands:
    """A clock's hands."""

    def __init__(self, seconds: float = NOON) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        """Now."""
        return self.seconds


def held(book: Book) -> list[tuple[str, str, int]]:
    """Date, label and count of what is in a book."""
    return [(day.date, day.key.label("a"), day.sketch.count) for day in book.days()]


def test_days_are_utc() -> None:
    """The page turns at midnight UTC, and turns back with a clock that is set back."""
    hands = Hands(NOON + DAY / 2 - 1)
    book = Book(hands)
    book.add("vc1", "m", 1.0, a="x")
    hands.seconds += 1
    book.add("vc1", "m", 2.0, a="x")
    book.add("vc1", "m", 3.0, a="x")
    hands.seconds -= 2
    book.add("vc1", "m", 4.0, a="x")
    key = Key.of("vc1", "m", a="x")
    assert book.days() == (
        Day("2026-11-22", key, Sketch.of([1.0, 4.0])),
        Day("2026-11-23", key, Sketch.of([2.0, 3.0])),
    )


def test_bounded_rows() -> None:
    """Beyond the limit rows are dropped and each number counted; rows that are there go on."""
    book = Book(Hands(), most=2)
    for label in "abcab":
        book.add("vc1", "m", 1.0, a=label)
    assert held(book) == [("2026-11-22", "a", 2), ("2026-11-22", "b", 2)]
    assert book.dropped == 1


def test_what_is_stored_counts_too() -> None:
    """Rows that were stored before take room, until they are gathered again; then they are one row with them."""
    book = Book(Hands(), most=2)
    book.page().begin({Key.of("vc1", "m", a="stored"): Sketch.of([1.0])})
    for label in ("new", "none", "stored"):
        book.add("vc1", "m", 3.0, a=label)
    assert held(book) == [("2026-11-22", "new", 1), ("2026-11-22", "stored", 2)]
    assert (book.dropped, len(book.page())) == (1, 2)


def test_bounded_days() -> None:
    """Days that cannot be written are kept, but a few: the oldest goes first, and its rows are counted."""
    hands = Hands()
    book = Book(hands)
    for _ in range(MOST_PAGES + 1):
        book.add("vc1", "m", 1.0, a="x")
        hands.seconds += DAY
    assert [date for date, _, _ in held(book)] == ["2026-11-23", "2026-11-24", "2026-11-25"]
    assert book.dropped == 1


def test_only_what_changed() -> None:
    """A row is to be written when it has changed since; what was dropped is to be taken away."""
    book = Book(Hands())
    page = book.page()
    page.begin({})
    book.add("vc1", "m", 1.0, a="x")
    book.add("vc1", "m", 1.0, a="y")
    rows = page.changed()
    book.add("vc1", "m", 1.0, a="y")
    page.wrote(rows, set())
    assert [key.label("a") for key, _ in page.changed()] == ["y"]
    page.drop(Key.of("vc1", "m", a="x"))
    page.drop(Key.of("vc1", "m", a="never"))
    assert page.gone == {Key.of("vc1", "m", a="x")}
    page.wrote([], set(page.gone))
    assert page.gone == set()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=30))
def test_nothing_is_lost(numbers: list[tuple[str, float]]) -> None:
    """What is in the book is what was added."""
    book = Book(Hands())
    for label, value in numbers:
        book.add("vc1", "m", value, a=label)
    wanted = {label: Sketch.of([value for name, value in numbers if name == label]) for label, _ in numbers}
    assert {day.key.label("a"): day.sketch for day in book.days()} == wanted


def test_lines_follow_the_page() -> None:
    """Lines that are kept write on whatever page is today's, and can be taken off it."""
    hands = Hands()
    book = Book(hands)
    lines = Lines("vc1", {"b": "2", "a": "x"})
    lines.on(book.page()).add("m", 1.0)
    hands.seconds += DAY
    lines.on(book.page()).add("m", 2.0)
    lines.on(book.page()).add("n", 3.0)
    assert [(day.date, day.key.measure, day.sketch.total) for day in book.days()] == [
        ("2026-11-22", "m", 1.0),
        ("2026-11-23", "m", 2.0),
        ("2026-11-23", "n", 3.0),
    ]
    lines.drop()
    assert [day.date for day in book.days()] == ["2026-11-22"]


def test_the_time_of_a_look() -> None:
    """What has passed since the last look, twice the interval at most; the first look stands for no time."""
    looks = Looks(20.0)
    assert [looks.seconds(now) for now in (100.0, 120.0, 155.0, 955.0, 955.0, 950.0)] == [0, 20, 35, 40, 0, 0]


def test_dates() -> None:
    """The date of an instant is UTC's."""
    assert [date_of(at) for at in (0.0, 86_399.9, 86_400.0)] == ["1970-01-01", "1970-01-01", "1970-01-02"]
