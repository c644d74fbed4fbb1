"""VOT's experiment with anchors (2020 to 2022): runs in both directions from frames along the sequence.

A run fails where its overlap stays at or below 0.1 for ten frames while the target is there; it counts as far as the
first of them. Accuracy is the mean overlap up to there, robustness the share of frames reached
(``vot-toolkit`` ``vot/analysis/multistart.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.vot.protocols import GRACE, THRESHOLD, VotProtocol
from siamtrack.evaluation.vot.regions import Array, Mask, Regions
from siamtrack.evaluation.vot.scores import VotScores
from siamtrack.evaluation.vot.trajectories import Trajectory, overlaps, trajectories
from siamtrack.evaluation.vot.truth import VotResults, VotRun, VotTruth


def score_multistart(
    truths: Sequence[VotTruth], results: VotResults, rules: VotProtocol, benchmark: str = ""
) -> VotScores:
    """As ``vot-toolkit``; accuracy weighs sequences by the frames reached, robustness by their length.

    Raises:
        ResultError: an anchor has no run, or one of another length than the sequence from there.
        ValueError: a sequence has no anchor.
    """
    assert rules.interval is not None  # every edition with anchors has one
    low, high = rules.interval
    found = _from_anchors(truths, results)
    overlap = overlaps(found, "official")
    reached = np.array([_reached(o, _empty(t.truth.regions)) for t, o in zip(found, overlap, strict=True)])
    length = np.array([len(o) for o in overlap])
    sequence = np.array([t.sequence for t in found])
    total = [o[:n].sum() for o, n in zip(overlap, reached, strict=True)]
    summed, progress, frames = (np.bincount(sequence, v, len(truths)) for v in (total, reached, length))
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = np.where(progress > 0, summed / progress, 0.0)
    robustness = progress / frames
    weights = np.array([len(truth.regions) for truth in truths])
    with np.errstate(invalid="ignore", divide="ignore"):
        overall = float((accuracy * progress).sum() / progress.sum())
    stayed = float((robustness * weights).sum() / weights.sum())
    curve = _curve(overlap, reached, high)
    return VotScores(
        tracker=results.tracker,
        benchmark=benchmark,
        protocol=rules,
        sequences=tuple(truth.name for truth in truths),
        values={"accuracy": overall, "robustness": stayed, "eao": float(curve[low : high + 1].mean())},
        per_sequence={"accuracy": accuracy, "robustness": robustness},
        curves={"eao": curve},
        ar=(stayed, overall),
        fps=results.fps([truth.name for truth in truths]),
    )


def _from_anchors(truths: Sequence[VotTruth], results: VotResults) -> list[Trajectory]:
    names = [truth.name for truth in truths]
    found = []
    for i, truth in enumerate(truths):
        runs = {run.anchor: run for run in results.of(truth.name, names)}
        for anchor, backward in truth.starts():
            if anchor not in runs:
                raise ResultError(
                    f"{results.tracker}, sequence {truth.name}: no run from anchor {anchor}; "
                    f"{truth.name}_{anchor:08d}.txt is expected."
                )
            seen = truth.seen_from(anchor, backward)
            # one sequence a run, so that lengths are compared with what lies ahead of the anchor
            alone = VotResults(results.tracker, {truth.name: [_begun(runs[anchor], results.tracker, truth.name)]})
            found += [t._replace(sequence=i) for t in trajectories([seen], alone, cut=False)]
    return found


def _begun(run: VotRun, tracker: str, name: str) -> VotRun:
    codes = np.flatnonzero(run.regions.special)
    if codes.tolist() != [0]:
        where = run.source or f"{tracker}, sequence {name}"
        row = 1 if 0 not in codes else int(codes[codes > 0][0]) + 1
        raise ResultError(
            f"{where}, row {row}: a run from an anchor has 1 (initialisation) in its first row and boxes in all others."
        )
    return run


def _empty(regions: Regions) -> Mask:
    """``[F]`` frames whose truth is a code, or has no extent."""
    points, box = regions.corners()[0], regions.rectangular
    flat = (np.ptp(points, axis=1) == 0).any(1)
    flat[box] = (regions.values[box, 2:4] <= 0).any(1)
    empty: Mask = regions.special | flat
    return empty


def _reached(overlap: Array, empty: Mask) -> int:
    """Frames before the first of ``GRACE`` low ones in a row, or all."""
    low = (overlap <= THRESHOLD) & ~empty
    rows = np.arange(len(low))
    streak = rows - np.maximum.accumulate(np.where(low, -1, rows))
    lost = np.flatnonzero(streak == GRACE)
    return int(lost[0]) + 1 - GRACE if len(lost) else len(overlap)


def _curve(overlap: Sequence[Array], reached: Array, length: int) -> Array:
    """``[length]`` expected average overlap over all runs, 0 at length 0.

    A run that failed goes on with zeros, beyond its own length too; there the toolkit divides by one frame less.
    """
    total, active = np.zeros(length), np.zeros(length)
    at = np.arange(length)
    for values, stop in zip(overlap, reached, strict=True):
        kept = np.where(np.arange(len(values)) < stop, values, 0.0)
        kept[0] = 0.0
        sums = np.cumsum(kept)
        own = min(len(values), length)
        total[1:own] += sums[1:own] / at[1:own]
        active[1:own] += 1
        if stop < len(values) and own < length:
            total[own:] += sums[-1] / (at[own:] - 1)
            active[own:] += 1
    curve: Array = np.where(active > 0, total / np.maximum(active, 1), 0.0)
    return curve
