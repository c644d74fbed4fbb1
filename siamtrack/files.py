"""Files that are either whole or not there, and where those lie that may be made again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def cache_folder() -> Path | None:
    """``SIAMTRACK_CACHE``, or ``siamtrack`` in the user's cache folder; ``None`` where the variable says ``off``."""
    named = os.environ.get("SIAMTRACK_CACHE")
    if named == "off":
        return None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(named or os.path.join(home, "siamtrack"))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that a reader, also after a crash, sees the old one or the new one, never a part.

    Yields a temporary path in the same folder. When the block ends well, the file is forced to the disk and takes
    the place of ``path``; otherwise it is removed.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        yield temporary
        _force(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the name, too, must survive a power cut
        _force(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replace a text file as a whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
