"""Where the second score looks: on the predicted box, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.contracts import Points
from siamtrack.models.heads.alignment import BoxAlignment, box_offsets

distance = st.floats(0, 200, width=32)


@given(st.sampled_from([4, 8, 16]), st.integers(1, 6), st.integers(1, 6))
@settings(deadline=None)
def test_a_box_of_two_strides_about_its_cell_has_no_offsets(stride, height, width):
    ltrb = torch.full((2, 4, height, width), float(stride))
    assert (box_offsets(ltrb, stride) == 0).all()


@given(distance, distance, distance, distance, st.sampled_from([8, 16]))
@settings(deadline=None)
def test_samples_lie_on_centre_edges_and_corners(left, top, right, bottom, stride):
    """Offset plus the kernel's own step, in px from the cell's point."""
    ltrb = torch.tensor([left, top, right, bottom]).view(1, 4, 1, 1)
    offsets = box_offsets(ltrb, stride).view(3, 3, 2)
    centre = torch.tensor([(bottom - top) / 2, (right - left) / 2])
    half = torch.tensor([(bottom + top) / 2, (right + left) / 2])
    for row in range(3):
        for column in range(3):
            step = torch.tensor([row - 1.0, column - 1.0])
            reached = (offsets[row, column] + step) * stride
            torch.testing.assert_close(reached, centre + step * half, rtol=1e-4, atol=1e-3)


@given(distance, distance, distance, distance)
@settings(deadline=None)
def test_the_released_arithmetic_is_half_a_pixel_off(left, top, right, bottom):
    ltrb = torch.tensor([left, top, right, bottom]).view(1, 4, 1, 1)
    difference = (box_offsets(ltrb, 8, "ocean") - box_offsets(ltrb, 8)).view(9, 2)
    assert difference[4].tolist() == pytest.approx([-1 / 16, -1 / 16], abs=1e-4)  # the centre's sample
    assert difference[8].tolist() == pytest.approx(
        [0.0, 0.0], abs=1e-4
    )  # bottom right: the longer side makes up for it
    assert difference[0].tolist() == pytest.approx([-1 / 8, -1 / 8], abs=1e-4)


def naive(x: torch.Tensor, weight: torch.Tensor, boxes: torch.Tensor, points: torch.Tensor, stride: int):
    """Bilinear samples on each cell's box by loops; outside the map lies 0."""
    channels, height, width = x.shape
    out = torch.zeros(weight.shape[0], height, width)

    def at(y: float, x_: float) -> torch.Tensor:
        total = torch.zeros(channels)
        for i in (int(y // 1), int(y // 1) + 1):
            for j in (int(x_ // 1), int(x_ // 1) + 1):
                if 0 <= i < height and 0 <= j < width:
                    total = total + (1 - abs(y - i)) * (1 - abs(x_ - j)) * x[:, i, j]
        return total

    first_x, first_y = points[:, 0, 0].tolist()
    for i in range(height):
        for j in range(width):
            x1, y1, x2, y2 = boxes[i, j].tolist()
            for r, y in enumerate((y1, (y1 + y2) / 2, y2)):
                for c, x_ in enumerate((x1, (x1 + x2) / 2, x2)):
                    sample = at((y - first_y) / stride, (x_ - first_x) / stride)
                    out[:, i, j] += weight[:, :, r, c] @ sample
    return out


@given(st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_sampling_equals_a_loop_over_the_boxes(seed):
    torch.manual_seed(seed)
    x, ltrb = torch.randn(1, 3, 5, 5), torch.rand(1, 4, 5, 5) * 30 + 1
    align = BoxAlignment(3, 2)
    points = Points(ltrb[:, 0], ltrb, 63, 8)
    expected = naive(x[0], align.conv.weight.detach(), points.boxes()[0], points.points(), 8)
    torch.testing.assert_close(align.sample(x, ltrb, 8)[0].detach(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("detach", [True, False])
def test_the_second_score_teaches_the_boxes_only_if_asked(detach):
    torch.manual_seed(0)
    ltrb = (torch.rand(1, 4, 5, 5) * 30 + 1).requires_grad_()
    x = torch.randn(1, 3, 5, 5, requires_grad=True)
    BoxAlignment(3, 2, detach=detach)(x, ltrb, 8).sum().backward()
    assert x.grad.abs().sum() > 0
    assert (ltrb.grad is None) == detach


@pytest.mark.parametrize("sampling", ["adaptive", "regular", "dilated"])
def test_samplings_share_their_weights_and_shapes(sampling):
    torch.manual_seed(0)
    adaptive, other = BoxAlignment(3, 2), BoxAlignment(3, 2, sampling=sampling)
    other.load_state_dict(adaptive.state_dict())
    x, ltrb = torch.randn(1, 3, 7, 7), torch.full((1, 4, 7, 7), 8.0 if sampling == "regular" else 16.0)
    # boxes of two strides are the neighbouring cells, boxes of four those two apart
    torch.testing.assert_close(other(x, ltrb, 8), adaptive(x, ltrb, 8), rtol=1e-4, atol=1e-5)


def test_it_runs_in_low_precision():
    torch.manual_seed(0)
    x, ltrb, align = torch.randn(1, 3, 5, 5), torch.full((1, 4, 5, 5), 12.0), BoxAlignment(3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        low = align(x.bfloat16(), ltrb, 8)
    torch.testing.assert_close(low.float(), align(x, ltrb, 8), atol=0.03, rtol=0.03)
