"""Puts a whole file in the place of another one."""

import os
from contextlib import suppress
from pathlib import Path


def replaced(path: Path, content: bytes) -> None:
    """Writes beside the file, then takes its place: whoever reads finds the old one or the new one, whole.

    Raises OSError; then nothing has changed.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    # In a container every agent may have the same id: one that was killed must not be in the way for good.
    draft.unlink(missing_ok=True)
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
