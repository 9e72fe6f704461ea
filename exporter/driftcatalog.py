"""The metric families of mapping drift: the only list of them. ``drift.rows`` makes their rows."""

from exporter.model import Family

_SOURCE = "Networking API; DistributedVirtualSwitch, DistributedVirtualPortgroup, Datastore, ClusterComputeResource"

FINDINGS = Family(
    "integration_mapping_findings",
    "gauge",
    "What does not fit between OpenStack's mapping and vSphere, by kind; 0 where it was looked for and not found.",
    source=_SOURCE,
)
LAST_LOOK = Family(
    "integration_mapping_last_look_timestamp_seconds",
    "gauge",
    "When mapping and vSphere were last compared.",
    "seconds",
    _SOURCE,
)
UNCHECKED = Family(
    "integration_mapping_unchecked_kinds",
    "gauge",
    "Kinds of mapping drift that could not be looked for, or for which nothing is configured.",
    source=_SOURCE,
)


def every_family() -> tuple[Family, ...]:
    """All families of this list."""
    return FINDINGS, LAST_LOOK, UNCHECKED
