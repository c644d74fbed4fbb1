"""The context crop of the SiamFC family: a square around the target and a share of what surrounds it."""

from __future__ import annotations

import copy
import math
from typing import Any

import cv2
import numpy as np
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, Placement
from siamtrack.crops.policy import Jitter, crop_policies


@crop_policies.register("context")
class ContextCrop:
    """Target plus context, as in SiamFC, pysot and SiamBAN.

    The square around a target of w x h has side ``s_z = sqrt((w + c (w + h)) (h + c (w + h)))`` and becomes the
    template; the search crop shows ``search_size / template_size`` as much at the same nominal scale
    ``template_size / s_z`` (SiamBAN ``tracker/siamban_tracker.py``, ``base_tracker.py``).

    Training composes two maps of the original into one: the area of ``area_size`` pixels around the target that
    pysot cuts beforehand (``training_dataset/*/par_crop.py``), and the augmentation window inside it
    (``datasets/augmentation.py``). :class:`Jitter`.scale is the window's relative growth, .shift is in pixels of that
    area, and the window stays inside it. Outside the frame lies the frame's mean colour, rounded in training and
    truncated in tracking, as there.

    Args:
        template_size: side of the template crop, px.
        search_size: side of a tracker's search crop, px.
        context: c, the share of (w + h) added to both sides.
        area_size: side of the area that training crops are taken from, px, odd.
        train_search_size: side of the search crops of training, px; 0: ``search_size``.

    Raises:
        ConfigError: sizes that do not fit each other.
    """

    def __init__(
        self,
        *,
        template_size: int = 127,
        search_size: int = 255,
        context: float = 0.5,
        area_size: int = 511,
        train_search_size: int = 0,
    ) -> None:
        if not 1 < template_size <= search_size <= area_size:
            raise ConfigError(
                f"CROP: TEMPLATE_SIZE {template_size}, SEARCH_SIZE {search_size} and AREA_SIZE {area_size} should be "
                "above 1 and not fall."
            )
        if area_size % 2 == 0:
            raise ConfigError(f"CROP.AREA_SIZE: {area_size} is even, so no pixel lies at its centre; take an odd one.")
        if train_search_size and not template_size <= train_search_size <= area_size:
            raise ConfigError(
                f"CROP.TRAIN_SEARCH_SIZE: {train_search_size} should lie between TEMPLATE_SIZE {template_size} and "
                f"AREA_SIZE {area_size}."
            )
        if not 0 <= context < math.inf:
            raise ConfigError(f"CROP.CONTEXT: {context} should be 0 or more.")
        self.template_size = template_size
        self.search_size = search_size
        self.train_search_size = train_search_size or search_size
        self.context = context
        self.area_size = area_size

    # Tracking -------------------------------------------------------------------------------------------------------

    def padding(self, frame: np.ndarray) -> np.ndarray:
        """``[3]`` uint8: the mean colour, truncated; a tracker keeps that of its first frame."""
        return mean_colour(frame).astype(np.uint8)

    def template(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`CropPolicy`; the side that is cut is ``s_z`` rounded, and box and placement follow it."""
        side = max(round(self._checked_side(centre, size)), 1)
        return self._around(frame, centre, size, side, side, self.template_size, padding)

    def search(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`CropPolicy`; the side that is cut is rounded, the placement's scale is not."""
        s_z = self._checked_side(centre, size)
        side = max(round(s_z * (self.search_size / self.template_size)), 1)
        return self._around(frame, centre, size, s_z, side, self.search_size, padding)

    def widened(self, search_size: int) -> ContextCrop:
        """The same policy and scale with search crops of another side, px."""
        wide = copy.copy(self)
        wide.search_size = search_size
        return wide

    def _around(
        self,
        frame: np.ndarray,
        centre: tuple[float, float],
        extent: tuple[float, float],
        s_z: float,
        side: int,
        size: int,
        padding: Any,
    ) -> tuple[Crop, Placement]:
        pixels = subwindow(frame, centre, side, size, self.padding(frame) if padding is None else padding)
        scale = s_z / self.template_size
        middle = size // 2  # where the grids of all heads put the crop's centre (``contracts.grid_points``)
        half_w, half_h = extent[0] / scale / 2, extent[1] / scale / 2
        box = torch.tensor([[middle - half_w, middle - half_h, middle + half_w, middle + half_h]], dtype=torch.float32)
        placement = Placement(scale, centre[0] - middle * scale, centre[1] - middle * scale)
        return Crop(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None], box), placement

    def _checked_side(self, centre: tuple[float, float], size: tuple[float, float]) -> float:
        if not all(map(math.isfinite, (*centre, *size))) or min(size) <= 0:
            raise ValueError(
                f"a crop needs a finite centre and a target of positive width and height, but the centre is "
                f"{tuple(centre)} and the size {tuple(size)}."
            )
        return float(context_side(np.asarray(size, np.float64), self.context))

    # Training -------------------------------------------------------------------------------------------------------

    def place(self, boxes_xywh: np.ndarray, jitter: Jitter, search: bool) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`CropPolicy`; the windows are ``[B, 2, 3]`` maps from frame to crop pixels.

        The boxes follow the original's arithmetic, which takes the nominal scale ``template_size / s_z``; the pixels
        are smaller by ``(area_size - 1) / area_size``, 0.2 %.
        """
        return self.place_window(boxes_xywh, jitter, self.train_search_size if search else self.template_size)

    def place_window(self, boxes_xywh: np.ndarray, jitter: Jitter, size: int) -> tuple[np.ndarray, np.ndarray]:
        """``place`` for crops of any side; ``size=area_size`` without jitter is the original's pre-cut image."""
        boxes = np.asarray(boxes_xywh, np.float64)
        if np.isnan(boxes).any():
            raise ValueError("the context crop needs a target to look at; samples without one need CROP.NAME area.")
        extent = boxes[:, 2:]
        nominal = self.template_size / context_side(extent, self.context)[:, None]  # crop px per frame px
        corner, factor = self._windows(jitter, size)

        a = nominal * ((self.area_size - 1) / self.area_size) / factor
        centre = boxes[:, :2] + extent / 2
        shift = ((self.area_size - 1) / 2 - corner) / factor - a * centre
        affine = np.zeros((len(boxes), 2, 3))
        affine[:, 0, 0], affine[:, 1, 1] = a[:, 0], a[:, 1]
        affine[:, :, 2] = shift

        half = extent * nominal / 2
        top_left = (self.area_size // 2 - half - corner) / factor
        bottom_right = (self.area_size // 2 + half - corner) / factor
        placed = np.concatenate([top_left, bottom_right], 1)

        flip = jitter.flip ^ jitter.mirrored  # about the window, a mirrored frame and a mirrored crop are the same
        affine[flip, 0] *= -1
        affine[flip, 0, 2] += size - 1
        placed[flip, 0::2] = size - 1 - placed[flip, 2::-2]
        return affine, placed

    def _windows(self, jitter: Jitter, size: int) -> tuple[np.ndarray, np.ndarray]:
        """``[B, 2]`` top left corner of the windows in the area, and ``[B, 2]`` area px per crop px."""
        side = size - 1  # between the centres of the outermost pixels
        factor = np.minimum(1 + jitter.scale, self.area_size / side)
        low = self.area_size // 2 - side * factor / 2
        room = np.maximum(-low, np.minimum(self.area_size - 1 - (low + side * factor), jitter.shift))
        # a window that is not shifted is not pushed inside either
        return low + np.where(jitter.shift == 0, 0.0, room), factor

    def cut(self, frame: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
        """See :class:`CropPolicy`; outside the frame lies its mean colour."""
        return cut(frame, window, size)

    def mask(self, shape: tuple[int, ...], window: np.ndarray, size: int) -> None:
        """See :class:`CropPolicy`; these networks take the mean colour for background, so nothing is masked."""


def context_side(size: np.ndarray, context: float = 0.5) -> np.ndarray:
    """Side ``[...]`` of the square that holds targets of ``size [..., 2]`` (w, h) and their context, same unit."""
    w, h = size[..., 0], size[..., 1]
    margin = context * (w + h)
    side: np.ndarray = np.sqrt((w + margin) * (h + margin))
    return side


def mean_colour(frame: np.ndarray) -> np.ndarray:
    """``[3]`` float64 mean of each channel."""
    if isinstance(frame, np.ndarray):
        return np.array(cv2.mean(frame)[:3])
    return np.asarray(frame.mean_colour())  # a frame of which parts are decoded, see CropPolicy.cut


def window(centre: tuple[float, float], side: int) -> tuple[int, int]:
    """Left and top pixel of the ``side x side`` window about a centre (SiamBAN ``base_tracker.get_subwindow``)."""
    half = (side + 1) / 2
    return math.floor(centre[0] - half + 0.5), math.floor(centre[1] - half + 0.5)


def subwindow(frame: np.ndarray, centre: tuple[float, float], side: int, size: int, padding: np.ndarray) -> np.ndarray:
    """A tracker's crop: whole pixels of the frame, padded, then resized bilinearly (``get_subwindow``).

    Only what is visible of the window is copied, never the padded frame.

    Args:
        frame: uint8 ``[H, W, 3]``.
        centre: frame px.
        side: of the window, frame px.
        size: of the result.
        padding: ``[3]`` colour outside the frame, truncated to uint8.

    Returns:
        uint8 ``[size, size, 3]``.
    """
    patch = square(frame, *window(centre, side), side, padding)
    if side == size:
        return patch
    resized: np.ndarray = cv2.resize(patch, (size, size))
    return resized


def square(frame: np.ndarray, left: int, top: int, side: int, padding: np.ndarray) -> np.ndarray:
    """Whole pixels of a frame, ``[side, side, 3]``; a view where they all lie inside."""
    height, width = frame.shape[:2]
    x0, x1 = (min(max(x, 0), width) for x in (left, left + side))
    y0, y1 = (min(max(y, 0), height) for y in (top, top + side))
    patch = frame[y0:y1, x0:x1]
    if patch.shape[:2] == (side, side):
        return patch
    colour = np.asarray(padding).astype(np.uint8)
    if not patch.size:
        return np.tile(colour, (side, side, 1))
    around = y0 - top, top + side - y1, x0 - left, left + side - x1
    padded: np.ndarray = cv2.copyMakeBorder(patch, *around, cv2.BORDER_CONSTANT, value=colour.tolist())
    return padded


def enclosing(affine: np.ndarray, size: int) -> np.ndarray:
    """The smallest pixel rectangles that bilinear crops read: ``[..., 4]`` int64 left, top, right, bottom (exclusive).

    They are not cut to the frame.

    Args:
        affine: ``[..., 2, 3]`` maps from frame to crop, without rotation or shear.
        size: side of the crops.
    """
    diagonal = np.stack([affine[..., 0, 0], affine[..., 1, 1]], -1)
    ends = (np.array([0.0, size - 1.0])[:, None] - affine[..., None, :, 2]) / diagonal[..., None, :]
    # one more on either side: OpenCV rounds positions to 1/32 px
    low = np.floor(ends.min(-2)).astype(np.int64) - 1
    high = np.floor(ends.max(-2)).astype(np.int64) + 3
    return np.concatenate([low, high], -1)


def cut(frame: np.ndarray, affine: np.ndarray, size: int, border: np.ndarray | None = None) -> np.ndarray:
    """A training crop: one bilinear warp from the smallest enclosing part of the frame.

    Args:
        frame: uint8 ``[H, W, 3]``.
        affine: ``[2, 3]`` float64 map from frame to crop, without rotation or shear.
        size: side of the crop.
        border: ``[3]`` colour outside the frame, rounded; ``None``: the frame's mean, computed where it is needed.

    Returns:
        uint8 ``[size, size, 3]``.
    """
    height, width = frame.shape[:2]
    (a, _, x), (_, b, y) = affine.tolist()
    left, right = _read_along(a, x, size)
    top, bottom = _read_along(b, y, size)
    if border is None:
        inside = left >= 0 and top >= 0 and right <= width and bottom <= height
        border = np.zeros(3) if inside else mean_colour(frame)
    left, right = (min(max(x, 0), width) for x in (left, right))
    top, bottom = (min(max(y, 0), height) for y in (top, bottom))
    if left == right or top == bottom:
        return np.full((size, size, 3), np.rint(border).astype(np.uint8))
    shifted = np.array([[a, 0.0, x + a * left], [0.0, b, y + b * top]])
    warped = cv2.warpAffine(
        cv2.cvtColor(frame[top:bottom, left:right], cv2.COLOR_RGB2RGBA),  # OpenCV warps 4 channels faster than 3
        shifted,
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=border.tolist(),
    )
    crop: np.ndarray = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    return crop


def _read_along(factor: float, offset: float, size: int) -> tuple[int, int]:
    """:func:`enclosing` along one axis, for a single crop."""
    ends = sorted((-offset / factor, (size - 1 - offset) / factor))
    return math.floor(ends[0]) - 1, math.floor(ends[1]) + 3
