"""The corner tracker's own promises; equality with the original is in tests/parity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.contracts import Corners, Memory, Remembered
from siamtrack.crops import ContextCrop
from siamtrack.crops.area import AreaCrop
from siamtrack.tracking.corners import CornerTracker, keep_inside

FRAME = np.zeros((200, 300, 3), np.uint8)


class Head:
    def __init__(self, needs_target: bool) -> None:
        self.needs_target = needs_target


class Answers(torch.nn.Module):
    """A network that finds the target where it was, with the scores given; numbers what it remembers."""

    max_templates = None

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores, self.remembered = list(scores), 0
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.head = Head(bool(scores))
        self.used: list[list[int]] = []

    def remember(self, template):
        self.remembered += 1
        return Memory((Remembered(kernels=({"n": (torch.tensor([self.remembered]),)},)),))

    def locate(self, memory, search):
        self.used.append([int(t.kernels[0]["n"][0]) for t in memory.templates])
        maps = torch.full((1, 20, 20), 0.0)
        maps[0, 0, 0], maps[0, 1, 1] = 0.64, 0.36
        score = torch.logit(torch.tensor([self.scores.pop(0)])) if self.scores else None
        return Corners(torch.tensor([[128.0, 128, 192, 192]]), maps, maps, 320, 16, score)


def test_the_box_stays_where_the_crop_says_the_middle_is():
    tracker = CornerTracker(Answers(), AreaCrop())
    tracker.init(FRAME, (100, 50, 40, 40))
    result = tracker.update(FRAME)
    assert result.box == pytest.approx((100, 50, 40, 40))
    assert result.score == pytest.approx(0.64), "without a score head: the maps' peaks"


def test_templates_are_renewed_at_their_interval_and_used_from_the_next_frame_on():
    network = Answers(0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9)
    tracker = CornerTracker(network, AreaCrop(), update_intervals=(2, 3))
    tracker.init(FRAME, (100, 50, 40, 40))
    for _ in range(7):
        tracker.update(FRAME)
    # frame 2: the first; frame 3: the second; frame 4 scores 0.5, not above it; frame 6: both, from one crop
    assert network.used == [[1, 1, 1], [1, 1, 1], [1, 2, 1], [1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 4, 4]]


def test_starting_again_forgets_everything():
    network = Answers(0.9, 0.9, 0.9)
    tracker = CornerTracker(network, AreaCrop(), update_intervals=(2,))
    for _ in range(2):
        tracker.init(FRAME, (100, 50, 40, 40))
        tracker.update(FRAME)
    assert network.used == [[1, 1], [2, 2]]
    assert tracker.frame == 1


def test_a_policy_without_masks_will_do():
    tracker = CornerTracker(Answers(), ContextCrop(search_size=319))
    tracker.init(FRAME, (100, 50, 40, 40))
    assert np.isfinite(tracker.update(FRAME).box).all()


numbers = st.floats(-1000, 1000)


@given(st.tuples(numbers, numbers, numbers, numbers))
def test_the_box_always_overlaps_the_frame_and_has_the_margin(box):
    x, y, w, h = keep_inside(box, (200, 300), 10.0)
    assert w >= 10
    assert h >= 10
    assert 0 <= x <= 290
    assert 0 <= y <= 190
    assert x + w <= 300 + 1e-9
    assert y + h <= 200 + 1e-9


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"MODEL\.HEAD\.SCORE"):
        CornerTracker(Answers(), AreaCrop(), update_intervals=(200,))
    with pytest.raises(ConfigError, match="1 or more"):
        CornerTracker(Answers(0.9), AreaCrop(), update_intervals=(0,))
    single = Answers(0.9)
    single.max_templates = 1
    with pytest.raises(ConfigError, match="2 templates"):
        CornerTracker(single, AreaCrop(), update_intervals=(200,))


@pytest.mark.parametrize(("box", "score"), [(float("nan"), 0.9), (float("inf"), 0.9), (128.0, float("nan"))])
def test_what_is_not_finite_moves_nothing(box, score):
    class Spoilt(Answers):
        def locate(self, memory, search):
            prediction = super().locate(memory, search)
            prediction.box[0, 0] = box
            return prediction

    tracker = CornerTracker(Spoilt(score), AreaCrop(), update_intervals=(1,))
    tracker.init(FRAME, (100, 50, 40, 40))
    result = tracker.update(FRAME)
    assert (result.box, result.score) == ((100, 50, 40, 40), 0)
    assert tracker.network.remembered == 1
