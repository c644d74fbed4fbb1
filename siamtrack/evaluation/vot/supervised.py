"""VOT's experiment with restarts (2013 to 2019) as pysot's toolkit and as the official one score it.

Both know accuracy (overlap while tracking), robustness (failures) and the expected average overlap: runs are cut at
their failures into fragments, and the curve says what mean overlap to expect of a sequence of each length. They differ
in frames of burn-in, in what a failed fragment counts behind its failure, in weights, and in one frame of the interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from siamtrack.evaluation.vot.outlines import Indices
from siamtrack.evaluation.vot.protocols import BURN_IN, SENSITIVITY, SKIP, VotProtocol
from siamtrack.evaluation.vot.regions import FAILURE, INITIALISATION, UNKNOWN, Array
from siamtrack.evaluation.vot.scores import VotScores
from siamtrack.evaluation.vot.trajectories import (
    Trajectory,
    burning_in,
    check_restarts,
    mean_of_known,
    overlaps,
    trajectories,
)
from siamtrack.evaluation.vot.truth import UNTAGGED, VotResults, VotTruth

# pysot ----------------------------------------------------------------------------------------------------------------


def score_pysot(truths: Sequence[VotTruth], results: VotResults, rules: VotProtocol, benchmark: str = "") -> VotScores:
    """As pysot's toolkit; ``robustness`` is 100 failures / frames, ``lost_number`` the failures of all sequences.

    Frames weigh equally in accuracy. Tags give the expected average overlap by pysot's weights, and accuracy and
    failures of the tagged frames.

    Raises:
        ResultError: a sequence has no run, or one whose codes are not those of restarts.
    """
    found = _restarting(truths, results, cut=True)
    accurate = [
        np.where(burning_in(t.run.regions[: len(o)], BURN_IN), np.nan, o)
        for t, o in zip(found, overlaps(found, "pysot"), strict=True)
    ]
    frames = [_mean_over_runs(found, accurate, i) for i in range(len(truths))]
    runs = np.bincount([t.sequence for t in found], minlength=len(truths))
    failed = [np.flatnonzero(t.run.regions.is_code(FAILURE)) for t in found]
    lost = np.bincount([t.sequence for t in found], list(map(len, failed)), len(truths)) / runs
    lengths = np.array([len(values) for values in frames])
    accuracy, total = mean_of_known(np.concatenate(frames)), lost.sum()
    share = 1 / (runs + 1e-10)
    fragments = _PysotFragments(found, overlaps(found, "pysot", less=1), failed, [share[t.sequence] for t in found])
    return VotScores(
        tracker=results.tracker,
        benchmark=benchmark,
        protocol=rules,
        sequences=tuple(truth.name for truth in truths),
        values={
            "accuracy": accuracy,
            "robustness": float(100 * total / lengths.sum()),
            "lost_number": float(total),
            "eao": fragments.eao(rules.interval),
        },
        per_sequence={
            "accuracy": np.array([mean_of_known(values) for values in frames]),
            "robustness": 100 * lost / lengths,
            "lost_number": lost,
        },
        curves={"eao": fragments.curve()},
        ar=(math.exp(-SENSITIVITY * total / lengths.sum()), accuracy),
        tags=_pysot_tags(truths, found, frames, failed, runs, fragments, rules),
        fps=results.fps([truth.name for truth in truths]),
    )


def _restarting(truths: Sequence[VotTruth], results: VotResults, cut: bool) -> list[Trajectory]:
    found = trajectories(truths, results, cut)
    for trajectory in found:
        where = trajectory.run.source or f"{results.tracker}, sequence {trajectory.truth.name}"
        check_restarts(trajectory.run, where)
    return found


def _mean_over_runs(found: Sequence[Trajectory], values: Sequence[Array], sequence: int) -> Array:
    """``[frames]`` mean over the runs of a sequence in which a frame has a number."""
    rows = [value for t, value in zip(found, values, strict=True) if t.sequence == sequence]
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, value in zip(table, rows, strict=True):
        row[: len(value)] = value
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        mean: Array = np.where(known, table, 0).sum(0) / known.sum(0)
    return mean


class _PysotFragments:
    """Runs cut at their restarts, and what expected average overlap follows for any weighting of frames.

    A fragment goes on into the frame of the next initialisation; what follows a failure counts as 0 to the longest
    length. A run without failure keeps its NaN overlaps, so that nothing is expected of its first frame.

    Args:
        found: the runs.
        overlap: ``[frames]`` each.
        failed: rows of failure each.
        share: weight of a run each.
    """

    def __init__(
        self, found: Sequence[Trajectory], overlap: Sequence[Array], failed: Sequence[Indices], share: Sequence[float]
    ) -> None:
        self.pieces: list[tuple[int, int, int, float, float]] = []  # run, begin, end, length, share
        rows: list[Array] = []
        longest = max(map(len, overlap))
        for i, (trajectory, values, failures) in enumerate(zip(found, overlap, failed, strict=True)):
            if not len(failures):
                rows.append(_filled(values, longest, np.nan))
                self.pieces.append((i, 0, len(values), len(values), share[i]))
                continue
            points = [0, *(int(f) + SKIP for f in failures if f + SKIP <= len(values))]
            for begin, following in itertools.pairwise(points):
                rows.append(_filled(np.nan_to_num(values[begin : following + 1]), longest, 0.0))
                self.pieces.append((i, begin, following + 1, following + 1 - begin, share[i]))
            rows.append(_filled(np.nan_to_num(values[points[-1] :]), longest, np.nan))
            length = len(trajectory.truth.regions) - points[-1] + 1e-16
            self.pieces.append((i, points[-1], len(values), length, share[i]))
        self.truths = [trajectory.truth for trajectory in found]
        fragments = np.array(rows)
        self._known = ~np.isnan(fragments[:, 1:])
        self._means = np.cumsum(fragments[:, 1:], 1) / np.arange(1, longest)

    def curve(self, tag: str = "") -> Array:
        """``[L]`` single-precision numbers; 1 at length 0, as pysot has it.

        Args:
            tag: weights fragments by how many of their frames have it; as :meth:`VotTruth.tagged`.
        """
        weights = np.array([self._weight(tag, *piece) for piece in self.pieces])[:, None]
        total = (self._known * weights).sum(0)
        curve = np.zeros(self._means.shape[1] + 1, np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(self._known, self._means * weights, 0).sum(0) / total
        curve[0], curve[1:] = 1, np.where(self._known.any(0), mean, 0)
        return curve.astype(np.float64)

    def eao(self, interval: tuple[int, int] | None, tag: str = "") -> float:
        """Mean of the curve over the interval, whose ends pysot counts from 1."""
        assert interval is not None  # every supervised edition has one
        return mean_of_known(self.curve(tag)[interval[0] - 1 : interval[1]])

    def _weight(self, tag: str, run: int, begin: int, end: int, length: float, share: float) -> float:
        return share * float(self.truths[run].tagged(tag)[begin:end].sum()) / length


def _filled(values: Array, length: int, rest: float) -> Array:
    row = np.full(length, rest)
    row[: len(values)] = values
    return row


def _pysot_tags(
    truths: Sequence[VotTruth],
    found: Sequence[Trajectory],
    frames: Sequence[Array],
    failed: Sequence[Indices],
    runs: Indices,
    fragments: _PysotFragments,
    rules: VotProtocol,
) -> dict[str, dict[str, float]]:
    names = sorted({tag for truth in truths for tag in truth.tags})
    tags = {}
    for tag in [*names, UNTAGGED] if names else []:
        marked = [truth.tagged(tag) for truth in truths]
        values = np.concatenate([v[m[: len(v)]] for v, m in zip(frames, marked, strict=True)])
        lost = sum(
            float(marked[t.sequence][rows[rows < len(marked[t.sequence])]].sum() / runs[t.sequence])
            for t, rows in zip(found, failed, strict=True)
        )
        tags[tag] = {"eao": fragments.eao(rules.interval, tag), "accuracy": mean_of_known(values), "lost_number": lost}
    return tags


# The official toolkit -------------------------------------------------------------------------------------------------


def score_official(
    truths: Sequence[VotTruth], results: VotResults, rules: VotProtocol, benchmark: str = ""
) -> VotScores:
    """As ``vot-toolkit``; ``robustness`` is the number of failures of a sequence, weighted by its length.

    Accuracy is weighted by the length of sequences, too.

    Raises:
        ResultError: a sequence has no run, or one of another length, or whose codes are not those of restarts.
    """
    found = _restarting(truths, results, cut=False)
    overlap = overlaps(found, "official")
    accuracy, failures = np.zeros(len(truths)), np.zeros(len(truths))
    runs = np.bincount([t.sequence for t in found], minlength=len(truths))
    for t, values in zip(found, overlap, strict=True):
        regions = t.run.regions
        scored = ~(burning_in(regions, BURN_IN) | regions.is_code(UNKNOWN) | regions.is_code(FAILURE))
        accuracy[t.sequence] += values[scored].mean() if scored.any() else 0.0
        failures[t.sequence] += regions.is_code(FAILURE).sum()
    accuracy, failures = accuracy / runs, failures / runs
    lengths = np.array([len(truth.regions) for truth in truths])
    overall, lost = (float(values @ lengths / lengths.sum()) for values in (accuracy, failures))
    curve = _official_curve(found, overlap)
    assert rules.interval is not None  # every supervised edition has one
    low, high = rules.interval
    return VotScores(
        tracker=results.tracker,
        benchmark=benchmark,
        protocol=rules,
        sequences=tuple(truth.name for truth in truths),
        values={"accuracy": overall, "robustness": lost, "eao": mean_of_known(curve[low : high + 1])},
        per_sequence={"accuracy": accuracy, "robustness": failures},
        curves={"eao": curve},
        ar=(math.exp(-SENSITIVITY * lost / lengths.mean()), overall),
        fps=results.fps([truth.name for truth in truths]),
    )


def _official_curve(found: Sequence[Trajectory], overlap: Sequence[Array]) -> Array:
    """``[L]`` expected average overlap: a fragment that failed counts 0 to the end, another only to its own."""
    pieces: list[tuple[Array, bool]] = []  # overlaps of a fragment, and whether it failed
    for t, values in zip(found, overlap, strict=True):
        starts = np.flatnonzero(t.run.regions.is_code(INITIALISATION))
        stops = np.flatnonzero(t.run.regions.is_code(FAILURE))
        pieces += [(values[a:b], True) for a, b in zip(starts, stops, strict=False)]
        if len(starts) > len(stops):
            pieces.append((values[starts[-1] :], False))
    longest = max(len(values) for values, _ in pieces)
    table = np.array([_filled(values, longest, 0.0) for values, _ in pieces], np.float32).astype(np.float64)
    reach = np.array([longest if failed else len(values) for values, failed in pieces])
    active = np.arange(longest) < reach[:, None]
    table[:, 1:] = np.cumsum(table[:, 1:], 1) / np.arange(1, longest)
    curve: Array = (table * active).sum(0) / active.sum(0)
    return curve
