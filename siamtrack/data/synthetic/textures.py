"""Procedural textures: many kinds, drawn from a key, so that no two worlds share one.

Every texture is a scalar field in 0..1 (its *kind*), sent through a palette, with some uneven light on top. Kinds
and palettes are drawn independently, which gives far more looks than there are kinds. What a tracker learns from is
this variety: with one kind of texture it learns that texture, with many it learns to compare.
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

Field = Callable[[np.random.Generator, int, int, float], np.ndarray]


@dataclass(frozen=True, eq=False)
class Texture:
    """How to draw one texture.

    Attributes:
        key: what its random numbers start from; equal keys (and fields) give equal pixels.
        kind: a name in :data:`KINDS`.
        palette: ``[K, 3]`` float32 RGB 0..255, K >= 2, from the field's low end to its high end.
        cell: size of the pattern's elements, px.
        smooth: whether neighbouring colours of the palette blend, or stand side by side.
    """

    key: tuple[int, ...]
    kind: str
    palette: np.ndarray
    cell: float
    smooth: bool

    @staticmethod
    def random(key: tuple[int, ...], cell: tuple[float, float]) -> Texture:
        """Any texture with elements of ``cell`` = (smallest, largest) px."""
        rng = np.random.default_rng((*key, 0))
        kind = str(rng.choice(list(KINDS)))
        size = float(np.exp(rng.uniform(*np.log(cell))))
        return Texture(key, kind, random_palette(rng), size, bool(rng.random() < 0.5))

    def sibling(self, key: tuple[int, ...], brightness: float = 1.0) -> Texture:
        """Another texture of the same kind, colours (times ``brightness``) and coarseness: what a look-alike wears."""
        palette = np.minimum(self.palette * np.float32(brightness), 255)
        return dataclasses.replace(self, key=key, palette=palette)

    def draw(self, height: int, width: int) -> np.ndarray:
        """``[height, width, 3]`` uint8 RGB."""
        rng = np.random.default_rng((*self.key, 1))
        field = KINDS[self.kind](rng, height, width, self.cell)
        image = _ramp(self.palette, self.smooth).take((np.clip(field, 0, 1) * 255).astype(np.uint8), axis=0)
        image *= 1 + np.float32(rng.uniform(0.1, 0.5)) * (_haze(rng, height, width, self.cell)[..., None] - 0.5)
        if rng.random() < 0.4:
            image += np.float32(rng.uniform(20, 70)) * (_haze(rng, height, width, self.cell, channels=3) - 0.5)
        return np.clip(image, 0, 255, out=image).astype(np.uint8)


def random_palette(rng: np.random.Generator) -> np.ndarray:
    """``[K, 3]`` float32 RGB 0..255, 2 <= K <= 5: from nearly grey to garish, always with some contrast."""
    count = int(rng.integers(2, 6))
    spread = rng.choice([0.06, 0.2, 1.0])
    hue = (rng.random() + spread * rng.uniform(-0.5, 0.5, count)) % 1.0
    saturation = np.clip(rng.beta(1.5, 1.5) + rng.uniform(-0.25, 0.25, count), 0, 1)
    low = rng.uniform(0.05, 0.6)
    value = np.linspace(low, rng.uniform(low + 0.25, 1.0), count) + rng.uniform(-0.05, 0.05, count)
    hsv = np.stack([hue * 360, saturation, np.clip(rng.permutation(value), 0, 1)], -1).astype(np.float32)
    rgb: np.ndarray = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0] * np.float32(255)
    return rgb


def value_noise(
    rng: np.random.Generator, height: int, width: int, cell: float, roughness: float = 0.55, channels: int = 1
) -> np.ndarray:
    """Noise with a spectrum near 1/f: octaves of smoothly enlarged random grids.

    Args:
        rng: where the grids come from.
        height: px.
        width: px.
        cell: distance between grid points of the coarsest octave, px.
        roughness: amplitude of each octave relative to the one before; 0 is smooth, 1 is white.
        channels: how many independent fields.

    Returns:
        ``[height, width]``, or ``[height, width, channels]`` for more than one; float32, mean 0.5, mostly in 0..1.
    """
    total = np.zeros((height, width, channels) if channels > 1 else (height, width), np.float32)
    amplitude, power = 1.0, 0.0
    while cell >= 1.5 and amplitude > 0.02:
        shape = (int(np.ceil(height / cell)) + 2, int(np.ceil(width / cell)) + 2, channels)
        grid = rng.random(shape, np.float32) - np.float32(0.5)
        octave = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.float32(amplitude) * octave
        power += amplitude**2
        amplitude *= roughness
        cell /= 2
    total *= np.float32(1.1 / np.sqrt(max(power, 1e-6)))
    total += np.float32(0.5)
    return total


def _haze(rng: np.random.Generator, height: int, width: int, cell: float, channels: int = 1) -> np.ndarray:
    """Value noise without its fine octaves, as uneven light is; drawn small and enlarged."""
    shrink = max(1, int(cell / 4))
    small = value_noise(rng, -(-height // shrink), -(-width // shrink), 2 * cell / shrink, channels=channels)
    haze: np.ndarray = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return haze


def _ramp(palette: np.ndarray, smooth: bool) -> np.ndarray:
    """The palette at 256 steps, ``[256, 3]`` float32."""
    steps = np.linspace(0, len(palette) - 1, 256)
    if smooth:
        ramp = np.stack([np.interp(steps, np.arange(len(palette)), channel) for channel in palette.T], -1)
    else:
        ramp = palette[np.minimum(np.linspace(0, len(palette), 256).astype(int), len(palette) - 1)]
    return ramp.astype(np.float32)


def _plane(
    rng: np.random.Generator, height: int, width: int, cell: float, warp: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """x and y in cells on a turned, shifted plane, bent by up to ``warp`` cells."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(cell)
    u = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y + np.float32(rng.uniform(0, 9))
    v = np.float32(-np.sin(angle)) * x + np.float32(np.cos(angle)) * y + np.float32(rng.uniform(0, 9))
    if warp:
        bend = _haze(rng, height, width, 1.5 * cell, channels=2) - np.float32(0.5)
        u, v = u + np.float32(warp) * bend[..., 0], v + np.float32(warp) * bend[..., 1]
    return u, v


