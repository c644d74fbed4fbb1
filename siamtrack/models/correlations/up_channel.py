"""Up-channel correlation of SiamRPN: the template becomes as many kernels as the branch has answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.slots import Correlation, correlations

ANSWERS: Mapping[str, int] = MappingProxyType({"cls": 2, "loc": 4})  # per anchor and cell


def up_channel_correlation(search: Tensor, kernel: Tensor) -> Tensor:
    """Valid cross-correlation of every sample with its own kernels.

    Args:
        search: ``[B, C, H, W]``.
        kernel: ``[B, K C, h, w]``: kernel k is channels ``k C .. k C + C - 1``.

    Returns:
        ``[B, K, H - h + 1, W - w + 1]``.

    Source: pysot ``core/xcorr.py``, ``xcorr_fast``.
    """
    batch, channels, height, width = search.shape
    response = F.conv2d(
        search.reshape(1, batch * channels, height, width),
        kernel.reshape(-1, channels, *kernel.shape[-2:]),
        groups=batch,
    )
    return response.reshape(batch, -1, *response.shape[-2:])


@correlations.register("up_channel")
class UpChannelCorrelation(Correlation):
    """The template's convolution raises the channels to one kernel an answer; what comes out are the answers.

    Neither batch norm nor ReLU. A head adds no tower to it, and one that needs features cannot use it. The box
    branch is adjusted by a 1x1 convolution. With 7x7 template and 31x31 search maps the result is 25x25.

    Args:
        channels: of the template's and the search's map.
        branch: ``cls`` (2 maps an anchor: all backgrounds, then all targets) or ``loc`` (4).
        anchors: of the head in every cell; 1 for a head without anchors.
        kernel: side of the convolutions on both sides, cells.

    Raises:
        ConfigError: the head has other branches than these.

    Source: SiamRPN (Li et al., CVPR 2018), section 3.2; ``UPChannelRPN`` in pysot ``models/head/rpn.py``.
    """

    def __init__(self, channels: int, branch: str, *, anchors: int = 1, kernel: int = 3) -> None:
        super().__init__()
        if branch not in ANSWERS:
            raise ConfigError(
                f"MODEL.CORRELATION: the up-channel correlation answers the branches {', '.join(ANSWERS)} itself, but "
                f"the head wants features for {branch!r}; choose a correlation that gives features, such as depthwise."
            )
        if anchors < 1:
            raise ConfigError(f"MODEL.CORRELATION.ANCHORS: {anchors} should be the number of the head's anchors.")
        answers = ANSWERS[branch] * anchors
        self.spec = FusedSpec(answers, scores=True)
        self.template = nn.Conv2d(channels, channels * answers, kernel)
        self.search = nn.Conv2d(channels, channels, kernel)
        self.adjust = nn.Conv2d(answers, answers, 1) if branch == "loc" else nn.Identity()

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """``([B, answers C, h, w],)``: computed once a template."""
        return (self.template(template.map),)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        """Memory of one template and a search map -> ``[B, answers, H, W]``."""
        ((kernel,),) = kernels
        response = self.adjust(up_channel_correlation(self.search(search.map), kernel))
        return Fused(response, search.size, search.stride)
