"""Still images with boxes in COCO's format (Lin et al., ECCV 2014), one sequence of one frame per box."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.data.index import TrackTable
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.readers import datasets
from siamtrack.data.readers.tabular import TabularDataSet
from siamtrack.data.sequence import DataError


@datasets.register("coco")
class Coco(TabularDataSet):
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
        self._unused = f"crowd regions and sides below {min_side:g} px are left out."
        super().__init__(root, sequences)

    @property
    def annotation(self) -> Path:
        """The annotation file."""
        return self.root / "annotations" / f"instances_{self.split}.json"

    def annotation_files(self) -> Iterable[Path]:
        """The annotation, and the folder of the images, which may be another one when they come later."""
        return self.annotation, Path(self._folder())

    def _recognises(self, folder: Path) -> bool:
        return (folder / "annotations" / f"instances_{self.split}.json").is_file()

    def _read(self) -> TrackTable:
        try:
            content = json.loads(self.annotation.read_bytes())
            return self._tabulate(content)
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{self.annotation}: is not in COCO's format ({error!r}); it should hold images with id and "
                "file_name, and annotations with id, image_id and bbox x,y,w,h."
            ) from error

    def _tabulate(self, content: dict[str, Any]) -> TrackTable:
        entries = [e for e in content["annotations"] if self.crowd or not e.get("iscrowd", 0)]
        ids = np.array([e["id"] for e in entries], np.int64)
        images = np.array([e["image_id"] for e in entries], np.int64)
        boxes = np.array([e["bbox"] for e in entries], np.float64).reshape(-1, 4)
        kinds = np.array([e.get("category_id", -1) for e in entries], np.int64)
        keep = np.flatnonzero((boxes[:, 2:] >= self.min_side).all(1))
        keep = keep[np.argsort(ids[keep], kind="stable")]

        files = {int(i["id"]): str(i["file_name"]) for i in content["images"]}
        known = np.fromiter(files, np.int64, len(files))
        lost = np.setdiff1d(images, known)
        if len(lost):
            raise DataError(f"{self.annotation}: annotations name image {lost[0]}, which is not among its images.")
        used, image = np.unique(images[keep], return_inverse=True)
        names = [files[int(number)] for number in used]
        folder = self._folder()
        called = {int(c["id"]): str(c["name"]) for c in content.get("categories", ())}
        categories, category = np.unique(kinds[keep], return_inverse=True)
        return TrackTable(
            boxes=boxes[keep].astype(np.float32),
            tracks=np.arange(len(keep), dtype=np.int32),
            frames=np.zeros(len(keep), np.int32),
            paths=PathTable.of([[os.path.join(folder, name) for name in names]]).take(image),
            names=StringTable.from_bytes(ids[keep].astype("S")),
            videos=image.astype(np.int32),
            video_names=StringTable.of(names),
            categories=np.where(categories >= 0, np.arange(len(categories)), -1).astype(np.int32)[category],
            category_names=StringTable.of(called.get(int(number), str(number)) for number in categories),
        )

    def _folder(self) -> str:
        plain = self.root / self.split
        return os.fspath(plain if plain.is_dir() else self.root / "images" / self.split)
