"""The ranking losses against a loop over images and pairs, and the laws they obey."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Corners, Points, Targets
from siamtrack.losses import Criterion
from siamtrack.losses.ranking_classification import ClassificationRanking
from siamtrack.losses.ranking_iou import IouRankingByScore, ScoreRankingByIou, ordered_pairs_mean

TERMS = [ClassificationRanking(), ScoreRankingByIou(gamma=5.0), IouRankingByScore(gamma=5.0)]
IDS = ["classification", "score_by_iou", "iou_by_score"]
each_term = pytest.mark.parametrize("term", TERMS, ids=IDS)


def case(seed: int, images: int = 3, side: int = 6, shares=(0.3, 0.4), rounded: bool = False):
    """A batch of point predictions in float64; of the cells about ``shares`` are positive and negative."""
    draw = torch.Generator().manual_seed(seed)
    shape = (images, side, side)
    logit = 4 * torch.rand(shape, generator=draw, dtype=torch.float64) - 2
    ltrb = 10 + 30 * torch.rand((images, 4, side, side), generator=draw, dtype=torch.float64)
    if rounded:  # many ties
        logit, ltrb = logit.round(), (ltrb / 20).round() * 20
    lot = torch.rand(shape, generator=draw)
    label = torch.where(lot < shares[0], 1, torch.where(lot < sum(shares), 0, -1)).to(torch.int8)
    corner = 100 + 20 * torch.rand((images, 2), generator=draw, dtype=torch.float64)
    box = torch.cat([corner, corner + 40 + 20 * torch.rand((images, 2), generator=draw, dtype=torch.float64)], 1)
    targets = Targets(box.round() if rounded else box, torch.ones(images, dtype=torch.bool), label)
    return Points(logit.requires_grad_(), ltrb.requires_grad_(), 255, 8), targets


def overlap(box, target) -> float:
    w = max(0.0, min(box[2], target[2]) - max(box[0], target[0]))
    h = max(0.0, min(box[3], target[3]) - max(box[1], target[1]))
    area = (box[2] - box[0]) * (box[3] - box[1]) + (target[2] - target[0]) * (target[3] - target[1])
    return w * h / (area - w * h)


def looped(term, prediction, targets) -> float:
    """The paper's formulas, image by image and pair by pair, in Python numbers."""
    logit, boxes = prediction.flat()
    losses = []
    for logits, image_boxes, labels, target in zip(logit, boxes, targets.label.flatten(1), targets.box, strict=True):
        p = [1 / (1 + math.exp(-x)) for x in logits.tolist()]
        positive = [i for i, label in enumerate(labels.tolist()) if label == 1]
        negative = sorted((p[i] for i, label in enumerate(labels.tolist()) if label == 0), reverse=True)
        if isinstance(term, ClassificationRanking):
            hard = sum(x > 0.5 for x in negative)
            if not hard:
                continue
            top = negative[: len(positive) or max(hard, 8)]
            n = sum(math.exp(x) * x for x in top) / sum(map(math.exp, top))
            m = sum(p[i] for i in positive) / len(positive) if positive else 1
            losses.append(math.log(1 + math.exp(4 * (n - m + 0.5))) / 4)
            continue
        if len(positive) < 2:
            continue
        v = {i: overlap(image_boxes[i].tolist(), target.tolist()) for i in positive}
        key, value = (v, p) if isinstance(term, ScoreRankingByIou) else (p, v)
        order = sorted(positive, key=lambda i: -key[i])  # Python's sort is stable
        costs = [math.exp(-term.gamma * (value[i] - value[j])) for at, i in enumerate(order) for j in order[at + 1 :]]
        losses.append(sum(costs) / len(costs))
    return sum(losses) / len(losses) if losses else 0.0


@each_term
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 4),
    shares=st.sampled_from([(0.3, 0.4), (0.03, 0.4), (0.0, 0.2), (0.5, 0.02), (0.9, 0.1), (0.02, 0.02)]),
    rounded=st.booleans(),
)
def test_equal_to_the_loop(term, seed, images, shares, rounded):
    prediction, targets = case(seed, images, shares=shares, rounded=rounded)
    assert float(term(prediction, targets).detach()) == pytest.approx(looped(term, prediction, targets), rel=1e-9)


@each_term
def test_no_number_of_positives_is_too_many(term):
    prediction, targets = case(1, images=2, side=25, shares=(0.7, 0.3))
    assert int((targets.label[0] == 1).sum()) > 400
    assert float(term(prediction, targets).detach()) == pytest.approx(looped(term, prediction, targets), rel=1e-9)


