"""The frames from which VOT's experiment with anchors runs a tracker."""

from __future__ import annotations

import numpy as np

from siamtrack.data.sequence import DataError, Sequence

STEP = 50  # frames between anchors, as in VOT2020


def anchors_of(sequence: Sequence) -> np.ndarray:
    """``[F]`` int: 1 where a multistart run begins and goes forward, -1 where one goes backward, else 0.

    The benchmark's own where it has them. Otherwise every 50th frame and the last one, towards the farther end, moved
    to the nearest frame that shows the target.

    Raises:
        DataError: no frame shows the target.

    Source: Kristan et al., The Eighth Visual Object Tracking VOT2020 Challenge Results, section 2.
    """
    if sequence.anchors is not None:
        return sequence.anchors
    frames = len(sequence)
    anchors = np.zeros(frames, np.int64)
    shown = np.flatnonzero(np.isfinite(sequence.boxes).all(1))
    if not len(shown):
        raise DataError(f"sequence {sequence.name}: no frame has a box, so no run can start.")
    for wanted in {*range(0, frames, STEP), frames - 1}:
        i = int(shown[np.abs(shown - wanted).argmin()])
        anchors[i] = 1 if i < frames / 2 else -1
    return anchors
