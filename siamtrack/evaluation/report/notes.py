"""What tables have to say of results: settings or checkpoints that were chosen on the benchmark itself, for instance.

Results carry their notes in ``meta.json``; a table shows those of the trackers that stand in it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from siamtrack.evaluation.folders import META
from siamtrack.evaluation.report.tables import Table
from siamtrack.evaluation.results import ResultError


def notes_of(folder: str | os.PathLike[str]) -> tuple[str, ...]:
    """The notes in a tracker's folder; none where nobody wrote any.

    Raises:
        ResultError: ``meta.json`` is damaged.
    """
    path = Path(folder) / META
    if not path.is_file():
        return ()
    try:
        return tuple(map(str, json.loads(path.read_text(encoding="utf-8")).get("notes", ())))
    except (ValueError, AttributeError, TypeError) as error:
        raise ResultError(
            f"{path}: is damaged ({error}); run the tracker again, which writes it and keeps its results."
        ) from None


def with_notes(tables: Iterable[Table], notes: Mapping[str, Sequence[str]]) -> list[Table]:
    """The tables, each with the notes of its trackers.

    Args:
        tables: any.
        notes: tracker -> what is to be said.
    """
    return [dataclasses.replace(table, notes=(*table.notes, *_said(table, notes))) for table in tables]


def _said(table: Table, notes: Mapping[str, Sequence[str]]) -> list[str]:
    words = {label for labels in table.labels for label in labels}
    return [f"{tracker}: {note}" for tracker, said in notes.items() if tracker in words for note in said]
