"""Tracking with one box per frame: STARK's state, its templates and their renewal."""

from __future__ import annotations

import math

import numpy as np
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, Memory
from siamtrack.crops import CropPolicy
from siamtrack.models import SiameseNetwork
from siamtrack.tracking.tracker import Box, Result, Tracker, trackers


@trackers.register("corners")
class CornerTracker(Tracker):
    """Takes the network's box as it is; no window, penalty or smoothing. One that is not finite is none: score 0.

    The first frame's template is never replaced. Behind it stand dynamic templates, copies of it at first: number i is
    cut anew around the present box in every ``update_intervals[i]``-th frame in which the score is above
    ``update_threshold``, and used from the next frame on.

    A network without a score head gives as score the geometric mean of its two maps' highest probabilities: how sure
    it is of the corners, not whether the target is there.

    Args:
        network: makes :class:`Corners`.
        policy: how crops are cut.
        update_intervals: frames, one number for each dynamic template; none for STARK-S.
        update_threshold: in [0, 1].
        margin: px; the box is at least so large, and overlaps the frame by so much.

    Raises:
        ConfigError: dynamic templates without a score head, more templates than the network can take, or an interval
            below 1.

    Source: STARK ``lib/test/tracker/stark_s.py``, ``stark_st.py``.
    """

    serves = (Corners,)

    def __init__(
        self,
        network: SiameseNetwork,
        policy: CropPolicy,
        *,
        update_intervals: tuple[int, ...] = (),
        update_threshold: float = 0.5,
        margin: float = 10.0,
    ) -> None:
        if any(interval < 1 for interval in update_intervals):
            raise ConfigError(f"TRACK.UPDATE_INTERVALS: {list(update_intervals)} are frames; each should be 1 or more.")
        if update_intervals and not network.head.needs_target:
            raise ConfigError(
                "TRACK.UPDATE_INTERVALS: templates are renewed by a score, which this network does not give; set "
                "MODEL.HEAD.SCORE, or leave UPDATE_INTERVALS empty."
            )
        self.templates = 1 + len(update_intervals)
        if network.max_templates is not None and self.templates > network.max_templates:
            raise ConfigError(
                f"TRACK.UPDATE_INTERVALS: asks for {self.templates} templates, but the network takes "
                f"{network.max_templates}; leave it empty, or take a correlation of several templates, such as "
                "transformer, and no enhancer that serves one alone."
            )
        self.network, self.policy = network.eval(), policy
        self.update_intervals, self.update_threshold, self.margin = update_intervals, update_threshold, margin
        self.box: Box = (0.0, 0.0, 0.0, 0.0)
        self.frame = 0

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def _start(self, frame: np.ndarray, box: Box) -> None:
        self.box, self.frame = box, 0
        self.padding = self.policy.padding(frame)
        first = self._remember(frame)
        self.memory = first
        for _ in self.update_intervals:
            self.memory = self.memory + first

    @torch.inference_mode()
    def _step(self, frame: np.ndarray) -> Result:
        self.frame += 1
        crop, placement = self.policy.search(frame, *_centre_and_size(self.box), self.padding)
        prediction = self.network.locate(self.memory, crop.to(self.device))
        assert isinstance(prediction, Corners)
        corners, score = _read(prediction)
        if not all(map(math.isfinite, (*corners, score))):
            return Result(self.box, 0.0)
        left, top = placement.to_frame(corners[0], corners[1])
        right, bottom = placement.to_frame(corners[2], corners[3])
        self.box = keep_inside((left, top, right - left, bottom - top), frame.shape, self.margin)
        if score > self.update_threshold:
            self._renew(frame)
        return Result(self.box, score)

    def _renew(self, frame: np.ndarray) -> None:
        """Replace the dynamic templates whose turn it is."""
        due = [slot for slot, interval in enumerate(self.update_intervals, 1) if self.frame % interval == 0]
        if due:
            fresh = self._remember(frame)
            for slot in due:
                self.memory = self.memory.replaced(slot, fresh)

    def _remember(self, frame: np.ndarray) -> Memory:
        crop, _ = self.policy.template(frame, *_centre_and_size(self.box), self.padding)
        return self.network.remember(crop.to(self.device))


def keep_inside(box_xywh: Box, shape: tuple[int, ...], margin: float) -> Box:
    """The box cut to a frame of ``shape`` (H, W, ...), at least ``margin`` px wide and high (STARK ``clip_box``)."""
    x, y, w, h = box_xywh
    height, width = shape[:2]
    left, right = min(max(0.0, x), width - margin), min(max(margin, x + w), width)
    top, bottom = min(max(0.0, y), height - margin), min(max(margin, y + h), height)
    return left, top, max(margin, right - left), max(margin, bottom - top)


def _centre_and_size(box: Box) -> tuple[tuple[float, float], tuple[float, float]]:
    x, y, w, h = box
    return (x + 0.5 * w, y + 0.5 * h), (w, h)


def _read(prediction: Corners) -> tuple[list[float], float]:
    """The box in px of the crop, and the score; one copy to the host."""
    if prediction.score is not None:
        score = prediction.score.sigmoid()
    else:
        peaks = (m.flatten(1).amax(1) for m in (prediction.top_left, prediction.bottom_right))
        score = torch.stack([*peaks]).prod(0).sqrt()
    *box, confidence = torch.cat([prediction.box[0], score]).double().cpu().tolist()
    return box, confidence
