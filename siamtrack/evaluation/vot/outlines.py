"""Regions as a raster sees them: corners in whole pixels, and upright boxes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.vot.regions import Array, Mask

Indices = NDArray[np.intp]


class Counts(NamedTuple):
    """``[N]`` pixels that the first of each pair covers, the second, and both."""

    first: Array
    second: Array
    common: Array


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
            np.concatenate([values if values.shape[1] == corners else _longer(values, corners) for values in columns])
            for columns in ([part.x for part in parts], [part.y for part in parts])
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


def _longer(values: Array, corners: int) -> Array:
    return np.concatenate([values, np.repeat(values[:, -1:], corners - values.shape[1], 1)], 1)
