"""Replicas in processes of their own, and a network between them and the database that can be cut."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from postgresserver import Postgres

APPENDER = Path(__file__).with_name("appender.py")
ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 40.0


class Replica:
    """A child that runs ``appender.py postgres``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._new: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def wait_for(self, word: str, *, deadline: float = DEADLINE) -> str:
        """The next line that begins with a word; fails after ``deadline`` seconds."""
        end = time.monotonic() + deadline
        while True:
            try:
                line = self._new.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {word!r} within {deadline:g} s; the last words: {self.said[-5:]}") from None
            if line.split()[:1] == [word]:
                return line

    def heard(self) -> list[str]:
        """Everything it said until now; ``wait_for`` goes on behind it."""
        while True:
            try:
                self._new.get_nowait()
            except queue.Empty:
                return list(self.said)

    def acknowledged(self) -> dict[str, int]:
        """The facts that it acknowledged, and under which epoch."""
        acks = (line.split() for line in list(self.said) if line.startswith("ack "))
        return {key: int(epoch) for _, key, epoch in acks}

    def send(self, number: signal.Signals) -> None:
        """A signal to this child only."""
        self._process.send_signal(number)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            words = line.rstrip("\n")
            self.said.append(words)
            self._new.put(words)


@contextmanager
def replica(server: Postgres, schema: str, holder: str, *, ttl: float, port: int | None = None) -> Iterator[Replica]:
    """A running replica, through ``port`` if given. It is killed at the end."""
    dsn = f"host=127.0.0.1 port={port or server.port} dbname=postgres user=postgres"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PGPASSWORD": server.password}
    with subprocess.Popen(
        [sys.executable, APPENDER, "postgres", dsn, schema, holder, str(ttl)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield Replica(process)
        finally:
            process.kill()


class Network:
    """A TCP proxy on the loopback. Cut, it takes bytes and connections but passes nothing on until it is mended."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing arrives, in either direction, and nobody is told."""
        self._open.clear()

    def mend(self) -> None:
        """What was sent meanwhile arrives now."""
        self._open.set()

    def close(self) -> None:
        """Ends every connection."""
        self._open.set()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                sink.sendall(data)
        self._open.wait()
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def network(target: int) -> Iterator[Network]:
    """A network to a local port."""
    found = Network(target)
    try:
        yield found
    finally:
        found.close()
