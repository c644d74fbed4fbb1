"""How many frames of each sequence pass each threshold: curves as counts, exact to the last bit of a value."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def hits_above(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None = None
) -> Counts:
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
    below = _at_most(np.fmax(values, -np.inf), thresholds, sequence, count, kept)  # fmax: NaN becomes -inf
    return below[:, -1:] - below[:, :-1]


def hits_within(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None = None
) -> Counts:
    """How many values of each sequence are at most each threshold; NaN never is. Shapes as :func:`hits_above`."""
    return _at_most(values, thresholds, sequence, count, kept)[:, :-1]


def _at_most(
    values: Array, thresholds: Array, sequence: NDArray[np.intp], count: int, kept: NDArray[np.bool_] | None
) -> Counts:
    """``[count, T + 1]``: values at most each threshold, and in the last column all of them."""
    if kept is not None:
        values, sequence = values[kept], sequence[kept]
    width = len(thresholds) + 1
    bins = grid(thresholds.tobytes()).bins(values)
    bins += sequence * width
    return np.bincount(bins, minlength=count * width).reshape(count, width).cumsum(1)


class Grid:
    """Finds for each value the first threshold that is not below it.

    Where thresholds are evenly spread, as all of the toolkits are, rounding a value to the nearest one names the only
    threshold it need be compared with; rounding is monotone, so that the answer is exact. Others are searched.

    Args:
        thresholds: ``[T]`` ascending.
    """

    def __init__(self, thresholds: Array) -> None:
        self._thresholds = thresholds
        spread = thresholds[-1] - thresholds[0]
        self._scale = (len(thresholds) - 1) / spread if spread > 0 else 0.0
        step = 1 / self._scale if spread > 0 else 1.0
        self._first, self._last = thresholds[0] - step, thresholds[-1] + step
        self._edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
        self.even = spread > 0 and bool((self._cells(thresholds) == np.arange(1, len(thresholds) + 1)).all())

    def bins(self, values: Array) -> NDArray[np.intp]:
        """``[N]`` indices of the first threshold >= value; T for values above all of them, and for NaN."""
        if not self.even:
            found: NDArray[np.intp] = np.searchsorted(self._thresholds, values)
            return found
        near = np.fmin(values, self._last)  # fmin: NaN becomes the last
        np.maximum(near, self._first, out=near)
        cells = self._cells(near)
        above = near > self._edges.take(cells)
        cells -= 1
        cells += above
        return cells

    def _cells(self, values: Array) -> NDArray[np.intp]:
        """0 before the first threshold, then one cell around each, then T + 1."""
        place = values - self._first
        place *= self._scale
        place += 0.5
        cells: NDArray[np.intp] = place.astype(np.intp)
        return cells


@functools.lru_cache(maxsize=32)
def grid(thresholds: bytes) -> Grid:
    """The grid of float64 thresholds, made once."""
    return Grid(np.frombuffer(thresholds, np.float64))
