"""The archives of published raw results: annotations and results, found by content and not by name.

Any archive may hold annotations, results, or both: results are scored on those annotations, of any archive, whose
sequences they fit best.
"""

from __future__ import annotations

import functools
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamtrack import evaluation
from siamtrack.boxes import xyxy_to_xywh
from siamtrack.data.readers.nfs import read_corners
from siamtrack.data.readers.otb import TARGETS, WINDOWS
from siamtrack.data.sequence import DataError
from siamtrack.evaluation import ResultError, TrackerResults, Truth
from siamtrack.evaluation.results import SequenceNames
from tests.evaluation.golden import Row, folder, key, table

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".zip")
HIDDEN = ("absent", "full_occlusion", "out_of_view")  # files of flags, in all of which 1 means: not to be seen
LISTS = {"otb50": TARGETS["50"], "otb2013": TARGETS["2013"], "cvpr13": TARGETS["2013"]}


class Library:
    """Everything that lies in the archives.

    Args:
        unpacked: an empty folder for the archives' files.
    """

    def __init__(self, unpacked: Path) -> None:
        self._unpacked = unpacked
        self.archives = sorted(p for p in folder().iterdir() if p.name.endswith(ARCHIVES))

    @functools.cached_property
    def annotations(self) -> list[list[Truth]]:
        """Every set of annotated sequences in any archive."""
        return [truths for archive in self.archives for truths in annotations(self.content(archive)) if truths]

    @functools.cache  # noqa: B019 - one object a session
    def content(self, archive: Path) -> Path:
        """The folder with the files of an archive."""
        target = self._unpacked / archive.name
        for member, content in members(archive):
            path = target / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return target

    def results_folder(self, row: Row) -> Path:
        """The folder with a tracker's results: where the row says, or one of its name in any archive."""
        archive, _, inside = row["archive_member"].partition(":")
        named = [path for path in self.archives if path.name == archive] or self.archives
        for content in map(self.content, named):
            if inside and (content / inside).is_dir():
                return content / inside
            found = [p for p in content.rglob("*") if p.is_dir() and key(p.name) == key(row["tracker"])]
            if found:
                return max(found, key=lambda p: sum(1 for _ in p.rglob("*.txt")))
        raise LookupError(f"no archive in {folder()} holds results of {row['tracker']} on {row['benchmark']}.")

    @functools.cache  # noqa: B019
    def material(self, results: Path, benchmark: str) -> tuple[list[Truth], TrackerResults]:
        """The annotations that fit a folder of results, and the results; one shorter goes on with its last row."""
        fits = [fit for truths in self.annotations if (fit := Fit.of(_listed(truths, benchmark), results))]
        if not fits:
            raise LookupError(f"no archive in {folder()} holds annotations for the sequences in {results.name}.")
        best = max(fits, key=lambda fit: (fit.agree, -len(fit.truths)))
        frames = {truth.name: len(truth.boxes) for truth in best.truths}
        whole = {name: [continued(boxes, frames[name]) for boxes in runs] for name, runs in best.results.boxes.items()}
        return best.truths, TrackerResults(results.name, whole)

    @functools.cache  # noqa: B019
    def scores(self, results: Path, protocol: str, benchmark: str) -> evaluation.Scores:
        """A tracker on a benchmark by a protocol."""
        truths, found = self.material(results, benchmark)
        return evaluation.evaluate(truths, found, protocol, benchmark=benchmark)


