"""Parallel cross attention (PCA) of SiamCross: channels of the class map, places from the regression map."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelAttention(nn.Module):
    """A weight in (0, 1) for each channel: ``sigmoid(MLP(mean) + MLP(max))``.

    Args:
        channels: of the map.
        reduction: r; the shared perceptron's hidden layer has channels / r units.
        bias: of the perceptron's two layers.

    Source: SiamCross, equation 8; CBAM (Woo et al., ECCV 2018).
    """

    def __init__(self, channels: int, reduction: int = 16, bias: bool = False) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // reduction, 1, bias=bias)
        self.expand = nn.Conv2d(channels // reduction, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` -> weights ``[B, C, 1, 1]``."""
        mean, largest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return (self._perceptron(mean) + self._perceptron(largest)).sigmoid()

    def _perceptron(self, pooled: Tensor) -> Tensor:
        result: Tensor = self.expand(F.relu(self.reduce(pooled)))
        return result


class SpatialAttention(nn.Module):
    """A weight for each place: the sum of several maps in (0, 1), each from its own 7x7 convolution.

    The equation multiplies every map with the feature and sums the products; summing the maps first is the same and
    costs one product. The convolutions are one with as many outputs.

    Args:
        gammas: weight of each map; as many single-layer perceptrons (SLP).
        descriptor: what the convolutions see: the two pooled maps added, or side by side.
        bias: of the convolutions.

    Source: SiamCross, equation 9.
    """

    gammas: Tensor

    def __init__(
        self,
        gammas: tuple[float, ...] = (1.0, 1.0, 1.0, 0.05),
        descriptor: Literal["add", "concat"] = "add",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.added = descriptor == "add"
        self.slp = nn.Conv2d(1 if self.added else 2, len(gammas), 7, padding=3, bias=bias)
        self.register_buffer("gammas", torch.tensor(gammas).view(-1, 1, 1), persistent=False)

    def forward(self, averaged: Tensor, maximised: Tensor) -> Tensor:
        """The ``[B, C, H, W]`` whose mean and whose maximum over channels are taken -> weights ``[B, 1, H, W]``."""
        return (self.maps(averaged, maximised) * self.gammas).sum(1, keepdim=True)

    def maps(self, averaged: Tensor, maximised: Tensor) -> Tensor:
        """The single maps ``[B, heads, H, W]`` in (0, 1)."""
        result: Tensor = self.slp(self.describe(averaged, maximised)).sigmoid()
        return result

    def describe(self, averaged: Tensor, maximised: Tensor) -> Tensor:
        """The descriptor: ``[B, 1, H, W]``, or ``[B, 2, H, W]`` side by side."""
        mean, largest = averaged.mean(1, keepdim=True), maximised.amax(1, keepdim=True)
        return mean + largest if self.added else torch.cat([mean, largest], 1)
