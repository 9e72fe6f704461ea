"""The section ``rules``, and the command that writes rules by it."""

import argparse
import re
from dataclasses import fields
from pathlib import Path

import pytest
from externals import ROOT

from exporter import rulescommand as command
from exporter.configfile import load
from exporter.configrules import RULES_KEYS
from exporter.errors import ConfigError
from exporter.thresholds import Thresholds

SOURCE = "clouds: [{name: c1, cloud: envvars}]\n"


def options(**given: object) -> argparse.Namespace:
    """The options of the command, as the parser makes them."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    words = [word for name, value in given.items() for word in (f"--{name}", *([] if value is True else [str(value)]))]
    return parser.parse_args(words)


def test_every_threshold_can_be_set(tmp_path: Path) -> None:
    """Each key sets the threshold of its name: shares, durations with their unit, and numbers."""
    path = tmp_path / "novacenter.yml"
    written = {"host_cpu_ratio": "0.7", "certificate": "1440h", "snapshots": "5", "host_swap_bytes_per_second": "0"}
    path.write_text(SOURCE + "rules:\n" + "".join(f"  {key}: {value}\n" for key, value in written.items()))

    assert load(path, environ={}).rules == Thresholds(
        host_cpu_ratio=0.7, certificate_seconds=60 * 86400.0, snapshots=5.0, host_swap_bytes_per_second=0.0
    )
    assert sorted(RULES_KEYS) == sorted(field.name.removesuffix("_seconds") for field in fields(Thresholds))


def test_nothing_given_is_the_default(tmp_path: Path) -> None:
    """Without the section the thresholds are the built-in ones."""
    path = tmp_path / "novacenter.yml"
    path.write_text(SOURCE)
    assert load(path, environ={}).rules == Thresholds()


def test_every_threshold_is_documented(tmp_path: Path) -> None:
    """docs/configuration.md has a row for each, with a default that the section takes and that is the built-in one."""
    manual = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = manual.split("## rules\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]+\| `([^`]+)` \|", section, re.MULTILINE))
    path = tmp_path / "novacenter.yml"
    path.write_text(SOURCE + "rules:\n" + "".join(f"  {key}: {value}\n" for key, value in rows.items()))

    assert list(rows) == list(RULES_KEYS)
    assert load(path, environ={}).rules == Thresholds()


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("host_cpu_ratio", "80", "is not a share; write a number between 0 and 1, such as 0.8 for 80 %"),
        ("host_cpu_ratio", "high", "is not a number; write one such as 3 or 0.5"),
        ("snapshots", "-1", "is out of range; write a number from 0 to 1e12"),
        ("snapshots", "true", "is not a number; write one such as 3 or 0.5"),
        (
            "certificate",
            "30x",
            "is not a time; write seconds as a number, or a number and ms, s, m or h, such as 20s or 5m",
        ),
        ("host_cpu_rati", "0.8", "unknown key; did you mean host_cpu_ratio?"),
    ],
)
def test_what_is_refused(tmp_path: Path, key: str, value: str, problem: str) -> None:
    """One sentence with file, line and key, and without the value."""
    path = tmp_path / "novacenter.yml"
    path.write_text(f"{SOURCE}rules:\n  {key}: {value}\n")
    with pytest.raises(ConfigError) as raised:
        load(path, environ={})
    assert str(raised.value) == f"{path}:3: rules.{key}: {problem}"


def test_rules_are_written_and_compared(tmp_path: Path) -> None:
    """The command writes a file of each kind; with --check it says what differs, and writes nothing."""
    said: list[str] = []
    config = tmp_path / "novacenter.yml"
    config.write_text(f"{SOURCE}rules: {{host_cpu_ratio: 0.7}}\n")
    output = tmp_path / "rules"

    assert command.run(options(config=config, output=output, check=True), say=said.append) == 1
    assert not output.exists()
    said.clear()
    assert command.run(options(config=config, output=output, runbooks="https://x"), say=said.append) == 0
    assert said == [f"{output / name}: written" for name in command.files(command.Sources())]
    text = (output / "vsphere.rules.yml").read_text(encoding="utf-8")
    assert "> 0.7\n" in text
    assert "runbook_url: https://x/VsphereHostCpuHigh.md\n" in text
    assert command.run(options(config=config, output=output, runbooks="https://x", check=True), say=said.append) == 0
    (output / "vsphere.rules.yml").write_text(text.replace("> 0.7\n", "> 0.8\n"), encoding="utf-8")
    said.clear()
    assert command.run(options(config=config, output=output, runbooks="https://x", check=True), say=said.append) == 1
    assert '\n-        avg_over_time(vsphere_host_cpu_usage_average_ratio{device=""}[5m]) > 0.8\n' in said[0]


def test_without_a_folder_all_rules_are_said() -> None:
    """One file with the groups of all, for Prometheus as it is."""
    said: list[str] = []
    assert command.run(options(), say=said.append) == 0
    groups = [group.name for its in command.every_group(command.Sources()).values() for group in its]
    assert [line.removeprefix("- name: ") for line in said[0].splitlines() if line.startswith("- name: ")] == groups


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One sentence, and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written .*; name a folder that can be$"):
        command.run(options(output=tmp_path / "file" / "rules"), say=lambda _: None)
