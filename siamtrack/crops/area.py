"""STARK's area crop: a square of a multiple of the target's area, black outside the frame, with a padding mask."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, Placement
from siamtrack.crops.policy import Jitter, crop_policies

_CELL = 16  # px; a mask is looked at in the top left pixel of every cell of this side, as the network will


@crop_policies.register("area")
class AreaCrop:
    """A square of side ``ceil(factor sqrt(w h))`` around the target, resized to the network's input.

    Padding is black and known: crops carry a mask. :class:`Jitter`.scale is the logarithm of the box's growth before
    the square is taken, .shift moves it in units of the grown ``sqrt(w h)``. A row of NaN in place of a box stands for
    an eighth of the frame in its middle (STARK's window of negatives).

    Three half pixels that do not fit each other are the original's and are kept, because trained weights have learnt
    them: an unjittered training box has its centre at ``(size - 1) / 2``, the corner grid counts from 0, and the way
    back takes ``size / 2``. The rounding of the square's corner is ignored in both directions.

    Args:
        template_size: side of the template crop, px.
        search_size: side of the search crop, px.
        template_factor: side of the template's square in ``sqrt(w h)``.
        search_factor: side of the search square, likewise.

    Raises:
        ConfigError: a size or a factor that is not positive.

    Source: STARK (Yan et al., ICCV 2021); ``lib/train/data/processing_utils.py``, ``processing.py``. Other than there a
    square outside the frame is all padding (a negative slice end wraps round in the original).
    """

    def __init__(
        self,
        *,
        template_size: int = 128,
        search_size: int = 320,
        template_factor: float = 2.0,
        search_factor: float = 5.0,
    ) -> None:
        options = {
            "TEMPLATE_SIZE": template_size,
            "SEARCH_SIZE": search_size,
            "TEMPLATE_FACTOR": template_factor,
            "SEARCH_FACTOR": search_factor,
        }
        for key, value in options.items():
            if not 0 < value < math.inf:
                raise ConfigError(f"CROP.{key}: {value} should be above 0.")
        self.template_size, self.search_size, self.train_search_size = template_size, search_size, search_size
        self.template_factor, self.search_factor = template_factor, search_factor

    # Tracking -------------------------------------------------------------------------------------------------------

    def padding(self, frame: np.ndarray) -> np.ndarray:
        """``[3]`` uint8: black, whatever the frame."""
        return np.zeros(3, np.uint8)

    def template(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`CropPolicy`; the crop has a mask."""
        return self._around(frame, centre, size, self.template_factor, self.template_size)

    def search(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`CropPolicy`; the crop has a mask."""
        return self._around(frame, centre, size, self.search_factor, self.search_size)

    def _around(
        self,
        frame: np.ndarray,
        centre: tuple[float, float],
        extent: tuple[float, float],
        factor: float,
        size: int,
    ) -> tuple[Crop, Placement]:
        if not all(map(math.isfinite, (*centre, *extent))) or min(extent) <= 0:
            raise ValueError(
                f"a crop needs a finite centre and a target of positive width and height, but the centre is "
                f"{tuple(centre)} and the size {tuple(extent)}."
            )
        left, top, side = square_around(*centre, *extent, factor)
        pixels, mask = pixels_of(frame, left, top, side, size), mask_of(frame.shape, left, top, side, size)
        scale = side / size
        middle, half_w, half_h = (size - 1) / 2, extent[0] / scale / 2, extent[1] / scale / 2
        box = torch.tensor([[middle - half_w, middle - half_h, middle + half_w, middle + half_h]], dtype=torch.float32)
        placement = Placement(scale, centre[0] - size / 2 * scale, centre[1] - size / 2 * scale)
        planes = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
        return Crop(planes[None], box, torch.from_numpy(mask)[None]), placement

    # Training -------------------------------------------------------------------------------------------------------

    def place(self, boxes_xywh: np.ndarray, jitter: Jitter, search: bool) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`CropPolicy`.

        A window is ``[11]``: box, scale, shift, mirror, flip, factor. What it means in pixels depends on the frame's
        size, by mirroring and rounding, so it is worked out when the frame is there.
        """
        boxes = np.asarray(boxes_xywh, np.float64)
        factor, size = (self.search_factor, self.search_size) if search else (self.template_factor, self.template_size)
        flags = np.stack([jitter.mirrored, jitter.flip, np.full(len(boxes), factor)], 1)
        windows = np.concatenate([boxes, jitter.scale, jitter.shift, flags], 1)

        # in the middle of an unknown frame there is nobody: its box is any
        known = np.where(np.isnan(boxes), 1.0, boxes)
        looked_at = jittered(known, jitter.scale, jitter.shift)
        resize = size / np.maximum(np.ceil(np.sqrt(looked_at[:, 2:3] * looked_at[:, 3:]) * factor), 1)
        off = known[:, :2] + known[:, 2:] / 2 - (looked_at[:, :2] + looked_at[:, 2:] / 2)
        centre, half = (size - 1) / 2 + off * resize, known[:, 2:] * resize / 2
        placed = np.concatenate([centre - half, centre + half], 1)
        placed[jitter.flip, 0::2] = size - placed[jitter.flip, 2::-2]
        return windows, placed

    def cut(self, frame: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
        """See :class:`CropPolicy`; outside the frame it is black."""
        mirror, flip = window[8:10]
        # resizing is the same to the bit in a mirror, so a frame is mirrored by its crop
        crop = pixels_of(frame, *_resolve(frame.shape, window), size, mirrored=bool(mirror))
        return crop if flip == mirror else cv2.flip(crop, 1)  # ten times faster than a strided copy

    def mask(self, shape: tuple[int, ...], window: np.ndarray, size: int) -> np.ndarray:
        """See :class:`CropPolicy`; all True if no cell of 16 px begins inside the frame."""
        left, top, side = _resolve(shape, window)
        if left >= 0 and top >= 0 and left + side < shape[1] and top + side < shape[0]:
            return np.zeros((size, size), bool)
        mask = mask_of(shape, left, top, side, size)
        if mask[::_CELL, ::_CELL].all():
            return np.ones_like(mask)
        return cv2.flip(mask.view(np.uint8), 1).view(bool) if window[9] else mask


def _resolve(shape: tuple[int, ...], window: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side of a training window in the frame, or in the mirrored frame."""
    height, width = shape[:2]
    x, y, w, h, grow_x, grow_y, shift_x, shift_y, mirror, _, factor = window.tolist()
    if math.isnan(x + y + w + h):
        x, y = math.trunc(width / 2 - width / 16), math.trunc(height / 2 - height / 16)
        w, h = math.trunc(width / 8), math.trunc(height / 8)
    if mirror:
        x = width - 1 - (x + w)
    # as :func:`jittered`, for a single window
    grown_w, grown_h = w * math.exp(grow_x), h * math.exp(grow_y)
    side = math.sqrt(grown_w * grown_h)
    return square_around(x + 0.5 * w + side * shift_x, y + 0.5 * h + side * shift_y, grown_w, grown_h, factor)


def jittered(box_xywh: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Boxes ``[..., 4]`` grown by ``exp(scale)``, moved by ``shift`` (both ``[..., 2]``) of their new sqrt(w h)."""
    extent = box_xywh[..., 2:] * np.exp(scale)
    side = np.sqrt(extent.prod(-1, keepdims=True))
    centre = box_xywh[..., :2] + 0.5 * box_xywh[..., 2:] + side * shift
    return np.concatenate([centre - 0.5 * extent, extent], -1)


def square_around(centre_x: float, centre_y: float, w: float, h: float, factor: float) -> tuple[int, int, int]:
    """Left, top and side, whole px, of the square of ``factor**2`` times a target's area; corners round half to even.

    Raises:
        ValueError: the target has no area.
    """
    side = math.ceil(math.sqrt(w * h) * factor)
    if side < 1:
        raise ValueError(f"a target of {w:g} x {h:g} px has no area, so there is no square around it.")
    return round(centre_x - 0.5 * side), round(centre_y - 0.5 * side), side


def pixels_of(frame: np.ndarray, left: int, top: int, side: int, size: int, mirrored: bool = False) -> np.ndarray:
    """The square's pixels resized bilinearly: uint8 ``[size, size, 3]``, black where :func:`mask_of` knows padding.

    With ``mirrored`` the square lies in the frame as a mirror shows it; its pixels come as the frame has them.
    """
    (x0, x1), (y0, y1) = _inside(left, side, frame.shape[1]), _inside(top, side, frame.shape[0])
    before, after = x0 - left, left + side - x1
    if mirrored:
        x0, x1, before, after = frame.shape[1] - x1, frame.shape[1] - x0, after, before
    patch = frame[y0:y1, x0:x1]
    if not patch.size:
        return np.zeros((size, size, 3), np.uint8)
    if patch.shape[:2] != (side, side):
        patch = cv2.copyMakeBorder(patch, y0 - top, top + side - y1, before, after, cv2.BORDER_CONSTANT)
    resized: np.ndarray = cv2.resize(patch, (size, size))
    return resized


def mask_of(shape: tuple[int, ...], left: int, top: int, side: int, size: int) -> np.ndarray:
    """Where the resized square is padding: ``[size, size]`` bool. A pixel that blends in any padding counts.

    A resized pixel is clean if its columns and its rows are, so two lines tell of the whole square.
    """
    columns = _padded_line(left, side, shape[1], size)
    rows = _padded_line(top, side, shape[0], size)
    mask: np.ndarray = rows[:, None] | columns[None]
    return mask


def _padded_line(start: int, side: int, length: int, size: int) -> np.ndarray:
    """One axis of the mask: ``[size]`` bool."""
    low, high = _inside(start, side, length)
    if (low, high) == (start, start + side):
        return np.zeros(size, bool)
    line = np.ones((1, side))
    line[0, low - start : high - start] = 0
    padded: np.ndarray = np.asarray(cv2.resize(line, (size, 1)))[0] != 0
    return padded


def _inside(start: int, side: int, length: int) -> tuple[int, int]:
    """The part of ``start .. start + side`` that is read of an axis of ``length`` px; empty if there is none.

    A square that reaches the last pixel pads it already, so the last column and row are never seen beside an edge:
    the original's count is one too high there, and its weights have learnt it.
    """
    end = start + side
    low, high = max(start, 0), length - 1 if end >= length else end
    return (low, high) if low < high else (start, start)
