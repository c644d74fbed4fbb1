"""SiamFC's crops: exact equality with the original is in tests/parity; here are the laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.config import ConfigError
from siamtrack.crops import Jitter, crop_policies
from siamtrack.crops.siamfc import SiamFCCrop

POLICY = SiamFCCrop()
numbers = st.floats(10, 200)


def jitter(scale: float = 0.0, x: float = 0.0, y: float = 0.0, flip: bool = False, mirror: bool = False) -> Jitter:
    return Jitter(np.array([[scale, 0.3]]), np.array([[x, y]]), np.array([flip]), np.array([mirror]))


def gradient(height: int = 200, width: int = 260) -> np.ndarray:
    """A frame whose red tells x and whose green tells y."""
    rows, columns = np.indices((height, width))
    return np.stack([columns % 256, rows, np.zeros_like(rows)], -1).astype(np.uint8)


@settings(deadline=None)
@given(numbers, numbers, numbers, numbers, st.floats(-0.05, 0.05), st.floats(-4.5, 4.5), st.booleans(), st.booleans())
def test_the_box_of_a_training_crop_lies_where_the_map_puts_it(x, y, w, h, scale, shift, search, flip) -> None:
    affine, (box,) = POLICY.place(np.array([[x, y, w, h]]), jitter(scale, shift, -shift, flip), search)
    size = POLICY.train_search_size if search else POLICY.template_size
    corners = np.array([[x, y], [x + w, y + h]]) - 0.5  # continuous coordinates in numbers of pixels
    mapped = corners @ affine[0, :, :2].T + affine[0, :, 2]
    expected = np.concatenate([mapped.min(0), mapped.max(0)])
    np.testing.assert_allclose(box, expected, atol=1e-6)
    side = np.sqrt((w + (w + h) / 2) * (h + (w + h) / 2))
    assert abs(affine[0, 0, 0]) == pytest.approx((1 + scale) * 127 / side), "both sides alike"
    assert affine[0, 1, 1] == pytest.approx((1 + scale) * 127 / side)
    middle = size // 2 + np.rint(shift) * (-1 if flip else 1)
    assert (box[0] + box[2]) / 2 == pytest.approx(middle)


def test_shifts_are_whole_pixels_each_as_often() -> None:
    shifts = np.linspace(-4.5, 4.5, 9001)[:-1] + 0.0005
    many = Jitter(np.zeros((9000, 2)), np.stack([shifts, shifts], 1), np.zeros(9000, bool))
    _, boxes = POLICY.place(np.tile([100.0, 80.0, 40.0, 30.0], (9000, 1)), many, search=True)
    moved, counts = np.unique(np.round((boxes[:, 0] + boxes[:, 2]) / 2 - 119, 6), return_counts=True)
    assert moved.tolist() == list(range(-4, 5))
    assert counts.tolist() == [1000] * 9


def test_a_training_crop_shows_what_a_tracker_sees() -> None:
    frame = gradient()
    box = np.array([[120.0, 80.0, 40.0, 30.0]])
    affine, _ = POLICY.place(box, Jitter.none(1), search=False)
    cut = POLICY.cut(frame, affine[0], 127).astype(int)
    crop, _ = POLICY.template(frame, (140.0, 95.0), (40.0, 30.0))
    tracked = crop.pixels[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(cut - tracked).max() <= 1, "at most the rounded corner and side"


def test_mirroring_the_frame_is_mirroring_the_crop() -> None:
    boxes = np.array([[120.0, 80.0, 40.0, 30.0]])
    flipped, mirrored, both = (
        POLICY.place(boxes, jitter(0, 3, 1, *how), search=True)
        for how in ((True, False), (False, True), (True, True))
    )  # fmt: skip
    np.testing.assert_array_equal(flipped[0], mirrored[0])
    np.testing.assert_array_equal(both[0], POLICY.place(boxes, jitter(0, 3, 1), search=True)[0])


@settings(deadline=None, max_examples=20)
@given(st.floats(30, 200), st.floats(30, 150), st.floats(20, 60), st.floats(20, 60))
def test_the_placement_leads_back_to_the_target(cx, cy, w, h) -> None:
    frame = np.zeros((180, 230, 3), np.uint8)
    for crop, placement in (POLICY.template(frame, (cx, cy), (w, h)), POLICY.search(frame, (cx, cy), (w, h))):
        x0, y0, x1, y1 = crop.box[0].tolist()
        np.testing.assert_allclose(placement.to_frame((x0 + x1) / 2, (y0 + y1) / 2), (cx, cy), atol=1e-4)
        np.testing.assert_allclose([(x1 - x0) * placement.scale, (y1 - y0) * placement.scale], [w, h], rtol=1e-4)


def test_outside_the_frame_lies_its_rounded_mean() -> None:
    frame = np.zeros((40, 40, 3), np.uint8)
    frame[:, :21] = 255  # 21 of 40 columns: 133.875
    crop, _ = POLICY.search(frame, (20.0, 20.0), (30.0, 30.0))
    assert crop.pixels[0, :, 0, 0].tolist() == [134] * 3
    other, _ = POLICY.search(frame, (20.0, 20.0), (30.0, 30.0), padding=np.array([1, 2, 3]))
    assert other.pixels[0, :, 0, 0].tolist() == [1, 2, 3]


def test_a_target_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="positive width and height"):
        POLICY.search(gradient(), (20.0, 20.0), (0.0, 5.0))


@pytest.mark.parametrize("section", [{"TEMPLATE_SIZE": 300}, {"TRAIN_SEARCH_SIZE": 99}, {"CONTEXT": -1.0}])
def test_impossible_options_are_refused(section: dict) -> None:
    with pytest.raises(ConfigError, match="CROP"):
        crop_policies.build({"NAME": "siamfc", **section})
