"""VOT's protocol of restarts: a tracker that has lost its target is started again five frames later.

Source: STVIR/pysot ``tools/test.py``; Kristan et al., A Novel Performance Evaluation Methodology for Single-Target
Trackers, PAMI 2016.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siamtrack.data.sequence import Sequence
from siamtrack.evaluation.vot import OVERLAPS, Regions
from siamtrack.evaluation.vot.protocols import SKIP
from siamtrack.evaluation.vot.regions import FAILURE, INITIALISATION, UNKNOWN
from siamtrack.tracking.tracker import Box, Tracker

Overlap = Callable[[Box, int, tuple[int, int]], float]  # of a box with the truth of a frame; (width, height) of it


@dataclass(frozen=True)
class RestartedTrack:
    """One sequence tracked with restarts.

    Attributes:
        rows: one per frame, as VOT's files have them: ``(1,)`` where the tracker was started, ``(2,)`` where it had
            lost the target, ``(0,)`` where it rested, otherwise x, y, w, h in frame px, 0-based.
        seconds: ``[F]`` of ``init`` and ``update``; NaN where the tracker rested.
    """

    rows: tuple[tuple[float, ...], ...]
    seconds: np.ndarray

    @property
    def failures(self) -> int:
        """How often the target was lost."""
        return sum(row == (FAILURE,) for row in self.rows)


def follow_with_restarts(tracker: Tracker, sequence: Sequence, overlap: Overlap | None = None) -> RestartedTrack:
    """Track a sequence; where box and truth share nothing inside the frame, rest and start again.

    A failure in frame f leaves f + 1 .. f + 4 out and starts the tracker in f + 5, or in the next frame that has a
    true box. Frames without one are not judged.

    Args:
        tracker: started on the true upright boxes.
        sequence: with boxes, and polygons where the benchmark has them.
        overlap: what decides; pysot's with the frame as its bounds where it is ``None``.

    Raises:
        ValueError: a frame cannot be read, or the first has no true box.
    """
    judge = overlap or overlap_with_truth(sequence)
    known = np.isfinite(sequence.boxes).all(1)
    rows: list[tuple[float, ...]] = [(UNKNOWN,)] * len(sequence)
    seconds = np.full(len(sequence), np.nan)
    start = 0
    for i in range(len(sequence)):
        if i < start or (i == start and i > 0 and not known[i]):
            start = max(start, i + 1)
            continue
        frame = sequence.frames[i]
        began = time.perf_counter()
        if i == start:
            tracker.init(frame, sequence.boxes[i])
            seconds[i] = time.perf_counter() - began
            rows[i] = (INITIALISATION,)
            continue
        box = tracker.update(frame).box
        seconds[i] = time.perf_counter() - began
        if known[i] and not judge(box, i, (frame.shape[1], frame.shape[0])) > 0:
            rows[i], start = (FAILURE,), i + SKIP
        else:
            rows[i] = tuple(float(value) for value in box)
    return RestartedTrack(tuple(rows), seconds)


def overlap_with_truth(sequence: Sequence, arithmetic: str = "pysot") -> Overlap:
    """Overlap of a box with the sequence's polygons, or its boxes where it has none; NaN counts as none.

    Args:
        sequence: with the truth.
        arithmetic: a key of ``OVERLAPS``; the toolkits' pixels lie differently, which decides when a target that slips
            away slowly is lost.
    """
    truth = sequence.polygons if sequence.polygons is not None else sequence.file_boxes
    regions = (Regions.polygons if sequence.polygons is not None else Regions.rectangles)(truth)
    offset = np.array([sequence.offset, sequence.offset, 0, 0])

    def overlap(box: Box, frame: int, size: tuple[int, int]) -> float:
        if not all(map(math.isfinite, box)):
            return 0.0
        predicted = Regions.rectangles(np.array([box]) + offset)
        value = OVERLAPS[arithmetic](predicted, regions[frame : frame + 1], size)[0]
        return 0.0 if math.isnan(value) else float(value)

    return overlap
