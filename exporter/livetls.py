"""TLS whose files may be renewed under it: each handshake uses what the files hold then.

The whole context is replaced, never altered: a handshake under way in another thread keeps the one it began with, and
a certificate that is already new beside a key that is still old changes nothing.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from exporter.errors import ConfigError

_log = logging.getLogger("novacenter.tls")

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Modification time (ns), size and inode of each file; None where it is not there."""

Made = tuple[ssl.SSLContext, tuple[Path, ...]]
"""A context, and the files that it was made of."""


def stamp(files: Iterable[Path]) -> Stamp:
    """What changes when one of the files is written or replaced, also through a symbolic link."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        seen = file.stat()
    except (OSError, ValueError):
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


class Live(ssl.SSLContext):
    """A context that stands for the newest one; made by ``live``. Only what begins a handshake passes on to that.

    ``asyncio`` begins one by ``wrap_bio``, ``urllib3`` by ``wrap_socket``. ``problem`` says why files that changed
    cannot be used; the context before stays in force then. ``renewals`` counts the contexts after the first.
    """

    problem: str
    renewals: int
    _make: Callable[[], Made]
    _what: str
    _files: tuple[Path, ...]
    _seen: Stamp
    _now: ssl.SSLContext
    _protocols: list[str]
    _lock: threading.Lock

    def begin(self, make: Callable[[], Made], what: str) -> None:
        """Makes the first context. Raises ConfigError."""
        self._make, self._what, self._lock = make, what, threading.Lock()
        self.problem, self.renewals, self._protocols = "", 0, []
        self._now, self._files = make()
        self._seen = stamp(self._files)
        self.check_hostname = self._now.check_hostname
        self.verify_mode = self._now.verify_mode

    def current(self) -> ssl.SSLContext:
        """The context to be used now; a changed file is read. It never raises: what cannot be used is ``problem``."""
        with self._lock:
            seen = stamp(self._files)
            if seen != self._seen:
                self._renew(seen)
            return self._now

    def _renew(self, seen: Stamp) -> None:
        self._seen = seen
        try:
            made, files = self._make()
        except ConfigError as error:
            self.problem = str(error)
            _log.error("%s: the changed files cannot be used, those before stay in force: %s", self._what, error)
            return
        if files != self._files:
            self._files, self._seen = files, stamp(files)
        if self._protocols:
            made.set_alpn_protocols(self._protocols)
        self._now, self.problem = made, ""
        self.renewals += 1
        _log.info("%s: changed files of TLS are taken over for new connections", self._what)

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """For this context and those that follow."""
        self._protocols = list(alpn_protocols)
        self._now.set_alpn_protocols(self._protocols)

    def wrap_bio(self, *positional: Any, **named: Any) -> ssl.SSLObject:
        """As that of the current context."""
        return self.current().wrap_bio(*positional, **named)

    def wrap_socket(self, *positional: Any, **named: Any) -> ssl.SSLSocket:
        """As that of the current context."""
        return self.current().wrap_socket(*positional, **named)


def live(make: Callable[[], Made], what: str, *, server: bool = False) -> Live:
    """A context that is made anew by ``make`` whenever one of its files has changed.

    ``what`` names it in the log. Raises the ConfigError of the first ``make``; a later one is logged once.
    """
    made = Live(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.begin(make, what)
    return made
