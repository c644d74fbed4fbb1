"""Need for Speed (Kiani Galoogahi et al., ICCV 2017): the same 100 scenes at 240 and at 30 frames a second."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

import numpy as np

from siamtrack.boxes import xyxy_to_xywh
from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in, image_frames, image_names, read_rows, read_text
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

_SLOWER = 8  # frames of the fast camera for one of the slow one


@datasets.register("nfs")
class Nfs(DataSet):
    """NFS in either of the two layouts in use.

    As downloaded, the annotation holds corners, one row for every frame of the fast camera, at 30 frames a second as
    well: then every eighth is taken. One row or frame too many at the end is cut, as got10k's toolkit does. The layout
    of pytracking's users, with boxes x, y, w, h and one set of frames, is written from general knowledge; neither was
    held against a download.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        fps: which camera; the layout of pytracking's users has whatever was put there.
    """

    layout = """\
NFS/
    Gymnastics/
        30/Gymnastics/00001.jpg ...     (240/ likewise)
        30/Gymnastics.txt               id x1 y1 x2 y2 ... "class" a line
or
    sequences/Gymnastics/00001.jpg ...
    anno/Gymnastics.txt                 x y w h a line, separated by tabs (also nfs_Gymnastics.txt)"""

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        fps: Literal["30", "240"] = "30",
    ) -> None:
        self.fps = fps
        self.folders = (f"NFS{fps}", f"nfs{fps}", "NFS", "Nfs", "nfs")
        super().__init__(root, sequences)

    def _recognises(self, folder: Path) -> bool:
        return folder.is_dir() and (_rearranged(folder) or bool(self._downloaded(folder)))

    def _list(self) -> SequenceOf[str]:
        if _rearranged(self.root):
            return tuple(n for n in folders_in(self.root / "sequences") if self._rearranged_annotation(n).is_file())
        return tuple(self._downloaded(self.root))

    def _open(self, name: str) -> Sequence:
        if _rearranged(self.root):
            folder, annotation = self.root / "sequences" / name, self._rearranged_annotation(name)
            boxes = read_rows(annotation)
        else:
            home = self.root / name / self.fps
            folder, annotation = home / name, home / f"{name}.txt"
            boxes = xyxy_to_xywh(read_corners(annotation))
        files = image_names(folder)
        if len(boxes) > len(files) + 1:
            boxes = boxes[::_SLOWER]
        if abs(len(files) - len(boxes)) > 1:
            raise DataError(
                f"{annotation}: has {len(boxes)} boxes, taken at the rate of the frames, but {folder} holds "
                f"{len(files)} images; they should agree."
            )
        count = min(len(files), len(boxes))
        return Sequence(name, image_frames(folder, files[:count]), boxes[:count])

    def _downloaded(self, folder: Path) -> list[str]:
        return [name for name in folders_in(folder) if (folder / name / self.fps / f"{name}.txt").is_file()]

    def _rearranged_annotation(self, name: str) -> Path:
        prefixed = self.root / "anno" / f"nfs_{name}.txt"
        return prefixed if prefixed.is_file() else self.root / "anno" / f"{name}.txt"


def read_corners(path: str | os.PathLike[str]) -> np.ndarray:
    """``[F, 4]`` x1, y1, x2, y2 of rows ``id x1 y1 x2 y2 ... "class"``.

    Raises:
        DataError: a row holds something else; the sentence names it.
    """
    wanted = 'id x1 y1 x2 y2 ... "class" a line'
    corners = []
    for number, line in enumerate(read_text(path, wanted).rstrip().splitlines(), 1):
        try:
            _, x1, y1, x2, y2 = (float(word) for word in line.split()[:5])
        except ValueError:
            raise DataError(f"{path}, line {number}: {line.strip()[:60]!r}; expected is {wanted}.") from None
        corners.append((x1, y1, x2, y2))
    return np.array(corners)


def _rearranged(folder: Path) -> bool:
    return (folder / "sequences").is_dir() and (folder / "anno").is_dir()
