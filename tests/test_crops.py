"""Crop policies: laws that hold for every box and draw."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError, load
from siamtrack.crops import ContextCrop, Jitter, context_side, crop_policies, cut, enclosing, mean_colour, subwindow

FRAME = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)

boxes = st.tuples(
    st.floats(-200, 1000), st.floats(-200, 1000), st.floats(1, 800), st.floats(1, 800)
)  # x, y, w, h; aspect and place without mercy
units = st.floats(-1, 1)


@given(
    box=boxes, scale=st.tuples(units, units), shift=st.tuples(units, units), flip=st.booleans(), search=st.booleans()
)
def test_box_arithmetic_is_the_affine_map_but_for_the_originals_fifth_of_a_percent(box, scale, shift, flip, search):
    policy = ContextCrop()
    jitter = Jitter(0.18 * np.array([scale]), 64 * np.array([shift]), np.array([flip]))
    affine, placed = policy.place(np.array([box]), jitter, search)
    x, y, w, h = box
    mapped = np.array([[x, y], [x + w, y + h]]) @ affine[0, :, :2].T + affine[0, :, 2]
    if flip:
        mapped[:, 0] = mapped[::-1, 0]
    mapped_box, expected = mapped.reshape(4), placed[0]
    # same centre; sides differ by 511/510 exactly
    np.testing.assert_allclose((mapped_box[:2] + mapped_box[2:]) / 2, (expected[:2] + expected[2:]) / 2, atol=1e-6)
    np.testing.assert_allclose((expected[2:] - expected[:2]) / (mapped_box[2:] - mapped_box[:2]), 511 / 510, rtol=1e-9)


@given(scale=st.tuples(units, units), shift=st.tuples(units, units))
def test_the_window_stays_inside_the_area(scale, shift):
    policy = ContextCrop()
    jitter = Jitter(0.99 * np.array([scale]), 300 * np.array([shift]), np.array([False]))
    box = np.array([[10.0, 20.0, 60.0, 30.0]])
    affine, _ = policy.place(box, jitter, search=True)
    area, _ = policy.place_window(box, Jitter.none(1), policy.area_size)
    corners = (np.array([[0.0, 0.0], [254.0, 254.0]]) - affine[0, :, 2]) / np.diag(affine[0])
    in_area = corners * np.diag(area[0]) + area[0, :, 2]
    # a window as large as the area cannot lie inside it on both sides
    assert in_area.min() >= -0.5 - 1e-6
    assert in_area.max() <= 510.5 + 1e-6


def test_a_batch_is_placed_as_its_boxes_one_by_one():
    rng = np.random.default_rng(1)
    policy, n = ContextCrop(), 7
    boxes_xywh = rng.uniform(1, 300, (n, 4))
    jitter = Jitter(rng.uniform(-0.2, 0.2, (n, 2)), rng.uniform(-64, 64, (n, 2)), rng.random(n) < 0.5)
    affine, placed = policy.place(boxes_xywh, jitter, search=True)
    for i in range(n):
        one = Jitter(jitter.scale[i : i + 1], jitter.shift[i : i + 1], jitter.flip[i : i + 1])
        single, box = policy.place(boxes_xywh[i : i + 1], one, search=True)
        np.testing.assert_array_equal(affine[i], single[0])
        np.testing.assert_array_equal(placed[i], box[0])


def test_flip_mirrors_pixels_and_box():
    policy = ContextCrop(template_size=31, search_size=63, area_size=127)
    box = np.array([[30.0, 25.0, 40.0, 30.0]])
    zero = np.zeros((1, 2))
    plain, box_plain = policy.place(box, Jitter(zero, zero, np.array([False])), search=True)
    flipped, box_flipped = policy.place(box, Jitter(zero, zero, np.array([True])), search=True)
    a, b = cut(FRAME, plain[0], 63), cut(FRAME, flipped[0], 63)
    # OpenCV rounds positions to 1/32 px: on noise of full contrast a mirrored phase may differ by some 255/32
    assert np.abs(a[:, ::-1].astype(int) - b).max() <= 9
    np.testing.assert_allclose(
        box_flipped[0], [62 - box_plain[0, 2], box_plain[0, 1], 62 - box_plain[0, 0], box_plain[0, 3]]
    )


@settings(max_examples=60)
@given(
    box=st.tuples(st.floats(-60, 150), st.floats(-60, 120), st.floats(2, 150), st.floats(2, 150)), flip=st.booleans()
)
def test_cutting_from_the_enclosing_part_equals_warping_the_whole_frame(box, flip):
    policy = ContextCrop(template_size=31, search_size=63, area_size=127)
    affine, _ = policy.place(np.array([box]), Jitter(np.zeros((1, 2)), np.zeros((1, 2)), np.array([flip])), search=True)
    mean = mean_colour(FRAME)
    whole = cv2.warpAffine(
        FRAME, affine[0], (63, 63), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=tuple(mean)
    )
    # the same up to the phase that OpenCV rounds to 1/32 px
    assert np.abs(cut(FRAME, affine[0], 63).astype(int) - whole).max() <= 9


def test_a_crop_beyond_the_frame_is_all_mean_colour():
    policy = ContextCrop()
    affine, _ = policy.place(np.array([[5000.0, 50.0, 20.0, 20.0]]), Jitter.none(1), search=True)
    crop = policy.cut(FRAME, affine[0], 255)
    assert (crop == np.rint(mean_colour(FRAME))).all()


def test_enclosing_part_holds_every_pixel_that_a_crop_reads():
    affine, _ = ContextCrop(template_size=31, search_size=63, area_size=127).place(
        np.array([[50.0, 36.0, 14.0, 16.0]]), Jitter.none(1), search=True
    )
    left, top, right, bottom = enclosing(affine, 63)[0]
    assert 0 <= left < right <= 120
    assert 0 <= top < bottom <= 90
    spoiled = FRAME.copy()
    outside = np.ones(FRAME.shape[:2], bool)
    outside[top:bottom, left:right] = False
    spoiled[outside] = 0
    np.testing.assert_array_equal(cut(spoiled, affine[0], 63), cut(FRAME, affine[0], 63))


# Tracking -----------------------------------------------------------------------------------------------------------


def test_tracker_sides_are_rounded_and_the_way_back_is_not():
    policy, centre, size = ContextCrop(), (61.3, 44.9), (23.7, 11.2)
    s_z = float(context_side(np.array(size)))
    padding = policy.padding(FRAME)
    template, at_template = policy.template(FRAME, centre, size)
    search, at_search = policy.search(FRAME, centre, size, padding)
    as_planes = lambda crop: crop.pixels[0].numpy().transpose(1, 2, 0)  # noqa: E731
    np.testing.assert_array_equal(as_planes(template), subwindow(FRAME, centre, round(s_z), 127, padding))
    np.testing.assert_array_equal(as_planes(search), subwindow(FRAME, centre, round(s_z * 255 / 127), 255, padding))
    assert at_search.scale == pytest.approx(s_z / 127, rel=1e-12)
    assert at_search.to_frame(127, 127) == pytest.approx(centre)
    assert at_template.to_frame(63, 63) == pytest.approx(centre)
    x1, y1, x2, y2 = search.box[0].tolist()
    (left, top), (right, bottom) = at_search.to_frame(x1, y1), at_search.to_frame(x2, y2)
    assert (right - left, bottom - top) == pytest.approx(size, rel=1e-5)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(centre, rel=1e-5)


def test_padding_is_that_of_the_frame_it_was_taken_from():
    policy = ContextCrop(template_size=31, search_size=63, area_size=127)
    first = np.full((50, 60, 3), (10, 20, 30), np.uint8)
    first[0, 0] = 255  # the mean is just above 10, 20, 30: truncated, not rounded up
    later = np.full((50, 60, 3), 200, np.uint8)
    crop, _ = policy.search(later, (0.0, 0.0), (20.0, 20.0), policy.padding(first))
    assert crop.pixels[0, :, 0, 0].tolist() == [10, 20, 30]
    assert crop.pixels[0, :, -1, -1].tolist() == [200, 200, 200]


def test_a_window_much_larger_than_the_frame_costs_no_more_than_itself():
    crop = subwindow(FRAME, (60.0, 45.0), 900, 255, np.array([1, 2, 3]))
    assert crop.shape == (255, 255, 3)
    assert crop[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("size", [(0.0, 5.0), (5.0, -1.0), (float("nan"), 5.0)])
def test_a_target_without_extent_is_refused(size):
    with pytest.raises(ValueError, match="positive width and height"):
        ContextCrop().search(FRAME, (10.0, 10.0), size)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["CROP.AREA_SIZE", "510"], "even"),
        (["CROP.SEARCH_SIZE", "63"], "not fall"),
        (["CROP.CONTEXT", "-1"], "CONTEXT"),
        (["CROP.TEMPLATE_SIZES", "63"], "TEMPLATE_SIZE"),
    ],
)
def test_options_that_cannot_be(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        crop_policies.build(load(overrides=options).CROP)
