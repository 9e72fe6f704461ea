"""The metric families of the ways in use: the only list of them, and their rows. Pure."""

from collections.abc import Iterator

from exporter.model import Family, Row
from exporter.ways.model import Governed

_SOURCE = "VirtualMachine: config, customValue, parent; Compute API, servers"

VMS = Family("integration_vms", "gauge", "Virtual machines by who governs them (way).", source=_SOURCE)
VCPUS = Family("integration_vm_vcpus", "gauge", "Virtual CPUs of the machines of each way.", source=_SOURCE)
MEMORY = Family(
    "integration_vm_memory_bytes", "gauge", "Configured memory of the machines of each way.", "bytes", _SOURCE
)
INFO = Family(
    "integration_vm_way_info",
    "info",
    "The way of each virtual machine, and the rule that decided.",
    source=_SOURCE,
)


def every_family() -> tuple[Family, ...]:
    """All families of this list."""
    return (VMS, VCPUS, MEMORY, INFO)


def rows(governed: Governed) -> Iterator[tuple[Family, Row]]:
    """Everything of one vCenter. A way without machines is 0: it was looked for."""
    base = (("vcenter", governed.vcenter),)
    for way, tally in governed.tallies.items():
        labels = (*base, ("way", way))
        yield VMS, Row(labels, float(tally.vms))
        yield VCPUS, Row(labels, float(tally.vcpus))
        yield MEMORY, Row(labels, float(tally.memory_bytes))
    for one in governed.machines:
        named = (("moid", one.moid), ("vm", one.name), ("way", one.verdict.way), ("rule", one.verdict.rule))
        yield INFO, Row((*base, *named), 1.0)
