"""The run in one picture: some held-out frames with boxes beside the success plot."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from siamtrack.boxes import iou, xywh_to_xyxy
from siamtrack.data.sequence import Sequence
from siamtrack.evaluation import Scores
from siamtrack.evaluation.report.plots import plot_curve
from siamtrack.preview.paint import PREDICTED, TRUE, draw_boxes, enlarge, legend, write

_COLUMNS, _ROWS = 3, 2
_CAPTION, _GAP, _HEADER = 22, 10, 30  # px
_OTHERS = ("#0072B2", "#009E73", "#CC79A7", "#222222")  # of the plots' colours those that are not near to our boxes'
_PAPER, _INK, _FAINT = (255, 255, 255), (40, 40, 40), (120, 120, 120)


def write_picture(
    path: Path,
    sequences: SequenceOf[Sequence],
    predicted: Mapping[str, np.ndarray],
    scores: SequenceOf[Scores],
    name: str,
) -> Path:
    """Draw a PNG; appears as a whole or not at all.

    Sequences are taken at equal distances from the list and shown in the middle of each, so that nothing is chosen
    by how well it went.

    Args:
        path: of the PNG.
        sequences: with boxes in every frame.
        predicted: sequence -> ``[F, 4]`` xywh, frame px.
        scores: all trackers.
        name: of the tracker.
    """
    chosen = np.linspace(0, len(sequences) - 1, min(_COLUMNS * _ROWS, len(sequences))).round().astype(int)
    tiles = [_tile(sequences[i], predicted[sequences[i].name]) for i in chosen]
    height, width = tiles[0].shape[:2]
    left = np.full((_HEADER + _ROWS * (height + _GAP), _COLUMNS * (width + _GAP), 3), _PAPER, np.uint8)
    write(left, "Held-out sequences, in the middle of each", (0, _HEADER // 2 - 2), 14, _INK, bold=True)
    legend(left, {"true box": TRUE, name: PREDICTED}, (left.shape[1] - _GAP, _HEADER // 2 - 2), 13, _INK)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _COLUMNS)
        top, start = _HEADER + row * (height + _GAP), column * (width + _GAP)
        left[top : top + height, start : start + width] = tile
    inks = _inks(scores, name)
    right = _success_plot(scores, left.shape[0], inks)
    whole = Image.fromarray(np.concatenate([left, right], 1))
    partial = path.with_name(f".{path.name}")
    # photographs take a third of the bytes with 256 colours, and textures hide that they have no more
    whole.quantize(palette=_palette(left, inks), dither=Image.Dither.NONE).save(partial, format="PNG", optimize=True)
    os.replace(partial, path)
    return path


def _tile(sequence: Sequence, predicted: np.ndarray) -> np.ndarray:
    middle = len(sequence) // 2
    factor = 0.8 if sequence.frames[middle].shape[1] >= 320 else 1.0
    picture = enlarge(sequence.frames[middle], factor)
    draw_boxes(picture, sequence.boxes[middle], predicted[middle], factor)
    overlap = float(iou(xywh_to_xyxy(sequence.boxes[middle]), xywh_to_xyxy(predicted[middle])))
    caption = np.full((_CAPTION, picture.shape[1], 3), _PAPER, np.uint8)
    write(caption, sequence.name, (0, _CAPTION // 2), 11, _FAINT)
    write(caption, f"IoU {overlap:.2f}", (picture.shape[1], _CAPTION // 2), 11, _INK, right=True)
    return np.concatenate([picture, caption])


def _inks(scores: SequenceOf[Scores], name: str) -> dict[str, str]:
    """Tracker -> ``#RRGGBB`` of its curve: the tracker's own is that of its boxes."""
    others = [score.tracker for score in scores if score.tracker != name]
    return {name: "#{:02X}{:02X}{:02X}".format(*PREDICTED), **dict(zip(others, itertools.cycle(_OTHERS)))}


def _palette(frames: np.ndarray, inks: Mapping[str, str]) -> Image.Image:
    """256 colours: three quarters as the frames want them, the rest for curves, which are too thin to be given any.

    Args:
        frames: RGB uint8 ``[H, W, 3]``.
        inks: of the curves; each with its way to white, and grays.
    """
    chosen = Image.fromarray(frames).quantize(192).getpalette() or []
    pure = np.array([[int(ink[i : i + 2], 16) for i in (1, 3, 5)] for ink in dict.fromkeys(inks.values())])
    ways = 255 - (255 - pure[:, None]) * np.linspace(1, 0.1, 48 // len(pure))[:, None]
    grays = np.repeat(np.linspace(32, 255, 16)[:, None], 3, 1)
    drawn = np.concatenate([ways.reshape(-1, 3), grays]).round().astype(int).ravel().tolist()
    image = Image.new("P", (1, 1))
    image.putpalette([*chosen[: 192 * 3], *drawn])
    return image


def _success_plot(scores: SequenceOf[Scores], height: int, inks: Mapping[str, str]) -> np.ndarray:
    """The success plot as pixels of that height."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Image.open(plot_curve(scores, "success", Path(folder) / "success.png", inks)).convert("RGB")
    pixels = np.asarray(drawn)
    factor = height / pixels.shape[0]
    width = round(pixels.shape[1] * factor)
    resized: np.ndarray = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return resized
