"""Samples to look at: crops as the network gets them, and what they are to teach it, as arrays on the host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from siamtrack.boxes import xywh_to_xyxy
from siamtrack.contracts import Anchors, Batch, Corners, Crop, Points, Prediction, Response, Targets, grid_points
from siamtrack.data.augment import Photometry
from siamtrack.data.batches import RawBatch
from siamtrack.data.mixture import Mixture
from siamtrack.data.sequence import read_image


@dataclass(frozen=True)
class Picture:
    """One crop.

    Attributes:
        pixels: ``[S, S, 3]`` uint8 RGB, cut to 0..255.
        box: ``[4]`` float32 xyxy, px of the crop; NaN where unknown.
        padding: ``[S, S]`` bool, True where the crop lies outside the frame, or ``None``: not known.
    """

    pixels: np.ndarray
    box: np.ndarray
    padding: np.ndarray | None


@dataclass(frozen=True)
class Grid:
    """Values on the cells of the search crop.

    Attributes:
        values: ``[H, W]``.
        size: side of the search crop, px.
        stride: px between cells.
    """

    values: np.ndarray
    size: int
    stride: int

    def points(self) -> np.ndarray:
        """``[2, H, W]`` float32 px, see :func:`siamtrack.contracts.grid_points`."""
        height, width = self.values.shape
        points: np.ndarray = grid_points(height, width, self.size, self.stride).numpy()
        return points


@dataclass(frozen=True)
class Source:
    """Where a crop comes from: data set, sequence, frame (counted from 0) and file."""

    dataset: str
    sequence: str
    frame: int
    path: str


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        templates: its template crops.
        search: its search crop.
        present: False for a negative pair.
        target: ``[4]`` float32 xyxy, px of the search crop: the box that is learnt, perhaps cut to the crop.
        labels: int8, 1 target, 0 background, -1 ignored; where a cell has several anchors the one that says most.
            ``None`` where a head has no cells to label.
        scores: float32 in 0..1, what the network made of it, or ``None``.
        guess: ``[4]`` float32 xyxy, px of the search crop, the network's box, or ``None``.
        sources: of the templates, then of the search crop; empty where nobody knows any more.
        frame: the whole search frame, its box in px of the frame, or ``None`` likewise.
        changes: what augmentation did to the search crop's colours, in words.
        number: of the sample since the beginning of training, -1 where nobody knows any more.
    """

    templates: tuple[Picture, ...]
    search: Picture
    present: bool
    target: np.ndarray
    labels: Grid | None
    scores: Grid | None = None
    guess: np.ndarray | None = None
    sources: tuple[Source, ...] = ()
    frame: Picture | None = None
    changes: tuple[str, ...] = ()
    number: int = -1


def samples_of(batch: Batch, targets: Targets, prediction: Prediction, limit: int, scored: bool = True) -> list[Sample]:
    """The first ``limit`` samples of a batch, brought to the host.

    Args:
        batch: on any device.
        targets: of the same samples.
        prediction: what the network made of them, or zeros of its shape.
        limit: samples.
        scored: whether the prediction says something.
    """
    limit = min(limit, len(batch))
    templates = [_pictures(crop, limit) for crop in batch.templates]
    searches = _pictures(batch.search, limit)
    present, boxes = batch.present[:limit].tolist(), _array(targets.box[:limit])
    labels = _labels(targets, prediction, limit)
    scores, guesses = _scores(prediction, limit) if scored else ([None] * limit, [None] * limit)
    return [
        Sample(
            tuple(crops[i] for crops in templates), searches[i], present[i], boxes[i], labels[i], scores[i], guesses[i]
        )
        for i in range(limit)
    ]


def describe(sample: Sample, raw: RawBatch, index: int, mixture: Mixture, number: int) -> Sample:
    """The sample with what its raw batch and the mixture know of it.

    Args:
        sample: number ``index`` of the batch.
        raw: the batch as the workers made it.
        index: in the batch.
        mixture: the batch was drawn from.
        number: since the beginning of training.

    Raises:
        DataError: the search frame cannot be read.
    """
    rows = raw.rows[index].tolist()
    sources = tuple(Source(*mixture.describe(row), mixture.path(row)) for row in rows)
    box = xywh_to_xyxy(mixture.boxes(np.array(rows[-1:]))[0])
    return dataclasses.replace(
        sample,
        sources=sources,
        frame=Picture(read_image(sources[-1].path), box, None),
        changes=changes(raw.photometry[-1], index),
        number=number,
    )


def changes(photometry: Photometry, index: int) -> tuple[str, ...]:
    """What was done to one crop's colours: ``("grey", "blur 13 px", "colour -9 +4 +2")``."""
    said = []
    if (photometry.gray == index).any():
        said.append("grey")
    blurred = torch.nonzero(photometry.blurred == index)
    if len(blurred):
        said.append(f"blur {int(photometry.blur_size[blurred[0, 0]])} px")
    if photometry.gain is not None and float(photometry.gain[index]) != 1:
        said.append(f"brightness x{float(photometry.gain[index]):.2f}")
    offset = photometry.offset[index]
    if bool((offset != 0).any()):  # it is subtracted
        said.append("colour " + " ".join(f"{round(-value):+d}" for value in offset.tolist()))
    return tuple(text.replace("-", "\N{MINUS SIGN}") for text in said)


# From the device ----------------------------------------------------------------------------------------------------


def _pictures(crop: Crop, limit: int) -> list[Picture]:
    pixels = crop.pixels[:limit].detach().float().round().clamp(0, 255).to(torch.uint8)
    images = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    boxes = np.full((len(images), 4), np.nan, np.float32) if crop.box is None else _array(crop.box[:limit])
    masks = [None] * len(images) if crop.mask is None else list(crop.mask[:limit].cpu().numpy())
    return [Picture(*parts) for parts in zip(images, boxes, masks, strict=True)]


def _labels(targets: Targets, prediction: Prediction, limit: int) -> list[Grid | None]:
    if targets.label is None:
        return [None] * limit
    label = targets.label[:limit]
    if label.ndim == 4:  # anchors: a positive one shows, else a negative one
        label = label.amax(1)
    values = label.to(torch.int8).cpu().numpy()
    return [Grid(value, prediction.size, prediction.stride) for value in values]


def _scores(prediction: Prediction, limit: int) -> tuple[list[Grid | None], list[np.ndarray | None]]:
    """Score maps in 0..1 and the box of the best cell."""
    if isinstance(prediction, Corners):
        maps = torch.maximum(prediction.top_left[:limit], prediction.bottom_right[:limit]).detach().float()
        maps = maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-12)
        boxes: Sequence[np.ndarray | None] = list(_array(prediction.box[:limit]))
    else:
        logit = prediction.logit[:limit].detach().float()
        maps = logit.sigmoid()
        boxes = [None] * limit if isinstance(prediction, Response) else list(_array(_best(prediction, limit)))
        if maps.ndim == 4:
            maps = maps.amax(1)
    grids: list[Grid | None] = [Grid(value, prediction.size, prediction.stride) for value in _array(maps)]
    return grids, list(boxes)


def _best(prediction: Points | Anchors, limit: int) -> Tensor:
    """``[limit, 4]`` xyxy: the box of the cell or anchor with the highest score."""
    logit, boxes = prediction.flat()
    best = logit[:limit].argmax(1)
    return boxes[:limit][torch.arange(limit, device=best.device), best].detach()


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().float().cpu().numpy()
    return array
