"""The extension of LaSOT (Fan et al., IJCV 2021)."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import folders_in
from siamtrack.data.readers.lasot import Lasot

CLASSES = (
    "atv", "badminton", "cosplay", "dancingshoe", "footbag", "frisbee", "jianzi", "lantern", "misc", "opossum",
    "paddle", "raccoon", "rhino", "skatingshoe", "wingsuit",
)  # fmt: skip
SEQUENCES = tuple(f"{name}-{number}" for name in CLASSES for number in range(1, 11))


@datasets.register("lasot_ext")
class LasotExtension(Lasot):
    """LaSOT's extension, 150 sequences of 15 further classes, with files like LaSOT's own.

    The list of classes is from general knowledge and was not held against a download.
    """

    layout = """\
LaSOT_extension_subset/
    atv/atv-1/
        img/00000001.jpg ...
        groundtruth.txt                         x,y,w,h a line
        full_occlusion.txt out_of_view.txt      0 or 1 per frame, comma separated
    att/atv-1.txt                               optional, from its toolkit: fourteen flags 0 or 1, comma separated"""
    folders = ("LaSOT_extension_subset", "LaSOT_Ext", "LaSOT_ext", "LaSOT-ext", "LaSOTExt", "lasot_ext")

    def __init__(self, root: str | os.PathLike[str], sequences: SequenceOf[str] | None = None) -> None:
        super().__init__(root, sequences, split="all")

    def _recognises(self, folder: Path) -> bool:
        there = set(folders_in(folder)) if folder.is_dir() else set()
        return bool(there.intersection((*CLASSES, *SEQUENCES))) and super()._recognises(folder)

    def _list(self) -> SequenceOf[str]:
        return self._present(SEQUENCES, frozenset(super()._list()))
