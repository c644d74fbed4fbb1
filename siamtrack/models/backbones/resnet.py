"""ResNets that keep stride 8: the backbone of SiamRPN++, SiamBAN and their descendants.

Two shapes share the parameter names of torchvision's ``resnet18`` to ``resnet101`` (without ``fc``):

``pysot``
    The trackers' own (``models/backbone/resnet_atrous.py`` of pysot and SiamBAN). The stem and the strided 3x3
    convolutions are not padded, and the first shortcuts of layer2, layer3 and layer4 are 3x3. A crop of 127 px gives
    15 cells, one of 255 gives 31. Cell j sees a window centred on pixel 8 j + 7, which for sides of 16 k - 1 (127,
    191, 255) is exactly ``size // 2 + (j - n // 2) * 8``, the grid of :class:`siamtrack.contracts.FeatureMap`.
``torchvision``
    torchvision's own, so that its ImageNet weights mean what they meant; once ``stride`` is reached, a stage dilates
    instead of striding, as ``replace_stride_with_dilation`` does there. Everything is padded: 127 px give 16 cells,
    255 give 32, and cell j is centred on pixel ``stride * j``. That is the grid for sides that are multiples of
    ``2 * stride`` (128, 256, 320); at 127 and 255 it lies one pixel beside. A correlation only sees displacements: at
    127 and 255 its response lies on the grid if an even number of template cells is kept (8 of 16, response 25 with
    3x3 embeddings), and one whole cell beside it if 7 are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from siamtrack.config import ConfigError
from siamtrack.models.backbones.initialisation import init_fan_out
from siamtrack.models.backbones.levels import choose_levels
from siamtrack.models.backbones.pretrained import PretrainedBackbone, fold_pixels, widen_kernel
from siamtrack.models.slots import backbones

Norm = Callable[[int], nn.Module]

NORMS: dict[str, Norm] = {"batch": nn.BatchNorm2d, "frozen": FrozenBatchNorm2d}
WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512}  # of the 3x3 convolutions, per layer


class Window(NamedTuple):
    """Where a 3x3 convolution looks."""

    stride: int
    padding: int
    dilation: int

    def convolution(self, inputs: int, outputs: int) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, 3, *self, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: ResNet-18 and 34. The first has the window ``entry``."""

    expansion = 1

    def __init__(
        self, inputs: int, width: int, entry: Window, inner: Window, norm: Norm, shortcut: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = entry.convolution(inputs, width)
        self.bn1 = norm(width)
        self.conv2 = inner.convolution(width, width)
        self.bn2 = norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: ResNet-50 and 101. The 3x3 has the window ``entry``."""

    expansion = 4

    def __init__(
        self, inputs: int, width: int, entry: Window, inner: Window, norm: Norm, shortcut: nn.Module | None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = entry.convolution(width, width)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = norm(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)
        return result


class ResNet(PretrainedBackbone):
    """ResNet in the trackers' or in torchvision's shape; layers above the last used one are not built.

    Args:
        used_layers: whose outputs are returned: 0 the stem before pooling, 1 to 4 the stages. All of one stride.
        shape: ``pysot`` or ``torchvision``, see the module.
        shortcut: side of the first shortcut's kernel in layer3 and layer4 of the ``pysot`` shape; 1x1 halves the
            arithmetic of ResNet-50 (24.4 instead of 44.6 GMACs for a 255 px crop). ``None``: the shape's own.
        stride: px between cells that the last stages keep; the ``pysot`` shape knows 8 only.
        norm: ``frozen`` keeps statistics and affine as constants (STARK).
        pretrained: file with weights to start training from.
        pretrained_as: ``pysot``: a file of this shape for BGR 0..255, as published for pysot; ``torchvision``: into
            the ``torchvision`` shape, for normalised RGB; ``torchvision-folded``: the same file for the ``pysot`` shape
            and BGR 0..255, exactly converted.

    Source: SiamRPN++ (Li et al., CVPR 2019), section 3.2; He et al., CVPR 2016.
    """

    block: ClassVar[type[BasicBlock] | type[Bottleneck]]
    depths: ClassVar[tuple[int, int, int, int]]

    def __init__(
        self,
        *,
        used_layers: tuple[int, ...] = (2, 3, 4),
        shape: Literal["pysot", "torchvision"] = "pysot",
        shortcut: Literal["3x3", "1x1"] | None = None,
        stride: Literal[8, 16, 32] = 8,
        norm: Literal["batch", "frozen"] = "batch",
        pretrained: str = "",
        pretrained_as: Literal["pysot", "torchvision", "torchvision-folded"] = "pysot",
    ) -> None:
        super().__init__()
        if shape == "pysot" and stride != 8:
            raise ConfigError(f"MODEL.BACKBONE.STRIDE: {stride} needs SHAPE torchvision; the pysot shape has stride 8.")
        if shape == "torchvision" and shortcut == "3x3":
            raise ConfigError("MODEL.BACKBONE.SHORTCUT: 3x3 needs SHAPE pysot; the torchvision shape has 1x1.")
        self.pretrained, self.pretrained_as = pretrained, pretrained_as
        self.pysot = shape == "pysot"
        self._narrow = shortcut == "1x1"
        self._norm = NORMS[norm]
        self._inputs = 64

        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=0 if self.pysot else 3, bias=False)
        self.bn1 = self._norm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        strides = {0: 2, 1: 4}
        dilation = 1
        for layer in (2, 3, 4):
            strides[layer] = min(stride, strides[layer - 1] * 2)
        self.used_layers = choose_levels(used_layers, strides, type(self).__name__)
        for layer in range(1, max(self.used_layers) + 1):
            step = strides[layer] // strides[layer - 1] if layer > 1 else 1
            before, dilation = dilation, dilation if step == 2 or layer == 1 else dilation * 2
            self.add_module(f"layer{layer}", self._stage(layer, step, before, dilation))
        self.stride = strides[self.used_layers[-1]]
        self.channels = tuple(WIDTHS[layer] * self.block.expansion if layer else 64 for layer in self.used_layers)
        init_fan_out(self)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """``[B, 3, S, S]`` -> the used layers' outputs after their ReLU."""
        x = self.relu(self.bn1(self.conv1(pixels)))
        maps = [x]
        for layer in range(1, max(self.used_layers) + 1):
            x = self.get_submodule(f"layer{layer}")(self.maxpool(x) if layer == 1 else x)
            maps.append(x)
        return [maps[layer] for layer in self.used_layers]

    def _stage(self, layer: int, stride: int, before: int, dilation: int) -> nn.Sequential:
        """One of layer1 to layer4; its first block steps, with the dilation of the stage before."""
        outputs = WIDTHS[layer] * self.block.expansion
        entry = Window(stride, 0 if self.pysot and stride == 2 else before, before)
        inner = Window(1, dilation, dilation)
        shortcut = self._shortcut(outputs, entry, layer) if stride == 2 or self._inputs != outputs else None
        blocks = [self.block(self._inputs, WIDTHS[layer], entry, inner, self._norm, shortcut)]
        for _ in range(1, self.depths[layer - 1]):
            blocks.append(self.block(outputs, WIDTHS[layer], inner, inner, self._norm, None))
        self._inputs = outputs
        return nn.Sequential(*blocks)

    def _shortcut(self, outputs: int, entry: Window, layer: int) -> nn.Sequential:
        wide = self.pysot and (layer == 2 or (layer > 2 and not self._narrow))
        if wide:
            convolution = entry.convolution(self._inputs, outputs)
        else:
            convolution = nn.Conv2d(self._inputs, outputs, 1, stride=entry.stride, bias=False)
        return nn.Sequential(convolution, self._norm(outputs))

    def adapt(self, state: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], dict[str, str]]:
        """See :meth:`PretrainedBackbone.adapt`.

        From a ``torchvision`` file, a 1x1 shortcut becomes the centre of a 3x3 one: equal in layer3 and layer4; in
        layer2, where the convolution steps without padding, it takes the cells 1, 3, 5, ... that the main branch's
        window is centred on, where torchvision takes 0, 2, 4, ...
        """
        if self.pysot == (source == "torchvision"):
            right = "pysot or torchvision-folded" if self.pysot else "torchvision"
            shape = "pysot" if self.pysot else "torchvision"
            raise ConfigError(f"MODEL.BACKBONE.PRETRAINED_AS: {source} does not fit SHAPE {shape}; give {right}.")
        tensors = dict(state)
        adapted: dict[str, str] = {}
        if source != "torchvision-folded":
            return tensors, adapted
        if "conv1.weight" in tensors and "bn1.running_mean" in tensors:
            folded = fold_pixels(tensors["conv1.weight"], tensors["bn1.running_mean"])
            tensors["conv1.weight"], tensors["bn1.running_mean"] = folded
            adapted["conv1.weight"] = "divided by ImageNet's standard deviation x 255, RGB to BGR"
            adapted["bn1.running_mean"] = "raised by what ImageNet's mean takes away"
        for layer in (2, 3, 4):
            name = f"layer{layer}.0.downsample.0.weight"
            ours = dict(self.named_parameters()).get(name)
            if name in tensors and ours is not None and ours.shape[-1] == 3 and tensors[name].shape[-1] == 1:
                tensors[name] = widen_kernel(tensors[name])
                adapted[name] = "1x1 kernel put into the centre of a 3x3 one"
        return tensors, adapted


@backbones.register("resnet18")
class ResNet18(ResNet):
    """64 to 512 channels; see :class:`ResNet`."""

    block = BasicBlock
    depths = (2, 2, 2, 2)


@backbones.register("resnet34")
class ResNet34(ResNet):
    """64 to 512 channels; see :class:`ResNet`."""

    block = BasicBlock
    depths = (3, 4, 6, 3)


@backbones.register("resnet50")
class ResNet50(ResNet):
    """256 to 2048 channels; see :class:`ResNet`."""

    block = Bottleneck
    depths = (3, 4, 6, 3)


@backbones.register("resnet101")
class ResNet101(ResNet):
    """256 to 2048 channels; see :class:`ResNet`."""

    block = Bottleneck
    depths = (3, 4, 23, 3)
