"""UAV123, UAV123@10fps and UAV20L (Mueller, Smith, Ghanem: ECCV 2016)."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import ClassVar

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import (
    frame_number,
    image_frames,
    image_names,
    natural_key,
    read_attributes,
    read_rows,
    visibility,
)
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence

# Folder -> first and last frame of <folder>_1, <folder>_2, ...: the sequences that share one (configSeqs.m of the
# benchmark). All others start with frame 1 of the folder of their own name.
RANGES = {
    "bird1": ((1, 253), (775, 1477), (1573, 2437)),
    "car1": ((1, 751), (751, 1627), (1627, 2629)),
    "car6": ((1, 487), (487, 1807), (1807, 2953), (2953, 3925), (3925, 4861)),
    "car8": ((1, 1357), (1357, 2575)),
    "car16": ((1, 415), (415, 1993)),
    "group1": ((1, 1333), (1333, 2515), (2515, 3925), (3925, 4873)),
    "group2": ((1, 907), (907, 1771), (1771, 2683)),
    "group3": ((1, 1567), (1567, 2827), (2827, 4369), (4369, 5527)),
    "person2": ((1, 1189), (1189, 2623)),
    "person4": ((1, 1501), (1501, 2743)),
    "person5": ((1, 877), (877, 2101)),
    "person7": ((1, 1249), (1249, 2065)),
    "person8": ((1, 1075), (1075, 1525)),
    "person12": ((1, 601), (601, 1621)),
    "person14": ((1, 847), (847, 1813), (1813, 2923)),
    "person17": ((1, 1501), (1501, 2347)),
    "person19": ((1, 1243), (1243, 2791), (2791, 4357)),
    "truck4": ((1, 577), (577, 1261)),
    "uav1": ((1, 1555), (1555, 2377), (2473, 3469)),
}


# The order of the flags in anno/UAV123/att/<sequence>.txt; pytracking's UAV123_attributes.json has the same
ATTRIBUTES = (
    "Scale Variation", "Aspect Ratio Change", "Low Resolution", "Fast Motion", "Full Occlusion", "Partial Occlusion",
    "Out-of-View", "Background Clutter", "Illumination Variation", "Viewpoint Change", "Camera Motion",
    "Similar Object",
)  # fmt: skip


@datasets.register("uav123")
class Uav123(DataSet):
    """UAV123 as downloaded; its numbers count from 1, NaN rows are frames without the target.

    A sequence is a range of a folder's frames. It comes from ``sequences.json`` in the root, if there is one; else
    from the benchmark's own table, if the number of boxes agrees with it; else all frames of the folder are taken,
    if they are as many as the boxes. Anything else is refused. Attributes come from ``anno/UAV123/att``, if it is
    there.
    """

    layout = """\
UAV123/
    data_seq/UAV123/bike1/000001.jpg ...    (UAV123_10fps, UAV20L likewise)
    anno/UAV123/bike1.txt                   x,y,w,h a line, NaN where the target is hidden
    anno/UAV123/att/bike1.txt               optional: twelve flags 0 or 1, separated by commas
    sequences.json                          optional: {"bird1_2": {"folder": "bird1", "start_frame": 775,
                                                                   "end_frame": 1477}, ...}"""
    folders: tuple[str, ...] = ("UAV123", "Dataset_UAV123/UAV123", "uav123")
    edition: ClassVar[str] = "UAV123"
    step: ClassVar[int] = 1  # every step-th frame of UAV123 was kept

    def _recognises(self, folder: Path) -> bool:
        return (folder / "anno" / self.edition).is_dir()

    def _list(self) -> SequenceOf[str]:
        return tuple(sorted((p.stem for p in (self.root / "anno" / self.edition).glob("*.txt")), key=natural_key))

    def _open(self, name: str) -> Sequence:
        annotation = self.root / "anno" / self.edition / f"{name}.txt"
        boxes = read_rows(annotation)
        group, first = self._range(name, len(boxes), annotation)
        folder = self._frames_of(group)
        files = image_names(folder)
        if first is not None:
            files = [file for file in files if first <= frame_number(file) < first + len(boxes)]
        if len(files) != len(boxes):
            start = "" if first is None else f" from number {first} on"
            raise DataError(
                f"{annotation}: has {len(boxes)} boxes, but {folder} holds {len(files)} images for them{start}; "
                f"complete the folder, or give the range of {name} in {self.root / 'sequences.json'}."
            )
        return Sequence(
            name,
            image_frames(folder, files),
            boxes,
            offset=1.0,
            visible=visibility(boxes),
            attributes=read_attributes(self.root / "anno" / self.edition / "att" / f"{name}.txt", ATTRIBUTES),
            group=group,
        )

    def _range(self, name: str, count: int, annotation: Path) -> tuple[str, int | None]:
        """Folder and number of the first frame, ``None`` for: all frames of the folder."""
        if name in self._given:
            folder, first, last = self._given[name]
            if last - first + 1 != count:
                raise DataError(
                    f"{annotation}: has {count} boxes, but {self.root / 'sequences.json'} gives {name} the frames "
                    f"{first} to {last}; they should agree."
                )
            return folder, first
        folder, _, part = name.rpartition("_")
        if folder in RANGES and part.isdecimal() and 0 < int(part) <= len(RANGES[folder]):
            first, last = ((number - 1) // self.step + 1 for number in RANGES[folder][int(part) - 1])
            return folder, first if last - first + 1 == count else None
        return name, None

    def _frames_of(self, folder: str) -> Path:
        return self.root / "data_seq" / self.edition / folder

    @functools.cached_property
    def _given(self) -> dict[str, tuple[str, int, int]]:
        """The ranges of ``sequences.json``."""
        path = self.root / "sequences.json"
        if not path.is_file():
            return {}
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
            return {n: (str(e["folder"]), int(e["start_frame"]), int(e["end_frame"])) for n, e in entries.items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{path}: cannot be used ({error!r}); every sequence needs folder, start_frame and end_frame."
            ) from error


@datasets.register("uav123_10fps")
class Uav123At10Fps(Uav123):
    """UAV123@10fps: every third frame, with an annotation of its own."""

    edition = "UAV123_10fps"
    step = 3
    folders = ("UAV123_10fps", "UAV123@10fps", "Dataset_UAV123_10fps/UAV123_10fps", "UAV123")


@datasets.register("uav20l")
class Uav20l(Uav123):
    """UAV20L: 20 whole videos of UAV123, whose frames serve where the edition has none of its own."""

    edition = "UAV20L"
    folders = ("UAV20L", "UAV123", "Dataset_UAV123/UAV123")

    def _frames_of(self, folder: str) -> Path:
        own = self.root / "data_seq" / self.edition / folder
        return own if own.is_dir() else self.root / "data_seq" / "UAV123" / folder
