"""SiamFC's AlexNet: stride 8, no padding, grouped convolutions as in the two-GPU original."""

from __future__ import annotations

from torch import Tensor, nn

from siamtrack.models.slots import Backbone, backbones

EPSILON, MOMENTUM = 1e-6, 0.05  # of batch norm; neither is PyTorch's default


@backbones.register("alexnet_v1")
class AlexNetV1(Backbone):
    """Five convolutions with bias; the last has neither batch norm nor ReLU.

    127 px give 6 cells, 239 give 20, 255 give 22. A response of template and search lies on the grid of
    :class:`siamtrack.contracts.FeatureMap`. Expects RGB 0..255.

    Args:
        width: factor on all channels.

    Source: SiamFC (Bertinetto et al., ECCV 2016 workshops), table 1; ``AlexNetV1`` in siamfc-pytorch
    ``siamfc/backbones.py``. Initial values: Xavier uniform, ``siamfc/siamfc.py``.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = (2 * int(c * width / 2) for c in (96, 256, 384, 384, 256))  # even, for the groups
        self.conv1 = nn.Sequential(nn.Conv2d(3, c1, 11, stride=2), *_norm(c1), nn.MaxPool2d(3, stride=2))
        self.conv2 = nn.Sequential(nn.Conv2d(c1, c2, 5, groups=2), *_norm(c2), nn.MaxPool2d(3, stride=2))
        self.conv3 = nn.Sequential(nn.Conv2d(c2, c3, 3), *_norm(c3))
        self.conv4 = nn.Sequential(nn.Conv2d(c3, c4, 3, groups=2), *_norm(c4))
        self.conv5 = nn.Sequential(nn.Conv2d(c4, c5, 3, groups=2))
        self.channels = (c5,)
        self.stride = 8
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.xavier_uniform_(part.weight)
                assert part.bias is not None
                nn.init.zeros_(part.bias)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]`` -> one map."""
        return [self.conv5(self.conv4(self.conv3(self.conv2(self.conv1(pixels)))))]


def _norm(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM), nn.ReLU(inplace=True)
