"""Plots of VOT's experiments: accuracy against robustness, expected average overlap, precision against recall.

Colours and style are those of the success plots; a tracker has the same in every panel.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from siamtrack.evaluation.report.plots import COLORS, DASHES, STYLE, save
from siamtrack.evaluation.report.vot_tables import ranked
from siamtrack.evaluation.vot.protocols import SENSITIVITY
from siamtrack.evaluation.vot.scores import VotScores

_MARKS = ("o", "s", "D", "^", "v", "P", "X", "p")
_Style = tuple[str, tuple, str]  # colour, dashes, mark


def plot_vot(scores: Sequence[VotScores], path: str | os.PathLike[str]) -> Path:
    """Draw what the experiment has, side by side: AR and EAO, or precision-recall and F.

    Args:
        scores: of one edition and protocol.
        path: PNG, SVG or PDF by its ending.

    Raises:
        ValueError: no scores, or of different editions or protocols.
    """
    if not scores:
        raise ValueError("There are no scores to plot.")
    kinds = sorted({(score.benchmark, score.protocol.name) for score in scores})
    if len(kinds) > 1:
        listed = ", ".join(f"{benchmark} by {protocol}" for benchmark, protocol in kinds)
        raise ValueError(f"One plot shows one edition by one protocol; these are {listed}.")
    about = scores[0]
    ordered = ranked(scores)
    styles: dict[str, _Style] = {
        score.tracker: (COLORS[i % len(COLORS)], DASHES[i // len(COLORS) % len(DASHES)], _MARKS[i % len(_MARKS)])
        for i, score in enumerate(ordered)
    }
    panels = (_precision_recall, _f_curve) if about.protocol.experiment == "longterm" else (_ar, _eao)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.2, 4.4), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08), dpi=130)
        for axes, panel in zip(figure.subplots(1, 2), panels, strict=True):
            panel(axes, ordered, styles)
        title = f"{about.benchmark} · {about.protocol.experiment} experiment, protocol {about.protocol.name}"
        figure.suptitle(title, x=0.012, ha="left", fontsize=9.5, color="#555555")
        save(figure, target)
    return target


def _ar(axes: Axes, ordered: Sequence[VotScores], styles: dict[str, _Style]) -> None:
    for place, score in enumerate(ordered):
        color, _, mark = styles[score.tracker]
        assert score.ar is not None  # only the long-term experiment has none
        face: dict[str, Any] = {"color": color, "marker": mark, "ls": "none", "ms": 9, "mec": "white", "mew": 0.8}
        axes.plot(*score.ar, **face, label=score.tracker, zorder=10 + len(ordered) - place)
    points = np.array([score.ar for score in ordered])
    low = np.clip(np.floor(points.min(0) * 10 - 1) / 10, 0, None)  # a tenth of room, on a tick
    axes.set(xlim=(low[0], 1), ylim=(low[1], min(1.0, np.ceil(points[:, 1].max() * 10 + 1) / 10)), ylabel="Accuracy")
    failures = f"Robustness, exp(\N{MINUS SIGN}{SENSITIVITY} failures / frames)"
    axes.set_xlabel(
        failures if ordered[0].protocol.experiment == "supervised" else "Robustness, share of frames reached"
    )
    axes.set_title("Accuracy and robustness")
    _note(axes, "better: upper right")
    _legend(axes, "lower left")


def _eao(axes: Axes, ordered: Sequence[VotScores], styles: dict[str, _Style]) -> None:
    low, high = ordered[0].protocol.interval or (0, 0)
    axes.axvspan(low, high, color="#F1F1F1", zorder=0, lw=0)
    for place, score in enumerate(ordered):
        color, dash, _ = styles[score.tracker]
        curve = score.curves["eao"]
        line: dict[str, Any] = {"color": color, "linestyle": dash, "lw": 2.4 if place == 0 else 1.7}
        label = f"{score.value('eao'):.3f}  {score.tracker}"
        axes.plot(np.arange(1, len(curve)), curve[1:], **line, label=label, zorder=10 + len(ordered) - place)
    longest = max(len(score.curves["eao"]) for score in ordered)
    axes.set(xlim=(1, min(longest, round(1.3 * high))), ylim=(0, 1))
    axes.set(xlabel="Sequence length, frames", ylabel="Expected average overlap")
    axes.set_title("Expected average overlap")
    _note(axes, f"mean over {low} to {high} frames")
    _legend(axes, "upper right")


def _precision_recall(axes: Axes, ordered: Sequence[VotScores], styles: dict[str, _Style]) -> None:
    for place, score in enumerate(ordered):
        color, dash, mark = styles[score.tracker]
        order = 10 + len(ordered) - place
        axes.plot(
            score.curves["recall"], score.curves["precision"], color=color, linestyle=dash, lw=1.9,
            label=score.tracker, zorder=order,
        )  # fmt: skip
        best = (score.value("recall"), score.value("precision"))
        axes.plot(*best, color=color, marker=mark, ms=8, mec="white", mew=0.8, zorder=order + 0.5)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Recall", ylabel="Precision")
    axes.set_title("Precision and recall")
    _note(axes, "marked where F is largest")
    _legend(axes, "lower left")


def _f_curve(axes: Axes, ordered: Sequence[VotScores], styles: dict[str, _Style]) -> None:
    for place, score in enumerate(ordered):
        color, dash, _ = styles[score.tracker]
        curve = score.curves["f1"]
        line: dict[str, Any] = {"color": color, "linestyle": dash, "lw": 2.4 if place == 0 else 1.7}
        label = f"{score.value('f1'):.3f}  {score.tracker}"
        share = np.linspace(0, 1, len(curve))
        axes.plot(share, curve, **line, label=label, zorder=10 + len(ordered) - place)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Threshold, as share of the scores above it", ylabel="F")
    axes.set_title("F by threshold")
    _note(axes, "largest value")
    _legend(axes, "lower right")


def _note(axes: Axes, text: str) -> None:
    axes.text(1, 1.025, text, transform=axes.transAxes, ha="right", color="#777777", fontsize=8.5)


def _legend(axes: Axes, place: str) -> None:
    axes.legend(
        loc=place, fontsize=9, frameon=True, facecolor="white", edgecolor="none", framealpha=0.85, handlelength=1.7,
        labelspacing=0.35,
    ).set_zorder(100)  # fmt: skip
