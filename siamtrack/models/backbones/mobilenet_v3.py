"""MobileNetV3-small at stride 16, in the form NanoTrack has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from siamtrack.models.backbones.initialisation import init_fan_out
from siamtrack.models.backbones.levels import choose_levels
from siamtrack.models.backbones.pretrained import PretrainedBackbone
from siamtrack.models.slots import backbones

# block: kernel, factor of the expansion, channels, squeeze and excitation, hard-swish (else ReLU), stride
BLOCKS = {
    1: (3, 1.0, 16, True, False, 2),
    2: (3, 4.5, 24, False, False, 2),
    3: (3, 3.67, 24, False, False, 1),
    4: (5, 4.0, 40, True, True, 2),
    5: (5, 6.0, 40, True, True, 1),
    6: (5, 6.0, 40, True, True, 1),
    7: (5, 3.0, 48, True, True, 1),
    8: (5, 3.0, 48, True, True, 1),
    9: (5, 6.0, 96, True, True, 1),  # strided in the ImageNet network
}
STEM = 16
STRIDES = {0: 2, 1: 4, 2: 8, 3: 8, **dict.fromkeys(range(4, 10), 16)}


def make_divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of ``divisor`` (halves up), one more if that took away over a tenth; at least one."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class SqueezeExcitation(nn.Module):
    """Scales each channel by what all channels' means say of it.

    Source: Hu et al., CVPR 2018; here with a hard sigmoid.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = make_divisible(channels // 4)
        self.fc = nn.Sequential(
            nn.Linear(channels, squeezed), nn.ReLU(inplace=True), nn.Linear(squeezed, channels), nn.Hardsigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.fc(x.mean((2, 3)))
        return x * scale[:, :, None, None]


class Bottleneck(nn.Module):
    """1x1 expansion (left out where it would not expand), convolution per channel, 1x1 projection.

    Squeeze and excitation stands between batch norm and the second activation; where nothing expands, behind it.
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, kernel: int, stride: int, squeeze: bool, hard_swish: bool
    ) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs

        def activation() -> nn.Module:
            return nn.Hardswish(inplace=True) if hard_swish else nn.ReLU(inplace=True)

        def attention() -> nn.Module:
            return SqueezeExcitation(hidden) if squeeze else nn.Identity()

        depthwise = [
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
        ]
        project = [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        if inputs == hidden:
            layers = [*depthwise, activation(), attention(), *project]
        else:
            expand = [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), activation()]
            layers = [*expand, *depthwise, attention(), activation(), *project]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.residual else out


@backbones.register("mobilenet_v3_small")
class MobileNetV3Small(PretrainedBackbone):
    """MobileNetV3-small without its last convolution and last stride; blocks above the last used one are not built.

    Strided convolutions are padded: 127 px give 8 cells and 255 give 16. It is not torchvision's network of this name,
    which has squeeze and excitation elsewhere, other widths and another batch norm: those weights do not fit.

    Args:
        used_layers: whose outputs are returned, 0 (the stem) to 9; all of one stride (4 to 9: stride 16).
        pretrained: file with weights to start training from.
        pretrained_as: ``pysot``: a file under these names (``features.<i>...``) for BGR 0..255.

    Source: Howard et al., ICCV 2019, table 2; NanoTrack ``nanotrack/models/backbone/mobile_v3.py``.
    """

    def __init__(
        self,
        *,
        used_layers: tuple[int, ...] = (8,),
        pretrained: str = "",
        pretrained_as: Literal["pysot"] = "pysot",
    ) -> None:
        super().__init__()
        self.pretrained, self.pretrained_as = pretrained, pretrained_as
        self.used_layers = choose_levels(used_layers, STRIDES, type(self).__name__)
        stem = nn.Sequential(
            nn.Conv2d(3, STEM, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(STEM), nn.Hardswish(inplace=True)
        )
        features: list[nn.Module] = [stem]
        widths = [STEM]
        for block in range(1, max(self.used_layers) + 1):
            kernel, factor, channels, squeeze, hard_swish, stride = BLOCKS[block]
            hidden = make_divisible(widths[-1] * factor)
            features.append(Bottleneck(widths[-1], hidden, channels, kernel, stride, squeeze, hard_swish))
            widths.append(channels)
        self.features = nn.Sequential(*features)
        self.stride = STRIDES[self.used_layers[-1]]
        self.channels = tuple(widths[layer] for layer in self.used_layers)
        init_fan_out(self)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, 0.0, 0.01)
                nn.init.zeros_(part.bias)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]`` -> the used layers' outputs (linear above the stem, as the blocks end)."""
        maps = []
        x = pixels
        for block in self.features:
            x = block(x)
            maps.append(x)
        return [maps[layer] for layer in self.used_layers]

    def adapt(self, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """See :meth:`PretrainedBackbone.adapt`: the names are the file's own."""
        return dict(state), {}
