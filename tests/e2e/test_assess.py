"""The demo can be assessed from another shell: every reference figure has a value or a reason."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.configobjectives import standard


def novacenter(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, run to its end."""
    command = [sys.executable, "-m", "exporter", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.timeout(240)
def test_the_demo_is_assessed(tmp_path: Path) -> None:
    """The commands that the demo's welcome prints work as they stand, beside the agent."""
    command = [sys.executable, "-m", "exporter", "demo", "--listen", "127.0.0.1:0", "--hosts", "4", "--vms", "30"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert demo.stdout is not None
        config = next(found[1] for line in demo.stdout if (found := re.search(r"assess --config (\S+)$", line)))
        # The record and the log of incidents are there once something was polled.
        next(line for line in demo.stdout if " cloud: ok" in line)
        text = novacenter("assess", "--config", config)
        made = novacenter("assess", "--config", config, "--format", "json")
        page = tmp_path / "assessment.html"
        drawn = novacenter("assess", "--config", config, "--format", "html", "--output", page)
    finally:
        demo.terminate()  # it ends its simulator, too
        demo.communicate(timeout=30)
    found = json.loads(made.stdout)["objectives"]
    assert {one["objective"] for one in found} == {one.name for one in standard().objectives}
    assert all(one["measured"] or one["reason"] for one in found)
    seen = {one["objective"]: one["state"] for one in found}
    assert (seen["vcenter_hosts"], seen["functional_coverage"], seen["mapping_drift"]) == ("met", "met", "met")
    assert {text.returncode, made.returncode, drawn.returncode} <= {0, 10}
    assert (text.stderr, made.stderr, drawn.stderr) == ("", "", "")
    assert all(one["title"] in text.stdout for one in found)
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
