"""One type for every annotated sequence: frames that decode when asked for, boxes, and what else is known.

A still image is a sequence of one frame. Readers (``siamtrack.data.readers``) make sequences; sampling, tracking and
evaluation read them and need not know which data set they came from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, overload, runtime_checkable

import cv2
import numpy as np

from siamtrack.data.errors import DataError as DataError
from siamtrack.data.picture import read_image as read_image

# Frames -------------------------------------------------------------------------------------------------------------


@runtime_checkable
class Frames(Protocol):
    """Frames in order, each decoded when it is asked for: RGB uint8 ``[H, W, 3]``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> np.ndarray: ...

    def __iter__(self) -> Iterator[np.ndarray]: ...


class NumberedPaths(SequenceOf[str]):
    """``folder/pattern % number`` for consecutive numbers, without an object per frame.

    Args:
        folder: where the files lie.
        pattern: file name with one %-format for the number, such as ``%08d.jpg``.
        first: number of the first file.
        count: how many there are; nobody looks whether they exist.
    """

    __slots__ = ("_count", "_first", "_folder", "_pattern")

    def __init__(self, folder: str | os.PathLike[str], pattern: str, first: int, count: int) -> None:
        self._folder, self._pattern, self._first, self._count = os.fspath(folder), pattern, first, count

    def __len__(self) -> int:
        return self._count

    @property
    def pattern(self) -> str:
        """The path of a file with one %-format for its number; every other % is doubled."""
        return os.path.join(self._folder.replace("%", "%%"), self._pattern)

    @property
    def first(self) -> int:
        """Number of the first file."""
        return self._first

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> SequenceOf[str]: ...
    def __getitem__(self, index: int | slice) -> str | SequenceOf[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        return os.path.join(self._folder, self._pattern % (self._first + _position(index, self._count)))


class ImageFrames:
    """Frames as one image file each. Cheap to make and to pickle; no file is touched before its frame is asked for.

    Args:
        paths: the files in order; a list, or a :class:`NumberedPaths` where the names follow a pattern.
    """

    def __init__(self, paths: SequenceOf[str | os.PathLike[str]]) -> None:
        self._paths = paths

    @property
    def paths(self) -> SequenceOf[str | os.PathLike[str]]:
        """The files in order."""
        return self._paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int, /) -> np.ndarray:
        """The frame, RGB uint8 ``[H, W, 3]``.

        Raises:
            DataError: the file is missing, cut short, or no image.
        """
        return read_image(self.path(index))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (read_image(os.fspath(path)) for path in self._paths)

    def path(self, index: int) -> str:
        """The file of a frame."""
        return os.fspath(self._paths[index])

    def __repr__(self) -> str:
        return f"ImageFrames({len(self)} files{f', first {self.path(0)}' if len(self) else ''})"


