"""Counter-based draws: addressed, even, independent."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from siamtrack.data import streams


@given(
    seed=st.integers(0, 2**64 - 1), first=st.integers(0, 2**40), skip=st.integers(0, 9), width=st.sampled_from([4, 44])
)
def test_words_do_not_depend_on_where_one_starts(seed, first, skip, width):
    whole = streams.words(seed, streams.SAMPLES, first, 10, width)
    np.testing.assert_array_equal(whole[skip:], streams.words(seed, streams.SAMPLES, first + skip, 10 - skip, width))


def test_words_are_philox_for_ever():
    """The generator's bits are a promise: a change here changes every training run."""
    assert [hex(int(w)) for w in streams.words(123456, streams.SAMPLES, 7, 1, 4)[0]] == [
        "0x5d00943e62cc256f",
        "0xf8d9ba0076ee6d76",
        "0xac12ec692c8aa3a2",
        "0xca8ca9987e8bdcc1",
    ]


def test_streams_and_seeds_differ():
    a = streams.words(1, streams.SAMPLES, 0, 100, 4)
    assert not (a == streams.words(1, streams.ORDER, 0, 100, 4)).any()
    assert not (a == streams.words(2, streams.SAMPLES, 0, 100, 4)).any()


def test_uniform_integer_and_normal_moments():
    bits = streams.words(3, streams.SAMPLES, 0, 50_000, 4)
    u = streams.uniform(bits)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 0.005
    counts = np.bincount(streams.integers(bits[:, 0], np.full(len(bits), 7)), minlength=7)
    assert len(counts) == 7
    assert np.abs(counts / len(bits) - 1 / 7).max() < 0.01
    z = streams.normal(bits)
    assert np.abs(z.mean(0)).max() < 0.02
    assert np.abs(np.cov(z.T) - np.eye(4)).max() < 0.03
    assert 0.994 < (np.abs(z) < 3).mean() < 0.9985  # 0.9973


def test_permutations_are_permutations_and_differ():
    shuffles = streams.permutations(5, streams.LISTS, 10, 6, 9)
    np.testing.assert_array_equal(np.sort(shuffles, 1), np.tile(np.arange(9), (6, 1)))
    assert len({tuple(row) for row in shuffles}) == 6
    np.testing.assert_array_equal(shuffles[2:], streams.permutations(5, streams.LISTS, 12, 4, 9))
