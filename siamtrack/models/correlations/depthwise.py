"""Depth-wise correlation (DW-Corr): every channel of the template slides over its channel of the search."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.correlations.depthwise_operator import correlate_planes
from siamtrack.models.slots import Correlation, correlations

# where torch's own gradient for the kernels was measured to be the slower one (benchmarks/dwcorr.py)
OWN_GRADIENT = frozenset({"cpu"})


def depthwise_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Valid cross-correlation per sample and channel: no flip, no padding, no normalisation.

    Args:
        search: ``[B, C, H, W]``.
        kernel: ``[B, C, h, w]``, or ``[1, C, h, w]`` for all samples.

    Returns:
        ``[B, C, H - h + 1, W - w + 1]``.

    Source: SiamRPN++ (Li et al., CVPR 2019); pysot ``core/xcorr.py``.
    """
    batch, channels, height, width = search.shape
    kernel = kernel.expand(batch, *kernel.shape[1:])
    learns = torch.is_grad_enabled() and (search.requires_grad or kernel.requires_grad)
    if learns and search.device.type in OWN_GRADIENT:
        return correlate_planes(search, kernel)
    response = F.conv2d(
        search.reshape(1, batch * channels, height, width),
        kernel.reshape(batch * channels, 1, *kernel.shape[-2:]),
        groups=batch * channels,
    )
    return response.reshape(batch, channels, *response.shape[-2:])


class Embedding(nn.Module):
    """3x3 convolution without padding, batch norm, ReLU: a branch's own view of a feature map."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


@correlations.register("depthwise")
class DepthwiseCorrelation(Correlation):
    """Both sides embedded by an unpadded convolution, then correlated channel by channel.

    With 7x7 template and 31x31 search maps the result is 25x25.

    Args:
        channels: of the template's and the search's map.
        branch: the head's branch this one serves (each has its own embeddings).
        hidden: channels of the embeddings and of the result.
        kernel: side of the embedding convolutions, cells.
        crop: side of the template's centre that is correlated, cells; 0: all that comes. For enhancers that need the
            whole template, so that the neck must not cut it.
        alike: both embeddings start from the same values, so that equal things correlate before anything is learnt.
            Otherwise each starts from its own, as in the source.

    Source: SiamRPN++ (Li et al., CVPR 2019), figure 5c; pysot ``models/head/rpn.py``.
    """

    def __init__(
        self, channels: int, branch: str, *, hidden: int = 256, kernel: int = 3, crop: int = 0, alike: bool = False
    ) -> None:
        super().__init__()
        self.spec = FusedSpec(hidden)
        self.crop = crop
        self.template = Embedding(channels, hidden, kernel)
        self.search = Embedding(channels, hidden, kernel)
        if alike:
            self.search.load_state_dict(self.template.state_dict())

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, hidden, h, w],)``: computed once a template."""
        return (self.template((template.center(self.crop) if self.crop else template).map),)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        ((kernel,),) = kernels
        response = depthwise_correlation(self.search(search.map), kernel)
        return Fused(response, search.size, search.stride)
