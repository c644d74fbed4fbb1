"""Scores that others published, and ours held against them.

``published.csv`` lists them with the protocol that the source states and the place where the number stands; numbers
that could not be traced to a source are not in it. Values are fractions, also where the source prints per cent.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from siamtrack.evaluation.protocols import benchmark as known_benchmark
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.vot.scores import VotScores

UNSTATED = "unstated"

PYSOT_VOT = "pysot-vot"

# Our metrics by the name under which others publish them; ask by `published_name`. got10k's mean of the normalised
# curve is left out: nobody publishes it, and it must not stand beside readings at 0.2.
METRICS = {
    "success": "success",
    "auc_percent": "success",
    "precision@20": "precision",
    "precision_percent": "precision",
    "norm_precision@0.2": "norm_precision",
    "norm_precision_percent": "norm_precision",
    "ao": "ao",
    "sr50": "sr50",
    "sr75": "sr75",
    "eao": "eao",
    "accuracy": "accuracy",
    "robustness": "robustness",
}
_SAME = {"LaSOT": "LaSOT-test", "GOT-10k": "GOT-10k-val"}  # what a benchmark without its part stands for


@dataclass(frozen=True)
class Published:
    """One published number.

    Attributes:
        tracker: as the source calls it.
        benchmark: with its part (``GOT-10k-val``).
        metric: a value of ``METRICS``; VOT's ``robustness`` is failures per 100 frames.
        value: a fraction, with the digits of the source.
        protocol: a key of ``PROTOCOLS``, ``pysot-vot``, a server (``got10k-server``), or ``unstated``.
        year: in which the tracker was published; ``None`` where not known.
        source: where the number stands.
    """

    tracker: str
    benchmark: str
    metric: str
    value: float
    protocol: str
    year: int | None
    source: str


@dataclass(frozen=True)
class Beside:
    """A number of ours beside a published one of the same tracker."""

    ours: float
    published: Published
    protocol: str

    @property
    def same_protocol(self) -> bool:
        return self.protocol == self.published.protocol

    def warning(self) -> str:
        """Why the two cannot be compared; empty where they can."""
        if self.same_protocol:
            return ""
        about = self.published
        states = "does not state its protocol" if about.protocol == UNSTATED else f"is by {about.protocol}"
        return (
            f"{about.tracker} on {about.benchmark}: {about.metric} {about.value:g} of {about.source} {states}, "
            f"ours is by {self.protocol}; protocols alone move such numbers by hundredths."
        )


def published_name(metric: str, protocol: str) -> str | None:
    """The name under which others publish a metric of ours, or ``None`` where they publish something else.

    Published robustness is failures per 100 frames, as pysot counts them; that of the official VOT toolkit is not.
    """
    return None if metric == "robustness" and protocol != PYSOT_VOT else METRICS.get(metric)


@functools.cache
def published() -> tuple[Published, ...]:
    """Every published number that comes with the package."""
    text = resources.files(__package__).joinpath("published.csv").read_text("utf-8")
    return tuple(
        Published(
            row["tracker"],
            row["benchmark"],
            row["metric"],
            float(row["value"]),
            row["protocol"],
            int(row["year"]) if row["year"] else None,
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def published_on(benchmark: str, known: Iterable[Published] | None = None) -> list[Published]:
    """Published numbers of one benchmark; its name is read as everywhere (case and punctuation aside)."""
    name = known_benchmark(benchmark).name
    wanted = {_key(benchmark), _key(name), _key(_SAME.get(name, name))}
    return [row for row in (published() if known is None else known) if _key(row.benchmark) in wanted]


def beside(scores: Sequence[Scores | VotScores], known: Iterable[Published] | None = None) -> list[Beside]:
    """Ours beside the published numbers of the trackers that have the same name, case and punctuation aside."""
    rows = list(published() if known is None else known)
    return [
        Beside(value / score.protocol.metric(name).scale, row, score.protocol.name)
        for score in scores
        for row in published_on(score.benchmark, rows)
        if _key(row.tracker) == _key(score.tracker)
        for name, value in score.metrics().items()
        if published_name(name, score.protocol.name) == row.metric
    ]


def _key(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum() or c == "+")
