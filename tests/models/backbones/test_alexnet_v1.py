"""SiamFC's AlexNet: shapes, layers, initial values, and where the cells of a response lie."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import load
from siamtrack.models import build_network
from siamtrack.models.backbones.alexnet_v1 import AlexNetV1
from tests.external import ROOT


@pytest.mark.parametrize(("side", "cells"), [(127, 6), (239, 20), (255, 22)])
def test_shapes(side: int, cells: int) -> None:
    (features,) = AlexNetV1(width=0.25)(torch.rand(1, 3, side, side))
    assert features.shape == (1, 64, cells, cells)


def test_layers_and_initial_values() -> None:
    network = AlexNetV1()
    assert sum(p.numel() for p in network.parameters()) == 2_336_320
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [(m.eps, m.momentum) for m in norms] == [(1e-6, 0.05)] * 4
    bound = (6 / (3 * 121 + 96 * 121)) ** 0.5  # Xavier: fan in and fan out
    weight = network.conv1[0].weight
    assert 0.99 * bound < weight.abs().max() <= bound
    assert (network.conv5[0].bias == 0).all()


@pytest.mark.parametrize("side", [239, 255])
def test_a_response_peaks_where_the_template_was_cut(side: int) -> None:
    """Cell (row, column) of the response says that the target lies there on the grid, at both sides of a crop."""
    network = build_network(load(ROOT / "configs/siamfc/alexnet.yaml", ("MODEL.BACKBONE.WIDTH", "0.25"))).eval()
    draw = torch.Generator().manual_seed(0)
    search = torch.randint(0, 256, (1, 3, side, side), generator=draw, dtype=torch.uint8)
    x, y = side // 2 + 3 * 8, side // 2 - 2 * 8
    template = search[..., y - 63 : y + 64, x - 63 : x + 64]
    with torch.no_grad():
        z, s = (network.backbone(network.pixels(p))[0] for p in (template, search))
    # the template's features stand in the search's, exactly where the response's cell begins
    middle = (s.shape[-1] - z.shape[-1] + 1) // 2
    row, column = middle - 2, middle + 3
    torch.testing.assert_close(s[..., row : row + 6, column : column + 6], z, rtol=1e-4, atol=1e-4)
