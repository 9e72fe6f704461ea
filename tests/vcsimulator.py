"""Runs govmomi's vCenter simulator in a process of its own; ``tests/vcsim/README.md`` says what each flavour is for."""

import hashlib
import select
import ssl
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from externals import require

Flavour = Literal["classic", "current"]


@dataclass(frozen=True, slots=True)
class Vcsim:
    """A running simulator: where it listens, the only user it lets in, and its certificate (PEM, new at each start)."""

    flavour: Flavour
    url: str
    host: str
    port: int
    user: str
    password: str
    pid: int
    certificate: str
    faults_url: str = ""

    @property
    def thumbprint(self) -> str:
        """SHA-256 of the server certificate, in lower-case hex."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate)).hexdigest()

    def inject(self, method: str, fault: str, **rule: str | int) -> None:
        """From now on ``method`` (or ``*``) answers with ``fault``; keys of a rule: count, skip, delay_ms, message.

        Only the flavour ``current`` injects faults, and only if started with ``-control 127.0.0.1:0``.
        """
        query = urllib.parse.urlencode({"method": method, "fault": fault, **rule})
        _ask(self.faults_url + "?" + query, "POST")

    def rename(self, kind: str, moid: str, name: str) -> None:
        """Gives an object another name, where govmomi lacks Rename_Task: distributed switches. As with ``inject``."""
        query = urllib.parse.urlencode({"type": kind, "id": moid, "name": name})
        _ask(f"{self.faults_url}/rename?{query}", "POST")

    def clear_faults(self) -> None:
        """No method fails any more."""
        _ask(self.faults_url, "DELETE")


def _ask(url: str, method: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10):  # noqa: S310 - our own child
        pass


def value(moid: str, counter: int, *, instance: str, tick: int) -> int:
    """The sample that ``-strict`` serves for a series at a tick (Unix time of the sample divided by its interval)."""
    digest = 0x811C9DC5  # FNV-1a, 32 bits, as strict.go computes it
    for byte in moid.encode() + bytes((counter & 255, counter >> 8 & 255)) + instance.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return (digest % 9000 + tick * (1 + digest % 7)) % 10000


@contextmanager
def start(
    flavour: Flavour, *flags: str, user: str = "monitor@vsphere.local", password: str = "secret", timeout: float = 60
) -> Iterator[Vcsim]:
    """Start a simulator, yield it once it answers, and leave neither process nor file behind.

    ``flags`` are those of ``tests/vcsim/main.go``; ``-strict`` is not implied. ``timeout`` is for building the
    inventory. The child also ends by itself when this process dies, since it watches its standard input.
    """
    program = require(f"vcsim-{flavour}")
    login = ("-user", user, "-pass", password)
    with (
        tempfile.TemporaryDirectory(prefix="vcsim-") as scratch,
        Path(scratch, "log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(
            [program, *login, "-until-stdin-closes", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={"TMPDIR": scratch},
            text=True,
        ) as process,
    ):
        try:
            facts = _ready(process, timeout, log)
            url = urllib.parse.urlsplit(facts["url"])
            address = (url.hostname or "", url.port or 0)
            yield Vcsim(
                flavour=flavour,
                url=facts["url"],
                host=address[0],
                port=address[1],
                user=user,
                password=password,
                pid=process.pid,
                certificate=ssl.get_server_certificate(address) if url.scheme == "https" else "",
                faults_url=facts["control"],
            )
        finally:
            process.kill()


def _ready(process: subprocess.Popen[str], timeout: float, log: IO[str]) -> dict[str, str]:
    """The facts of the READY line; if none comes in time, what the child logged is the error."""
    output = process.stdout
    assert output is not None
    line = output.readline() if select.select([output], [], [], timeout)[0] else ""
    if not line.startswith("READY "):
        log.seek(0)
        raise RuntimeError(f"vcsim did not start within {timeout} s: {log.read()[-2000:]}")
    return dict(word.split("=", 1) for word in line.split()[1:])
