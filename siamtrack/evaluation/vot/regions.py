"""Regions of many frames in one array: special codes, rectangles and polygons, as VOT's files hold them.

A row of a file is one number (a code: 0 unknown or skipped, 1 initialisation, 2 failure), four (x, y, w, h), or six
and more (x1, y1, x2, y2, ...). One :class:`Regions` holds a row per frame, so that overlaps are computed for all
frames at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

UNKNOWN, INITIALISATION, FAILURE = 0, 1, 2
LARGEST = 2.0**24  # px; single precision, in which pysot's library computes, knows no half pixels far below it


@dataclass(frozen=True, eq=False)
class Regions:
    """One region per frame.

    Attributes:
        values: ``[F, K]`` float64, the numbers of each row; what lies behind a row's own numbers is 0.
        counts: ``[F]`` how many numbers a row has: 1 (a code), 4 (x, y, w, h) or an even number from 6 on (corners).

    Raises:
        ValueError: another number of values, with its row.
    """

    values: Array
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        known = (self.counts == 1) | (self.counts == 4) | ((self.counts >= 6) & (self.counts % 2 == 0))
        if not known.all():
            row = int(known.argmin())
            raise ValueError(
                f"row {row + 1} has {self.counts[row]} numbers; a region is 1 (a code), 4 (x, y, w, h) or the corners "
                "of a polygon, an even number from 6 on."
            )

    @classmethod
    def of(cls, rows: Iterable[Sequence[float] | Array]) -> Regions:
        """From one sequence of numbers per frame; a row with NaN is a frame without the target (code 0)."""
        lists = [np.asarray(row, np.float64).ravel() for row in rows]
        counts = np.array([len(row) for row in lists], np.int64)
        values = np.zeros((len(lists), int(counts.max(initial=1))))
        if len(lists):
            values[np.arange(values.shape[1]) < counts[:, None]] = np.concatenate(lists)
        return cls(*_without_nan(values, counts))

    @classmethod
    def rectangles(cls, boxes: Array) -> Regions:
        """From ``[F, 4]`` x, y, w, h; a row with NaN is a frame without the target."""
        return cls._table(boxes)

    @classmethod
    def polygons(cls, corners: Array) -> Regions:
        """From ``[F, 2 n]`` x1, y1, ..., xn, yn; a row with NaN is a frame without the target."""
        return cls._table(corners)

    @classmethod
    def _table(cls, rows: Array) -> Regions:
        values = np.array(rows, np.float64)
        return cls(*_without_nan(values, np.full(len(values), values.shape[1], np.int64)))

    @classmethod
    def concatenate(cls, parts: Sequence[Regions]) -> Regions:
        """End to end."""
        width = max((part.values.shape[1] for part in parts), default=1)
        padded = [np.pad(part.values, ((0, 0), (0, width - part.values.shape[1]))) for part in parts]
        return cls(np.concatenate(padded), np.concatenate([part.counts for part in parts]))

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: slice | NDArray[np.intp] | Mask) -> Regions:
        return Regions(self.values[rows], self.counts[rows])

    @property
    def special(self) -> Mask:
        """``[F]`` rows that are a code and no region."""
        special: Mask = self.counts == 1
        return special

    def is_code(self, code: int) -> Mask:
        """``[F]`` rows that are this code."""
        found: Mask = self.special & (self.values[:, 0] == code)
        return found

    @property
    def rectangular(self) -> Mask:
        """``[F]`` rows of x, y, w, h."""
        rectangular: Mask = self.counts == 4
        return rectangular

    def corners(self) -> tuple[Array, NDArray[np.int64]]:
        """``[F, V, 2]`` corners and ``[F]`` how many of them count (0 for codes).

        Rectangles become (x, y), (x + w, y), (x + w, y + h), (x, y + h). Corners behind the last one repeat it.
        """
        width = max(8, self.values.shape[1] + self.values.shape[1] % 2)
        flat = np.zeros((len(self), width))
        flat[:, : self.values.shape[1]] = self.values
        box = self.rectangular
        x, y, w, h = self.values[box, :4].T if box.any() else np.zeros((4, 0))
        flat[box, :8] = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], 1)
        count = np.where(box, 4, np.where(self.special, 0, self.counts // 2))
        points = flat.reshape(len(self), -1, 2)
        last = np.minimum(np.arange(points.shape[1]), np.maximum(count - 1, 0)[:, None])
        return np.take_along_axis(points, last[..., None], 1), count


def _without_nan(values: Array, counts: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    absent = np.isnan(values).any(1)
    values[absent] = 0
    return values, np.where(absent, 1, counts)
