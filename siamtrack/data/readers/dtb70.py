"""DTB70, drones (Li, Yeung: AAAI 2017)."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in, image_frames, image_names, read_attributes, read_rows
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

# The order of the flags in experiments/anno/att of flyers/drone-tracking; its perfPlot.m names all but the last, which
# is the eleventh attribute of the paper
ATTRIBUTES = (
    "Scale Variation", "Aspect Ratio Variation", "Occlusion", "Deformation", "Fast Camera Motion", "In-Plane Rotation",
    "Out-of-Plane Rotation", "Out-of-View", "Background Clutter", "Similar Objects Around", "Motion Blur",
)  # fmt: skip


@datasets.register("dtb70")
class Dtb70(DataSet):
    """DTB70 as downloaded; its numbers count from 1.

    Attributes come from ``att``, if it is there: the folder ``experiments/anno/att`` of its toolkit.
    """

    layout = """\
DTB70/
    Animal1/
        img/00001.jpg ...
        groundtruth_rect.txt    x,y,w,h a line
    att/Animal1.txt             optional, from its toolkit: eleven flags 0 or 1, separated by commas"""
    folders = ("DTB70", "dtb70")

    def _recognises(self, folder: Path) -> bool:
        return folder.is_dir() and bool(self._names_in(folder))

    def _list(self) -> SequenceOf[str]:
        return tuple(self._names_in(self.root))

    def _open(self, name: str) -> Sequence:
        folder = self.root / name
        boxes = read_rows(folder / "groundtruth_rect.txt")
        files = image_names(folder / "img")
        if len(files) != len(boxes):
            raise DataError(f"{folder}: holds {len(files)} images in img/ for {len(boxes)} boxes; they should agree.")
        attributes = read_attributes(self.root / "att" / f"{name}.txt", ATTRIBUTES)
        return Sequence(name, image_frames(folder / "img", files), boxes, offset=1.0, attributes=attributes)

    @staticmethod
    def _names_in(folder: Path) -> list[str]:
        return [name for name in folders_in(folder) if (folder / name / "groundtruth_rect.txt").is_file()]
