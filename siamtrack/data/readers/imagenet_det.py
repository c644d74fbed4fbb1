"""ImageNet DET, object detection in still images (Russakovsky et al., IJCV 2015)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np

from siamtrack.data.index import TrackTable
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.readers import datasets
from siamtrack.data.readers.imagenet_xml import Objects, read_objects, xml_files
from siamtrack.data.readers.tabular import TabularDataSet

_THREADS = 8  # files are small and many: reading them is mostly waiting


@datasets.register("det")
class ImageNetDet(TabularDataSet):
    """ImageNet DET as downloaded; every object is a sequence of one frame.

    Named ``<image>-<which of its objects>``; group is the image, category the WordNet id. The training images of 2013
    and of 2014 both count. Boxes are as in :class:`ImageNetVid`; those with a corner left of or above the image, which
    pysot's scripts drop, are kept.

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: the folder under ``Annotations/DET``.
    """

    layout = """\
ILSVRC2015/                                 (or ILSVRC2017, ILSVRC)
    Annotations/DET/train/ILSVRC2013_train/n02118333/n02118333_4.xml ...
    Annotations/DET/train/ILSVRC2014_train_0000/ILSVRC2014_train_00000001.xml ...
    Annotations/DET/val/ILSVRC2013_val_00000001.xml ...
    Data/DET/                               the same folders, n02118333_4.JPEG ..."""
    folders = ("ILSVRC2015", "ILSVRC2017", "ILSVRC", "DET/ILSVRC2015", "ImageNet")

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        split: Literal["train", "val"] = "train",
    ) -> None:
        self.split = split
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[str]:
        """The folders: their time changes when files come or go. Half a million files are not asked one by one."""
        return self._annotation_folders()

    def _recognises(self, folder: Path) -> bool:
        return (folder / "Annotations" / "DET" / self.split).is_dir()

    def _annotation_folders(self) -> list[str]:
        """All folders below ``Annotations/DET/<split>``, itself among them."""
        top = os.path.join(self.root, "Annotations", "DET", self.split)
        return sorted(folder for folder, _, _ in os.walk(top))

    def _read(self) -> TrackTable:
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = list(pool.map(self._folder, self._annotation_folders()))
        stems = [stem for names, _, _ in parts for stem in names]
        objects = [found for _, _, found in parts]
        starts = np.cumsum([0, *(len(names) for names, _, _ in parts)])
        image = np.concatenate([found.image + start for found, start in zip(objects, starts, strict=False)])
        place = np.concatenate([found.place for found in objects])
        categories, category = np.unique(np.concatenate([found.synsets for found in objects]), return_inverse=True)
        names = np.char.add(np.char.add(np.array(stems or [""], "S")[image], b"-"), place.astype("S"))
        return TrackTable(
            boxes=np.concatenate([found.boxes for found in objects]),
            tracks=np.arange(len(image), dtype=np.int32),
            frames=np.zeros(len(image), np.int32),
            paths=PathTable.of(paths for _, paths, _ in parts).take(image),
            names=StringTable.from_bytes(names),
            videos=image.astype(np.int32),
            video_names=StringTable.of(stems),
            categories=category.astype(np.int32),
            category_names=StringTable.from_bytes(categories),
        )

    def _folder(self, folder: str) -> tuple[list[str], list[str], Objects]:
        """Names of the images annotated in a folder, their files, and their objects."""
        stems = xml_files(folder)
        objects = read_objects([os.path.join(folder, f"{stem}.xml") for stem in stems], tracks=False)
        images = os.path.join(self.root, "Data", "DET", os.path.relpath(folder, self.root / "Annotations" / "DET"))
        return stems, [os.path.join(images, f"{stem}.JPEG") for stem in stems], objects
