"""Pixel-wise correlation (PW-Corr): every search cell asks the template's cells what it looks like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.slots import Correlation, correlations


def pixelwise_correlation(template: Tensor, search: Tensor) -> Tensor:
    """The template as each search cell sees it, and the search itself.

    With Z ``[C, hw]`` and X ``[C, HW]``: ``W = softmax(Z^T X / sqrt(C))`` over the template's cells, so that the
    weights of each search cell sum to 1, then ``concat(Z W, X)`` on channels. The softmax is computed in float32.

    Args:
        template: ``[B, C, h, w]``.
        search: ``[B, C, H, W]``.

    Returns:
        ``[B, 2 C, H, W]``: matched template features first, as RBO's code and checkpoints have it (the paper prints
        the search first).

    Source: sansanfree/RBO ``non_local_xcorr``; Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022.
    """
    z, x = template.flatten(2), search.flatten(2)
    similarity = z.transpose(1, 2) @ x / math.sqrt(z.shape[1])
    matched = z @ similarity.float().softmax(1).to(z.dtype)
    return torch.cat([matched.view_as(search), search], 1)


@correlations.register("pixelwise")
class PixelwiseCorrelation(Correlation):
    """Matched template features and search features side by side, as large as the search map; no parameters.

    All branches of the head share it.

    Args:
        channels: of the template's and the search's map.
        branch: of the head; here it makes no difference.
        crop: side of the template's centre that is matched, cells; 0: all that comes. For enhancers that need the
            whole template, so that the neck must not cut it.

    Source: sansanfree/RBO ``models/head/attention_ban.py``.
    """

    shared: ClassVar[bool] = True

    def __init__(self, channels: int, branch: str, *, crop: int = 0) -> None:
        super().__init__()
        self.spec = FusedSpec(2 * channels)
        self.crop = crop

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, C, h, w],)``: the template's map or its centre."""
        return ((template.center(self.crop) if self.crop else template).map,)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        """Memory of one template and a search map ``[B, C, H, W]`` -> ``[B, 2 C, H, W]``."""
        ((template,),) = kernels
        return Fused(pixelwise_correlation(template, search.map), search.size, search.stride)
