"""The metric families of the join of Nova and vCenter: the only list of them. ``joinfindings`` makes their rows."""

from exporter.model import Family

FINDINGS = Family(
    "nova_vmware_findings",
    "gauge",
    "What does not fit together between Nova and vCenter, by kind; 0 where it was looked for and not found.",
    source="Compute API, servers and hypervisors; VirtualMachine",
)


def every_family() -> tuple[Family, ...]:
    """All families of this list, by name."""
    return (FINDINGS,)
