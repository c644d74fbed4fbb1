"""The boxes behind the scores, small enough to travel inside a page.

Whatever the benchmark's size, what is embedded is bounded: overlaps are averaged over neighbouring frames, boxes
sampled, and images limited in number, each budget shared by all sequences and trackers. See ``BUDGET``.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from siamtrack.evaluation.frames import frame_overlaps, worst_frames
from siamtrack.evaluation.ope import Truth
from siamtrack.evaluation.protocols import Protocol
from siamtrack.evaluation.results import TrackerResults

Array = NDArray[np.float64]
ImageOf = Callable[[str, int], NDArray[np.uint8] | None]


class Budget(NamedTuple):
    """What a page may hold, over all sequences and trackers together.

    Attributes:
        overlaps: points of the overlap curves, a byte each.
        boxes: boxes to be seen while pointing at a curve, 8 bytes each.
        shots: worst frames with the boxes of all trackers, some 20 bytes a box.
        side: longer side of an embedded image, px.
        quality: of its JPEG.
    """

    overlaps: int = 1_500_000
    boxes: int = 150_000
    shots: int = 3_000
    side: int = 320
    quality: int = 72


BUDGET = Budget()
WORST = 3  # frames of each tracker and sequence
SHOWN_LEVELS = 250  # an overlap is stored as a byte, 0 .. 250
NOT_SCORED = 255
QUARTER = 4  # boxes are stored in quarters of a pixel
NO_BOX = -32768


@dataclass(frozen=True)
class Evidence:
    """What the drill-down shows.

    Attributes:
        truths: of the sequences that were scored.
        results: of the trackers that were scored; of several runs the first is shown.
        image: (sequence, frame counted from 0) -> RGB uint8 ``[H, W, 3]``, or ``None`` where there is none; without
            it boxes are drawn on an empty frame.
        images: how many at most are embedded, some 10 kB each.
        origin: what the benchmark's files call the first pixel (1 for OTB), so that boxes lie right on images.
    """

    truths: Sequence[Truth]
    results: Sequence[TrackerResults]
    image: ImageOf | None = None
    images: int = 150
    origin: float = 0.0


class _Sequence(NamedTuple):
    """One sequence, laid out: T trackers, F frames."""

    truth: Truth
    boxes: Array  # [1 + T, F, 4], the true ones first; NaN where there is none
    overlaps: Array  # [T, F]
    worst: list[list[int]]  # a list for each tracker


def plain(evidence: Evidence, trackers: Sequence[str], protocol: Protocol, budget: Budget = BUDGET) -> dict[str, Any]:
    """Sequence -> what the page's script reads of it; trackers in the order given.

    Raises:
        ValueError: no boxes of one of the trackers.
        ResultError: no boxes of one of the sequences.
    """
    by_name = {results.tracker: results for results in evidence.results}
    missing = [name for name in trackers if name not in by_name]
    if missing:
        raise ValueError(
            f"There are scores of {missing[0]} and no boxes of it among the evidence; give both or neither."
        )
    chosen = [by_name[name] for name in trackers]
    pairs = max(len(evidence.truths) * len(chosen), 1)
    worst = min(WORST, max(1, budget.shots // pairs))
    laid = [_lay_out(truth, chosen, protocol, evidence.origin, worst) for truth in evidence.truths]
    with_image = _deserving(laid, evidence.images if evidence.image else 0)
    points = max(budget.overlaps // pairs, 50)
    samples = max(budget.boxes // (pairs + len(laid)), 12)
    return {s.truth.name: _plain(s, with_image, evidence.image, points, samples) for s in laid}


def _lay_out(
    truth: Truth, results: Sequence[TrackerResults], protocol: Protocol, origin: float, worst: int
) -> _Sequence:
    runs = [found.runs(truth.name, [truth.name])[0] for found in results]
    overlaps = np.stack([frame_overlaps(truth, run, protocol) for run in runs])
    boxes = np.full((1 + len(runs), len(truth.boxes), 4), np.nan)
    for row, found in zip(boxes, (truth.boxes, *runs), strict=True):
        reach = min(len(row), len(found))
        row[:reach] = found[:reach]
    boxes[0, ~(boxes[0, :, 2:] > 0).all(1)] = np.nan
    boxes[..., :2] -= origin
    return _Sequence(truth, boxes, overlaps, [worst_frames(row, worst) for row in overlaps])


def _deserving(laid: Sequence[_Sequence], images: int) -> set[tuple[str, int]]:
    """The frames that get an image: of each tracker in turn the worst, beginning with its worst sequence."""
    lists = []
    for tracker in range(len(laid[0].worst) if laid else 0):
        means = [float(np.nanmean(s.overlaps[tracker])) if s.worst[tracker] else np.inf for s in laid]
        order = [laid[i] for i in np.argsort(means, kind="stable")]
        ranks = range(max((len(s.worst[tracker]) for s in order), default=0))
        lists.append([(s.truth.name, s.worst[tracker][k]) for k in ranks for s in order if k < len(s.worst[tracker])])
    taken: dict[tuple[str, int], None] = {}
    for place in range(max(map(len, lists), default=0)):
        for wishes in lists:
            if place < len(wishes) and len(taken) < images:
                taken.setdefault(wishes[place])
    return set(taken)


def _plain(
    s: _Sequence, with_image: set[tuple[str, int]], image: ImageOf | None, points: int, samples: int
) -> dict[str, Any]:
    frames, size = len(s.truth.boxes), _extent(s)
    shots: dict[str, dict[str, Any]] = {}
    for frame in sorted({frame for worst in s.worst for frame in worst}):
        shot: dict[str, Any] = {"boxes": [_rounded(box) for box in s.boxes[:, frame]]}
        pixels = image(s.truth.name, frame) if image and (s.truth.name, frame) in with_image else None
        if pixels is not None:
            size = (pixels.shape[1], pixels.shape[0])
            shot["image"] = _jpeg(pixels)
        shots[str(frame)] = shot
    return {
        "frames": frames,
        "size": size,
        "points": min(points, frames),
        "overlaps": _packed(_levels(s.overlaps, min(points, frames))),
        "samples": min(samples, frames),
        "boxes": _packed(_quarters(s.boxes[:, _sampled(frames, samples)])),
        "worst": [
            [[frame, round(float(s.overlaps[t, frame]), 3)] for frame in worst] for t, worst in enumerate(s.worst)
        ],
        "shots": shots,
    }


def _sampled(frames: int, samples: int) -> NDArray[np.intp]:
    chosen: NDArray[np.intp] = np.linspace(0, frames - 1, min(samples, frames)).round().astype(np.intp)
    return chosen


def _levels(overlaps: Array, points: int) -> NDArray[np.uint8]:
    """``[T, F]`` -> ``[T, points]``: means over neighbouring frames as bytes; frames without a target do not count."""
    frames = overlaps.shape[1]
    starts = np.arange(points) * frames // points
    known = np.isfinite(overlaps)
    total = np.add.reduceat(np.where(known, overlaps, 0.0), starts, 1)
    count = np.add.reduceat(known.astype(np.int64), starts, 1)
    means = np.round(total / np.maximum(count, 1) * SHOWN_LEVELS)
    return np.where(count > 0, means, NOT_SCORED).astype(np.uint8)


def _quarters(boxes: Array) -> NDArray[np.int16]:
    whole = np.clip(np.round(boxes * QUARTER), NO_BOX + 1, -NO_BOX - 1)
    return np.where(np.isnan(boxes).any(-1, keepdims=True), NO_BOX, np.nan_to_num(whole)).astype("<i2")


def _packed(numbers: NDArray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")


def _rounded(box: Array) -> list[float] | None:
    return None if not np.isfinite(box).all() else [round(float(side), 1) for side in box]


def _extent(s: _Sequence) -> tuple[int, int]:
    """(width, height) of the frames, or of what holds every true box where nobody knows."""
    if s.truth.resolution is not None:
        return s.truth.resolution
    far = (s.boxes[0, :, :2] + s.boxes[0, :, 2:])[np.isfinite(s.boxes[0]).all(1)]
    width, height = np.ceil(far.max(0) * 1.1) if len(far) else (1, 1)
    return max(int(width), 1), max(int(height), 1)


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((BUDGET.side, BUDGET.side), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, format="jpeg", quality=BUDGET.quality, optimize=True)
    return base64.b64encode(target.getvalue()).decode("ascii")
