"""GOT-10k validation: average overlap and success rates over all frames of all sequences.

The first frame is left out, boxes are cut to the frame, frames without cover are left out, and all runs of a
sequence are pooled (got-10k/toolkit ``got10k/experiments/got10k.py``). What remains is counting, done by
:class:`~siamtrack.evaluation.ope.OnePass`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from siamtrack.evaluation.ope import OnePass
from siamtrack.evaluation.protocols import Protocol
from siamtrack.evaluation.results import ResultError, TrackerResults
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.truth import Array, Truth


def bound(boxes: Array, resolution: tuple[int, int]) -> Array:
    """Cut ``[F, 4]`` boxes to a frame of ``resolution`` (width, height) px, got10k's way.

    A corner left of or above the frame moves onto its border without shortening the box.
    """
    size = np.array(resolution, np.float64)
    corner = np.clip(boxes[:, :2], 0, size)
    return np.concatenate([corner, np.clip(boxes[:, 2:], 0, size - corner)], 1)


def evaluate_val(truths: Sequence[Truth], results: TrackerResults, protocol: Protocol, benchmark: str = "") -> Scores:
    """AO, SR 0.5 and SR 0.75 of one tracker.

    Raises:
        ResultError: a sequence has no result, or one with other than one row per frame.
        ValueError: a sequence has no resolution.
    """
    names = [truth.name for truth in truths]
    bounded, pooled = [], {}
    for truth in truths:
        if truth.resolution is None:
            raise ValueError(f"Sequence {truth.name}: GOT-10k is scored within the frame, whose resolution is missing.")
        cover = np.ones(len(truth.boxes)) if truth.cover is None else np.asarray(truth.cover)
        kept = np.flatnonzero(cover[1:] > 0) + 1
        if not len(kept):
            raise ValueError(f"Sequence {truth.name}: no frame after the first has cover > 0; leave the sequence out.")
        runs = results.runs(truth.name, names)
        for boxes in runs:
            if boxes.shape != truth.boxes.shape:
                raise ResultError(
                    f"{results.tracker}, sequence {truth.name}: the result is {list(boxes.shape)}, "
                    f"GOT-10k asks for the shape of the truth, {list(truth.boxes.shape)}."
                )
        # Runs end to end make one long sequence, so that sequences may have different numbers of them.
        true = np.tile(bound(truth.boxes[kept], truth.resolution), (len(runs), 1))
        bounded.append(Truth(truth.name, true, attributes=truth.attributes))
        pooled[truth.name] = (np.concatenate([bound(boxes[kept], truth.resolution) for boxes in runs]),)
    counted = dataclasses.replace(protocol, first="scored", bounded=False)
    scores = OnePass(bounded, counted).score(TrackerResults(results.tracker, pooled, results.times), benchmark)
    return dataclasses.replace(scores, protocol=protocol)
