"""What happened frame by frame: overlaps of one sequence, and the frames in which a tracker did worst."""

from __future__ import annotations

import numpy as np

from siamtrack.evaluation import overlap
from siamtrack.evaluation.got10k import bound
from siamtrack.evaluation.ope import Array, Truth
from siamtrack.evaluation.protocols import Protocol


def frame_overlaps(truth: Truth, boxes: Array, protocol: Protocol) -> Array:
    """Overlap in every frame of a sequence, in the arithmetic of a protocol.

    Frames that a result does not reach, or where it is not a number, are misses. The rows a protocol repairs and the
    first frame are shown as the tracker wrote them.

    Args:
        truth: of the sequence, F frames.
        boxes: ``[F', 4]`` x, y, w, h of one run.
        protocol: as resolved for the benchmark.

    Returns:
        ``[F]`` in [0, 1]; NaN in frames without a target: no true box, or marked absent where the protocol heeds it.
    """
    true, found = truth.boxes, np.full(truth.boxes.shape, np.nan)
    reach = min(len(true), len(boxes))
    found[:reach] = boxes[:reach]
    shown = np.all(true[:, 2:] > 0, 1) & ~np.isnan(true).any(1)
    if protocol.invisible != "ignored" and truth.visible is not None:
        shown &= truth.visible
    if protocol.bounded and truth.resolution is not None:
        true, found = bound(true, truth.resolution), bound(found, truth.resolution)
        shown &= np.all(true[:, 2:] > 0, 1)
        if truth.cover is not None:
            shown &= np.asarray(truth.cover) > 0
    ious = np.clip(np.nan_to_num(overlap.OVERLAPS[protocol.overlap](found, true)), 0.0, 1.0)
    return np.where(shown, ious, np.nan)


def worst_frames(overlaps: Array, count: int) -> list[int]:
    """Frames of least overlap, worst first, spread over the sequence.

    Of equal frames the first is taken, so that a target that was lost is shown where it was lost. No two are nearer
    to each other than a sixth of the sequence, and the first frame, which the tracker was given, is none of them.

    Args:
        overlaps: ``[F]``, NaN where there is nothing to overlap with.
        count: how many at most.
    """
    left = np.where(np.isnan(overlaps), np.inf, overlaps)
    left[:1] = np.inf
    apart = max(len(left) // 6, 1)
    chosen: list[int] = []
    while len(chosen) < count and np.isfinite(left).any():
        frame = int(left.argmin())
        chosen.append(frame)
        left[max(frame - apart + 1, 0) : frame + apart] = np.inf
    return chosen
