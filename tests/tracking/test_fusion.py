"""Two scores of a head become one, and the tracker follows it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.contracts import Points
from siamtrack.tracking.dense import DenseTracker, fuse_scores


class Fixed(torch.nn.Module):
    """Stands in for a network; the tracker is only asked to choose."""


def tracker(**options) -> DenseTracker:
    made = DenseTracker(Fixed(), None, window_influence=0.0, penalty_k=0.0, **options)
    made.size = (40.0, 40.0)
    return made


def prediction(align: torch.Tensor | None) -> Points:
    logit = torch.full((1, 5, 5), -2.0)
    logit[0, 1, 1], logit[0, 3, 3] = 1.5, 1.0
    return Points(logit, torch.full((1, 4, 5, 5), 20.0), 63, 8, align)


def second() -> torch.Tensor:
    align = torch.full((1, 5, 5), -2.0)
    align[0, 3, 3] = 4.0
    return align


def test_no_weight_and_no_second_score_are_the_first_score():
    logit, align = torch.randn(3, 4), torch.randn(3, 4)
    assert torch.equal(fuse_scores(logit, None, 0.3), logit.sigmoid())
    assert torch.equal(fuse_scores(logit, align, 0.0), logit.sigmoid())
    torch.testing.assert_close(fuse_scores(logit, align, 0.0, "logits"), logit.sigmoid())


def test_all_the_weight_is_the_second_score():
    logit, align = torch.randn(3, 4), torch.randn(3, 4)
    for how in ("convex", "logits"):
        torch.testing.assert_close(fuse_scores(logit, align, 1.0, how), align.sigmoid())


@pytest.mark.parametrize(("weight", "cell"), [(0.0, 6), (0.5, 18)])
def test_the_second_score_moves_the_choice(weight, cell):
    choice = tracker(align_weight=weight).choose(prediction(second()), 1.0)
    assert choice.index == cell


def test_without_a_second_score_its_weight_means_nothing():
    expected = tracker(align_weight=0.0).choose(prediction(None), 1.0)
    actual = tracker(align_weight=0.9).choose(prediction(None), 1.0)
    assert actual.index == expected.index
    np.testing.assert_array_equal(actual.penalised, expected.penalised)


def test_a_sum_ranks_as_it_is_but_reports_a_confidence():
    choice = tracker(fusion="sum", lr=0.5).choose(prediction(second()), 1.0)
    assert choice.penalised.max() > 1.5
    assert choice.score == 1.0
    assert choice.rate == pytest.approx(0.5)
