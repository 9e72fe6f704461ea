"""The assessment as text, JSON and HTML, each whole, from a fixed measurement."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

from assesslab import DAY, everything, nothing, standard
from lxml import etree

from sla.objectives.assess import assess
from sla.objectives.clouds import mapping_drift
from sla.objectives.document import as_json, document
from sla.objectives.htmlform import as_html
from sla.objectives.measured import Drifts
from sla.objectives.model import Assessment, Past, State
from sla.objectives.svg import as_svg
from sla.objectives.textform import as_text
from sla.objectives.trend import direction

Golden = Callable[[str, str], None]


def made() -> Assessment:
    """Of everything."""
    return assess(standard().objectives, everything())


def test_text(golden: Golden) -> None:
    """One page, worst first, each line with what to do."""
    golden("assess/assessment.txt", as_text(made()))


def test_text_of_nothing(golden: Golden) -> None:
    """Every row of the reference figures is there, with the reason why it cannot be measured."""
    failed = replace(nothing(), failed=(("vCenter berlin", "no connection\x1b[2J"),))
    golden("assess/nothing.txt", as_text(assess(standard().objectives, failed)))


def test_json(golden: Golden) -> None:
    """The same numbers; the text is one document of the schema."""
    text = as_json(document(made()))
    golden("assess/assessment.json", text)
    assert json.loads(text)["schema"] == "novacenter/assessment/1"


def test_html(golden: Golden) -> None:
    """The same as a page, and its drawings."""
    golden("assess/assessment.html", as_html(made()))


def test_html_of_nothing(golden: Golden) -> None:
    """Where there is nothing to draw, the reason stands in its place."""
    golden("assess/nothing.html", as_html(assess(standard().objectives, nothing())))


class _Loads(HTMLParser):
    """Notes what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Elements and attributes that load something."""
        bad = {"src", "href", "srcset", "xlink:href", "style"}
        self.found += [f"{tag} {name}" for name, _ in attrs if name in bad or name.startswith("on")]
        self.found += [tag] * (tag in {"script", "link", "iframe", "object", "img"})


def test_the_page_loads_nothing() -> None:
    """No script, no address, no inline style: one file, whatever names are chosen by others."""
    awkward = replace(everything(), hosts={"<script>alert(1)</script>": everything().hosts["berlin"]})
    page = as_html(assess(standard().objectives, awkward))
    loads = _Loads()
    loads.feed(page)
    assert loads.found == []
    assert "url(" not in page
    assert "<script" not in page


def test_every_chart_is_well_formed() -> None:
    """Each drawing is XML by itself, and nothing in it stands outside of the picture."""
    for chart in made().charts:
        root = etree.fromstring(as_svg(chart))
        _, _, width, height = map(float, root.get("viewBox").split())
        for element in root.iter("rect"):
            x, y, wide, high = (float(element.get(name)) for name in ("x", "y", "width", "height"))
            assert min(x, y) >= 0
            assert x + wide <= width + 0.2
            assert y + high <= height + 0.2


def test_worst_first() -> None:
    """Missed by most, then what cannot be measured in the order of the file, then met by least."""
    states = [line.state for line in made().lines]
    order = [State.MISSED, State.NOT_MEASURABLE, State.MET]
    assert states == sorted(states, key=order.index)


def test_every_row_is_there() -> None:
    """Whatever was measured, each objective has at least one line, with a value or a reason."""
    for measured in (everything(), nothing()):
        lines = assess(standard().objectives, measured).lines
        assert {line.objective.name for line in lines} == {one.name for one in standard().objectives}
        assert all(line.measurement is not None or line.reason for line in lines)


def test_the_same_figures_give_the_same_page() -> None:
    """Nothing depends on chance or on the clock."""
    assert as_html(made()) == as_html(made())


def test_trend() -> None:
    """Better and worse go by the good side; up to 2 % nothing has changed; without an earlier value none is said."""
    [line] = [line for line in made().lines if line.key == ("vcenter_latency", "munich")]
    assert line.measurement is not None
    value = line.measurement.value
    told = {
        factor: direction(replace(line, before=Past(line.measurement.end - DAY, value * factor)))
        for factor in (0.5, 0.985, 1.0, 1.5)
    }
    assert told == {0.5: "worse", 0.985: "same", 1.0: "same", 1.5: "better"}
    assert direction(line) == ""


def test_text_is_as_wide_as_wanted() -> None:
    """No line is longer than the width, whatever the words."""
    for width in (60, 80, 133):
        assert max(map(len, as_text(made(), width=width).splitlines())) <= max(width, 100)
    assert re.search(r"\x1b\[31;1m", as_text(made(), colour=True))


def test_nothing_compared_is_not_nothing_found() -> None:
    """Where no kind of drift could be looked for, the mapping is not measurable, and the reasons are said."""
    [objective] = [one for one in standard().objectives if one.name == "mapping_drift"]
    blind = replace(nothing(), drifts=(Drifts("prod", 0, 0, (), ("vc1 is not listed", "no networks")),))
    [line] = mapping_drift(objective, blind)
    assert (line.state, line.reason) == (State.NOT_MEASURABLE, "vc1 is not listed; no networks")
