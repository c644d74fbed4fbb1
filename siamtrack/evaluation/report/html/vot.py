"""VOT's experiments as a view of the page: EAO, accuracy and robustness, or the F of long-term tracking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from siamtrack.evaluation.report.html.parts import number, published_part
from siamtrack.evaluation.vot.protocols import SENSITIVITY, VotMetric, VotProtocol
from siamtrack.evaluation.vot.scores import VotScores

_DIGITS = {"lost_number": 0}
_PAST = 1.3  # how far the EAO curve is shown, in highest sequence lengths of its interval

_READINGS = {
    "eao": "expected average overlap over the interval of sequence lengths",
    "accuracy": "mean overlap while tracking",
    "lost_number": "failures, added up over the sequences",
    "f1": "largest F over the thresholds of confidence",
    "precision": "mean overlap of the frames that are reported, where F is largest",
    "recall": "mean overlap of the frames with a target, where F is largest",
}
_ROBUSTNESS = {"supervised": "failures; fewer are better", "multistart": "share of frames reached before a failure"}


def vot_group(ranked: Sequence[VotScores], published: bool) -> dict[str, Any]:
    """Scores of one edition and protocol, the best tracker first, as the page's script reads a view."""
    about = ranked[0]
    metrics = [_metric(metric, about.protocol) for metric in about.protocol.metrics]
    if any(score.fps is not None for score in ranked):
        reading = "frames per second from the recorded times"
        metrics.append({"name": "fps", "label": "FPS", "digits": 1, "ranked": False, "reading": reading})
    return {
        "benchmark": about.benchmark,
        "protocol": {"name": about.protocol.name, "source": about.protocol.source, "rules": _rules(about.protocol)},
        "metrics": metrics,
        "trackers": [score.tracker for score in ranked],
        "values": [[number(score.metrics().get(metric["name"])) for metric in metrics] for score in ranked],
        "curves": [_f_curve(ranked) if about.protocol.experiment == "longterm" else _eao_curve(ranked)],
        "points": _points(ranked) if about.ar is not None else None,
        "attributes": _attributes(ranked),
        "sequences": _sequences(ranked),
        "comparison": None,
        "published": published_part(ranked) if published else None,
    }


def _metric(metric: VotMetric, protocol: VotProtocol) -> dict[str, Any]:
    readings = {**_READINGS, "robustness": _ROBUSTNESS.get(protocol.experiment, "")}
    return {
        "name": metric.name,
        "label": metric.label,
        "digits": _DIGITS.get(metric.name, 3),
        "ranked": True,
        "less": metric.better == "less",
        "reading": readings.get(metric.name, ""),
    }


def _rules(protocol: VotProtocol) -> list[list[str]]:
    rules = [["Experiment", protocol.experiment]]
    if protocol.interval:
        rules.append(["EAO", "mean of the curve from {} to {} frames".format(*protocol.interval)])
    return rules


def _eao_curve(ranked: Sequence[VotScores]) -> dict[str, Any]:
    low, high = ranked[0].protocol.interval or (0, 0)
    last = min(max(len(score.curves["eao"]) for score in ranked), round(_PAST * high) + 1)
    return {
        "name": "eao",
        "metric": "eao",
        "title": "Expected average overlap",
        "x": "Sequence length, frames",
        "y": "Expected average overlap",
        "grid": list(range(1, last)),
        "at": None,
        "band": [low, high],
        "reading": f"mean over {low} to {high} frames",
        "values": [[number(v, 4) for v in _padded(score.curves["eao"], last)[1:]] for score in ranked],
    }


def _padded(curve: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([curve[:length], np.full(max(length - len(curve), 0), np.nan)])


def _f_curve(ranked: Sequence[VotScores]) -> dict[str, Any]:
    return {
        "name": "f1",
        "metric": "f1",
        "title": "F by threshold",
        "x": "Threshold, as share of the scores above it",
        "y": "F",
        "grid": [round(float(t), 4) for t in np.linspace(0, 1, len(ranked[0].curves["f1"]))],
        "at": None,
        "reading": "largest value",
        "values": [[number(v, 4) for v in score.curves["f1"]] for score in ranked],
    }


def _points(ranked: Sequence[VotScores]) -> dict[str, Any]:
    failures = f"Robustness, exp(\N{MINUS SIGN}{SENSITIVITY} failures / frames)"
    supervised = ranked[0].protocol.experiment == "supervised"
    return {
        "title": "Accuracy and robustness",
        "x": failures if supervised else "Robustness, share of frames reached",
        "y": "Accuracy",
        "at": [[number(place) for place in score.ar or (None, None)] for score in ranked],
    }


def _attributes(ranked: Sequence[VotScores]) -> list[dict[str, Any]]:
    names = [metric.name for metric in ranked[0].protocol.metrics]
    return [
        {
            "name": tag.replace("_", " "),
            "sequences": None,
            "values": [[number(score.tags[tag].get(name)) for name in names] for score in ranked],
        }
        for tag in ranked[0].tags
    ]


def _sequences(ranked: Sequence[VotScores]) -> list[dict[str, Any]]:
    names = [metric.name for metric in ranked[0].protocol.metrics]
    missing = np.full(len(ranked[0].sequences), np.nan)
    table = [[score.per_sequence.get(name, missing) for name in names] for score in ranked]
    return [
        {
            "name": sequence,
            "frames": None,
            "attributes": [],
            "values": [[number(float(values[i])) for values in of_tracker] for of_tracker in table],
        }
        for i, sequence in enumerate(ranked[0].sequences)
    ]
