"""Plain cross-correlation of SiamFC: the whole template slides over the search and leaves one map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.slots import Correlation, correlations


def cross_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Valid cross-correlation summed over all channels; no flip, no padding, no normalisation.

    Args:
        search: ``[B, C, H, W]``.
        kernel: ``[B, C, h, w]``; one that was expanded along the batch is one for all searches.

    Returns:
        ``[B, 1, H - h + 1, W - w + 1]``.
    """
    if len(kernel) == 1 or kernel.stride(0) == 0:  # the scales of one frame: an ordinary convolution
        return F.conv2d(search, kernel[:1])
    response = F.conv2d(search.reshape(1, -1, *search.shape[-2:]), kernel, groups=len(kernel))
    return response.transpose(0, 1)


@correlations.register("cross")
class CrossCorrelation(Correlation):
    """The features as they are, correlated over all channels at once: one score a cell.

    Args:
        channels: of the template's and the search's map.
        branch: unused, every branch would see the same.
        scale: factor on the response, which sums some 10,000 products.

    Source: SiamFC (Bertinetto et al., ECCV 2016 workshops), equation 2; siamfc-pytorch ``siamfc/heads.py``.
    """

    shared = True

    def __init__(self, channels: int, branch: str, *, scale: float = 0.001) -> None:
        super().__init__()
        self.spec = FusedSpec(1, scores=True)
        self.scale = scale

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, C, h, w],)``: the template's features."""
        return (template.map,)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        """Memory of one template and a search map -> ``[B, 1, H, W]``."""
        ((kernel,),) = kernels
        return Fused(cross_correlation(search.map, kernel) * self.scale, search.size, search.stride)
