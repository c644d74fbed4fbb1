"""Images that cannot be read: their samples are drawn anew, they are written down, and too many of them end the run."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from siamtrack.config import ConfigError
from siamtrack.data.errors import DataError

log = logging.getLogger(__name__)

FILE = "quarantine.jsonl"
_FEWEST = 1000  # samples that the share is taken of at least: one bad file at the beginning is no catastrophe


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read when a sample asked for it.

    Attributes:
        file: its path.
        reason: the sentence that says what is wrong with it.
        sample: number of the sample.
    """

    file: str
    reason: str
    sample: int

    @classmethod
    def among(cls, paths: Sequence[str], error: DataError, sample: int) -> Unreadable:
        """From what reading ``paths`` raised; its sentence begins with the path that it is about."""
        reason = str(error)
        return cls(next((path for path in paths if reason.startswith(path)), paths[0]), reason, sample)


class Quarantine:
    """Takes down what a process could not read.

    Args:
        share: largest share of samples that may have to be replaced, of those drawn by this process.

    Attributes:
        samples: drawn.
        replaced: how many of them asked for an image that could not be read.

    Raises:
        ConfigError: ``share`` is none.
    """

    def __init__(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ConfigError(f"DATA.UNREADABLE: {share} is a share of the samples; it should be from 0 to 1.")
        self.share = share
        self.samples = self.replaced = 0
        self._known: set[str] = set()
        self._file: Path | None = None

    def write_to(self, folder: Path) -> None:
        """Keep ``quarantine.jsonl`` in a run's folder: one row a file, those of the run before it was resumed too."""
        self._file = folder / FILE
        if self._file.exists():
            self._known.update(row["file"] for row in read_quarantine(self._file))
            if not self._file.read_bytes().endswith(b"\n"):  # a crash cut a row short; the next is not to continue it
                _append(self._file, b"\n")

    def take(self, samples: int, unreadable: Sequence[Unreadable]) -> None:
        """Count a batch.

        Args:
            samples: in it.
            unreadable: what it could not read.

        Raises:
            DataError: it is too much.
        """
        self.samples += samples
        self.replaced += len({entry.sample for entry in unreadable})
        for entry in unreadable:
            if entry.file not in self._known:
                self._known.add(entry.file)
                self._write(entry)
                log.warning("%s Sample %d is another one instead.", entry.reason, entry.sample)
        if unreadable and self.replaced > self.share * max(self.samples, _FEWEST):
            where = f" They are listed in {self._file}." if self._file else ""
            raise DataError(
                f"{unreadable[-1].reason} So it was with {self.replaced} of {self.samples} samples, more than "
                f"DATA.UNREADABLE allows ({self.share:g}, of {_FEWEST} samples at least).{where} Is the disk there? "
                "siamtrack data check says what a data set lacks."
            )

    def _write(self, entry: Unreadable) -> None:
        if self._file is not None:
            _append(self._file, (json.dumps(asdict(entry)) + "\n").encode())


def _append(file: Path, row: bytes) -> None:
    """In one write at the end: rows of several processes do not mix."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        os.write(handle, row)
    finally:
        os.close(handle)


def read_quarantine(file: Path) -> list[dict[str, str]]:
    """The rows of a ``quarantine.jsonl``; a last one that a crash cut short is left out."""
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
