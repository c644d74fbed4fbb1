"""Every cell of the template against every cell of the search: plain inner products and channel attention."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.slots import Correlation, correlations


def template_cells(template: Tensor, side: int) -> Tensor:
    """A template map ``[B, C, side, side]`` as one vector per cell, ``[B, side * side, C]``, row by row.

    Raises:
        ConfigError: the map has another size, so that the result would not have the promised channels.
    """
    height, width = template.shape[-2:]
    if (height, width) != (side, side):
        raise ConfigError(
            f"MODEL.CORRELATION.TEMPLATE_CELLS is {side}, but the template's map has {height} x {width} cells, and "
            "each of them gives one channel; set it to the side of the map."
        )
    return template.flatten(2).transpose(1, 2).contiguous()


def pixel_product(cells: Tensor, search: Tensor) -> Tensor:
    """Inner products over channels, without scaling and without softmax (PW-Corr has one).

    Args:
        cells: ``[B, N, C]`` vectors of the template's cells.
        search: ``[B, C, H, W]``.

    Returns:
        ``[B, N, H, W]``.
    """
    return torch.bmm(cells, search.flatten(2)).view(*cells.shape[:2], *search.shape[-2:])


class ChannelAttention(nn.Module):
    """Scales each channel by a two-layer network's answer to all channels' means, without a bottleneck."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels, 1)
        self.fc2 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(mean))))


@correlations.register("pixel_product")
class PixelProduct(Correlation):
    """Inner products of the features as they are, then channel attention; all branches of the head share them.

    Args:
        channels: of the template's and the search's map.
        branch: all of them.
        template_cells: side of the template's map; its square is the number of channels of the result.

    Source: NanoTrack V1, ``nanotrack/models/head/ban_v1.py``; after Alpha-Refine (Yan et al., CVPR 2021).
    """

    shared = True

    def __init__(self, channels: int, branch: str, *, template_cells: int = 8) -> None:
        super().__init__()
        self.template_cells = template_cells
        self.spec = FusedSpec(template_cells**2)
        self.attention = ChannelAttention(template_cells**2)

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, cells, C],)``."""
        return (template_cells(template.map, self.template_cells),)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        ((cells,),) = kernels
        return Fused(self.attention(pixel_product(cells, search.map)), search.size, search.stride)


class PointwiseEmbedding(nn.Module):
    """1x1 convolution with bias and batch norm, no activation: a branch's own view of a feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.bn(self.conv(x))
        return result


@correlations.register("embedded_pixel_product")
class EmbeddedPixelProduct(Correlation):
    """As :class:`PixelProduct`, of features that each branch of the head embeds for itself.

    Args:
        channels: of the template's and the search's map, and of the embeddings.
        branch: the head's branch this one serves.
        template_cells: side of the template's map; its square is the number of channels of the result.

    Source: NanoTrack V2, ``nanotrack/models/head/ban_v2.py``.
    """

    def __init__(self, channels: int, branch: str, *, template_cells: int = 8) -> None:
        super().__init__()
        self.template_cells = template_cells
        self.spec = FusedSpec(template_cells**2)
        self.template = PointwiseEmbedding(channels)
        self.search = PointwiseEmbedding(channels)
        self.attention = ChannelAttention(template_cells**2)

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, cells, C],)``."""
        return (template_cells(self.template(template.map), self.template_cells),)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        ((cells,),) = kernels
        return Fused(self.attention(pixel_product(cells, self.search(search.map))), search.size, search.stride)
