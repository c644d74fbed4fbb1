"""Success, precision and normalised precision plots.

Colours are those of Okabe and Ito (told apart by colour-blind readers) with dashes beyond the eighth tracker; a
tracker keeps its colour in every panel. matplotlib is used without pyplot, so that no window system and no global
state is touched.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from siamtrack.evaluation.report.panels import PANELS, panel_curves, reading
from siamtrack.evaluation.report.tables import headline_metric
from siamtrack.evaluation.scores import Scores

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#8C6D31")
DASHES = ((0, ()), (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))

STYLE = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "xtick.labelcolor": "#444444",
    "ytick.labelcolor": "#444444",
    "svg.fonttype": "none",
    "svg.hashsalt": "siamtrack",
}


_IN_LEGEND = 10  # more trackers move the legend out of the panel


def plot_curve(
    scores: Sequence[Scores], curve: str, path: str | os.PathLike[str], colors: Mapping[str, str] | None = None
) -> Path:
    """Draw one curve of several trackers on one benchmark.

    Args:
        scores: of one benchmark and protocol.
        curve: ``success``, ``precision`` or ``norm_precision``.
        path: PNG, SVG or PDF by its ending.
        colors: tracker -> ``#RRGGBB``, for trackers whose colour is known from elsewhere; ``None``: by rank.

    Raises:
        ValueError: no scores, of different benchmarks or protocols, or a curve the protocol does not have.
    """
    about = one_protocol(scores)
    if curve not in panel_curves(about):
        raise ValueError(
            f"Protocol {about.protocol.name} has no {curve} curve; it has {', '.join(panel_curves(about))}."
        )
    return _draw(scores, [curve], path, colors or {})


def plot_overview(scores: Sequence[Scores], path: str | os.PathLike[str]) -> Path:
    """All curves of the protocol side by side, in one picture; arguments and errors as :func:`plot_curve`."""
    return _draw(scores, panel_curves(one_protocol(scores)), path, {})


def one_protocol(scores: Sequence[Scores]) -> Scores:
    """The first of the scores; raises ``ValueError`` unless all are of one benchmark and protocol."""
    if not scores:
        raise ValueError("There are no scores to plot.")
    kinds = sorted({(score.benchmark, score.protocol.name) for score in scores})
    if len(kinds) > 1:
        listed = ", ".join(f"{benchmark} by {protocol}" for benchmark, protocol in kinds)
        raise ValueError(f"One plot shows one benchmark by one protocol; these are {listed}.")
    return scores[0]


def ranked_styles(
    scores: Sequence[Scores], colors: Mapping[str, str] | None = None
) -> tuple[list[Scores], dict[str, tuple[str, tuple]]]:
    """Trackers by the protocol's first metric, and tracker -> (colour, dashes), the same in every plot of theirs.

    Args:
        scores: of one benchmark and protocol.
        colors: as in :func:`plot_curve`.
    """
    given = colors or {}
    ranked = sorted(scores, key=lambda score: -score.value(score.protocol.metrics[0].name))
    styles = {
        score.tracker: (given.get(score.tracker, COLORS[i % len(COLORS)]), DASHES[i // len(COLORS) % len(DASHES)])
        for i, score in enumerate(ranked)
    }
    return ranked, styles


def _draw(
    scores: Sequence[Scores], curves: Sequence[str], path: str | os.PathLike[str], colors: Mapping[str, str]
) -> Path:
    ranked, styles = ranked_styles(scores, colors)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    outside = len(scores) > _IN_LEGEND
    width = (4.3 + (1.7 if outside else 0)) * len(curves) + 0.3
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, 4.2), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08), dpi=130)
        for axes, curve in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True):
            _panel(axes, ranked, curve, styles, outside)
        benchmark, protocol = scores[0].benchmark, scores[0].protocol.name
        title = " · ".join(part for part in (benchmark, f"one-pass evaluation, protocol {protocol}") if part)
        figure.suptitle(title, x=0.012, ha="left", fontsize=9.5, color="#555555")
        save(figure, target, tuple(colors.values()))
    return target


def save(figure: Figure, target: Path, inks: Sequence[str] = ()) -> None:
    """Write a figure by the ending of its file; PNGs with few colours (``inks`` among them), files without a date."""
    if target.suffix.lower() != ".png":
        figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)
        return
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    few = Image.open(drawn).convert("RGB").quantize(palette=_palette(inks), dither=Image.Dither.NONE)
    few.save(target, optimize=True)


def _palette(inks: Sequence[str]) -> Image.Image:
    """The colours of a plot and their way to white: with 256 of them a picture is a third as heavy.

    A palette chosen by frequency would give a thin line the colour of another one.
    """
    used = list(dict.fromkeys([*inks, *COLORS]))[: len(COLORS)]
    pure = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in used])
    ways = 255 - (255 - pure[:, None]) * np.linspace(1, 0.15, 24)[:, None]
    grays = np.repeat(
        np.append(np.linspace(0, 243, 63), 255)[:, None], 3, 1
    )  # none so near to white as to stand for it
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([ways.reshape(-1, 3), grays]).round().astype(np.uint8).tobytes())
    return image


def _panel(
    axes: Axes, ranked: Sequence[Scores], curve: str, styles: dict[str, tuple[str, tuple]], outside: bool
) -> None:
    panel, about = PANELS[curve], ranked[0]
    metric = headline_metric(about.protocol, curve)
    assert metric is not None  # panel_curves and plot_curve let no other through
    grid = about.protocol.thresholds(curve)
    by_score = sorted(ranked, key=lambda score: -score.value(metric.name))
    for place, score in enumerate(by_score):
        color, dash = styles[score.tracker]
        label = f"{score.value(metric.name):.{3 if metric.scale == 1 else 1}f}  {score.tracker}"
        order = 10 + len(by_score) - place
        width = 2.4 if place == 0 else 1.7
        axes.plot(grid, score.curve(curve), color=color, linestyle=dash, lw=width, label=label, zorder=order)
    if metric.at is not None:
        axes.axvline(grid[metric.at], color="#999999", lw=1, ls=(0, (2, 3)), zorder=1)
    axes.set(xlim=(grid[0], grid[-1]), ylim=(0, 1), xlabel=panel.x_label, ylabel=panel.y_label)
    axes.set_title(panel.title)
    axes.text(1, 1.025, reading(metric, grid), transform=axes.transAxes, ha="right", color="#777777", fontsize=8.5)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    within: dict[str, Any] = {"loc": "lower left" if curve == "success" else "lower right"}
    axes.legend(
        **(beside if outside else within),
        fontsize=9,
        frameon=True,
        facecolor="white",
        edgecolor="none",
        framealpha=0.85,
        handlelength=1.7,
        labelspacing=0.35,
    ).set_zorder(100)
