"""Adaptive deformable cross alignment (ADCA) of SiamCross: a second score, from samples taken on the predicted box."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from siamtrack.models.precision import full_precision

SIDE = 3  # of the sampling kernel, cells


def box_offsets(ltrb: Tensor, stride: int, rule: Literal["exact", "ocean"] = "exact") -> Tensor:
    """Offsets that spread a 3x3 kernel over each cell's own box: its centre, the middles of its sides, its corners.

    A box of two strides a side, centred on its cell, has offsets 0.

    Args:
        ltrb: ``[B, 4, H, W]`` px, distances from the cell's point to the sides of its box.
        stride: px between cells.
        rule: ``ocean`` follows TracKit's code, whose sides are 1 px longer and whose samples all lie half a pixel
            further to the top left.

    Returns:
        ``[B, 18, H, W]`` cells: the kernel's points row by row, each (dy, dx), as
        :func:`torchvision.ops.deform_conv2d` takes them.

    Source: SiamCross, equation 10 (which prints the width for both sides); Cascade RPN (Vu et al., NeurIPS 2019);
    TracKit ``lib/models/ocean.py``.
    """
    left, top, right, bottom = (ltrb / stride).unbind(1)
    pixel = 1 / stride if rule == "ocean" else 0.0
    centre = torch.stack([bottom - top, right - left], 1) / 2 - pixel / 2
    spread = (torch.stack([bottom + top, right + left], 1) + pixel) / (SIDE - 1) - 1
    step = torch.arange(SIDE, device=ltrb.device, dtype=ltrb.dtype) - SIDE // 2
    rows, columns = step.repeat_interleave(SIDE), step.repeat(SIDE)
    reach = torch.stack([rows, columns], 1)[None, :, :, None, None]  # [1, 9, 2, 1, 1]
    return (centre[:, None] + reach * spread[:, None]).flatten(1, 2)


class BoxAlignment(nn.Module):
    """3x3 convolution that samples on the predicted box, ReLU, 1x1 convolution to one logit.

    Args:
        channels: of the map.
        hidden: channels between the two convolutions.
        sampling: ``adaptive``: on the box; ``regular``: on the neighbouring cells; ``dilated``: ``dilation`` cells
            apart.
        offsets: see :func:`box_offsets`.
        detach: gradients do not reach the boxes through the offsets.
        relu: between the convolutions.
        dilation: of ``dilated``.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        sampling: Literal["adaptive", "regular", "dilated"] = "adaptive",
        offsets: Literal["exact", "ocean"] = "exact",
        detach: bool = True,
        relu: bool = True,
        dilation: int = 2,
    ) -> None:
        super().__init__()
        self.sampling, self.offsets, self.detach = sampling, offsets, detach
        reach = dilation if sampling == "dilated" else 1
        self.conv = nn.Conv2d(channels, hidden, SIDE, padding=reach, dilation=reach, bias=False)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()
        self.out = nn.Conv2d(hidden, 1, 1)

    def forward(self, x: Tensor, ltrb: Tensor, stride: int) -> Tensor:
        """Map ``[B, C, H, W]``, boxes ``[B, 4, H, W]`` px of the same cells -> logits ``[B, H, W]``."""
        aligned = self.sample(x, ltrb, stride) if self.sampling == "adaptive" else self.conv(x)
        logit: Tensor = self.out(self.relu(aligned))
        return logit[:, 0]

    def sample(self, x: Tensor, ltrb: Tensor, stride: int) -> Tensor:
        """The convolution on the boxes, float32: torchvision has no lower precision for it on CPUs."""
        offsets = box_offsets((ltrb.detach() if self.detach else ltrb).float(), stride, self.offsets)
        with full_precision(x.device):
            aligned: Tensor = deform_conv2d(x.float(), offsets, self.conv.weight.float(), padding=SIDE // 2)
        return aligned
