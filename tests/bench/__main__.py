"""``python -m bench``: runs the parts, writes the file, prints the table."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from externals import ROOT

from bench import change, cloud, floor, full, growth, report, rivals, scrape, sla
from bench.harness import Bench
from bench.report import Part

PARTS: Mapping[str, Callable[[Bench], Part]] = {
    "rivals": rivals.run,
    "scrape": scrape.run,
    "full": full.run,
    "floor": floor.run,
    "change": change.run,
    "growth": growth.run,
    "cloud": cloud.run,
    "sla": sla.run,
}
"""In an order in which parts of one size share a simulator."""


def main(arguments: list[str]) -> None:
    """Runs what the arguments ask for. The exit code says nothing about the figures."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"comma-separated parts of: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="a smoke run: tiny inventories, meaningless figures")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/latest.json", help="where the figures go")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := set(names) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = _run(names, quick=options.quick)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_document(parts, quick=options.quick), indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")
    print(report.table(parts))


def _run(names: list[str], *, quick: bool) -> dict[str, Part]:
    bench = Bench(quick=quick, say=lambda text: print(text, file=sys.stderr, flush=True))
    parts = {}
    try:
        for name in names:
            bench.say(f"--- {name}")
            parts[name] = PARTS[name](bench)
    finally:
        bench.close()
    return parts


def _document(parts: Mapping[str, Part], *, quick: bool) -> dict[str, Any]:
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": report.machine(),
        "versions": report.versions(),
        "parts": {name: part.as_json() for name, part in parts.items()},
    }


if __name__ == "__main__":
    main(sys.argv[1:])
