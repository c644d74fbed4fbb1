"""Scores as plain data for the page's script: every number stands in a group that names benchmark and protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from siamtrack.evaluation.compare import LEVEL, RESAMPLES, compare
from siamtrack.evaluation.protocols import Metric, Protocol
from siamtrack.evaluation.report.comparisons import reference_of
from siamtrack.evaluation.report.html import evidence as evidence_
from siamtrack.evaluation.report.html.parts import number, published_part
from siamtrack.evaluation.report.html.vot import vot_group
from siamtrack.evaluation.report.panels import PANELS, panel_curves, reading
from siamtrack.evaluation.report.tables import headline_metric
from siamtrack.evaluation.scores import Scores
from siamtrack.evaluation.vot.scores import VotScores


def payload(
    scores: Sequence[Scores | VotScores],
    evidence: evidence_.Evidence | None = None,
    *,
    reference: str = "",
    published: bool = False,
) -> dict[str, Any]:
    """Everything the page shows.

    Args:
        scores: of any benchmarks and protocols.
        evidence: boxes of the first benchmark, if that is scored in one pass; ``None``: no drill-down into frames.
        reference: tracker that the others are paired with, in one-pass evaluation; empty: none.
        published: whether published scores stand beside ours.

    Raises:
        ValueError: the reference is none of the trackers.
    """
    made = []
    for kind in dict.fromkeys((score.benchmark, score.protocol) for score in scores):
        group = [score for score in scores if (score.benchmark, score.protocol) == kind]
        ranked = [score for score in _ranked(group) if isinstance(score, Scores)]
        vot = [score for score in _ranked(group) if isinstance(score, VotScores)]
        made.append(_group(ranked, reference, published) if ranked else vot_group(vot, published))
    trackers = list(dict.fromkeys(name for group in made for name in group["trackers"]))
    frames = {}
    if evidence is not None and scores and isinstance(scores[0], Scores):
        protocol = scores[0].protocol
        frames = {
            "protocol": protocol.name,
            "trackers": trackers,
            "sequences": evidence_.plain(evidence, trackers, protocol),
        }
    return {"trackers": trackers, "groups": made, "frames": frames}


def _ranked(group: Sequence[Scores | VotScores]) -> list[Scores | VotScores]:
    first = group[0].protocol.metrics[0].name
    return sorted(group, key=lambda score: -score.value(first))


def _group(ranked: Sequence[Scores], reference: str, published: bool) -> dict[str, Any]:
    about = ranked[0]
    metrics = [_metric(metric, about.protocol) for metric in about.protocol.metrics]
    if any(score.fps is not None for score in ranked):
        metrics.append({"name": "fps", "label": "FPS", "digits": 1, "ranked": False, "reading": _FPS})
    return {
        "benchmark": about.benchmark or "results",
        "protocol": {"name": about.protocol.name, "source": about.protocol.source, "rules": _rules(about.protocol)},
        "metrics": metrics,
        "trackers": [score.tracker for score in ranked],
        "values": [_numbers(score.metrics(), metrics) for score in ranked],
        "curves": [_curve(curve, ranked) for curve in panel_curves(about)],
        "points": None,
        "attributes": _attributes(ranked),
        "sequences": _sequences(ranked),
        "comparison": _comparison(ranked, reference) if reference else None,
        "published": published_part(ranked) if published else None,
    }


_FPS = "frames per second from the recorded times"


def _metric(metric: Metric, protocol: Protocol) -> dict[str, Any]:
    grid = protocol.thresholds("success" if metric.curve == "overlap" else metric.curve)
    return {
        "name": metric.name,
        "label": metric.label,
        "digits": 3 if metric.scale == 1 else 2,
        "scale": metric.scale,
        "ranked": True,
        "reading": f"{PANELS['success' if metric.curve == 'overlap' else metric.curve].title}: {reading(metric, grid)}",
    }


def _numbers(values: dict[str, float], metrics: Sequence[dict[str, Any]]) -> list[float | None]:
    return [number(values.get(metric["name"])) for metric in metrics]


def _curve(curve: str, ranked: Sequence[Scores]) -> dict[str, Any]:
    protocol = ranked[0].protocol
    metric = headline_metric(protocol, curve)
    assert metric is not None  # panel_curves lets no other through
    grid, panel = protocol.thresholds(curve), PANELS[curve]
    return {
        "name": curve,
        "title": panel.title,
        "x": panel.x_label,
        "y": panel.y_label,
        "grid": [round(float(t), 4) for t in grid],
        "at": None if metric.at is None else float(grid[metric.at]),
        "metric": metric.name,
        "reading": reading(metric, grid),
        "values": [[number(v, 4) for v in score.curve(curve)] for score in ranked],
    }


def _attributes(ranked: Sequence[Scores]) -> list[dict[str, Any]]:
    made = []
    for name, sequences in ranked[0].attributes.items():
        parts = [score.with_attribute(name) for score in ranked]
        metrics = ranked[0].protocol.metrics
        values = [[number(part.value(metric.name)) for metric in metrics] for part in parts]
        made.append({"name": name, "sequences": len(sequences & set(ranked[0].sequences)), "values": values})
    return made


def _sequences(ranked: Sequence[Scores]) -> list[dict[str, Any]]:
    about = ranked[0]
    table = np.array([[score.sequence_values(m.name) for m in about.protocol.metrics] for score in ranked])
    return [
        {
            "name": name,
            "frames": int(about.frames[i]),
            "attributes": [tag for tag, names in about.attributes.items() if name in names],
            "values": [[number(v) for v in row] for row in table[:, :, i]],
        }
        for i, name in enumerate(about.sequences)
    ]


def _comparison(ranked: Sequence[Scores], reference: str) -> dict[str, Any]:
    against = reference_of(ranked, reference)
    rows = [
        {
            "tracker": found.tracker,
            "metric": found.metric.name,
            "mean": number(found.difference.mean),
            "low": number(found.difference.low),
            "high": number(found.difference.high),
            "pairs": found.difference.pairs,
            "better": found.better,
            "worse": found.worse,
        }
        for score in ranked
        if score is not against
        for found in compare(score, against)
    ]
    return {"reference": reference, "level": LEVEL, "resamples": RESAMPLES, "rows": rows}


def _rules(protocol: Protocol) -> list[list[str]]:
    """A protocol in words, as label and sentence."""
    grid = protocol.thresholds("success")
    rules = [
        ["Success", f"overlap > t at {len(grid)} thresholds from {grid[0]:g} to {grid[-1]:g}"],
        ["Precision", f"centre error <= t at {len(protocol.precision_grid)} thresholds, px"],
        ["First frame", _FIRST[protocol.first]],
        ["Absent targets", _INVISIBLE[protocol.invisible]],
        ["Frames without a valid true box", _INVALID[math.isinf(protocol.invalid_error)]],
        ["Hits are divided by", _DENOMINATOR[protocol.denominator]],
        ["A benchmark's number averages", protocol.average],
    ]
    if protocol.bounded:
        rules.append(["Boxes", "are cut to the frame"])
    if protocol.skip_zero_curves:
        rules.append(["Sequences without a single hit", "are left out of the average"])
    return rules


_FIRST = {
    "scored": "scored as the result has it",
    "truth": "replaced by the true box",
    "dropped": "not scored",
}
_INVISIBLE = {
    "ignored": "marks of absence are not heeded",
    "dropped": "marked frames are left out",
    "invalid": "marked frames can not be hit",
}
_INVALID = {True: "count as imprecise", False: "count as precise at every threshold"}
_DENOMINATOR = {
    "frames": "all frames of the sequence",
    "kept": "the frames that were kept",
    "valid": "the frames with a valid true box",
}
