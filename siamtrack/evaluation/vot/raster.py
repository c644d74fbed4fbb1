"""Counting the pixels that two polygons cover and share, for many pairs at once and without painting.

VOT's toolkits paint two bitmaps per pair and count. The same numbers follow from the spans of each pixel row: a row
crosses the boundary at nodes, and the toolkits fill from node to node. A polygon whose boundary goes down once and up
once (every convex one) has one span a row, from one chain of edges to the other; those of all pairs are computed in
one sweep (:mod:`siamtrack.evaluation.vot.sweep`). The few others are walked node by node
(:mod:`siamtrack.evaluation.vot.walk`).

Both toolkits compute a node as ``int(xi + (row - yi) / (yj - yi) * (xj - xi))`` in double precision; the order of
operations is theirs, so that truncation falls on the same pixel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siamtrack.evaluation.vot import sweep, walk
from siamtrack.evaluation.vot.outlines import Counts, Indices, Outlines
from siamtrack.evaluation.vot.regions import Array

_ROWS = 1 << 15  # rows at a time: what a sweep touches stays in the cache


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
    counts = np.zeros((3, len(first)))
    simple = first.one_span() & second.one_span()
    load = 1 + np.add(*(np.where(outline.box, 0, outline.rows(height)[1]) for outline in (first, second)))
    for which, counted in ((np.flatnonzero(simple), sweep.count), (np.flatnonzero(~simple), walk.count)):
        for part in _parts(which, load[which]):
            counts[:, part] = counted(first[part], second[part], width[part], height[part], lone)
    return Counts(*counts)


def _parts(which: Indices, load: Array) -> Iterator[Indices]:
    """Pairs in portions of some ``_ROWS`` rows."""
    portion = (load.cumsum() // _ROWS).astype(np.intp)
    cuts = np.flatnonzero(np.diff(portion)) + 1
    return (part for part in np.split(which, cuts) if len(part))
