"""A tracker's VOT results checked for completeness and zipped as ``vot pack`` of the official toolkit does it."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from siamtrack.evaluation.pack import Packed, write_archive
from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.vot.files import read_run
from siamtrack.evaluation.vot.folders import HOMES, run_file
from siamtrack.evaluation.vot.protocols import Experiment, edition
from siamtrack.evaluation.vot.regions import INITIALISATION, Regions
from siamtrack.evaluation.vot.trajectories import check_restarts
from siamtrack.evaluation.vot.truth import VotRun, VotTruth

REPETITIONS = 15  # of the experiment with restarts
ENOUGH = 3  # equal runs with which the toolkit takes a tracker for deterministic


def pack_vot(
    results: str | os.PathLike[str], truths: Sequence[VotTruth], benchmark: str, target: str | os.PathLike[str]
) -> Packed:
    """Zip a tracker's results for a VOT challenge.

    Args:
        results: the tracker's folder.
        truths: every sequence of the edition.
        benchmark: the edition (``VOT2022``); decides the experiment.
        target: the archive.

    Raises:
        ResultError: anything is wrong; every violation is a sentence.
        ValueError: no edition of VOT.
    """
    folder, about = Path(results), edition(benchmark)
    if about is None:
        raise ValueError(f"{benchmark!r} is no edition of VOT; VOT2016, VOT2018, VOT2022, ... are.")
    files: dict[str, str] = {}
    wrong: list[str] = []
    for truth in truths:
        for path, frames in _wanted(folder, truth, about.experiment, wrong):
            wrong += _check(path, frames, about.experiment)
            home = f"{HOMES[about.experiment]}/{truth.name}"
            for file in (path, *sorted(path.parent.glob(f"{path.stem}_*.value"))):
                files[f"{home}/{file.name}"] = file.read_text(encoding="utf-8", errors="replace")
    files["manifest.yml"] = _manifest(folder.resolve().name, benchmark)
    return write_archive(target, files, wrong)


def _wanted(folder: Path, truth: VotTruth, experiment: Experiment, wrong: list[str]) -> Iterator[tuple[Path, int]]:
    """The runs that a challenge wants of a sequence, and their lengths; says which are missing."""
    frames = len(truth.regions)
    if experiment == "multistart":
        wanted = {i: i + 1 if backward else frames - i for i, backward in truth.starts()}
    else:
        wanted = dict.fromkeys(range(1, (REPETITIONS if experiment == "supervised" else 1) + 1), frames)
    there = {number: run_file(folder, truth.name, number, experiment) for number in wanted}
    there = {number: path for number, path in there.items() if path.is_file()}
    missing = [number for number in wanted if number not in there]
    if missing and not (experiment == "supervised" and _deterministic(list(there.values()))):
        first = run_file(folder, truth.name, missing[0], experiment)
        said = f"{folder}: sequence {truth.name} lacks {len(missing)} of {len(wanted)} runs, the first is {first.name}"
        if experiment == "supervised":
            said += f"; {ENOUGH} are enough where they are equal (siamtrack test --repeat {ENOUGH})"
        wrong.append(f"{said}.")
    yield from ((path, wanted[number]) for number, path in there.items())


def _deterministic(paths: Sequence[Path]) -> bool:
    """Whether the toolkit would stop repeating."""
    return len(paths) >= ENOUGH and len({path.read_text(errors="replace") for path in paths}) == 1


def _check(path: Path, frames: int, experiment: Experiment) -> list[str]:
    """What is wrong with one run."""
    try:
        regions = read_run(path)
        if experiment == "supervised":
            check_restarts(VotRun(regions), str(path))
    except ResultError as error:
        return [str(error)]
    wrong = []
    if len(regions) != frames:
        wrong.append(f"{path}: {len(regions)} rows for {frames} frames; one row per frame is right.")
    if not regions.is_code(INITIALISATION)[0]:
        wrong.append(f"{path}, row 1: is not 1, the code of an initialisation.")
    return wrong + _without_area(regions, path)


def _without_area(regions: Regions, path: Path) -> list[str]:
    flat = regions.rectangular & (regions.values[:, 2:4] <= 0).any(1) if regions.values.shape[1] >= 4 else np.zeros(1)
    if not flat.any():
        return []
    row = int(flat.argmax())
    return [f"{path}, row {row + 1}: {regions.values[row, :4].tolist()} has no area (w, h above 0)."]


def _manifest(tracker: str, benchmark: str) -> str:
    """``manifest.yml``: flat, so that JSON's quoting serves as YAML's."""
    facts: Mapping[str, str] = {
        "identifier": tracker,
        "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "platform": sys.platform,
        "python": platform.python_version(),
        "toolkit": "siamtrack",
        "stack": benchmark,
    }
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in facts.items())
