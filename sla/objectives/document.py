"""The assessment as JSON, schema ``novacenter/assessment/1`` (docs/integration.md)."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sla.objectives.model import Assessment, Chart, Grid, Line, Measurement, State

SCHEMA = "novacenter/assessment/1"
"""Its number rises when a key changes its meaning or goes away; new keys may come without that."""

Document: TypeAlias = Mapping[str, Any]


def document(made: Assessment) -> dict[str, Any]:
    """Instants are RFC 3339 in UTC, values in the unit of their objective, None what there is no number for."""
    return {
        "schema": SCHEMA,
        "at": _instant(made.at),
        "start": _instant(made.start),
        "days": made.days,
        "missed": made.missed,
        "counts": {state.value: made.numbers.get(state, 0) for state in State},
        "failed": [{"source": source, "reason": reason} for source, reason in made.failed],
        "objectives": [_line(line) for line in made.lines],
        "tables": [_grid(grid) for grid in made.grids],
        "charts": [_chart(chart) for chart in made.charts],
    }


def as_json(made: Document) -> str:
    """The text, indented, one form for one value."""
    return json.dumps(made, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _line(line: Line) -> dict[str, Any]:
    objective = line.objective
    return {
        "objective": objective.name,
        "scope": line.scope,
        "title": objective.title,
        "state": line.state.value,
        "certain": line.certain,
        "reason": line.reason or None,
        "unit": objective.unit,
        "bound": objective.bound.value,
        "target": _number(objective.target),
        "reference": {
            "low": _number(objective.reference[0]),
            "high": _number(objective.reference[1]),
            "said": objective.said,
            "source": objective.source,
        },
        "measured": None if line.measurement is None else _measurement(line.measurement),
        "before": None
        if line.before is None
        else {"at": _instant(line.before.at), "value": _number(line.before.value)},
        "remarks": list(line.remarks),
        "advice": line.advice or None,
    }


def _measurement(found: Measurement) -> dict[str, Any]:
    return {
        "value": _number(found.value),
        "n": found.n,
        "low": _number(found.low),
        "high": _number(found.high),
        "confidence": 0.95 if found.low is not None else None,
        "start": _instant(found.start),
        "end": _instant(found.end),
        "method": found.method,
    }


def _grid(grid: Grid) -> dict[str, Any]:
    rows = [dict(zip(grid.columns, row, strict=True)) for row in grid.rows]
    return {"title": grid.title, "note": grid.note or None, "rows": rows, "left_out": grid.left_out}


def _chart(chart: Chart) -> dict[str, Any]:
    plain = asdict(chart)
    plain["look"] = chart.look.value
    plain["band"] = [_number(end) for end in chart.band]
    plain["series"] = [
        {"name": series.name, "points": [[_number(x), _number(y)] for x, y in series.points]} for series in chart.series
    ]
    plain["names"] = list(chart.names)
    return plain


def _instant(at: float) -> str:
    return datetime.fromtimestamp(round(at), UTC).isoformat().replace("+00:00", "Z")


def _number(value: float | None) -> float | int | None:
    """Without the noise of fractions, and whole where it is."""
    if value is None:
        return None
    rounded = float(f"{value:.9g}")
    return int(rounded) if rounded.is_integer() else rounded
