"""``siamtrack eval``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import open_truths
from siamtrack.commands.options import command, data_root, listed, selection


def add(commands: Any) -> None:
    p = command(commands, "eval", run)
    p.add_argument("--results", required=True, help="folder with <dataset>/<tracker>/, or of one data set or tracker")
    p.add_argument("--dataset", required=True, help="as in siamtrack test")
    data_root(p)
    selection(p)
    p.add_argument(
        "--protocol", default="", help="pysot, got10k, pytracking, official, matlab-otb (default: the usual one)"
    )
    p.add_argument("--trackers", help="names separated by commas (default: all that have results)")
    p.add_argument("--json", metavar="J", help="write rows of tracker, benchmark, protocol, metric, value")
    p.add_argument("--markdown", metavar="F", help="write the table as markdown")
    p.add_argument("--latex", metavar="F", help="write the table as LaTeX")
    p.add_argument("--plots", metavar="FOLDER", help="draw the success and precision plots into it")


def run(options: argparse.Namespace) -> int:
    """Score result files by a protocol."""
    from rich.console import Console

    from siamtrack import evaluation
    from siamtrack.evaluation.report import plots, tables

    truths = open_truths(options)
    frames = {truth.name: len(truth.boxes) for truth in truths}
    found = evaluation.find_trackers(options.results, list(frames))
    chosen = listed(options.trackers) or list(found)
    unknown = sorted(set(chosen) - set(found))
    if unknown:
        raise ValueError(f"--trackers: no results of {', '.join(unknown)}; there are results of {', '.join(found)}.")
    results = [evaluation.load_results(found[name], frames, name) for name in chosen]
    scores = evaluation.evaluate_all(truths, results, options.protocol, benchmark=options.dataset)
    made = tables.scores_tables(scores)
    for table in made:
        Console().print(tables.terminal(table))
    if options.json:
        evaluation.write_rows(options.json, scores)
    for path, style in ((options.markdown, tables.markdown), (options.latex, tables.latex)):
        if path:
            Path(path).write_text("\n".join(style(table) for table in made), encoding="utf-8")
    if options.plots:
        for ending in ("png", "pdf"):
            plots.plot_overview(scores, Path(options.plots) / f"{options.dataset}-{scores[0].protocol.name}.{ending}")
    return 0
