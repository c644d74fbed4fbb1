"""A film of sequences side by side, with true and predicted boxes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path

import numpy as np
from tqdm import tqdm

from siamtrack.boxes import iou, xywh_to_xyxy
from siamtrack.data.sequence import Sequence
from siamtrack.preview.paint import PREDICTED, TRUE, draw_boxes, enlarge, legend, write
from siamtrack.preview.video import write_video

COLUMNS, ROWS = 3, 2
FPS = 10
_FACTOR = 1.5
_HEADER, _CAPTION, _GAP = 52, 30, 12  # px
_GROUND, _INK, _FAINT, _ALARM = (24, 26, 31), (236, 238, 242), (150, 156, 168), (255, 110, 90)
_LOST = 0.5  # IoU below which the caption turns red
_HOLD = 6  # frames that the end of a page stays


def write_film(
    path: Path, sequences: SequenceOf[Sequence], predicted: Mapping[str, np.ndarray], title: str, name: str
) -> Path:
    """Film all sequences, some at a time; appears as a whole or not at all.

    Args:
        path: without ending.
        sequences: with boxes in every frame.
        predicted: sequence -> ``[F, 4]`` xywh, frame px.
        title: for the top.
        name: of the tracker.

    Returns:
        The file: MPEG-4, or Motion JPEG in AVI where this OpenCV has no encoder for the former.

    Raises:
        OSError: this OpenCV can write neither.
    """
    return write_video(path, lambda: _pictures(sequences, predicted, title, name), FPS)


def _pictures(
    sequences: SequenceOf[Sequence], predicted: Mapping[str, np.ndarray], title: str, name: str
) -> Iterator[np.ndarray]:
    """The film, picture by picture."""
    page = COLUMNS * ROWS
    pages = [sequences[i : i + page] for i in range(0, len(sequences), page)]
    height, width = sequences[0].frames[0].shape[:2]
    tile = round(height * _FACTOR), round(width * _FACTOR)
    size = _size(tile)
    total = sum(max(map(len, page)) + _HOLD for page in pages)
    with tqdm(total=total, desc="filming", unit="frame", disable=None) as bar:
        for number, page_sequences in enumerate(pages):
            canvas = _empty(size, f"{title}   {number + 1}/{len(pages)}", name)
            tiles = [_tiles(sequence, predicted[sequence.name]) for sequence in page_sequences]
            for pictures in itertools.zip_longest(*tiles):
                for place, picture in enumerate(pictures):
                    if picture is not None:  # a sequence that is over keeps its last frame
                        _put(canvas, picture, place, tile)
                yield canvas
                bar.update()
            for _ in range(_HOLD):
                yield canvas
                bar.update()


def _size(tile: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the film, even as encoders want them."""
    height, width = tile
    across = COLUMNS * (width + _GAP) + _GAP
    down = _HEADER + ROWS * (height + _CAPTION + _GAP)
    return across + across % 2, down + down % 2


def _empty(size: tuple[int, int], title: str, name: str) -> np.ndarray:
    canvas = np.empty((size[1], size[0], 3), np.uint8)
    canvas[:] = _GROUND
    write(canvas, title, (_GAP + 2, _HEADER // 2), 19, _INK, bold=True)
    legend(canvas, {"true box": TRUE, name: PREDICTED}, (size[0] - _GAP - 2, _HEADER // 2), 16, _INK)
    return canvas


def _tiles(sequence: Sequence, predicted: np.ndarray) -> Iterator[np.ndarray]:
    """A sequence's frames, each over its caption."""
    overlap = iou(xywh_to_xyxy(sequence.boxes), xywh_to_xyxy(predicted))
    for i, frame in enumerate(sequence.frames):
        picture = enlarge(frame, _FACTOR)
        draw_boxes(picture, sequence.boxes[i], predicted[i], _FACTOR)
        caption = np.empty((_CAPTION, picture.shape[1], 3), np.uint8)
        caption[:] = _GROUND
        middle, right = _CAPTION // 2, picture.shape[1]
        write(caption, sequence.name, (2, middle), 15, _INK)
        colour = _INK if overlap[i] >= _LOST else _ALARM
        write(caption, f"IoU {overlap[i]:.2f}", (right - 2, middle), 15, colour, right=True, bold=True)
        write(caption, f"frame {i + 1} of {len(sequence)}", (right - 96, middle), 15, _FAINT, right=True)
        yield np.concatenate([picture, caption])


def _put(canvas: np.ndarray, picture: np.ndarray, place: int, tile: tuple[int, int]) -> None:
    row, column = divmod(place, COLUMNS)
    top = _HEADER + row * (tile[0] + _CAPTION + _GAP)
    left = _GAP + column * (tile[1] + _GAP)
    canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
