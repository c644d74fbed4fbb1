"""What every tracker offers: ``init`` with a box, ``update`` with a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamtrack.registry import Registry

Box = tuple[float, float, float, float]

_LARGEST = 4  # of a start box, in sides of the frame


@dataclass(frozen=True)
class Result:
    """One tracked frame.

    Attributes:
        box: x, y, w, h in frame pixels, 0-based; may reach out of the frame.
        score: confidence in [0, 1] that the box holds the target.
    """

    box: Box
    score: float


class Tracker:
    """A target followed from frame to frame; one object follows one target at a time.

    Frames are RGB uint8 ``[H, W, 3]`` (OpenCV reads BGR: ``cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)``).

    Attributes:
        name: in results and tables.
        templates: how many it remembers of its target.
        repetition: number of the run, from 0; a tracker that draws at random draws from other seeds in each.
    """

    name = "tracker"
    templates = 1
    repetition = 0
    _started = False

    def init(self, frame: np.ndarray, box: Any) -> None:
        """Start on a frame.

        Args:
            frame: RGB uint8 ``[H, W, 3]``.
            box: x, y, w, h of the target in frame pixels.

        Raises:
            ValueError: not such a frame, or a box without area, with NaN, outside the frame, or far larger than it.
        """
        self._start(check_frame(frame), check_start(box, frame))
        self._started = True

    def update(self, frame: np.ndarray) -> Result:
        """Find the target in the next frame.

        Raises:
            ValueError: not such a frame, or the tracker was not started.
        """
        if not self._started:
            raise ValueError(f"tracker {self.name} follows nothing yet: call init(frame, box) on the first frame.")
        return self._step(check_frame(frame))

    def _start(self, frame: np.ndarray, box: Box) -> None:
        raise NotImplementedError

    def _step(self, frame: np.ndarray) -> Result:
        raise NotImplementedError


trackers: Registry[Tracker] = Registry("tracker", "TRACK", package="siamtrack.tracking")


def check_frame(frame: np.ndarray) -> np.ndarray:
    """The frame, if it is one: uint8 ``[H, W, 3]`` with pixels in it."""
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        what = f"{frame.dtype} {list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"a frame should be an RGB uint8 array [height, width, 3], but this is {what}.")
    if 0 in frame.shape:
        raise ValueError(f"the frame has no pixels: its shape is {list(frame.shape)}.")
    return frame


def check_start(box: Any, frame: np.ndarray) -> Box:
    """The box a tracker starts from, if it can: four finite numbers, an area, and some of it inside the frame.

    One many times as large as the frame is refused: the memory of its crop would grow with its area.
    """
    values = tuple(float(v) for v in np.asarray(box, np.float64).reshape(-1))
    if len(values) != 4:
        raise ValueError(f"a box has 4 numbers x, y, w, h, but this one has {len(values)}: {values}.")
    x, y, w, h = values
    if not all(map(math.isfinite, values)):
        raise ValueError(f"the start box {values} is not finite; give x, y, w, h of the target in frame pixels.")
    if w <= 0 or h <= 0:
        raise ValueError(f"the start box {values} has no area (w {w:g}, h {h:g}); both sides must be above 0.")
    height, width = frame.shape[:2]
    if max(w, h) > _LARGEST * max(width, height):
        raise ValueError(
            f"the start box {values} is more than {_LARGEST} times as large as the frame of {width} x {height} pixels; "
            "is it in pixels of this frame?"
        )
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise ValueError(f"the start box {values} lies outside the frame of {width} x {height} pixels.")
    return values
