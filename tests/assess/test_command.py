"""``novacenter assess`` as an operator runs it, by what is stored."""

import argparse
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from assesslab import AT

from exporter import assesscommand
from exporter.clock import Clock
from exporter.config import Cloud, Config, Secret, VCenter
from exporter.days.stores import opened
from exporter.errors import ConfigError
from sla.days import Day, Key
from sla.objectives.settings import Wish, Wishes
from sla.sketch import Sketch

CLOCK = Clock(now=lambda: AT)


def options(*words: str) -> argparse.Namespace:
    """What the parser makes of the words."""
    parser = argparse.ArgumentParser()
    assesscommand.add(parser, lambda _: Config())
    return parser.parse_args(words)


async def assessed(config: Config, *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    out, err = io.BytesIO(), io.StringIO()
    code = await assesscommand.run(config, options(*words), out=out, err=err, clock=CLOCK)
    return code, out.getvalue().decode(), err.getvalue()


def recorded(directory: Path, seconds: float) -> Config:
    """A state in which calls to a vCenter took so long."""
    store = opened(str(directory), exclusive=True)
    key = Key.of("vc1", "vcenter_api_seconds", operation="CurrentTime")
    store.claim(1)
    store.write([Day("2026-11-20", key, Sketch.of([seconds] * 50))], epoch=1)
    store.close()
    return Config(state=str(directory))


async def test_met_and_missed(tmp_path: Path) -> None:
    """0 where nothing is missed, 10 where something is; the target may be the user's own."""
    config = recorded(tmp_path, 0.2)
    strict = replace(config, objectives=Wishes({"vcenter_latency": Wish(target=0.1)}))
    code, text, _ = await assessed(config, "--offline")
    assert code == 0
    assert "MET             Latency of vCenter's API (vc1): 200 ms" in text
    code, text, _ = await assessed(strict, "--offline")
    assert code == assesscommand.MISSED == 10
    assert "MISSED          Latency of vCenter's API (vc1): 200 ms" in text


async def test_window(tmp_path: Path) -> None:
    """What was measured before the window does not count; a window that is none is an error of the command line."""
    config = recorded(tmp_path, 0.2)
    _, text, _ = await assessed(config, "--offline", "--window", "24h")
    assert "no call to a vCenter was recorded" in text or "no measured record" in text
    with pytest.raises(ConfigError, match="--window: last 'soon'"):
        await assessed(config, "--offline", "--window", "soon")


async def test_forms(tmp_path: Path) -> None:
    """Text, JSON and HTML say the same, to a file as to the output."""
    config = recorded(tmp_path, 0.3)
    _, text, _ = await assessed(config, "--offline", "--format", "json")
    found = {one["objective"]: one["state"] for one in json.loads(text)["objectives"]}
    assert found["vcenter_latency"] == "missed"
    page = tmp_path / "page.html"
    code, text, _ = await assessed(config, "--offline", "--format", "html", "--output", str(page))
    assert (code, text) == (10, "")
    assert "300 ms" in page.read_text(encoding="utf-8")
    code, _, err = await assessed(config, "--offline", "--output", str(tmp_path / "none" / "page.txt"))
    assert code == 1
    assert "cannot be written" in err


async def test_an_agent_that_never_ran(tmp_path: Path) -> None:
    """Every row has its reason, which says what to do; nothing is missed."""
    code, text, _ = await assessed(Config(state=str(tmp_path)), "--offline")
    assert code == 0
    assert "MISSED" not in text
    assert "there is no days.db" in text


async def test_a_source_that_fails(tmp_path: Path) -> None:
    """Where nothing can be said because sources fail the code is 1, and the page says which; what is stored counts."""
    dead = VCenter("vc1", "https://127.0.0.1:1/sdk", username="u", password=Secret("p"))
    cloud = Cloud(
        "prod",
        auth_url="http://127.0.0.1:1/v3",
        username="u",
        password=Secret("p"),
        project_name="p",
        vcenters=("vc1",),
    )
    config = Config(state=str(tmp_path), vcenters=(dead,), clouds=(cloud,))
    code, text, err = await assessed(config)
    assert code == 1
    assert "could not be looked at: vCenter vc1" in text
    assert "vCenter vc1: " in err
