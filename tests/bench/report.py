"""What the benchmark hands out: parts with figures and checks, as JSON and as a table."""

import os
import platform
import statistics
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("aiohttp", "isal", "prometheus_client", "pyvmomi")


@dataclass(frozen=True, slots=True)
class Check:
    """A figure beside the target it is held against."""

    what: str
    value: float
    unit: str
    target: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass(frozen=True, slots=True)
class Part:
    """The result of one part: how it was measured in words, medians and ratios, every single measurement, checks."""

    how: str
    figures: Mapping[str, Any]
    raw: Mapping[str, Any]
    checks: tuple[Check, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        checks = [asdict(check) | {"passed": check.passed} for check in self.checks]
        return {"how": self.how, "figures": self.figures, "checks": checks, "raw": self.raw}


def median(measurements: Iterable[Mapping[str, Any]], key: str) -> float:
    """The median of one field."""
    return statistics.median(one[key] for one in measurements)


def machine() -> dict[str, Any]:
    """What it ran on."""
    cpu = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    models = [line.split(":", 1)[1].strip() for line in cpu.splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "kernel": platform.release(),
        "optimised_python": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
    }


def versions() -> dict[str, str]:
    """What was measured with what."""
    found = {name: version(name) for name in ("novacenter", *PACKAGES)}
    return found | {"python": platform.python_version(), "vmware_exporter": "0.18.4", "vcsim (govmomi)": "0.24.2"}


def table(parts: Mapping[str, Part]) -> str:
    """The checks, one per line."""
    rows = [("part", "what", "measured", "target", "")]
    for name, part in parts.items():
        for check in part.checks:
            sign = ">=" if check.at_least else "<="
            measured, target = f"{check.value:.3g} {check.unit}", f"{sign} {check.target:g} {check.unit}"
            rows.append((name, check.what, measured, target, "pass" if check.passed else "MISS"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
