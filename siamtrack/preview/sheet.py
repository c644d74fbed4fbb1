"""Samples as one picture: cards with captions in columns, a legend above them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from siamtrack.preview.paint import TRUE, Colour, text_width, write
from siamtrack.preview.panels import GAP, GUESS, NEGATIVE, PAPER, POSITIVE, panels
from siamtrack.preview.samples import Sample, Source

_INK: Colour = (35, 38, 45)
_FAINT: Colour = (120, 126, 138)
_GOOD: Colour = (30, 132, 73)
_BAD: Colour = (192, 57, 43)
_MARGIN, _TITLE, _HEADER, _CAPTION = 18, 40, 58, 40  # px


def draw_sheet(samples: Sequence[Sample], title: str, side: int = 200, columns: int = 2) -> np.ndarray:
    """``[H, W, 3]`` uint8 RGB.

    Args:
        samples: at least one.
        title: for the top left.
        side: of a search crop, px.
        columns: cards beside each other.
    """
    cards = [_card(sample, side) for sample in samples]
    columns = min(columns, len(cards))
    height, width = cards[0].shape[:2]
    rows = -(-len(cards) // columns)
    whole = (_HEADER + rows * (height + _MARGIN), _MARGIN + columns * (width + _MARGIN), 3)
    sheet = np.full(whole, PAPER, np.uint8)
    scored = any(sample.scores is not None for sample in samples)
    celled = any(sample.labels is not None for sample in samples)
    room = sheet.shape[1] - _legend(sheet, scored, celled) - 2 * _MARGIN
    write(sheet, _cut(title, room, 15, bold=True), (_MARGIN, _TITLE // 2), 15, _INK, bold=True)
    for place, card in enumerate(cards):
        row, column = divmod(place, columns)
        top, left = _HEADER + row * (height + _MARGIN), _MARGIN + column * (width + _MARGIN)
        sheet[top : top + height, left : left + width] = card
        if row == 0:
            _headings(sheet, samples[0], left, width, side)
    return sheet


def write_png(path: Path, image: np.ndarray) -> Path:
    """Write a picture; it appears as a whole or not at all."""
    partial = path.with_name(f".{path.name}")
    Image.fromarray(image).save(partial, format="PNG", optimize=True)
    os.replace(partial, path)
    return path


def whence(sources: Sequence[Source]) -> tuple[str, str]:
    """The data set of the templates, and sequences with frames: ``(got10k, "Train_000012, frames 3 -> 40 (+37)")``."""
    *templates, search = sources
    frames = ", ".join(str(source.frame) for source in templates)
    first = templates[0]
    if (search.dataset, search.sequence) == (first.dataset, first.sequence):
        if all(source.path == search.path for source in templates):
            return first.dataset, f"{first.sequence}, one frame"
        return first.dataset, f"{first.sequence}, frames {frames} \N{RIGHTWARDS ARROW} {search.frame}" + (
            f" ({search.frame - first.frame:+d})".replace("-", "\N{MINUS SIGN}")
        )
    other = search.sequence if search.dataset == first.dataset else f"{search.dataset} {search.sequence}"
    return first.dataset, f"{first.sequence}, {frames} \N{RIGHTWARDS ARROW} {other}, {search.frame}"


def facts(sample: Sample) -> str:
    """The second line of a caption: number, colours, how many cells are labelled."""
    said = [f"sample {sample.number}"] if sample.number >= 0 else []
    said += sample.changes
    if sample.labels is not None:
        values = sample.labels.values
        said.append(f"{(values == 1).sum()} positive and {(values == 0).sum()} negative cells")
    if sample.search.padding is not None:
        said.append(f"{sample.search.padding.mean():.0%} padding")
    return " \N{MIDDLE DOT} ".join(said)


def _card(sample: Sample, side: int) -> np.ndarray:
    """Panels over two lines of text."""
    picture = panels(sample, side)
    width = picture.shape[1]
    caption = np.full((_CAPTION, width, 3), PAPER, np.uint8)
    kind, colour = ("positive pair", _GOOD) if sample.present else ("negative pair", _BAD)
    room = width - write(caption, kind, (width, 12), 12, colour, right=True, bold=True) - 10
    if sample.sources:
        dataset, text = whence(sample.sources)
        left = write(caption, dataset, (0, 12), 12, _INK, bold=True) + 7
        write(caption, _cut(text, room - left, 12), (left, 12), 12, _INK)
    write(
        caption,
        _cut(facts(sample), width if sample.sources else room, 11),
        (0, 29 if sample.sources else 12),
        11,
        _FAINT,
    )
    return np.concatenate([picture, caption])


def _headings(sheet: np.ndarray, sample: Sample, left: int, width: int, side: int) -> None:
    """What the panels of a column of cards are, above it."""
    names = ["search", "labels"] + (["scores"] if sample.scores is not None else [])
    column = width - len(names) * (side + GAP)
    both = sample.frame is not None and text_width("template, frame", 11) <= column
    write(sheet, "template, frame" if both else "template", (left, _HEADER - 9), 11, _FAINT)
    for place, name in enumerate(names):
        write(sheet, name, (left + column + GAP + place * (side + GAP), _HEADER - 9), 11, _FAINT)


def _legend(sheet: np.ndarray, scored: bool, celled: bool) -> int:
    """What the colours mean, at the right; its width, px."""
    entries: list[tuple[str, Colour]] = [("box", TRUE)]
    entries += [("positive cell", POSITIVE), ("negative cell", NEGATIVE)] if celled else [("corner", POSITIVE)]
    entries += [("prediction", GUESS)] if scored else []
    right = sheet.shape[1] - _MARGIN
    for name, colour in reversed(entries):
        middle = _TITLE // 2
        right -= write(sheet, name, (right, middle), 12, _INK, right=True) + 6
        sheet[middle - 6 : middle + 6, right - 12 : right] = _INK
        sheet[middle - 4 : middle + 4, right - 10 : right - 2] = colour
        right -= 12 + 14
    used: int = sheet.shape[1] - right
    return used


def _cut(text: str, room: int, size: int, bold: bool = False) -> str:
    """The text, or its beginning, so that it fits."""
    if text_width(text, size, bold) <= room:
        return text
    while text and text_width(text + "\N{HORIZONTAL ELLIPSIS}", size, bold) > room:
        text = text[:-1]
    return text + "\N{HORIZONTAL ELLIPSIS}"
