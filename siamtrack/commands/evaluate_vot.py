"""``siamtrack eval`` of VOT's challenges: restarts, anchors, long-term."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import open_sequences, vot_truth
from siamtrack.commands.evaluate_page import write_page
from siamtrack.commands.options import chosen


def concerns(options: argparse.Namespace) -> bool:
    """Whether the options ask for an experiment of VOT; one-pass results on its sequences have one-pass protocols."""
    from siamtrack.evaluation import PROTOCOLS
    from siamtrack.evaluation.vot import edition

    return options.protocol not in PROTOCOLS and edition(options.dataset) is not None


def run(options: argparse.Namespace) -> int:
    """Score the runs of an experiment."""
    from rich.console import Console

    from siamtrack import evaluation
    from siamtrack.evaluation import vot
    from siamtrack.evaluation.report import tables
    from siamtrack.evaluation.report.notes import notes_of, with_notes
    from siamtrack.evaluation.report.vot_plots import plot_vot

    _refuse(options)
    truths = [vot_truth(sequence) for sequence in open_sequences(options)]
    found = vot.find_vot_trackers(options.results, [truth.name for truth in truths])
    folders = chosen(options, found, "runs")
    protocols = vot.protocols_for(options.dataset) if options.protocol == "all" else (options.protocol,)
    groups = [vot.evaluate_folders(truths, folders, name, benchmark=options.dataset) for name in protocols]
    made = [table for scores in groups for table in _tables(scores, options)]
    made = with_notes(made, {name: notes_of(folder) for name, folder in folders.items()})
    for table in made:
        Console().print(tables.terminal(table))
    if options.json:
        evaluation.write_rows(options.json, [score for scores in groups for score in scores])
    for path, style in ((options.markdown, tables.markdown), (options.latex, tables.latex)):
        if path:
            Path(path).write_text("\n".join(style(table) for table in made), encoding="utf-8")
    if options.plots:
        for scores in groups:
            for ending in ("png", "pdf"):
                plot_vot(scores, Path(options.plots) / f"{options.dataset}-{scores[0].protocol.name}.{ending}")
    if options.html:
        write_page(options, [score for scores in groups for score in scores], folders)
    return 0


def _tables(scores: Sequence[Any], options: argparse.Namespace) -> list[Any]:
    from siamtrack.evaluation.report.comparisons import published_tables
    from siamtrack.evaluation.report.vot_tables import vot_tables

    made = vot_tables(scores, options.attributes)
    # published robustness counts failures per hundred frames, as pysot does
    if options.compare and scores[0].protocol.name == "pysot-vot":
        made += published_tables(scores)
    return made


def _refuse(options: argparse.Namespace) -> None:
    """An option of one-pass evaluation that means nothing here."""
    if options.compare_to:
        raise ValueError(
            "--compare-to is for one-pass protocols; an experiment of VOT has tables (--markdown, --latex), rows "
            "(--json), plots (--plots) and a page (--html)."
        )
