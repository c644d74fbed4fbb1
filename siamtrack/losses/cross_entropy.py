"""Classification of cells: half the mean over targets, half the mean over background."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from siamtrack.contracts import Anchors, Points, Targets
from siamtrack.losses.registry import terms


@terms.register("cross_entropy")
class BalancedCrossEntropy:
    """``0.5 mean(-log p) over label 1 + 0.5 mean(-log (1 - p)) over label 0``, over the whole batch of a device.

    A side without cells gives 0 and the other keeps its half. One cell counts as one: pysot, which drops a side
    with exactly one cell (its index is squeezed to a scalar and taken for empty), is not followed there.

    Source: ``select_cross_entropy_loss`` of pysot and SiamBAN, for logits that are differences of two channels.
    """

    serves = (Points, Anchors)

    def __call__(self, prediction: Points | Anchors, targets: Targets) -> Tensor:
        assert targets.label is not None
        logit = prediction.logit
        positive, negative = (targets.label == 1).to(logit.dtype), (targets.label == 0).to(logit.dtype)
        missed = (F.softplus(-logit) * positive).sum() / positive.sum().clamp(min=1)
        false = (F.softplus(logit) * negative).sum() / negative.sum().clamp(min=1)
        return 0.5 * (missed + false)
