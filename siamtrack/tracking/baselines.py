"""Trackers to be better than: the box that stays, and those that this OpenCV brings along.

They have the same ``init(frame, box)`` and ``update(frame)`` as every tracker here, and need no checkpoint.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from siamtrack.tracking.tracker import Box, Result, Tracker

_SMALLEST = 8  # px


class StaticTracker(Tracker):
    """Answers the first box for ever: what a benchmark gives for not tracking at all."""

    name = "static"

    def _start(self, frame: np.ndarray, box: Box) -> None:
        self._box = box

    def _step(self, frame: np.ndarray) -> Result:
        return Result(self._box, 1.0)


class OpenCVTracker(Tracker):
    """One of OpenCV's trackers with its default parameters.

    Its boxes are whole pixels, inside the frame and at least 8 px long and wide at the start: MIL hangs on smaller
    ones. The score is 1 where OpenCV says that it found the target, else 0, and the box is then the last one found.
    What OpenCV draws at random is drawn from ``seed`` plus the repetition, set at every ``init``; on Windows MIL's is
    out of reach.

    Raises:
        ValueError: this OpenCV has no such tracker, or it needs a model file; at ``init``, OpenCV refuses the box.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        available = _constructors()
        if name not in available:
            has = ", ".join(available) or "none"
            raise ValueError(
                f"OpenCV {cv2.__version__} has no tracker {name!r} that runs without a model file; it has: {has}."
            )
        self.name = f"opencv-{name.lower()}"
        self._create, self._seed = available[name], seed

    def _start(self, frame: np.ndarray, box: Box) -> None:
        _seed(self._seed + self.repetition)
        self._tracker = self._create()
        self._box = box
        left, width = _inside(box[0], box[2], frame.shape[1])
        top, height = _inside(box[1], box[3], frame.shape[0])
        try:
            self._tracker.init(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), (left, top, width, height))
        except cv2.error as error:  # MIL wants room to sample around the target
            size = f"{frame.shape[1]} x {frame.shape[0]}"
            raise ValueError(f"{self.name} cannot start on the box {box} of a {size} frame: {error}") from error

    def _step(self, frame: np.ndarray) -> Result:
        found, box = self._tracker.update(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        if found:
            x, y, w, h = (float(value) for value in box)
            self._box = (x, y, w, h)
        return Result(self._box, float(found))


def opencv_trackers() -> list[str]:
    """Names for :class:`OpenCVTracker`: the trackers of this OpenCV that run without a download, in order."""
    return list(_constructors())


def baseline(name: str) -> Tracker:
    """``static``, or one of :func:`opencv_trackers` by its name.

    Raises:
        ValueError: this OpenCV has no such tracker.
    """
    return StaticTracker() if name == StaticTracker.name else OpenCVTracker(name)


def _inside(start: float, length: float, room: int) -> tuple[int, int]:
    """An interval's start and length in whole pixels within 0 .. room."""
    first, last = max(round(start), 0), min(round(start + length), room)
    length = min(max(last - first, _SMALLEST), room)
    return min(first, room - length), length


def _seed(seed: int) -> None:
    """Set the numbers that OpenCV's trackers draw from: its own generator and, for MIL's features, C's ``rand``."""
    cv2.setRNGSeed(seed)
    if os.name == "posix":
        ctypes.CDLL(None).srand(seed)


def _constructors() -> dict[str, Callable[[], Any]]:
    """Name to constructor; ``cv2.legacy``, where there is one, adds what ``cv2`` no longer has."""
    found: dict[str, Callable[[], Any]] = {}
    for module in (cv2, getattr(cv2, "legacy", None)):
        for attribute in sorted(dir(module)) if module is not None else ():
            name = attribute.removeprefix("Tracker").removesuffix("_create")
            if attribute == f"Tracker{name}_create" and name not in found and not _needs_model(module, name):
                found[name] = getattr(module, attribute)
    return found


def _needs_model(module: Any, name: str) -> bool:
    """Whether the tracker's default parameters name a file of weights.

    Asking is quieter than trying: a constructor that misses its file also prints to standard error.
    """
    parameters = getattr(module, f"Tracker{name}_Params", None)
    if parameters is None:
        return False
    values = [getattr(parameters(), field) for field in dir(parameters) if not field.startswith("_")]
    return any(isinstance(value, str) and value.endswith((".onnx", ".prototxt", ".caffemodel")) for value in values)
