"""Box loss of anchor heads: weighted absolute differences of the deltas."""

from __future__ import annotations

import torch
from torch import Tensor

from siamtrack.contracts import Anchors, Targets
from siamtrack.losses.registry import terms


@terms.register("weighted_l1")
class WeightedL1Loss:
    """``sum(weight * (|dx| + |dy| + |dw| + |dh|)) / B``, differences of predicted and true deltas.

    Plain L1, not smooth L1. Samples without a positive count in the divisor B, the batch of a device. The labeller
    gives the weights, with which each sample's positives have a total of 1.

    Source: ``weight_l1_loss`` in pysot ``models/loss.py``.
    """

    serves = (Anchors,)

    def __call__(self, prediction: Anchors, targets: Targets) -> Tensor:
        assert targets.code is not None
        assert targets.weight is not None
        weight = targets.weight
        # where nothing weighs, whatever was predicted cannot reach the gradient as 0 * infinity
        difference = torch.where((weight != 0)[:, None], prediction.delta - targets.code, 0.0)
        return (difference.abs().sum(1) * weight).sum() / len(weight)