@each_term
def test_anchors_rank_like_points(term):
    """Anchors are flattened anchor, row, column, their labels alike."""
    draw = torch.Generator().manual_seed(3)
    shape = (2, 3, 5, 5)
    delta = 0.3 * torch.randn((2, 4, *shape[1:]), generator=draw, dtype=torch.float64)
    logit = torch.randn(shape, generator=draw, dtype=torch.float64)
    prediction = Anchors(logit, delta, ((104.0, 32.0), (64.0, 64.0), (32.0, 96.0)), 255, 8)
    label = torch.randint(-1, 2, shape, generator=draw).to(torch.int8)
    targets = Targets(torch.tensor([[90.0, 95, 165, 160], [95, 90, 150, 170]]).double(), torch.ones(2).bool(), label)
    assert float(term(prediction, targets)) == pytest.approx(looped(term, prediction, targets), rel=1e-9)


def picked(prediction: Points, targets: Targets, index) -> tuple[Points, Targets]:
    """Some images of a batch, with gradients of their own."""
    logit, ltrb = (t[index].detach().requires_grad_() for t in (prediction.logit, prediction.ltrb))
    chosen = dataclasses.replace(
        targets, box=targets.box[index], label=targets.label[index], present=targets.present[index]
    )
    return dataclasses.replace(prediction, logit=logit, ltrb=ltrb), chosen


def gradients(term, prediction, targets) -> tuple[torch.Tensor, torch.Tensor]:
    leaves = prediction.logit, prediction.ltrb
    return torch.autograd.grad(term(prediction, targets), leaves, materialize_grads=True)


@each_term
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), order=st.permutations(range(4)))
def test_the_order_of_images_does_not_matter(term, seed, order):
    prediction, targets = case(seed, images=4)
    shuffled = picked(prediction, targets, list(order))
    torch.testing.assert_close(term(*shuffled), term(prediction, targets))
    for of_shuffled, of_batch in zip(gradients(term, *shuffled), gradients(term, prediction, targets), strict=True):
        torch.testing.assert_close(of_shuffled, of_batch[list(order)])


@each_term
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), shares=st.sampled_from([(0.3, 0.4), (0.04, 0.05), (0.02, 0.02)]))
def test_a_batch_is_the_mean_of_the_images_that_count(term, seed, shares):
    prediction, targets = case(seed, images=5, shares=shares)
    # both losses of an image that counts are above 0, so 0 means that it does not
    alone = [picked(prediction, targets, [i]) for i in range(5)]
    losses = [term(*image) for image in alone]
    counted = sum(float(loss.detach()) > 0 for loss in losses)
    torch.testing.assert_close(term(prediction, targets), sum(losses) / max(counted, 1))
    for i, image in enumerate(alone):
        for own, of_batch in zip(gradients(term, *image), gradients(term, prediction, targets), strict=True):
            torch.testing.assert_close(own[0] / max(counted, 1), of_batch[i])


def test_of_equal_keys_the_earlier_cell_ranks_higher():
    member = torch.tensor([[True, False, True, True]])
    values = torch.tensor([[0.2, 0.9, 0.4, 0.8]], requires_grad=True)
    key = torch.full((1, 4), 0.5)
    loss = ordered_pairs_mean(key, values, values.detach(), member, gamma=2.0)
    expected = (math.exp(0.4) + math.exp(1.2) + math.exp(0.8)) / 3  # pairs (0, 2), (0, 3), (2, 3)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    loss.backward()
    first, third = -2 * (math.exp(0.4) + math.exp(1.2)) / 3, -2 * math.exp(0.8) / 3
    torch.testing.assert_close(values.grad, torch.tensor([[first, 0, third, 0]]))


def test_of_equal_negatives_the_earlier_ones_are_ranked():
    logit = torch.tensor([[[3.0, 1.0, 1.0, 1.0, 2.0]]], requires_grad=True)
    label = torch.tensor([[[1, 0, 0, 0, 1]]], dtype=torch.int8)
    targets = Targets(torch.zeros(1, 4), torch.ones(1).bool(), label)
    ClassificationRanking()(Points(logit, torch.ones(1, 4, 1, 5), 63, 8), targets).backward()
    assert (logit.grad[0, 0] != 0).tolist() == [True, True, True, False, True]


