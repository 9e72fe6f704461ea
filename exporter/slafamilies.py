"""Incidents, timers, counters and sums -> the families in ``slacatalog``. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import TypeAlias

from exporter import slacatalog as catalog
from exporter.exposition import bodies, lines, number
from exporter.model import Family, Row
from exporter.slatally import DELAYS, DIRECTIONS, OUTCOMES, Histogram, Tally, edges
from exporter.slausage import Usage
from exporter.slaview import OPERATIONS, View, consumed, counts, is_over, ticking
from sla.engine import Judged
from sla.incident import State
from sla.model import Window
from sla.overrun import overrun
from sla.policy import IncidentClass
from sla.timers import Timer

MOST = 1000
"""Incidents with series of their own, those first that are not over and have consumed most; and windows."""
STATES = (State.SUSPECT, State.OPEN, State.ACKED, State.RECOVERING, State.RESOLVED)

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Rows: TypeAlias = Iterator[tuple[Family, Row]]
Rendered: TypeAlias = tuple[Mapping[Family, bytes], Mapping[Family, int]]


def rendered(view: View, tally: Tally, usage: Usage) -> Rendered:
    """The lines of every family but those of ``evaluator``, and how many series each has."""
    made, series = bodies(row for rows in (_incidents(view), _counters(view, tally), _sums(usage)) for row in rows)
    histograms = _histograms(view, tally)
    found = {family: b"".join(_buckets(family, one) for one in its) for family, its in histograms.items()}
    many = {family: sum(len(one.counts) + 2 for _, one in its) for family, its in histograms.items()}
    return {**made, **found}, {**series, **many}


def _incidents(view: View) -> Rows:
    shown = [judged for judged in view.incidents if counts(judged)]
    shown.sort(key=lambda judged: (is_over(judged), -consumed(judged), judged.incident.start))
    for judged in shown[:MOST]:
        yield catalog.INCIDENT, Row(_identity(view, judged), 1.0)
        for timer in () if is_over(judged) else ticking(judged):
            yield from _timer(judged, timer)
        if (window := overrun(judged.incident, view.windows, view.now)) is not None:
            yield catalog.OVERRUN, Row(_outlasted(judged, window), view.now - window.end)
    yield from _numbers(view)
    active = [window for window in view.windows if window.start <= view.now < window.end]
    for window in active[:MOST]:
        yield catalog.MAINTENANCE, Row((("window", window.id), ("source", window.source or "api")), 1.0)


def _numbers(view: View) -> Rows:
    present = [judged.incident for judged in view.incidents if not is_over(judged)]
    found = Counter((incident.class_, incident.state) for incident in present)
    flapping = Counter(incident.class_ for incident in present if incident.flapping)
    for class_ in sorted({*view.policy.classes, *(class_ for class_, _ in found)}):
        for state in STATES:
            yield catalog.OPEN, Row((("class", class_), ("state", state.value)), float(found[class_, state]))
        yield catalog.FLAPPING, Row((("class", class_),), float(flapping[class_]))


def _identity(view: View, judged: Judged) -> Pairs:
    incident = judged.incident
    class_ = view.policy.classes.get(incident.class_)
    pairs = (
        ("incident", incident.id),
        ("class", incident.class_),
        ("resource", incident.resource),
        ("site", dict(incident.labels).get("site", "")),
        ("state", incident.state.value),
        ("severity", class_.severity if class_ else ""),
        ("policy_version", incident.policy),
    )
    return tuple(pair for pair in pairs if pair[1])


def _timer(judged: Judged, timer: Timer) -> Rows:
    incident = judged.incident
    labels = (
        ("incident", incident.id),
        ("class", incident.class_),
        ("target", timer.target),
        ("resource", incident.resource),
        ("state", timer.state.value),
    )
    deadline = timer.breached_at if timer.deadline is None else timer.deadline
    yield catalog.CONSUMED, Row(labels, timer.elapsed / timer.limit)
    yield catalog.ELAPSED, Row(labels, timer.elapsed)
    yield catalog.TARGET, Row(labels, timer.limit)
    if deadline is not None:
        yield catalog.DEADLINE, Row(labels, deadline)


def _outlasted(judged: Judged, window: Window) -> Pairs:
    incident = judged.incident
    whose = (("incident", incident.id), ("class", incident.class_), ("resource", incident.resource))
    return (*whose, ("window", window.id))


def _counters(view: View, tally: Tally) -> Rows:
    """All counters of all classes, 0 too, so that the first one is an increase."""
    for name, keys, family in _counted(view):
        known = {key[1:] for key in tally.counts if key[0] == name}
        labels = _LABELS[name]
        for key in sorted({*keys, *known}):
            yield family, Row(tuple(zip(labels, key, strict=True)), float(tally.count(name, *key)))


_LABELS: Mapping[str, tuple[str, ...]] = {
    "incidents": ("class", "outcome"),
    "breaches": ("class", "target"),
    "crossings": ("class", "target", "percent"),
    "reopens": ("class",),
    "flaps": ("class",),
    "blips": ("class",),
    "clock_jumps": ("direction",),
}


def _counted(view: View) -> Iterator[tuple[str, Iterable[tuple[str, ...]], Family]]:
    classes = view.policy.classes
    each = [(name,) for name in classes]
    targets = [(name, target) for name, class_ in classes.items() for target in class_.targets]
    yield "incidents", [(name, outcome) for name in classes for outcome in OUTCOMES], catalog.INCIDENTS
    yield "breaches", [(name, target.name) for name, target in targets], catalog.BREACHES
    crossings = [(name, target.name, str(percent)) for name, target in targets for percent in target.percents]
    yield "crossings", crossings, catalog.CROSSINGS
    yield "reopens", each, catalog.REOPENS
    yield "flaps", each, catalog.FLAPS
    yield "blips", each, catalog.BLIPS
    yield "clock_jumps", [(direction,) for direction in DIRECTIONS], catalog.CLOCK_JUMPS


def _sums(usage: Usage) -> Rows:
    families = (catalog.OBSERVED, catalog.DOWN, catalog.EXCLUDED, catalog.UNKNOWN)
    for class_, resources in sorted(usage.totals.items()):
        for resource, sums in sorted(resources.items()):
            labels = (("class", class_), ("resource", resource))
            for family, value in zip(families, sums, strict=True):
                yield family, Row(labels, value)


def evaluator(view: View) -> Rows:
    """What the evaluator says of itself; when it last looked is absent where it never did."""
    if view.now:
        yield catalog.LAST_RUN, Row((), view.now)
    yield catalog.LEADER, Row((), float(view.leader))
    yield catalog.EPOCH, Row((), float(view.epoch))
    yield catalog.FENCED, Row((), float(view.fenced))
    for operation in OPERATIONS:
        yield catalog.STORE_ERRORS, Row((("op", operation),), float(view.errors.get(operation, 0)))


def _histograms(view: View, tally: Tally) -> Mapping[Family, list[tuple[Pairs, Histogram]]]:
    found: dict[Family, list[tuple[Pairs, Histogram]]] = {
        catalog.NOTICE_DELAY: [((), tally.histogram("delay", "", DELAYS))]
    }
    kinds = (
        ("ack", catalog.TIME_TO_ACK),
        ("resolve", catalog.TIME_TO_RESOLVE),
        ("detect", catalog.TIME_TO_DETECT),
    )
    for kind, family in kinds:
        found[family] = [
            ((("class", name),), tally.histogram(kind, name, _edges(view.policy.classes.get(name), kind)))
            for name in sorted({*view.policy.classes, *(class_ for key, class_ in tally.histograms if key == kind)})
        ]
    return found


def _edges(class_: IncidentClass | None, kind: str) -> tuple[float, ...]:
    return edges(class_, kind) if class_ else ()


def _buckets(family: Family, one: tuple[Pairs, Histogram]) -> bytes:
    """A histogram's series as both formats want them: buckets in order, then sum and count."""
    labels, histogram = one
    upto = list(accumulate(histogram.counts))
    names = [*(number(edge).decode() for edge in histogram.edges), "+Inf"]
    rows = [Row((*labels, ("le", name)), float(count)) for name, count in zip(names, upto, strict=True)]
    return b"".join(
        (
            lines(replace(family, name=f"{family.name}_bucket"), rows),
            lines(replace(family, name=f"{family.name}_sum"), [Row(labels, histogram.total)]),
            lines(replace(family, name=f"{family.name}_count"), [Row(labels, float(upto[-1]))]),
        )
    )