@dataclass(frozen=True)
class Fit:
    """Results beside annotations: how many sequences agree in name and, to a row, in length."""

    truths: list[Truth]
    results: TrackerResults
    agree: int

    @classmethod
    def of(cls, truths: list[Truth], folder: Path) -> Fit | None:
        """``None`` where no sequence fits."""
        frames = {truth.name: len(truth.boxes) for truth in truths}
        names = SequenceNames(frames)
        if not any(names.find(re.sub(r"_\d{3}$", "", path.stem)) for path in folder.rglob("*.txt")):
            return None
        try:
            results = evaluation.load_results(folder, frames, allow_nan=True)
        except ResultError:
            return None
        agree = sum(len(runs[0]) == frames[name] for name, runs in results.boxes.items())
        return cls(truths, results, agree)


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of an archive."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            yield from ((name, zipped.read(name)) for name in zipped.namelist() if not name.endswith("/"))
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def continued(boxes: np.ndarray, frames: int) -> np.ndarray:
    """A result that is too short goes on with its last row, which is the table's rule."""
    missing = max(frames - len(boxes), 0)
    return np.concatenate([boxes, boxes[-1:].repeat(missing, 0)])


# Annotations --------------------------------------------------------------------------------------------------------


def annotations(content: Path) -> Iterator[list[Truth]]:
    """Sets of annotated sequences in a folder: files of pysot, a text file a sequence, or a folder a sequence."""
    for path in sorted(content.rglob("*.json")):
        yield from_pysot(path)
    trackers = {"results", *(key(row["tracker"]) for row in table())}
    texts = [
        path
        for path in sorted(content.rglob("*.txt"))
        if trackers.isdisjoint(map(key, path.relative_to(content).parts))
    ]
    named = [path for path in texts if path.name in ("groundtruth.txt", "groundtruth_rect.txt")]
    yield [truth for path in named if (truth := from_text(path, path.parent.name))]
    for place in sorted({path.parent for path in texts} - {path.parent for path in named}):
        if place.name not in HIDDEN:
            yield [truth for path in texts if path.parent == place and (truth := from_text(path, path.stem))]


def from_pysot(path: Path) -> list[Truth]:
    """The sequences of one of pysot's files whose regions are boxes; ``absent`` is 1 where the target is seen."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(entries, dict):
        return []
    truths = []
    for name, entry in entries.items():
        rows = entry.get("gt_rect", []) if isinstance(entry, dict) else []
        if rows and all(len(row) == 4 for row in rows):
            seen = np.asarray(entry["absent"]) == 1 if entry.get("absent") else None
            truths.append(Truth(name, np.asarray(rows, float), visible=seen))
    return truths


def from_text(path: Path, name: str) -> Truth | None:
    """One sequence, in the benchmark's frame window; ``None`` for a text that is no boxes."""
    boxes = _boxes(path)
    if boxes is None:
        return None
    first, last = WINDOWS.get(name, (1, 0))
    if len(boxes) == last:
        boxes = boxes[first - 1 :]
    hidden = np.zeros(len(boxes), bool)
    flags = [flags for what in HIDDEN if (flags := beside(path, what))]
    for file in flags:
        hidden |= np.array(file.read_text().replace(",", " ").split(), int) == 1
    cover = path.with_name("cover.label")
    meta = path.with_name("meta_info.ini")
    size = re.search(r"resolution:\s*\((\d+),\s*(\d+)\)", meta.read_text()) if meta.is_file() else None
    return Truth(
        name,
        boxes,
        visible=~hidden if flags else None,
        cover=np.array(cover.read_text().split(), int) if cover.is_file() else None,
        resolution=(int(size[1]), int(size[2])) if size else None,
    )


def _boxes(path: Path) -> np.ndarray | None:
    try:
        return evaluation.read_boxes(path, allow_nan=True)
    except ResultError:
        pass
    try:
        return xyxy_to_xywh(read_corners(path))
    except DataError:
        return None


def beside(annotation: Path, what: str) -> Path | None:
    """The file with one kind of flags for a sequence: in a folder beside the annotations', or in the sequence's."""
    for path in (annotation.parent.parent / what / annotation.name, annotation.with_name(f"{what}.txt")):
        if path.is_file():
            return path
    return None


def _listed(truths: list[Truth], benchmark: str) -> list[Truth]:
    """The sequences of the benchmark's own list, where it is part of another one."""
    names = LISTS.get(key(benchmark))
    return truths if names is None else [truth for truth in truths if truth.name in names]
