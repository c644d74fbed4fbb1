"""Numbers of several runs: spread over seeds, and the paired difference of two trackers with its interval."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siamtrack.evaluation.protocols import Metric
from siamtrack.evaluation.scores import Scores

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


@dataclass(frozen=True)
class Comparison:
    """One metric of two trackers on the same sequences by the same protocol.

    Attributes:
        tracker: whose difference it is.
        reference: what it is held against.
        metric: which number.
        difference: tracker minus reference, in the unit of the metric.
        better: sequences on which the tracker is above.
        worse: sequences on which it is below.
    """

    tracker: str
    reference: str
    metric: Metric
    difference: Difference
    better: int
    worse: int

    @property
    def decided(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.difference.low > 0 or self.difference.high < 0


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


def compare(scores: Scores, reference: Scores) -> list[Comparison]:
    """Every metric of a protocol, tracker against reference, paired by sequence.

    The mean is over sequences also where the protocol's own number averages frames (GOT-10k) or leaves sequences out,
    so that it may differ from the difference of the two scores.

    Raises:
        ValueError: other benchmarks, protocols or sequences.
    """
    ours, theirs = (f"{s.tracker} ({s.benchmark} by {s.protocol.name})" for s in (scores, reference))
    if (scores.benchmark, scores.protocol) != (reference.benchmark, reference.protocol):
        raise ValueError(f"{ours} cannot be paired with {theirs}: score both on one benchmark by one protocol.")
    if scores.sequences != reference.sequences:
        raise ValueError(f"{ours} cannot be paired with {theirs}: score both on the same sequences.")
    made = []
    for metric in scores.protocol.metrics:
        pair = scores.sequence_values(metric.name), reference.sequence_values(metric.name)
        difference = paired_difference(*pair)
        if difference is not None:
            above, below = int((pair[0] > pair[1]).sum()), int((pair[0] < pair[1]).sum())
            made.append(Comparison(scores.tracker, reference.tracker, metric, difference, above, below))
    return made


def _resampled_means(values: Array, resamples: int, seed: int) -> Array:
    """``[resamples]`` means of as many values, drawn with replacement."""
    means: Array = _draws(len(values), resamples, seed) @ values / len(values)
    return means


@functools.lru_cache(maxsize=1)  # drawing takes most of the time, and every metric of every tracker draws the same
def _draws(n: int, resamples: int, seed: int) -> Array:
    """``[resamples, n]`` how often each of n is drawn in n drawings."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    counts.flags.writeable = False
    return counts
