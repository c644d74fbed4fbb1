"""``siamtrack eval --html``: the report as one page."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siamtrack.commands.benchmark import open_sequences

log = logging.getLogger(__name__)


def write_page(
    options: argparse.Namespace, scores: Sequence[Any], folders: Mapping[str, Path], truths: Sequence[Any] = ()
) -> None:
    """Write the page of ``--html``, and say how large it is.

    Args:
        options: of the command.
        scores: of one or several protocols.
        folders: tracker -> its results.
        truths: of one-pass evaluation, whose boxes are shown; none: scores alone.
    """
    from siamtrack.evaluation.report.html import write_html
    from siamtrack.evaluation.report.notes import notes_of

    missing: list[str] = []
    path = write_html(
        options.html,
        scores,
        _evidence(options, folders, truths, missing) if truths else None,
        reference=options.compare_to or "",
        published=bool(options.compare),
        notes={name: notes_of(folder) for name, folder in folders.items()},
    )
    if missing:
        log.warning("%d frames are shown as boxes alone; the first: %s", len(missing), missing[0])
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _evidence(
    options: argparse.Namespace, folders: Mapping[str, Path], truths: Sequence[Any], missing: list[str]
) -> Any:
    """Boxes, and images where they can be read; sentences about those that cannot go into ``missing``."""
    from siamtrack.data.sequence import DataError
    from siamtrack.evaluation import load_results
    from siamtrack.evaluation.report.html import Evidence

    by_name = {sequence.name: sequence for sequence in open_sequences(options)}
    frames = {truth.name: len(truth.boxes) for truth in truths}
    results = [load_results(folder, frames, name) for name, folder in folders.items()]

    def image(name: str, frame: int) -> Any:
        try:
            return by_name[name].frames[frame]
        except DataError as error:
            missing.append(str(error))
            return None

    return Evidence(truths, results, image, options.html_images, by_name[truths[0].name].offset)
