"""Of shipped networks every batch norm that can be folded is, and they answer the same; more in tests/engine."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from siamtrack import config
from siamtrack.contracts import Crop, Prediction
from siamtrack.models import SiameseNetwork, build_network
from siamtrack.models.folding import fold, unfold

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def lived(name: str) -> tuple[SiameseNetwork, Crop, Crop]:
    """A configuration's network, its batch norms as if they had seen data, and crops for it."""
    cfg = config.load(CONFIGS / name)
    torch.manual_seed(0)
    network = build_network(cfg).eval()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean, 0, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.3, 0.7)  # keeps the exp of untrained heads small
            nn.init.normal_(norm.bias, 0, 0.1)
    sides = (cfg.CROP.get("TEMPLATE_SIZE", 127), cfg.CROP.get("SEARCH_SIZE", 255))
    template, search = (Crop(255 * torch.rand(1, 3, s, s), torch.tensor([[0.3, 0.3, 0.7, 0.7]]) * s) for s in sides)
    return network, template, search


def answer(network: SiameseNetwork, template: Crop, search: Crop) -> Prediction:
    with torch.no_grad():
        return network.locate(network.remember(template), search)


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
    before, norms = answer(network, template, search), sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    assert fold(network.requires_grad_(False)) == norms - left
    after = answer(network, template, search)
    for field in ("logit", "ltrb"):
        ours, theirs = getattr(after, field), getattr(before, field)
        assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max()


@pytest.mark.parametrize("other", [nn.Module.double, lambda m: copy.deepcopy(m).double()], ids=["moved", "copied"])
def test_a_folded_module_can_be_moved_and_copied(other: Callable[[nn.Module], nn.Module]) -> None:
    """To another type here, as a tracker that is made fast goes to a GPU."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval().requires_grad_(False)
    module[1].running_mean.normal_()
    names, x = set(module.state_dict()), torch.randn(2, 3, 8, 8)
    plain = module(x)
    assert fold(module) == 1
    moved = other(module)
    torch.testing.assert_close(moved(x.double()).float(), plain, rtol=1e-5, atol=1e-5)
    assert set(moved.state_dict()) == names
    unfold(moved)
    assert not [name for name, _ in moved.named_buffers() if name not in names]
    torch.testing.assert_close(moved(x.double()).float(), plain, rtol=1e-5, atol=1e-5)
    if moved is not module:
        torch.testing.assert_close(module(x), plain, rtol=1e-5, atol=1e-5)  # still folded, still its own
