"""MobileNetV2 at stride 8, as pysot's ``siamrpn_mobilev2_l234_dwxcorr`` has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from siamtrack.models.backbones.levels import choose_levels
from siamtrack.models.backbones.pretrained import PretrainedBackbone, fold_pixels
from siamtrack.models.slots import backbones

# layer: expansion, channels at width 1, blocks, stride and dilation of its blocks
LAYERS = {
    1: (1, 16, 1, 1, 1),
    2: (6, 24, 2, 2, 1),
    3: (6, 32, 3, 2, 1),
    4: (6, 64, 4, 1, 2),
    5: (6, 96, 3, 1, 2),
    6: (6, 160, 3, 1, 4),
    7: (6, 320, 1, 1, 4),
}
STRIDES = {0: 2, 1: 2, 2: 4, 3: 8, 4: 8, 5: 8, 6: 8, 7: 8}


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 per channel, 1x1 projection; strided ones are not padded and have no shortcut."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(
                hidden, hidden, 3, stride, 0 if stride == 2 else dilation, dilation=dilation, groups=hidden, bias=False
            ),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(inplace=True),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.residual else out


@backbones.register("mobilenet_v2")
class MobileNetV2(PretrainedBackbone):
    """MobileNetV2 whose last layers dilate instead of striding; layers above the last used one are not built.

    No strided convolution is padded, so 127 px give 15 cells and 255 give 31, on the grid of the ``pysot`` ResNets.

    Args:
        used_layers: whose outputs are returned, 0 (the stem) to 7; all of one stride (3 to 7: stride 8).
        width: factor on all channels; pysot's published tracker has 1.4.
        pretrained: file with weights to start training from.
        pretrained_as: ``pysot``: a file under these names for BGR 0..255; ``torchvision-folded``: torchvision's
            ``mobilenet_v2`` (width 1) converted to them.

    Source: Sandler et al., CVPR 2018; ``pysot/models/backbone/mobile_v2.py``.
    """

    def __init__(
        self,
        *,
        used_layers: tuple[int, ...] = (3, 5, 7),
        width: float = 1.0,
        pretrained: str = "",
        pretrained_as: Literal["pysot", "torchvision-folded"] = "pysot",
    ) -> None:
        super().__init__()
        self.pretrained, self.pretrained_as = pretrained, pretrained_as
        self.used_layers = choose_levels(used_layers, STRIDES, type(self).__name__)
        inputs = int(32 * width)
        widths = {0: inputs}
        self.layer0 = nn.Sequential(
            nn.Conv2d(3, inputs, 3, stride=2, bias=False), nn.BatchNorm2d(inputs), nn.ReLU6(inplace=True)
        )
        before = 1
        for layer in range(1, max(self.used_layers) + 1):
            expansion, channels, count, stride, dilation = LAYERS[layer]
            widths[layer] = int(channels * width)
            blocks = [InvertedResidual(inputs, widths[layer], expansion, stride, before)]
            for _ in range(1, count):
                blocks.append(InvertedResidual(widths[layer], widths[layer], expansion, 1, dilation))
            self.add_module(f"layer{layer}", nn.Sequential(*blocks))
            inputs, before = widths[layer], dilation
        self.stride = STRIDES[self.used_layers[-1]]
        self.channels = tuple(widths[layer] for layer in self.used_layers)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]`` -> the used layers' outputs (linear above the stem, as MobileNetV2's blocks end)."""
        maps = [self.layer0(pixels)]
        for layer in range(1, max(self.used_layers) + 1):
            maps.append(self.get_submodule(f"layer{layer}")(maps[-1]))
        return [maps[layer] for layer in self.used_layers]

    def adapt(self, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """See :meth:`PretrainedBackbone.adapt`.

        torchvision's first block has no expansion, ours (as pysot's) a 1x1 convolution by 1: it becomes the
        identity, which the ReLU6 behind it leaves alone because its input comes out of a ReLU6.
        """
        if source != "torchvision-folded":
            return dict(state), {}
        tensors, adapted = {}, {}
        for name, tensor in state.items():
            ours = _from_torchvision(name)
            tensors[ours] = tensor
            if ours != name:
                adapted[ours] = f"was {name}"
        if "layer0.0.weight" in tensors and "layer0.1.running_mean" in tensors:
            folded = fold_pixels(tensors["layer0.0.weight"], tensors["layer0.1.running_mean"])
            tensors["layer0.0.weight"], tensors["layer0.1.running_mean"] = folded
            adapted["layer0.0.weight"] += "; divided by ImageNet's standard deviation x 255, RGB to BGR"
            adapted["layer0.1.running_mean"] += "; raised by what ImageNet's mean takes away"
        first = self.state_dict()
        for name in [name for name in first if re.match(r"layer1\.0\.conv\.[01]\.", name)]:
            tensors[name] = _identity(name, first[name])
            adapted[name] = "identity: torchvision's first block does not expand"
        return tensors, adapted


def _from_torchvision(name: str) -> str:
    """Our name of one of torchvision's ``mobilenet_v2``; those we have no place for stay as they are."""
    match = re.fullmatch(r"features\.(\d+)\.(?:conv\.)?(\d)\.(.+)", name)
    if match is None or int(match[1]) > sum(count for _, _, count, _, _ in LAYERS.values()):
        return name
    index, part, rest = int(match[1]), int(match[2]), match[3]
    if index == 0:
        return f"layer0.{part}.{rest}"
    # there, convolutions with batch norm and ReLU6 are one part each, then a bare convolution and its batch norm
    bare = 1 if index == 1 else 2
    if part < bare:
        inner, rest = rest.split(".", 1)
        part = 3 * (part + 2 - bare) + int(inner)
    else:
        part = 6 + part - bare
    block = index - 1
    for layer, (_, _, count, _, _) in LAYERS.items():
        if block < count:
            return f"layer{layer}.{block}.conv.{part}.{rest}"
        block -= count
    return name


def _identity(name: str, like: Tensor) -> Tensor:
    """The tensor that makes a 1x1 convolution and its batch norm hand on what they get."""
    if like.ndim == 4:
        return torch.eye(like.shape[0], dtype=like.dtype)[:, :, None, None]
    if name.endswith((".running_mean", ".bias", ".num_batches_tracked")):
        return torch.zeros(like.shape, dtype=like.dtype)
    ones = torch.ones(like.shape, dtype=like.dtype)
    return ones if name.endswith(".running_var") else ones * (1 + 1e-5) ** 0.5  # batch norm's eps
