"""Classification by the second score of a point head, the one that is aligned with the predicted boxes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import Points, Targets
from siamtrack.losses.cross_entropy import balanced_cross_entropy
from siamtrack.losses.iou import IouLoss
from siamtrack.losses.registry import terms


@terms.register("align")
class AlignCrossEntropy:
    """Binary cross-entropy of ``Points.align``.

    Args:
        label: ``same``: the labels of the first score, target and background balanced as in ``cross_entropy``
            (SiamCross says no more than "ground-truth label"). ``iou``: (I + 1) / (U + 1) of the predicted with the
            true box where the box loss counts, 0 elsewhere; a plain mean over all cells (Ocean).

    Source: SiamCross (Huang et al.), equation 11; Ocean, TracKit ``lib/models/ocean.py``.
    """

    serves = (Points,)

    def __init__(self, *, label: Literal["same", "iou"] = "same") -> None:
        self.label = label

    def __call__(self, prediction: Points, targets: Targets) -> Tensor:
        assert targets.label is not None
        if prediction.align is None:
            raise ConfigError(
                "LOSSES: the term 'align' judges a second score, but this head makes none. Take it out, or give the "
                "head one (MODEL.HEAD.ALIGN: adaptive of head oain)."
            )
        if self.label == "same":
            return balanced_cross_entropy(prediction.align, targets.label)
        return F.binary_cross_entropy_with_logits(prediction.align, overlap_label(prediction, targets))


def overlap_label(prediction: Points, targets: Targets) -> Tensor:
    """``[B, H, W]`` in [0, 1], without gradient: how well the cell's box fits; 0 where no box is asked for."""
    assert targets.label is not None
    assert targets.code is not None
    weight = (targets.label == 1).to(prediction.ltrb.dtype) if targets.weight is None else targets.weight
    counts = weight > 0
    predicted = torch.where(counts[:, None], prediction.ltrb.detach(), 1.0)
    true = torch.where(counts[:, None], targets.code, 1.0)
    overlap = 1 - IouLoss(kind="linear").per_cell(predicted, true)
    return (overlap * counts).clamp(0, 1)
