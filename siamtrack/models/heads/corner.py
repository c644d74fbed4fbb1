"""STARK's corner head: two probability maps whose expectations are the corners of one box, and perhaps a score."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, Fused, FusedSpec, grid_points
from siamtrack.models.heads.fusion import weighted_sum
from siamtrack.models.slots import Head, heads

_WIDEST = 4096  # channels that a tower still reads: beyond, its first convolution alone has 10 M parameters


class _Block(nn.Module):
    """3x3 convolution with bias, batch norm, ReLU."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Tower(nn.Sequential):
    """Four blocks, each but the first halving the channels, then a 1x1 convolution to one logit map."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        widths = (channels, hidden, hidden // 2, hidden // 4, hidden // 8)
        for i in range(1, 5):
            self.add_module(f"block{i}", _Block(widths[i - 1], widths[i]))
        self.add_module("out", nn.Conv2d(widths[-1], 1, 1))


@heads.register("corner")
class CornerHead(Head):
    """One box per search crop: the expected places of its top left and bottom right corner.

    A corner is the mean of the cells' points under the softmax of its map, so it never lies beyond the outermost
    points: of a 320 px crop, 304 px is the largest coordinate. Nothing keeps the second corner below and to the right
    of the first: boxes may be turned inside out. Several levels add their logits, weighted by a softmax over levels.

    Args:
        inputs: per level, what the correlation gives.
        hidden: channels after the towers' first convolution, a multiple of 8.
        score: a three-layer score of the decoder's answer as well (STARK-ST); needs a correlation with a decoder.

    Raises:
        ConfigError: ``hidden`` is no multiple of 8, or the correlation gives too many channels to convolve.

    Source: STARK (Yan et al., ICCV 2021), sections 3.1 and 3.2; ``lib/models/stark/head.py``.
    """

    branches = ("corner",)
    makes = Corners

    def __init__(self, inputs: tuple[dict[str, FusedSpec], ...], *, hidden: int = 256, score: bool = False) -> None:
        super().__init__()
        specs = [level["corner"] for level in inputs]
        widest = max(spec.channels for spec in specs)
        if widest > _WIDEST:
            raise ConfigError(
                f"MODEL.HEAD: a corner tower over {widest} channels would have {widest * hidden * 9 / 1e6:.0f} M "
                f"parameters in its first convolution; take a correlation that gives at most {_WIDEST} channels."
            )
        if hidden < 8 or hidden % 8:
            raise ConfigError(f"MODEL.HEAD.HIDDEN: {hidden} is halved three times; it should be a multiple of 8.")
        self.levels = nn.ModuleList(
            nn.ModuleDict({corner: _Tower(spec.channels, hidden) for corner in ("top_left", "bottom_right")})
            for spec in specs
        )
        self.level_weight = nn.Parameter(torch.ones(len(specs))) if len(specs) > 1 else None
        self.needs_target = score
        width = specs[-1].target
        widths = (width, width, width, 1)
        self.score = nn.ModuleList(nn.Linear(widths[i], widths[i + 1]) for i in range(3)) if score and width else None

    def forward(self, fused: list[dict[str, Fused]]) -> Corners:
        """Per level ``{"corner": Fused}`` -> :class:`Corners`."""
        features = [level["corner"] for level in fused]
        first = features[0]
        height, width = first.map.shape[-2:]
        points = grid_points(height, width, first.size, first.stride, first.map.device)
        maps, corners = [], []
        for name in ("top_left", "bottom_right"):
            towers = (cast(nn.ModuleDict, level)[name] for level in self.levels)
            logits = [tower(f.map)[:, 0] for tower, f in zip(towers, features, strict=True)]
            probability = _softmax(weighted_sum(logits, self.level_weight))
            maps.append(probability)
            corners.append((probability[:, None] * points).sum((-2, -1)))
        return Corners(torch.cat(corners, 1), maps[0], maps[1], first.size, first.stride, self._score(features[-1]))

    def _score(self, fused: Fused) -> Tensor | None:
        if self.score is None or fused.target is None:
            return None
        hidden = fused.target
        for layer in self.score[:-1]:
            hidden = F.relu(layer(hidden))
        logit: Tensor = self.score[-1](hidden)
        return logit[:, 0]


def _softmax(logit: Tensor) -> Tensor:
    """``[B, H, W]`` logits to probabilities over all cells, in float32 at least."""
    exact = logit.to(torch.promote_types(logit.dtype, torch.float32))
    return exact.flatten(1).softmax(1).view_as(exact)
