"""Everything that reads text written by others, held to its word: numbers, or a sentence that names the file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from siamtrack import evaluation
from siamtrack.data.readers.annotation import read_flags, read_list, read_regions, read_rows
from siamtrack.data.readers.nfs import read_corners
from siamtrack.data.readers.pysot import Pysot
from siamtrack.data.sequence import DataError
from siamtrack.evaluation import ResultError, vot
from siamtrack.evaluation.vot.files import read_run, read_values


class Broken(AssertionError):
    """A reader gave something that is neither what was asked for nor a sentence."""


def boxes(path: Path) -> None:
    """Finite boxes, to the last bit what ``float`` makes of the fields."""
    table = evaluation.read_boxes(path)
    fields = re.split(r"[,;\s]+", path.read_bytes().decode("utf-8-sig").strip().strip(",; \t"))
    _require(table.shape[1] == 4 and bool(np.isfinite(table).all()), "boxes that are none")
    _require(table.ravel().tolist() == [float(field) for field in fields if field], "other numbers than float reads")


def boxes_with_nan(path: Path) -> None:
    _require(not np.isinf(evaluation.read_boxes(path, allow_nan=True)).any(), "infinite boxes")


def times(path: Path) -> None:
    _require(evaluation.read_times(path).dtype == np.float64, "times that are no numbers")


def rows(path: Path) -> None:
    _require(read_rows(path).shape[1] == 4, "rows of another length")


def regions(path: Path) -> None:
    read, polygons = read_regions(path)
    _require(read.shape[1] == 4 and (polygons is None or polygons.shape[1] == 8), "regions that are none")


def flags(path: Path) -> None:
    read = read_flags(path)
    _require(read is not None and read.dtype == np.int64, "flags that are no whole numbers")


def names(path: Path) -> None:
    _require(all(name.strip() for name in read_list(path)), "empty names")


def corners(path: Path) -> None:
    _require(read_corners(path).shape[1] == 4, "corners of another length")


def pysot(path: Path) -> None:
    """The data set whose annotation file this is."""
    target = path.with_name("B.json")
    target.write_bytes(path.read_bytes())
    try:
        for sequence in Pysot(path.parent, benchmark="B"):
            _require(len(sequence.file_boxes) == len(sequence.frames), "boxes without frames")
    finally:
        target.unlink()


def vot_annotation(path: Path) -> None:
    vot.read_annotation(path)


def vot_run(path: Path) -> None:
    read_run(path)


def vot_values(path: Path) -> None:
    _require(len(read_values(path, 12)) == 12, "values for other rows")


TARGETS: dict[str, tuple[Callable[[Path], None], tuple[type[Exception], ...]]] = {
    "result boxes": (boxes, (ResultError,)),
    "annotated boxes": (boxes_with_nan, (ResultError,)),
    "result times": (times, (ResultError,)),
    "data set rows": (rows, (DataError,)),
    "data set regions": (regions, (DataError,)),
    "data set flags": (flags, (DataError,)),
    "list of sequences": (names, (DataError,)),
    "corners of NFS": (corners, (DataError,)),
    "annotation of pysot": (pysot, (DataError,)),
    "annotation of VOT": (vot_annotation, (ValueError,)),
    "run of VOT": (vot_run, (ResultError,)),
    "values of VOT": (vot_values, (ResultError,)),
}


def attempt(name: str, path: Path) -> str:
    """``""`` if the file was read, or the sentence for why not.

    Raises:
        Broken: anything else.
    """
    read, expected = TARGETS[name]
    try:
        read(path)
    except expected as error:
        sentence: Any = str(error)
        if type(error) not in expected:
            raise Broken(f"{name}: {type(error).__name__} instead of a sentence: {error}") from error
        _require(str(path.parent) in sentence, f"a sentence without the file: {sentence}")
        return str(sentence)
    except Broken:
        raise
    except Exception as error:
        raise Broken(f"{name}: {type(error).__name__}: {error}") from error
    return ""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)
