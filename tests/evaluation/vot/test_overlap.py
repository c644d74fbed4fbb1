"""Region overlap: equal to the toolkits' own outputs, to painting pixel by pixel, and lawful."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.evaluation.vot.overlap import OVERLAPS, overlap_exact, overlap_official, overlap_pysot
from siamtrack.evaluation.vot.regions import Regions
from tests.evaluation.vot import bitmap
from tests.external import external

# column of the oracle -> overlap, what is taken off the frame's sides (None: no frame), tolerance
COLUMNS = {
    "pysot_none": ("pysot", None, 1e-7),
    "pysot_wh": ("pysot", 0, 1e-7),
    "pysot_wh1": ("pysot", 1, 1e-7),
    "vot_none": ("official", None, 1e-12),
    "vot_wh": ("official", 0, 1e-12),
    "exact_none": ("exact", None, 1e-9),
    "exact_wh": ("exact", 0, 1e-9),
}
PAINTED = {"pysot": bitmap.pysot, "official": bitmap.official}


@pytest.fixture(scope="module")
def oracle() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((external("ORACLE") / "regions.json").read_text())
    return stored


@pytest.mark.parametrize("column", COLUMNS)
def test_equals_the_toolkit(column: str, oracle: dict[str, Any]) -> None:
    name, less, tolerance = COLUMNS[column]
    size = None if less is None else np.array(oracle["size"], np.float64) - less
    expected = np.array(oracle[column], np.float64)  # None becomes NaN
    actual = OVERLAPS[name](Regions.of(oracle["a"]), Regions.of(oracle["b"]), size)
    assert len(expected) == 600
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance, equal_nan=True)


def test_the_oracle_has_no_other_column(oracle: dict[str, Any]) -> None:
    assert set(COLUMNS) == set(oracle["columns"])


# quarters are exact in single precision, and their halves meet every rounding rule
coordinate = st.integers(-40, 160).map(lambda q: q / 4)
side = st.integers(-2, 120).map(lambda q: q / 4)
rectangle = st.tuples(coordinate, coordinate, side, side).map(list)
polygon = st.integers(3, 8).flatmap(lambda n: st.lists(coordinate, min_size=2 * n, max_size=2 * n))
region = rectangle | polygon
frame = st.tuples(st.integers(1, 50), st.integers(1, 50)) | st.none()
pairs = st.lists(st.tuples(region, region), min_size=1, max_size=8)


def overlaps(name: str, found: list[tuple[list[float], list[float]]], size: Any = None) -> np.ndarray:
    a, b = zip(*found, strict=True)
    return OVERLAPS[name](Regions.of(a), Regions.of(b), size)


@pytest.mark.parametrize("name", PAINTED)
@settings(max_examples=150, deadline=None)
@given(pairs, frame)
def test_equals_painting(name: str, found: list[tuple[list[float], list[float]]], size: Any) -> None:
    """To the last bit, for concave, self-crossing and flat shapes too, inside the frame and out of it."""
    painted = np.array([PAINTED[name](a, b, size) for a, b in found])
    np.testing.assert_array_equal(overlaps(name, found, size), painted)


@pytest.mark.parametrize("name", OVERLAPS)
@settings(max_examples=60, deadline=None)
@given(pairs, frame)
def test_lies_between_0_and_1_and_is_symmetric(
    name: str, found: list[tuple[list[float], list[float]]], size: Any
) -> None:
    value = overlaps(name, found, size)
    known = value[~np.isnan(value)]
    assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    swapped = overlaps(name, [(b, a) for a, b in found], size)
    np.testing.assert_allclose(swapped, value, rtol=0, atol=1e-12 if name == "exact" else 0)


@pytest.mark.parametrize("name", OVERLAPS)
@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(20, 200), st.integers(20, 200))
def test_moves_with_the_frame_of_reference(
    name: str, found: list[tuple[list[float], list[float]]], x: int, y: int
) -> None:
    """By whole, even steps (half to even); from 0 on, since the official clamp of rectangles looks at the origin."""

    def moved(values: list[float], dx: float, dy: float) -> list[float]:
        step = np.array([dx, dy, 0, 0] if len(values) == 4 else [dx, dy] * (len(values) // 2))
        return list(np.array(values) + step)

    start = [(moved(a, 12, 12), moved(b, 12, 12)) for a, b in found]
    there = [(moved(a, 2 * x, 2 * y), moved(b, 2 * x, 2 * y)) for a, b in start]
    np.testing.assert_allclose(overlaps(name, there), overlaps(name, start), rtol=0, atol=1e-9, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(2, 50)] * 2), min_size=2, max_size=12))
def test_official_overlap_of_whole_rectangles_is_exact(boxes: list[tuple[int, ...]]) -> None:
    a, b = Regions.of(boxes[:-1]), Regions.of(boxes[1:])
    np.testing.assert_allclose(overlap_official(a, b), overlap_exact(a, b), rtol=0, atol=1e-12)


def test_pairs_do_not_see_each_other() -> None:
    """What a pair gives depends neither on its neighbours nor on how many rows are swept at once."""
    rng = np.random.default_rng(5)
    a, b = rng.uniform(0, 300, (400, 8)), rng.uniform(0, 300, (400, 8))
    b[::3, :4], b[::3, 4:] = rng.uniform(20, 200, (134, 4)), np.nan
    first, second = Regions.of(a), Regions.of([row[~np.isnan(row)] for row in b])
    for overlap in (overlap_pysot, overlap_official):
        alone = [overlap(first[i : i + 1], second[i : i + 1], (320, 240))[0] for i in range(400)]
        np.testing.assert_array_equal(overlap(first, second, (320, 240)), alone)


def test_exact_overlap_of_shapes_that_cross_themselves_or_collapse() -> None:
    """Two triangles of a bow tie; a square with a spike; a line."""
    bow, spike, line = [0, 0, 10, 10, 10, 0, 0, 10], [0, 0, 10, 0, 10, 10, 20, 10, 10, 10, 0, 10], [0, 0, 9, 9, 4, 4]
    whole = [0, 0, 10, 10]
    value = overlap_exact(Regions.of([bow, spike, line]), Regions.of([whole] * 3))
    np.testing.assert_allclose(value, [0.5, 1, 0], atol=1e-12)


def test_codes_are_nan_for_pysot_and_no_overlap_for_the_official_toolkit() -> None:
    first, second = Regions.of([[1], [2], [5, 5, 20, 20]]), Regions.of([[5, 5, 20, 20]] * 2 + [[0]])
    np.testing.assert_array_equal(overlap_pysot(first, second, (50, 50)), [np.nan] * 3)
    np.testing.assert_array_equal(overlap_official(first, second, (50, 50)), [0, 0, 0])


def test_a_row_with_nan_is_a_frame_without_the_target() -> None:
    regions = Regions.of([[1.0, 2, 3, 4], [np.nan] * 4, [0.0] * 8])
    np.testing.assert_array_equal(regions.special, [False, True, False])
    assert regions.is_code(0).tolist() == [False, True, False]


@pytest.mark.parametrize("row", [[1.0, 2.0], [1.0, 2, 3], [1.0] * 5, [1.0] * 7])
def test_a_row_that_is_no_region_is_named(row: list[float]) -> None:
    with pytest.raises(ValueError, match=rf"row 2 has {len(row)} numbers; a region is 1"):
        Regions.of([[1.0], row])
