"""LaSOT (Fan et al., CVPR 2019) and its extension."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    folders_in,
    natural_key,
    numbered_frames,
    read_attributes,
    read_flags,
    read_list,
    read_rows,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

_FLAGS = ("full_occlusion.txt", "out_of_view.txt")
# The order of the flags in annos/att of HengLan/LaSOT_Evaluation_Toolkit (run_tracker_performance_evaluation.m)
ATTRIBUTES = (
    "Illumination Variation", "Partial Occlusion", "Deformation", "Motion Blur", "Camera Motion", "Rotation",
    "Background Clutter", "Viewpoint Change", "Scale Variation", "Full Occlusion", "Fast Motion", "Out-of-View",
    "Low Resolution", "Aspect Ratio Change",
)  # fmt: skip


@datasets.register("lasot")
class Lasot(DataSet):
    """LaSOT as downloaded; the folders of the sequences may also lie directly in the root.

    ``visible`` is False where the target is fully hidden or out of view; such rows are mostly 0,0,0,0 in the file and
    stay so. Attributes come from ``att``, if it is there: the folder ``annos/att`` of its evaluation toolkit.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: ``test`` is what ``testing_set.txt`` lists, ``train`` all others, ``all`` needs no list.
    """

    layout = """\
LaSOT/
    testing_set.txt                             one sequence a line (split: all does without)
    airplane/airplane-1/
        img/00000001.jpg ...
        groundtruth.txt                         x,y,w,h a line
        full_occlusion.txt out_of_view.txt      0 or 1 per frame, comma separated
    att/airplane-1.txt                          optional, from its toolkit: fourteen flags 0 or 1, comma separated"""
    folders: tuple[str, ...] = ("LaSOT", "LaSOTBenchmark", "lasot")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["test", "train", "all"] = "test",
    ) -> None:
        self.split = split
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[str]:
        folders = [os.fspath(self._home(name)) for name in self.names]
        return [os.path.join(folder, file) for folder in folders for file in ("groundtruth.txt", *_FLAGS)]

    def _recognises(self, folder: Path) -> bool:
        if not folder.is_dir():
            return False
        for name in folders_in(folder):
            if "-" in name and (folder / name / "groundtruth.txt").is_file():
                return True
            if any(inner.startswith(f"{name}-") for inner in folders_in(folder / name)):
                return True
        return False

    def _list(self) -> SequenceOf[str]:
        on_disk = set()
        for name in folders_in(self.root):
            if (self.root / name / "groundtruth.txt").is_file():
                on_disk.add(name)
            else:
                on_disk.update(inner for inner in folders_in(self.root / name) if inner.startswith(f"{name}-"))
        if self.split == "all":
            return tuple(sorted(on_disk, key=natural_key))
        testing = read_list(self.root / "testing_set.txt")
        if self.split == "train":
            return tuple(sorted(on_disk.difference(testing), key=natural_key))
        return self._present(testing, on_disk)

    def _open(self, name: str) -> Sequence:
        folder = self._home(name)
        boxes = read_rows(folder / "groundtruth.txt")
        visible = None
        for file in _FLAGS:
            flags = read_flags(folder / file)
            if flags is None:
                continue
            if len(flags) != len(boxes):
                raise DataError(
                    f"{folder / file}: has {len(flags)} flags for {len(boxes)} boxes; one per frame is right."
                )
            visible = (flags == 0) if visible is None else visible & (flags == 0)
        frames = numbered_frames(folder / "img", "%08d.jpg", len(boxes))
        attributes = read_attributes(self.root / "att" / f"{name}.txt", ATTRIBUTES)
        category = name.rpartition("-")[0]
        return Sequence(name, frames, boxes, visible=visible, attributes=attributes, category=category)

    def _home(self, name: str) -> Path:
        """The folder of a sequence."""
        folder = self.root / name.rpartition("-")[0] / name
        return folder if folder.is_dir() else self.root / name
