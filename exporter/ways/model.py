"""What is known of who governs the virtual machines of a vCenter. Frozen values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The way of one machine, the rule that decided, and what an operator should know besides; empty for nothing."""

    way: str
    rule: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governing:
    """One machine with its way. ``path`` is its inventory path; what is not known is None."""

    moid: str
    name: str
    path: str
    verdict: Verdict
    vcpus: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How many machines go a way, and what those have together of which it is known."""

    vms: int = 0
    vcpus: int = 0
    memory_bytes: int = 0

    def plus(self, one: Governing) -> "Tally":
        """With one machine more."""
        return Tally(self.vms + 1, self.vcpus + (one.vcpus or 0), self.memory_bytes + (one.memory_bytes or 0))


@dataclass(frozen=True, slots=True)
class Governed:
    """Every machine of a vCenter. ``ways`` are all that may be found there, in order."""

    vcenter: str
    machines: tuple[Governing, ...]
    ways: tuple[str, ...]

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """By way, those without a machine too."""
        found = dict.fromkeys(self.ways, Tally())
        for one in self.machines:
            found[one.verdict.way] = found[one.verdict.way].plus(one)
        return found


def shares(governed: Iterable[Governed]) -> Mapping[str, float]:
    """The share of all machines that goes each way, 0..1; empty without machines."""
    counts: dict[str, int] = {}
    for one in governed:
        for way, tally in one.tallies.items():
            counts[way] = counts.get(way, 0) + tally.vms
    total = sum(counts.values())
    return {way: count / total for way, count in counts.items()} if total else {}
