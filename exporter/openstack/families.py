"""A cloud's operations and builds -> rows of the families in ``cloudcatalog``. Pure.

A counter's series begins at 0 when an operation of its kind is first seen in flight on its host, for every cause and
result: ``increase`` does not see a series that begins at 1. An operation must be in flight for its limit before it can
time out, so the 0 is scraped before. That bounds the series by what happens: of 100 hosts with 10 operations each at
most 1,000 x (12 causes + 3 results), where all hosts x all operations would be four times as many, most of them 0.
"""

from collections.abc import Iterable, Iterator, Mapping

from exporter import cloudcatalog as catalog
from exporter.model import Family, Row
from exporter.openstack.builds import Builds
from exporter.openstack.phases import Result
from exporter.openstack.timeouts import Cause, Operation

Rows = Iterator[tuple[Family, Row]]
Pair = tuple[str, str]
"""Host and operation."""

NAMED = ("action", "task_state")
"""What may have a name that is not known."""


def operation_rows(
    cloud: str,
    opened: Iterable[Operation],
    *,
    pairs: frozenset[Pair],
    timeouts: Mapping[tuple[str, str, str], int],
    ended: Mapping[tuple[str, str, str], int],
    now: float,
) -> Rows:
    """What is in flight and what was counted. ``pairs`` are those seen so far, ``now`` is by Nova's clock.

    A label whose value is empty is left out: an operation of a server without host has no ``host``.
    """
    ages: dict[Pair, list[float]] = {pair: [] for pair in pairs | {(key[0], key[1]) for key in (*timeouts, *ended)}}
    for operation in opened:
        ages.setdefault((operation.host, operation.name), []).append(max(0.0, now - operation.start))
    for pair, found in sorted(ages.items()):
        yield catalog.IN_FLIGHT, Row(_labels(cloud, pair), float(len(found)))
        if found:
            yield catalog.OLDEST_AGE, Row(_labels(cloud, pair), max(found))
        for cause in Cause:
            count = timeouts.get((*pair, cause.value), 0)
            yield catalog.TIMEOUTS, Row(_labels(cloud, pair, ("cause", cause.value)), float(count))
        for result in Result:
            count = ended.get((*pair, result.value), 0)
            yield catalog.ENDED, Row(_labels(cloud, pair, ("result", result.value)), float(count))


def unknown_rows(cloud: str, counts: Mapping[str, int]) -> Rows:
    """How many names of each of NAMED were not known."""
    for what in NAMED:
        yield catalog.UNKNOWN_NAMES, Row((("cloud", cloud), ("what", what)), float(counts.get(what, 0)))


def build_rows(cloud: str, builds: Builds) -> Rows:
    """The last hour's builds, and all that failed since the start."""
    kinds = {build.hypervisor_type for build in builds.recent} | {kind for kind, _ in builds.failures}
    per_hour = builds.per_hour()
    for kind in sorted(kinds):
        for result in ("success", "error"):
            labels = (("cloud", cloud), ("hypervisor_type", kind), ("result", result))
            yield catalog.BUILDS, Row(labels, float(per_hour.get((kind, result), 0)))
    for (kind, fault), count in sorted(builds.failures.items()):
        yield catalog.BUILD_FAILURES, Row((("cloud", cloud), ("hypervisor_type", kind), ("fault", fault)), float(count))


def _labels(cloud: str, pair: Pair, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    host = (("host", pair[0]),) if pair[0] else ()
    return (("cloud", cloud), *host, ("operation", pair[1]), *more)
