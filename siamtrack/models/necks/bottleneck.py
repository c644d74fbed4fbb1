"""STARK's neck: every level to one width by a 1x1 convolution with bias, nothing cut off, masks kept."""

from __future__ import annotations

from torch import nn

from siamtrack.contracts import FeatureMap
from siamtrack.models.slots import Neck, necks


@necks.register("bottleneck")
class BottleneckNeck(Neck):
    """1x1 convolution with bias on each level of template and search alike.

    Args:
        channels: of each level the backbone gives.
        out: channels of every level afterwards.

    Source: STARK (Yan et al., ICCV 2021), section 3.1; ``lib/models/stark/stark_s.py``.
    """

    def __init__(self, channels: tuple[int, ...], *, out: int = 256) -> None:
        super().__init__()
        self.channels = (out,) * len(channels)
        self.levels = nn.ModuleList(nn.Conv2d(c, out, 1) for c in channels)

    def forward(self, maps: list[FeatureMap], template: bool) -> list[FeatureMap]:
        """Levels ``[B, C_i, H, W]`` -> levels ``[B, out, H, W]``, whole."""
        return [f.with_map(level(f.map)) for level, f in zip(self.levels, maps, strict=True)]
