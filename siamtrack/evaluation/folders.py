"""Folders of results: our own layout, and recognising by content those found in the wild.

Ours is ``<output>/<benchmark>/<tracker>/<sequence>.txt`` with ``<sequence>_time.txt`` and ``meta.json`` beside it.
Read as well: a flat folder of pysot or pytracking, and got10k's ``<sequence>/<sequence>_001.txt``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamtrack.evaluation.formats import parse_many, parse_times, read_bytes
from siamtrack.evaluation.results import Array, ResultError, SequenceNames, TrackerResults

log = logging.getLogger(__name__)

META = "meta.json"
_SUFFIX = ".txt"
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


@dataclass(frozen=True)
class ResultFiles:
    """The files of one tracker.

    Attributes:
        folder: where they stand.
        boxes: sequence -> run -> file; a run is ``""`` or a number of three digits.
        times: sequence -> file.
    """

    folder: Path
    boxes: Mapping[str, Mapping[str, str]]
    times: Mapping[str, str]

    def all(self) -> list[str]:
        """Every file, sequence by sequence and run by run, then the times."""
        boxes = [runs[run] for _, runs in sorted(self.boxes.items()) for run in sorted(runs)]
        return boxes + [self.times[name] for name in sorted(self.times)]


def find_trackers(root: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Path]:
    """Tracker folders under a results folder, by name.

    ``root`` may be one tracker's folder, hold trackers, or hold benchmarks (or trackers with several settings) that do.
    Two folders of one name are told apart by the folders they stand in: ``atom/default_000``.

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
        found = [child for child in level if _has_results(child, index)]
        if found:
            return by_name(found)
        level = [grandchild for child in level for grandchild in _subfolders(child)]
    if not any(folder.iterdir()):
        raise ResultError(f"{folder}: the folder is empty; {_LAYOUTS} expected.")
    raise ResultError(
        f"{folder}: no result for any of the {len(names)} sequences ({', '.join(list(names)[:3])}, ...); "
        f"{_LAYOUTS} expected.{_matlab(folder)}"
    )


def by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by their names; those of one name with that of the folder they stand in: ``atom/default_000``."""
    names = [folder.name for folder in folders]
    return {
        name if names.count(name) == 1 else f"{folder.parent.name}/{name}": folder
        for name, folder in zip(names, folders, strict=True)
    }


def result_files(folder: str | os.PathLike[str], names: Sequence[str]) -> ResultFiles:
    """Which files of a tracker's folder belong to which sequence; nothing is opened.

    Args:
        folder: the tracker's folder.
        names: the benchmark's sequences.

    Raises:
        ResultError: no result at all, or two files for one run of a sequence.
    """
    place, index = Path(folder), SequenceNames(names)
    boxes: dict[str, dict[str, str]] = {}
    times: dict[str, str] = {}
    for path in _text_files(place):
        stem = os.path.basename(path)[: -len(_SUFFIX)]
        if found := _sequence_and_run(stem, index):
            sequence, run = found
            runs = boxes.setdefault(sequence, {})
            if run in runs:
                raise ResultError(
                    f"{place}: {os.path.basename(runs[run])} and {os.path.basename(path)} both mean sequence "
                    f"{sequence}; keep one."
                )
            runs[run] = path
        elif (timed := _TIMES.fullmatch(stem)) and (found := _sequence_and_run(timed[1], index)):
            times[found[0]] = path
    if not boxes:
        raise ResultError(
            f"{place}: no result for any of the {len(names)} sequences; {_LAYOUTS} expected.{_matlab(place)}"
        )
    return ResultFiles(place, boxes, times)


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
    files = result_files(folder, list(frames))
    return parse_results(files, [read_bytes(path) for path in files.all()], frames, tracker, allow_nan)


def parse_results(
    files: ResultFiles, contents: Sequence[bytes], frames: Mapping[str, int], tracker: str = "", allow_nan: bool = False
) -> TrackerResults:
    """As :func:`load_results`, from the contents of ``files.all()``."""
    paths = files.all()
    split = len(paths) - len(files.times)
    tables = iter(parse_many(contents[:split], paths[:split], allow_nan))
    boxes: dict[str, list[Array]] = {}
    whole = True
    for sequence, runs in sorted(files.boxes.items()):
        for run in sorted(runs):
            table = next(tables)
            whole &= len(table) == frames[sequence]
            boxes.setdefault(sequence, []).append(_fit(table, frames[sequence], runs[run]))
    seconds = map(parse_times, contents[split:], paths[split:])
    times = dict(zip(sorted(files.times), seconds, strict=True))
    return TrackerResults(tracker or files.folder.resolve().name, boxes, times, str(files.folder), whole)


def _fit(boxes: Array, frames: int, path: str) -> Array:
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
    return any(_sequence_and_run(os.path.basename(path)[: -len(_SUFFIX)], names) for path in _text_files(folder))


def _text_files(folder: Path) -> Iterator[str]:
    """Text files of a tracker: in the folder, and in ``<sequence>/`` and ``times/`` one level below."""
    texts, folders = _listing(folder)
    yield from (entry.path for entry in texts)
    for below in folders:
        for entry in _listing(below)[0]:
            if below.name == "times" or entry.name.startswith(below.name):
                yield entry.path


def _listing(folder: str | os.PathLike[str]) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Text files and folders in a folder, sorted by name, hidden ones left out."""
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    texts = [entry for entry in shown if entry.name.endswith(_SUFFIX) and entry.is_file()]
    return texts, [entry for entry in shown if entry.is_dir()]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _matlab(folder: Path) -> str:
    """What to do about results of the MATLAB kits, if there are any."""
    if not any(folder.glob("*.mat")) and not any(folder.glob("*/*.mat")):
        return ""
    return (
        " The .mat files there hold MATLAB structs, which are not read: write the matrix results{1}.res of each (those "
        "whose results{1}.type is 'rect') to <sequence>.txt, as writematrix in MATLAB does."
    )
