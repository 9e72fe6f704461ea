"""Log lines for people (text) or for machines (one JSON object per line)."""

import json
import logging
from datetime import UTC, datetime
from typing import TextIO


class JsonFormatter(logging.Formatter):
    """One object per line: ``time`` (UTC, RFC 3339), ``level``, ``logger``, ``message``; ``error`` is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(stream: TextIO, *, form: str, level: str) -> None:
    """Sends all log lines to a stream as ``text`` or ``json``."""
    handler = logging.StreamHandler(stream)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These log each request and each run of a chore.
    for name in ("aiohttp.access", "apscheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # These log every broken connection, which exporter.notifications says when it begins.
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
