"""Folders of VOT results as the toolkits lay them out.

``<tracker>/baseline/<sequence>/<sequence>_001.txt`` (``_002`` and so on for further runs; ``_00000042`` for the anchor
at frame 42), ``<tracker>/longterm/...`` with ``<sequence>_001_confidence.value``; the folder of the experiment may be
left out. Seconds per frame may stand beside, in ``<sequence>_001_time.value`` or ``<sequence>_time.txt``.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from siamtrack.evaluation.folders import by_name
from siamtrack.evaluation.formats import read_times
from siamtrack.evaluation.results import Array, ResultError, SequenceNames
from siamtrack.evaluation.vot.files import read_run, read_values, write_run, write_values
from siamtrack.evaluation.vot.protocols import Experiment
from siamtrack.evaluation.vot.truth import VotResults, VotRun

log = logging.getLogger(__name__)

HOMES: dict[Experiment, str] = {"supervised": "baseline", "multistart": "baseline", "longterm": "longterm"}
_RUN, _ANCHOR = re.compile(r"(.+)_(\d{3})"), re.compile(r"(.+)_(\d{8})")
_LAYOUT = "<tracker>/baseline/<sequence>/<sequence>_001.txt"


def run_file(folder: Path, sequence: str, run: int = 1, experiment: Experiment = "supervised") -> Path:
    """Where a run of a sequence stands in a tracker's folder; ``run`` is the anchor frame for ``multistart``."""
    number = f"{run:08d}" if experiment == "multistart" else f"{run:03d}"
    return folder / HOMES[experiment] / sequence / f"{sequence}_{number}.txt"


def save_run(path: Path, rows: Sequence[Sequence[float]], seconds: Array | None = None) -> None:
    """Write a run, and its times beside it.

    Args:
        path: as :func:`run_file`.
        rows: codes and regions, a row per frame.
        seconds: ``[rows]``, NaN where nothing was timed.
    """
    if seconds is not None:
        write_values(path.with_name(f"{path.stem}_time.value"), seconds)
    write_run(path, rows)


def find_vot_trackers(root: str | os.PathLike[str], names: Sequence[str]) -> dict[str, Path]:
    """Tracker folders under a results folder, by name.

    ``root`` may be one tracker's folder, hold trackers, or hold benchmarks that hold trackers. Two folders of one name
    are told apart by the folders they stand in: ``VOT2018/SiamBAN``.

    Args:
        root: the folder.
        names: the edition's sequences; a tracker's folder is known by having a folder with runs of one of them.

    Raises:
        ResultError: no such folder, or no runs in it.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder; a folder of results ({_LAYOUT}) expected.")
    index = SequenceNames(names)
    whole = folder.resolve()
    if _has_runs(folder, index):
        return {(whole.parent if whole.name in HOMES.values() else whole).name: folder}
    level = _subfolders(folder)
    for _ in range(2):
        found = [child for child in level if _has_runs(child, index)]
        if found:
            return by_name(found)
        level = [grandchild for child in level for grandchild in _subfolders(child)]
    what = "the folder is empty" if not any(folder.iterdir()) else f"no run of any of the {len(names)} sequences"
    raise ResultError(
        f"{folder}: {what}; {_LAYOUT} expected. Results of one pass are scored by a one-pass protocol, such as pysot."
    )


def load_vot_results(
    folder: str | os.PathLike[str], names: Sequence[str], experiment: Experiment, tracker: str = ""
) -> VotResults:
    """All runs of one tracker, for those sequences that have some.

    Args:
        folder: the tracker's folder.
        names: the edition's sequences.
        experiment: which runs to read.
        tracker: its name; the folder's where it is empty.

    Raises:
        ResultError: no run at all, or a file that is none.
    """
    place = Path(folder)
    index = SequenceNames(names)
    runs: dict[str, list[VotRun]] = {}
    times: dict[str, Array] = {}
    for home in _homes(place, experiment):
        for child in _subfolders(home):
            sequence = index.find(child.name)
            if sequence is None or sequence in runs:
                continue
            found = _runs(child, experiment)
            if found:
                runs[sequence] = found
                timed = _times(child, found)
                if timed is not None:
                    times[sequence] = timed
    if not runs:
        raise ResultError(f"{place}: no run of any of the {len(names)} sequences; {_LAYOUT} expected.")
    return VotResults(tracker or place.resolve().name, runs, times, str(place))


def _homes(folder: Path, experiment: Experiment) -> list[Path]:
    return [home for home in (folder / HOMES[experiment], folder) if home.is_dir()]


def _runs(folder: Path, experiment: Experiment) -> list[VotRun]:
    pattern = _ANCHOR if experiment == "multistart" else _RUN
    numbered = [(int(m[2]), path) for path in sorted(folder.glob("*.txt")) if (m := pattern.fullmatch(path.stem))]
    if not numbered:
        binary = next((path for path in sorted(folder.glob("*.bin")) if pattern.fullmatch(path.stem)), None)
        if binary:
            raise ResultError(
                f"{binary}: a binary trajectory; text is read. The official toolkit writes text where the "
                "environment says VOT_RESULTS_BINARY=0."
            )
    return [_run(path, number, experiment) for number, path in numbered]


def _run(path: Path, number: int, experiment: Experiment) -> VotRun:
    regions = read_run(path)
    scores = path.with_name(f"{path.stem}_confidence.value")
    confidence = read_values(scores, len(regions)) if experiment == "longterm" and scores.is_file() else None
    return VotRun(regions, confidence, number if experiment == "multistart" else None, str(path))


def _times(folder: Path, runs: Sequence[VotRun]) -> Array | None:
    """Seconds of all frames that were timed, or ``None``."""
    parts = []
    for run in runs:
        values = Path(run.source).with_name(f"{Path(run.source).stem}_time.value")
        if values.is_file():
            parts.append(read_values(values, len(run.regions)))
    if not parts:
        parts = [np.ravel(read_times(path)) for path in sorted(folder.glob("*_time.txt"))]
    return np.concatenate(parts) if parts else None


def _has_runs(folder: Path, names: SequenceNames) -> bool:
    homes = [home for home in (folder / "baseline", folder / "longterm", folder) if home.is_dir()]
    children = [child for home in homes for child in _subfolders(home) if names.find(child.name)]
    return any(_is_run(path) for child in children for path in child.iterdir())


def _is_run(path: Path) -> bool:
    return path.suffix in (".txt", ".bin") and bool(_RUN.fullmatch(path.stem) or _ANCHOR.fullmatch(path.stem))


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
