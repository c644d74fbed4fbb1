"""Folders of frames that somebody made, with or without ground truth."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    Box,
    boxes_or_first,
    first_only,
    folders_in,
    image_frames,
    image_names,
    visibility,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

ANNOTATIONS = ("groundtruth.txt", "groundtruth_rect.txt")


@datasets.register("folder")
class Folder(DataSet):
    """One folder of image files per sequence, or a single such folder.

    Args:
        root: the folder with the sequence folders, or the one sequence.
        sequences: see :class:`DataSet`.
        init: the first box, x, y, w, h counted from 0, for a sequence without annotation, or in its place.
        box_format: what 4 numbers in ``groundtruth.txt`` mean.
        offset: 1.0 if its numbers count from 1.
    """

    layout = """\
<any folder>/
    <sequence>/
        *.jpg or *.png          in numerical order (also in img/)
        groundtruth.txt         x,y,w,h (or x1,y1,...,x4,y4) a line, or one line for the first frame;
                                without it give the first box"""
    folders = ()

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        init: Box | None = None,
        box_format: Literal["xywh", "xyxy"] = "xywh",
        offset: float = 0.0,
    ) -> None:
        self.init = init
        self.box_format = box_format
        self.offset = offset
        super().__init__(root, sequences)
        self._single = bool(_images(self.root)[1])

    def annotation_files(self) -> Iterable[Path]:
        """Ground truth, and the folders of the images, which are counted."""
        folders = [self.root if self._single else self.root / name for name in self.names]
        return [folder / file for folder in folders for file in (".", "img", *ANNOTATIONS)]

    def _recognises(self, folder: Path) -> bool:
        return folder.is_dir() and (
            bool(_images(folder)[1]) or any(_images(folder / name)[1] for name in folders_in(folder))
        )

    def _list(self) -> SequenceOf[str]:
        if self._single:
            return (self.root.resolve().name,)
        return tuple(name for name in folders_in(self.root) if _images(self.root / name)[1])

    def _open(self, name: str) -> Sequence:
        folder = self.root if self._single else self.root / name
        home, files = _images(folder)
        if not files:
            raise DataError(f"{folder}: holds no image; expected is\n{self.layout}")
        annotation = next((folder / file for file in ANNOTATIONS if (folder / file).is_file()), None)
        boxes, polygons = boxes_or_first(annotation, self.init, self.box_format, str(folder))
        visible = visibility(boxes)
        if len(boxes) == 1:
            boxes, polygons, visible = first_only(boxes, len(files)), None, None
        if len(files) != len(boxes):
            raise DataError(
                f"{annotation}: has {len(boxes)} lines for {len(files)} images; one line per image, or one for the "
                "first frame, is right."
            )
        return Sequence(name, image_frames(home, files), boxes, offset=self.offset, visible=visible, polygons=polygons)


def _images(folder: Path) -> tuple[Path, list[str]]:
    """The folder itself or its ``img`` and the image files there."""
    files = image_names(folder)
    return (folder, files) if files else (folder / "img", image_names(folder / "img"))
