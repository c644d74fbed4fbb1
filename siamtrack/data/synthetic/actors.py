"""Things in a scene: a textured sprite with an outline, and where it is at every instant.

Coordinates are continuous: pixel i covers i .. i + 1. Box and pixels come from the same polygon, so that a box is
exact to the fraction of a pixel, seen or covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from siamtrack.data.synthetic.motion import reach
from siamtrack.data.synthetic.textures import Texture

SPRITE = 128  # px, side of a sprite's finest picture
OVERSAMPLING = 4  # of outlines, per axis
_FRACTION_BITS = 6  # of OpenCV's fixed-point vertices

Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Sprite:
    """What a thing looks like.

    Attributes:
        outline: ``[N, 2]`` vertices in the unit square around the origin.
        pictures: uint8 RGB squares over that same unit square, each half the side of the one before.
        textures: every texture in it, its main one first.
    """

    outline: np.ndarray
    pictures: tuple[np.ndarray, ...]
    textures: tuple[Texture, ...]


def paint(rng: np.random.Generator, outline: np.ndarray, textures: tuple[Texture, ...], relief: float) -> Sprite:
    """A sprite in its first texture, with patches of the others and some shading.

    Args:
        rng: places and sizes of the patches.
        outline: ``[N, 2]`` as in :class:`Sprite`.
        textures: at least one; each further one becomes a patch.
        relief: 0..1, how much darker one side is than the other.
    """
    picture = textures[0].draw(SPRITE, SPRITE)
    for texture in textures[1:]:
        mask = np.zeros((SPRITE, SPRITE), np.uint8)
        centre, size = rng.uniform(0.25, 0.75, 2) * SPRITE, rng.uniform(0.2, 0.6, 2) * SPRITE
        ellipse = (tuple(centre.tolist()), tuple(size.tolist()), float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.ellipse(mask, ellipse, 1, cv2.FILLED)
        else:
            cv2.fillConvexPoly(mask, np.round(cv2.boxPoints(ellipse)).astype(np.int32), 1)
        picture = np.where(mask[..., None] > 0, texture.draw(SPRITE, SPRITE), picture)
    if relief > 0:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0:SPRITE, 0:SPRITE].astype(np.float32) / SPRITE - 0.5
        light = 1 + np.float32(relief) * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
        picture = np.clip(picture * light[..., None], 0, 255).astype(np.uint8)
    pictures = [picture]
    while pictures[-1].shape[0] > 16:
        pictures.append(cv2.resize(pictures[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return Sprite(outline, tuple(pictures), textures)


@dataclass(frozen=True, eq=False)
class Actor:
    """A sprite in motion.

    Attributes:
        sprite: its looks.
        centre: ``[T, 2]`` float64 frame px.
        axes: ``[T, 2, 2]`` float64, from the sprite's unit square to frame px.
    """

    sprite: Sprite
    centre: np.ndarray
    axes: np.ndarray

    def boxes(self) -> np.ndarray:
        """``[T, 4]`` float64 xywh in frame px: the exact bounds of the outline, whole even where unseen."""
        low, high = reach(self.axes, self.sprite.outline)
        return np.concatenate([self.centre + low, high - low], -1)

    def coverage(self, t: int, height: int, width: int) -> tuple[Window, np.ndarray] | None:
        """How much of each pixel the thing covers at instant ``t``.

        Returns:
            A window of the ``height`` x ``width`` frame and ``[h, w]`` uint8 in it (255 = wholly covered), or
            ``None`` where the thing is outside of the frame.
        """
        points = self.sprite.outline @ self.axes[t].T + self.centre[t]
        left, top = np.maximum(np.floor(points.min(0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(points.max(0)), (width, height)).astype(int)
        if left >= right or top >= bottom:
            return None
        canvas = np.zeros(((bottom - top) * OVERSAMPLING, (right - left) * OVERSAMPLING), np.uint8)
        # OpenCV counts vertices from pixel centres and paints the pixels its edges touch: step in by half of one
        fine = (points - (left, top)) * OVERSAMPLING - 0.5
        middle = (fine.min(0) + fine.max(0)) / 2
        half = np.maximum((fine.max(0) - fine.min(0)) / 2, 1e-6)
        fine = middle + (fine - middle) * np.maximum(1 - 0.5 / half, 0)
        vertices = np.round(fine * (1 << _FRACTION_BITS)).astype(np.int32)
        cv2.fillPoly(canvas, [vertices], 255, shift=_FRACTION_BITS)
        size = (int(right - left), int(bottom - top))
        return (slice(top, bottom), slice(left, right)), cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)

    def draw(self, image: np.ndarray, t: int) -> None:
        """Lay the thing over ``image`` (``[H, W, 3]`` uint8 RGB, changed in place) as it is at instant ``t``."""
        covered = self.coverage(t, *image.shape[:2])
        if covered is None:
            return
        window, alpha = covered
        rows, columns = window
        density = self.sprite.pictures[0].shape[0] / max(
            np.sqrt(abs(np.linalg.det(self.axes[t]))), 1.0
        )  # sprite px per frame px
        level = int(np.clip(np.log2(density), 0, len(self.sprite.pictures) - 1))
        picture = self.sprite.pictures[level]
        side = picture.shape[0]
        # from the centre of a window pixel to the frame, to the unit square, to the picture, to its pixel's centre
        inverse = np.linalg.inv(self.axes[t]) * side
        corner = np.array([columns.start + 0.5, rows.start + 0.5]) - self.centre[t]
        matrix = np.concatenate([inverse, (inverse @ corner + side / 2 - 0.5)[:, None]], 1)
        texture = cv2.warpAffine(
            picture,
            matrix,
            alpha.shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT,
        )
        weight = alpha.astype(np.float32) / 255
        image[window] = cv2.blendLinear(texture, np.ascontiguousarray(image[window]), weight, 1 - weight)
