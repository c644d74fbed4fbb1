"""The head of SiamFC: one logit a cell, no box."""

from __future__ import annotations

from torch import nn

from siamtrack.contracts import Fused, FusedSpec, Response
from siamtrack.models.heads.fusion import weighted_sum
from siamtrack.models.heads.pointwise import tower
from siamtrack.models.slots import Head, heads


@heads.register("response")
class ResponseHead(Head):
    """The correlation's map as a logit, averaged over the levels.

    Where the correlation gives features, a small tower per level makes one map of them; SiamFC has no parameters here.

    Args:
        inputs: per level, what the correlation gives.
        hidden: channels of such a tower.

    Source: SiamFC (Bertinetto et al., ECCV 2016 workshops); siamfc-pytorch ``siamfc/heads.py``.
    """

    branches = ("cls",)
    makes = Response
    reads_scores = True

    def __init__(self, inputs: tuple[dict[str, FusedSpec], ...], *, hidden: int = 256) -> None:
        super().__init__()
        self.levels = nn.ModuleList(tower("cls", level["cls"], hidden, 1) for level in inputs)

    def forward(self, fused: list[dict[str, Fused]]) -> Response:
        """Per level ``{"cls": Fused}`` of ``[B, C, H, W]`` -> :class:`Response` on the same cells."""
        maps = [t(level["cls"].map).float() for t, level in zip(self.levels, fused, strict=True)]
        first = fused[0]["cls"]
        return Response(weighted_sum(maps, None)[:, 0], first.size, first.stride)