class VideoFrames:
    """Frames of a video file, read one after the other until no frame comes: a container's frame count may be wrong.

    Going forward costs one decode per frame, going back starts the file again; the last frame is kept. After pickling
    or a fork the file is opened anew. Not for several threads at once.

    Args:
        path: the video file.
        count: the number of frames where it is known (from annotation); otherwise ``len`` reads the file once.
    """

    def __init__(self, path: str | os.PathLike[str], count: int | None = None) -> None:
        self.file = os.fspath(path)
        self._count = count
        self._capture: Any = None
        self._process = -1
        self._next = 0  # index of the frame that the capture gives next
        self._last: np.ndarray | None = None  # frame ``_next - 1``

    def __len__(self) -> int:
        if self._count is None:
            capture, count = self._open(), 0
            while capture.grab():
                count += 1
            if not count:
                raise DataError(f"{self.file}: holds no frame that OpenCV can decode; a video file is expected.")
            self._count = count
        return self._count

    def __getitem__(self, index: int, /) -> np.ndarray:
        """The frame, RGB uint8 ``[H, W, 3]``.

        Raises:
            DataError: the file is missing or no video, or ends before the frame.
        """
        if index < 0 or self._count is not None:
            index = _position(index, len(self))
        if self._capture is None or self._process != os.getpid() or index < self._next - 1:
            self._capture, self._process, self._next, self._last = self._open(), os.getpid(), 0, None
        while self._next < index and self._capture.grab():
            self._next, self._last = self._next + 1, None
        if self._next == index:
            ok, frame = self._capture.read()
            if ok:
                self._next, self._last = index + 1, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        if self._next != index + 1 or self._last is None:
            # sequence protocol: without a known count the end of the file is the end of the sequence
            if self._count is None and self._next:
                raise IndexError(index)
            raise DataError(f"{self.file}: frame {index} (counted from 0) cannot be read; the video ends before it.")
        return self._last

    def __iter__(self) -> Iterator[np.ndarray]:
        capture, index = self._open(), 0
        while self._count is None or index < self._count:
            ok, frame = capture.read()
            if not ok:
                break
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            index += 1
        if index < (self._count or 1):
            raise DataError(f"{self.file}: frame {index} (counted from 0) cannot be read; the video ends before it.")

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "_count": self._count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["file"], state["_count"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"VideoFrames({self.file!r})"

    def _open(self) -> Any:
        if not os.path.isfile(self.file):
            raise DataError(f"{self.file}: there is no such file; a video file is expected.")
        capture = cv2.VideoCapture(self.file)
        if not capture.isOpened():
            raise DataError(f"{self.file}: OpenCV cannot open it; a video file in a format it decodes is expected.")
        return capture


def _position(index: int, count: int) -> int:
    """A sequence index, counted from the end if negative, or ``IndexError``."""
    if not -count <= index < count:
        raise IndexError(f"index {index} of {count} frames")
    return index + count if index < 0 else int(index)


# Sequences ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sequence:
    """One target in one video (or image), and all that is annotated of it.

    F is the number of frames that count: frames and every per-frame array have this length. Files are kept as they
    are in ``file_boxes``; everything else of the house reads ``boxes``.

    Attributes:
        name: unique in its data set; the name of its result file.
        frames: the pixels, decoded when asked for.
        file_boxes: ``[F, 4]`` float64 left, top, width, height: exactly the numbers of the benchmark's annotation,
            for evaluation; NaN rows where nothing is known, as in a GOT-10k test sequence after its first frame. For
            VOT polygons see ``polygons``.
        offset: what the benchmark's files add to x and y: 1.0 for those that count from 1 as Matlab does.
        visible: ``[F]`` bool, False where the target is hidden or outside; ``None`` where nobody said.
        polygons: ``[F, 8]`` float64 x1, y1, ..., x4, y4, the annotation of VOT, in the order of the file; rows of a
            rectangle hold its corners. ``file_boxes`` is then the upright box of the same centre and area with which
            pysot starts a tracker (:func:`siamtrack.boxes.quadrilateral_to_cxcywh`), not the bounding box.
        attributes: names of the challenges that the benchmark lists for the whole sequence.
        cover: ``[F]`` int, GOT-10k's visible fraction from 0 (absent) to 8 (whole).
        tags: per-frame attributes of VOT, name -> ``[F]`` bool.
        anchors: ``[F]`` int of VOT since 2020: above 0 where a run starts and goes forward, below 0 backward.
        group: the video or image it belongs to; several targets of one video share it. Its own name by default.
        category: what the target is, in the data set's words; empty where nobody said.
    """

    name: str
    frames: Frames
    file_boxes: np.ndarray
    offset: float = 0.0
    visible: np.ndarray | None = None
    polygons: np.ndarray | None = None
    attributes: tuple[str, ...] = ()
    cover: np.ndarray | None = None
    tags: Mapping[str, np.ndarray] | None = None
    anchors: np.ndarray | None = None
    group: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", self.group or self.name)
        object.__setattr__(self, "file_boxes", np.asarray(self.file_boxes, np.float64))
        if self.file_boxes.ndim != 2 or self.file_boxes.shape[1] != 4:
            raise DataError(f"sequence {self.name}: boxes should be [frames, 4], but are {self.file_boxes.shape}.")
        frames = len(self.file_boxes)
        lengths = {"visible": self.visible, "polygons": self.polygons, "cover": self.cover, "anchors": self.anchors}
        lengths |= self.tags or {}
        if isinstance(self.frames, ImageFrames):  # a video would have to be read to know
            lengths["frames"] = self.frames  # type: ignore[assignment]
        for what, values in lengths.items():
            if values is not None and len(values) != frames:
                raise DataError(f"sequence {self.name}: {frames} boxes, but {len(values)} {what}; they should agree.")

    def __len__(self) -> int:
        """F; a video file is not read for it."""
        return len(self.file_boxes)

    @cached_property
    def boxes(self) -> np.ndarray:
        """``[F, 4]`` float64 xywh in frame pixels, 0-based; NaN rows where unknown."""
        boxes: np.ndarray = self.file_boxes.copy()
        boxes[:, :2] -= self.offset
        return boxes

    @property
    def init_box(self) -> np.ndarray:
        """``[4]`` float64 xywh, 0-based: what a tracker is started with in the first frame."""
        box: np.ndarray = self.boxes[0]
        return box
