"""The assessment as metrics."""

from collections.abc import Callable

from assesslab import everything, nothing, standard

from exporter.assess.catalog import every_family, rows
from exporter.exposition import Format, bodies, page
from sla.objectives.assess import assess
from sla.objectives.measured import Measured


def shown(measured: Measured) -> str:
    """The page."""
    made = assess(standard().objectives, measured)
    families, _ = bodies(rows(made, measured))
    return b"".join(page([families], Format.TEXT)).decode()


def test_page(golden: Callable[[str, str], None]) -> None:
    """The same figures as in the other forms, every family of the catalogue among them."""
    text = shown(everything())
    assert {family.name for family in every_family()} == {
        line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")
    }
    golden("assess.prom", text)


def test_what_is_not_measured_has_no_value() -> None:
    """An agent that was just installed shows states, targets and references, and no value, sample or interval."""
    names = {line.partition("{")[0] for line in shown(nothing()).splitlines() if not line.startswith("#")}
    assert names & {f"integration_objective_{end}" for end in ("value", "samples", "confidence_low")} == set()
    assert {"integration_objective_state", "integration_objective_target"} <= names
