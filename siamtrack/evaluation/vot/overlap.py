"""Overlap of regions in [0, 1] as VOT's two toolkits compute it, and of the exact areas.

``pysot`` is its C library (``toolkit/utils/region``), in single precision; ``official`` is the raster of
``vot-toolkit``. Both count pixels, so that small regions differ by several per cent from their exact areas, and from
each other: pysot counts both ends of a side (a 10 x 10 rectangle has 11 x 11 pixels), the official toolkit does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.vot import raster
from siamtrack.evaluation.vot.outlines import Outlines
from siamtrack.evaluation.vot.regions import Array, Mask, Regions

Size = tuple[float, float] | Array | None
Shapes = NDArray[np.object_]  # of shapely


def overlap_pysot(first: Regions, second: Regions, size: Size = None) -> Array:
    """``[F]`` overlaps, float32 numbers; NaN where either region is a code, or neither covers a pixel.

    Args:
        first: F regions.
        second: F regions.
        size: (width, height) or ``[F, 2]`` px: what lies beyond does not count; ``None``: no frame.
    """
    points = [np.float32(region.corners()[0]).astype(np.float64) for region in (first, second)]
    bounds = [_pysot_bounds(p, size) for p in points]
    left, top = (np.minimum(bounds[0][:, i], bounds[1][:, i]) for i in (0, 1))
    right, bottom = (np.maximum(bounds[0][:, i], bounds[1][:, i]) for i in (2, 3))
    width, height = np.trunc(right - left) + 1, np.trunc(bottom - top) + 1
    special = first.special | second.special
    none = _pysot_apart(*bounds) | (width < 1) | (height < 1)
    value = np.where(none, 0.0, np.nan)
    which = np.flatnonzero(~none & ~special)
    window = np.stack([left, top], 1)[which]
    width, height = width[which], height[which]
    one, other = (
        _pysot_outlines(region[which], p[which], window, width, height)
        for region, p in zip((first, second), points, strict=True)
    )
    a, b, common = raster.count(one, other, width, height, lone=False)
    with np.errstate(invalid="ignore"):
        value[which] = np.float32(common) / np.float32(a + b - common)
    value[special] = np.nan
    return value


def _pysot_bounds(points: Array, size: Size) -> Array:
    """``[F, 4]`` whole pixels around the corners, cut to the frame; inside out where they lie outside it."""
    bounds = np.concatenate([np.floor(points.min(1)), np.ceil(points.max(1))], 1)
    if size is not None:
        frame = np.broadcast_to(np.asarray(size, np.float64), (len(bounds), 2))
        bounds[:, :2] = np.maximum(bounds[:, :2], 0)
        bounds[:, 2:] = np.minimum(bounds[:, 2:], frame)
    return bounds


def _pysot_apart(a: Array, b: Array) -> Mask:
    """Pairs the library gives 0 without painting: areas of no proportion, or bounds that share no area."""
    area_a, area_b = (np.float32(box[:, 2] - box[:, 0]) * np.float32(box[:, 3] - box[:, 1]) for box in (a, b))
    shared = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.float32(np.maximum(shared, 0).prod(1))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart: Mask = (area_a / area_b < 1e-10) | (area_b / area_a < 1e-10)
        apart |= common / (area_a + area_b - common) == 0
    return apart


def _pysot_outlines(regions: Regions, points: Array, window: Array, width: Array, height: Array) -> Outlines:
    """Shifted in single precision, then rounded half away from zero."""
    shifted = (np.float32(points) - np.float32(window)[:, None]).astype(np.float64)
    whole = np.trunc(shifted + np.copysign(0.5, shifted))
    low, high = whole.min(1), whole.max(1)
    flat = (low == high).any(1)  # a rectangle without extent has equal nodes, or none
    extent = _cut(np.concatenate([low, np.where(flat[:, None], low, high + 1)], 1), width, height)
    counts = np.where(regions.rectangular, 4, regions.counts // 2)
    return Outlines(whole[..., 0], whole[..., 1], counts, regions.rectangular, extent)


def _cut(extent: Array, width: Array, height: Array) -> Array:
    """Boxes cut to ``0 .. width`` x ``0 .. height``; those outside become empty."""
    size = np.stack([width, height], 1)
    low = np.clip(extent[:, :2], 0, size)
    return np.concatenate([low, np.maximum(np.minimum(extent[:, 2:], size), low)], 1)


def overlap_official(first: Regions, second: Regions, size: Size = None) -> Array:
    """``[F]`` overlaps; 0 where either region is a code. Arguments as :func:`overlap_pysot`.

    Two regions whose common bounds have no extent are identical by definition (1), unless the frame cuts them so (0).
    """
    rounded = [_official_rounded(region) for region in (first, second)]
    bounds = [_official_bounds(region, data) for region, data in zip((first, second), rounded, strict=True)]
    union = np.concatenate(
        [np.minimum(bounds[0][:, :2], bounds[1][:, :2]), np.maximum(bounds[0][:, 2:], bounds[1][:, 2:])], 1
    )
    identical = (union[:, :2] >= union[:, 2:]).any(1)
    window = union.copy()
    if size is not None:
        frame = np.broadcast_to(np.asarray(size, np.float64), (len(window), 2))
        window[:, :2] = np.maximum(window[:, :2], 0)
        window[:, 2:] = np.minimum(window[:, 2:], frame - 1)
    outside = (window[:, :2] >= window[:, 2:]).any(1)
    value = np.where(identical, 1.0, 0.0)
    which = np.flatnonzero(~identical & ~outside)
    width, height = (window[which, i + 2] - window[which, i] + 1 for i in (0, 1))
    one, other = (
        _official_outlines(region[which], data[which], window[which])
        for region, data in zip((first, second), rounded, strict=True)
    )
    a, b, common = raster.count(one, other, width, height, lone=True)
    covered = a + b - common
    value[which] = np.where(covered > 0, common / np.maximum(covered, 1), 0.0)
    return value


def _official_rounded(regions: Regions) -> Array:
    """``[F, V, 2]`` corners, or (x, y) and (w, h) of rectangles, single precision rounded half to even."""
    points = regions.corners()[0]
    box = regions.rectangular
    points[box, :2] = regions.values[box, :4].reshape(-1, 2, 2)
    rounded: Array = np.round(np.float32(points)).astype(np.float64)
    return rounded


def _official_bounds(regions: Regions, data: Array) -> Array:
    """``[F, 4]`` inclusive; a code lies at the origin, which widens the window and changes nothing else."""
    box, points = regions.rectangular[:, None], data
    low = np.where(box, points[:, 0], points.min(1))
    high = np.where(box, points[:, 0] + points[:, 1] - 1, points.max(1))
    return np.where(regions.special[:, None], 0.0, np.concatenate([low, high], 1))


def _official_outlines(regions: Regions, data: Array, window: Array) -> Outlines:
    corner = data[:, 0] - window[:, :2]
    last = np.minimum(window[:, 2:], corner + data[:, 1] - 1)  # the toolkit's slip: not the window's size, its far side
    extent = _python_slice(np.maximum(corner, 0), last + 1, window[:, 2:] - window[:, :2] + 1)
    gone = (data[:, 0] > window[:, 2:]) | (data[:, 0] + data[:, 1] - 1 < window[:, :2])
    extent[(gone.any(1)) | regions.special] = 0
    whole = data - window[:, None, :2]
    counts = np.where(regions.special, 0, regions.counts // 2)
    return Outlines(whole[..., 0], whole[..., 1], counts, regions.rectangular | regions.special, extent)


def _python_slice(start: Array, stop: Array, size: Array) -> Array:
    """``[F, 4]`` what ``start:stop`` selects of an axis: a negative stop counts from the end."""
    stop = np.where(stop < 0, np.maximum(stop + size, 0), np.minimum(stop, size))
    return np.concatenate([np.minimum(start, size), np.maximum(stop, np.minimum(start, size))], 1)


def overlap_exact(first: Regions, second: Regions, size: Size = None) -> Array:
    """``[F]`` shared area over united area, no pixels; NaN where either region is a code or both are empty.

    Arguments as :func:`overlap_pysot`; the frame is ``0 .. width`` x ``0 .. height``.
    """
    import shapely

    shapes = [_shapes(region) for region in (first, second)]
    if size is not None:
        frame = np.broadcast_to(np.asarray(size, np.float64), (len(first), 2))
        frames = shapely.box(0, 0, frame[:, 0], frame[:, 1])
        shapes = [_with_area(shapely.intersection(shape, frames)) for shape in shapes]
    common = shapely.area(shapely.intersection(*shapes))
    areas = [shapely.area(shape) for shape in shapes]
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Array = common / (areas[0] + areas[1] - common)
    value[first.special | second.special] = np.nan
    return value


def _shapes(regions: Regions) -> Shapes:
    """``[F]`` geometries; a boundary that crosses itself encloses what it goes round once."""
    import shapely

    points = regions.corners()[0]
    return _with_area(shapely.make_valid(shapely.polygons(np.concatenate([points, points[:, :1]], 1))))


def _with_area(shapes: Shapes) -> Shapes:
    """The same without lines and points, alone or beside polygons, which GEOS refuses to intersect."""
    import shapely

    areal = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    mixed = np.flatnonzero(~np.isin(shapely.get_type_id(shapes), areal))
    parts, owner = shapely.get_parts(shapes[mixed], return_index=True)
    parts, part = shapely.get_parts(parts, return_index=True)
    kept = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    found, which = np.unique(owner[part][kept], return_inverse=True)
    cleaned: Shapes = shapes.copy()
    cleaned[mixed] = shapely.MultiPolygon()
    if len(found):
        cleaned[mixed[found]] = shapely.multipolygons(parts[kept], indices=which)
    return cleaned


OVERLAPS: dict[str, Callable[[Regions, Regions, Size], Array]] = {
    "pysot": overlap_pysot,
    "official": overlap_official,
    "exact": overlap_exact,
}
