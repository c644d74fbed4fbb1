"""The object-attention head of SiamCross (OAIN): branches that tell each other where to look, and a second score."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import Fused, FusedSpec, Points
from siamtrack.models.heads.alignment import BoxAlignment
from siamtrack.models.heads.attention import ChannelAttention, SpatialAttention
from siamtrack.models.slots import Head, heads


class Distances(nn.Module):
    """A tower's raw output to distances in px, through a learned scale and bias (start 0.1 and 1).

    Args:
        decode: ``exp``: exp(scale * raw + bias), ``relu``: max(0, scale * raw + bias), ``stride``: the exponential
            in strides.
    """

    def __init__(self, decode: Literal["exp", "relu", "stride"]) -> None:
        super().__init__()
        self.decode = decode
        self.scale = nn.Parameter(torch.full((1,), 0.1))
        self.bias = nn.Parameter(torch.ones(1, 4, 1, 1))

    def forward(self, raw: Tensor, stride: int) -> Tensor:
        """``[B, 4, H, W]`` -> ``[B, 4, H, W]`` px, float32."""
        value = self.scale * raw.float() + self.bias
        if self.decode == "relu":
            return value.relu()
        return value.exp() * (stride if self.decode == "stride" else 1)


@heads.register("oain")
class OainHead(Head):
    """Channel and spatial attention (PCA), two towers, and a score aligned with the boxes (ADCA).

    The class map's channels are weighted, F_cls -> F_cls^C; places weighted by the regression map's attention make
    F_reg^S, which by equation and algorithm carries the *classification* feature. Classes come from F_cls^C, boxes
    from F_reg^S, the second score from F_reg^S sampled on those boxes. It reads one level. With a correlation that all
    branches share, F_cls = F_reg and PCA shrinks to CBAM's attention.

    The paper leaves open, or compares, with the default first:

    Args:
        inputs: what each branch's correlation gives, for one level.
        hidden: channels of towers and alignment.
        channel: channel attention; without it F_cls^C = F_cls.
        spatial: spatial attention; without it F_reg^S = F_reg.
        align: sampling of the second score: on the predicted box, on neighbouring cells, on distant cells, or no
            second score.
        gammas: weights of the spatial maps, one for each SLP.
        reduction: r of the channel attention.
        mlp_bias: biases of its perceptron, which CBAM's formula does not have.
        descriptor: equation 9's ``Cat(Avg + Max)`` read as the text says it, added, or as concatenation.
        max_from: whose maximum it takes: F_reg as in the text, or F_cls as perhaps in the print.
        value: what the spatial maps multiply: F_cls^C as printed, or F_reg.
        slp_bias: biases of the spatial perceptrons.
        towers: 3x3 convolutions with batch norm and ReLU before each output (Ocean's number; not described).
        decode: how distances become positive, see :class:`Distances` (Ocean's way; not described).
        offsets: ``ocean`` copies two slips of TracKit, see :func:`~siamtrack.models.heads.alignment.box_offsets`.
        detach: whether the second score teaches the boxes through its offsets: no (Cascade RPN), or yes (Ocean).
        align_relu: ReLU after the deformable convolution.
        align_from: what it samples: F_reg^S as in algorithm 2, or the regression tower's output (Ocean).
        dilation: of the distant cells; the paper does not give its rate.

    Raises:
        ConfigError: fewer channels than REDUCTION, or no GAMMAS.

    Source: SiamCross (Huang et al.), section 3.3, equations 8-10, algorithm 2; Ocean (Zhang et al., ECCV 2020),
    TracKit ``lib/models/connect.py``.
    """

    branches = ("cls", "loc")
    makes = Points
    max_levels = 1
    contrasts = True

    def __init__(
        self,
        inputs: tuple[dict[str, FusedSpec], ...],
        *,
        hidden: int = 256,
        channel: bool = True,
        spatial: bool = True,
        align: Literal["adaptive", "regular", "dilated", "none"] = "adaptive",
        gammas: tuple[float, ...] = (1.0, 1.0, 1.0, 0.05),
        reduction: int = 16,
        mlp_bias: bool = False,
        descriptor: Literal["add", "concat"] = "add",
        max_from: Literal["reg", "cls"] = "reg",
        value: Literal["cls", "reg"] = "cls",
        slp_bias: bool = True,
        towers: int = 4,
        decode: Literal["exp", "relu", "stride"] = "exp",
        offsets: Literal["exact", "ocean"] = "exact",
        detach: bool = True,
        align_relu: bool = True,
        align_from: Literal["attention", "tower"] = "attention",
        dilation: int = 2,
    ) -> None:
        super().__init__()
        (level,) = inputs
        cls_channels, reg_channels = level["cls"].channels, level["loc"].channels
        if channel and not 1 <= reduction <= cls_channels:
            raise ConfigError(
                f"MODEL.HEAD.REDUCTION: {reduction} should lie between 1 and the {cls_channels} channels that the "
                "correlation gives."
            )
        if spatial and not gammas:
            raise ConfigError("MODEL.HEAD.GAMMAS: is empty; give one weight for each map, or set SPATIAL: false.")
        weighted = cls_channels if spatial and value == "cls" else reg_channels
        self.max_from, self.value, self.align_from = max_from, value, align_from
        self.channel = ChannelAttention(cls_channels, reduction, mlp_bias) if channel else None
        self.spatial = SpatialAttention(gammas, descriptor, slp_bias) if spatial else None
        self.cls_tower, cls_width = _tower(cls_channels, hidden, towers)
        self.reg_tower, reg_width = _tower(weighted, hidden, towers)
        self.cls_out = nn.Conv2d(cls_width, 1, 3, padding=1)
        self.reg_out = nn.Conv2d(reg_width, 4, 3, padding=1)
        self.distances = Distances(decode)
        self.align: BoxAlignment | None = None
        if align != "none":
            sampled = weighted if align_from == "attention" else reg_width
            self.align = BoxAlignment(sampled, hidden, align, offsets, detach, align_relu, dilation)

    def forward(self, fused: list[dict[str, Fused]]) -> Points:
        """One level ``{"cls": Fused, "loc": Fused}`` of ``[B, C, H, W]`` -> :class:`Points` on the same cells."""
        (level,) = fused
        stride = level["cls"].stride
        f_cls, f_reg = self.attend(level["cls"].map, level["loc"].map)
        towered = self.reg_tower(f_reg)
        logit = self.cls_out(self.cls_tower(f_cls))[:, 0]
        ltrb = self.distances(self.reg_out(towered), stride)
        align = None
        if self.align is not None:
            align = self.align(f_reg if self.align_from == "attention" else towered, ltrb, stride)
        return Points(logit, ltrb, level["cls"].size, stride, align)

    def attend(self, f_cls: Tensor, f_reg: Tensor) -> tuple[Tensor, Tensor]:
        """F_cls, F_reg -> F_cls^C, F_reg^S, all ``[B, C, H, W]``."""
        channelled = f_cls if self.channel is None else self.channel(f_cls) * f_cls
        if self.spatial is None:
            return channelled, f_reg
        places = self.spatial(f_reg, f_reg if self.max_from == "reg" else f_cls)
        return channelled, places * (channelled if self.value == "cls" else f_reg)


def _tower(inputs: int, hidden: int, layers: int) -> tuple[nn.Sequential, int]:
    """``layers`` times 3x3 convolution, batch norm, ReLU; and the channels that come out."""
    blocks = []
    for i in range(layers):
        blocks.append(
            nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(inputs if i == 0 else hidden, hidden, 3, padding=1),
                    bn=nn.BatchNorm2d(hidden),
                    relu=nn.ReLU(inplace=True),
                )
            )
        )
    return nn.Sequential(*blocks), hidden if layers else inputs
