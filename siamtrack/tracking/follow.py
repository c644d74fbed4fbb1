"""One pass of a tracker over a sequence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from siamtrack.data.sequence import Sequence
from siamtrack.engine.seeding import seed_all
from siamtrack.tracking.tracker import Tracker


@dataclass(frozen=True)
class Track:
    """One tracked sequence.

    Attributes:
        boxes: ``[F, 4]`` xywh in frame px, 0-based; row 0 is the start box.
        seconds: ``[F]`` of ``init`` and of each ``update``, without decoding.
        scores: ``[F]`` the tracker's confidence in [0, 1]; 1 in the first frame, which is given.
    """

    boxes: np.ndarray
    seconds: np.ndarray
    scores: np.ndarray


def follow(tracker: Tracker, sequence: Sequence) -> Track:
    """One-pass tracking: started with the first frame's box, never corrected.

    Raises:
        ValueError: a frame cannot be read, or the start box is none; says which.
    """
    boxes, seconds = np.full((len(sequence), 4), np.nan), np.zeros(len(sequence))
    scores = np.ones(len(sequence))
    for i, frame in enumerate(_numbered(sequence)):
        began = time.perf_counter()
        if i == 0:
            tracker.init(frame, sequence.init_box)
            boxes[i] = sequence.init_box
        else:
            result = tracker.update(frame)
            boxes[i], scores[i] = result.box, result.score
        seconds[i] = time.perf_counter() - began
    return Track(boxes, seconds, scores)


def reseed(tracker: Tracker, repetition: int) -> None:
    """Let a stochastic tracker draw what belongs to this repetition, whatever ran before it in this process.

    Args:
        tracker: its ``repetition`` is set.
        repetition: number of the run, from 0; also seeds the generators of Python, NumPy, torch and OpenCV.
    """
    tracker.repetition = repetition
    seed_all(repetition)
    cv2.setRNGSeed(repetition)


def _numbered(sequence: Sequence) -> Iterator[np.ndarray]:
    """The sequence's frames, or a sentence that says which one could not be read."""
    frames = iter(sequence.frames)
    for i in range(len(sequence)):
        frame = next(frames, None)
        if frame is None:
            raise ValueError(f"sequence {sequence.name}: has boxes for {len(sequence)} frames, but only {i} frames.")
        yield frame
