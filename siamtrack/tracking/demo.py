"""A tracker on one's own video: its boxes in a file, and drawn into a copy of the video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError, Sequence, VideoFrames
from siamtrack.evaluation.formats import write_boxes
from siamtrack.preview.paint import draw_boxes, write
from siamtrack.preview.video import write_video
from siamtrack.tracking.experiment import in_file_numbers
from siamtrack.tracking.follow import Track, follow
from siamtrack.tracking.tracker import Box, Tracker

FPS = 25.0  # of a folder of frames
_STRIP = 22  # px of the caption
_INK = (255, 255, 255)


def open_video(path: Path, init: Box | None = None) -> Sequence:
    """A video file or a folder of frames as a sequence.

    Args:
        path: of the file or folder; ground truth beside it gives the first box, and is drawn as well.
        init: the first box, x, y, w, h in frame px, in place of ground truth.

    Raises:
        DataError: not such a thing, several of them, or neither ground truth nor first box.
    """
    options: dict[str, Any] = {} if init is None else {"init": init}
    found = open_dataset("folder" if path.is_dir() else "video", path, **options)
    if len(found.names) != 1:
        raise DataError(
            f"{path}: holds {len(found.names)} sequences; give the folder of one, such as {found.names[0]}."
        )
    return found[found.names[0]]


def demo(tracker: Tracker, sequence: Sequence, path: Path) -> tuple[Path, Path, Track]:
    """Track a video and draw what came of it.

    Args:
        tracker: any.
        sequence: of :func:`open_video`.
        path: of the video that is written, without its ending; boxes lie beside it as ``.txt``.

    Returns:
        The video, the file of boxes (x,y,w,h a frame), and the track.

    Raises:
        ValueError: a frame cannot be read, or the first box is none.
        OSError: this OpenCV can write no video.
    """
    track = follow(tracker, sequence)
    boxes = path.with_name(f"{path.name}.txt")
    boxes.parent.mkdir(parents=True, exist_ok=True)
    write_boxes(boxes, in_file_numbers(track.boxes, sequence.offset))
    return write_video(path, lambda: _drawn(sequence, track), _fps(sequence)), boxes, track


def _drawn(sequence: Sequence, track: Track) -> Iterator[np.ndarray]:
    """Every frame with the tracked box, the true one where it is known, and a caption."""
    for i, frame in enumerate(sequence.frames):
        picture = frame.copy()
        true = sequence.boxes[i] if np.isfinite(sequence.boxes[i]).all() else None
        draw_boxes(picture, true, track.boxes[i])
        picture[:_STRIP] = picture[:_STRIP] // 3
        white = "" if true is None else "   white: ground truth"
        write(picture, f"frame {i + 1}   score {track.scores[i]:.2f}{white}", (6, _STRIP // 2), 13, _INK)
        yield picture


def _fps(sequence: Sequence) -> float:
    """Of the video file, where it says so."""
    if not isinstance(sequence.frames, VideoFrames):
        return FPS
    said = cv2.VideoCapture(sequence.frames.file).get(cv2.CAP_PROP_FPS)
    return float(said) if np.isfinite(said) and said > 0 else FPS
