"""Frozen batch norms folded into convolutions: same outputs, untouched weights, and only where nothing learns."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from siamtrack.models.backbones.resnet import ResNet18
from siamtrack.models.folding import fold, unfold
from tests.engine.test_steps import GOOD, everything, learner, same, step


@pytest.fixture
def backbone() -> nn.Module:
    torch.manual_seed(0)
    net = ResNet18(used_layers=(2,))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean)
            nn.init.normal_(module.weight)
    return net.eval().requires_grad_(False)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_outputs_stay_and_weights_too(backbone: nn.Module, layout: torch.memory_format) -> None:
    backbone.to(memory_format=layout)
    x, before = torch.randn(1, 3, 63, 63), copy.deepcopy(backbone.state_dict())
    (expected,) = backbone(x)
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert fold(backbone) == len(norms) == 10
    assert fold(backbone) == 0, "twice would scale twice"
    for norm in norms:  # what is folded is not looked at any more
        norm.running_mean.add_(1.0)
    (folded,) = backbone(x)
    torch.testing.assert_close(folded, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    backbone.load_state_dict(before)
    unfold(backbone)
    assert torch.equal(backbone(x)[0], expected)


class Twice(nn.Module):
    """Uses the convolution's output a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.bn(x)


class Deciding(Twice):
    """Cannot be traced."""

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)) if x.sum() > 0 else x


@pytest.mark.parametrize("net", [Twice(), Deciding(), nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3))])
def test_what_is_not_simply_one_after_the_other_stays(net: nn.Module) -> None:
    assert fold(net.eval().requires_grad_(False)) == 0


@pytest.mark.parametrize("learning", ["0.weight", "1.weight", "mode"])
def test_what_still_learns_stays(learning: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval().requires_grad_(False)
    if learning == "mode":
        net.train()
    else:
        net.get_parameter(learning).requires_grad_()
    assert fold(net) == 0


def test_constants_of_torchvision_are_folded() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4)).requires_grad_(False)
    net[1].running_var.fill_(4.0)
    x = torch.randn(2, 3, 5, 5)
    expected = net(x)
    assert fold(net) == 1
    torch.testing.assert_close(net(x), expected)


def test_a_phase_that_learns_again_unfolds() -> None:
    phases = "[{FROM: 0, LEARN: [neck, head], EVAL: [backbone]}, {FROM: 1}]"
    made = learner("TRAIN.PHASES", phases, "TRAIN.FOLD_FROZEN", True)
    plain = learner("TRAIN.PHASES", phases)
    assert "forward" in made.model.backbone[0].__dict__
    for epoch in (0, 1):
        made.enter(epoch)
        plain.enter(epoch)
        assert step(made, GOOD)[0] == pytest.approx(step(plain, GOOD)[0], rel=1e-4)
    assert not any("forward" in module.__dict__ for module in made.model.modules())


def test_without_the_option_nothing_is_folded() -> None:
    made = learner("TRAIN.PHASES", "[{FROM: 0, LEARN: [neck, head], EVAL: [backbone]}]")
    assert not any("forward" in module.__dict__ for module in made.model.modules())
    assert same(everything(made), everything(made))


def test_a_frozen_backbone_builds_no_graph() -> None:
    """autograd keeps nothing of a part that does not learn: no activations, no second pass."""
    made = learner("TRAIN.PHASES", "[{FROM: 0, LEARN: [neck, head], EVAL: [backbone]}]")
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, keep):
        features = made.model.backbone(GOOD)
        assert features.grad_fn is None
        assert not kept
