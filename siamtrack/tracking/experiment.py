"""How a sequence is run and what is written of it: once from its first frame, or as a challenge wants it.

An experiment splits a sequence into parts; a part is one run of a tracker, one job of the queue and one result file.
Results are in the numbers of the benchmark's own files (those that count from 1 get 1 added), so that any toolkit
reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from siamtrack import evaluation
from siamtrack.data.sequence import Sequence
from siamtrack.evaluation.folders import boxes_file, times_file
from siamtrack.evaluation.formats import write_boxes, write_times
from siamtrack.tracking.follow import Track, follow, reseed
from siamtrack.tracking.tracker import Tracker


@dataclass(frozen=True)
class Part:
    """One run of a tracker on a sequence.

    Attributes:
        stem: of its result files, relative to the tracker's folder: ``Basketball``, ``baseline/ants1/ants1_003``.
        frames: about how many frames will be tracked.
        repetition: from 0; a stochastic tracker draws from other seeds in each.
        start: the frame it begins with.
        backward: towards the first frame.
    """

    stem: str
    frames: int
    repetition: int = 0
    start: int = 0
    backward: bool = False


class Experiment(Protocol):
    """A way to run sequences."""

    @property
    def name(self) -> str:
        """As the command line knows it."""
        ...

    def facts(self) -> dict[str, str]:
        """What its results depend on besides tracker and sequences, for ``meta.json``."""
        ...

    def parts(self, sequence: Sequence, repeat: int) -> list[Part]:
        """The runs of a sequence.

        Args:
            sequence: any.
            repeat: runs of the same, for stochastic trackers; at least 1.

        Raises:
            ValueError: the sequence lacks what the experiment needs.
        """
        ...

    def complete(self, folder: Path, sequence: Sequence, part: Part) -> bool:
        """Whether an earlier run left a whole result in the tracker's folder."""
        ...

    def run(self, tracker: Tracker, sequence: Sequence, part: Part, folder: Path) -> Mapping[str, float]:
        """Track, and write the result.

        Returns:
            Numbers by which a looker-on can tell how it goes, such as ``{"AUC": 0.61}``.

        Raises:
            ValueError: the sequence cannot be tracked; says why.
        """
        ...


@dataclass(frozen=True)
class OnePass:
    """From the first frame to the last, never corrected: ``<sequence>.txt`` and ``<sequence>_time.txt``.

    Repeated runs are ``<sequence>_001.txt``, ``_002`` and so on, each with its times.
    """

    name: str = "one-pass"

    def facts(self) -> dict[str, str]:
        """See :class:`Experiment`."""
        return {}

    def parts(self, sequence: Sequence, repeat: int) -> list[Part]:
        """See :class:`Experiment`."""
        if repeat == 1:
            return [Part(sequence.name, len(sequence))]
        return [Part(f"{sequence.name}_{r + 1:03d}", len(sequence), r) for r in range(repeat)]

    def complete(self, folder: Path, sequence: Sequence, part: Part) -> bool:
        """One row per frame, and the times that are written after it."""
        result, times = boxes_file(folder, part.stem), times_file(folder, part.stem)
        return times.is_file() and rows_in(result) == len(sequence)

    def run(self, tracker: Tracker, sequence: Sequence, part: Part, folder: Path) -> Mapping[str, float]:
        """See :class:`Experiment`."""
        reseed(tracker, part.repetition)
        track = follow(tracker, sequence)
        self.write(track, sequence, part, folder)
        return overlap_so_far(sequence, track.boxes)

    def write(self, track: Track, sequence: Sequence, part: Part, folder: Path) -> None:
        """The result files of a part."""
        write_boxes(boxes_file(folder, part.stem), in_file_numbers(track.boxes, sequence.offset))
        write_times(times_file(folder, part.stem), track.seconds)


def in_file_numbers(boxes: np.ndarray, offset: float) -> np.ndarray:
    """``[..., 4]`` xywh as the benchmark counts pixels."""
    numbers: np.ndarray = boxes + np.array([offset, offset, 0.0, 0.0])
    return numbers


def rows_in(path: Path) -> int:
    """Lines of a result file; 0 where there is none."""
    return len(path.read_text().split("\n")) - 1 if path.is_file() else 0


def overlap_so_far(sequence: Sequence, boxes: np.ndarray) -> dict[str, float]:
    """Area under the success curve (pysot) over the annotated frames; nothing where only the first is annotated.

    Args:
        sequence: with the truth.
        boxes: ``[F, 4]`` xywh in frame px.
    """
    known = np.flatnonzero(np.isfinite(sequence.boxes).all(1))
    if len(known) < 2:
        return {}
    truth = evaluation.Truth(sequence.name, sequence.boxes[known])
    return {"AUC": evaluation.evaluate([truth], {sequence.name: boxes[known]}, "pysot").value("success")}
