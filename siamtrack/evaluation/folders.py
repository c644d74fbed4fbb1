"""Folders of results: our own layout, and recognising by content those found in the wild.

Ours is ``<output>/<benchmark>/<tracker>/<sequence>.txt`` with ``<sequence>_time.txt`` and ``meta.json`` beside it.
Read as well: a flat folder of pysot or pytracking, and got10k's ``<sequence>/<sequence>_001.txt``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from siamtrack.evaluation.formats import read_boxes, read_times
from siamtrack.evaluation.results import Array, ResultError, SequenceNames, TrackerResults

log = logging.getLogger(__name__)

META = "meta.json"
_RUN = re.compile(r"(.+)_(\d{3})")  # <sequence>_001
_TIMES = re.compile(r"(.+)_times?")
_LAYOUTS = "<tracker>/<sequence>.txt or <tracker>/<sequence>/<sequence>_001.txt"


def tracker_folder(output: str | os.PathLike[str], benchmark: str, tracker: str) -> Path:
    """Where our own results of a tracker on a benchmark stand."""
    return Path(output) / benchmark / tracker


def boxes_file(folder: Path, sequence: str) -> Path:
    """Where the boxes of a sequence stand in a tracker's folder."""
    return folder / f"{sequence}.txt"


def times_file(folder: Path, sequence: str) -> Path:
    """Where the times of a sequence stand in a tracker's folder."""
    return folder / f"{sequence}_time.txt"


def find_trackers(root: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Path]:
    """Tracker folders under a results folder, by name.

    ``root`` may be one tracker's folder, hold trackers, or hold benchmarks that hold trackers.

    Args:
        root: the folder.
        names: the benchmark's sequences; a tracker's folder is known by having a result for one of them.

    Raises:
        ResultError: no such folder, or no results in it.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder; a folder of results ({_LAYOUTS}) expected.")
    index = SequenceNames(names)
    if _has_results(folder, index):
        return {folder.resolve().name: folder}
    level = _subfolders(folder)
    for _ in range(2):
        found = {child.name: child for child in level if _has_results(child, index)}
        if found:
            return found
        level = [grandchild for child in level for grandchild in _subfolders(child)]
    if not any(folder.iterdir()):
        raise ResultError(f"{folder}: the folder is empty; {_LAYOUTS} expected.")
    raise ResultError(
        f"{folder}: no result for any of the {len(names)} sequences ({', '.join(list(names)[:3])}, ...); "
        f"{_LAYOUTS} expected."
    )


def load_results(
    folder: str | os.PathLike[str], frames: Mapping[str, int], tracker: str = "", allow_nan: bool = False
) -> TrackerResults:
    """Boxes and times of one tracker, for those sequences that have a file.

    A result with one row too many is cut; one with one row too few is continued with its last row. Both are warned
    of. Larger differences stay, and the protocol decides.

    Args:
        folder: the tracker's folder.
        frames: sequence -> number of its frames.
        tracker: its name; the folder's where it is empty.
        allow_nan: keep NaN rows, which the MATLAB protocols repair.

    Raises:
        ResultError: no result at all, or a file that is not boxes.
    """
    place = Path(folder)
    names = SequenceNames(frames)
    files: dict[str, dict[str, Path]] = {}
    times: dict[str, Array] = {}
    for path in _text_files(place):
        if timed := _TIMES.fullmatch(path.stem):
            if sequence := names.find(timed[1]):
                times[sequence] = read_times(path)
        elif found := _sequence_and_run(path.stem, names):
            sequence, run = found
            if other := files.setdefault(sequence, {}).get(run):
                raise ResultError(f"{place}: {other.name} and {path.name} both mean sequence {sequence}; keep one.")
            files[sequence][run] = path
    if not files:
        raise ResultError(f"{place}: no result for any of the {len(frames)} sequences; {_LAYOUTS} expected.")
    boxes = {
        sequence: [_fit(read_boxes(runs[run], allow_nan), frames[sequence], runs[run]) for run in sorted(runs)]
        for sequence, runs in sorted(files.items())
    }
    return TrackerResults(tracker or place.resolve().name, boxes, times, str(place))


def _fit(boxes: Array, frames: int, path: Path) -> Array:
    if len(boxes) == frames + 1:
        log.warning("%s: %d rows for %d frames; the last row is left out.", path, len(boxes), frames)
        return boxes[:frames]
    if len(boxes) == frames - 1:
        log.warning("%s: %d rows for %d frames; the last row is repeated.", path, len(boxes), frames)
        return np.concatenate([boxes, boxes[-1:]])
    return boxes


def _sequence_and_run(stem: str, names: SequenceNames) -> tuple[str, str] | None:
    """Which sequence and run a result file belongs to: its whole stem is a name before a number is taken off it."""
    if sequence := names.find(stem):
        return sequence, ""
    numbered = _RUN.fullmatch(stem)
    if numbered and (sequence := names.find(numbered[1])):
        return sequence, numbered[2]
    return None


def _has_results(folder: Path, names: SequenceNames) -> bool:
    return any(_sequence_and_run(path.stem, names) for path in _text_files(folder))


def _text_files(folder: Path) -> Iterator[Path]:
    """Text files of a tracker: in the folder, and in ``<sequence>/`` and ``times/`` one level below."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    yield from (entry for entry in entries if entry.suffix == ".txt" and entry.is_file())
    for entry in entries:
        if entry.is_dir():
            key = entry.name
            for path in sorted(entry.glob("*.txt")):
                if key == "times" or path.stem.startswith(key):
                    yield path


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
