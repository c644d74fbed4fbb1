"""The results of one tracker on one benchmark, in memory, and which name means which sequence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Run = TypeVar("Run")

# pytracking puts the benchmark before the sequence; OTB's two-target lists differ in one name.
_PREFIXES = ("nfs-", "uav-", "otb-", "lasot-", "got-", "tpl-")
_ALIASES = {"human4": "human4-2"}


class ResultError(ValueError):
    """A result cannot be scored; the message says which tracker, sequence, file and row, and what would be right."""


@dataclass(frozen=True, eq=False)
class TrackerResults:
    """Boxes and times of one tracker.

    Attributes:
        tracker: its name.
        boxes: sequence -> one ``[F, 4]`` array of x, y, w, h per run, in the numbers of the benchmark's own file.
        times: sequence -> seconds, ``[F]`` or ``[F, runs]``; sequences without recorded times are not in it.
        source: where they were read, for sentences.
        whole: whether every file had a row per frame; where one had not, that was warned of.
    """

    tracker: str
    boxes: Mapping[str, Sequence[Array]]
    times: Mapping[str, Array] = field(default_factory=dict)
    source: str = ""
    whole: bool = True

    @classmethod
    def of(cls, tracker: str, boxes: Mapping[str, Array], times: Mapping[str, Array] | None = None) -> TrackerResults:
        """From one array per sequence."""
        arrays = {name: (np.asarray(rows, np.float64),) for name, rows in boxes.items()}
        return cls(tracker, arrays, times or {})

    def runs(self, name: str, names: Sequence[str]) -> Sequence[Array]:
        """The runs of a sequence.

        Args:
            name: of the sequence.
            names: every sequence that is to be scored, so that the sentence can say how many are missing.

        Raises:
            ResultError: there is none.
        """
        return runs_of(name, names, self.boxes, self.tracker, self.source)

    def timing(self, names: Sequence[str]) -> tuple[Array, Array, Array]:
        """Per sequence ``[S]``: seconds, frames with a time > 0, and the sum of 1 / t over those."""
        table = np.zeros((3, len(names)))
        for i, name in enumerate(names):
            if name in self.times:
                t = np.asarray(self.times[name], np.float64)
                t = t[t > 0]
                table[:, i] = t.sum(), t.size, (1.0 / t).sum()
        return table[0], table[1], table[2]


def runs_of(
    name: str, names: Sequence[str], found: Mapping[str, Sequence[Run]], tracker: str, source: str
) -> Sequence[Run]:
    """The runs of one sequence among those found, or the sentence on what is missing.

    Args:
        name: of the sequence.
        names: every sequence that is to be scored.
        found: sequence -> its runs.
        tracker, source: whose they are and where they were read.

    Raises:
        ResultError: there is none.
    """
    if found.get(name):
        return found[name]
    missing = [n for n in names if not found.get(n)]
    near = difflib.get_close_matches(name, found, 1, 0.8)
    where = f" in {source}" if source else ""
    raise ResultError(
        f"{tracker}: {len(missing)} of {len(names)} sequences have no result{where}, the first is {name}"
        + (f" (there is one for {near[0]})." if near else ".")
        + " Run the tracker on them, or score only the sequences it was run on (--sequences A,B,...)."
    )


class SequenceNames:
    """Finds the sequence that a file name means: case aside, with ``.``, ``_`` and ``-`` equal.

    Args:
        names: the benchmark's own names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._loose: dict[str, str] = {}
        for name in sorted(self._exact):
            key = _key(name)
            # two names that differ in punctuation alone are told apart by exact spelling only
            self._loose[key] = "" if key in self._loose else name

    def find(self, stem: str) -> str | None:
        """The benchmark's name for a file's stem, or ``None``."""
        if stem in self._exact:
            return stem
        key = _key(stem)
        candidates = [key, _ALIASES.get(key, "")]
        candidates += [key[len(prefix) :] for prefix in _PREFIXES if key.startswith(prefix)]
        candidates += [prefix + key for prefix in _PREFIXES]
        return next((self._loose[c] for c in candidates if self._loose.get(c)), None)


def _key(name: str) -> str:
    return re.sub(r"[._\s-]+", "-", name.strip().lower())
