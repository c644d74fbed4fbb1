"""The anchor head of SiamRPN++: two scores and four deltas for every anchor of every cell."""

from __future__ import annotations

import functools
import math
from typing import cast

import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Fused, FusedSpec
from siamtrack.models.heads.fusion import weighted_sum
from siamtrack.models.heads.pointwise import tower
from siamtrack.models.slots import Head, heads


@functools.lru_cache(maxsize=16)
def anchor_sizes(stride: int, ratios: tuple[float, ...], scales: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """(w, h) px of each anchor, for each ratio all scales.

    The anchor of scale 1 has about ``stride ** 2`` px; its sides are cut to whole pixels before they are scaled, so
    that the truncation grows with the scale: ratio 0.33 at stride 8 and scale 8 is 104 x 32, not 111 x 37.

    Args:
        stride: px between cells.
        ratios: h / w.
        scales: factors on both sides.

    Source: pysot ``utils/anchor.py``.
    """
    sizes = []
    for ratio in ratios:
        w = int(math.sqrt(stride * stride / ratio))
        h = int(w * ratio)
        sizes += [(float(w * scale), float(h * scale)) for scale in scales]
    return tuple(sizes)


@heads.register("anchor")
class AnchorHead(Head):
    """A small tower per level and branch, then the levels' weighted sum; anchors are sized by the cells' stride.

    Classification has two channels an anchor, all backgrounds before all targets (channel ``k A + a``); their
    difference is the logit. Deltas have channel ``c A + a`` with c = dx, dy, dw, dh. Other than SiamBAN's distances
    they are summed over the levels as they are.

    Args:
        inputs: per level, what each branch's correlation gives.
        hidden: channels between the two convolutions.
        weighted: learnt level weights; otherwise plain means.
        ratios: h / w of the anchors.
        scales: of the anchors, in strides.

    Raises:
        ConfigError: no anchors, one without area, or a correlation that has already answered for another number.

    Source: SiamRPN++ (Li et al., CVPR 2019), section 3.3; ``DepthwiseRPN`` and ``MultiRPN`` in pysot
    ``models/head/rpn.py``.
    """

    branches = ("cls", "loc")
    makes = Anchors
    reads_scores = True

    def __init__(
        self,
        inputs: tuple[dict[str, FusedSpec], ...],
        *,
        hidden: int = 256,
        weighted: bool = True,
        ratios: tuple[float, ...] = (0.33, 0.5, 1, 2, 3),
        scales: tuple[float, ...] = (8,),
    ) -> None:
        super().__init__()
        if not ratios or not scales or min((*ratios, *scales)) <= 0:
            raise ConfigError(
                f"MODEL.HEAD: RATIOS {list(ratios)} and SCALES {list(scales)} should each hold one number above 0 or "
                "more."
            )
        self.ratios, self.scales = ratios, scales
        self.anchors = len(ratios) * len(scales)
        self.cls_weight = nn.Parameter(torch.ones(len(inputs))) if weighted else None
        self.loc_weight = nn.Parameter(torch.ones(len(inputs))) if weighted else None
        self.levels = nn.ModuleList(
            nn.ModuleDict(
                {
                    "cls": tower("cls", level["cls"], hidden, 2 * self.anchors),
                    "loc": tower("loc", level["loc"], hidden, 4 * self.anchors),
                }
            )
            for level in inputs
        )

    def forward(self, fused: list[dict[str, Fused]]) -> Anchors:
        """Per level ``{"cls": Fused, "loc": Fused}`` of ``[B, C, H, W]`` -> :class:`Anchors` on the same cells."""
        scores = weighted_sum(self._towers("cls", fused), self.cls_weight).unflatten(1, (2, self.anchors))
        delta = weighted_sum(self._towers("loc", fused), self.loc_weight).unflatten(1, (4, self.anchors))
        first = fused[0]["cls"]
        sizes = anchor_sizes(first.stride, self.ratios, self.scales)
        return Anchors(scores[:, 1] - scores[:, 0], delta, sizes, first.size, first.stride)

    def _towers(self, branch: str, fused: list[dict[str, Fused]]) -> list[Tensor]:
        """One branch's raw output on every level, float32."""
        towers = (cast(nn.ModuleDict, level)[branch] for level in self.levels)
        return [tower(level[branch].map).float() for tower, level in zip(towers, fused, strict=True)]
