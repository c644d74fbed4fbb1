"""The neck of the pysot family: every level to one width, the template to its centre."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from siamtrack.contracts import FeatureMap
from siamtrack.models.slots import Neck, necks


class _Adjust(nn.Module):
    """1x1 convolution and batch norm (or a bias in its place), no activation."""

    def __init__(self, channels: int, out: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 1, bias=not norm)
        self.bn = nn.BatchNorm2d(out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.bn(self.conv(x))
        return result


@necks.register("adjust")
class AdjustNeck(Neck):
    """Every level to the same number of channels; templates are cut to their central cells.

    The cut comes after batch norm, so its statistics see the whole map (pysot ``models/neck/neck.py``).

    Args:
        channels: of each level the backbone gives.
        out: channels of every level afterwards.
        template_cells: side of the template map that is kept, cells; 0 keeps it whole.
        norm: batch norm after the convolution, or a bias in it.
    """

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        out: int = 256,
        template_cells: int = 7,
        norm: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__()
        self.channels = (out,) * len(channels)
        self.template_cells = template_cells
        self.levels = nn.ModuleList(_Adjust(c, out, norm == "batch") for c in channels)

    def forward(self, maps: list[FeatureMap], template: bool) -> list[FeatureMap]:
        """Levels ``[B, C_i, H, W]`` -> levels ``[B, out, H, W]``, or the central cells of a template."""
        adjusted = [f.with_map(level(f.map)) for level, f in zip(self.levels, maps, strict=True)]
        if template and self.template_cells:
            return [f.center(self.template_cells) for f in adjusted]
        return adjusted
