"""``siamtrack eval --protocol all``: the same boxes by every protocol."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siamtrack.commands.evaluate_page import write_page

log = logging.getLogger(__name__)


def run(options: argparse.Namespace, truths: Sequence[Any], folders: Mapping[str, Path]) -> int:
    """Print how much the numbers differ by protocol alone.

    A protocol that refuses these sequences or results is left out, with its sentence.
    """
    from rich.console import Console

    from siamtrack import evaluation
    from siamtrack.evaluation.report import tables

    _refuse(options)
    scores = []
    refusals: list[ValueError] = []
    for protocol in evaluation.PROTOCOLS:
        try:
            scores += evaluation.evaluate_folders(truths, folders, protocol, benchmark=options.dataset)
        except ValueError as error:
            refusals.append(error)
            log.warning("%s is left out: %s", protocol, error)
    if not scores:
        raise refusals[0]
    table = _of_one_benchmark(tables.protocols_table(scores), options.dataset)
    Console().print(tables.terminal(table))
    if options.json:
        evaluation.write_rows(options.json, scores)
    for path, style in ((options.markdown, tables.markdown), (options.latex, tables.latex)):
        if path:
            Path(path).write_text(style(table), encoding="utf-8")
    if options.html:
        write_page(options, scores, folders, truths)
    return 0


def _of_one_benchmark(table: Any, benchmark: str) -> Any:
    """The table with its benchmark in the title, which leaves room for the names of protocols."""
    labels = tuple((tracker, protocol) for tracker, _, protocol in table.labels)
    title = f"{benchmark}, {table.title[:1].lower()}{table.title[1:]}"
    return dataclasses.replace(table, title=title, heads=("Tracker", "Protocol"), labels=labels)


def _refuse(options: argparse.Namespace) -> None:
    """What shows one protocol."""
    for name in ("attributes", "compare", "compare_to", "plots"):
        if getattr(options, name):
            raise ValueError(
                f"--{name.replace('_', '-')} shows numbers of one protocol; name it instead of all, which gives a "
                "table (--markdown, --latex) and rows (--json)."
            )
