"""A comparison -> rows of the families in ``driftcatalog``. Pure."""

from collections.abc import Iterator

from exporter import driftcatalog as catalog
from exporter.drift.model import Compared
from exporter.model import Family, Row


def drift_rows(cloud: str, compared: Compared, *, now: float) -> Iterator[tuple[Family, Row]]:
    """How many drifts there are by kind and vCenter; none where it could not be told."""
    for (kind, vcenter), count in sorted(compared.counts.items()):
        labels = (("cloud", cloud), ("vcenter", vcenter), ("kind", kind.value))
        yield catalog.FINDINGS, Row(tuple(pair for pair in labels if pair[1]), float(count))
    yield catalog.LAST_LOOK, Row((("cloud", cloud),), now)
    unchecked = {kind for one in compared.unchecked for kind in one.kinds}
    yield catalog.UNCHECKED, Row((("cloud", cloud),), float(len(unchecked)))
