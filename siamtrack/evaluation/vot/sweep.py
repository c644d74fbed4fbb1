"""Spans of outlines that have one in every row: between the chain of edges that goes down and the one that comes back.

The edges of a chain lie one above the other, so that their rows, laid end to end, are the rows of the outline in
order; those of all outlines make one array, in which every operation runs over all rows of all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from siamtrack.evaluation.vot.outlines import Counts, Indices, Outlines
from siamtrack.evaluation.vot.regions import Array, Mask


class _Spans(NamedTuple):
    """The pixels of every row of M outlines: ``lo .. end - 1`` in each.

    Attributes:
        first: ``[M]`` first row.
        rows: ``[M]`` how many.
        box: ``[M]`` those whose rows are all alike, from ``left`` to ``right``.
        left: ``[M]``.
        right: ``[M]``.
        start: ``[M]`` where the rows of the others begin in ``lo`` and ``end``.
        lo: all rows of the others, one outline after the other.
        end: the same.
    """

    first: Array
    rows: Array
    box: Mask
    left: Array
    right: Array
    start: Indices
    lo: Array
    end: Array

    def areas(self) -> Array:
        """``[M]`` pixels."""
        covered = np.concatenate([[0.0], np.cumsum(self.end - self.lo)])
        stop = self.start + np.where(self.box, 0, self.rows).astype(np.intp)
        return np.where(self.box, self.rows * (self.right - self.left), covered[stop] - covered[self.start])

    def at(self, which: Indices, begin: Array, length: Indices, offset: Indices) -> tuple[Array, Array]:
        """``lo`` and ``end`` of some rows of some outlines, which are all boxes or all others.

        Args:
            which: the outlines.
            begin: first row of each.
            length: how many rows of each.
            offset: rows before each in what is returned.
        """
        if self.box[which[0]]:
            return np.repeat(self.left[which], length), np.repeat(self.right[which], length)
        shift = self.start[which] + (begin - self.first[which]).astype(np.intp) - offset
        row = np.arange(length.sum()) + np.repeat(shift, length)
        return self.lo.take(row), self.end.take(row)


def count(first: Outlines, second: Outlines, width: Array, height: Array, lone: bool) -> Counts:
    """As :func:`siamtrack.evaluation.vot.raster.count`, for outlines with one span a row."""
    spans = _spans(Outlines.concatenate(first, second), np.tile(width, 2), np.tile(height, 2), lone)
    pairs = len(first)
    areas = spans.areas()
    return Counts(areas[:pairs], areas[pairs:], _common(spans, pairs))


def _common(spans: _Spans, pairs: int) -> Array:
    """``[pairs]`` pixels that outlines i and pairs + i share."""
    stop = spans.first + spans.rows
    begin = np.maximum(spans.first[:pairs], spans.first[pairs:])
    shared = np.maximum(np.minimum(stop[:pairs], stop[pairs:]) - begin, 0)
    common = np.zeros(pairs)
    kinds = spans.box[:pairs] * 2 + spans.box[pairs:]
    for kind in range(3):
        which = np.flatnonzero((kinds == kind) & (shared > 0))
        if len(which):
            length = shared[which].astype(np.intp)
            offset = np.cumsum(length) - length
            (lo_a, end_a), (lo_b, end_b) = (
                spans.at(side, begin[which], length, offset) for side in (which, which + pairs)
            )
            both = np.minimum(end_a, end_b) - np.maximum(lo_a, lo_b)
            common[which] = np.add.reduceat(np.maximum(both, 0), offset)
    left = np.maximum(spans.left[:pairs], spans.left[pairs:])
    right = np.minimum(spans.right[:pairs], spans.right[pairs:])
    return np.where(kinds == 3, shared * np.maximum(right - left, 0), common)


def _spans(outlines: Outlines, width: Array, height: Array, lone: bool) -> _Spans:
    first, rows = outlines.rows(height)
    box = outlines.box
    others = np.flatnonzero(~box)
    lo, end = _between_chains(outlines[others], first[others], rows[others], width[others], lone)
    start = np.zeros(len(box), np.intp)
    start[others] = np.cumsum(rows[others]) - rows[others]
    return _Spans(first, rows, box, outlines.extent[:, 0], outlines.extent[:, 2], start, lo, end)


def _between_chains(outlines: Outlines, first: Array, rows: Array, width: Array, lone: bool) -> tuple[Array, Array]:
    """``lo`` and ``end`` of every row."""
    x, y = outlines.x, outlines.y
    xj, yj = np.roll(x, 1, 1), np.roll(y, 1, 1)
    order = np.argsort(np.minimum(y, yj), 1, kind="stable")
    x, y, xj, yj = (np.take_along_axis(values, order, 1) for values in (x, y, xj, yj))
    # an edge has the rows from its upper corner to just above its lower one, which the next edge has; the last both
    lowest = y.max(1)[:, None]
    low = np.maximum(y, yj)
    begin = np.maximum(np.minimum(y, yj), first[:, None])
    stop = np.minimum(low + (low == lowest), (first + rows)[:, None])
    length = np.where(y == yj, 0, np.maximum(stop - begin, 0)).astype(np.intp)
    a, b = (_nodes(x, y, xj, yj, begin, np.where(chain, length, 0)) for chain in (y > yj, y < yj))
    lo, hi = np.minimum(a, b), np.maximum(a, b)
    end = hi + 1 if lone else hi + (hi > lo)
    np.maximum(lo, 0, out=lo)
    np.minimum(end, np.repeat(width, rows.astype(np.intp)), out=end)
    np.maximum(end, lo, out=end)
    return lo, end


def _nodes(x: Array, y: Array, xj: Array, yj: Array, begin: Array, length: Indices) -> Array:
    """Columns at which the edges of one chain cross their rows, top to bottom, all outlines end to end."""
    edges = np.flatnonzero(length)
    length = length.ravel()[edges]
    x, y, xj, yj, begin = (values.ravel()[edges] for values in (x, y, xj, yj, begin))
    offset = np.cumsum(length) - length
    node = np.arange(length.sum(), dtype=np.float64)
    node += np.repeat(begin - y - offset, length)  # row - y, whole numbers
    node /= np.repeat(yj - y, length)
    node *= np.repeat(xj - x, length)
    node += np.repeat(x, length)
    return np.trunc(node, out=node)
