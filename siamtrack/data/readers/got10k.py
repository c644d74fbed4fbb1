"""GOT-10k (Huang, Zhao, Huang: PAMI 2021), and anything else written in its layout."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    first_only,
    folders_in,
    image_frames,
    image_names,
    numbered_frames,
    read_flags,
    read_list,
    read_rows,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import ImageFrames, Sequence


@datasets.register("got10k")
class Got10k(DataSet):
    """GOT-10k as downloaded.

    A test sequence whose ``groundtruth.txt`` has one line keeps its first box; the other rows are NaN. ``visible``
    comes from ``absence.label``, ``cover`` from ``cover.label``; without these files they are ``None``.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: the subset; for ``train``, whose ``list.txt`` some archives lack, the folders are taken as they are.
    """

    layout = """\
GOT-10k/
    train/ val/ test/
        list.txt                        one sequence a line (train: may be missing)
        GOT-10k_Train_000001/
            00000001.jpg ...
            groundtruth.txt             x,y,w,h a line (test: the first frame only)
            absence.label cover.label   one number a line (not in test)"""
    folders = ("GOT-10k", "GOT10k", "got10k", "GOT-10K")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["train", "val", "test"] = "val",
    ) -> None:
        self.split = split
        super().__init__(root, sequences)

    def _recognises(self, folder: Path) -> bool:
        return (folder / self.split).is_dir()

    def _list(self) -> SequenceOf[str]:
        folder = self.root / self.split
        if self.split == "train" and not (folder / "list.txt").is_file():
            return tuple(folders_in(folder))
        return self._present(read_list(folder / "list.txt"), frozenset(folders_in(folder)))

    def _open(self, name: str) -> Sequence:
        folder = self.root / self.split / name
        boxes = read_rows(folder / "groundtruth.txt")
        frames: ImageFrames | None = None
        if self.split == "test" and len(boxes) == 1:
            frames = image_frames(folder, image_names(folder))
            boxes = first_only(boxes, max(len(frames), 1))
        absence = read_flags(folder / "absence.label")
        return Sequence(
            name,
            frames if frames is not None else numbered_frames(folder, "%08d.jpg", len(boxes)),
            boxes,
            visible=None if absence is None else absence == 0,
            cover=read_flags(folder / "cover.label"),
        )
