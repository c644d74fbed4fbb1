"""VOT's long-term experiment: precision, recall and F over thresholds of the confidence, by both toolkits.

A tracker says in every frame how sure it is that the target is there. At each threshold precision is the mean overlap
of the frames at or above it, recall the sum of those overlaps over the frames in which the target is visible; both are
averaged over sequences, and F of the averages is largest at the threshold that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.vot.protocols import RESOLUTION, VotProtocol
from siamtrack.evaluation.vot.regions import Array
from siamtrack.evaluation.vot.scores import VotScores
from siamtrack.evaluation.vot.trajectories import Trajectory, overlaps, trajectories
from siamtrack.evaluation.vot.truth import VotResults, VotTruth


def score_longterm(
    truths: Sequence[VotTruth], results: VotResults, rules: VotProtocol, benchmark: str = ""
) -> VotScores:
    """F with its precision and recall, by the toolkit that ``rules`` names.

    Raises:
        ResultError: a sequence has no run, or one without confidences, or (official) of another length.
        ValueError: a sequence in which the target is never visible.
    """
    pysot = rules.name == "pysot-vot"
    found = trajectories(truths, results, cut=pysot)
    overlap = [np.nan_to_num(o) for o in overlaps(found, "pysot" if pysot else "official")]
    confidence = [_confidence(t, results.tracker)[: len(o)] for t, o in zip(found, overlap, strict=True)]
    pooled = np.concatenate(confidence)
    thresholds = _thresholds_pysot(pooled) if pysot else _thresholds_official(pooled)
    runs = np.bincount([t.sequence for t in found], minlength=len(truths))
    precision, recall = np.zeros((2, len(truths), len(thresholds)))
    for t, values, scores in zip(found, overlap, confidence, strict=True):
        visible = int((~t.truth.regions.special).sum())
        if not visible:
            raise ValueError(f"Sequence {t.truth.name}: the target is never visible; leave the sequence out.")
        p, r = _at(thresholds, values, _known(scores), visible, positive=pysot)
        precision[t.sequence] += p / runs[t.sequence]
        recall[t.sequence] += r / runs[t.sequence]
    mean_p, mean_r = precision.mean(0), recall.mean(0)
    f1 = _f(mean_p, mean_r)
    best = int(np.argmax(f1))
    return VotScores(
        tracker=results.tracker,
        benchmark=benchmark,
        protocol=rules,
        sequences=tuple(truth.name for truth in truths),
        values={"f1": float(f1[best]), "precision": float(mean_p[best]), "recall": float(mean_r[best])},
        per_sequence={
            "precision": precision[:, best],
            "recall": recall[:, best],
            "f1": _f(precision[:, best], recall[:, best]),
        },
        curves={"precision": mean_p, "recall": mean_r, "f1": f1, "thresholds": thresholds},
        fps=results.fps([truth.name for truth in truths]),
    )


def _confidence(trajectory: Trajectory, tracker: str) -> Array:
    run = trajectory.run
    if run.confidence is None:
        where = run.source or f"{tracker}, sequence {trajectory.truth.name}"
        raise ResultError(
            f"{where}: no confidences beside it; the long-term experiment asks for one per frame, "
            f"{trajectory.truth.name}_001_confidence.value."
        )
    return run.confidence


def _known(confidence: Array) -> Array:
    """A missing score is 0; an infinite one stays, for it is at every threshold."""
    return np.where(np.isnan(confidence), 0.0, confidence)


def _thresholds_pysot(confidence: Array) -> Array:
    """Infinity, 98 scores in falling order, minus infinity; missing scores do not count."""
    scores = np.sort(confidence[~np.isnan(confidence)])
    places = RESOLUTION - 2
    delta = len(scores) // places
    index = np.floor(np.linspace(delta - 1, len(scores) - delta, places) + 0.5).astype(np.intp)
    chosen = scores[np.clip(index, 0, len(scores) - 1)] if len(scores) else scores
    return np.concatenate([[np.inf], chosen[::-1], [-np.inf]])


def _thresholds_official(confidence: Array) -> Array:
    """Infinity, 98 scores in falling order (all where there are no more), minus infinity; a missing score is 0."""
    scores = np.sort(_known(confidence))[::-1]
    places = RESOLUTION - 2
    if len(scores) > places:
        delta = len(scores) // places
        scores = scores[np.round(np.linspace(delta, len(scores) - delta, places)).astype(np.intp)]
    return np.concatenate([[np.inf], scores, [-np.inf]])


def _at(thresholds: Array, overlap: Array, scores: Array, visible: int, positive: bool) -> tuple[Array, Array]:
    """``[T]`` precision and recall of one run; nothing selected is precise and recalls nothing.

    Args:
        thresholds: ``[T]``.
        overlap: ``[F]``.
        scores: ``[F]``.
        visible: number of frames with the target.
        positive: minus infinity selects scores above 0 (pysot) instead of all.
    """
    order = np.argsort(-scores, kind="stable")
    chosen = np.searchsorted(-scores[order], -thresholds, side="right")
    if positive:
        chosen = np.where(np.isneginf(thresholds), (scores > 0).sum(), chosen)
    sums = np.concatenate([[0.0], np.cumsum(overlap[order])])[chosen]
    precision: Array = np.where(chosen > 0, sums / np.maximum(chosen, 1), 1.0)
    return precision, sums / visible


def _f(precision: Array, recall: Array) -> Array:
    total = precision + recall
    f: Array = np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1), 0.0)
    return f
