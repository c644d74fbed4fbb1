"""Classification of cells: half the mean over targets, half the mean over background."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from siamtrack.contracts import Anchors, Points, Response, Targets
from siamtrack.losses.registry import terms


@terms.register("cross_entropy")
class BalancedCrossEntropy:
    """``0.5 mean(-log p) over label 1 + 0.5 mean(-log (1 - p)) over label 0``, over the whole batch of a device.

    A side without cells gives 0 and the other keeps its half. One cell counts as one: pysot, which drops a side
    with exactly one cell (its index is squeezed to a scalar and taken for empty), is not followed there.

    Args:
        negatives: background cells of the whole batch of a device that are drawn, anew in every step, for labellers
            that leave all of them in; 0: all. sansanfree/RBO draws 48 for SiamRPN++, while its ranking loss sees all.

    Source: ``select_cross_entropy_loss`` of pysot and SiamBAN, for logits that are differences of two channels;
    siamfc-pytorch's ``BalancedLoss`` has the same value wherever both sides have cells.
    """

    serves = (Points, Anchors, Response)

    def __init__(self, *, negatives: int = 0) -> None:
        self.negatives = negatives

    def __call__(self, prediction: Points | Anchors | Response, targets: Targets) -> Tensor:
        assert targets.label is not None
        return balanced_cross_entropy(prediction.logit, self._drawn(targets.label))

    def _drawn(self, label: Tensor) -> Tensor:
        """The labels with the background cells that were not drawn ignored; nothing makes the host wait."""
        if self.negatives == 0:
            return label
        flat = label.flatten()
        lots = torch.where(flat == 0, self.lots(flat), -1.0)
        values, index = lots.topk(min(self.negatives, len(flat)))
        kept = torch.zeros_like(flat, dtype=torch.bool).scatter(0, index, values >= 0)
        return torch.where((flat == 0) & ~kept, -1, flat).view_as(label)

    @staticmethod
    def lots(cells: Tensor) -> Tensor:
        """``[N]`` -> ``[N]`` numbers in [0, 1); the cells with the largest are drawn."""
        return torch.rand(cells.shape, device=cells.device)


def balanced_cross_entropy(logit: Tensor, label: Tensor) -> Tensor:
    """See :class:`BalancedCrossEntropy`; ``logit`` and ``label`` (1, 0 or -1) of one shape -> scalar."""
    positive, negative = (label == 1).to(logit.dtype), (label == 0).to(logit.dtype)
    missed = (F.softplus(-logit) * positive).sum() / positive.sum().clamp(min=1)
    false = (F.softplus(logit) * negative).sum() / negative.sum().clamp(min=1)
    return 0.5 * (missed + false)
