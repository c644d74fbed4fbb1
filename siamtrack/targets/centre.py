"""Labels for anchor-free heads: the cells near the target's centre."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from siamtrack.boxes import xyxy_to_cxcywh, xyxy_to_ltrb
from siamtrack.contracts import Batch, Points, Targets
from siamtrack.targets.points import PointLabeller
from siamtrack.targets.registry import labellers


@labellers.register("centre")
class CentreLabeller:
    """Positives lie about the box's centre, everything else is background; boxes are learned there and inside the box.

    No cell is drawn or ignored. A negative pair, whose search box holds somebody else, is background everywhere. The
    paper says where boxes are learned, not what the class label is; it leaves open, with the default first:

    Args:
        cls: positives: the cells within ``radius`` px of the centre; ``ocean``: those at most 2 steps along rows and
            columns from the centre's cell; ``ellipse``: SiamBAN's two ellipses, with -1 between them.
        reg: cells whose boxes are learned: within ``radius`` of the centre and inside the box, or all inside the box.
        radius: px.

    Source: SiamCross (Huang et al.), section 3.1; Ocean, TracKit ``lib/dataset/ocean.py``; SiamBAN
    ``datasets/point_target.py``.
    """

    serves = (Points,)

    def __init__(
        self,
        *,
        cls: Literal["circle", "ocean", "ellipse"] = "circle",
        reg: Literal["circle", "box"] = "circle",
        radius: float = 16.0,
    ) -> None:
        self.cls, self.reg, self.radius = cls, reg, radius

    def __call__(self, prediction: Points, batch: Batch) -> Targets:
        assert batch.search.box is not None
        box, real = batch.search.box, batch.present[:, None, None]
        points = prediction.points()
        centre = xyxy_to_cxcywh(box)[:, :2, None, None]
        near = (points - centre).square().sum(1) <= self.radius**2
        ltrb = xyxy_to_ltrb(points.permute(1, 2, 0), box[:, None, None]).permute(0, 3, 1, 2)
        inside = ltrb.amin(1) > 0
        learned = (inside if self.reg == "box" else near & inside) & real
        label = self._label(prediction, batch, centre, near & real)
        return Targets(box, batch.present, label, ltrb * real[:, None], learned.to(ltrb.dtype))

    def _label(self, prediction: Points, batch: Batch, centre: Tensor, near: Tensor) -> Tensor:
        """``[B, H, W]`` int8."""
        if self.cls == "circle":
            return near.to(torch.int8)
        real, points = batch.present[:, None, None], prediction.points()
        if self.cls == "ocean":
            # the centre's cell is found by cutting digits off, towards the middle of the crop
            middle = prediction.size // 2
            steps = (points - middle) / prediction.stride - ((centre - middle) / prediction.stride).trunc()
            return ((steps.abs().sum(1) <= 2) & real).to(torch.int8)
        assert batch.search.box is not None
        positive, negative, _ = PointLabeller().candidates(points, batch.search.box, batch.present)
        return torch.where(positive, 1, torch.where(negative | ~real, 0, -1)).to(torch.int8)
