"""Scores on the sequences of each attribute, as tables and as a radar plot."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.evaluation.report.tables import Column, Table
from siamtrack.evaluation.scores import Scores

FEWEST = 3  # spokes below which a radar plot has no area
_LINE = 18  # letters of a label before it breaks
_LABELS_APART = 0.55  # radians between spokes below which a label may touch the next


def attribute_tables(scores: Sequence[Scores]) -> list[Table]:
    """One table per metric of a protocol: attributes down, trackers across, the best of each row marked.

    Args:
        scores: of one benchmark and protocol.

    Returns:
        none where the benchmark has no attributes.
    """
    ranked = sorted(scores, key=lambda score: -score.value(score.protocol.metrics[0].name))
    attributes = _attributes(ranked[0]) if ranked else {}
    if not attributes:
        return []
    parts = {name: [score.with_attribute(name) for score in ranked] for name in attributes}
    about = ranked[0]
    return [
        Table(
            title=f"{about.benchmark or 'results'}, protocol {about.protocol.name}: {metric.label} by attribute",
            heads=("Attribute", "Sequences"),
            columns=tuple(Column(score.tracker, 3 if metric.scale == 1 else 2) for score in ranked),
            labels=tuple((name, str(number)) for name, number in attributes.items()),
            values=tuple(tuple(part.value(metric.name) for part in parts[name]) for name in attributes),
            across=True,
        )
        for metric in about.protocol.metrics
    ]


def _attributes(score: Scores) -> dict[str, int]:
    """Attribute -> how many of the scored sequences have it; none that no sequence has."""
    counts = {name: len(names & set(score.sequences)) for name, names in score.attributes.items()}
    return {name: count for name, count in counts.items() if count}


def plot_attributes(scores: Sequence[Scores], path: str | os.PathLike[str], metric: str = "") -> Path:
    """Draw one metric of several trackers as a radar: a spoke an attribute, an outline a tracker.

    Args:
        scores: of one benchmark and protocol.
        path: PNG, SVG or PDF by its ending.
        metric: its name; empty: the protocol's first.

    Raises:
        ValueError: fewer than three attributes, no such metric, or scores of different benchmarks or protocols.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from siamtrack.evaluation.report import plots

    about = plots.one_protocol(scores)
    attributes = _attributes(about)
    if len(attributes) < FEWEST:
        raise ValueError(
            f"A radar plot needs {FEWEST} attributes or more; {about.benchmark or 'this benchmark'} has "
            f"{', '.join(attributes) or 'none'}."
        )
    shown = about.protocol.metric(metric or about.protocol.metrics[0].name)
    ranked, styles = plots.ranked_styles(scores)
    angles = np.linspace(0, 2 * np.pi, len(attributes), endpoint=False)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(7.6, 5.6), dpi=130)
        axes: Any = figure.add_axes(
            (0.22, 0.11, 0.53, 0.7), projection="polar", theta_offset=np.pi / 2, theta_direction=-1
        )
        for place, score in enumerate(ranked):
            values = [score.with_attribute(name).value(shown.name) for name in attributes]
            color, dash = styles[score.tracker]
            axes.plot(
                np.append(angles, angles[0]), [*values, values[0]], color=color, linestyle=dash,
                lw=2.4 if place == 0 else 1.7, zorder=10 + len(ranked) - place,
                label=f"{score.value(shown.name):.{3 if shown.scale == 1 else 1}f}  {score.tracker}",
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_rlabel_position(180 / len(attributes))
        axes.tick_params(axis="y", labelsize=8, labelcolor="#888888")
        axes.spines["polar"].set_color("#D8D8D8")
        labels = [textwrap.fill(f"{name} ({number})", _LINE) for name, number in attributes.items()]
        axes.set_xticks(angles, labels, fontsize=9 if 2 * np.pi / len(labels) > _LABELS_APART else 8)
        for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
            side = np.sin(angle)
            label.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
        figure.text(0.02, 0.95, f"{shown.label} by attribute", fontsize=11.5, fontweight="bold", va="top")
        said = " · ".join(part for part in (about.benchmark, f"protocol {about.protocol.name}") if part)
        figure.text(0.02, 0.905, said, fontsize=9.5, color="#555555", va="top")
        figure.legend(loc="upper right", bbox_to_anchor=(0.985, 0.965), frameon=False, fontsize=9, handlelength=1.7)
        plots.save(figure, target)
    return target
