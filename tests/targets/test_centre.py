"""Laws of the labels about the target's centre."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.contracts import Batch, Crop, Points
from siamtrack.targets.centre import CentreLabeller

middle = st.floats(20, 235, width=32)
side = st.floats(2, 200, width=32)


def label(*boxes: tuple[float, float, float, float], present: bool = True, **options):
    n = len(boxes)
    crop = Crop(torch.empty(n, 3, 0, 0), torch.tensor(boxes))
    blank = Points(torch.zeros(n, 25, 25), torch.ones(n, 4, 25, 25), 255, 8)
    batch = Batch((crop,), crop, torch.full((n,), present), torch.arange(n))
    return CentreLabeller(**options)(blank, batch), blank.points()


def around(cx: float, cy: float, w: float, h: float) -> tuple[float, float, float, float]:
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


@given(middle, middle, side, side)
@settings(deadline=None)
def test_positives_are_the_cells_of_the_circle(cx, cy, w, h):
    box = around(cx, cy, w, h)
    targets, points = label(box)
    centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    distance = np.hypot(points[0].numpy() - centre[0], points[1].numpy() - centre[1])
    clear = np.abs(distance - 16) > 1e-3
    np.testing.assert_array_equal((targets.label[0].numpy() == 1)[clear], (distance < 16)[clear])
    assert set(targets.label.unique().tolist()) <= {0, 1}


@given(middle, middle, side, side, st.sampled_from(["circle", "box"]), st.sampled_from(["circle", "ocean", "ellipse"]))
@settings(deadline=None)
def test_boxes_are_learned_where_all_distances_are_positive(cx, cy, w, h, reg, cls):
    targets, _ = label(around(cx, cy, w, h), reg=reg, cls=cls)
    inside = targets.code[0].amin(0) > 0
    learned = targets.weight[0] > 0
    if reg == "box":
        assert torch.equal(learned, inside)
    else:
        circle, _ = label(around(cx, cy, w, h))
        assert torch.equal(learned, inside & (circle.label[0] == 1))


def test_a_centred_target_has_about_twelve_cells():
    targets, _ = label(around(131.0, 131.0, 80.0, 60.0))
    assert int(targets.label.sum()) == 12
    assert int(targets.weight.sum()) == 12


def test_a_thin_target_is_positive_beyond_its_box_but_not_learned_there():
    targets, _ = label(around(127.0, 127.0, 100.0, 4.0))
    assert int(targets.label.sum()) == 13
    assert targets.weight[0].nonzero()[:, 0].unique().tolist() == [12]


@pytest.mark.parametrize("cls", ["circle", "ocean", "ellipse"])
def test_a_negative_pair_is_background_everywhere(cls):
    targets, _ = label(around(127.0, 127.0, 80.0, 60.0), present=False, cls=cls)
    assert (targets.label == 0).all()
    assert (targets.weight == 0).all()
    assert (targets.code == 0).all()
