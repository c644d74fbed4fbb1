"""Runs laid end to end, so that the overlaps of all frames of a tracker are computed at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.vot.overlap import OVERLAPS
from siamtrack.evaluation.vot.regions import FAILURE, INITIALISATION, Array, Mask, Regions
from siamtrack.evaluation.vot.truth import VotResults, VotRun, VotTruth

log = logging.getLogger(__name__)


class Trajectory(NamedTuple):
    """One run beside its truth, frame by frame."""

    sequence: int  # index of its sequence
    truth: VotTruth
    run: VotRun


def trajectories(truths: Sequence[VotTruth], results: VotResults, cut: bool) -> list[Trajectory]:
    """Every run of every sequence.

    Args:
        truths: the sequences.
        results: of one tracker.
        cut: runs of another length than their sequence are compared as far as both reach, with a warning; otherwise
            they are refused.

    Raises:
        ResultError: a sequence without a run, or one of another length.
        ValueError: no sequence, or two of one name.
    """
    names = [truth.name for truth in truths]
    if not names:
        raise ValueError("There is no sequence to evaluate on.")
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Two sequences are called {twice[0]!r}; names decide which result belongs to which.")
    found = [Trajectory(i, truth, run) for i, truth in enumerate(truths) for run in results.of(truth.name, names)]
    return [_matched(trajectory, results.tracker, cut) for trajectory in found]


def _matched(trajectory: Trajectory, tracker: str, cut: bool) -> Trajectory:
    rows, frames = len(trajectory.run.regions), len(trajectory.truth.regions)
    if rows == frames:
        return trajectory
    where = trajectory.run.source or f"{tracker}, sequence {trajectory.truth.name}"
    if not cut:
        raise ResultError(
            f"{where}: {rows} rows for {frames} frames, which the official toolkit refuses; run the sequence again."
        )
    log.warning("%s: %d rows for %d frames; compared as far as both reach.", where, rows, frames)
    return trajectory


def overlaps(found: Sequence[Trajectory], overlap: str, less: int = 0) -> list[Array]:
    """Overlap with the truth, ``[frames]`` for each run, as far as run and truth reach.

    Args:
        found: the runs.
        overlap: a key of ``OVERLAPS``.
        less: taken off width and height of the frame, px.
    """
    lengths = [min(len(t.run.regions), len(t.truth.regions)) for t in found]
    first = Regions.concatenate([t.run.regions[:n] for t, n in zip(found, lengths, strict=True)])
    second = Regions.concatenate([t.truth.regions[:n] for t, n in zip(found, lengths, strict=True)])
    sizes = np.repeat(np.array([t.truth.size for t in found], np.float64) - less, lengths, axis=0)
    return np.split(OVERLAPS[overlap](first, second, sizes), np.cumsum(lengths)[:-1])


def check_restarts(run: VotRun, where: str) -> None:
    """Whether a run's codes are those of a restarting one: 1 first, and a new 1 after every 2.

    Raises:
        ResultError: they are not; says in which row.
    """
    marks = np.flatnonzero(run.regions.is_code(INITIALISATION) | run.regions.is_code(FAILURE))
    failed = run.regions.is_code(FAILURE)[marks]
    expected = np.arange(len(marks)) % 2 == 1
    if not len(marks) or marks[0] != 0 or failed[0]:
        raise ResultError(f"{where}, row 1: a run that restarts begins with 1 (initialisation), this one does not.")
    wrong = np.flatnonzero(failed != expected)
    if len(wrong):
        row = marks[wrong[0]] + 1
        what = "2 (failure)" if failed[wrong[0]] else "1 (initialisation)"
        other = "an initialisation (1)" if failed[wrong[0]] else "a failure (2)"
        raise ResultError(f"{where}, row {row}: {what} without {other} since row {marks[wrong[0] - 1] + 1}.")


def burning_in(regions: Regions, frames: int) -> Mask:
    """``[rows]`` rows less than ``frames`` after an initialisation, itself included."""
    rows = np.arange(len(regions))
    latest = np.maximum.accumulate(np.where(regions.is_code(INITIALISATION), rows, -frames))
    young: Mask = rows - latest < frames
    return young


def mean_of_known(values: Array) -> float:
    """Mean of the numbers that are not NaN; NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
