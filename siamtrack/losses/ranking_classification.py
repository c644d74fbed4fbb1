"""Classification ranking: targets must score higher than the hardest distractors, image by image."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from siamtrack.contracts import Anchors, Points, Targets
from siamtrack.losses.registry import terms


@terms.register("ranking_classification")
class ClassificationRanking:
    """Logistic loss between the mean target score and the expected score of the hardest negatives of an image.

    With p the scores of an image, P its cells of label 1 and N those of label 0::

        K    = min(|P|, |N|)                                    where P is not empty, else
               min(max(|{p in N: p > hard_above}|, least), |N|)
        n    = sum of softmax(p)_k p_k over the K highest of N  (the weights learn, too)
        m    = mean of p over P, or 1 where P is empty
        loss = log(1 + exp(steepness (n - m + margin))) / steepness

    An image without any negative above ``hard_above`` is left out; the loss is the mean over the others, and a
    connected 0 where none is left. Of equal scores the earlier cell (anchor, row, column) ranks higher. Everything has
    a fixed shape: one stable sort of ``[B, N]``, no loop, and nothing that makes the host wait.

    Args:
        steepness: L of the paper.
        margin: by which targets should lead.
        hard_above: score in [0, 1] that makes a negative a hard one; strictly above.
        least: negatives to rank in an image without positives, even if fewer are hard.

    Source: Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022, section 3.2; sansanfree/RBO
    ``Rank_CLS_Loss``.
    """

    serves = (Points, Anchors)

    def __init__(self, *, steepness: float = 4.0, margin: float = 0.5, hard_above: float = 0.5, least: int = 8) -> None:
        self.steepness, self.margin, self.hard_above, self.least = steepness, margin, hard_above, least

    def __call__(self, prediction: Points | Anchors, targets: Targets) -> Tensor:
        assert targets.label is not None
        score, label = prediction.logit.flatten(1).sigmoid(), targets.label.flatten(1)
        positive, negative = label == 1, label == 0
        positives, negatives = positive.sum(1), negative.sum(1)
        hard = (negative & (score > self.hard_above)).sum(1)

        ranked = score.masked_fill(~negative, -1).sort(dim=1, descending=True, stable=True).values
        count = torch.minimum(torch.where(positives > 0, positives, hard.clamp(min=self.least)), negatives)
        kept = torch.arange(ranked.shape[1], device=ranked.device) < count[:, None]
        # far below every score instead of minus infinity, which would make rows without negatives NaN
        weights = ranked.masked_fill(~kept, -1e4).softmax(1)
        distractors = (weights * ranked * kept).sum(1)
        target = torch.where(positives > 0, (score * positive).sum(1) / positives.clamp(min=1), 1)

        loss = F.softplus(distractors - target + self.margin, beta=self.steepness)
        counted = hard > 0
        return (loss * counted).sum() / counted.sum().clamp(min=1)
