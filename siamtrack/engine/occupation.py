"""One run at a time in a folder: two would take each other's files for their own."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import IO

from siamtrack.engine.checkpoint import CheckpointError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


def occupy(folder: Path) -> IO[bytes]:
    """Hold a run's folder until the file that is returned is closed or the process ends, killed or not.

    The lock is the process's own: children do not inherit it, so that loader workers which outlive a killed run for a
    moment do not keep the next one out. Where the file system or the system has no locks, nothing is held.

    Raises:
        CheckpointError: another process holds it.
    """
    file = (folder / LOCK).open("ab")
    if fcntl is None:
        return file
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            with contextlib.closing(file):
                raise CheckpointError(
                    f"{folder}: another process is training in this folder. Let it end, or give this run another "
                    "folder (OUTPUT ...)."
                ) from error
    return file
