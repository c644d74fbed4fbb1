"""SiamFC's crops: a square of whole pixels about the target's middle pixel."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, Placement
from siamtrack.crops.context import context_side, cut, mean_colour, square
from siamtrack.crops.policy import Jitter, crop_policies


@crop_policies.register("siamfc")
class SiamFCCrop:
    """Target plus context as :class:`ContextCrop`, with SiamFC's rounding, border and training windows.

    A square of side s begins ``round((s - 1) / 2 before the middle pixel)``, halves to even; outside the frame lies
    its mean colour, rounded. The original pads all four sides by the largest overhang and works in (y, x), 1-based;
    neither shows in the result.

    In training template and search are enlarged about the target (both sides alike, by the x of
    :class:`Jitter`.scale) and moved by whole px of the crop (:class:`Jitter`.shift, rounded). The original resizes
    twice with interpolations drawn at random; here it is one bilinear warp, and an enlargement below 1 shows the
    frame where the original pads.

    Args:
        template_size: side of the template crop, px.
        search_size: side of a tracker's search crop, px.
        train_search_size: side of the search crops of training, px; 0: ``search_size``.
        context: share of (w + h) added to both sides.

    Raises:
        ConfigError: sizes that do not fit each other.

    Source: SiamFC (Bertinetto et al., ECCV 2016 workshops), section 3.1; siamfc-pytorch ``siamfc/ops.py`` and
    ``siamfc/transforms.py``.
    """

    def __init__(
        self,
        *,
        template_size: int = 127,
        search_size: int = 255,
        train_search_size: int = 239,
        context: float = 0.5,
    ) -> None:
        train_search_size = train_search_size or search_size
        if not 1 < template_size <= min(search_size, train_search_size):
            raise ConfigError(
                f"CROP: TEMPLATE_SIZE {template_size} should be above 1, and SEARCH_SIZE {search_size} and "
                f"TRAIN_SEARCH_SIZE {train_search_size} not below it."
            )
        if not 0 <= context < math.inf:
            raise ConfigError(f"CROP.CONTEXT: {context} should be 0 or more.")
        self.template_size, self.search_size = template_size, search_size
        self.train_search_size = train_search_size
        self.context = context

    def padding(self, frame: np.ndarray) -> np.ndarray:
        """``[3]`` uint8: the mean colour, rounded; a tracker keeps that of its first frame."""
        colour: np.ndarray = np.rint(mean_colour(frame)).astype(np.uint8)
        return colour

    def template(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`siamtrack.crops.CropPolicy`."""
        return self._around(frame, centre, size, self.template_size, padding)

    def search(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """See :class:`siamtrack.crops.CropPolicy`."""
        return self._around(frame, centre, size, self.search_size, padding)

    def _around(
        self, frame: np.ndarray, centre: tuple[float, float], extent: tuple[float, float], size: int, padding: Any
    ) -> tuple[Crop, Placement]:
        if not all(map(math.isfinite, (*centre, *extent))) or min(extent) <= 0:
            raise ValueError(
                f"a crop needs a finite centre and a target of positive width and height, but the centre is "
                f"{tuple(centre)} and the size {tuple(extent)}."
            )
        scale = float(context_side(np.asarray(extent, np.float64), self.context)) / self.template_size
        padding = self.padding(frame) if padding is None else padding
        pixels = exemplar_window(frame, centre, scale * size, size, padding)
        middle = size // 2
        half_w, half_h = extent[0] / scale / 2, extent[1] / scale / 2
        box = torch.tensor([[middle - half_w, middle - half_h, middle + half_w, middle + half_h]], dtype=torch.float32)
        placement = Placement(scale, centre[0] - middle * scale, centre[1] - middle * scale)
        return Crop(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None], box), placement

    def place(self, boxes_xywh: np.ndarray, jitter: Jitter, search: bool) -> tuple[np.ndarray, np.ndarray]:
        """See :class:`siamtrack.crops.CropPolicy`."""
        size = self.train_search_size if search else self.template_size
        boxes = np.asarray(boxes_xywh, np.float64)
        extent = boxes[:, 2:]
        enlarged = (1 + jitter.scale[:, :1]) * self.template_size / context_side(extent, self.context)[:, None]
        middle = size // 2 + np.rint(jitter.shift)
        affine = np.zeros((len(boxes), 2, 3))
        affine[:, 0, 0] = affine[:, 1, 1] = enlarged[:, 0]
        affine[:, :, 2] = middle - enlarged * (boxes[:, :2] + extent / 2 - 0.5)  # pixel i lies at i + 0.5
        half = extent * enlarged / 2
        placed = np.concatenate([middle - half, middle + half], 1)

        flip = jitter.flip ^ jitter.mirrored  # about the window, a mirrored frame and a mirrored crop are the same
        affine[flip, 0] *= -1
        affine[flip, 0, 2] += size - 1
        placed[flip, 0::2] = size - 1 - placed[flip, 2::-2]
        return affine, placed

    def cut(self, frame: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
        """See :class:`siamtrack.crops.CropPolicy`; outside the frame lies its mean colour."""
        return cut(frame, window, size)

    def mask(self, shape: tuple[int, ...], window: np.ndarray, size: int) -> None:
        """See :class:`siamtrack.crops.CropPolicy`; the mean colour is background, nothing is masked."""


def exemplar_window(
    frame: np.ndarray, centre: tuple[float, float], side: float, size: int, padding: np.ndarray
) -> np.ndarray:
    """The square of ``round(side)`` px about a centre, resized bilinearly (``crop_and_resize``).

    Args:
        frame: uint8 ``[H, W, 3]``.
        centre: frame px; pixel i lies at i + 0.5.
        side: frame px.
        size: of the result.
        padding: ``[3]`` colour outside the frame, rounded to uint8.

    Returns:
        uint8 ``[size, size, 3]``.
    """
    whole = max(round(side), 1)
    left, top = (round(c - 0.5 - (whole - 1) / 2) for c in centre)
    patch = square(frame, left, top, whole, np.rint(padding))
    resized: np.ndarray = cv2.resize(patch, (size, size))
    return resized
