"""VOT's experiments: restarts after failures, runs from anchors in both directions, and one pass with confidences.

Files are those of the toolkits: ``baseline/<sequence>/<sequence>_001.txt`` (``_00000042`` for the anchor at frame 42),
``longterm/<sequence>/<sequence>_001.txt`` with ``_001_confidence.value``; ``_time.value`` beside each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from siamtrack.data.anchors import anchors_of
from siamtrack.data.sequence import Frames, Sequence
from siamtrack.evaluation.vot import edition, run_file, save_run
from siamtrack.evaluation.vot.files import write_values
from siamtrack.evaluation.vot.regions import INITIALISATION
from siamtrack.tracking.experiment import Experiment, OnePass, Part, in_file_numbers, overlap_so_far, rows_in
from siamtrack.tracking.follow import follow, reseed
from siamtrack.tracking.restart import follow_with_restarts, overlap_with_truth
from siamtrack.tracking.tracker import Tracker

Overlap = Literal["pysot", "official"]


def experiment(name: str, benchmark: str, overlap: Overlap = "pysot") -> Experiment:
    """An experiment by its name.

    Args:
        name: ``one-pass``, ``supervised``, ``multistart``, ``longterm``; ``auto``: what the benchmark asks for.
        benchmark: its name.
        overlap: see :class:`Supervised`.

    Raises:
        ValueError: no such experiment.
    """
    known: dict[str, Experiment] = {
        e.name: e for e in (OnePass(), Supervised(overlap=overlap), Multistart(), LongTerm())
    }
    if name == "auto":
        about = edition(benchmark)
        name = about.experiment if about else OnePass.name
    if name not in known:
        raise ValueError(f"there is no experiment {name!r}; known are {', '.join(known)}.")
    return known[name]


@dataclass(frozen=True)
class Supervised:
    """From the first frame, and started again five frames after every failure (VOT to 2019).

    Attributes:
        overlap: the toolkit whose overlap says that a frame is a failure.
    """

    name: str = "supervised"
    overlap: Overlap = "pysot"

    def facts(self) -> dict[str, str]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        return {} if self.overlap == "pysot" else {"failures by": self.overlap}

    def parts(self, sequence: Sequence, repeat: int) -> list[Part]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        paths = [run_file(Path(), sequence.name, r + 1, "supervised") for r in range(repeat)]
        return [Part(str(path.with_suffix("")), len(sequence), r) for r, path in enumerate(paths)]

    def complete(self, folder: Path, sequence: Sequence, part: Part) -> bool:
        """One row per frame; times are written before."""
        return rows_in(folder / f"{part.stem}.txt") == len(sequence)

    def run(self, tracker: Tracker, sequence: Sequence, part: Part, folder: Path) -> Mapping[str, float]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        reseed(tracker, part.repetition)
        track = follow_with_restarts(tracker, sequence, overlap_with_truth(sequence, self.overlap))
        rows = [row if len(row) == 1 else tuple(in_file_numbers(np.array(row), sequence.offset)) for row in track.rows]
        save_run(folder / f"{part.stem}.txt", rows, track.seconds)
        return {"failures": float(track.failures)}


@dataclass(frozen=True)
class Multistart:
    """A run from every anchor to the farther end of the sequence, never corrected (VOT2020 to VOT2022)."""

    name: str = "multistart"

    def facts(self) -> dict[str, str]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        return {}

    def parts(self, sequence: Sequence, repeat: int) -> list[Part]:
        """See :class:`siamtrack.tracking.experiment.Experiment`; the challenge runs each anchor once."""
        parts = []
        for i, anchor in enumerate(anchors_of(sequence)):
            if anchor:
                frames = len(sequence) - i if anchor > 0 else i + 1
                path = run_file(Path(), sequence.name, i, "multistart")
                parts.append(Part(str(path.with_suffix("")), frames, start=i, backward=anchor < 0))
        return parts

    def complete(self, folder: Path, sequence: Sequence, part: Part) -> bool:
        """One row per frame from the anchor on."""
        return rows_in(folder / f"{part.stem}.txt") == part.frames

    def run(self, tracker: Tracker, sequence: Sequence, part: Part, folder: Path) -> Mapping[str, float]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        reseed(tracker, part.repetition)
        seen = _seen_from(sequence, part.start, part.backward)
        track = follow(tracker, seen)
        boxes = in_file_numbers(track.boxes, sequence.offset)
        save_run(folder / f"{part.stem}.txt", [(INITIALISATION,), *boxes[1:]], track.seconds)
        return overlap_so_far(seen, track.boxes)


@dataclass(frozen=True)
class LongTerm:
    """From the first frame to the last, with the confidence of every frame."""

    name: str = "longterm"

    def facts(self) -> dict[str, str]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        return {}

    def parts(self, sequence: Sequence, repeat: int) -> list[Part]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        paths = [run_file(Path(), sequence.name, r + 1, "longterm") for r in range(repeat)]
        return [Part(str(path.with_suffix("")), len(sequence), r) for r, path in enumerate(paths)]

    def complete(self, folder: Path, sequence: Sequence, part: Part) -> bool:
        """One row per frame; confidences are written before."""
        return rows_in(folder / f"{part.stem}.txt") == len(sequence)

    def run(self, tracker: Tracker, sequence: Sequence, part: Part, folder: Path) -> Mapping[str, float]:
        """See :class:`siamtrack.tracking.experiment.Experiment`."""
        reseed(tracker, part.repetition)
        track = follow(tracker, sequence)
        boxes = in_file_numbers(track.boxes, sequence.offset)
        path = folder / f"{part.stem}.txt"
        write_values(path.with_name(f"{path.stem}_confidence.value"), [float("nan"), *track.scores[1:]])
        save_run(path, [(INITIALISATION,), *boxes[1:]], track.seconds)
        return overlap_so_far(sequence, track.boxes)


class _Reordered:
    """Some frames of others, in another order.

    Args:
        frames: the others.
        order: their indices.
    """

    def __init__(self, frames: Frames, order: np.ndarray) -> None:
        self._frames, self._order = frames, order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int, /) -> np.ndarray:
        return self._frames[int(self._order[index])]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._frames[int(i)] for i in self._order)


def _seen_from(sequence: Sequence, start: int, backward: bool) -> Sequence:
    """The sequence in the order in which a run from a frame meets it; what does not matter to running is left out."""
    order = np.arange(start, -1, -1) if backward else np.arange(start, len(sequence))
    return dataclasses.replace(
        sequence,
        frames=_Reordered(sequence.frames, order),
        file_boxes=sequence.file_boxes[order],
        visible=None,
        polygons=None,
        cover=None,
        tags=None,
        anchors=None,
    )
