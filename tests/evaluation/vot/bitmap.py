"""Region overlap the way its definition reads: paint both bitmaps of a pair row by row, then count.

Written for reading; the tests hold the swept spans against it, and ``benchmarks/vot.py`` their speed. A region is a
list of 4 (x, y, w, h) or of 6 and more numbers (corners).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Region = Sequence[float]
Size = tuple[float, float] | None


def paint(xs: Sequence[int], ys: Sequence[int], width: int, height: int, lone: bool) -> np.ndarray:
    """``[height, width]`` uint8; ``lone`` as in ``siamtrack.evaluation.vot.raster.count``."""
    bitmap = np.zeros((height, width), np.uint8)
    for row in range(height):
        nodes = []
        j = len(xs) - 1
        for i in range(len(xs)):
            yi, yj = ys[i], ys[j]
            if yi != yj and min(yi, yj) <= row <= max(yi, yj):
                nodes.append(int(xs[i] + (row - yi) / (yj - yi) * (xs[j] - xs[i])))
            elif lone and yi == yj == row:
                nodes.append(xs[i])
            j = i
        nodes.sort()
        i = 0
        while i < len(nodes) - 1:
            if nodes[i] == nodes[i + 1] and not (lone and i == len(nodes) - 2):
                i += 1
                continue
            if nodes[i + 1] >= 0:
                bitmap[row, max(nodes[i], 0) : nodes[i + 1] + 1] = 1
            i += 2
    return bitmap


def counts(a: np.ndarray, b: np.ndarray) -> tuple[int, int]:
    """Pixels of the intersection and of the union."""
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b))


def corners(region: Region) -> list[tuple[float, float]]:
    if len(region) == 4:
        x, y, w, h = region
        return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return list(zip(region[::2], region[1::2], strict=True))


def pysot(a: Region, b: Region, size: Size = None) -> float:
    """As pysot's region library; NaN where neither covers a pixel."""
    points = [[(np.float32(x), np.float32(y)) for x, y in corners(region)] for region in (a, b)]
    bounds = []
    for shape in points:
        xs, ys = zip(*shape, strict=True)
        edge = [math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))]
        if size is not None:
            edge = [max(edge[0], 0), max(edge[1], 0), min(edge[2], size[0]), min(edge[3], size[1])]
        bounds.append(edge)
    areas = [np.float32(e[2] - e[0]) * np.float32(e[3] - e[1]) for e in bounds]
    left, top = (min(bounds[0][k], bounds[1][k]) for k in (0, 1))
    width, height = (int(max(bounds[0][k], bounds[1][k])) - low + 1 for k, low in ((2, left), (3, top)))
    shared = [min(bounds[0][k + 2], bounds[1][k + 2]) - max(bounds[0][k], bounds[1][k]) for k in (0, 1)]
    if width < 1 or height < 1 or any(p != 0 and q / p < 1e-10 for p, q in (areas, areas[::-1])):
        return 0.0
    if min(shared) <= 0 and sum(areas) != 0:
        return 0.0
    bitmaps = []
    for shape in points:
        x = [away_from_zero(v - np.float32(left)) for v, _ in shape]
        y = [away_from_zero(v - np.float32(top)) for _, v in shape]
        bitmaps.append(paint(x, y, width, height, lone=False))
    common, union = counts(*bitmaps)
    return float(np.float32(common) / np.float32(union)) if union else math.nan


def away_from_zero(value: float) -> int:
    return int(float(value) + 0.5) if value >= 0 else int(float(value) - 0.5)


def official(a: Region, b: Region, size: Size = None) -> float:
    """As the raster of vot-toolkit."""
    bounds = [official_bounds(region) for region in (a, b)]
    left, top = (min(bounds[0][k], bounds[1][k]) for k in (0, 1))
    right, bottom = (max(bounds[0][k], bounds[1][k]) for k in (2, 3))
    if left >= right or top >= bottom:
        return 1.0
    if size is not None:
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0] - 1), min(bottom, size[1] - 1)
    if left >= right or top >= bottom:
        return 0.0
    common, union = counts(
        *(official_bitmap(region, int(left), int(top), int(right), int(bottom)) for region in (a, b))
    )
    return common / union if union else 0.0


def rounded(region: Region) -> list[int]:
    return [int(v) for v in np.round(np.float32(region))]


def official_bounds(region: Region) -> tuple[int, int, int, int]:
    values = rounded(region)
    if len(values) == 1:
        return 0, 0, 0, 0
    if len(values) == 4:
        x, y, w, h = values
        return x, y, x + w - 1, y + h - 1
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def official_bitmap(region: Region, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    values = rounded(region)
    width, height = right - left + 1, bottom - top + 1
    if len(values) > 4:
        xs, ys = [v - left for v in values[::2]], [v - top for v in values[1::2]]
        return paint(xs, ys, width, height, lone=True)
    bitmap = np.zeros((height, width), np.uint8)
    if len(values) == 4:
        x, y, w, h = values
        if x <= right and y <= bottom and x + w - 1 >= left and y + h - 1 >= top:
            last_x, last_y = min(right, x + w - 1 - left), min(bottom, y + h - 1 - top)
            bitmap[max(0, y - top) : last_y + 1, max(0, x - left) : last_x + 1] = 1
    return bitmap
