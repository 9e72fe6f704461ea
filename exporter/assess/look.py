"""What the pollers know by now, as one look at both clouds."""

from collections.abc import Iterable, Sequence

from exporter.assess.seen import Seen
from exporter.canary.last import Last
from exporter.cloudpoller import CloudPoller
from exporter.coverage.side import CoverageSide
from exporter.drift.side import MappingSide
from exporter.model import Kind
from exporter.poller import Poller
from exporter.trust.model import EdgeTrust
from exporter.ways.model import Governed


def look(
    vcenters: Iterable[Poller],
    clouds: Sequence[CloudPoller],
    *,
    governed: tuple[Governed, ...],
    edges: tuple[EdgeTrust, ...] | None,
    gate: Last | None,
    failed: Iterable[tuple[str, str]] = (),
) -> Seen:
    """The look. A vCenter that was not listed whole has no hosts, a cloud that could not be compared no comparison."""
    listed = {poller.name: poller.inventory for poller in vcenters}
    sides = {cloud.name: cloud.sides.by_name for cloud in clouds}
    mappings = {name: side for name, found in sides.items() if isinstance(side := found.get("mapping"), MappingSide)}
    coverages = (side for found in sides.values() if isinstance(side := found.get("coverage"), CoverageSide))
    return Seen(
        hosts={
            name: sum(entity.kind is Kind.HOST for entity in inventory.entities.values())
            for name, inventory in listed.items()
            if inventory is not None and inventory.complete
        },
        covered=tuple(side.coverage for side in coverages if side.coverage is not None),
        compared={name: side.compared for name, side in mappings.items() if side.compared is not None},
        governed=governed,
        edges=edges,
        gate=gate,
        failed=tuple(failed),
    )
