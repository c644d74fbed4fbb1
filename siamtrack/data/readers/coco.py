"""Still images with boxes in COCO's format (Lin et al., ECCV 2014), one sequence of one frame per box."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path

import numpy as np

from siamtrack.data.readers import datasets
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, ImageFrames, Sequence


@datasets.register("coco")
class Coco(DataSet):
    """Objects in images; every box is a sequence of one frame, named by its annotation id.

    Group is the image, so that several boxes of one image are known to share it. Left out are crowd regions, which
    cover many objects, and boxes with a side below ``min_side``.

    Args:
        root: see :class:`DataSet`.
        sequences: annotation ids as text; see :class:`DataSet`.
        split: the annotation file is ``annotations/instances_<split>.json``, the images lie in ``<split>/`` or
            ``images/<split>/``.
        min_side: px; smaller boxes hold no pixels to learn from.
        crowd: whether to keep crowd regions, as pysot's scripts do.
    """

    layout = """\
coco/
    annotations/instances_train2017.json
    train2017/000000000009.jpg ...          (or images/train2017/)"""
    folders = ("coco", "COCO", "MSCOCO")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: str = "train2017",
        min_side: float = 4.0,
        crowd: bool = False,
    ) -> None:
        self.split = split
        self.min_side = min_side
        self.crowd = crowd
        super().__init__(root, sequences)

    @property
    def annotation(self) -> Path:
        """The annotation file."""
        return self.root / "annotations" / f"instances_{self.split}.json"

    def __len__(self) -> int:
        return len(self._ids) if self._chosen is None else len(self._chosen)

    def _recognises(self, folder: Path) -> bool:
        return (folder / "annotations" / f"instances_{self.split}.json").is_file()

    def _list(self) -> SequenceOf[str]:
        return tuple(map(str, self._ids.tolist()))

    def _open(self, name: str) -> Sequence:
        row = int(np.searchsorted(self._ids, int(name))) if name.isdigit() else len(self._ids)
        if row == len(self._ids) or self._ids[row] != int(name):
            raise DataError(
                f"{self.annotation}: holds no usable box with id {name} (crowd regions and sides below "
                f"{self.min_side:g} px are left out)."
            )
        file = self._files[int(self._images[row])]
        return Sequence(name, ImageFrames([str(self._folder / file)]), self._boxes[row : row + 1], group=file)

    @functools.cached_property
    def _folder(self) -> Path:
        plain = self.root / self.split
        return plain if plain.is_dir() else self.root / "images" / self.split

    @functools.cached_property
    def _content(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, str]]:
        """Annotation ids ascending, their image ids, their boxes, and the images' files."""
        try:
            content = json.loads(self.annotation.read_text(encoding="utf-8"))
            entries = [e for e in content["annotations"] if self.crowd or not e.get("iscrowd", 0)]
            ids = np.array([e["id"] for e in entries], np.int64)
            images = np.array([e["image_id"] for e in entries], np.int64)
            boxes = np.array([e["bbox"] for e in entries], np.float64).reshape(-1, 4)
            files = {int(i["id"]): str(i["file_name"]) for i in content["images"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.annotation}: is not in COCO's format ({error!r}); it should hold images with id and "
                "file_name, and annotations with id, image_id and bbox x,y,w,h."
            ) from error
        lost = np.setdiff1d(images, np.fromiter(files, np.int64, len(files)))
        if len(lost):
            raise DataError(f"{self.annotation}: annotations name image {lost[0]}, which is not among its images.")
        keep = np.flatnonzero((boxes[:, 2:] >= self.min_side).all(1))
        keep = keep[np.argsort(ids[keep], kind="stable")]
        return ids[keep], images[keep], boxes[keep], files

    @property
    def _ids(self) -> np.ndarray:
        return self._content[0]

    @property
    def _images(self) -> np.ndarray:
        return self._content[1]

    @property
    def _boxes(self) -> np.ndarray:
        return self._content[2]

    @property
    def _files(self) -> dict[int, str]:
        return self._content[3]
