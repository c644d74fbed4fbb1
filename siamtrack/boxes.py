"""Box formats and box arithmetic, for NumPy arrays and PyTorch tensors alike.

Every function takes boxes on the last axis (``[..., 4]``) and broadcasts over the others. Formats stand in the
names: ``xywh`` (left, top, width, height), ``xyxy`` (left, top, right, bottom), ``cxcywh`` (centre, width,
height), ``ltrb`` (distances from a point to the left, top, right and bottom side). Coordinates are continuous:
0-based, a box spans ``x .. x + w`` and its centre lies at ``x + w / 2``. Nothing here adds or subtracts a pixel;
files that count from 1 are corrected where they are read.

This module does not import torch; a tensor brings its own namespace.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Boxes = Any  # np.ndarray or torch.Tensor; what goes in comes out


def _namespace(values: Any) -> Any:
    """The module whose functions fit the values: numpy, or torch if it is a tensor."""
    if type(values).__module__.partition(".")[0] == "torch" or hasattr(values, "new_tensor"):
        return sys.modules["torch"]
    return np


def _stack(*parts: Any) -> Any:
    return _namespace(parts[0]).stack(parts, -1)


def xywh_to_xyxy(box: Boxes) -> Boxes:
    """``[..., 4]`` x, y, w, h -> left, top, right, bottom."""
    x, y, w, h = (box[..., i] for i in range(4))
    return _stack(x, y, x + w, y + h)


def xyxy_to_xywh(box: Boxes) -> Boxes:
    """``[..., 4]`` left, top, right, bottom -> x, y, w, h."""
    x1, y1, x2, y2 = (box[..., i] for i in range(4))
    return _stack(x1, y1, x2 - x1, y2 - y1)


def xyxy_to_cxcywh(box: Boxes) -> Boxes:
    """``[..., 4]`` left, top, right, bottom -> centre x, centre y, w, h."""
    x1, y1, x2, y2 = (box[..., i] for i in range(4))
    return _stack((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)


def cxcywh_to_xyxy(box: Boxes) -> Boxes:
    """``[..., 4]`` centre x, centre y, w, h -> left, top, right, bottom."""
    cx, cy, w, h = (box[..., i] for i in range(4))
    return _stack(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def xywh_to_cxcywh(box: Boxes) -> Boxes:
    """``[..., 4]`` x, y, w, h -> centre x, centre y, w, h."""
    x, y, w, h = (box[..., i] for i in range(4))
    return _stack(x + w / 2, y + h / 2, w, h)


def cxcywh_to_xywh(box: Boxes) -> Boxes:
    """``[..., 4]`` centre x, centre y, w, h -> x, y, w, h."""
    cx, cy, w, h = (box[..., i] for i in range(4))
    return _stack(cx - w / 2, cy - h / 2, w, h)


def area(box_xyxy: Any) -> Any:
    """Area of ``[..., 4]`` xyxy boxes; a box turned inside out has area 0."""
    x1, y1, x2, y2 = (box_xyxy[..., i] for i in range(4))
    return (x2 - x1).clip(0) * (y2 - y1).clip(0)


def intersection(a_xyxy: Any, b_xyxy: Any) -> Any:
    """Area shared by two broadcastable sets of xyxy boxes."""
    xp = _namespace(a_xyxy)
    w = xp.minimum(a_xyxy[..., 2], b_xyxy[..., 2]) - xp.maximum(a_xyxy[..., 0], b_xyxy[..., 0])
    h = xp.minimum(a_xyxy[..., 3], b_xyxy[..., 3]) - xp.maximum(a_xyxy[..., 1], b_xyxy[..., 1])
    # releases of torch differ in the gradient of clip at its bound; boxes that only touch shall have none in any
    return xp.where(w <= 0, 0.0, w) * xp.where(h <= 0, 0.0, h)


def iou(a_xyxy: Any, b_xyxy: Any, eps: float = 1e-12) -> Any:
    """Intersection over union, element by element, in [0, 1]; two empty boxes give 0.

    Both arguments broadcast: ``iou(a[:, None], b[None])`` is the table of all pairs.
    """
    inter = intersection(a_xyxy, b_xyxy)
    return inter / (area(a_xyxy) + area(b_xyxy) - inter).clip(eps)


def giou(a_xyxy: Any, b_xyxy: Any, eps: float = 1e-7) -> Any:
    """Generalised IoU (Rezatofighi et al., CVPR 2019), element by element, in [-1, 1].

    A box turned inside out has no area, and the hull still holds all its corners: finite boxes give finite values
    and gradients.
    """
    xp = _namespace(a_xyxy)
    inter = intersection(a_xyxy, b_xyxy)
    union = _growing_area(a_xyxy) + _growing_area(b_xyxy) - inter
    a_low, a_high = xp.minimum(a_xyxy[..., :2], a_xyxy[..., 2:]), xp.maximum(a_xyxy[..., :2], a_xyxy[..., 2:])
    b_low, b_high = xp.minimum(b_xyxy[..., :2], b_xyxy[..., 2:]), xp.maximum(b_xyxy[..., :2], b_xyxy[..., 2:])
    extent = xp.maximum(a_high, b_high) - xp.minimum(a_low, b_low)
    hull = (extent[..., 0] * extent[..., 1]).clip(eps)
    return inter / union.clip(eps) - (hull - union) / hull


def _growing_area(box_xyxy: Any) -> Any:
    """``area`` with a gradient where a side is exactly 0, which clipping would cut off."""
    extent = box_xyxy[..., 2:] - box_xyxy[..., :2]
    extent = extent * (extent >= 0)
    return extent[..., 0] * extent[..., 1]


def clip_xyxy(box_xyxy: Boxes, width: float, height: float) -> Boxes:
    """Cut ``[..., 4]`` xyxy boxes to the frame ``0 .. width`` x ``0 .. height``; a box outside becomes empty."""
    x1, y1, x2, y2 = (box_xyxy[..., i] for i in range(4))
    return _stack(x1.clip(0, width), y1.clip(0, height), x2.clip(0, width), y2.clip(0, height))


def ltrb_to_xyxy(points: Any, ltrb: Any) -> Any:
    """Distances from points to box sides -> boxes.

    Args:
        points: ``[..., 2]`` x, y.
        ltrb: ``[..., 4]`` left, top, right, bottom distances, same unit, broadcastable with ``points``.
    """
    x, y = points[..., 0], points[..., 1]
    return _stack(x - ltrb[..., 0], y - ltrb[..., 1], x + ltrb[..., 2], y + ltrb[..., 3])


def xyxy_to_ltrb(points: Any, box_xyxy: Any) -> Any:
    """Boxes -> distances from points to their sides; negative where a point lies outside.

    Args:
        points: ``[..., 2]`` x, y.
        box_xyxy: ``[..., 4]``, broadcastable with ``points``.
    """
    x, y = points[..., 0], points[..., 1]
    return _stack(x - box_xyxy[..., 0], y - box_xyxy[..., 1], box_xyxy[..., 2] - x, box_xyxy[..., 3] - y)


def polygon_to_xyxy(polygon: np.ndarray) -> np.ndarray:
    """Bounding boxes of polygons ``[..., 2 n]`` (x1, y1, x2, y2, ...): ``[..., 4]`` xyxy."""
    corners = np.asarray(polygon, np.float64).reshape(*np.shape(polygon)[:-1], -1, 2)
    return np.concatenate([corners.min(-2), corners.max(-2)], -1)


def quadrilateral_to_cxcywh(polygon: np.ndarray) -> np.ndarray:
    """The upright box with the area of a rotated one, with which pysot starts a tracker on VOT.

    The centre is the mean of the corners; the bounding box is shrunk on both sides by
    ``sqrt(polygon area / bounding area)`` and grows by one pixel (pysot ``toolkit/utils/region``,
    ``get_axis_aligned_bbox``).

    Args:
        polygon: ``[..., 8]`` x1, y1, ..., x4, y4 in either sense of rotation.

    Returns:
        ``[..., 4]`` centre x, centre y, w, h.
    """
    corners = np.asarray(polygon, np.float64).reshape(*np.shape(polygon)[:-1], 4, 2)
    centre = corners.mean(-2)
    extent = corners.max(-2) - corners.min(-2)
    sides = np.linalg.norm(corners[..., 0, :] - corners[..., 1, :], axis=-1) * np.linalg.norm(
        corners[..., 1, :] - corners[..., 2, :], axis=-1
    )
    shrink = np.sqrt(sides / (extent[..., 0] * extent[..., 1]))
    return np.concatenate([centre, shrink[..., None] * extent + 1], -1)
