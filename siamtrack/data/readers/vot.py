"""VOT challenges, short-term and long-term, of the years in which the annotation is boxes or quadrilaterals."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

import numpy as np

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    folders_in,
    image_frames,
    image_names,
    read_flags,
    read_list,
    read_regions,
    visibility,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

log = logging.getLogger(__name__)


@datasets.register("vot")
class Vot(DataSet):
    """VOT as its toolkits download it: frames in the sequence folder (to 2016) or in ``color/``.

    ``polygons`` keeps the corners as they are in the file, in either sense of rotation; ``boxes`` are the upright
    boxes with which pysot starts a tracker. NaN rows (long-term) are frames without the target, and ``visible`` is
    False there. Of the editions since 2020 those with boxes are read, not those with masks.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        year: the edition; says below which folder name it is looked for.
        challenge: ``short`` or ``long``; likewise.
    """

    layout = """\
VOT2018/
    [sequences/]
        list.txt                one sequence a line
        ants1/
            color/00000001.jpg ...  (to 2016: 00000001.jpg ... here)
            groundtruth.txt     x1,y1,...,x4,y4 or x,y,w,h a line
            *.tag               0 or 1 a line (to 2016: *.label)
            anchor.value        2020 to 2022: one number a line"""

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        year: int = 2018,
        challenge: Literal["short", "long"] = "short",
    ) -> None:
        self.year = year
        self.challenge = challenge
        if challenge == "long":
            self.folders = (f"VOT{year}-LT", f"VOT-LT{year}", f"VOTLT{year}", f"VOT{year}LT", f"vot{year}-lt")
        else:
            self.folders = (f"VOT{year}", f"vot{year}", f"VOT{year}/VOT{year}")
        super().__init__(root, sequences)
        if (self.root / "sequences").is_dir():
            self.root = self.root / "sequences"

    def _recognises(self, folder: Path) -> bool:
        for home in (folder / "sequences", folder):
            if home.is_dir():
                if (home / "list.txt").is_file():
                    return True
                if any((home / name / "groundtruth.txt").is_file() for name in folders_in(home)):
                    return True
        return False

    def _list(self) -> SequenceOf[str]:
        return self._present(read_list(self.root / "list.txt"), frozenset(folders_in(self.root)))

    def _open(self, name: str) -> Sequence:
        folder = self.root / name
        annotation = folder / "groundtruth.txt"
        _refuse_masks(annotation)
        boxes, polygons = read_regions(annotation)
        home = _frame_folder(folder)
        files = image_names(home)
        if len(files) != len(boxes):
            raise DataError(
                f"{annotation}: has {len(boxes)} lines for {len(files)} images in {home}; they should agree."
            )
        return Sequence(
            name,
            image_frames(home, files),
            boxes,
            visible=visibility(boxes if polygons is None else polygons),
            polygons=polygons,
            tags=_tags(folder, len(boxes)),
            anchors=read_flags(folder / "anchor.value"),
        )


def _frame_folder(folder: Path) -> Path:
    """Where the colour frames lie: as the file ``sequence`` says, in ``color/``, or in the folder itself."""
    if (folder / "sequence").is_file():
        about = (folder / "sequence").read_text(encoding="utf-8-sig", errors="replace")
        found = re.search(r"^channels\.color\s*=\s*(.+)$", about, re.MULTILINE)
        if found:
            return (folder / found.group(1).strip()).parent
    return folder / "color" if (folder / "color").is_dir() else folder


def _tags(folder: Path, frames: int) -> dict[str, np.ndarray] | None:
    """Per-frame attributes; an empty file is one that the challenge did not annotate.

    Frames behind the end of a shorter one do not have it: VOT2019 has such files (``graduate``, ``gymnastics1``).
    """
    tags = {}
    for path in sorted([*folder.glob("*.tag"), *folder.glob("*.label")]):
        flags = read_flags(path) if path.stat().st_size else None
        if flags is None:
            continue
        if len(flags) > frames:
            raise DataError(f"{path}: has {len(flags)} flags for {frames} frames; one per frame is right.")
        if len(flags) < frames:
            log.warning("%s: %d flags for %d frames; the frames behind do not have it.", path, len(flags), frames)
        tags[path.stem] = np.pad(flags != 0, (0, frames - len(flags)))
    return tags or None


def _refuse_masks(annotation: Path) -> None:
    if annotation.is_file():
        with open(annotation, encoding="utf-8", errors="replace") as file:
            if file.read(1) == "m":
                raise DataError(
                    f"{annotation}: holds masks (VOT 2020 and later); boxes or quadrilaterals are read. "
                    "The box editions of the challenge come with 4 numbers a line."
                )
