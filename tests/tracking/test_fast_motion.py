"""When the dense tracker searches wider, by mode, and what the wide crop shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.contracts import Points
from siamtrack.crops import ContextCrop, crop_policies
from siamtrack.tracking.dense import DenseTracker
from siamtrack.tracking.fast_motion import FastMotion
from siamtrack.tracking.tracker import trackers

FRAME = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
RIGHT, LEFT, DOWN, UP, SLOW = (70, 0), (-70, 0), (0, 70), (0, -70), (60, -60)


def states(mode, moves) -> list[bool]:
    motion = FastMotion(mode, ContextCrop())
    seen = []
    for dx, dy in moves:
        motion.moved(dx, dy, 127)
        seen.append(motion.fast)
    return seen


@pytest.mark.parametrize("move", [RIGHT, LEFT, DOWN, UP])
def test_symmetric_sees_every_direction_and_recovers(move) -> None:
    assert states("symmetric", [SLOW, move, move, SLOW]) == [False, True, True, False]


@pytest.mark.parametrize(("move", "noticed"), [(RIGHT, True), (DOWN, True), (LEFT, False), (UP, False)])
def test_released_sees_two_directions_and_never_recovers(move, noticed) -> None:
    assert states("released", [SLOW, move, SLOW, LEFT]) == [False, noticed, noticed, noticed]


@pytest.mark.parametrize("off", ["off", False])  # what YAML makes of a bare off
def test_off_never_widens(off) -> None:
    policy = ContextCrop()
    motion = FastMotion(off, policy)
    motion.moved(1e6, 1e6, 127)
    assert not motion.fast
    assert motion.policy is policy


@pytest.mark.parametrize(("mode", "side", "cells"), [("released", 510, 56), ("symmetric", 511, 57)])
def test_the_wide_crop_has_the_same_scale_and_surrounds_the_normal_one(mode, side, cells) -> None:
    policy = ContextCrop()
    motion = FastMotion(mode, policy)
    centre, size = (190.0, 150.0), (40.0, 30.0)
    narrow, near = motion.policy.search(FRAME, centre, size)
    motion.moved(*RIGHT, 127)
    wide, far = motion.policy.search(FRAME, centre, size)
    assert (narrow.size, wide.size, (wide.size - 127) // 8 + 9) == (255, side, cells)
    assert far.scale == near.scale
    np.testing.assert_allclose(far.to_frame(side // 2, side // 2), centre)
    np.testing.assert_allclose(near.to_frame(127, 127), centre)
    assert policy.search_size == 255
    motion.start()
    assert motion.policy is policy


class Answer(torch.nn.Module):
    """Points at one cell, wherever it is asked; remembers the sides of the crops."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.row, self.column, self.sides = row, column, []
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def remember(self, template):
        return None

    def locate(self, memory, search):
        self.sides.append(search.size)
        n = (search.size - 127) // 8 + 9
        logit = torch.full((1, n, n), -10.0)
        logit[0, n // 2 + self.row, n // 2 + self.column] = 10
        return Points(logit, torch.full((1, 4, n, n), 20.0), search.size, 8)


@pytest.mark.parametrize(
    ("mode", "column", "sides"),
    [("off", 9, [255] * 3), ("symmetric", 9, [255, 511, 511]), ("symmetric", -9, [255, 511, 511]),
     ("symmetric", 7, [255] * 3), ("released", 9, [255, 510, 510]), ("released", -9, [255] * 3)],
)  # fmt: skip
def test_the_tracker_searches_wider_after_a_shift_of_half_the_context(mode, column, sides) -> None:
    network = Answer(0, column)  # 9 cells are 72 of 127 px
    tracker = DenseTracker(network, ContextCrop(), window_influence=0.0, fast_motion=mode)
    tracker.init(FRAME, (180, 130, 30, 30))
    for _ in range(3):
        tracker.update(FRAME)
    assert network.sides == sides
    tracker.init(FRAME, (180, 130, 30, 30))
    tracker.update(FRAME)
    assert network.sides[-1] == 255


def test_a_policy_that_cannot_widen_is_refused() -> None:
    area = crop_policies.build({"NAME": "area"})
    with pytest.raises(ConfigError, match=r"FAST_MOTION: 'symmetric' needs crops .* AreaCrop\s+cannot"):
        FastMotion("symmetric", area)


def test_the_option_is_read_from_yaml_and_the_command_line(tmp_path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("TRACK: {NAME: dense, FAST_MOTION: off}\n")
    for overrides in ([], ["TRACK.FAST_MOTION", "off"], ["TRACK.FAST_MOTION", "symmetric"]):
        cfg = config.load(file, overrides)
        options = trackers.options(DenseTracker, cfg.TRACK)
        assert FastMotion(options["fast_motion"], ContextCrop()).fast is False
    with pytest.raises(ConfigError, match="FAST_MOTION"):
        trackers.options(DenseTracker, config.load(file, ["TRACK.FAST_MOTION", "sometimes"]).TRACK)
