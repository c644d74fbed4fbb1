"""Pictures to measure decoders on: dead leaves with 1/f texture and grain, as JPEGs of 1.3 to 2.9 bits per pixel.

Occluding shapes of all sizes have the edge and amplitude statistics of photographs (Lee, Mumford and Huang, IJCV 2001),
and so cost a decoder about what photographs do. Everything follows from the seed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

LEAVES = 400


def dead_leaves(width: int, height: int, seed: int) -> np.ndarray:
    """BGR uint8 ``[height, width, 3]``."""
    rng = np.random.default_rng(seed)
    side = max(width, height, 1280) * 9 // 16
    owner = np.zeros((height, width), np.int32)
    smallest, largest = side / 100, side / 3
    # the power law of radii under which every scale covers as much
    radii = (smallest**-2 + rng.random(LEAVES) * (largest**-2 - smallest**-2)) ** -0.5
    for number, radius in enumerate(radii, 1):
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(radius), max(int(radius * rng.uniform(0.4, 1)), 1)
        cv2.ellipse(owner, centre, axes, float(rng.uniform(0, 180)), 0, 360, number, -1)
    colours = np.clip(rng.normal(120, 55, (LEAVES + 1, 3)), 5, 250)
    roughness = rng.gamma(2.0, 5.0, LEAVES + 1).astype(np.float32)
    shift = tuple(int(n) for n in rng.integers(0, 4096, 2))
    shade = roughness[owner] * np.roll(_texture(width, height), shift, (0, 1))
    picture = colours.astype(np.float32)[owner] + shade[..., None]
    picture += rng.uniform(0.5, 2.0) * rng.standard_normal(picture.shape, np.float32)  # grain
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.6), 0, 255).astype(np.uint8)


@functools.cache
def _texture(width: int, height: int) -> np.ndarray:
    """Noise whose amplitude falls with frequency, of unit deviation; it continues over its edges."""
    rng = np.random.default_rng(width)
    fx, fy = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    amplitude = 1 / np.maximum(np.hypot(fx, fy[:, None]), 1 / max(width, height))
    noise = np.fft.irfft2(amplitude * np.exp(2j * np.pi * rng.random(amplitude.shape)), (height, width))
    return (noise / noise.std()).astype(np.float32)


@dataclass(frozen=True)
class Scenes:
    """Some pictures of one size in one folder.

    Attributes:
        files: their names, ``00000001.jpg`` and so on.
        bits_per_pixel: least, mean and most.
        bytes: mean of the files.
    """

    files: tuple[str, ...]
    bits_per_pixel: tuple[float, float, float]
    bytes: float


def write_scenes(folder: Path, width: int, height: int, count: int, enlarged: float = 1.0) -> Scenes:
    """Draw ``count`` pictures: 4:2:0, quality 90 to 95; ``enlarged`` from smaller ones, as crops mostly are."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = []
    for number in range(count):
        quality = 90 + number % 6
        options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
        drawn = dead_leaves(round(width / enlarged), round(height / enlarged), 1000 * height + number)
        data = cv2.imencode(".jpg", cv2.resize(drawn, (width, height), interpolation=cv2.INTER_LINEAR), options)[1]
        (folder / f"{number + 1:08}.jpg").write_bytes(data.tobytes())
        sizes.append(len(data))
    bits = 8 * np.array(sizes) / (width * height)
    spread = (round(float(v), 2) for v in (bits.min(), bits.mean(), bits.max()))
    names = tuple(f"{number + 1:08}.jpg" for number in range(count))
    return Scenes(names, tuple(spread), float(np.mean(sizes)))  # type: ignore[arg-type]
