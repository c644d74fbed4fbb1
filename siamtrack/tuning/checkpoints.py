"""Which checkpoint of a run: a range of epochs scored into one table, and the best one on a validation set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from siamtrack import evaluation
from siamtrack.evaluation import vot
from siamtrack.evaluation.report.tables import Column, Table


@dataclass(frozen=True)
class Scored:
    """One tracker on one benchmark: the first metric of the benchmark's usual protocol.

    Attributes:
        tracker: its name.
        title: of the column: benchmark and metric.
        value: ``None`` where it could not be scored.
        reason: why.
    """

    tracker: str
    title: str
    value: float | None
    reason: str = ""


def score(tracker: str, benchmark: str, folder: Any, truths: Sequence[evaluation.Truth]) -> Scored:
    """Score the one-pass results of a tracker.

    Args:
        tracker: its name.
        benchmark: its name; decides the protocol.
        folder: of its results.
        truths: the annotations.
    """
    rules = evaluation.resolve("", benchmark)
    title = f"{benchmark} {rules.metrics[0].label}"
    try:
        found = evaluation.load_results(folder, {truth.name: len(truth.boxes) for truth in truths}, tracker)
        value = evaluation.evaluate(truths, found, rules, benchmark=benchmark).value(rules.metrics[0].name)
    except ValueError as error:  # also where only the first box of a sequence is known
        return Scored(tracker, title, None, str(error))
    return Scored(tracker, title, value if math.isfinite(value) else None)


def score_vot(tracker: str, benchmark: str, folder: Any, truths: Sequence[vot.VotTruth]) -> Scored:
    """Score the results of the experiment that an edition of VOT asks for; otherwise as :func:`score`."""
    about = vot.edition(benchmark)
    if about is None:
        return Scored(tracker, f"{benchmark}", None, f"{benchmark} is no edition of VOT, so its runs have no protocol.")
    rules = vot.resolve_vot("", about)
    title = f"{benchmark} {rules.metrics[0].label}"
    try:
        (scores,) = vot.evaluate_folders(truths, {tracker: folder}, benchmark=benchmark)
    except ValueError as error:  # also where only the first box of a sequence is known
        return Scored(tracker, title, None, str(error))
    value = scores.value(rules.metrics[0].name)
    return Scored(tracker, title, value if math.isfinite(value) else None)


def best(scored: Sequence[Scored]) -> int:
    """Index of the highest score; of equal ones the first.

    Raises:
        ValueError: nothing could be scored.
    """
    known = [i for i, s in enumerate(scored) if s.value is not None]
    if not known:
        raise ValueError(f"no checkpoint could be scored; {scored[0].tracker}: {scored[0].reason}")
    return max(known, key=lambda i: (scored[i].value or 0.0, -i))


def table(title: str, scored: Sequence[Scored], chosen: str = "") -> Table:
    """A row for each tracker, a column for each benchmark.

    Args:
        title: above it.
        scored: any order; the trackers' first appearances are the order of the rows.
        chosen: the tracker that is marked as chosen; empty: none was.
    """
    trackers = list(dict.fromkeys(s.tracker for s in scored))
    titles = list(dict.fromkeys(s.title for s in scored))
    values = {(s.tracker, s.title): s.value for s in scored}
    marks = tuple((name, "chosen" if name == chosen else "") for name in trackers)
    return Table(
        title=title,
        heads=("Checkpoint", "") if chosen else ("Checkpoint",),
        columns=tuple(Column(t) for t in titles),
        labels=marks if chosen else tuple((name,) for name in trackers),
        values=tuple(tuple(values.get((name, t)) for t in titles) for name in trackers),
    )
