"""The tracks of a data set as flat arrays: what training draws from.

A data set of a million boxes as Python objects is copied page by page into every forked worker; as arrays it is
shared. All arrays of an index are plain and immutable in use, so they may as well come from a memory-mapped file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from siamtrack.data.sequence import DataError, ImageFrames, Sequence


@dataclass(frozen=True, eq=False)
class StringTable:
    """Many strings as one.

    Attributes:
        data: ``[bytes]`` uint8, one after the other, in the file system's encoding.
        offsets: ``[count + 1]`` int64.
    """

    data: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, strings: Iterable[str]) -> StringTable:
        """Pack strings, keeping their order."""
        data, offsets = bytearray(), array("q", [0])
        for string in strings:
            data += os.fsencode(string)
            offsets.append(len(data))
        return cls(np.frombuffer(bytes(data), np.uint8), np.array(offsets, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(f"string {index} of {len(self)}")
        return os.fsdecode(self.data[self.offsets[index] : self.offsets[index + 1]].tobytes())


@dataclass(frozen=True, eq=False)
class PathTable:
    """Files, with the folders they share kept once.

    Attributes:
        folders: the folders.
        folder: ``[files]`` int32 into ``folders``.
        names: the file names.
    """

    folders: StringTable
    folder: np.ndarray
    names: StringTable

    @classmethod
    def of(cls, paths: Iterable[str]) -> PathTable:
        """Pack paths, keeping their order."""
        known: dict[str, int] = {}
        folder = array("i")

        def names() -> Iterable[str]:
            for path in paths:
                head, tail = os.path.split(path)
                folder.append(known.setdefault(head, len(known)))
                yield tail

        packed = StringTable.of(names())
        return cls(StringTable.of(known), np.array(folder, np.int32), packed)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> str:
        return os.path.join(self.folders[self.folder[index]], self.names[index])


@dataclass(frozen=True, eq=False)
class TrackIndex:
    """Tracks of one data set, grouped into the videos they come from.

    A track holds the frames whose box training can use (finite, with an area, and not marked as hidden), and apart from
    them the others, which some samplers want: frames that do not show the target. N boxes, M other frames, T tracks, V
    videos, F files; tracks of one video stand together, boxes of one track in the order of its frames.

    Attributes:
        name: of the data set.
        boxes: ``[N, 4]`` float32 xywh, frame px, 0-based.
        frames: ``[N]`` int32 position of the frame in its sequence.
        files: ``[N]`` int32 into ``paths``; tracks of one video share files.
        rows: ``[T + 1]`` int64: boxes ``rows[t] .. rows[t + 1] - 1`` are track t.
        tracks: ``[V + 1]`` int64: tracks ``tracks[v] .. tracks[v + 1] - 1`` are video v.
        names: of the T tracks.
        paths: the image files.
        hidden_boxes: ``[M, 4]`` as ``boxes``, NaN where a box is not finite or has no area.
        hidden_frames: ``[M]`` as ``frames``.
        hidden_files: ``[M]`` as ``files``.
        hidden_rows: ``[T + 1]`` as ``rows``, of the other frames.
    """

    name: str
    boxes: np.ndarray
    frames: np.ndarray
    files: np.ndarray
    rows: np.ndarray
    tracks: np.ndarray
    names: StringTable
    paths: PathTable
    hidden_boxes: np.ndarray
    hidden_frames: np.ndarray
    hidden_files: np.ndarray
    hidden_rows: np.ndarray

    @property
    def videos(self) -> int:
        """V."""
        return len(self.tracks) - 1

    def path(self, row: int) -> str:
        """The image file of a box; from N on, of the other frames."""
        boxes = len(self.boxes)
        return self.paths[self.files[row] if row < boxes else self.hidden_files[row - boxes]]

    def box(self, rows: np.ndarray) -> np.ndarray:
        """``[B, 4]`` boxes of ``rows``; from N on, of the other frames."""
        boxes = len(self.boxes)
        found = np.empty((len(rows), 4), np.float32)
        hidden = rows >= boxes
        found[~hidden], found[hidden] = self.boxes[rows[~hidden]], self.hidden_boxes[rows[hidden] - boxes]
        return found

    def track_name(self, row: int) -> str:
        """The sequence a box belongs to."""
        return self.names[int(np.searchsorted(self.rows, row, side="right")) - 1]


def has_area(boxes_xywh: np.ndarray) -> np.ndarray:
    """``[n]`` bool: boxes ``[n, 4]`` that are finite and not empty."""
    good: np.ndarray = np.isfinite(boxes_xywh).all(1) & (boxes_xywh[:, 2] > 0) & (boxes_xywh[:, 3] > 0)
    return good


def usable(sequence: Sequence) -> np.ndarray:
    """``[n]`` int64: frames whose box training can use."""
    good = has_area(sequence.boxes)
    if sequence.visible is not None:
        good &= np.asarray(sequence.visible, bool)
    return np.flatnonzero(good)


def index_sequences(name: str, sequences: Iterable[Sequence]) -> TrackIndex:
    """The index of a data set; no image is opened.

    Args:
        name: of the data set.
        sequences: its sequences, each read once.

    Raises:
        DataError: a sequence is a video file, whose frames cannot be read in any order, or no box can be used.
    """
    videos: dict[str, list[_Track]] = {}
    files: dict[str, int] = {}  # in order of first use
    for sequence in sequences:
        kept = usable(sequence)
        if not len(kept):
            continue
        if not isinstance(sequence.frames, ImageFrames):
            raise DataError(
                f"data set {name}, sequence {sequence.name}: training reads frames in any order, which a video file "
                "cannot give; extract its frames to images."
            )
        other = np.setdiff1d(np.arange(len(sequence)), kept)
        track = _Track(sequence.name, *(_part(sequence, sequence.frames, part, files) for part in (kept, other)))
        track.hidden.boxes[~has_area(track.hidden.boxes)] = np.nan
        videos.setdefault(sequence.group, []).append(track)
    if not videos:
        raise DataError(
            f"data set {name}: no sequence has a box that training can use (finite, width and height above 0, target "
            "visible); is it a test set, whose annotation is secret?"
        )
    tracks = [track for video in videos.values() for track in video]
    shown, hidden = [track.shown for track in tracks], [track.hidden for track in tracks]
    return TrackIndex(
        name=name,
        boxes=np.concatenate([part.boxes for part in shown]),
        frames=np.concatenate([part.frames for part in shown]),
        files=np.concatenate([part.files for part in shown]),
        rows=_offsets(len(part.boxes) for part in shown),
        tracks=_offsets(len(video) for video in videos.values()),
        names=StringTable.of(track.name for track in tracks),
        paths=PathTable.of(files),
        hidden_boxes=np.concatenate([part.boxes for part in hidden]),
        hidden_frames=np.concatenate([part.frames for part in hidden]),
        hidden_files=np.concatenate([part.files for part in hidden]),
        hidden_rows=_offsets(len(part.boxes) for part in hidden),
    )


class _Part(NamedTuple):
    """Some frames of a sequence: ``boxes [n, 4]`` float32, ``frames [n]`` int32, ``files [n]`` int32."""

    boxes: np.ndarray
    frames: np.ndarray
    files: np.ndarray


class _Track(NamedTuple):
    name: str
    shown: _Part
    hidden: _Part


def _part(sequence: Sequence, images: ImageFrames, frames: np.ndarray, files: dict[str, int]) -> _Part:
    """The frames numbered ``frames``; their files join the table."""
    numbers = (files.setdefault(images.path(int(i)), len(files)) for i in frames)
    return _Part(
        sequence.boxes[frames].astype(np.float32),
        frames.astype(np.int32),
        np.fromiter(numbers, np.int32, len(frames)),
    )


def _offsets(lengths: Iterable[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.fromiter(lengths, np.int64))]).astype(np.int64)
