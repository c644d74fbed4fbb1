"""Tracking with a score and a box per cell or anchor: SiamRPN's penalties, window and smoothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from siamtrack.boxes import cxcywh_to_xywh, xyxy_to_cxcywh
from siamtrack.contracts import Anchors, Points
from siamtrack.crops import CropPolicy
from siamtrack.models import SiameseNetwork
from siamtrack.tracking.centred import CentredTracker
from siamtrack.tracking.fast_motion import FastMotion, Mode
from siamtrack.tracking.tracker import Box, Result, trackers

Fusion = Literal["convex", "printed", "sum", "logits"]


@dataclass(frozen=True)
class Choice:
    """The cell that won a frame.

    Attributes:
        index: of the cell or anchor, flattened.
        box: ``[4]`` centre x, centre y, w, h in px of the search crop.
        score: of the cell, before penalty and window.
        rate: how far the size follows this box, in [0, 1].
        penalised: ``[N]`` what was maximised.
    """

    index: int
    box: np.ndarray
    score: float
    rate: float
    penalised: np.ndarray


@trackers.register("dense")
class DenseTracker(CentredTracker):
    """Picks the best cell of a dense prediction and follows its box.

    A cell's score is penalised for a change of scale and aspect ratio and blended with a cosine window; the centre
    jumps to the winner, the size follows it by ``lr`` times its penalised score. Where no cell has a finite box and
    score the target stays, with score 0. The start box's centre is
    ``x + w / 2``; the originals' half pixel (``x + (w - 1) / 2``, hidden by their test script) is not copied.

    Args:
        network: makes :class:`Points` or :class:`Anchors`.
        policy: how crops are cut.
        penalty_k: strength of the scale and ratio penalty.
        window_influence: share of the cosine window, in [0, 1].
        lr: how fast the size follows.
        min_size: smallest side of the box, frame px.
        align_weight: share of the second score of heads that make one, in [0, 1].
        fusion: how it joins the first, see :func:`fuse_scores`.
        fast_motion: search wider after a fast move, see :class:`siamtrack.tracking.fast_motion.FastMotion`.

    Source: SiamRPN (Li et al., CVPR 2018), section 4.2; pysot ``tracker/siamrpn_tracker.py``, SiamBAN
    ``tracker/siamban_tracker.py``.
    """

    serves = (Points, Anchors)

    def __init__(
        self,
        network: SiameseNetwork,
        policy: CropPolicy,
        *,
        penalty_k: float = 0.14,
        window_influence: float = 0.45,
        lr: float = 0.30,
        min_size: float = 10.0,
        align_weight: float = 0.07,
        fusion: Fusion = "convex",
        fast_motion: Mode = "off",
    ) -> None:
        super().__init__(network, policy)
        self.penalty_k, self.window_influence, self.lr, self.min_size = penalty_k, window_influence, lr, min_size
        self.align_weight, self.fusion = align_weight, fusion
        self.motion = FastMotion(fast_motion, policy)

    @torch.inference_mode()
    def _start(self, frame: np.ndarray, box: Box) -> None:
        self.memory = self._remember(frame, box)
        self.motion.start()

    @torch.inference_mode()
    def _step(self, frame: np.ndarray) -> Result:
        crop, placement = self.motion.policy.search(frame, self.centre, self.size, self.padding)
        prediction = self.network.locate(self.memory, crop.to(self.device))
        assert isinstance(prediction, self.serves)
        choice = self.choose(prediction, 1 / placement.scale)
        cx, cy, w, h = choice.box
        middle = prediction.size // 2
        self.motion.moved(cx - middle, cy - middle, self.policy.template_size)
        self._move(placement.to_frame(cx, cy), (w * placement.scale, h * placement.scale), choice.rate, frame.shape)
        box = cxcywh_to_xywh(np.array([*self.centre, *self.size]))
        return Result((float(box[0]), float(box[1]), float(box[2]), float(box[3])), choice.score)

    def choose(self, prediction: Points | Anchors, scale: float) -> Choice:
        """The winning cell of one frame.

        Args:
            prediction: batch of one.
            scale: crop px per frame px.
        """
        logit, corners = prediction.flat()
        align = prediction.align if isinstance(prediction, Points) else None
        second = None if align is None else align[0].flatten().double()
        score = fuse_scores(logit[0].double(), second, self.align_weight, self.fusion).cpu().numpy()
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            boxes = xyxy_to_cxcywh(corners[0].double().cpu().numpy())
            penalty = self._penalty(boxes[:, 2], boxes[:, 3], scale)
        window = cosine_window(*prediction.logit.shape[1:])
        penalised = penalty * score * (1 - self.window_influence) + window * self.window_influence
        # exp of a delta may overflow in a network that has hardly learned; such a box is no answer
        usable = np.isfinite(boxes).all(1) & np.isfinite(penalised)
        best = int(np.where(usable, penalised, -np.inf).argmax())
        if not usable[best]:
            middle = prediction.size // 2
            return Choice(best, np.array([middle, middle, *(side * scale for side in self.size)]), 0.0, 0.0, penalised)
        sure = min(float(score[best]), 1.0)  # some fusions give more than a probability
        return Choice(best, boxes[best], sure, float(penalty[best] * sure * self.lr), penalised)

    def _penalty(self, w: np.ndarray, h: np.ndarray, scale: float) -> np.ndarray:
        """``[N]`` in (0, 1]: 1 for boxes of the target's present scale and ratio; sides in crop px."""
        now_w, now_h = self.size[0] * scale, self.size[1] * scale
        size_change = _change(_extent(w, h) / _extent(now_w, now_h))
        ratio_change = _change((now_w / now_h) / (w / h))
        penalty: np.ndarray = np.exp(-(ratio_change * size_change - 1) * self.penalty_k)
        return penalty

    def _move(
        self, centre: tuple[float, float], size: tuple[float, float], rate: float, shape: tuple[int, ...]
    ) -> None:
        """Take the new centre, blend the size, keep both within the frame."""
        height, width = shape[:2]
        w, h = (old * (1 - rate) + new * rate for old, new in zip(self.size, size, strict=True))
        self.centre = min(max(centre[0], 0.0), width), min(max(centre[1], 0.0), height)
        self.size = max(self.min_size, min(w, width)), max(self.min_size, min(h, height))


