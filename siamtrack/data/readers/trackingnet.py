"""TrackingNet, sequences of YouTube-BB with a box in every frame (Mueller et al., ECCV 2018)."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    first_only,
    image_frames,
    image_names,
    natural_key,
    numbered_frames,
    read_rows,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence


@datasets.register("trackingnet")
class TrackingNet(DataSet):
    """TrackingNet as its own tools unpack it, from general knowledge and not held against a download.

    Of a test sequence only the first box is known; the others are NaN, and its server scores them
    (``siamtrack pack trackingnet``). A name that two parts of the training set share is read from the first.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: ``test``, or ``train``, which comes in twelve parts.
        chunks: numbers of the parts TRAIN_0 to TRAIN_11 that are used; each must be there.
    """

    layout = """\
TrackingNet/
    TEST/                                   (TRAIN_0/ to TRAIN_11/ likewise)
        frames/0-6LB4FqxoE_0/0.jpg ...      in the order of their numbers
        anno/0-6LB4FqxoE_0.txt              x,y,w,h a line (test: the first frame only)"""
    folders = ("TrackingNet", "trackingnet", "TRACKINGNET")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["test", "train"] = "test",
        chunks: tuple[int, ...] = tuple(range(12)),
    ) -> None:
        self.split = split
        self.chunks = chunks
        self._wanted = ["TEST"] if split == "test" else [f"TRAIN_{chunk}" for chunk in chunks]
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[str]:
        return [os.path.join(self.root, self._part(name), "anno", f"{name}.txt") for name in self.names]

    def _recognises(self, folder: Path) -> bool:
        return any((folder / part / "anno").is_dir() for part in self._wanted)

    @functools.cached_property
    def _parts(self) -> dict[str, str]:
        """The part of every sequence."""
        found: dict[str, str] = {}
        for part in self._wanted:
            folder = self.root / part / "anno"
            if not folder.is_dir():
                raise DataError(
                    f"{folder}: there is no such folder; fetch {part}, or leave it out of CHUNKS. Expected is\n"
                    f"{self.layout}"
                )
            for file in os.listdir(folder):
                if file.endswith(".txt") and not file.startswith("."):
                    found.setdefault(file[:-4], part)
        return found

    def _part(self, name: str) -> str:
        if name not in self._parts:
            raise DataError(f"{self.root}: holds no anno/{name}.txt for {self.split}; expected is\n{self.layout}")
        return self._parts[name]

    def _list(self) -> SequenceOf[str]:
        return tuple(sorted(self._parts, key=natural_key))

    def _open(self, name: str) -> Sequence:
        home = self.root / self._part(name)
        annotation, folder = home / "anno" / f"{name}.txt", home / "frames" / name
        boxes = read_rows(annotation)
        if self.split == "train":
            return Sequence(name, numbered_frames(folder, "%d.jpg", len(boxes), first=0), boxes)
        files = image_names(folder)
        if len(boxes) == 1:
            boxes = first_only(boxes, max(len(files), 1))
        if len(files) != len(boxes):
            raise DataError(f"{annotation}: has {len(boxes)} boxes for {len(files)} images in {folder}; one per image.")
        return Sequence(name, image_frames(folder, files), boxes)