def _wave(phase: np.ndarray) -> np.ndarray:
    wave: np.ndarray = 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    return wave


def _shuffled(rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
    """A random value in 0..1 for each integer."""
    values: np.ndarray = rng.random(256, np.float32)[numbers % 256]
    return values


def _clouds(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    return value_noise(rng, height, width, 2 * cell, rng.uniform(0.4, 0.8))


def _grain(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    return value_noise(rng, height, width, cell / 2, rng.uniform(0.7, 0.95))


def _stripes(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, _ = _plane(rng, height, width, cell, warp=rng.choice([0.0, 0.0, 1.0]))
    return np.clip(0.5 + rng.uniform(0.6, 4) * (_wave(u) - rng.uniform(0.3, 0.7)), 0, 1)


def _bands(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, _ = _plane(rng, height, width, cell, warp=rng.choice([0.0, 0.6]))
    return _shuffled(rng, np.floor(u).astype(int))


def _checks(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, cell, warp=rng.choice([0.0, 0.0, 0.8]))
    return np.asarray((np.floor(u) + np.floor(v)) % 2, np.float32)


def _tiles(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, cell)
    row = np.floor(v)
    across = u / np.float32(rng.uniform(1, 2.5)) + np.float32(rng.choice([0.0, 0.5])) * row
    tile = _shuffled(rng, np.floor(across).astype(int) * 7 + row.astype(int) * 61)
    joint = np.minimum(across - np.floor(across), v - row) < rng.uniform(0, 0.2)
    return np.where(joint, np.float32(rng.integers(2)), tile)


def _plaid(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, cell)
    period = int(rng.integers(3, 7))
    warp, weft = (_shuffled(rng, np.floor(2 * line).astype(int) % period) for line in (u, v))
    return np.asarray((warp + weft) / 2, np.float32)


def _dots(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, cell, warp=rng.choice([0.0, 0.7]))
    row, column = np.floor(v), np.floor(u)
    number = (row * 37 + column * 11).astype(int)
    radius = 0.2 + 0.25 * _shuffled(rng, number)
    near = np.hypot(u - column - 0.5, v - row - 0.5) < radius
    return np.where(near, 0.4 + 0.6 * _shuffled(rng, number), np.float32(0.1))


def _cells(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    count = max(6, int(height * width / cell**2))
    ground = np.ones((height, width), np.uint8)
    ground[rng.integers(0, height, count), rng.integers(0, width, count)] = 0
    distance, label = cv2.distanceTransformWithLabels(ground, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    flat = _shuffled(rng, label)
    return np.asarray(flat * (1 - rng.uniform(0, 0.6) * np.clip(distance / cell, 0, 1)), np.float32)


def _camouflage(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    levels = int(rng.integers(3, 6))
    field = value_noise(rng, height, width, 2 * cell, rng.uniform(0.2, 0.5))
    return np.asarray(np.floor(np.clip(field, 0, 0.999) * levels) / (levels - 1), np.float32)


def _gradient(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, max(height, width), warp=rng.uniform(0, 0.5))
    line = u - u.min() if rng.random() < 0.5 else np.hypot(u - rng.choice(u[:, 0]), v - rng.choice(v[0]))
    line = line / max(float(np.ptp(line)), 1e-6)
    return np.asarray(line + 0.15 * (value_noise(rng, height, width, cell) - 0.5), np.float32)


def _wood(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, v = _plane(rng, height, width, cell, warp=rng.uniform(0.5, 2))
    return _wave(np.hypot(u * rng.uniform(0.1, 1), v)) * 0.8 + 0.2 * value_noise(rng, height, width, cell / 3)


def _marble(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    u, _ = _plane(rng, height, width, 2 * cell)
    return _wave(u + 2.5 * value_noise(rng, height, width, 3 * cell))


def _leaves(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """The dead-leaves model: shapes of power-law size laid over one another (Lee, Mumford and Huang, IJCV 2001)."""
    canvas = np.full((height, width), rng.integers(256), np.uint8)
    count = int(np.clip(4 * height * width / cell**2, 40, 400))
    radii = np.clip(cell * 0.25 * rng.pareto(1.6, count) + 0.2 * cell, 2, 3 * cell)
    centres = rng.uniform(0, 1, (count, 2)) * (width, height)
    shades, turns, squeeze = rng.integers(0, 256, count), rng.uniform(0, 180, count), rng.uniform(0.3, 1, count)
    square = rng.random() < 0.4
    for (x, y), r, shade, turn, thin in zip(centres, radii, shades, turns, squeeze, strict=True):
        ellipse = ((x, y), (2 * r, 2 * r * thin), turn)
        if square:
            cv2.fillConvexPoly(canvas, np.round(cv2.boxPoints(ellipse)).astype(np.int32), int(shade))
        else:
            cv2.ellipse(canvas, ellipse, int(shade), cv2.FILLED)
    return canvas.astype(np.float32) / 255


def _scribble(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    canvas = np.full((height, width), rng.choice([0, 255]), np.uint8)
    for _ in range(int(np.clip(height * width / cell**2, 8, 80))):
        knots = np.cumsum(rng.normal(0, 1.2 * cell, (6, 2)), 0) + rng.uniform(0, 1, 2) * (width, height)
        thickness = int(rng.integers(1, max(2, int(cell / 4)) + 1))
        cv2.polylines(canvas, [np.round(knots).astype(np.int32)], False, int(rng.integers(256)), thickness)
    return canvas.astype(np.float32) / 255


def _print(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    canvas = np.full((height, width), rng.choice([0, 255]), np.uint8)
    letters = np.array(list(string.ascii_letters + string.digits))
    font = int(rng.integers(0, 8))
    for _ in range(int(np.clip(1.5 * height * width / cell**2, 6, 90))):
        corner = (int(rng.integers(-int(cell), width)), int(rng.integers(0, height + int(cell))))
        shade, thickness = int(rng.integers(256)), int(rng.integers(1, 5))
        cv2.putText(canvas, str(rng.choice(letters)), corner, font, cell / 18, shade, thickness)
    return canvas.astype(np.float32) / 255


KINDS: dict[str, Field] = {
    "clouds": _clouds,
    "grain": _grain,
    "stripes": _stripes,
    "bands": _bands,
    "checks": _checks,
    "tiles": _tiles,
    "plaid": _plaid,
    "dots": _dots,
    "cells": _cells,
    "camouflage": _camouflage,
    "gradient": _gradient,
    "wood": _wood,
    "marble": _marble,
    "leaves": _leaves,
    "scribble": _scribble,
    "print": _print,
}
