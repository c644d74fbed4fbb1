"""The box loss of anchor heads, by hand."""

from __future__ import annotations

import torch

from siamtrack.contracts import Anchors, Targets
from siamtrack.losses.weighted_l1 import WeightedL1Loss


def judged(delta: torch.Tensor, code: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    batch = len(delta)
    prediction = Anchors(torch.zeros_like(weight), delta, ((8.0, 8.0),) * weight.shape[1], 255, 8)
    return WeightedL1Loss()(prediction, Targets(torch.zeros(batch, 4), torch.ones(batch) > 0, code=code, weight=weight))


def test_weighted_differences_over_the_batch() -> None:
    delta, code, weight = torch.zeros(2, 4, 1, 1, 2), torch.zeros(2, 4, 1, 1, 2), torch.zeros(2, 1, 1, 2)
    delta[0, :, 0, 0, 0] = torch.tensor([1.0, -2.0, 3.0, -4.0])
    delta[0, :, 0, 0, 1] = 1.0
    weight[0, 0, 0] = torch.tensor([0.25, 0.75])
    assert judged(delta, code, weight) == (10 * 0.25 + 4 * 0.75) / 2, "the sample without a positive counts"


def test_what_does_not_weigh_cannot_spoil_the_gradient() -> None:
    delta = torch.zeros(1, 4, 1, 1, 2)
    delta[..., 1] = float("inf")
    delta.requires_grad_()
    weight = torch.tensor([[[[1.0, 0.0]]]])
    loss = judged(delta, torch.ones(1, 4, 1, 1, 2), weight)
    loss.backward()
    assert loss == 4
    assert delta.grad[..., 0].tolist() == [[[[-1.0]], [[-1.0]], [[-1.0]], [[-1.0]]]]
    assert (delta.grad[..., 1] == 0).all()


def test_without_positives_it_is_a_connected_zero() -> None:
    delta = torch.ones(1, 4, 1, 1, 2, requires_grad=True)
    loss = judged(delta, torch.zeros(1, 4, 1, 1, 2), torch.zeros(1, 1, 1, 2))
    loss.backward()
    assert loss == 0
    assert (delta.grad == 0).all()
