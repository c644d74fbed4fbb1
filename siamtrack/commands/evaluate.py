"""``siamtrack eval``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from siamtrack.commands import evaluate_protocols, evaluate_vot
from siamtrack.commands.benchmark import open_truths
from siamtrack.commands.evaluate_page import write_page
from siamtrack.commands.options import chosen, command, data_root, selection

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    p = command(commands, "eval", run)
    p.add_argument("--results", required=True, help="folder with <dataset>/<tracker>/, or of one data set or tracker")
    p.add_argument("--dataset", required=True, help="as in siamtrack test")
    data_root(p)
    selection(p)
    p.add_argument(
        "--protocol", default="",
        help="pysot, got10k, pytracking, pytracking-valid, official, matlab-otb; pysot-vot, vot-toolkit; or all of "
        "them, to see how they differ (default: the usual one)",
    )  # fmt: skip
    p.add_argument("--trackers", help="names separated by commas (default: all that have results)")
    p.add_argument("--json", metavar="J", help="write rows of tracker, benchmark, protocol, metric, value")
    p.add_argument("--attributes", action="store_true", help="also print the scores on each attribute's sequences")
    p.add_argument(
        "--compare-to", metavar="TRACKER", help="paired difference of every other tracker to it, with an interval"
    )
    p.add_argument("--compare", choices=["published"], help="set published scores beside these")
    p.add_argument("--markdown", metavar="F", help="write the tables as markdown")
    p.add_argument("--latex", metavar="F", help="write the tables as LaTeX")
    p.add_argument("--plots", metavar="FOLDER", help="draw the curves, and a radar plot of the attributes, into it")
    p.add_argument("--html", metavar="F", help="write all of it as one page, down to the worst frames of a sequence")
    p.add_argument(
        "--html-images", type=int, default=150, metavar="N",
        help="frames embedded in the page at most; 0: boxes alone (default: 150)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Score result files by a protocol."""
    if evaluate_vot.concerns(options):
        return evaluate_vot.run(options)
    from rich.console import Console

    from siamtrack import evaluation
    from siamtrack.evaluation.report import tables
    from siamtrack.evaluation.report.notes import notes_of, with_notes

    truths = open_truths(options)
    found = evaluation.find_trackers(options.results, [known.name for known in truths])
    folders = chosen(options, found, "results")
    if options.protocol == "all":
        return evaluate_protocols.run(options, truths, folders)
    scores = evaluation.evaluate_folders(truths, folders, options.protocol, benchmark=options.dataset)
    made = with_notes(_tables(scores, options), {name: notes_of(folder) for name, folder in folders.items()})
    for table in made:
        Console().print(tables.terminal(table))
    if options.compare:
        _warn(scores)
    if options.json:
        evaluation.write_rows(options.json, scores)
    for path, style in ((options.markdown, tables.markdown), (options.latex, tables.latex)):
        if path:
            Path(path).write_text("\n".join(style(table) for table in made), encoding="utf-8")
    if options.plots:
        _plot(scores, Path(options.plots) / f"{options.dataset}-{scores[0].protocol.name}")
    if options.html:
        write_page(options, scores, folders, truths)
    return 0


def _tables(scores: Sequence[Any], options: argparse.Namespace) -> list[Any]:
    from siamtrack.evaluation.report import attributes, comparisons, tables

    made = tables.scores_tables(scores)
    if options.attributes:
        made += attributes.attribute_tables(scores)
    if options.compare_to:
        made += comparisons.comparison_tables(scores, options.compare_to)
    if options.compare:
        made += comparisons.published_tables(scores)
    return made


def _warn(scores: Sequence[Any]) -> None:
    """Say which published numbers are not by the protocol of ours, or that there is none."""
    from siamtrack.evaluation.published import beside, published_on

    if not published_on(scores[0].benchmark):
        log.warning("No published score of %s is known to this version.", scores[0].benchmark)
    for pair in beside(scores):
        if not pair.same_protocol:
            log.warning("%s", pair.warning())


def _plot(scores: Sequence[Any], stem: Path) -> None:
    from siamtrack.evaluation.report import attributes, plots

    for ending in ("png", "pdf"):
        plots.plot_overview(scores, f"{stem}.{ending}")
        if len(scores[0].attributes) >= attributes.FEWEST:
            attributes.plot_attributes(scores, f"{stem}-attributes.{ending}")
