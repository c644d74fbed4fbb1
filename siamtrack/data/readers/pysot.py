"""The annotation files in which users of pysot keep benchmarks (``OTB100.json``, ``VOT2018.json``, ...)."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import polygons_to_boxes, visibility
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, ImageFrames, Sequence

_FIELDS = ("img_names", "gt_rect", "init_rect")
# benchmarks whose numbers count from 1; pysot's files hold them as the benchmark's own do
FROM_ONE = ("OTB", "CVPR13", "UAV", "DTB", "TC128")


@datasets.register("pysot")
class Pysot(DataSet):
    """A benchmark described by one of pysot's json files, with the frames below the folder of that file.

    Only annotated frames count. Per-frame lists other than ``gt_rect`` become ``tags``, and ``absent`` becomes
    ``visible`` (in these files 1 means visible).

    Args:
        root: see :class:`DataSet`.
        sequences: see :class:`DataSet`.
        benchmark: the name of the file, without suffix.
    """

    layout = """\
OTB100/
    OTB100.json                 {"Basketball": {"img_names": ["Basketball/img/0001.jpg", ...],
                                                "gt_rect": [[x, y, w, h], ...], "attr": [...]}, ...}
    Basketball/img/0001.jpg ..."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        benchmark: str = "OTB100",
    ) -> None:
        self.benchmark = benchmark
        self.folders = (benchmark,)
        super().__init__(root, sequences)

    def annotation_files(self) -> Iterable[Path]:
        return (self.root / f"{self.benchmark}.json",)

    def _recognises(self, folder: Path) -> bool:
        return (folder / f"{self.benchmark}.json").is_file()

    def _list(self) -> SequenceOf[str]:
        return tuple(self._entries)

    def _open(self, name: str) -> Sequence:
        path = self.root / f"{self.benchmark}.json"
        try:
            entry = self._entries[name]
            files = [os.path.join(self.root, file) for file in entry["img_names"]]
            rows = np.array(entry["gt_rect"], np.float64)
            tags = {k: np.array(v) for k, v in entry.items() if _per_frame(v) and k not in _FIELDS}
            attributes = tuple(entry.get("attr") or ())
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{path}: sequence {name} cannot be used ({error!r}); expected is\n{self.layout}"
            ) from error
        if rows.ndim != 2 or rows.shape[1] not in (4, 8) or len(rows) > len(files):
            raise DataError(
                f"{path}: sequence {name} has a gt_rect of shape {rows.shape} for {len(files)} images; rows of 4 or 8 "
                "numbers, at most one per image, are right."
            )
        count = len(rows)
        tags = {key: flags[:count] != 0 for key, flags in tags.items() if len(flags) >= count}
        known = tags.pop("absent", None)
        return Sequence(
            name,
            ImageFrames(files[:count]),
            rows if rows.shape[1] == 4 else polygons_to_boxes(rows),
            offset=1.0 if self.benchmark.upper().startswith(FROM_ONE) else 0.0,
            visible=visibility(rows) if known is None else known,
            polygons=rows if rows.shape[1] == 8 else None,
            attributes=attributes,
            tags=tags or None,
        )

    @functools.cached_property
    def _entries(self) -> dict[str, Any]:
        path = self.root / f"{self.benchmark}.json"
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: is not JSON ({error}); fetch the file again.") from error
        if not isinstance(entries, dict):
            raise DataError(f"{path}: is not pysot's annotation; expected is\n{self.layout}")
        return entries


def _per_frame(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], (int, float))
