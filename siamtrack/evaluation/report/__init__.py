"""Scores as rows, tables and plots; what draws is imported only when asked to draw."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from siamtrack.evaluation.report.rows import rows, write_rows
from siamtrack.evaluation.scores import Scores

__all__ = ["rows", "write_report", "write_rows"]


def write_report(folder: str | os.PathLike[str], scores: Sequence[Scores]) -> list[Path]:
    """Write ``rows.json``, ``tables.md``, ``tables.tex`` and a PNG per benchmark and protocol.

    Where a benchmark has attributes the tables hold them too, and a radar plot stands beside the curves.

    Returns:
        the files written.
    """
    from siamtrack.evaluation.report import attributes, plots, tables

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    write_rows(place / "rows.json", scores)
    kinds = dict.fromkeys((score.benchmark, score.protocol) for score in scores)
    groups = [[score for score in scores if (score.benchmark, score.protocol) == kind] for kind in kinds]
    drawn = tables.scores_tables(scores) + [table for group in groups for table in attributes.attribute_tables(group)]
    (place / "tables.md").write_text("\n".join(map(tables.markdown, drawn)), encoding="utf-8")
    (place / "tables.tex").write_text("\n".join(map(tables.latex, drawn)), encoding="utf-8")
    written = [place / "rows.json", place / "tables.md", place / "tables.tex"]
    for group in groups:
        name = re.sub(r"[^A-Za-z0-9@-]+", "-", f"{group[0].benchmark or 'results'}_{group[0].protocol.name}")
        written.append(plots.plot_overview(group, place / f"{name}.png"))
        if len(group[0].attributes) >= attributes.FEWEST:
            written.append(attributes.plot_attributes(group, place / f"{name}-attributes.png"))
    return written
