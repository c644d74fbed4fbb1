"""The data sets that a command's options name: their sequences, and their annotations as the evaluation reads them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from siamtrack.commands.options import listed


@dataclass(frozen=True)
class Opened:
    """A benchmark as it lies on disk.

    Attributes:
        name: as given, without its split.
        split: as the reader took it; ``""`` for data sets without splits.
        sequences: those that could be opened.
        unopened: name -> the sentence that says why not.
    """

    name: str
    split: str
    sequences: tuple[Any, ...]
    unopened: dict[str, str]

    @property
    def title(self) -> str:
        """``got10k:val``."""
        return f"{self.name}:{self.split}" if self.split else self.name


def open_benchmarks(options: argparse.Namespace, names: str) -> list[Opened]:
    """Data sets, each sequence for itself, so that a damaged one costs nothing but itself.

    Args:
        options: with ``data_root``, ``split`` and ``sequences``.
        names: ``OTB100,got10k:val``.

    Raises:
        ValueError: a data set is not there, or none of its sequences can be opened.
    """
    parts = names.split(",")
    if len(parts) > 1 and options.sequences:
        raise ValueError(f"--sequences names sequences of one data set, but --dataset has {len(parts)}: {names}.")
    opened = [_open(part, options) for part in parts]
    twice = [one.name for i, one in enumerate(opened) if any(one.name == other.name for other in opened[:i])]
    if twice:
        raise ValueError(f"--dataset {names}: {twice[0]} stands in it twice, and both have one folder of results.")
    return opened


def _open(text: str, options: argparse.Namespace) -> Opened:
    from siamtrack.data.readers import open_dataset
    from siamtrack.data.sequence import DataError

    name, _, split = text.partition(":")
    split = split or options.split or ""
    given = {"split": split} if split else {}
    dataset = open_dataset(name, options.data_root, sequences=listed(options.sequences), **given)
    sequences, unopened = [], {}
    for sequence in dataset.names:
        try:
            sequences.append(dataset[sequence])
        except DataError as error:
            unopened[sequence] = str(error)
    if not sequences:
        raise ValueError(next(iter(unopened.values())))
    return Opened(name, str(getattr(dataset, "split", "")), tuple(sequences), unopened)


def open_sequences(options: argparse.Namespace) -> list[Any]:
    """The sequences of ``--dataset``, ``--data-root``, ``--split`` and ``--sequences``."""
    from siamtrack.data.readers import open_dataset

    split = {"split": options.split} if options.split else {}
    return list(open_dataset(options.dataset, options.data_root, sequences=listed(options.sequences), **split))


def open_truths(options: argparse.Namespace) -> list[Any]:
    """The annotations of the same.

    Raises:
        ValueError: of each sequence only the first box is known.
    """
    truths = [truth(sequence) for sequence in open_sequences(options)]
    if all(len(known.boxes) > 1 and not (known.boxes[1:] == known.boxes[1:]).all(1).any() for known in truths):
        raise ValueError(
            f"{options.dataset}: of {truths[0].name} and the others only the first box is known; the benchmark's "
            "server scores results on them (siamtrack pack)."
        )
    return truths


def truth(sequence: Any) -> Any:
    """A sequence's annotation as the evaluation reads it."""
    from siamtrack.evaluation import Truth

    return Truth(
        sequence.name,
        sequence.file_boxes,
        visible=sequence.visible,
        cover=sequence.cover,
        resolution=_resolution(sequence) if sequence.cover is not None else None,
        attributes=frozenset(sequence.attributes),
    )


def vot_truth(sequence: Any) -> Any:
    """A sequence's annotation as VOT's experiments read it: corners where there are any, and anchors."""
    from siamtrack.data.anchors import anchors_of
    from siamtrack.evaluation.vot import Regions, VotTruth

    polygons = sequence.polygons
    regions = Regions.rectangles(sequence.file_boxes) if polygons is None else Regions.polygons(polygons)
    return VotTruth(sequence.name, regions, _resolution(sequence), sequence.tags or {}, anchors_of(sequence))


def _resolution(sequence: Any) -> tuple[int, int]:
    """(width, height) of a sequence's first frame."""
    height, width = sequence.frames[0].shape[:2]
    return width, height
