"""One process per state directory: a lock that ends with the process, however it ends."""

import fcntl
import os
from pathlib import Path

from sla.store.errors import Occupied, Unavailable

_PID = "sla.pid"


class Claim:
    """The lock (``flock``) on a directory, which is made if it is missing. Raises Occupied, naming the holder's pid."""

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(
                f"sla: {directory} cannot be used ({error}); make the directory and give it to the agent's user"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (directory / _PID).write_text(f"{os.getpid()}\n", encoding="ascii")
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise Occupied(
                f"sla: {directory} is in use by process {_holder(directory)}; stop that one first, or give this one "
                "another state directory (several agents share their state through PostgreSQL only)"
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise Unavailable(
                f"sla: {directory} cannot be locked ({error}); use a local, writable file system"
            ) from error

    def release(self) -> None:
        """Lets the next process in."""
        os.close(self._descriptor)


def _holder(directory: Path) -> str:
    try:
        return (directory / _PID).read_text(encoding="ascii").strip() or "unknown"
    except OSError:
        return "unknown"
