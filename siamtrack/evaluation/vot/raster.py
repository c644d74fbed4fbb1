"""Counting the pixels that two polygons cover and share, for many pairs at once and without painting.

VOT's toolkits paint two bitmaps per pair and count. The same numbers follow from the spans of each pixel row: a row
crosses the boundary at nodes, and the toolkits fill from node to node. A polygon whose boundary goes down once and up
once (every convex one) has one span a row, from one chain of edges to the other; those of all pairs are computed in
one sweep. The few others are walked node by node (:mod:`siamtrack.evaluation.vot.walk`).

Both toolkits compute a node as ``int(xi + (row - yi) / (yj - yi) * (xj - xi))`` in double precision; the order of
operations is theirs, so that truncation falls on the same pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

_ROWS = 1 << 14  # rows at a time: what a sweep touches stays in the cache


@dataclass(frozen=True, eq=False)
class Outlines:
    """What is to be rastered, in whole pixels from the corner of each pair's window.

    Attributes:
        x: ``[N, V]`` corners; those behind the last one repeat it.
        y: ``[N, V]``.
        counts: ``[N]`` corners that count; 0 covers nothing.
        box: ``[N]`` upright rectangles, given by ``extent`` alone.
        extent: ``[N, 4]`` left, top, right, bottom of the boxes, right and bottom exclusive, cut to the window.
    """

    x: Array
    y: Array
    counts: NDArray[np.int64]
    box: Mask
    extent: Array

    def __getitem__(self, which: slice | Indices | Mask) -> Outlines:
        return Outlines(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def concatenate(cls, *parts: Outlines) -> Outlines:
        """End to end, with as many corners as the largest has."""
        corners = max(part.x.shape[1] for part in parts)
        x, y = (
            np.concatenate([np.pad(v, ((0, 0), (0, corners - v.shape[1])), "edge") for v in values])
            for values in ([part.x for part in parts], [part.y for part in parts])
        )
        rest = (np.concatenate([getattr(part, name) for part in parts]) for name in ("counts", "box", "extent"))
        return cls(x, y, *rest)

    def __len__(self) -> int:
        return len(self.box)

    def rows(self, height: Array) -> tuple[Array, Array]:
        """``[N]`` first row of each inside its window, and the number of its rows there."""
        first = np.where(self.box, self.extent[:, 1], np.maximum(self.y.min(1), 0))
        stop = np.where(self.box, self.extent[:, 3], np.minimum(self.y.max(1) + 1, height))
        return first, np.where((self.counts == 0) & ~self.box, 0, np.maximum(stop - first, 0))

    def one_span(self) -> Mask:
        """``[N]`` those with at most one span in any row: boxes, and boundaries that go down once and up once."""
        dx, dy = self.x - np.roll(self.x, 1, 1), self.y - np.roll(self.y, 1, 1)
        direction = np.sign(dy)
        last, turns = direction[:, -1], np.zeros(len(self))
        for edge in direction.T:  # the last direction there is, round the corner
            last = np.where(edge != 0, edge, last)
        for edge in direction.T:
            turns += (edge != 0) & (edge != last)
            last = np.where(edge != 0, edge, last)
        # a level edge is harmless where it closes the shape at the top or bottom, once
        level = (dy == 0) & (dx != 0)
        top, bottom = self.y == self.y.min(1)[:, None], self.y == self.y.max(1)[:, None]
        closed = ((level & top).sum(1) <= 1) & ((level & bottom).sum(1) <= 1) & ~(level & ~top & ~bottom).any(1)
        found: Mask = self.box | (self.counts == 0) | ((turns == 2) & closed)
        return found


class Counts(NamedTuple):
    """``[N]`` pixels of the first, of the second, and of both."""

    first: Array
    second: Array
    common: Array


def count(first: Outlines, second: Outlines, width: Array, height: Array, lone: bool) -> Counts:
    """Pixels that each pair covers and shares inside its window.

    Args:
        first: N outlines.
        second: N outlines.
        width: ``[N]`` of the windows, px.
        height: ``[N]``.
        lone: a row whose nodes all coincide covers that pixel, and level edges have a node (the official toolkit);
            otherwise it covers nothing, and they have none (pysot).
    """
    from siamtrack.evaluation.vot import walk

    counts = np.zeros((3, len(first)))
    simple = first.one_span() & second.one_span()
    load = 1 + np.add(*(np.where(outline.box, 0, outline.rows(height)[1]) for outline in (first, second)))
    for which, counted in ((np.flatnonzero(simple), _sweep), (np.flatnonzero(~simple), walk.count)):
        for part in _parts(which, load[which]):
            counts[:, part] = counted(first[part], second[part], width[part], height[part], lone)
    return Counts(*counts)


def _parts(which: Indices, load: Array) -> Iterator[Indices]:
    """Pairs in portions of some ``_ROWS`` rows."""
    portion = (load.cumsum() // _ROWS).astype(np.intp)
    cuts = np.flatnonzero(np.diff(portion)) + 1
    return (part for part in np.split(which, cuts) if len(part))


class _Spans(NamedTuple):
    """The pixels of every row of M outlines: ``lo .. end - 1`` each, rows of one outline after the other."""

    first: Array  # [M] row
    rows: Array  # [M]
    start: Array  # [M] where its rows begin in ``lo`` and ``end``
    lo: Array
    end: Array


def _sweep(first: Outlines, second: Outlines, width: Array, height: Array, lone: bool) -> Counts:
    pairs = len(first)
    both = Outlines.concatenate(first, second)
    polygons = np.flatnonzero(~both.box)
    extent = both.extent
    spans = _spans(both[polygons], np.tile(width, 2)[polygons], np.tile(height, 2)[polygons], lone)
    first_row, rows = extent[:, 1].copy(), extent[:, 3] - extent[:, 1]
    first_row[polygons], rows[polygons] = spans.first, spans.rows
    area = rows * (extent[:, 2] - extent[:, 0])
    covered = np.concatenate([[0.0], np.cumsum(spans.end - spans.lo)])
    start = spans.start.astype(np.intp)
    area[polygons] = covered[start + spans.rows.astype(np.intp)] - covered[start]
    begin = np.maximum(first_row[:pairs], first_row[pairs:])
    shared = np.maximum(np.minimum((first_row + rows)[:pairs], (first_row + rows)[pairs:]) - begin, 0)
    place = np.zeros(2 * pairs)  # where the row ``begin`` of a polygon stands
    place[polygons] = spans.start - spans.first
    place += np.tile(begin, 2)
    common = np.zeros(pairs)
    kinds = both.box[:pairs] * 2 + both.box[pairs:]
    for kind in range(4):
        which = np.flatnonzero((kinds == kind) & (shared > 0))
        if not len(which):
            continue
        if kind == 3:
            lo, end = (op(extent[which, i], extent[which + pairs, i]) for op, i in ((np.maximum, 0), (np.minimum, 2)))
            common[which] = shared[which] * np.maximum(end - lo, 0)
            continue
        length = shared[which].astype(np.intp)
        offset = np.cumsum(length) - length
        los, ends = [], []
        for side in (which, which + pairs):
            if both.box[side[0]]:
                los.append(np.repeat(extent[side, 0], length))
                ends.append(np.repeat(extent[side, 2], length))
            else:
                row = np.arange(length.sum()) + np.repeat(place[side].astype(np.intp) - offset, length)
                los.append(spans.lo.take(row))
                ends.append(spans.end.take(row))
        common[which] = np.add.reduceat(np.maximum(np.minimum(*ends) - np.maximum(*los), 0), offset)
    return Counts(area[:pairs], area[pairs:], common)


def _spans(outlines: Outlines, width: Array, height: Array, lone: bool) -> _Spans:
    """One span a row, between the chain of edges that goes down and the one that comes back."""
    first, rows = outlines.rows(height)
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
    return _Spans(first, rows, np.cumsum(rows) - rows, lo, end)


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
