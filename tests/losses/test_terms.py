"""Laws of the loss terms and of their sum."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Corners, Points, Targets
from siamtrack.losses import Criterion
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.losses.iou import IouLoss


def case(label: torch.Tensor, ltrb: torch.Tensor | None = None) -> tuple[Points, Targets]:
    n, height, width = label.shape
    logit = torch.randn(n, height, width, generator=torch.Generator().manual_seed(0)).requires_grad_()
    ltrb = torch.full((n, 4, height, width), 8.0) if ltrb is None else ltrb
    code = torch.full((n, 4, height, width), 8.0)
    targets = Targets(torch.zeros(n, 4), torch.ones(n, dtype=torch.bool), label.to(torch.int8), code)
    return Points(logit, ltrb.requires_grad_(), 63, 8), targets


def test_a_perfect_box_costs_nothing():
    prediction, targets = case(torch.ones(1, 3, 3))
    assert IouLoss()(prediction, targets) == 0


@pytest.mark.parametrize("kind", ["linear", "log", "giou"])
def test_ignored_cells_cannot_spoil_the_gradient(kind):
    ltrb = torch.full((1, 4, 1, 2), 8.0)
    ltrb[..., 1] = float("inf")  # exp() of an ignored cell may well overflow
    prediction, targets = case(torch.tensor([[[1, -1]]]), ltrb)
    IouLoss(kind=kind)(prediction, targets).backward()
    assert torch.isfinite(prediction.ltrb.grad).all()


def test_without_positives_the_box_loss_is_a_connected_zero():
    prediction, targets = case(torch.zeros(1, 3, 3))
    loss = IouLoss()(prediction, targets)
    assert loss == 0
    loss.backward()
    assert (prediction.ltrb.grad == 0).all()


def test_a_side_without_cells_leaves_the_other_its_half():
    prediction, targets = case(torch.ones(1, 2, 2))
    expected = 0.5 * torch.nn.functional.softplus(-prediction.logit).mean()
    torch.testing.assert_close(BalancedCrossEntropy()(prediction, targets), expected)


def test_criterion_names_and_weighs_its_terms():
    criterion = Criterion(
        [{"NAME": "cross_entropy", "WEIGHT": 2.0}, {"NAME": "iou"}, {"NAME": "iou", "KIND": "giou"}], Points
    )
    prediction, targets = case(torch.tensor([[[1, 0], [0, -1]]]), torch.full((1, 4, 2, 2), 5.0))
    losses = criterion(prediction, targets)
    assert list(losses) == ["cross_entropy", "iou", "iou_2"]
    torch.testing.assert_close(losses["cross_entropy"], 2 * BalancedCrossEntropy()(prediction, targets))


@pytest.mark.parametrize(
    ("sections", "makes", "sentence"),
    [
        ([], Points, "LOSSES is empty"),
        ([{"NAME": "iou"}], Corners, "the term 'iou' judges Points, but the head makes Corners"),
        ([{"NAME": "iou"}], Anchors, "but the head makes Anchors"),
        ([{"NAME": "uio"}], Points, "there is no loss term 'uio'. Did you mean 'iou'?"),
    ],
)
def test_what_cannot_be_judged_is_refused(sections, makes, sentence):
    with pytest.raises(ConfigError) as error:
        Criterion(sections, makes)
    assert sentence in str(error.value)


@pytest.mark.parametrize("weight", ["heavy", None, float("nan"), True])
def test_a_weight_that_is_no_number_is_a_sentence(weight):
    with pytest.raises(ConfigError, match=r"WEIGHT of the term 'iou' is .* should be a number"):
        Criterion([{"NAME": "iou", "WEIGHT": weight}], Points)
