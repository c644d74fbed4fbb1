"""The dense tracker's own promises; equality with the originals is in tests/parity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Points
from siamtrack.crops import ContextCrop
from siamtrack.tracking import build_tracker
from siamtrack.tracking.dense import DenseTracker, cosine_window

SMALL = [
    *("MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "8"),
    *("MODEL.CORRELATION.HIDDEN", "8", "MODEL.HEAD.HIDDEN", "8"),
]


class Answer(torch.nn.Module):
    """A network that always answers the same."""

    def __init__(self, prediction) -> None:
        super().__init__()
        self.prediction, self.anchor = prediction, torch.nn.Parameter(torch.zeros(1))

    def remember(self, template):
        return None

    def locate(self, memory, search):
        return self.prediction


def peak(row: int, column: int, side: float) -> Points:
    logit = torch.full((1, 25, 25), -10.0)
    logit[0, row, column] = 10
    return Points(logit, torch.full((1, 4, 25, 25), side / 2), 255, 8)


def following(prediction, **options) -> DenseTracker:
    tracker = DenseTracker(Answer(prediction), ContextCrop(), **options)
    tracker.init(np.zeros((400, 600, 3), np.uint8), (270, 180, 60, 40))
    return tracker


def test_the_centre_cell_keeps_the_centre():
    box = following(peak(12, 12, 50)).update(np.zeros((400, 600, 3), np.uint8)).box
    assert box[0] + box[2] / 2 == pytest.approx(300)
    assert box[1] + box[3] / 2 == pytest.approx(200)


def test_one_cell_to_the_right_moves_by_the_stride():
    tracker = following(peak(12, 13, 50), window_influence=0.0)
    s_z = np.sqrt((60 + 50) * (40 + 50))
    box = tracker.update(np.zeros((400, 600, 3), np.uint8)).box
    assert box[0] + box[2] / 2 == pytest.approx(300 + 8 * s_z / 127)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 24), st.integers(0, 24), st.floats(1, 400), st.integers(1, 6))
def test_boxes_stay_within_reach_of_the_frame(row, column, side, steps):
    tracker = following(peak(row, column, side), window_influence=0.0)
    for _ in range(steps):
        x, y, w, h = tracker.update(np.zeros((400, 600, 3), np.uint8)).box
        assert 0 <= x + w / 2 <= 600
        assert 0 <= y + h / 2 <= 400
        assert 10 <= w <= 600
        assert 10 <= h <= 400


def test_anchors_share_one_window():
    logit = torch.zeros(1, 3, 25, 25)
    tracker = following(Anchors(logit, torch.zeros(1, 4, 3, 25, 25), ((40, 60), (50, 50), (60, 40)), 255, 8))
    choice = tracker.choose(tracker.network.prediction, 1.0)
    assert choice.index % 625 == 12 * 25 + 12
    assert cosine_window(3, 25, 25).shape == (1875,)


def test_two_trackers_do_not_share_state():
    a, b = following(peak(12, 20, 50)), following(peak(12, 4, 50))
    frame = np.zeros((400, 600, 3), np.uint8)
    alone = [following(peak(12, 20, 50)).update(frame).box]
    assert [a.update(frame).box] == alone
    b.update(frame)
    assert a.centre != b.centre


@pytest.mark.parametrize(
    ("frame", "box", "sentence"),
    [
        (np.zeros((40, 60, 3), np.uint8), (1, 2, 0, 5), "has no area (w 0, h 5)"),
        (np.zeros((40, 60, 3), np.uint8), (70, 2, 5, 5), "lies outside the frame of 60 x 40 pixels"),
        (np.zeros((40, 60, 3), np.uint8), (1, 2, float("nan"), 5), "is not finite"),
        (np.zeros((40, 60, 3), np.uint8), (1, 2, 3), "a box has 4 numbers x, y, w, h, but this one has 3"),
        (np.zeros((40, 60), np.uint8), (1, 2, 3, 4), "should be an RGB uint8 array [height, width, 3]"),
        (np.zeros((40, 60, 3)), (1, 2, 3, 4), "but this is float64 [40, 60, 3]"),
        (np.zeros((0, 60, 3), np.uint8), (1, 2, 3, 4), "has no pixels"),
    ],
)
def test_a_bad_start_is_a_sentence(frame, box, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is compared below
        DenseTracker(Answer(peak(12, 12, 50)), ContextCrop()).init(frame, box)
    assert sentence in str(error.value)


def test_built_from_a_configuration():
    tracker = build_tracker(config.load(overrides=[*SMALL, "TRACK.LR", "0.5"]))
    assert tracker.lr == 0.5
    with pytest.raises(ConfigError, match=r"key TRACK\.PENALTY: tracker 'dense' has no such option"):
        build_tracker(config.load(overrides=[*SMALL, "TRACK.PENALTY", "0.5"]))


def test_a_box_that_overflowed_is_no_answer():
    answer = peak(12, 12, 20.0)
    answer.ltrb[0, :, 12, 12] = torch.inf
    tracker = DenseTracker(Answer(answer), ContextCrop(), window_influence=0.4)
    tracker.init(np.zeros((90, 120, 3), np.uint8), (40, 30, 30, 20))
    with np.errstate(all="raise"):
        choice = tracker.choose(answer, 1.0)
    assert choice.index != 12 * 25 + 12
    assert np.isfinite(choice.box).all()


@pytest.mark.parametrize(
    ("part", "bad"), [("logit", float("nan")), ("ltrb", float("nan")), ("ltrb", float("inf")), ("ltrb", -float("inf"))]
)
def test_where_nothing_is_finite_the_target_stays(part, bad):
    prediction = peak(3, 20, 50)
    setattr(prediction, part, torch.full_like(getattr(prediction, part), bad))
    result = following(prediction).update(np.zeros((400, 600, 3), np.uint8))
    assert result.box == pytest.approx((270, 180, 60, 40))
    assert result.score == 0


def test_a_start_box_far_larger_than_the_frame_is_refused():
    with pytest.raises(ValueError, match="more than 4 times as large as the frame of 600 x 400 pixels"):
        following(peak(12, 12, 50)).init(np.zeros((400, 600, 3), np.uint8), (-1e6, -1e6, 2e6, 2e6))
