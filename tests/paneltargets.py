"""What the committed dashboards ask Prometheus: their targets, variables and annotations, with variables filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parent.parent / "dashboards"

WINDOWS = {"$__rate_interval": "15s", "$__range": "5m"}
"""What Grafana fills in, for a Prometheus that scrapes every second and has done so for a minute or two."""


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel. ``expr`` is as in the file."""

    dashboard: str
    panel: str
    ref: str
    expr: str
    instant: bool
    kind: str

    @property
    def name(self) -> str:
        """For people: ``overview: Incidents (A)``."""
        return f"{self.dashboard}: {self.panel} ({self.ref})"


def dashboards() -> Mapping[str, dict[str, Any]]:
    """The committed dashboards by file name without its end."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DIRECTORY.glob("*.json"))}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels that show something, those of collapsed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def targets() -> list[Target]:
    """Every target of every panel."""
    return [
        Target(name, panel["title"], target["refId"], target["expr"], target["instant"], panel["type"])
        for name, dashboard in dashboards().items()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def every_value(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Variable -> what Grafana puts in its place where All is chosen."""
    return {f"${one['name']}": one["allValue"] for one in dashboard["templating"]["list"] if one["type"] == "query"}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with Grafana's windows and these variables filled in; ``$1`` of label_replace stays."""
    known = {**WINDOWS, **values}
    return re.sub(r"\$[a-z_]\w*", lambda found: known[found.group()], text)
