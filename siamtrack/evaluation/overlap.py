"""Overlap and centre error of box sequences, in the arithmetic of each toolkit.

Boxes are x, y, w, h on the last axis, in the numbers of the benchmark's own file. The toolkits agree on the idea and
differ in the last bits, which decide integer boxes whose IoU falls exactly on a threshold; every arithmetic here
follows the order of operations of its original. Nothing loops over frames.
"""

from __future__ import annotations

import functools
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
    """Distance of ``[..., 2]`` centres, px."""
    return _length(predicted - truth)


def normalized_error_separate(predicted: Array, truth: Array, sides: Array, guard: float = 0.0) -> Array:
    """Centre error in sides of the true box, each centre divided first (pytracking, LaSOT kit; pysot with 1e-16).

    Args:
        predicted: ``[..., 2]`` centres.
        truth: ``[..., 2]`` centres of the true boxes.
        sides: ``[..., 2]`` their width and height.
        guard: added to the sides.
    """
    if guard:
        sides = sides + guard
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _length(predicted / sides - truth / sides)


def normalized_error_difference(predicted: Array, truth: Array, sides: Array) -> Array:
    """Centre error in sides of the true box, sides below one pixel counting as one (got10k); arguments as above."""
    return _length((predicted - truth) / np.maximum(1.0, sides))


def _length(offset: Array) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.sqrt(offset[..., 0] * offset[..., 0] + offset[..., 1] * offset[..., 1])


OVERLAPS: dict[str, Callable[[Array, Array], Array]] = {
    "continuous": iou_continuous,
    "guarded": iou_guarded,
    "pixel": iou_pixel,
}

NORMALIZED_ERRORS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "separate": normalized_error_separate,
    "separate_guarded": functools.partial(normalized_error_separate, guard=1e-16),
    "difference": normalized_error_difference,
}
