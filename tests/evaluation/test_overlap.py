"""Overlap, centre error and the counting of hits: laws, and thresholds to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from siamtrack.evaluation import overlap
from siamtrack.evaluation.protocols import (
    OVERLAP_GRID,
    OVERLAP_GRID_FINE,
    OVERLAP_GRID_MATLAB,
    OVERLAP_GRID_TORCH,
    PIXEL_GRID,
    SIDES_GRID,
)
from siamtrack.evaluation.thresholds import Grid, hits_above, hits_within
from tests.evaluation import slow_reference

coordinates = st.floats(-500, 500, width=32)
sides = st.floats(0.5, 300, width=32)
boxes = st.lists(st.tuples(coordinates, coordinates, sides, sides), min_size=1, max_size=20).map(np.array)
grids = pytest.mark.parametrize("grid", [OVERLAP_GRID, OVERLAP_GRID_MATLAB, OVERLAP_GRID_TORCH])
arithmetics = pytest.mark.parametrize("name", sorted(overlap.OVERLAPS))


@arithmetics
@settings(deadline=None)
@given(a=boxes, b=boxes)
def test_overlap_is_symmetric_and_bounded(name: str, a: np.ndarray, b: np.ndarray) -> None:
    n = min(len(a), len(b))
    forth, back = (overlap.OVERLAPS[name](x[:n], y[:n]) for x, y in ((a, b), (b, a)))
    np.testing.assert_allclose(forth, back, rtol=1e-12, atol=0)
    assert ((forth >= 0) & (forth <= 1 + 1e-12)).all()


@arithmetics
@settings(deadline=None)
@given(a=boxes)
def test_overlap_with_itself_is_one(name: str, a: np.ndarray) -> None:
    np.testing.assert_allclose(overlap.OVERLAPS[name](a, a), 1, rtol=1e-9)


@arithmetics
def test_overlap_by_hand(name: str) -> None:
    a, b = np.array([[10.0, 10, 10, 10]]), np.array([[15.0, 10, 10, 10]])
    assert overlap.OVERLAPS[name](a, b) == pytest.approx(50 / 150)
    assert overlap.OVERLAPS[name](a, b + np.array([100.0, 0, 0, 0])) == 0


def test_empty_boxes() -> None:
    empty = np.zeros((1, 4))
    assert math.isnan(overlap.iou_continuous(empty, empty)[0])
    assert overlap.iou_guarded(empty, empty)[0] == 0


def test_errors_by_hand() -> None:
    truth, predicted, sides = np.array([[10.0, 5]]), np.array([[13.0, 9]]), np.array([[20.0, 10]])
    assert overlap.centers(np.array([0.0, 0, 20, 10])).tolist() == [9.5, 4.5]
    assert overlap.center_error(predicted, truth)[0] == 5
    expected = math.hypot(3 / 20, 4 / 10)
    for error in overlap.NORMALIZED_ERRORS.values():
        assert error(predicted, truth, sides)[0] == pytest.approx(expected, rel=1e-12)
    thin = np.array([[0.5, 0.5]])
    assert overlap.normalized_error_difference(predicted, truth, thin)[0] == 5  # a side below a pixel counts as one
    assert overlap.normalized_error_separate(predicted, truth, thin)[0] == 10


def test_grids_differ_in_the_last_bit_where_the_toolkits_do() -> None:
    by_numpy = np.array(OVERLAP_GRID)
    assert (by_numpy == np.arange(0, 1.05, 0.05)).all()
    assert (by_numpy == np.linspace(0, 1, 21)).all()
    matlab = np.array(OVERLAP_GRID_MATLAB) - by_numpy
    assert np.flatnonzero(matlab).tolist() == [12, 13, 14, 17, 19]
    assert np.abs(matlab).max() == pytest.approx(1.1e-16, rel=0.02)
    assert np.flatnonzero(np.array(OVERLAP_GRID_TORCH) > by_numpy).tolist() == [13, 15]


@grids
def test_values_on_a_threshold_are_within_and_not_above(grid: tuple[float, ...]) -> None:
    thresholds = np.array(grid)
    values = np.concatenate(
        [thresholds, np.nextafter(thresholds, 2), np.nextafter(thresholds, -1), [np.nan, -1, np.inf]]
    )
    sequence = np.zeros(len(values), np.intp)
    above = hits_above(values, thresholds, sequence, 1)[0]
    within = hits_within(values, thresholds, sequence, 1)[0]
    assert above.tolist() == [sum(v > t for v in values) for t in grid]
    assert within.tolist() == [sum(v <= t for v in values) for t in grid]


@settings(deadline=None)
@given(
    values=arrays(
        np.float64, st.integers(1, 60), elements=st.floats(-2, 2) | st.sampled_from([*OVERLAP_GRID, math.nan])
    ),
    data=st.data(),
)
def test_counting_equals_loops(values: np.ndarray, data: st.DataObject) -> None:
    sequence = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(values), max_size=len(values))))
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    above = hits_above(values, np.array(OVERLAP_GRID), sequence, 4, kept)
    within = hits_within(values, np.array(OVERLAP_GRID), sequence, 4, kept)
    for s in range(4):
        mine = values[(sequence == s) & kept]
        assert above[s].tolist() == [sum(v > t for v in mine) for t in OVERLAP_GRID]
        assert within[s].tolist() == [sum(v <= t for v in mine) for t in OVERLAP_GRID]
    assert (np.diff(above, axis=1) <= 0).all()
    assert (np.diff(within, axis=1) >= 0).all()


@pytest.mark.parametrize(
    "grid",
    [OVERLAP_GRID, OVERLAP_GRID_MATLAB, OVERLAP_GRID_TORCH, OVERLAP_GRID_FINE, PIXEL_GRID, SIDES_GRID],
)
def test_the_grids_in_use_are_even(grid: tuple[float, ...]) -> None:
    assert Grid(np.array(grid)).even


@settings(deadline=None, max_examples=300)
@given(
    thresholds=st.lists(st.floats(-50, 50), min_size=1, max_size=30).map(sorted)
    | st.tuples(st.floats(-9, 9), st.floats(1e-3, 9), st.integers(2, 60)).map(
        lambda g: np.linspace(g[0], g[0] + g[1], g[2])
    ),
    data=st.data(),
)
def test_a_grid_finds_what_a_search_finds(thresholds: np.ndarray, data: st.DataObject) -> None:
    grid = np.array(thresholds)
    near = np.concatenate([grid, np.nextafter(grid, 99), np.nextafter(grid, -99), [np.nan, np.inf, -np.inf, 0.0]])
    drawn = data.draw(st.lists(st.floats(-60, 60) | st.floats(), max_size=20))
    values = np.concatenate([near, drawn])
    assert Grid(grid).bins(values).tolist() == np.searchsorted(grid, values).tolist()


@settings(deadline=None)
@given(a=boxes, b=boxes)
def test_arithmetic_equals_loops_bit_for_bit(a: np.ndarray, b: np.ndarray) -> None:
    for p, g in zip(a, b, strict=False):
        expected = {
            "continuous": slow_reference.clipped(slow_reference.iou(p, g)),
            "guarded": slow_reference.clipped(slow_reference.iou(p, g, guard=slow_reference.EPS)),
            "pixel": slow_reference.iou(p, g, 1.0),
        }
        assert {name: function(p, g) for name, function in overlap.OVERLAPS.items()} == expected
