"""NanoTrack's three anchor-free heads: towers of separable convolutions on one level."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from siamtrack.contracts import Fused, FusedSpec, Points
from siamtrack.models.backbones.initialisation import init_fan_out
from siamtrack.models.slots import Head, heads


def separable(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Convolution per channel, 1x1 convolution, then one batch norm and ReLU6 for both."""
    return [
        nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    ]


def linear_separable(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Convolution per channel, batch norm, ReLU6, 1x1 convolution, batch norm: nothing after it bends."""
    return [
        nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]


def tower(
    layer: Callable[[int, int, int], list[nn.Module]], inputs: int, width: int, kernels: Sequence[int]
) -> nn.Sequential:
    """Layers of one width, one for each kernel side; the numbering is that of the released weights."""
    widths = [inputs, *[width] * len(kernels)]
    made = [layer(widths[i], width, kernel) for i, kernel in enumerate(kernels)]
    return nn.Sequential(*[part for parts in made for part in parts])


class SeparableHead(Head):
    """A tower and a 1x1 convolution for either branch; distances are exponentials, in px.

    Classification has two channels, background and target; their difference is the logit.

    Args:
        inputs: of one level.
        cls: makes the classification tower from its number of input channels.
        loc: makes the tower of the distances likewise.
        widths: channels that the two towers give.
    """

    branches = ("cls", "loc")
    makes = Points
    max_levels = 1

    def __init__(
        self,
        inputs: tuple[dict[str, FusedSpec], ...],
        cls: Callable[[int], nn.Module],
        loc: Callable[[int], nn.Module],
        widths: tuple[int, int],
    ) -> None:
        super().__init__()
        (level,) = inputs
        self.cls, self.loc = cls(level["cls"].channels), loc(level["loc"].channels)
        self.cls_out, self.loc_out = nn.Conv2d(widths[0], 2, 1), nn.Conv2d(widths[1], 4, 1)
        init_fan_out(self)

    def forward(self, fused: list[dict[str, Fused]]) -> Points:
        """``[{"cls": Fused, "loc": Fused}]`` of ``[B, C, H, W]`` -> :class:`Points` on the same cells."""
        (level,) = fused
        score: Tensor = self.cls_out(self.cls(level["cls"].map)).float()
        ltrb = torch.exp(self.loc_out(self.loc(level["loc"].map)).float())
        return Points(score[:, 1] - score[:, 0], ltrb, level["cls"].size, level["cls"].stride)


@heads.register("nanotrack_v1")
class NanoTrackV1Head(SeparableHead):
    """Three layers for the score, with kernels 5, 5, 3, and four for the distances, with 3, 3, 5, 5.

    Args:
        inputs: of one level.
        cls_width: channels of the classification tower.
        loc_width: channels of the tower of the distances.

    Source: ``nanotrack/models/head/ban_v1.py``.
    """

    def __init__(self, inputs: tuple[dict[str, FusedSpec], ...], *, cls_width: int = 128, loc_width: int = 96) -> None:
        super().__init__(
            inputs,
            cls=lambda channels: tower(separable, channels, cls_width, (5, 5, 3)),
            loc=lambda channels: tower(separable, channels, loc_width, (3, 3, 5, 5)),
            widths=(cls_width, loc_width),
        )


@heads.register("nanotrack_v2")
class NanoTrackV2Head(SeparableHead):
    """Equal towers of 3x3 layers.

    Args:
        inputs: of one level.
        width: channels of both towers.
        depth: layers of both towers.

    Source: ``nanotrack/models/head/ban_v2.py``.
    """

    layer = staticmethod(separable)

    def __init__(self, inputs: tuple[dict[str, FusedSpec], ...], *, width: int = 96, depth: int = 6) -> None:
        def make(channels: int) -> nn.Sequential:
            return tower(self.layer, channels, width, (3,) * depth)

        super().__init__(inputs, cls=make, loc=make, widths=(width, width))


@heads.register("nanotrack_v3")
class NanoTrackV3Head(NanoTrackV2Head):
    """As V2's, with batch norm and ReLU6 inside the layers and none between them.

    Args:
        inputs: of one level.
        width: channels of both towers.
        depth: layers of both towers.

    Source: ``nanotrack/models/head/ban_v3.py``.
    """

    layer = staticmethod(linear_separable)
