"""Box loss of anchor-free heads: one minus the IoU of the predicted and the true distances."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from siamtrack.contracts import Points, Targets
from siamtrack.losses.registry import terms


@terms.register("iou")
class IouLoss:
    """Mean over the cells of label 1 of a loss between distances (left, top, right, bottom) in px.

    With ``IoU~ = (inter + 1) / (union + 1)``: ``linear`` is ``1 - IoU~``, ``log`` is ``-ln IoU~`` and ``giou`` is
    ``1 - (IoU~ - (hull - union) / hull)``. Targets that carry weights say by them which cells count, and how much,
    whatever their labels; the mean is then weighted. Without any such cell the loss is 0 and stays connected to the
    graph, where the original raises.

    Args:
        kind: which of the three.

    Source: SiamBAN ``models/iou_loss.py``.
    """

    serves = (Points,)

    def __init__(self, *, kind: Literal["linear", "log", "giou"] = "linear") -> None:
        self.kind = kind

    def __call__(self, prediction: Points, targets: Targets) -> Tensor:
        assert targets.label is not None
        assert targets.code is not None
        weight = (targets.label == 1).to(prediction.ltrb.dtype) if targets.weight is None else targets.weight
        # elsewhere both are 1 px, so that nothing an ignored cell predicts can reach the gradient as 0 * infinity
        inside = (weight > 0)[:, None]
        predicted, true = torch.where(inside, prediction.ltrb, 1.0), torch.where(inside, targets.code, 1.0)
        total = weight.sum()
        return (self.per_cell(predicted, true) * weight).sum() / torch.where(total > 0, total, 1)

    def per_cell(self, predicted: Tensor, true: Tensor) -> Tensor:
        """``[B, 4, H, W]`` ltrb px twice -> ``[B, H, W]``."""
        smaller, larger = torch.minimum(predicted, true), torch.maximum(predicted, true)
        inter = _area(smaller)
        union = _area(predicted) + _area(true) - inter
        iou = (inter + 1) / (union + 1)
        if self.kind == "linear":
            return 1 - iou
        if self.kind == "log":
            return -iou.log()
        hull = _area(larger) + 1e-7
        return 1 - (iou - (hull - union) / hull)


def _area(ltrb: Tensor) -> Tensor:
    left, top, right, bottom = ltrb.unbind(1)
    return (left + right) * (top + bottom)
