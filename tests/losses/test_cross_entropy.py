"""Cross-entropy that draws its background from the whole batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.contracts import Points, Targets
from siamtrack.losses.cross_entropy import BalancedCrossEntropy


def case(label: torch.Tensor) -> tuple[Points, Targets]:
    logit = torch.randn(label.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    targets = Targets(torch.zeros(len(label), 4), torch.ones(len(label), dtype=torch.bool), label.to(torch.int8))
    return Points(logit, torch.ones(len(label), 4, *label.shape[1:]), 63, 8), targets


def seen(label: torch.Tensor, negatives: int) -> torch.Tensor:
    """``[B, H, W]`` bool: the cells that got a gradient."""
    prediction, targets = case(label)
    BalancedCrossEntropy(negatives=negatives)(prediction, targets).backward()
    return prediction.logit.grad != 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 60), st.floats(0, 1))
def test_so_many_of_the_batch_are_drawn_and_every_positive_is_seen(seed, negatives, share):
    lot = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(seed))
    label = torch.where(lot < share, 0, torch.where(lot < (share + 1) / 2, 1, -1))
    cells = seen(label, negatives)
    assert int((cells & (label == 0)).sum()) == min(negatives, int((label == 0).sum()))
    assert torch.equal(cells & (label == 1), label == 1)
    assert not (cells & (label == -1)).any()


def test_the_drawn_ones_share_half_of_the_loss():
    label = torch.zeros(2, 5, 5)
    prediction, targets = case(label)
    BalancedCrossEntropy(negatives=10)(prediction, targets).backward()
    drawn = prediction.logit.grad != 0
    expected = torch.where(drawn, 0.5 * prediction.logit.detach().sigmoid() / 10, 0.0)
    torch.testing.assert_close(prediction.logit.grad, expected)


def test_enough_for_all_is_all():
    label = torch.tensor([[[1, 0, 0], [-1, 0, 1]]])
    prediction, targets = case(label)
    torch.testing.assert_close(
        BalancedCrossEntropy(negatives=1000)(prediction, targets), BalancedCrossEntropy()(prediction, targets)
    )


def test_every_cell_of_every_image_is_as_likely():
    torch.manual_seed(0)
    label = torch.zeros(4, 5, 5)
    times = torch.stack([seen(label, 20) for _ in range(600)]).double().mean(0)
    # 600 draws of 20 out of 100: standard deviation 0.0163
    assert (times - 0.2).abs().max() < 0.075


def test_draws_differ_and_repeat_with_the_generator():
    label = torch.zeros(2, 8, 8)
    torch.manual_seed(1)
    first, second = seen(label, 16), seen(label, 16)
    torch.manual_seed(1)
    assert torch.equal(seen(label, 16), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("negatives", [0, 48])
def test_without_any_cell_it_is_a_connected_zero(negatives):
    prediction, targets = case(torch.full((2, 3, 3), -1))
    loss = BalancedCrossEntropy(negatives=negatives)(prediction, targets)
    loss.backward()
    assert loss == 0
    assert not prediction.logit.grad.any()
