"""The data set that a command's options name: its sequences, and their annotations as the evaluation reads them."""

from __future__ import annotations

import argparse
from typing import Any

from siamtrack.commands.options import listed


def open_sequences(options: argparse.Namespace) -> list[Any]:
    """The sequences of ``--dataset``, ``--data-root``, ``--split`` and ``--sequences``."""
    from siamtrack.data.readers import open_dataset

    split = {"split": options.split} if options.split else {}
    return list(open_dataset(options.dataset, options.data_root, sequences=listed(options.sequences), **split))


def open_truths(options: argparse.Namespace) -> list[Any]:
    """The annotations of the same."""
    from siamtrack.evaluation import Truth

    return [
        Truth(
            s.name,
            s.file_boxes,
            visible=s.visible,
            cover=s.cover,
            resolution=_resolution(s) if s.cover is not None else None,
            attributes=frozenset(s.attributes),
        )
        for s in open_sequences(options)
    ]


def _resolution(sequence: Any) -> tuple[int, int]:
    """(width, height) of a sequence's first frame."""
    height, width = sequence.frames[0].shape[:2]
    return width, height
