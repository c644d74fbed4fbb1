"""IoU-guided ranking: among the target's cells, scores and overlaps should agree about the order."""

from __future__ import annotations

import torch
from torch import Tensor

from siamtrack.boxes import iou
from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Points, Targets
from siamtrack.losses.registry import terms


def ordered_pairs_mean(key: Tensor, higher: Tensor, lower: Tensor, member: Tensor, gamma: float) -> Tensor:
    """Mean over images of the mean over pairs of ``exp(-gamma (higher_i - lower_j))``, i ranked before j by ``key``.

    The exponential of a difference is a product, so the sum over the pairs of an image is a running sum: linear in the
    cells instead of quadratic, and all its terms are positive, so nothing cancels. Images with fewer than two members
    have no pair and do not count; without any image the result is a connected 0.

    Args:
        key: ``[B, N]`` what ranks, descending; of equal keys the earlier cell comes first. Carries no gradient.
        higher: ``[B, N]`` in [0, 1], read at the pair's first member.
        lower: ``[B, N]`` in [0, 1], read at its second.
        member: ``[B, N]`` bool, the cells that are ranked.
        gamma: steepness.
    """
    order = key.detach().masked_fill(~member, -1).sort(dim=1, descending=True, stable=True).indices
    ranked = member.gather(1, order)
    before = (torch.exp(-gamma * higher.gather(1, order)) * ranked).cumsum(1)
    after = torch.exp(gamma * lower.gather(1, order)) * ranked
    members = member.sum(1)
    pairs = members * (members - 1) / 2
    mean = (before[:, :-1] * after[:, 1:]).sum(1) / pairs.clamp(min=1)
    return mean.sum() / (pairs > 0).sum().clamp(min=1)


class _IouRanking:
    serves = (Points, Anchors)

    def __init__(self, *, gamma: float = 3.0) -> None:
        if not 0 < gamma <= 80:
            raise ConfigError(f"LOSSES: GAMMA is {gamma}; it should lie in (0, 80]: exp(GAMMA) must fit in float32.")
        self.gamma = gamma

    @staticmethod
    def _positive(targets: Targets) -> Tensor:
        """``[B, N]`` bool."""
        assert targets.label is not None
        return targets.label.flatten(1) == 1

    @staticmethod
    def _overlap(prediction: Points | Anchors, targets: Targets, positive: Tensor) -> Tensor:
        """``[B, N]`` IoU of each positive cell's box with the target's; elsewhere without meaning or gradient."""
        _, boxes = prediction.flat()
        target = targets.box[:, None]
        # what an ignored cell predicts may be infinite, and 0 * infinity would reach the gradient
        overlap: Tensor = iou(torch.where(positive[..., None], boxes, target), target)
        return overlap


@terms.register("ranking_score_by_iou")
class ScoreRankingByIou(_IouRanking):
    """A positive cell whose box overlaps the target more should have the higher score (IGR_1).

    Per image, mean of ``exp(-gamma (p_i - p_j))`` over all pairs of positives with IoU_i ranked before IoU_j; then the
    mean over images with at least two positives. Learns through both scores, not through the boxes.

    Args:
        gamma: steepness; a pair in the wrong order costs up to exp(gamma).

    Source: Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022, section 3.3; sansanfree/RBO
    ``Rank_IGR_Loss``.
    """

    def __call__(self, prediction: Points | Anchors, targets: Targets) -> Tensor:
        positive = self._positive(targets)
        with torch.no_grad():
            overlap = self._overlap(prediction, targets, positive)
        score = prediction.logit.flatten(1).sigmoid()
        return ordered_pairs_mean(overlap, score, score, positive, self.gamma)


@terms.register("ranking_iou_by_score")
class IouRankingByScore(_IouRanking):
    """A positive cell with the higher score should have the box that overlaps the target more (IGR_2).

    Per image, mean of ``exp(-gamma (IoU_i - IoU_j))`` over all pairs of positives with score_i ranked before score_j;
    then the mean over images with at least two positives. Learns through the box of the higher-scored cell alone.

    Args:
        gamma: steepness; a pair in the wrong order costs up to exp(gamma).

    Source: Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022, section 3.3; sansanfree/RBO
    ``Rank_IGR_Loss``.
    """

    def __call__(self, prediction: Points | Anchors, targets: Targets) -> Tensor:
        positive = self._positive(targets)
        overlap = self._overlap(prediction, targets, positive)
        score = prediction.logit.flatten(1).sigmoid()
        return ordered_pairs_mean(score, overlap, overlap.detach(), positive, self.gamma)
