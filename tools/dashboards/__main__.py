"""Writes dashboards/*.json; with --check it only says whether the committed files are up to date.

python -m tools.dashboards [--check]
"""

import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.dashboards import every, house

DIRECTORY = Path(__file__).resolve().parent.parent.parent / "dashboards"


def files() -> Mapping[str, str]:
    """What the directory is to hold, by name."""
    return {f"{one.name}.json": house.text(one) for one in every.dashboards()}


def main(arguments: list[str]) -> int:
    """0, or with --check 1 where a committed file is another, missing, or too many."""
    written = files()
    committed = {file.name: file.read_text(encoding="utf-8") for file in DIRECTORY.glob("*.json")}
    if arguments != ["--check"]:
        for name in committed.keys() - written.keys():
            (DIRECTORY / name).unlink()
        for name, text in written.items():
            (DIRECTORY / name).write_text(text, encoding="utf-8")
        return 0
    lines: list[str] = []
    for name in sorted(written.keys() | committed.keys()):
        before, after = committed.get(name, ""), written.get(name, "")
        lines += difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=1)
    if lines:
        print("dashboards/ is out of date; run `make dashboards`", *lines[:200], sep="\n")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
