"""The benchmark runs and hands out what it promises. No figure is judged here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from externals import ROOT, require

pytestmark = pytest.mark.external

PARTS = {"rivals", "scrape", "full", "floor", "change", "growth", "cloud", "sla"}


@pytest.mark.timeout(180)
def test_smoke_run_writes_every_part(tmp_path: Path) -> None:
    """``python -m bench --quick`` runs all parts and writes, per part, words, figures, checks and raw values."""
    require("vcsim-classic")
    require("vmware_exporter")
    out = tmp_path / "latest.json"

    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--out", out],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    document = json.loads(out.read_text(encoding="utf-8"))
    assert set(document) == {"made_at", "quick", "machine", "versions", "parts"}
    assert set(document["parts"]) == PARTS
    for name, part in document["parts"].items():
        assert set(part) == {"how", "figures", "checks", "raw"}, name
        assert part["how"], name
        assert part["figures"], name
        assert part["raw"], name
        assert all(set(check) >= {"what", "value", "unit", "target", "passed"} for check in part["checks"]), name
        assert all(check["what"] in run.stdout for check in part["checks"]), name
    assert {"series", "times_less_cpu", "cpu_seconds"} <= set(document["parts"]["rivals"]["figures"])
    assert document["parts"]["change"]["figures"]["gone_but_shown"] == 0
    assert document["parts"]["cloud"]["figures"]["in_flight"] >= 25
    assert str(ROOT) not in out.read_text(encoding="utf-8")


def test_unknown_part_is_refused() -> None:
    """A part that does not exist is named, with those that do."""
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "full,speed"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 2
    assert "no such part: speed" in run.stderr
    assert all(part in run.stderr for part in PARTS)
