"""The panels of one sample: templates, search crop with its box, its labels, and what the network makes of it."""

from __future__ import annotations

import cv2
import numpy as np

from siamtrack.boxes import xyxy_to_xywh
from siamtrack.preview.paint import TRUE, Colour, enlarge, rectangle
from siamtrack.preview.samples import Grid, Picture, Sample

GUESS: Colour = (64, 224, 255)  # no colour of the score map, on which it lies
POSITIVE: Colour = (255, 200, 40)
NEGATIVE: Colour = (90, 165, 255)
IGNORED: Colour = (125, 125, 125)
_RIM: Colour = (0, 0, 0)
_FINE = 4  # OpenCV draws to 1/16 px
_HATCH = 8  # px between the lines over padding
GAP = 6
PAPER: Colour = (255, 255, 255)


def panels(sample: Sample, side: int) -> np.ndarray:
    """``[side, W, 3]`` RGB: templates above each other and above the whole frame, search crop, labels, and scores if
    there are any.

    Args:
        sample: what to draw.
        side: of a search crop, px; templates are enlarged as much.
    """
    factor = side / len(sample.search.pixels)
    column = _stacked([crop_panel(template, factor) for template in sample.templates], side)
    if sample.frame is not None:
        frame = crop_panel(sample.frame, column.shape[1] / sample.frame.pixels.shape[1])
        if (column[-len(frame) - GAP :] == PAPER).all():  # there is room under the templates
            column[-len(frame) :, : frame.shape[1]] = frame
    parts = [column]
    parts.append(crop_panel(sample.search, factor))
    parts.append(label_panel(sample, factor))
    if sample.scores is not None:
        parts.append(score_panel(sample.search, sample.scores, sample.guess, factor))
    gap = np.full((side, GAP, 3), PAPER, np.uint8)
    row = [parts[0]]
    for part in parts[1:]:
        row += [gap, part]
    return np.concatenate(row, 1)


def crop_panel(picture: Picture, factor: float, muted: bool = False, boxed: bool = True) -> np.ndarray:
    """A crop ``factor`` times as large, padding hatched, its box drawn.

    Args:
        picture: the crop.
        factor: px of the panel per px of the crop.
        muted: grey and darker, for something to lie over it.
        boxed: whether to draw the box.
    """
    image = enlarge(picture.pixels, factor)
    if muted:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = cv2.cvtColor((grey * 0.55 + 12).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    if picture.padding is not None and picture.padding.any():
        _hatch(image, picture.padding)
    if boxed and np.isfinite(picture.box).all():
        _box(image, picture.box, factor, TRUE)
    return image


def label_panel(sample: Sample, factor: float) -> np.ndarray:
    """What every cell is told; for heads that regress corners, the two corners."""
    image = crop_panel(sample.search, factor, muted=True, boxed=sample.present)
    if sample.labels is None:
        if sample.present:
            _corners(image, sample.target, factor)
        return image
    points = sample.labels.points() * factor
    spacing = sample.labels.stride * factor
    for value, colour, share in ((-1, IGNORED, 0.08), (0, NEGATIVE, 0.36), (1, POSITIVE, 0.42)):
        radius = max(share * spacing, 0.8)
        for row, column in np.argwhere(sample.labels.values == value):
            _dot(image, points[:, row, column], radius, colour)
    return image


def score_panel(picture: Picture, scores: Grid, guess: np.ndarray | None, factor: float) -> np.ndarray:
    """The score map over the crop, true box and the network's."""
    image = crop_panel(picture, factor, muted=True, boxed=False)
    height, width = image.shape[:2]
    first = scores.points()[:, 0, 0] * factor
    place = np.array([[scores.stride * factor, 0, first[0]], [0, scores.stride * factor, first[1]]])
    heat = cv2.warpAffine(scores.values.astype(np.float32), place, (width, height), flags=cv2.INTER_LINEAR)
    coloured = cv2.applyColorMap((heat.clip(0, 1) * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity = 0.8 * heat.clip(0, 1)[..., None] ** 0.5
    image[:] = image * (1 - opacity) + coloured * opacity
    for box, colour in ((picture.box, TRUE), (guess, GUESS)):
        if box is not None and np.isfinite(box).all():
            _box(image, box, factor, colour)
    return image


def _stacked(images: list[np.ndarray], height: int) -> np.ndarray:
    """Images above each other on paper; as many as there is room for."""
    column = np.full((height, max(image.shape[1] for image in images), 3), PAPER, np.uint8)
    top = 0
    for image in images:
        if top + image.shape[0] > height:
            break
        column[top : top + image.shape[0], : image.shape[1]] = image
        top += image.shape[0] + GAP
    return column


def _box(image: np.ndarray, box_xyxy: np.ndarray, factor: float, colour: Colour) -> None:
    box = xyxy_to_xywh(box_xyxy.astype(np.float64)) * factor
    rectangle(image, box, _RIM, 3)
    rectangle(image, box, colour, 1)


def _corners(image: np.ndarray, box_xyxy: np.ndarray, factor: float) -> None:
    for corner in (box_xyxy[:2], box_xyxy[2:]):
        _dot(image, corner * factor, 5.0, POSITIVE)


def _dot(image: np.ndarray, centre: np.ndarray, radius: float, colour: Colour) -> None:
    at = np.rint((np.asarray(centre) - 0.5) * 2**_FINE).astype(int).tolist()
    cv2.circle(image, at, round(radius * 2**_FINE), colour, -1, cv2.LINE_AA, _FINE)


def _hatch(image: np.ndarray, padding: np.ndarray) -> None:
    """Diagonal lines over what is no part of the frame."""
    height, width = image.shape[:2]
    inside = cv2.resize(padding.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
    rows, columns = np.indices((height, width), sparse=True)
    lines = (rows + columns) % _HATCH < 1
    image[inside & lines] = (110, 110, 110)