def fuse_scores(logit: Tensor, align: Tensor | None, weight: float, fusion: Fusion = "convex") -> Tensor:
    """One score from the two of a head.

    With p the first, q the second as probabilities and w the weight: ``convex`` is (1 - w) p + w q (Ocean);
    ``printed`` is (1 - w) p + q and ``sum`` is p + q, as SiamCross's algorithms 2 and 1 print them, up to 2;
    ``logits`` is the probability of (1 - w) logit + w align.

    Args:
        logit: any shape.
        align: the same shape, or ``None``: the first score alone.
        weight: w.
        fusion: which.

    Source: SiamCross (Huang et al.), algorithms 1 and 2; TracKit ``lib/tracker/ocean.py``.
    """
    if align is None:
        return logit.sigmoid()
    if fusion == "logits":
        return ((1 - weight) * logit + weight * align).sigmoid()
    first, second = {"convex": (1 - weight, weight), "printed": (1 - weight, 1.0), "sum": (1.0, 1.0)}[fusion]
    return first * logit.sigmoid() + second * align.sigmoid()


def cosine_window(*shape: int) -> np.ndarray:
    """A Hanning window over the last two axes, the same for each anchor of a leading one, flattened; 0 at the rim."""
    *leading, height, width = shape
    window = np.outer(np.hanning(height), np.hanning(width))
    return np.tile(window.reshape(-1), math.prod(leading))


def _extent(w: np.ndarray | float, h: np.ndarray | float) -> np.ndarray:
    """One length for a box with half its perimeter's mean as context."""
    pad = (w + h) / 2
    extent: np.ndarray = np.sqrt((w + pad) * (h + pad))
    return extent


def _change(ratio: np.ndarray) -> np.ndarray:
    """How much something changed, either way: at least 1."""
    change: np.ndarray = np.maximum(ratio, 1 / ratio)
    return change
