"""Runs a real PostgreSQL in a process of its own, on a free port of the loopback interface, with an empty database."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from externals import require

# The server ends with its standard input, so also when the tests are killed.
_UNTIL_STDIN_CLOSES = '"$@" </dev/null & read -r _; kill -INT $!; wait $!'


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. Its user ``postgres`` needs the password."""

    port: int
    password: str

    @property
    def dsn(self) -> str:
        """For libpq; without the password."""
        return f"host=127.0.0.1 port={self.port} dbname=postgres user=postgres"

    def session(self, schema: str = "public", *, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """A session that looks up names in a schema."""
        where = f"{self.dsn} options=-csearch_path={schema}"
        return psycopg.connect(where, password=self.password, autocommit=autocommit)

    def run(self, statement: str, schema: str = "public") -> list[tuple[Any, ...]]:
        """Runs a statement in a session of its own; its rows."""
        with closing(self.session(schema, autocommit=True)) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []


def _as_nobody() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []} if os.getuid() == 0 else {}


def _reachable(program: str, scratch: Path) -> Path:
    """A program as nobody can run it: where a checkout is root's alone, the server is copied to ``scratch``."""
    found = Path(program)
    if os.getuid() != 0 or all(above.stat().st_mode & 0o001 for above in found.resolve().parents):
        return found
    copy = scratch / "server"
    if not copy.exists():
        shutil.copytree(found.parents[1], copy, symlinks=True)
    return copy / "bin" / found.name


@contextmanager
def start(password: str = "secret") -> Iterator[Postgres]:
    """Make a database, start a server on it, yield it once it answers, and leave neither process nor file behind."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        initdb, postgres = (_reachable(require(program), scratch) for program in ("initdb", "postgres"))
        if os.getuid() == 0:
            shutil.chown(scratch, "nobody")
        (scratch / "password").write_text(password, encoding="ascii")
        Path(scratch / "password").chmod(0o644)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
        common: dict[str, Any] = {"cwd": scratch, "env": environment, **_as_nobody()}
        options = ("--locale=C", "--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={scratch}/password")
        made = [initdb, "-D", scratch / "data", "-U", "postgres", "--no-sync", *options]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, timeout=60, **common)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        served = [postgres, "-D", scratch / "data", *(f"--{key}={value}" for key, value in settings.items())]
        with (
            (scratch / "log").open("wb") as log,
            subprocess.Popen(
                ["sh", "-c", _UNTIL_STDIN_CLOSES, "sh", *served],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                **common,
            ) as process,
        ):
            server = Postgres(port, password)
            _wait_until_ready(server, process, scratch / "log")
            yield server
            # Leaving closes standard input, then waits.


def _wait_until_ready(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            server.run("SELECT 1")
        except psycopg.OperationalError:
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(encoding='utf-8')[-2000:]}")
