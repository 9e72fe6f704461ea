"""A day as a row of a database, and back."""

import json

from exporter.days.errors import DaysError
from sla.days import Day, Key
from sla.sketch import Sketch

Row = tuple[str, str, str, str, str]
"""Date, source, measure, labels, distribution."""


def labels_text(key: Key) -> str:
    """The labels of a key as text, the same for the same labels."""
    return json.dumps(key.labels, ensure_ascii=False, separators=(",", ":"))


def row(day: Day) -> Row:
    """A day as a row."""
    key = day.key
    return (day.date, key.source, key.measure, labels_text(key), day.sketch.to_json())


def day(date: str, source: str, measure: str, *, labels: str, sketch: str) -> Day:
    """The day that a row is. Raises DaysError for a row that is none."""
    try:
        pairs = tuple((str(name), str(value)) for name, value in json.loads(labels))
        return Day(date, Key(source, measure, pairs), Sketch.from_json(sketch))
    except (ValueError, TypeError) as error:
        raise DaysError(
            f"state: the record of {measure} of {source} on {date} is damaged ({error}); restore a copy, or "
            "delete that row"
        ) from error
