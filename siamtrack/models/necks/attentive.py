"""The neck of the pysot family behind self-attention on the backbone's own maps."""

from __future__ import annotations

from typing import Literal

from siamtrack.contracts import FeatureMap
from siamtrack.models.enhancers.self_attention import SelfAttentionEnhancer
from siamtrack.models.necks.adjust import AdjustNeck
from siamtrack.models.slots import necks


@necks.register("attentive")
class AttentiveNeck(AdjustNeck):
    """Self-attention on what the backbone gives, then what :class:`AdjustNeck` does.

    The other place that SiamSA's text allows ("after ResNet"); templates attend to themselves whole. Its options are
    those of :class:`SelfAttentionEnhancer`, the rest of them at their defaults.

    Args:
        channels: of each level the backbone gives.
        out: channels of every level afterwards.
        template_cells: side of the template map that is kept, cells; 0 keeps it whole.
        softmax: over the first index of S (``columns``) or the second (``rows``).
        reduction: channels of a level for each channel of q and k.
        alpha: start of the weight.
        learn_alpha: whether it learns or stays.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        out: int = 256,
        template_cells: int = 7,
        softmax: Literal["columns", "rows"] = "columns",
        reduction: int = 8,
        alpha: float = 0.0,
        learn_alpha: bool = True,
    ) -> None:
        super().__init__(channels, out=out, template_cells=template_cells)
        self.attention = SelfAttentionEnhancer(
            channels, softmax=softmax, reduction=reduction, alpha=alpha, learn_alpha=learn_alpha
        )

    def forward(self, maps: list[FeatureMap], template: bool) -> list[FeatureMap]:
        """Levels ``[B, C_i, H, W]`` -> levels ``[B, out, H, W]``, or the central cells of a template."""
        return super().forward([self.attention(level) for level in maps], template)
