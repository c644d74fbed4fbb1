"""RBO's head: one reduction, then a tower of 3x3 convolutions for the class and one for the box."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import Fused, FusedSpec, Points
from siamtrack.models.heads.fusion import LevelFusion
from siamtrack.models.slots import Head, heads

_PRIOR = 0.01  # focal loss's start: a target is expected in one cell of a hundred


def _convolutions(width: int, depth: int, groups: int, padding: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(width, width, 3, padding=padding), nn.GroupNorm(groups, width), nn.ReLU()]
    return nn.Sequential(*layers)


class _Level(nn.Module):
    """Reduction, two towers, two answers; tensors are named as in the original."""

    def __init__(self, channels: int, hidden: int, depth: int, groups: int, padding: int) -> None:
        super().__init__()
        self.fi = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU())
        self.cls_tower = _convolutions(hidden, depth, groups, padding)
        self.reg_tower = _convolutions(hidden, depth, groups, padding)
        self.cls_logits = nn.Conv2d(hidden, 2, 3, padding=1)
        self.bbox_pred = nn.Conv2d(hidden, 4, 3, padding=1)
        for part in (self.cls_tower, self.reg_tower, self.cls_logits, self.bbox_pred):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(module.weight, std=0.01)
                    nn.init.zeros_(cast(Tensor, module.bias))
        # the same in both channels, whose difference is the logit: kept for equality, without effect
        nn.init.constant_(cast(Tensor, self.cls_logits.bias), -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, C, H, W]`` -> two class channels and four raw distances on the towers' cells."""
        reduced = self.fi(x)
        return self.cls_logits(self.cls_tower(reduced)), self.bbox_pred(self.reg_tower(reduced))


@heads.register("tower")
class TowerHead(LevelFusion, Head):
    """Per level a shared 1x1 reduction and two towers with group norm, then the levels' weighted sum.

    Class and box read one correlated map. Without padding every layer takes a cell off each side: 31x31 becomes
    25x25. Classification has two channels, background and target; their difference is the logit.

    Args:
        inputs: per level, what the correlation gives.
        hidden: channels of the towers.
        depth: 3x3 convolutions of a tower.
        groups: of the group norm.
        padding: cells of zeros around the maps of the towers; 1 keeps their size.
        weighted: learnt level weights; otherwise plain means.

    Raises:
        ConfigError: ``hidden`` cannot be divided into ``groups``.

    Source: sansanfree/RBO ``models/head/attention_ban.py`` (``CARHead``, ``MultiBAN``).
    """

    branches = ("fused",)
    makes = Points

    def __init__(
        self,
        inputs: tuple[dict[str, FusedSpec], ...],
        *,
        hidden: int = 256,
        depth: int = 3,
        groups: int = 32,
        padding: int = 0,
        weighted: bool = True,
    ) -> None:
        super().__init__(len(inputs), weighted)
        if groups < 1 or hidden % groups:
            raise ConfigError(
                f"MODEL.HEAD: HIDDEN {hidden} channels cannot be divided into GROUPS {groups}; make it a multiple."
            )
        self.levels = nn.ModuleList(_Level(level["fused"].channels, hidden, depth, groups, padding) for level in inputs)

    def forward(self, fused: list[dict[str, Fused]]) -> Points:
        """Per level ``{"fused": Fused}`` of ``[B, C, H, W]`` -> :class:`Points` on the towers' cells."""
        answers = [level(of["fused"].map) for level, of in zip(self.levels, fused, strict=True)]
        logit, ltrb = self.fuse([score[:, 1] - score[:, 0] for score, _ in answers], [raw for _, raw in answers])
        first = fused[0]["fused"]
        return Points(logit, ltrb, first.size, first.stride)
