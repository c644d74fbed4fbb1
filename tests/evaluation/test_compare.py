"""Laws of the spread and of the paired bootstrap."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from siamtrack import evaluation
from siamtrack.evaluation import Scores, Truth
from siamtrack.evaluation.compare import compare, paired_difference, spread

scores = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        arrays(np.float64, (2, n), elements=st.floats(0, 1)), arrays(np.float64, (3, n), elements=st.floats(0, 1))
    )
)
few = {"resamples": 400}


@settings(deadline=None)
@given(scores)
def test_the_interval_contains_the_mean(pair):
    ours, theirs = pair
    found = paired_difference(ours, theirs, **few)
    assert found.mean == pytest.approx(ours.mean(0).mean() - theirs.mean(0).mean(), abs=1e-12)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found.pairs == ours.shape[1]


@settings(deadline=None)
@given(scores, st.floats(-1, 1))
def test_what_both_gain_changes_nothing(pair, shift):
    """Easier sequences lift both: the paired difference must not see it, whatever the lift of each sequence."""
    ours, theirs = pair
    lift = shift * np.arange(ours.shape[1])
    before, after = paired_difference(ours, theirs, **few), paired_difference(ours + lift, theirs + lift, **few)
    np.testing.assert_allclose(dataclasses.astuple(after), dataclasses.astuple(before), atol=1e-9)


@settings(deadline=None)
@given(scores, st.floats(-1, 1))
def test_what_one_gains_moves_the_interval(pair, shift):
    ours, theirs = pair
    before, after = paired_difference(ours, theirs, **few), paired_difference(ours + shift, theirs, **few)
    moved = (before.mean + shift, before.low + shift, before.high + shift)
    np.testing.assert_allclose((after.mean, after.low, after.high), moved, atol=1e-9)


@settings(deadline=None)
@given(scores)
def test_the_order_of_the_two_is_the_sign(pair):
    forth, back = paired_difference(*pair, **few), paired_difference(*pair[::-1], **few)
    np.testing.assert_allclose((forth.mean, forth.low, forth.high), (-back.mean, -back.high, -back.low), atol=1e-9)


@settings(deadline=None)
@given(scores, st.integers(0, 5))
def test_equal_seeds_give_equal_intervals(pair, seed):
    assert paired_difference(*pair, seed=seed, **few) == paired_difference(*pair, seed=seed, **few)


def test_another_seed_draws_others():
    values = np.random.default_rng(0).random((1, 30))
    intervals = {paired_difference(values, 0 * values, seed=seed, **few).low for seed in range(5)}
    assert len(intervals) == 5


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_the_interval_is_as_wide_as_theory_says(seed):
    """Of many sequences the interval is the mean +- 1.96 standard errors."""
    differences = np.random.default_rng(seed).normal(0.1, 0.2, 400)
    found = paired_difference(differences, np.zeros(400), resamples=2000)
    error = differences.std() / 20
    np.testing.assert_allclose((found.low, found.high), found.mean + error * np.array([-1.96, 1.96]), atol=0.3 * error)


def test_sequences_without_a_number_are_left_out():
    found = paired_difference([[0.5, np.nan, 0.7]], [[0.4, 0.2, 0.4]])
    assert found.pairs == 2
    assert found.mean == pytest.approx(0.2)
    assert paired_difference([[np.nan]], [[0.1]]) is None


def test_different_sequences_are_not_paired():
    with pytest.raises(ValueError, match="3 sequences cannot be paired with 2"):
        paired_difference([[1.0, 2.0, 3.0]], [[1.0, 2.0]])


def test_spread():
    assert dataclasses.astuple(spread([1.0, 2.0, 3.0])) == (2.0, 1.0, 3)
    assert dataclasses.astuple(spread([5.0])) == (5.0, None, 1)
    with pytest.raises(ValueError, match="no run"):
        spread([])


def _scores(shifts: list[float], tracker: str, protocol: str = "pysot") -> Scores:
    """One sequence a shift: every box of a 20 px target that many px to the right."""
    boxes = np.tile([30.0, 40.0, 20.0, 20.0], (10, 1))
    truths = [Truth(f"s{i}", boxes) for i in range(len(shifts))]
    found = {f"s{i}": boxes + np.array([shift, 0, 0, 0]) for i, shift in enumerate(shifts)}
    results = evaluation.TrackerResults.of(tracker, found)
    return evaluation.evaluate_all(truths, [results], protocol, benchmark="OTB100")[0]


def test_two_trackers_are_paired_by_sequence():
    ours, theirs = _scores([0, 0, 5, 30], "ours"), _scores([5, 5, 5, 0], "theirs")
    success = compare(ours, theirs)[0]
    values = ours.sequence_values("success") - theirs.sequence_values("success")
    assert success.difference.mean == pytest.approx(values.mean())
    assert (success.better, success.worse) == (2, 1)
    assert [c.metric.name for c in compare(ours, theirs)] == [m.name for m in ours.protocol.metrics]


def test_a_difference_is_decided_when_its_interval_leaves_zero_out():
    assert compare(_scores([0] * 6, "ours"), _scores([8, 9, 7, 8, 9, 8], "theirs"))[0].decided
    assert not compare(_scores([0, 9, 0, 9], "ours"), _scores([9, 0, 9, 0], "theirs"))[0].decided


def test_what_cannot_be_paired_is_said():
    with pytest.raises(ValueError, match=r"ours \(OTB100 by pysot\) cannot be paired with theirs \(OTB100 by got10k"):
        compare(_scores([0], "ours"), _scores([0], "theirs", "got10k"))
    with pytest.raises(ValueError, match="score both on the same sequences"):
        compare(_scores([0], "ours"), _scores([0, 1], "theirs"))
