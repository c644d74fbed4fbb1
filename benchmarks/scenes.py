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
from original_loaders import Video

from siamtrack.data.packed.pack import pack

LEAVES = 400
VIDEO = 4  # frames of a video
# width, height, pictures, and by how much they are enlarged, as pre-cut crops mostly are
SIZES = {"511": (511, 511, 32, 1.35), "1280x720": (1280, 720, 16, 1.0), "1920x1080": (1920, 1080, 12, 1.0)}


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


# Data sets of them ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """The pictures of one size, loose and packed, in the layout of GOT-10k."""

    width: int
    height: int
    scenes: Scenes
    loose: Path
    packed: Path
    more_bytes: float

    def videos(self, boxes: np.ndarray, packed: bool) -> list[Video]:
        """The frames by fours, with their boxes ``[pictures, 4]``."""
        folder = self.packed if packed else self.loose
        names = self.scenes.files
        return [
            Video(tuple(str(folder / "train/v" / name) for name in names[i : i + VIDEO]), boxes[i : i + VIDEO])
            for i in range(0, len(names), VIDEO)
        ]


def draw_pictures(size: str, folder: Path) -> Pictures:
    """Draw and pack the pictures of one size."""
    width, height, count, enlarged = SIZES[size]
    loose, packed = folder / size / "GOT-10k", folder / size / "packed"
    scenes = write_scenes(loose / "train" / "v", width, height, count, enlarged)
    (loose / "train" / "v" / "groundtruth.txt").write_text("1,1,1,1\n" * count)
    report = pack("got10k", loose, packed, split="train", jobs=1)
    if report.tiled != count:
        raise SystemExit(f"not all pictures could be tiled:\n{report}")
    return Pictures(width, height, scenes, loose, packed, report.bytes_out / report.bytes_in - 1)


def targets(pictures: Pictures, part: int) -> np.ndarray:
    """``[pictures, 4]`` xywh boxes; part 0: those of 511-pixel pre-cuts, which fill their context."""
    rng = np.random.default_rng(part)
    count = len(pictures.scenes.files)
    aspect = np.exp(rng.normal(0, 0.3, count))
    if not part:
        side = np.full(count, 127 / 2)
        extent = np.stack([side * np.sqrt(aspect), side / np.sqrt(aspect)], 1)
        return np.concatenate([255 - extent / 2, extent], 1)
    side = pictures.height / part * np.exp(rng.normal(0, 0.3, count))
    extent = np.stack([side * np.sqrt(aspect), side / np.sqrt(aspect)], 1)
    extent = np.minimum(extent, [pictures.width - 8, pictures.height - 8])
    corner = rng.random((count, 2)) * (np.array([pictures.width, pictures.height]) - extent)
    return np.concatenate([corner, extent], 1)
