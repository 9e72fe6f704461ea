"""Finds the programs that tests need and that pip does not bring; a missing one skips the test or, in CI, fails it."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"

_BUILT = {
    "vcsim-classic": BUILD / "vcsim-classic",
    "vcsim-current": BUILD / "vcsim-current",
    "prometheus": BUILD / "prometheus/usr/bin/prometheus",
    "promtool": BUILD / "prometheus/usr/bin/promtool",
    "alertmanager": BUILD / "alertmanager/alertmanager",
    "amtool": BUILD / "alertmanager/usr/bin/amtool",
    "pint": BUILD / "pint",
    "initdb": BUILD / "postgres/bin/initdb",
    "postgres": BUILD / "postgres/bin/postgres",
    "vmware_exporter": BUILD / "vmware_exporter/bin/vmware_exporter",
}


def find(name: str) -> Path | None:
    """The program that ``make externals`` built or unpacked, else one of that name on PATH, else nothing."""
    if (built := _BUILT[name]).is_file():
        return built
    found = shutil.which(name)
    return Path(found) if found else None


def require(name: str) -> Path:
    """Like ``find``, but a missing program skips the test; with NOVACENTER_REQUIRE_EXTERNAL=1 it fails it."""
    if (program := find(name)) is not None:
        return program
    message = f"{name} is missing: run `make externals`"
    if os.environ.get("NOVACENTER_REQUIRE_EXTERNAL") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
