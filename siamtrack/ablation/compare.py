"""Numbers of several runs: spread over seeds, and the paired difference of two variants with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 10_000

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A number over seeds: mean, and the standard deviation (n - 1), ``None`` for a single run."""

    mean: float
    deviation: float | None
    runs: int


@dataclass(frozen=True)
class Difference:
    """How much a variant is above another one, sequence by sequence.

    Attributes:
        mean: of the paired differences.
        low: lower end of the bootstrap interval.
        high: upper end.
        pairs: sequences that both were scored on.
    """

    mean: float
    low: float
    high: float
    pairs: int


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("there is no run to average over.")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))


def paired_difference(
    variant: ArrayLike,
    reference: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference | None:
    """Mean difference of two variants over the sequences, with a percentile bootstrap interval.

    The pairs are sequences, each averaged over the seeds first; pairs are drawn with replacement. The interval thus
    says what other sequences of this kind might have given, not what other seeds might have. Sequences where either is
    not a number are left out.

    Args:
        variant: ``[seeds, sequences]``.
        reference: ``[seeds', sequences]``, the same sequences in the same order.
        level: share of the resampled means inside the interval.
        resamples: how many.
        seed: of the drawing; equal inputs give equal intervals.

    Returns:
        ``None`` where no sequence is left.

    Raises:
        ValueError: different numbers of sequences.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    ours, theirs = (np.atleast_2d(np.asarray(values, np.float64)).mean(0) for values in (variant, reference))
    if ours.shape != theirs.shape:
        raise ValueError(f"{len(ours)} sequences cannot be paired with {len(theirs)}: score both on the same ones.")
    differences = ours - theirs
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return None
    low, high = np.quantile(_resampled_means(differences, resamples, seed), [(1 - level) / 2, (1 + level) / 2])
    return Difference(float(differences.mean()), float(low), float(high), len(differences))


def _resampled_means(values: Array, resamples: int, seed: int) -> Array:
    """``[resamples]`` means of as many values, drawn with replacement."""
    n = len(values)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    means: Array = counts @ values / n
    return means
