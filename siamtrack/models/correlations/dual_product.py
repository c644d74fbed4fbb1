"""Pixel-wise and depth-wise correlation side by side, joined by a 1x1 convolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.correlations.depthwise import depthwise_correlation
from siamtrack.models.correlations.pixel_product import (
    ChannelAttention,
    PointwiseEmbedding,
    pixel_product,
    template_cells,
)
from siamtrack.models.slots import Correlation, correlations

CENTRE = 4  # side of the template's part that is correlated depth-wise, cells


class _Refinement(nn.Module):
    """Unpadded 2x2 convolution per channel and a 1x1 convolution, each with batch norm: n cells become n - 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 2, groups=channels, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels, 1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.bn(self.conv(F.relu6(self.depthwise_bn(self.depthwise(x)))))
        return result


@correlations.register("dual_product")
class DualProduct(Correlation):
    """Which cell of the template a place looks like, and how its neighbourhood matches the template's centre.

    One arm is :class:`EmbeddedPixelProduct`, refined; the other correlates the template's 4x4 central cells with the
    search depth-wise, padded by one cell. With an 8x8 template and a 16x16 search both give 15x15, half a cell off
    the features' grid and on that of the result.

    Args:
        channels: of the template's and the search's map, and of all embeddings.
        branch: the head's branch this one serves.
        template_cells: side of the template's map.
        out: channels of the result.

    Source: NanoTrack V3, ``nanotrack/models/head/ban_v3.py``.
    """

    def __init__(self, channels: int, branch: str, *, template_cells: int = 8, out: int = 96) -> None:
        super().__init__()
        products = template_cells**2
        self.template_cells = template_cells
        self.spec = FusedSpec(out)
        self.template = PointwiseEmbedding(channels)
        self.search = PointwiseEmbedding(channels)
        self.attention = ChannelAttention(products)
        self.refinement = _Refinement(products)
        self.depthwise_template = PointwiseEmbedding(channels)
        self.depthwise_search = PointwiseEmbedding(channels)
        self.join = nn.Conv2d(products + channels, out, 1)

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, cells, C], [B, C, 4, 4])``."""
        cells = template_cells(self.template(template.map), self.template_cells)
        return cells, self.depthwise_template(template.center(CENTRE).map)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        ((cells, centre),) = kernels
        products = self.refinement(self.attention(pixel_product(cells, self.search(search.map))))
        neighbourhoods = depthwise_correlation(F.pad(self.depthwise_search(search.map), (1, 1, 1, 1)), centre)
        return Fused(self.join(torch.cat([products, neighbourhoods], 1)), search.size, search.stride)
