"""How several levels become one answer: a softmax-weighted sum with one weight a level."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def weighted_sum(maps: list[Tensor], weights: Tensor | None) -> Tensor:
    """Sum over levels of ``softmax(weights)_i * maps_i``; without weights their mean.

    Args:
        maps: equal shapes.
        weights: ``[levels]`` or ``None``.
    """
    stacked = torch.stack(maps)
    if weights is None:
        return stacked.mean(0)
    return torch.einsum("l,l...->...", weights.softmax(0), stacked)


class LevelFusion(nn.Module):
    """The weights by which a point head joins its levels.

    ``loc_scale`` multiplies a level's raw distances before the exponential; the sum comes after it: a weighted mean
    of exponentials, not the exponential of a mean (SiamBAN ``models/head/ban.py``).

    Args:
        levels: how many.
        weighted: learnt level weights; otherwise plain means.
    """

    def __init__(self, levels: int, weighted: bool) -> None:
        super().__init__()
        self.cls_weight = nn.Parameter(torch.ones(levels)) if weighted else None
        self.loc_weight = nn.Parameter(torch.ones(levels)) if weighted else None
        self.loc_scale = nn.Parameter(torch.ones(levels))

    def fuse(self, logits: list[Tensor], raw: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Per-level ``logit [B, H, W]`` and raw distances ``[B, 4, H, W]`` -> fused logit and ltrb px.

        Half precision becomes float32 first.
        """
        distances = [torch.exp(_full(r) * scale) for r, scale in zip(raw, self.loc_scale, strict=True)]
        return weighted_sum([_full(x) for x in logits], self.cls_weight), weighted_sum(distances, self.loc_weight)


def _full(values: Tensor) -> Tensor:
    """At least float32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
