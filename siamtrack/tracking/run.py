"""A tracker over many sequences: one result file each, resumable, and one bad sequence does not stop the rest.

``<output>/<benchmark>/<tracker>/<sequence>.txt`` holds x, y, w, h per frame in the numbers of the benchmark's own files
(those that count from 1 get 1 added), so that any toolkit reads them; ``<sequence>_time.txt`` holds seconds per frame,
``meta.json`` what produced them. The first row is the start box.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from tqdm import tqdm

import siamtrack
from siamtrack.data.sequence import Sequence
from siamtrack.evaluation.folders import META, boxes_file, times_file, tracker_folder
from siamtrack.evaluation.formats import write_boxes, write_times
from siamtrack.files import write_text
from siamtrack.tracking.tracker import Tracker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be tracked, and the sentence that says why."""

    sequence: str
    reason: str


@dataclass(frozen=True)
class Track:
    """One tracked sequence.

    Attributes:
        boxes: ``[F, 4]`` xywh in frame px, 0-based; row 0 is the start box.
        seconds: ``[F]`` of ``init`` and of each ``update``, without decoding.
    """

    boxes: np.ndarray
    seconds: np.ndarray


def follow(tracker: Tracker, sequence: Sequence) -> Track:
    """One-pass tracking: started with the first frame's box, never corrected.

    Raises:
        ValueError: a frame cannot be read, or the start box is none; says which.
    """
    boxes, seconds = np.full((len(sequence), 4), np.nan), np.zeros(len(sequence))
    for i, frame in enumerate(_numbered(sequence)):
        began = time.perf_counter()
        if i == 0:
            tracker.init(frame, sequence.init_box)
            boxes[i] = sequence.init_box
        else:
            boxes[i] = tracker.update(frame).box
        seconds[i] = time.perf_counter() - began
    return Track(boxes, seconds)


def run(
    tracker: Tracker,
    sequences: Iterable[Sequence],
    output: Path,
    benchmark: str,
    meta: dict[str, Any] | None = None,
    on_track: Callable[[Sequence, Track], None] | None = None,
) -> list[Failure]:
    """Track every sequence that has no complete result yet.

    Args:
        tracker: started anew on each sequence.
        sequences: their names become file names.
        output: folder above ``<benchmark>/<tracker>/``.
        benchmark: its name.
        meta: further facts for ``meta.json``; results made from other facts are not gone on with.
        on_track: called with every newly tracked sequence.

    Returns:
        The sequences that failed; their reasons are also in ``meta.json``.

    Raises:
        ValueError: the folder holds results of something else under this tracker's name.
    """
    folder = tracker_folder(output, benchmark, tracker.name)
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, meta or {})
    _write_meta(folder, tracker, benchmark, meta or {}, [])
    pending = [s for s in sequences if not _complete(folder, s)]
    failures = []
    for sequence in _with_progress(pending, tracker.name, benchmark):
        try:
            track = follow(tracker, sequence)
        except Exception as error:  # whatever is wrong with one sequence, the others still count
            log.debug("sequence %s", sequence.name, exc_info=True)
            failures.append(Failure(sequence.name, f"{error}" or type(error).__name__))
            continue
        write_boxes(boxes_file(folder, sequence.name), _in_file_numbers(track.boxes, sequence.offset))
        write_times(times_file(folder, sequence.name), track.seconds)
        if on_track is not None:
            on_track(sequence, track)
    _write_meta(folder, tracker, benchmark, meta or {}, failures)
    return failures


def _in_file_numbers(boxes: np.ndarray, offset: float) -> np.ndarray:
    """``[F, 4]`` xywh as the benchmark counts pixels."""
    numbers: np.ndarray = boxes + np.array([offset, offset, 0.0, 0.0])
    return numbers


def _numbered(sequence: Sequence) -> Iterator[np.ndarray]:
    """The sequence's frames, or a sentence that says which one could not be read."""
    frames = iter(sequence.frames)
    for i in range(len(sequence)):
        frame = next(frames, None)
        if frame is None:
            raise ValueError(f"sequence {sequence.name}: has boxes for {len(sequence)} frames, but only {i} frames.")
        yield frame


def _complete(folder: Path, sequence: Sequence) -> bool:
    """Whether an earlier run left a whole result: one row per frame, and the times that are written after it."""
    result, times = boxes_file(folder, sequence.name), times_file(folder, sequence.name)
    if not (result.is_file() and times.is_file()):
        return False
    return len(result.read_text().split("\n")) - 1 == len(sequence)


def _claim(folder: Path, meta: dict[str, Any]) -> None:
    """Refuse to mix the results of two checkpoints, or of two settings, under one name."""
    path = folder / META
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8")).get("given", {})
    differing = sorted(key for key in {*before, *meta} if before.get(key) != meta.get(key))
    if differing:
        raise ValueError(
            f"{folder}: holds results of another run ({', '.join(differing)} differ: {before.get(differing[0])!r} "
            f"there, {meta.get(differing[0])!r} now). Give the tracker another --name, or another --output."
        )


def _with_progress(pending: list[Sequence], tracker: str, benchmark: str) -> Iterator[Sequence]:
    """The sequences behind a progress bar on a terminal, or a line each elsewhere."""
    with tqdm(pending, desc=f"{tracker} on {benchmark}", unit="seq", disable=None) as bar:
        for i, sequence in enumerate(bar):
            bar.set_postfix_str(sequence.name)
            if bar.disable:
                log.info("%s on %s: %s (%d of %d)", tracker, benchmark, sequence.name, i + 1, len(pending))
            yield sequence


def _write_meta(folder: Path, tracker: Tracker, benchmark: str, meta: dict[str, Any], failures: list[Failure]) -> None:
    facts = {
        "tracker": tracker.name,
        "benchmark": benchmark,
        "box": "x,y,w,h in the numbers of the benchmark's files; row 0 is the start box",
        **versions(),
        "given": meta,
        "failures": {failure.sequence: failure.reason for failure in failures},
    }
    write_text(folder / META, json.dumps(facts, indent=1) + "\n")


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {
        "siamtrack": siamtrack.__version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
