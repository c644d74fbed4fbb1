"""Folding batch norm changes the number of operations and nothing else."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from siamtrack import config
from siamtrack.contracts import Crop, Prediction
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.folding import fold_batch_norm

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def lived(name: str, gain: float = 0.5) -> tuple[SiameseNetwork, Crop, Crop]:
    """A configuration's network, its batch norms as if they had seen data, and crops for it."""
    cfg = config.load(CONFIGS / name)
    torch.manual_seed(0)
    network = build_network(cfg).eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean, 0, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.6 * gain, 1.4 * gain)  # a small gain keeps the exp of untrained heads small
            nn.init.normal_(norm.bias, 0, 0.1)
    sides = (cfg.CROP.get("TEMPLATE_SIZE", 127), cfg.CROP.get("SEARCH_SIZE", 255))
    template, search = (Crop(255 * torch.rand(1, 3, s, s), torch.tensor([[0.3, 0.3, 0.7, 0.7]]) * s) for s in sides)
    return network, template, search


def answer(network: SiameseNetwork, template: Crop, search: Crop) -> Prediction:
    with torch.no_grad():
        return network.locate(network.remember(template), search)


def norms(network: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in network.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    [
        # what reads a sum of two convolutions cannot be folded: one batch norm a level and branch
        ("quickstart.yaml", 2),
        ("nanotrack/v1.yaml", 0),
        ("nanotrack/v2.yaml", 0),
        ("nanotrack/v3.yaml", 0),
        pytest.param("siamban/r50.yaml", 0, marks=pytest.mark.slow),
        pytest.param("siamban_acm/r50.yaml", 6, marks=pytest.mark.slow),
    ],
)
def test_the_folded_network_answers_the_same(name: str, left: int) -> None:
    network, template, search = lived(name)
    before, there = answer(network, template, search), norms(network)
    assert fold_batch_norm(network, template, search) == there - left
    assert norms(network) == left
    after = answer(network, template, search)
    for field in ("logit", "ltrb"):
        ours, theirs = getattr(after, field), getattr(before, field)
        assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max()


def test_a_network_that_learns_is_refused() -> None:
    network, template, search = lived("quickstart.yaml")
    with pytest.raises(ValueError, match="evaluation mode only"):
        fold_batch_norm(network.train(), template, search)


class Eavesdropper(nn.Module):
    """Uses a convolution's output before and after its batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels)
        nn.init.constant_(self.bn.running_var, 1e4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.bn(y) + y


def test_a_part_that_looks_in_between_is_found_out() -> None:
    network, template, search = lived("quickstart.yaml", gain=2.0)
    blocks = network.backbone.blocks
    blocks[-1] = nn.Sequential(copy.deepcopy(blocks[-1]), Eavesdropper(96)).eval()
    with pytest.raises(ValueError, match="looks in between"):
        fold_batch_norm(network, template, search)
