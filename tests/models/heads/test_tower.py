"""RBO's head: sizes, start and the order of exponential and sum."""

from __future__ import annotations

import math

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Fused, FusedSpec
from siamtrack.models.heads.tower import TowerHead


def made(levels: int = 2, channels: int = 6, **options) -> TowerHead:
    torch.manual_seed(0)
    return TowerHead(({"fused": FusedSpec(channels)},) * levels, **{"hidden": 8, "groups": 4, **options})


def fused(levels: int = 2, side: int = 31, channels: int = 6) -> list[dict[str, Fused]]:
    draw = torch.Generator().manual_seed(1)
    return [{"fused": Fused(torch.randn(3, channels, side, side, generator=draw), 255, 8)} for _ in range(levels)]


@pytest.mark.parametrize(("padding", "depth", "side"), [(0, 3, 25), (1, 3, 31), (0, 1, 29)])
def test_every_unpadded_layer_takes_a_cell_off_each_side(padding, depth, side):
    prediction = made(padding=padding, depth=depth)(fused())
    assert prediction.logit.shape == (3, side, side)
    assert prediction.ltrb.shape == (3, 4, side, side)
    x, y = prediction.points()
    assert x[side // 2, side // 2] == y[side // 2, side // 2] == 127


def test_parameters_are_counted_in_the_specification():
    head = TowerHead(({"fused": FusedSpec(512)},) * 2)
    assert sum(p.numel() for p in head.parameters()) == 7_378_450


def test_it_starts_as_the_original_does():
    head = made(hidden=64, groups=32)
    level = head.levels[0]
    for part in (level.cls_tower, level.reg_tower):
        for conv in part[::3]:
            assert conv.weight.detach().std() == pytest.approx(0.01, rel=0.05)
            assert not conv.bias.any()
    torch.testing.assert_close(level.cls_logits.bias.detach(), torch.full((2,), -math.log(99)))
    assert not level.bbox_pred.bias.any()
    prediction = head(fused())
    # both channels have the same bias, which the difference cancels
    assert prediction.logit.abs().max() < 1
    torch.testing.assert_close(prediction.ltrb, torch.ones_like(prediction.ltrb), rtol=1, atol=0)


def test_levels_are_summed_after_the_exponential():
    head = made().eval()
    with torch.no_grad():
        head.loc_weight.copy_(torch.tensor([0.3, -0.2]))
        head.cls_weight.copy_(torch.tensor([-0.5, 0.5]))
        head.loc_scale.copy_(torch.tensor([1.5, 0.5]))
        given = fused()
        answers = [level(of["fused"].map) for level, of in zip(head.levels, given, strict=True)]
        prediction = head(given)
    w, c = head.loc_weight.softmax(0), head.cls_weight.softmax(0)
    ltrb = sum(w[i] * torch.exp(raw * head.loc_scale[i]) for i, (_, raw) in enumerate(answers))
    logit = sum(c[i] * (score[:, 1] - score[:, 0]) for i, (score, _) in enumerate(answers))
    torch.testing.assert_close(prediction.ltrb, ltrb.detach())
    torch.testing.assert_close(prediction.logit, logit.detach())


def test_every_parameter_learns():
    head = made()
    prediction = head(fused())
    (prediction.logit.square().mean() + prediction.ltrb.mean()).backward()
    assert all(p.grad is not None for p in head.parameters())


@pytest.mark.parametrize("groups", [3, 0])
def test_groups_that_do_not_divide_are_a_sentence(groups):
    with pytest.raises(ConfigError, match=f"HIDDEN 8 channels cannot be divided into GROUPS {groups}"):
        made(groups=groups)
