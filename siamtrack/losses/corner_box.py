"""Box losses of corner heads: GIoU and L1, in units of the crop's side."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from siamtrack.boxes import giou
from siamtrack.contracts import Corners, Targets
from siamtrack.losses.registry import terms


def inverted(box: Tensor) -> Tensor:
    """``[...]`` bool: the xyxy boxes ``[..., 4]`` whose second corner lies above or left of the first."""
    return (box[..., 2:] < box[..., :2]).any(-1)


@terms.register("giou")
class GiouLoss:
    """Mean of ``1 - GIoU`` over the samples whose target is there.

    A box turned inside out, which a corner head can predict, has no area and IoU 0, and its hull spans all four
    corners: its loss lies in [1, 2]. Corners outside the true box are pulled in; inside it the loss is flat, and L1 has
    to turn the box back. STARK lets one such box set the loss of its whole batch to 0, by an assertion that an
    ``except`` swallows.

    Args:
        giou_on_invalid: ``per_row``, or ``zero_batch`` to do as STARK did.

    Source: STARK ``lib/train/actors/stark_s.py``, ``lib/utils/box_ops.py``.
    """

    serves = (Corners,)

    def __init__(self, *, giou_on_invalid: Literal["per_row", "zero_batch"] = "per_row") -> None:
        self.zero_batch = giou_on_invalid == "zero_batch"

    def __call__(self, prediction: Corners, targets: Targets) -> Tensor:
        loss = _mean(1 - giou(prediction.box / prediction.size, targets.box / prediction.size), targets.present)
        if self.zero_batch:
            return torch.where((inverted(prediction.box) & targets.present).any(), torch.zeros_like(loss), loss)
        return loss


@terms.register("l1")
class L1Loss:
    """Mean distance of the four sides from the true ones, where the target is there, in sides of the crop.

    Source: STARK ``lib/train/actors/stark_s.py``: on x1, y1, x2, y2, other than DETR's on centre and size.
    """

    serves = (Corners,)

    def __call__(self, prediction: Corners, targets: Targets) -> Tensor:
        return _mean(((prediction.box - targets.box) / prediction.size).abs().mean(-1), targets.present)


def _mean(values: Tensor, present: Tensor) -> Tensor:
    """Mean of ``values [B]`` over the samples with a target; a connected 0 if there are none."""
    return (values * present).sum() / present.sum().clamp(min=1)
