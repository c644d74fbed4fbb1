"""Overlaps frame by frame, and which frames are worst."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from siamtrack import evaluation
from siamtrack.evaluation import Truth
from siamtrack.evaluation.frames import frame_overlaps, worst_frames

RNG = np.random.default_rng(3)
BOXES = np.concatenate([RNG.uniform(20, 60, (40, 2)), RNG.uniform(20, 40, (40, 2))], 1)
FOUND = BOXES + RNG.normal(0, 6, (40, 4))


@pytest.mark.parametrize(("protocol", "benchmark"), [("pysot", ""), ("pytracking", ""), ("got10k", "GOT-10k")])
def test_they_average_to_what_the_protocol_scores(protocol: str, benchmark: str) -> None:
    cover = np.where(np.arange(40) % 7, 8, 0)
    truth = Truth("a", BOXES, cover=cover, resolution=(90, 80))
    scores = evaluation.evaluate([truth], {"a": FOUND}, protocol, benchmark=benchmark)
    overlaps = frame_overlaps(truth, FOUND, scores.protocol)
    if scores.protocol.first != "scored":
        overlaps[0] = np.nan if scores.protocol.first == "dropped" else 1.0
    assert np.nanmean(overlaps) == pytest.approx((scores.overlap_sum / scores.overlap_frames)[0], abs=1e-12)


def test_frames_without_a_target_have_no_overlap_and_missing_rows_are_misses() -> None:
    boxes = BOXES.copy()
    boxes[3], boxes[5] = np.nan, 0
    visible = np.arange(40) != 7
    rules = evaluation.resolve("pysot", "LaSOT-test")
    found = FOUND.copy()
    found[9] = np.nan
    overlaps = frame_overlaps(Truth("a", boxes, visible=visible), found[:30], rules)
    assert np.flatnonzero(np.isnan(overlaps)).tolist() == [3, 5, 7]
    assert overlaps[9] == 0
    assert not overlaps[30:].any()
    heedless = frame_overlaps(Truth("a", boxes, visible=visible), found, evaluation.resolve("pysot"))
    assert np.isfinite(heedless[7])


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1) | st.just(np.nan)), st.integers(1, 4))
def test_worst_frames_are_the_lowest_and_far_from_each_other(overlaps: np.ndarray, count: int) -> None:
    chosen = worst_frames(overlaps, count)
    assert len(chosen) <= count
    assert 0 not in chosen
    assert not np.isnan(overlaps[chosen]).any()
    assert list(overlaps[chosen]) == sorted(overlaps[chosen])
    if chosen:
        assert overlaps[chosen[0]] == np.nanmin(overlaps[1:])
    assert all(b - a >= max(len(overlaps) // 6, 1) for a, b in zip(sorted(chosen), sorted(chosen)[1:], strict=False))


def test_a_lost_target_is_shown_where_it_was_lost() -> None:
    overlaps = np.array([1.0] * 10 + [0.0] * 20)
    assert worst_frames(overlaps, 2) == [10, 15]