@each_term
@pytest.mark.parametrize(
    "label",
    [[-1] * 6, [1, -1, -1, -1, -1, -1], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ids=["nothing", "one positive", "one positive, easy negatives", "easy negatives"],
)
def test_where_nothing_ranks_the_loss_is_a_connected_zero(term, label):
    logit = torch.tensor([[[-0.2, -1, -2, -3, -1, -0.5]]]).requires_grad_()
    ltrb = torch.full((1, 4, 1, 6), 20.0).requires_grad_()
    targets = Targets(
        torch.tensor([[10.0, 10, 50, 50]]), torch.ones(1).bool(), torch.tensor([[label]], dtype=torch.int8)
    )
    loss = term(Points(logit, ltrb, 63, 8), targets)
    assert loss.shape == ()
    assert loss == 0
    loss.backward()
    for gradient in (logit.grad, ltrb.grad):
        assert gradient is None or not gradient.any()


@each_term
def test_what_ignored_cells_predict_cannot_spoil_the_gradient(term):
    prediction, targets = case(0)
    ltrb, logit = prediction.ltrb.detach().clone(), prediction.logit.detach().clone()
    ltrb.masked_fill_((targets.label == -1)[:, None], math.inf)  # exp() may overflow there
    logit[targets.label == -1] = 1000.0
    wild = dataclasses.replace(prediction, logit=logit.requires_grad_(), ltrb=ltrb.requires_grad_())
    torch.testing.assert_close(term(wild, targets), term(prediction, targets))
    for of_wild, of_tame in zip(gradients(term, wild, targets), gradients(term, prediction, targets), strict=True):
        torch.testing.assert_close(of_wild, of_tame)


@each_term
def test_gradients_are_those_of_the_value(term):
    """Numerically, away from changes of rank; through the sides that are meant to learn."""
    prediction, targets = case(5, images=2, side=4)
    moved = prediction.ltrb if isinstance(term, IouRankingByScore) else prediction.logit
    (gradient,) = torch.autograd.grad(term(prediction, targets), moved)

    def value(name: str, tensor: torch.Tensor) -> float:
        return looped(term, dataclasses.replace(prediction, **{name: tensor}), targets)

    name, step = ("ltrb", 1e-5) if moved is prediction.ltrb else ("logit", 1e-6)
    numeric = torch.zeros_like(moved)
    for at in range(moved.numel()):
        shift = torch.zeros(moved.numel(), dtype=torch.float64)
        shift[at] = step
        shift = shift.view_as(moved)
        numeric.view(-1)[at] = (value(name, moved + shift) - value(name, moved - shift)) / (2 * step)
    if isinstance(
        term, IouRankingByScore
    ):  # the lower-scored of a pair is held still: only the sign of its part differs
        (held,) = torch.autograd.grad(
            ordered_pairs_mean(*_lower_alone(prediction, targets), targets.label.flatten(1) == 1, term.gamma), moved
        )
        gradient = gradient + held
    torch.testing.assert_close(gradient, numeric, rtol=1e-5, atol=1e-8)


def _lower_alone(prediction, targets):
    """Key, higher (held still) and lower (learning): the half that IGR_2 leaves out."""
    positive = targets.label.flatten(1) == 1
    v = IouRankingByScore._overlap(prediction, targets, positive)
    return prediction.logit.flatten(1).sigmoid(), v.detach(), v


def test_a_better_order_costs_less():
    """Scores that rise with the overlap cost less than scores that fall with it, by both IoU-guided terms."""
    prediction, targets = case(2, images=1, shares=(1.0, 0.0))
    v = (
        IouRankingByScore._overlap(prediction, targets, targets.label.flatten(1) == 1)
        .detach()
        .view_as(prediction.logit)
    )
    for term in TERMS[1:]:
        agreeing, opposed = (term(dataclasses.replace(prediction, logit=k * v), targets) for k in (3, -3))
        assert agreeing < 1 < opposed


@pytest.mark.parametrize("gamma", [0.0, -1.0, 81.0])
def test_a_gamma_that_cannot_work_is_a_sentence(gamma):
    with pytest.raises(ConfigError, match=r"LOSSES: GAMMA is .*; it should lie in \(0, 80\]"):
        ScoreRankingByIou(gamma=gamma)


def test_corners_cannot_be_ranked():
    with pytest.raises(ConfigError, match="'ranking_iou_by_score' judges Points, Anchors, but the head makes Corners"):
        Criterion([{"NAME": "ranking_iou_by_score"}], Corners)
