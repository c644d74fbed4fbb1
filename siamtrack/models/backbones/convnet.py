"""A plain small network that learns to track within minutes from nothing: for the quickstart, for tests, for ideas."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.models.backbones.initialisation import init_fan_out
from siamtrack.models.backbones.levels import choose_levels
from siamtrack.models.slots import Backbone, backbones


@backbones.register("convnet")
class ConvNet(Backbone):
    """Convolution, batch norm, ReLU, a few times.

    Strided convolutions are not padded: on an odd side output i is centred on input 2 i + 1, so with a total stride
    s cell j is centred on pixel ``s j + s - 1``. For sides of 2 s k - 1 (with stride 8: 63, 127, 191, 255) that is
    exactly ``size // 2 + (j - n // 2) * s``, the grid of :class:`siamtrack.contracts.FeatureMap`. Those of stride
    1 are padded and keep it. 127 px give 15 cells, 255 give 31, as with the ``pysot`` ResNets.

    Args:
        widths: channels of each block.
        strides: 1 or 2 for each block.
        stem: side of the first block's kernel; what it has beyond 3 is padded, so the grid stays.
        used_layers: blocks whose output is returned, from 1; all of one stride; ``()`` the last alone.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 96, 128),
        strides: tuple[int, ...] = (2, 2, 2, 1, 1),
        stem: int = 3,
        used_layers: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        if not widths or len(widths) != len(strides):
            raise ConfigError(
                f"MODEL.BACKBONE.STRIDES: {list(strides)} should have one stride for each of WIDTHS {list(widths)}."
            )
        if any(width < 1 for width in widths) or any(stride not in (1, 2) for stride in strides):
            raise ConfigError(
                f"MODEL.BACKBONE: WIDTHS {list(widths)} should be positive and STRIDES {list(strides)} 1 or 2."
            )
        if stem < 3 or stem % 2 == 0:
            raise ConfigError(f"MODEL.BACKBONE.STEM: {stem} should be odd and at least 3.")
        totals, total = {}, 1
        for layer, stride in enumerate(strides, start=1):
            total *= stride
            totals[layer] = total
        self.used_layers = choose_levels(used_layers or (len(widths),), totals, type(self).__name__)
        blocks, inputs = [], 3
        for layer in range(1, max(self.used_layers) + 1):
            side = stem if layer == 1 else 3
            blocks.append(_block(inputs, widths[layer - 1], side, strides[layer - 1]))
            inputs = widths[layer - 1]
        self.blocks = nn.ModuleList(blocks)
        self.channels = tuple(widths[layer - 1] for layer in self.used_layers)
        self.stride = totals[self.used_layers[-1]]
        init_fan_out(self)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]``, best normalised to about -1..1 -> the used blocks' outputs."""
        maps = [pixels]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return [maps[layer] for layer in self.used_layers]


def _block(inputs: int, outputs: int, side: int, stride: int) -> nn.Sequential:
    padding = (side - 3) // 2 if stride == 2 else (side - 1) // 2
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(inputs, outputs, side, stride, padding, bias=False),
            bn=nn.BatchNorm2d(outputs),
            relu=nn.ReLU(inplace=True),
        )
    )
