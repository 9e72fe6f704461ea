"""Replies that a real cloud gave (tests/fixtures/openstack), as bytes, and how to find them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent / "fixtures" / "openstack"


@dataclass(frozen=True)
class Recorded:
    """One reply: status, headers, and the body as bytes and as JSON."""

    status: int
    headers: dict[str, str]
    content: Any

    @property
    def body(self) -> bytes:
        """The body as it went over the wire, but for blanks."""
        return (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()


def recorded(name: str) -> Recorded:
    """The reply in ``name`` (``compute/servers``)."""
    reply = json.loads((ROOT / f"{name}.json").read_text())["reply"]
    return Recorded(reply["status"], reply["headers"], reply["body"])


def names(pattern: str) -> list[str]:
    """The names of recordings that match a glob, sorted."""
    found = (path for path in ROOT.glob(f"{pattern}.json") if path.parent.name != "notifications")  # no replies
    return sorted(str(path.relative_to(ROOT).with_suffix("")) for path in found)
