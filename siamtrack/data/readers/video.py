"""Video files, one target each."""

from __future__ import annotations

import os
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Literal

from siamtrack.data.readers import datasets
from siamtrack.data.readers.annotation import Box, boxes_or_first, first_only, natural_key, visibility
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, Sequence, VideoFrames

VIDEO_SUFFIXES = (".avi", ".mp4", ".mpg", ".mpeg", ".mkv", ".mov", ".m4v", ".webm", ".wmv")


@datasets.register("video")
class Video(DataSet):
    """A video file, or all those of a folder, with boxes beside them or a first box from the user.

    Frames are counted by reading them, not by asking the container. Rows of NaN are frames without the target.

    Args:
        root: the video file, or a folder of video files.
        sequences: names of videos, without suffix; see :class:`DataSet`.
        init: the first box, x, y, w, h counted from 0, of a video without ground truth, or in its place.
        box_format: what 4 numbers in the ground truth mean; the TLD videos have corners, ``xyxy``.
    """

    layout = """\
<any folder>/
    <video>.avi (mp4, mpg, ...)     any format that OpenCV decodes
    <video>_gt.txt                  x,y,w,h (or x1,y1,...,x4,y4) a line, one line per frame;
                                    without it give the first box"""
    folders = ()

    def __init__(
        self,
        root: str | os.PathLike[str],
        sequences: SequenceOf[str] | None = None,
        *,
        init: Box | None = None,
        box_format: Literal["xywh", "xyxy"] = "xywh",
    ) -> None:
        self.init = init
        self.box_format = box_format
        super().__init__(root, sequences)

    def _recognises(self, folder: Path) -> bool:
        return bool(_videos(folder))

    def _list(self) -> SequenceOf[str]:
        return tuple(_videos(self.root))

    def _open(self, name: str) -> Sequence:
        videos = _videos(self.root)
        if name not in videos:
            raise DataError(f"{self.root}: holds no video {name!r}; there are {', '.join(videos)}.")
        path = videos[name]
        annotation = path.with_name(f"{path.stem}_gt.txt")
        boxes, polygons = boxes_or_first(
            annotation if annotation.is_file() else None, self.init, self.box_format, str(path)
        )
        if len(boxes) > 1:
            return Sequence(name, VideoFrames(path, len(boxes)), boxes, visible=visibility(boxes), polygons=polygons)
        frames = VideoFrames(path)
        return Sequence(name, frames, first_only(boxes, len(frames)))


def _videos(root: Path) -> dict[str, Path]:
    """Video files by name; one file is a data set of one."""
    if root.is_file():
        return {root.stem: root}
    files = (p for p in root.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith("."))
    videos: dict[str, Path] = {}
    for path in sorted(files, key=lambda p: natural_key(p.name)):
        videos[path.name if path.stem in videos else path.stem] = path
    return videos
