"""Frames with boxes and words on them, for films, pictures and previews."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

TRUE: Colour = (255, 255, 255)
PREDICTED: Colour = (255, 122, 0)
_RIM: Colour = (0, 0, 0)
_FINE = 4  # OpenCV draws to 1/16 px
_FAR = 2**15  # px; what an untrained network predicts may lie beyond OpenCV's whole numbers


def enlarge(frame: np.ndarray, factor: float) -> np.ndarray:
    """The frame ``factor`` times as large, RGB uint8."""
    how = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    resized: np.ndarray = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=how)
    return resized


def draw_boxes(image: np.ndarray, true: np.ndarray | None, predicted: np.ndarray, factor: float = 1.0) -> None:
    """Draw the true and the predicted box, rimmed so that they stand out on any texture.

    Args:
        image: RGB uint8, drawn on.
        true: ``[4]`` xywh, frame px; ``None``: not known.
        predicted: ``[4]`` xywh, frame px.
        factor: image px per frame px.
    """
    for box, colour in ((true, TRUE), (predicted, PREDICTED)):
        if box is not None:
            for thickness, ink in ((4, _RIM), (2, colour)):
                rectangle(image, box * factor, ink, thickness)


def rectangle(image: np.ndarray, box_xywh: np.ndarray, colour: Colour, thickness: int) -> None:
    """Draw one box ``[4]``, image px, to a sixteenth of a pixel; none that is not finite."""
    if not np.isfinite(box_xywh).all():
        return
    # OpenCV puts pixel centres on whole numbers, boxes have them on halves
    x, y, w, h = box_xywh
    corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]).clip(-_FAR, _FAR) - 0.5
    points = np.round(corners * 2**_FINE).astype(np.int32)
    cv2.polylines(image, [points], True, colour, thickness, cv2.LINE_AA, _FINE)


def write(
    image: np.ndarray,
    words: str,
    at: tuple[int, int],
    size: int,
    colour: Colour,
    right: bool = False,
    bold: bool = False,
) -> int:
    """Write one line of text.

    Args:
        image: RGB uint8, written on.
        words: the text.
        at: its left (or right) end and the middle of its height, px.
        size: of the letters, px.
        colour: RGB.
        right: whether ``at`` is the right end.
        bold: whether the letters are.

    Returns:
        Its width, px.
    """
    mask = _letters(words, size, bold)
    height, width = int(mask.shape[0]), int(mask.shape[1])
    left, top = at[0] - (width if right else 0), at[1] - height // 2
    part = image[max(top, 0) : top + height, max(left, 0) : left + width]
    seen = mask[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1], None]
    part[:] = np.rint(part * (1 - seen) + np.array(colour) * seen)
    return width


def text_width(words: str, size: int, bold: bool = False) -> int:
    """How wide a line of text is, px."""
    return int(_letters(words, size, bold).shape[1])


@lru_cache(maxsize=4096)
def _letters(words: str, size: int, bold: bool) -> np.ndarray:
    """``[H, W]`` float32 in 0..1: how much of each pixel the text covers."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(int(np.ceil(font.getlength(words))), 1), ascent + descent))
    ImageDraw.Draw(image).text((0, 0), words, fill=255, font=font)
    return np.asarray(image, np.float32) / 255


@lru_cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def legend(image: np.ndarray, entries: dict[str, Colour], at: tuple[int, int], size: int, ink: Colour) -> None:
    """Coloured frames with their names, from the right end ``at`` to the left."""
    right, middle = at
    for name, colour in reversed(entries.items()):
        right -= write(image, name, (right, middle), size, ink, right=True) + 8
        swatch = np.array([right - size * 1.5, middle - size / 2, size * 1.5, size])
        for thickness, shade in ((4, _RIM), (2, colour)):
            rectangle(image, swatch, shade, thickness)
        right -= round(size * 1.5) + 18
