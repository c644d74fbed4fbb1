"""AlexNet at stride 8 without padding, as pysot's ``siamrpn_alex_dwxcorr`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from siamtrack.models.backbones.pretrained import PretrainedBackbone
from siamtrack.models.slots import backbones


@backbones.register("alexnet")
class AlexNet(PretrainedBackbone):
    """Five convolutions without padding and without groups; the last has no ReLU.

    127 px give 6 cells, 255 give 22, 287 give 26. Cell j sees a window centred on pixel 8 j + 43: an even map lies
    symmetric about the crop's centre, half a cell beside the grid. A response of template and search lies on it.

    Args:
        width: factor on all channels.
        pretrained: file with weights to start training from.
        pretrained_as: ``pysot``: a file under these names (``features.0`` ...) for BGR 0..255.

    Source: Krizhevsky et al., NIPS 2012, without its last pooling; ``AlexNetLegacy`` in
    ``pysot/models/backbone/alexnet.py``.
    """

    def __init__(self, *, width: float = 1.0, pretrained: str = "", pretrained_as: Literal["pysot"] = "pysot") -> None:
        super().__init__()
        self.pretrained, self.pretrained_as = pretrained, pretrained_as
        c1, c2, c3, c4, c5 = (int(c * width) for c in (96, 256, 384, 384, 256))
        # pooling before the ReLU, on a quarter of the cells: the same result
        self.features = nn.Sequential(
            *(nn.Conv2d(3, c1, 11, stride=2), nn.BatchNorm2d(c1), nn.MaxPool2d(3, stride=2), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c1, c2, 5), nn.BatchNorm2d(c2), nn.MaxPool2d(3, stride=2), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c2, c3, 3), nn.BatchNorm2d(c3), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c3, c4, 3), nn.BatchNorm2d(c4), nn.ReLU(inplace=True)),
            *(nn.Conv2d(c4, c5, 3), nn.BatchNorm2d(c5)),
        )
        self.channels = (c5,)
        self.stride = 8

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]`` -> one map."""
        return [self.features(pixels)]

    def adapt(self, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """The file's tensors as they are."""
        return dict(state), {}
