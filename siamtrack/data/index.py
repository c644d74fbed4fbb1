"""The tracks of a data set as flat arrays: what training draws from.

A data set of a million boxes as Python objects is copied page by page into every forked worker; as arrays it is
shared. All arrays of an index are plain and immutable in use, so they may as well come from a memory-mapped file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

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

    A track holds only the frames whose box training can use: finite, with an area, and not marked as hidden. N boxes,
    T tracks, V videos, F files; tracks of one video stand together, boxes of one track in the order of its frames.

    Attributes:
        name: of the data set.
        boxes: ``[N, 4]`` float32 xywh, frame px, 0-based.
        frames: ``[N]`` int32 position of the frame in its sequence.
        files: ``[N]`` int32 into ``paths``; tracks of one video share files.
        rows: ``[T + 1]`` int64: boxes ``rows[t] .. rows[t + 1] - 1`` are track t.
        tracks: ``[V + 1]`` int64: tracks ``tracks[v] .. tracks[v + 1] - 1`` are video v.
        names: of the T tracks.
        paths: the image files.
    """

    name: str
    boxes: np.ndarray
    frames: np.ndarray
    files: np.ndarray
    rows: np.ndarray
    tracks: np.ndarray
    names: StringTable
    paths: PathTable

    @property
    def videos(self) -> int:
        """V."""
        return len(self.tracks) - 1

    def path(self, row: int) -> str:
        """The image file of a box."""
        return self.paths[self.files[row]]

    def track_name(self, row: int) -> str:
        """The sequence a box belongs to."""
        return self.names[int(np.searchsorted(self.rows, row, side="right")) - 1]


def usable(sequence: Sequence) -> np.ndarray:
    """``[n]`` int64: frames whose box training can use."""
    boxes = sequence.boxes
    good = np.isfinite(boxes).all(1) & (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
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
    videos: dict[str, list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]] = {}
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
        numbers = np.fromiter(
            (files.setdefault(sequence.frames.path(int(i)), len(files)) for i in kept), np.int32, len(kept)
        )
        boxes = sequence.boxes[kept].astype(np.float32)
        videos.setdefault(sequence.group, []).append((sequence.name, boxes, kept.astype(np.int32), numbers))
    if not videos:
        raise DataError(
            f"data set {name}: no sequence has a box that training can use (finite, width and height above 0, target "
            "visible); is it a test set, whose annotation is secret?"
        )
    tracks = [track for video in videos.values() for track in video]
    return TrackIndex(
        name=name,
        boxes=np.concatenate([boxes for _, boxes, _, _ in tracks]),
        frames=np.concatenate([frames for _, _, frames, _ in tracks]),
        files=np.concatenate([numbers for _, _, _, numbers in tracks]),
        rows=_offsets(len(boxes) for _, boxes, _, _ in tracks),
        tracks=_offsets(len(video) for video in videos.values()),
        names=StringTable.of(track[0] for track in tracks),
        paths=PathTable.of(files),
    )


def _offsets(lengths: Iterable[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.fromiter(lengths, np.int64))]).astype(np.int64)
