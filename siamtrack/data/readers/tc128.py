"""TempleColor 128 (Liang, Blasch, Ling: TIP 2015)."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from pathlib import Path

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in, frame_number, image_frames, image_names, read_rows
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence


@datasets.register("tc128")
class Tc128(DataSet):
    """TC128 as downloaded; its numbers count from 1. Without its ``_frames`` file a sequence has all frames."""

    layout = """\
TC128/
    Ball_ce1/
        img/0001.jpg ...
        Ball_ce1_gt.txt         x,y,w,h a line
        Ball_ce1_frames.txt     first,last: the numbers of the frames"""
    folders = ("TC128", "TColor128", "Temple-color-128", "Temple_color_128", "tc128", "tpl")

    def _recognises(self, folder: Path) -> bool:
        return folder.is_dir() and bool(_names_in(folder))

    def _list(self) -> SequenceOf[str]:
        return tuple(_names_in(self.root))

    def _open(self, name: str) -> Sequence:
        folder = self.root / name
        annotation, window = folder / f"{name}_gt.txt", folder / f"{name}_frames.txt"
        boxes = read_rows(annotation)
        files = image_names(folder / "img")
        if window.is_file():
            first, last = read_rows(window, (2,))[0]
            files = [file for file in files if first <= frame_number(file) <= last]
        if len(files) != len(boxes):
            raise DataError(
                f"{annotation}: has {len(boxes)} boxes, but {folder / 'img'} holds {len(files)} images of the range in "
                f"{window.name}; they should agree."
            )
        return Sequence(name, image_frames(folder / "img", files), boxes, offset=1.0)


def _names_in(folder: Path) -> list[str]:
    return [name for name in folders_in(folder) if (folder / name / f"{name}_gt.txt").is_file()]
