"""Results checked against what a server wants, and zipped as it wants them.

``got10k``: ``<sequence>/<sequence>_001.txt`` and ``<sequence>/<sequence>_time.txt``, as the got10k toolkit's own report
makes it. ``trackingnet``: ``<sequence>.txt``. VOT's challenges: :mod:`siamtrack.evaluation.vot.pack`.

Everything that is wrong is said at once, a sentence each; nothing is written then.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamtrack.evaluation.folders import boxes_file, times_file
from siamtrack.evaluation.formats import parse_boxes
from siamtrack.evaluation.results import Array, ResultError

SHOWN = 20  # violations that are spelt out; a wrong folder has hundreds
ROUNDING = 1e-3  # px: the got10k toolkit writes three decimals
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same results give the same bytes
_RUN = re.compile(r"_\d{3}$")


@dataclass(frozen=True)
class Expected:
    """What a server knows of a sequence.

    Attributes:
        frames: how many.
        first: ``[4]`` the box that the tracker was started with, in the file's numbers; ``None``: not compared.
    """

    frames: int
    first: Array | None = None


@dataclass(frozen=True)
class Packed:
    """An archive that was written.

    Attributes:
        path: of it.
        files: in it.
    """

    path: Path
    files: int


def pack_got10k(
    results: str | os.PathLike[str], expected: Mapping[str, Expected], target: str | os.PathLike[str]
) -> Packed:
    """Zip a tracker's results for GOT-10k's server.

    Args:
        results: the tracker's folder, ours or the got10k toolkit's.
        expected: every sequence of the test split.
        target: the archive.

    Raises:
        ResultError: anything is wrong; every violation is a sentence.
    """
    folder = _folder(results)
    files: dict[str, str] = {}
    wrong: list[str] = []
    for name, about in expected.items():
        runs = _runs(folder, name)
        if not runs:
            wrong.append(f"{folder}: sequence {name} has no result ({name}/{name}_001.txt or {name}.txt).")
        for number, path in enumerate(runs, 1):
            text = path.read_text(encoding="utf-8", errors="replace")
            wrong += check_boxes(text, str(path), about)
            files[f"{name}/{name}_{number:03d}.txt"] = text
        times = _times(folder, name)
        if times:
            files[f"{name}/{name}_time.txt"] = times
    wrong += _strangers(folder, expected)
    return write_archive(target, files, wrong)


def pack_trackingnet(
    results: str | os.PathLike[str], expected: Mapping[str, Expected], target: str | os.PathLike[str]
) -> Packed:
    """Zip a tracker's results for TrackingNet's server; otherwise as :func:`pack_got10k`."""
    folder = _folder(results)
    files: dict[str, str] = {}
    wrong: list[str] = []
    for name, about in expected.items():
        runs = _runs(folder, name)
        if len(runs) != 1:
            said = "no result" if not runs else f"{len(runs)} runs, and the server takes one"
            wrong.append(f"{folder}: sequence {name} has {said} ({name}.txt).")
            continue
        text = runs[0].read_text(encoding="utf-8", errors="replace")
        wrong += check_boxes(text, str(runs[0]), about)
        files[f"{name}.txt"] = text
    wrong += _strangers(folder, expected)
    return write_archive(target, files, wrong)


def check_boxes(text: str, source: str, expected: Expected) -> list[str]:
    """What a server would refuse of a result file, a sentence each.

    Args:
        text: of the file.
        source: its name in the sentences.
        expected: of its sequence.
    """
    try:
        boxes = parse_boxes(text, source, allow_nan=True)
    except ResultError as error:
        return [str(error)]
    wrong = []
    lines = [line for line in text.splitlines() if line.strip()]
    other = next((i for i, line in enumerate(lines) if line.count(",") != 3), None)
    if other is not None:
        wrong.append(f"{source}, row {other + 1}: {lines[other].strip()[:40]!r} is not x,y,w,h with commas between.")
    if len(boxes) != expected.frames:
        wrong.append(f"{source}: {len(boxes)} rows for {expected.frames} frames; one row per frame is right.")
    bad = ~np.isfinite(boxes).all(1)
    if bad.any():
        wrong.append(f"{source}, row {int(bad.argmax()) + 1}: {_shown(boxes[bad][0])} is not finite.")
    flat = np.isfinite(boxes).all(1) & (boxes[:, 2:] <= 0).any(1)
    if flat.any():
        wrong.append(f"{source}, row {int(flat.argmax()) + 1}: {_shown(boxes[flat][0])} has no area (w, h above 0).")
    if expected.first is not None and not np.allclose(boxes[0], expected.first, rtol=0, atol=ROUNDING):
        wrong.append(f"{source}, row 1: {_shown(boxes[0])} is not the start box {_shown(expected.first)}.")
    return wrong


def write_archive(target: str | os.PathLike[str], files: Mapping[str, str], wrong: Iterable[str]) -> Packed:
    """Write a zip of texts, whole or not at all; the same texts give the same bytes.

    Raises:
        ResultError: something is wrong.
    """
    found = list(wrong)
    if found:
        more = [f"... and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
        raise ResultError("\n".join([f"{len(found)} violations, so nothing was packed:", *found[:SHOWN], *more]))
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(files):
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return Packed(path, len(files))


def _folder(results: str | os.PathLike[str]) -> Path:
    folder = Path(results)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder; one tracker's results on the benchmark are expected.")
    return folder


def _runs(folder: Path, name: str) -> list[Path]:
    """The result files of a sequence in the order of the runs."""
    numbered = [
        path
        for home in (folder / name, folder)
        if home.is_dir()
        for path in sorted(home.glob(f"{name}_*.txt"))
        if _RUN.fullmatch(path.stem.removeprefix(name))
    ]
    single = boxes_file(folder, name)
    return numbered or ([single] if single.is_file() else [])


def _times(folder: Path, name: str) -> str:
    """Seconds per frame, a column for each run; ``""`` where none were recorded."""
    single = [times_file(home, name) for home in (folder / name, folder)]
    found = [path for path in single if path.is_file()][:1]
    found = found or sorted(p for p in folder.glob(f"{name}_*_time.txt") if _RUN.fullmatch(p.stem[len(name) : -5]))
    columns = [path.read_text(encoding="utf-8").split() for path in found]
    if not columns or len(set(map(len, columns))) > 1:
        return ""
    return "".join(",".join(row) + "\n" for row in zip(*columns, strict=True))


def _strangers(folder: Path, expected: Mapping[str, Expected]) -> Iterator[str]:
    """Results of sequences that are not the benchmark's."""
    for path in sorted(folder.rglob("*.txt")):
        stem = _RUN.sub("", path.stem.removesuffix("_time"))
        if path.stem not in expected and stem not in expected and path.stem.removesuffix("_time") not in expected:
            yield f"{path}: is no result of any of the {len(expected)} sequences; take it out."


def _shown(box: Array) -> str:
    return ",".join(f"{value:g}" for value in box)
