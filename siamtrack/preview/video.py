"""Pictures to a video file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

CODECS = (("mp4v", ".mp4"), ("MJPG", ".avi"))  # the second is part of OpenCV itself


def write_video(path: Path, pictures: Callable[[], Iterable[np.ndarray]], fps: float) -> Path:
    """Write a video; appears as a whole or not at all.

    Args:
        path: without ending.
        pictures: gives RGB uint8 ``[H, W, 3]`` of one size, from the first one each time it is called; the last row
            or column of an odd side is left out, as encoders want it.
        fps: pictures a second.

    Returns:
        The file: MPEG-4, or Motion JPEG in AVI where this OpenCV has no encoder for the former.

    Raises:
        OSError: this OpenCV can write neither.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for codec, ending in CODECS:
        partial, target = path.with_name(f".{path.name}{ending}"), path.with_name(f"{path.name}{ending}")
        try:
            if _write(partial, codec, pictures(), fps):
                os.replace(partial, target)
                return target
        finally:
            partial.unlink(missing_ok=True)
    raise OSError(f"{path}: OpenCV {cv2.__version__} can write no video, neither as MPEG-4 nor as Motion JPEG.")


def find_video(path: Path) -> Path | None:
    """The video that ``write_video(path)`` wrote, if it did."""
    return next((video for _, ending in CODECS if (video := path.with_name(f"{path.name}{ending}")).is_file()), None)


def _write(path: Path, codec: str, pictures: Iterable[np.ndarray], fps: float) -> bool:
    """Whether the codec did its work."""
    writer = None
    for picture in pictures:
        height, width = (side - side % 2 for side in picture.shape[:2])
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
            if not writer.isOpened():
                return False
        writer.write(cv2.cvtColor(picture[:height, :width], cv2.COLOR_RGB2BGR))
    if writer is None:
        return False
    writer.release()
    return path.is_file() and cv2.VideoCapture(str(path)).grab()
