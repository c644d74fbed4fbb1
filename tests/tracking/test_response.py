"""SiamFC's tracker on responses that a test makes up; equality with the original is in tests/parity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Memory, Response
from siamtrack.crops.siamfc import SiamFCCrop
from siamtrack.tracking.response import ResponseTracker, normalised_window
from siamtrack.tracking.tracker import trackers

FRAME = np.zeros((240, 320, 3), np.uint8)
BOX = (100.0, 80.0, 60.0, 44.0)


class Peaked(torch.nn.Module):
    """A network whose response has one peak, at a given scale and cell."""

    def __init__(self, scale: int = 1, row: int = 8, column: int = 8) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.where = scale, row, column

    def remember(self, template):
        return Memory(())

    def locate(self, memory, search):
        response = torch.zeros(len(search.pixels), 17, 17)
        response[self.where] = 4.0
        return Response(response, search.size, 8)


def tracker(**options) -> ResponseTracker:
    network = Peaked(**{k: options.pop(k) for k in ("scale", "row", "column") if k in options})
    return ResponseTracker(network, SiamFCCrop(), **options)


def test_a_peak_in_the_middle_keeps_the_box() -> None:
    follower = tracker()
    follower.init(FRAME, BOX)
    result = follower.update(FRAME)
    # an even number of enlarged cells has no middle: half a cell of 8 / 16 px
    half_cell = 0.25 * np.sqrt(112 * 96) / 127
    np.testing.assert_allclose(np.abs(np.subtract(result.box, BOX)), [half_cell, half_cell, 0, 0], atol=1e-9)
    assert result.score == pytest.approx(1 / (1 + np.exp(-4)))


def test_cells_and_scales_become_pixels_of_the_frame() -> None:
    follower = tracker(scale=2, row=6, column=11, window_influence=0.0)
    follower.init(FRAME, BOX)
    x, y, w, h = follower.update(FRAME).box
    per_pixel = np.sqrt(112 * 96) / 127 * 1.0375
    np.testing.assert_allclose([x + w / 2 - 130, y + h / 2 - 102], [24 * per_pixel, -16 * per_pixel], atol=per_pixel)
    np.testing.assert_allclose([w / 60, h / 44], 0.41 + 0.59 * 1.0375)


def test_the_middle_scale_is_favoured() -> None:
    responses = np.zeros((3, 17, 17), np.float32)
    responses[0, 4, 4], responses[1, 8, 8] = 1.02, 1.0
    assert tracker().choose(responses, 8).scale == 1
    assert tracker(scale_penalty=1.0).choose(responses, 8).scale == 0


def test_a_lost_target_neither_explodes_nor_vanishes() -> None:
    for scale, limit in ((2, 4 * 320 / 60), (0, 1 / 44)):
        follower = tracker(scale=scale, scale_lr=1.0, scale_step=3.0)
        follower.init(FRAME, BOX)
        for _ in range(12):
            follower.update(FRAME)
        assert follower.size[0] / 60 == pytest.approx(limit)
        assert follower.size[1] / 44 == pytest.approx(limit)


def test_the_window_has_sum_one_and_pulls_to_the_middle() -> None:
    assert normalised_window(20, 30).sum() == pytest.approx(1)
    responses = np.zeros((3, 17, 17), np.float32)
    responses[1, 8, 8], responses[1, 2, 2] = 1.0, 1.05
    assert abs(tracker(window_influence=0.0).choose(responses, 8).x) > 40
    assert abs(tracker(window_influence=0.9).choose(responses, 8).x) < 2


@pytest.mark.parametrize("section", [{"SCALES": 2}, {"SCALE_STEP": 0.0}, {"UPSAMPLING": 0}])
def test_impossible_options_are_refused(section: dict) -> None:
    with pytest.raises(ConfigError, match="TRACK"):
        trackers.build({"NAME": "response", **section}, network=Peaked(), policy=SiamFCCrop())


class Spoilt(Peaked):
    """Scales of the pyramid whose responses are not numbers that one can compare."""

    def __init__(self, value: float, *scales: int) -> None:
        super().__init__(scale=1, row=2, column=2)
        self.value, self.scales = value, list(scales)

    def locate(self, memory, search):
        response = super().locate(memory, search)
        response.logit[self.scales] = self.value
        return response


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_response_that_is_not_finite_moves_nothing(value: float) -> None:
    follower = ResponseTracker(Spoilt(value, 0, 1, 2), SiamFCCrop())
    follower.init(FRAME, BOX)
    result = follower.update(FRAME)
    assert result.box == pytest.approx(BOX)
    assert result.score == 0
    some, none = (ResponseTracker(network, SiamFCCrop()) for network in (Spoilt(value, 0, 2), Peaked(1, 2, 2)))
    for follower in (some, none):
        follower.init(FRAME, BOX)
    assert some.update(FRAME) == none.update(FRAME)


def test_a_response_far_below_zero_is_a_score_of_zero() -> None:
    follower = ResponseTracker(Spoilt(-1e4, 0, 1, 2), SiamFCCrop())
    follower.init(FRAME, BOX)
    assert follower.update(FRAME).score == pytest.approx(0)
