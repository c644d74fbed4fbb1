"""JPEGs of many kinds, drawn: sampling, sizes that are no multiple of an MCU, restart markers, tables, progressions."""

from __future__ import annotations

import io

import cv2
import numpy as np
from hypothesis import strategies as st
from PIL import Image

SAMPLINGS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111, "4:4:0": 0x121111, "4:1:1": 0x411111}


def scene(width: int, height: int, seed: int) -> np.ndarray:
    """Soft shapes and grain, BGR uint8 ``[height, width, 3]``."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(height // 12, 2), max(width // 12, 2), 3), np.uint8)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 8, soft.shape), 0, 255).astype(np.uint8)


def encode(
    image: np.ndarray, sampling: str = "4:2:0", quality: int = 90, restart: int = 0, optimise: bool = False
) -> bytes:
    """A sequential JPEG by OpenCV; ``image`` BGR or grey."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    options += [cv2.IMWRITE_JPEG_OPTIMIZE, int(optimise), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling]]
    return cv2.imencode(".jpg", image, options)[1].tobytes()


def encode_by_pillow(image: np.ndarray, **options) -> bytes:
    """A JPEG by Pillow (``progressive=True``, ``exif=...``); ``image`` BGR."""
    stream = io.BytesIO()
    Image.fromarray(image[..., ::-1]).save(stream, "JPEG", **options)
    return stream.getvalue()


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """A JPEG of any kind."""
    width, height = draw(st.integers(1, 200)), draw(st.integers(1, 150))
    image = scene(width, height, draw(st.integers(0, 99)))
    if draw(st.integers(0, 9)) == 0:
        return encode_by_pillow(image, progressive=True, quality=draw(st.integers(60, 95)))
    return encode(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if draw(st.integers(0, 5)) == 0 else image,
        draw(st.sampled_from(list(SAMPLINGS))),
        draw(st.integers(30, 98)),
        draw(st.sampled_from([0, 0, 1, 3, 7])),
        draw(st.booleans()),
    )


@st.composite
def rectangles(draw: st.DrawFn, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom inside a picture, ends exclusive, not empty."""
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
