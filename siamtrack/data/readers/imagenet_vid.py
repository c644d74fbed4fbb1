"""ImageNet VID, video object detection of ILSVRC 2015 (Russakovsky et al., IJCV 2015)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from siamtrack.data.index import TrackTable
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in
from siamtrack.data.readers.imagenet_xml import read_objects, xml_files
from siamtrack.data.readers.tabular import TabularDataSet
from siamtrack.data.sequence import DataError

_THREADS = 8  # files are small and many: reading them is mostly waiting


class _Snippet(NamedTuple):
    """The objects of one video: frame numbers ``[n]``, boxes ``[n, 4]``, track ids ``[n]``, synsets ``[n]``."""

    frames: np.ndarray
    boxes: np.ndarray
    tracks: np.ndarray
    synsets: np.ndarray


@datasets.register("vid")
class ImageNetVid(TabularDataSet):
    """ImageNet VID as downloaded; every track of a snippet is a sequence of the frames in which it is annotated.

    Named ``<snippet>-<track id>``; group is the snippet, category the WordNet id. Boxes are x, y = xmin, ymin and
    w, h = xmax - xmin, ymax - ymin, as pysot takes them; those that cross the border stay. Other than there a track
    that pauses is one track with all its frames (pysot's scripts keep only the last part).

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        split: the folder under ``Annotations/VID``.
    """

    layout = """\
ILSVRC2015/                                 (or ILSVRC)
    Annotations/VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000/000000.xml ...
    Annotations/VID/val/ILSVRC2015_val_00000000/000000.xml ...
    Data/VID/                               the same folders, 000000.JPEG ..."""
    folders = ("ILSVRC2015", "ILSVRC", "VID/ILSVRC2015", "ImageNet")

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
        """The folders: their time changes when files come or go. A million files are not asked one by one."""
        return [os.path.join(self._annotations, snippet) for snippet in self._snippets()]

    @property
    def _annotations(self) -> str:
        return os.path.join(self.root, "Annotations", "VID", self.split)

    def _recognises(self, folder: Path) -> bool:
        return (folder / "Annotations" / "VID" / self.split).is_dir()

    def _snippets(self) -> list[str]:
        """The snippets' folders below ``Annotations/VID/<split>``; one level down in val, two in train."""
        found = []
        for name in folders_in(Path(self._annotations)):
            inner = folders_in(Path(self._annotations, name)) if "_VID_" in name else []
            found += [os.path.join(name, snippet) for snippet in inner] or [name]
        return found

    def _read(self) -> TrackTable:
        snippets = self._snippets()
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = list(pool.map(self._snippet, snippets))
        names: list[str] = []
        videos, tracks, synsets = [], [], []
        patterns = [os.path.join(self.root, "Data", "VID", self.split, snippet) for snippet in snippets]
        for video, (snippet, part) in enumerate(zip(snippets, parts, strict=True)):
            ids, first, track = np.unique(part.tracks, return_index=True, return_inverse=True)
            tracks.append(track.astype(np.int32) + len(names))
            names += [f"{os.path.basename(snippet)}-{number}" for number in ids]
            videos += [video] * len(ids)
            synsets.append(part.synsets[first])
        lengths = [len(part.frames) for part in parts]
        frames = np.concatenate([part.frames for part in parts]) if parts else np.empty(0, np.int64)
        categories, category = np.unique(np.concatenate(synsets) if synsets else np.empty(0, "S1"), return_inverse=True)
        return TrackTable(
            boxes=np.concatenate([part.boxes for part in parts]) if parts else np.empty((0, 4), np.float32),
            tracks=np.concatenate(tracks) if tracks else np.empty(0, np.int32),
            frames=frames.astype(np.int32),
            paths=PathTable(
                StringTable.of(os.path.join(p.replace("%", "%%"), "%06d.JPEG") for p in patterns),
                np.repeat(np.arange(len(parts), dtype=np.int32), lengths),
                frames,
            ),
            names=StringTable.of(names),
            videos=np.array(videos, np.int32),
            video_names=StringTable.of(map(os.path.basename, snippets)),
            categories=category.astype(np.int32),
            category_names=StringTable.from_bytes(categories),
        )

    def _snippet(self, snippet: str) -> _Snippet:
        folder = os.path.join(self._annotations, snippet)
        stems = xml_files(folder)
        try:
            numbers = np.array(stems, dtype=np.int64) if stems else np.empty(0, np.int64)
        except (ValueError, OverflowError):
            raise DataError(f"{folder}: holds XML files that are not called by a number, such as 000000.xml.") from None
        objects = read_objects([os.path.join(folder, f"{stem}.xml") for stem in stems], tracks=True)
        assert objects.tracks is not None
        return _Snippet(numbers[objects.image], objects.boxes, objects.tracks, objects.synsets)
