"""Spans of outlines that cross a row more than twice: concave, self-touching or flat ones.

The nodes of a row are sorted and walked as VOT's toolkits do: two equal neighbours are the two edges of one corner, of
which the first is passed over; otherwise the pixels from a node to the next are filled, both included. All rows take
the steps together, so that the only loop is over the corners of an outline.
"""

from __future__ import annotations

import numpy as np

from siamtrack.evaluation.vot.outlines import Counts, Indices, Outlines
from siamtrack.evaluation.vot.regions import Array


def count(first: Outlines, second: Outlines, width: Array, height: Array, lone: bool) -> Counts:
    """As :func:`siamtrack.evaluation.vot.raster.count`, for any outlines."""
    ranges = [outline.rows(height) for outline in (first, second)]
    begin = np.minimum(ranges[0][0], ranges[1][0])
    rows = np.maximum(*(start + length for start, length in ranges)) - begin
    rows = np.maximum(rows, 0).astype(np.intp)
    pair = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(pair)) - np.repeat(np.cumsum(rows) - rows - begin, rows)
    spans = [_fill(outline, pair, row, width[pair], lone) for outline in (first, second)]
    areas = [np.maximum(end - lo, 0).sum(1) for lo, end in spans]
    (lo_a, end_a), (lo_b, end_b) = spans
    shared = np.minimum(end_a[:, :, None], end_b[:, None]) - np.maximum(lo_a[:, :, None], lo_b[:, None])
    common = np.maximum(shared, 0).sum((1, 2))
    a, b, both = (np.bincount(pair, values, len(rows)).astype(np.float64) for values in (*areas, common))
    return Counts(a, b, both)


def _fill(outlines: Outlines, pair: Indices, row: Array, width: Array, lone: bool) -> tuple[Array, Array]:
    """``[R, V]`` disjoint spans ``lo .. end - 1`` of each row; empty ones have ``end <= lo``."""
    nodes, found = _nodes(outlines, pair, row, lone)
    lo, end = np.zeros_like(nodes), np.zeros_like(nodes)
    at, reach = np.zeros(len(row)), np.zeros(len(row))
    for i in range(nodes.shape[1] - 1):
        here = (at == i) & (i < found - 1)
        node, following = nodes[:, i], nodes[:, i + 1]
        passed = here & (node == following) & ((i < found - 2) | (not lone))
        filled = here & ~passed
        at = np.where(passed, i + 1, np.where(filled, i + 2, at))
        lo[:, i] = np.where(filled, np.maximum(node, reach), 0)
        end[:, i] = np.where(filled, np.minimum(following + 1, width), 0)
        reach = np.maximum(reach, end[:, i])
    box, extent = outlines.box[pair], outlines.extent[pair]
    inside = box & (extent[:, 1] <= row) & (row < extent[:, 3])
    lo[box], end[box] = 0, 0
    lo[inside, 0], end[inside, 0] = extent[inside, 0], extent[inside, 2]
    return lo, end


def _nodes(outlines: Outlines, pair: Indices, row: Array, lone: bool) -> tuple[Array, Array]:
    """``[R, V]`` sorted columns at which the boundary crosses each row, infinity behind the last; ``[R]`` how many."""
    x, y = outlines.x[pair], outlines.y[pair]
    xj, yj, at = np.roll(x, 1, 1), np.roll(y, 1, 1), row[:, None]
    real = np.arange(x.shape[1]) < outlines.counts[pair][:, None]
    crossing = real & (y != yj) & (np.minimum(y, yj) <= at) & (at <= np.maximum(y, yj))
    with np.errstate(divide="ignore", invalid="ignore"):
        node = np.trunc(x + (at - y) / (yj - y) * (xj - x))
    if lone:
        level = real & (y == yj) & (y == at)
        crossing, node = crossing | level, np.where(level, x, node)
    return np.sort(np.where(crossing, node, np.inf), 1), crossing.sum(1).astype(np.float64)
