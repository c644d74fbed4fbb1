"""STARK's area crop: masks as a slow reference has them, windows in mirrored frames, and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.crops import Jitter
from siamtrack.crops.area import AreaCrop, mask_of, pixels_of

FRAME = np.random.default_rng(0).integers(1, 256, (90, 120, 3), np.uint8)
SMALL = {"template_size": 32, "search_size": 80}


def slow(frame, left, top, side, size):
    """Pixel by pixel: the padded square and its mask, resized as a whole."""
    height, width = frame.shape[:2]
    square, mask = np.zeros((side, side, 3), np.uint8), np.ones((side, side))
    # a square that reaches the last pixel pads it
    right = width - 1 if left + side >= width else width
    bottom = height - 1 if top + side >= height else height
    for y in range(max(0, -top), side):
        for x in range(max(0, -left), side):
            if top + y < bottom and left + x < right:
                square[y, x], mask[y, x] = frame[top + y, left + x], 0
    return cv2.resize(square, (size, size)), cv2.resize(mask, (size, size)) != 0


@settings(max_examples=40, deadline=None)
@given(left=st.integers(-70, 140), top=st.integers(-70, 110), side=st.integers(1, 60), size=st.sampled_from([16, 33]))
def test_any_square_is_that_of_the_slow_reference(left, top, side, size):
    pixels, mask = slow(FRAME, left, top, side, size)
    np.testing.assert_array_equal(pixels_of(FRAME, left, top, side, size), pixels)
    np.testing.assert_array_equal(mask_of(FRAME.shape, left, top, side, size), mask)


@given(
    box=st.tuples(st.floats(0, 100), st.floats(0, 70), st.floats(2, 60), st.floats(2, 60)),
    flip=st.booleans(), scale=st.floats(-0.5, 0.5), shift=st.floats(-1, 1),
)  # fmt: skip
def test_a_mirrored_frame_is_the_mirrored_frame(box, flip, scale, shift):
    """Mirroring inside the policy equals handing it the mirrored frame and box."""
    policy = AreaCrop(**SMALL)
    drawn = (np.array([[scale, -scale]]), np.array([[shift, shift]]), np.array([flip]))
    inside, placed = policy.place(np.array([box]), Jitter(*drawn, np.array([True])), search=True)
    x, y, w, h = box
    outside, expected = policy.place(np.array([[119 - (x + w), y, w, h]]), Jitter(*drawn), search=True)
    mirrored = np.ascontiguousarray(FRAME[:, ::-1])
    np.testing.assert_array_equal(policy.cut(FRAME, inside[0], 80), policy.cut(mirrored, outside[0], 80))
    np.testing.assert_array_equal(policy.mask(FRAME.shape, inside[0], 80), policy.mask(FRAME.shape, outside[0], 80))
    np.testing.assert_allclose(placed, expected, atol=1e-9)


def test_the_box_lies_where_the_target_is():
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[60:100, 120:180] = 255
    policy = AreaCrop(search_size=320)
    rng = np.random.default_rng(1)
    for flip in (False, True):
        jitter = Jitter(rng.normal(0, 0.2, (1, 2)), rng.uniform(-1, 1, (1, 2)), np.array([flip]))
        windows, (placed,) = policy.place(np.array([[120.0, 60.0, 60.0, 40.0]]), jitter, search=True)
        rows, columns = np.nonzero(policy.cut(frame, windows[0], 320)[..., 0] > 127)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(seen, placed, atol=3)  # the corner's rounding, and half pixels


def test_no_box_is_an_eighth_of_the_middle_of_the_frame():
    policy = AreaCrop(**SMALL)
    nobody, placed = policy.place(np.full((1, 4), np.nan), Jitter.none(1), search=True)
    there, _ = policy.place(np.array([[52.0, 39.0, 15.0, 11.0]]), Jitter.none(1), search=True)
    np.testing.assert_array_equal(policy.cut(FRAME, nobody[0], 80), policy.cut(FRAME, there[0], 80))
    assert np.isfinite(placed).all()


def test_a_window_that_shows_less_than_a_cell_counts_as_padding():
    policy = AreaCrop(template_size=128)
    sliver, _ = policy.place(np.array([[-31.0, 40.0, 20.0, 20.0]]), Jitter.none(1), search=False)
    assert policy.mask(FRAME.shape, sliver[0], 128).all()
    inside, _ = policy.place(np.array([[40.0, 40.0, 20.0, 20.0]]), Jitter.none(1), search=False)
    assert not policy.mask(FRAME.shape, inside[0], 128).any()


def test_the_way_back_is_the_originals():
    """Half of the size, where training has half of size - 1."""
    policy = AreaCrop()
    crop, placement = policy.search(FRAME, (60.0, 45.0), (20.0, 20.0))
    assert placement.scale == 100 / 320
    assert placement.to_frame(160, 160) == (60.0, 45.0)
    assert crop.mask.shape == (1, 320, 320)
    np.testing.assert_allclose((crop.box[0, :2] + crop.box[0, 2:]) / 2, 159.5)


@pytest.mark.parametrize("size", [(0.0, 5.0), (float("nan"), 5.0)])
def test_a_target_without_extent_is_refused(size):
    with pytest.raises(ValueError, match="positive width and height"):
        AreaCrop().search(FRAME, (10.0, 10.0), size)
