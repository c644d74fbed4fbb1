"""Overlap and centre error of box sequences, in the arithmetic of each toolkit, and the curves drawn from them.

Boxes are x, y, w, h on the last axis, in the numbers of the benchmark's own file. The toolkits agree on the idea and
differ in the last bits, which decide integer boxes whose IoU falls exactly on a threshold; every arithmetic here
follows the order of operations of its original. Nothing loops over frames or thresholds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


def _areas(a: Array, b: Array, pixel: float) -> tuple[Array, Array]:
    """Intersection and union of ``[..., 4]`` boxes whose far sides lie at ``x + w - pixel``."""
    w = np.minimum(a[..., 0] + a[..., 2] - pixel, b[..., 0] + b[..., 2] - pixel) - np.maximum(a[..., 0], b[..., 0])
    h = np.minimum(a[..., 1] + a[..., 3] - pixel, b[..., 1] + b[..., 3] - pixel) - np.maximum(a[..., 1], b[..., 1])
    intersection = np.maximum(w + pixel, 0) * np.maximum(h + pixel, 0)
    return intersection, a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - intersection


def iou_continuous(a: Array, b: Array) -> Array:
    """IoU in [0, 1] as pysot computes it (``toolkit/utils/statistics.py``); NaN for two empty boxes."""
    intersection, union = _areas(a, b, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.maximum(np.minimum(intersection / union, 1), 0)


def iou_guarded(a: Array, b: Array) -> Array:
    """IoU in [0, 1] as got10k computes it (``got10k/utils/metrics.py``); 0 for two empty boxes."""
    intersection, union = _areas(a, b, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(intersection / (union + _EPS), 0.0, 1.0)


def iou_pixel(a: Array, b: Array) -> Array:
    """IoU as the MATLAB kits and pytracking compute it: far sides at ``x + w - 1``, extents one pixel wider.

    Equal to the continuous one up to rounding; not clipped.
    """
    intersection, union = _areas(a, b, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return intersection / union


def centers(boxes: Array) -> Array:
    """``[..., 4]`` -> ``[..., 2]`` px: ``x + (w - 1) / 2``, the centre of every toolkit."""
    return boxes[..., :2] + (boxes[..., 2:] - 1) / 2


def center_error(predicted: Array, truth: Array) -> Array:
    """Distance of the centres of ``[..., 4]`` boxes, px."""
    return _length(centers(predicted) - centers(truth))


def normalized_error_separate(predicted: Array, truth: Array, guard: float = 0.0) -> Array:
    """Centre error in sides of the true box, each centre divided first (pytracking, LaSOT kit; pysot with 1e-16).

    Args:
        predicted: ``[..., 4]``.
        truth: ``[..., 4]``.
        guard: added to the sides.
    """
    sides = truth[..., 2:] + guard
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _length(centers(predicted) / sides - centers(truth) / sides)


def normalized_error_difference(predicted: Array, truth: Array) -> Array:
    """Centre error in sides of the true box, sides below one pixel counting as one (got10k)."""
    return _length((centers(predicted) - centers(truth)) / np.maximum(1.0, truth[..., 2:]))


def _length(offset: Array) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.sqrt(offset[..., 0] * offset[..., 0] + offset[..., 1] * offset[..., 1])


OVERLAPS: dict[str, Callable[[Array, Array], Array]] = {
    "continuous": iou_continuous,
    "guarded": iou_guarded,
    "pixel": iou_pixel,
}

NORMALIZED_ERRORS: dict[str, Callable[[Array, Array], Array]] = {
    "separate": normalized_error_separate,
    "separate_guarded": lambda predicted, truth: normalized_error_separate(predicted, truth, 1e-16),
    "difference": normalized_error_difference,
}


def hits_above(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """How many values of each sequence lie strictly above each threshold; NaN never does.

    Args:
        values: ``[N]``, one per frame of all sequences.
        thresholds: ``[T]`` ascending.
        sequence: ``[N]`` which sequence a frame belongs to, ``0 .. count - 1``.
        count: number of sequences.
        kept: ``[N]`` frames that are counted; all where it is ``None``.

    Returns:
        ``[count, T]``.
    """
    numbers = np.where(np.isnan(values), -np.inf, values)
    cumulative = _cumulative(numbers, thresholds, sequence, count, kept)
    return cumulative[:, -1:] - cumulative[:, :-1]


def hits_within(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """How many values of each sequence are at most each threshold; NaN never is. Shapes as :func:`hits_above`."""
    return _cumulative(values, thresholds, sequence, count, kept)[:, :-1]


def _cumulative(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """``[count, T + 1]``: values at most each threshold, and in the last column all of them."""
    if kept is not None:
        values, sequence = values[kept], sequence[kept]
    width = len(thresholds) + 1
    bins = np.searchsorted(thresholds, values)  # the first threshold not below the value; NaN sorts behind the last
    histogram = np.bincount(sequence * width + bins, minlength=count * width)
    return histogram.reshape(count, width).cumsum(1)
