"""Replies that only the coverage needs -> values. Pure: bytes in, values or BadReply out.

Sources: the API references of Compute (os-migrations, os-aggregates) and Block Storage v3 (scheduler-stats/get_pools).
"""

from collections.abc import Iterable, Mapping

from exporter.coverage.model import Outcomes, Zone
from exporter.openstack.jsonrecord import root

_DONE = frozenset({"completed", "done", "confirmed", "finished"})
_FAILED = frozenset({"error", "failed"})
"""Statuses of a migration that is over (nova/objects/migration.py and the guide "Migrate instances")."""


def migrations(body: bytes, hosts: Iterable[str]) -> Mapping[str, Outcomes]:
    """``GET /os-migrations`` by type (live-migration, migration, resize, evacuation), of those from or to ``hosts``."""
    wanted, found = frozenset(hosts), dict[str, Outcomes]()
    for record in root(body).records("migrations"):
        kind, status = record.text("migration_type"), record.text("status")
        if kind is None or not wanted & {record.text("source_compute"), record.text("dest_compute")}:
            continue
        one = found.get(kind, Outcomes())
        found[kind] = Outcomes(one.ok + (status in _DONE), one.failed + (status in _FAILED))
    return found


def aggregates(body: bytes) -> tuple[Zone, ...]:
    """``GET /os-aggregates``."""
    return tuple(
        Zone(
            name=record.required("name"),
            hosts=frozenset(host for host in record.value("hosts", list, "a list") or () if isinstance(host, str)),
            zone=record.text("availability_zone"),
        )
        for record in root(body).records("aggregates")
    )


def pools(body: bytes) -> tuple[str, ...]:
    """``GET /scheduler-stats/get_pools?detail=true``: the storage protocols of all back ends, sorted."""
    found: set[str] = set()
    for record in root(body).records("pools"):
        capabilities = record.record("capabilities", optional=True)
        spoken = capabilities.content.get("storage_protocol") if capabilities else None
        # A driver may say several names of the same protocol.
        found |= {one for one in (spoken if isinstance(spoken, list) else [spoken]) if isinstance(one, str)}
    return tuple(sorted(found))
