"""What stands still behind everything: a large textured sheet with things on it, seen by a moving camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from siamtrack.data.synthetic.shapes import random_outline
from siamtrack.data.synthetic.textures import Texture

SPARE = 60  # px by which the sheet reaches beyond the frame on each side; farther out it is mirrored


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The sheet and the camera over it.

    Attributes:
        picture: ``[H + 2 SPARE, W + 2 SPARE, 3]`` uint8 RGB.
        textures: every texture in it.
        shift: ``[T, 2]`` float64 px, where the sheet's middle lies relative to the frame's.
        zoom: ``[T]`` float64 frame px per sheet px.
        roll: ``[T]`` float64 rad.
    """

    picture: np.ndarray
    textures: tuple[Texture, ...]
    shift: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray

    def draw(self, t: int, height: int, width: int) -> np.ndarray:
        """``[height, width, 3]`` uint8 RGB: the part of the sheet in frame ``t``."""
        cos, sin = np.cos(self.roll[t]) / self.zoom[t], np.sin(self.roll[t]) / self.zoom[t]
        inverse = np.array([[cos, sin], [-sin, cos]])
        middle = (np.array(self.picture.shape[1::-1]) - 1) / 2
        offset = middle - inverse @ (np.array([width - 1, height - 1]) / 2 + self.shift[t])
        matrix = np.concatenate([inverse, offset[:, None]], 1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame: np.ndarray = cv2.warpAffine(
            self.picture, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        return frame


def paint_sheet(
    rng: np.random.Generator, height: int, width: int, ground: Texture, things: Sequence[Texture]
) -> np.ndarray:
    """A sheet for frames of ``height`` x ``width`` px: ``ground`` with one thing of any shape per further texture."""
    sheet = ground.draw(height + 2 * SPARE, width + 2 * SPARE)
    extent = np.array([width, height]) + 2 * SPARE
    for texture in things:
        size = np.exp(rng.uniform(np.log(20), np.log(150), 2))
        corner = rng.uniform(-0.3, 1, 2) * extent
        points = np.round(corner + (random_outline(rng) + 0.5) * size).astype(np.int32)
        low, high = np.clip(points.min(0), 0, extent), np.clip(points.max(0) + 1, 0, extent)
        if (low >= high).any():
            continue
        part = sheet[low[1] : high[1], low[0] : high[0]]
        mask = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(mask, [points - low.astype(np.int32)], 1)
        np.copyto(part, texture.draw(*part.shape[:2]), where=mask[..., None] > 0)
    return sheet
