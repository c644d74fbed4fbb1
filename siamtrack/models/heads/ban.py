"""The box-adaptive head of SiamBAN: anchor-free, one logit and four distances a cell."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from siamtrack.contracts import Fused, FusedSpec, Points
from siamtrack.models.heads.fusion import LevelFusion
from siamtrack.models.heads.pointwise import tower
from siamtrack.models.slots import Head, heads


@heads.register("ban")
class BanHead(LevelFusion, Head):
    """A small tower per level and branch, then the levels' weighted sum.

    Classification has two channels, background and target; their difference is the logit.

    Args:
        inputs: per level, what each branch's correlation gives.
        hidden: channels between the two convolutions.
        weighted: learnt level weights; otherwise plain means.
        unit: px in which distances are learnt: an untrained head answers with about one. 1 in the source; half the
            usual size of a target saves a network that begins from nothing its first few hundred steps.

    Source: SiamBAN (Chen et al., CVPR 2020), section 3.2; ``models/head/ban.py``.
    """

    branches = ("cls", "loc")
    makes = Points
    reads_scores = True
    tower = staticmethod(tower)  # makes what stands on one level and branch

    def __init__(
        self,
        inputs: tuple[dict[str, FusedSpec], ...],
        *,
        hidden: int = 256,
        weighted: bool = True,
        unit: float = 1.0,
    ) -> None:
        super().__init__(len(inputs), weighted)
        self.unit = unit
        self.levels = nn.ModuleList(
            nn.ModuleDict(
                {
                    "cls": self.tower("cls", level["cls"], hidden, 2),
                    "loc": self.tower("loc", level["loc"], hidden, 4),
                }
            )
            for level in inputs
        )

    def forward(self, fused: list[dict[str, Fused]]) -> Points:
        """Per level ``{"cls": Fused, "loc": Fused}`` of ``[B, C, H, W]`` -> :class:`Points` on the same cells."""
        scores, raw = (self._towers(branch, fused) for branch in self.branches)
        logit, ltrb = self.fuse([s[:, 1] - s[:, 0] for s in scores], raw)
        first = fused[0]["cls"]
        return Points(logit, ltrb * self.unit, first.size, first.stride)

    def _towers(self, branch: str, fused: list[dict[str, Fused]]) -> list[Tensor]:
        """One branch's raw output on every level."""
        towers = (cast(nn.ModuleDict, level)[branch] for level in self.levels)
        return [tower(level[branch].map) for tower, level in zip(towers, fused, strict=True)]
