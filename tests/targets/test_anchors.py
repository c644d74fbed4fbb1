"""Anchor labels against the rule written out, and the laws of the deltas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Batch, Crop
from siamtrack.losses.cross_entropy import BalancedCrossEntropy
from siamtrack.losses.weighted_l1 import WeightedL1Loss
from siamtrack.models.heads.anchor import anchor_sizes
from siamtrack.targets import labellers
from siamtrack.targets.anchors import AnchorLabeller, encode

SIZES = anchor_sizes(8, (0.33, 0.5, 1, 2, 3), (8.0,))
WHOLE = AnchorLabeller(positives=0, negatives=0, negative_pair=0)

boxes = st.tuples(st.floats(-60, 300), st.floats(-60, 300), st.floats(1, 260), st.floats(1, 260)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def prediction(n: int, delta: torch.Tensor | None = None) -> Anchors:
    delta = torch.zeros(n, 4, 5, 25, 25) if delta is None else delta
    return Anchors(torch.zeros(n, 5, 25, 25), delta, SIZES, 255, 8)


def batch(*rows: tuple[float, ...], present: bool = True) -> Batch:
    blank = Crop(torch.empty(len(rows), 3, 0, 0), torch.tensor(rows, dtype=torch.float32))
    return Batch((blank,), blank, torch.full((len(rows),), present), 7 + torch.arange(len(rows)))


def overlap_by_hand(box: tuple[float, ...], a: int, row: int, column: int) -> float:
    (w, h), cx, cy = SIZES[a], 127 + 8 * (column - 12), 127 + 8 * (row - 12)
    across = min(box[2], cx + w / 2) - max(box[0], cx - w / 2)
    down = min(box[3], cy + h / 2) - max(box[1], cy - h / 2)
    both = max(across, 0) * max(down, 0)
    return both / (w * h + (box[2] - box[0]) * (box[3] - box[1]) - both)


@settings(deadline=None, max_examples=25)
@given(boxes, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 24), st.integers(0, 24)), min_size=20, max_size=20))
def test_labels_follow_the_overlap(box: tuple[float, ...], cells: list[tuple[int, int, int]]) -> None:
    label = WHOLE(prediction(1), batch(box)).label[0]
    for cell in cells:
        overlap = overlap_by_hand(box, *cell)
        if min(abs(overlap - 0.6), abs(overlap - 0.3)) > 1e-5:
            assert label[cell] == (1 if overlap > 0.6 else 0 if overlap < 0.3 else -1)


@settings(deadline=None, max_examples=25)
@given(boxes)
def test_true_deltas_decode_to_the_box(box: tuple[float, ...]) -> None:
    targets = WHOLE(prediction(1), batch(box))
    decoded = prediction(1, targets.code).boxes()
    torch.testing.assert_close(decoded, torch.tensor(box).expand_as(decoded), rtol=1e-4, atol=1e-2)


@settings(deadline=None, max_examples=25)
@given(boxes, st.tuples(*[st.floats(-2, 2)] * 4))
def test_decoding_and_encoding_are_inverse(anchor: tuple[float, ...], delta: tuple[float, ...]) -> None:
    x0, y0, x1, y1 = anchor
    w, h = x1 - x0, y1 - y0
    cx, cy = (x0 + x1) / 2 + delta[0] * w, (y0 + y1) / 2 + delta[1] * h
    half_w, half_h = w * math.exp(delta[2]) / 2, h * math.exp(delta[3]) / 2
    box = torch.tensor([cx - half_w, cy - half_h, cx + half_w, cy + half_h], dtype=torch.float64)
    actual = encode(torch.tensor(anchor, dtype=torch.float64), box)
    np.testing.assert_allclose(actual, delta, atol=1e-9)


def test_a_sample_keeps_so_many_and_its_positives_weigh_one() -> None:
    rows = [(95.0, 100.0, 159.0, 164.0), (75.0, 107.0, 179.0, 139.0), (0.0, 0.0, 254.0, 254.0)]
    whole, some = WHOLE(prediction(3), batch(*rows)), AnchorLabeller(positives=3)(prediction(3), batch(*rows))
    possible = (whole.label == 1).sum((1, 2, 3))
    assert possible[2] == 0, "no best anchor is made positive"
    kept = (some.label == 1).sum((1, 2, 3))
    assert kept.tolist() == possible.clamp(max=3).tolist()
    assert (some.label == 0).sum((1, 2, 3)).tolist() == [48, 48, 48]
    assert ((some.label == -1) | (some.label == whole.label)).all(), "sampling only takes away"
    torch.testing.assert_close(some.weight.sum((1, 2, 3)), (kept > 0).float())
    assert ((some.weight > 0) == (some.label == 1)).all()


def test_another_seed_draws_others() -> None:
    pair = batch((95.0, 100.0, 159.0, 164.0))
    first = AnchorLabeller()(prediction(1), pair)
    pair.seed = pair.seed + 1
    assert (AnchorLabeller()(prediction(1), pair).label != first.label).any()


@settings(deadline=None, max_examples=50)
@given(st.floats(-100, 400), st.floats(-100, 400))
def test_a_negative_pair_is_labelled_around_its_box_only(cx: float, cy: float) -> None:
    box = (cx - 20, cy - 30, cx + 20, cy + 30)
    middle = (torch.tensor([box[0] + box[2], box[1] + box[3]]) / 2).tolist()
    column, row = (12 + math.ceil((c - 127) / 8 + 0.5) for c in middle)
    expected = torch.full((5, 25, 25), -1)
    expected[:, max(0, row - 3) : max(0, min(25, row + 4)), max(0, column - 3) : max(0, min(25, column + 4))] = 0
    targets = WHOLE(prediction(1), batch(box, present=False))
    assert (targets.label[0] == expected).all()
    assert (targets.code == 0).all()
    assert (targets.weight == 0).all()
    drawn = AnchorLabeller()(prediction(1), batch(box, present=False)).label
    assert (drawn == 0).sum() == min(16, int((expected == 0).sum()))


def test_the_window_of_a_centred_box_is_one_cell_off() -> None:
    label = WHOLE(prediction(1), batch((107.0, 97.0, 147.0, 157.0), present=False)).label[0, 0]
    rows, columns = (label == 0).nonzero().unbind(1)
    assert {int(r) for r in rows} == {int(c) for c in columns} == set(range(10, 17))


@pytest.mark.parametrize("present", [True, False])
def test_a_box_without_area_spoils_nothing(present: bool) -> None:
    targets = AnchorLabeller()(prediction(1), batch((50.0, 60.0, 50.0, 60.0), present=present))
    assert targets.code.isfinite().all()
    assert (targets.label != 1).all()
    assert (targets.weight == 0).all()


def test_labels_and_losses_never_ask_the_device_for_a_value() -> None:
    """On the meta device there are no values: whatever the host would have to wait for raises."""
    logit, delta = (
        torch.empty(shape, device="meta", requires_grad=True) for shape in ((2, 5, 25, 25), (2, 4, 5, 25, 25))
    )
    anchors = Anchors(logit, delta, SIZES, 255, 8)
    targets = AnchorLabeller()(anchors, batch((95.0, 100.0, 159.0, 164.0), (0.0, 0.0, 9.0, 9.0)).to("meta"))
    (BalancedCrossEntropy()(anchors, targets) + WeightedL1Loss()(anchors, targets)).backward()
    assert logit.grad.shape == logit.shape
    assert delta.grad.shape == delta.shape


@pytest.mark.parametrize(
    ("section", "sentence"),
    [({"POSITIVE_IOU": 0.2}, "in this order"), ({"NEGATIVE_IOU": -0.1}, "0..1"), ({"WINDOW": 6}, "odd")],
)
def test_impossible_options_are_refused(section: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        labellers.build({"NAME": "anchors", **section})
