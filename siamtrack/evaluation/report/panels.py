"""What the plots of a protocol show, on paper and on the page alike: titles, axes, and how a number is read off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siamtrack.evaluation.protocols import Metric
from siamtrack.evaluation.report.tables import headline_metric
from siamtrack.evaluation.scores import Scores


@dataclass(frozen=True)
class Panel:
    """Title and axes of one curve."""

    title: str
    x_label: str
    y_label: str


PANELS = {
    "success": Panel("Success", "Overlap threshold", "Frames with greater overlap"),
    "precision": Panel("Precision", "Centre error threshold, px", "Frames within the error"),
    "norm_precision": Panel(
        "Normalised precision", "Centre error threshold, sides of the target", "Frames within the error"
    ),
}


def panel_curves(score: Scores) -> list[str]:
    """Curves a protocol both counts and reports a number for."""
    return [curve for curve in PANELS if curve in score.hits and headline_metric(score.protocol, curve)]


def reading(metric: Metric, grid: np.ndarray) -> str:
    """What a number is on its curve: ``at 20 px``.

    Args:
        metric: whose number.
        grid: ``[T]`` thresholds of its curve.
    """
    if metric.curve == "overlap":
        return "mean overlap"
    where = "mean of the curve" if metric.at is None else f"at {grid[metric.at]:g}"
    unit = {"precision": " px"}.get(metric.curve, "") if metric.at is not None else ""
    return where + unit + (", %" if metric.scale == 100 else "")
