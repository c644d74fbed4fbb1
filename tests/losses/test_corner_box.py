"""Box losses of corner heads: finite for any box, equal to GIoU for proper ones, and what one bad row does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import generalized_box_iou_loss

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, Targets
from siamtrack.losses.corner_box import GiouLoss, L1Loss, inverted
from siamtrack.losses.presence import PresenceLoss

sides = st.floats(-400, 700, width=32)
rows = st.lists(st.tuples(sides, sides, sides, sides), min_size=3, max_size=3)


def prediction(box: torch.Tensor, score: torch.Tensor | None = None) -> Corners:
    maps = torch.full((len(box), 20, 20), 1 / 400)
    return Corners(box, maps, maps, 320, 16, score)


def targets(box: torch.Tensor, present: tuple[bool, ...] = (True, True, True)) -> Targets:
    return Targets(box, torch.tensor(present))


TRUE = torch.tensor([[40.0, 50, 200, 180], [0, 0, 320, 320], [100, 100, 100, 160]])  # the last one has no area


@given(rows)
def test_any_finite_box_has_a_finite_loss_and_gradient(corners):
    box = torch.tensor(corners, requires_grad=True)
    for term in (GiouLoss(), L1Loss()):
        loss = term(prediction(box), targets(TRUE))
        (gradient,) = torch.autograd.grad(loss, box)
        assert loss.isfinite()
        assert gradient.isfinite().all()


@given(rows)
def test_a_box_turned_inside_out_costs_between_one_and_two(corners):
    box = torch.tensor(corners)
    only = inverted(box)
    for i in only.nonzero()[:, 0].tolist():
        loss = GiouLoss()(prediction(box[i : i + 1]), targets(TRUE[:1], (True,)))
        assert 1 - 1e-5 <= loss <= 2 + 1e-5


def test_proper_boxes_have_the_usual_giou():
    torch.manual_seed(0)
    corner, extent = torch.rand(3, 2) * 200, torch.rand(3, 2) * 100 + 5
    box = torch.cat([corner, corner + extent], 1)
    true = TRUE + torch.tensor([0.0, 0, 7, 0])
    expected = generalized_box_iou_loss(box, true, reduction="mean")
    torch.testing.assert_close(GiouLoss()(prediction(box), targets(true)), expected, rtol=1e-5, atol=1e-5)
    l1 = (box - true).abs().mean() / 320
    torch.testing.assert_close(L1Loss()(prediction(box), targets(true)), l1)


def test_one_bad_row_leaves_the_others_alone_unless_asked_to():
    box = torch.tensor([[230.0, 60, 20, 170], [10, 10, 300, 300], [80, 90, 200, 150]], requires_grad=True)
    default, original = GiouLoss(), GiouLoss(giou_on_invalid="zero_batch")
    loss = default(prediction(box), targets(TRUE))
    (gradient,) = torch.autograd.grad(loss, box)
    assert (gradient.abs().sum(1) > 0).all()
    zero = original(prediction(box), targets(TRUE))
    (gradient,) = torch.autograd.grad(zero, box)
    assert zero == 0
    assert not gradient.any()
    proper = box.detach().clone()
    proper[0] = torch.tensor([20.0, 60, 230, 170])
    assert original(prediction(proper), targets(TRUE)) == default(prediction(proper), targets(TRUE))


@pytest.mark.parametrize("start", [(180.0, 60, 120, 170), (300.0, 20, 10, 310)], ids=["inside", "around"])
def test_both_terms_together_turn_a_box_back(start):
    box = torch.tensor([start], requires_grad=True)
    for _ in range(300):
        given = prediction(box), targets(TRUE[:1], (True,))
        (gradient,) = torch.autograd.grad(2 * GiouLoss()(*given) + 5 * L1Loss()(*given), box)
        box = (box - 500 * gradient).detach().requires_grad_()
    assert not inverted(box).any()
    assert (box - TRUE[0]).abs().max() < 10


def test_samples_without_a_target_do_not_count():
    box = torch.rand(3, 4) * 300
    for term in (GiouLoss(), L1Loss()):
        alone = term(prediction(box[1:2]), targets(TRUE[1:2], (True,)))
        torch.testing.assert_close(term(prediction(box), targets(TRUE, (False, True, False))), alone)
        nobody = term(prediction(box.requires_grad_()), targets(TRUE, (False, False, False)))
        assert nobody == 0
        assert nobody.requires_grad


def test_presence_is_the_cross_entropy_of_the_score():
    score = torch.tensor([2.0, -1.0, 0.5])
    p = score.sigmoid()
    expected = -(p[0].log() + (1 - p[1]).log() + p[2].log()) / 3
    loss = PresenceLoss()(prediction(torch.zeros(3, 4), score), targets(TRUE, (True, False, True)))
    torch.testing.assert_close(loss, expected)
    with pytest.raises(ConfigError, match=r"HEAD\.SCORE"):
        PresenceLoss()(prediction(torch.zeros(3, 4)), targets(TRUE))
