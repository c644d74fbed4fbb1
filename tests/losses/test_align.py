"""Laws of the second score's loss, and of weights that say where boxes are learned."""

from __future__ import annotations

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Points, Targets
from siamtrack.losses.align import AlignCrossEntropy, overlap_label
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.losses.iou import IouLoss


def case() -> tuple[Points, Targets]:
    generator = torch.Generator().manual_seed(0)
    logit, ltrb = torch.randn(2, 3, 3, generator=generator), torch.rand(2, 4, 3, 3, generator=generator) * 20
    label = (torch.rand(2, 3, 3, generator=generator) > 0.6).to(torch.int8)
    code = torch.rand(2, 4, 3, 3, generator=generator) * 20 - 4
    weight = ((code.amin(1) > 0) & (label == 1)).float()
    prediction = Points(torch.zeros(2, 3, 3), ltrb.requires_grad_(), 63, 8, logit.requires_grad_())
    return prediction, Targets(torch.zeros(2, 4), torch.ones(2, dtype=torch.bool), label, code, weight)


def test_with_the_same_labels_it_is_the_first_scores_loss():
    prediction, targets = case()
    first = Points(prediction.align, prediction.ltrb, 63, 8)
    assert AlignCrossEntropy()(prediction, targets) == BalancedCrossEntropy()(first, targets)


def test_overlap_labels_are_one_for_the_true_box_and_zero_where_none_is_asked_for():
    prediction, targets = case()
    label = overlap_label(prediction, targets)
    assert not label.requires_grad
    assert ((label >= 0) & (label <= 1)).all()
    assert (label[targets.weight == 0] == 0).all()
    assert (targets.weight > 0).any()
    perfect = Points(prediction.logit, targets.code.clamp(min=0), 63, 8, prediction.align)
    torch.testing.assert_close(overlap_label(perfect, targets), targets.weight)


def test_overlap_labels_survive_wild_boxes():
    prediction, targets = case()
    wild = torch.where(targets.weight[:, None] > 0, prediction.ltrb, torch.inf)
    loss = AlignCrossEntropy(label="iou")(Points(prediction.logit, wild, 63, 8, prediction.align), targets)
    assert torch.isfinite(loss)


def test_the_boxes_learn_nothing_from_their_own_label():
    prediction, targets = case()
    AlignCrossEntropy(label="iou")(prediction, targets).backward()
    assert prediction.ltrb.grad is None
    assert prediction.align.grad.abs().sum() > 0


def test_a_head_without_a_second_score_is_a_sentence():
    prediction, targets = case()
    with pytest.raises(ConfigError, match="judges a second score, but this head makes none"):
        AlignCrossEntropy()(Points(prediction.logit, prediction.ltrb, 63, 8), targets)


def test_weights_alone_say_where_boxes_are_learned():
    prediction, targets = case()
    background = Targets(targets.box, targets.present, targets.label * 0, targets.code, targets.weight)
    assert IouLoss()(prediction, background) == IouLoss()(prediction, targets)
    doubled = Targets(targets.box, targets.present, targets.label, targets.code, targets.weight * 2)
    torch.testing.assert_close(IouLoss()(prediction, doubled), IouLoss()(prediction, targets))
