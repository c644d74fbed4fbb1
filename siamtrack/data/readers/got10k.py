"""GOT-10k (Huang, Zhao, Huang: PAMI 2021), and anything else written in its layout."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
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
from siamtrack.data.readers.got10k_vot import shows_vot
from siamtrack.data.sequence import DataError, ImageFrames, Sequence

_FILES = ("groundtruth.txt", "absence.label", "cover.label", "meta_info.ini")
_CLASS = re.compile(r"^object_class:[ \t]*(.*?)\s*$", re.MULTILINE)


@datasets.register("got10k")
class Got10k(DataSet):
    """GOT-10k as downloaded.

    A test sequence whose ``groundtruth.txt`` has one line keeps its first box; the other rows are NaN. ``visible``
    comes from ``absence.label``, ``cover`` from ``cover.label``; without these files they are ``None``.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: the part; for ``train``, whose ``list.txt`` some archives lack, the folders are taken as they are.
            ``vot-train``: train without the 1000 sequences that show videos of the VOT challenge.
        subset: a file, absolute or in the data set's folder, that lists the sequences to use, one a line: by name, or
            by place in ``list.txt`` counted from 0 as in the split files of pytracking and STARK; empty: all.

    Raises:
        DataError: also where ``subset`` names one of the 1000 although the split is ``vot-train``.
    """

    layout = """\
GOT-10k/
    train/ val/ test/
        list.txt                        one sequence a line (train: may be missing)
        GOT-10k_Train_000001/
            00000001.jpg ...
            groundtruth.txt             x,y,w,h a line (test: the first frame only)
            absence.label cover.label   one number a line (not in test)
            meta_info.ini               object_class, to draw by category (may be missing)"""
    folders = ("GOT-10k", "GOT10k", "got10k", "GOT-10K")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["train", "vot-train", "val", "test"] = "val",
        subset: str = "",
    ) -> None:
        self.split = split
        self.subset = subset
        self._part = "train" if split == "vot-train" else split
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[str]:
        folder = os.path.join(self.root, self._part)
        return [os.path.join(folder, name, file) for name in self.names for file in _FILES]

    def _recognises(self, folder: Path) -> bool:
        return (folder / self._part).is_dir()

    def _list(self) -> SequenceOf[str]:
        folder = self.root / self._part
        on_disk = folders_in(folder)
        if self._part == "train" and not (folder / "list.txt").is_file():
            official: SequenceOf[str] = on_disk
        else:
            official = read_list(folder / "list.txt")
        if self.subset:
            official = self._subset(official)
        elif self.split == "vot-train":
            official = [name for name in official if not shows_vot(name)]
        return self._present(official, frozenset(on_disk))

    def _subset(self, official: SequenceOf[str]) -> SequenceOf[str]:
        """The sequences that the file lists."""
        path = self.root / self.subset
        names = read_list(path)
        if all(name.isdecimal() for name in names):
            beyond = next((name for name in names if int(name) >= len(official)), None)
            if beyond is not None:
                raise DataError(
                    f"{path}: names place {beyond}, but {self._part} has {len(official)} sequences; is list.txt "
                    "missing, or of another release?"
                )
            names = [official[int(name)] for name in names]
        guarded = [name for name in names if shows_vot(name)] if self.split == "vot-train" else []
        if guarded:
            raise DataError(
                f"{path}: {len(guarded)} of its sequences show videos of the VOT challenge, such as {guarded[0]}; a "
                "tracker trained on them must not be tested there. Leave them out, or take SPLIT: train."
            )
        return names

    def _open(self, name: str) -> Sequence:
        folder = self.root / self._part / name
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
            category=_category(folder / "meta_info.ini"),
        )


def _category(path: Path) -> str:
    """What ``meta_info.ini`` calls the target; empty where there is no such file."""
    try:
        found = _CLASS.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""
