"""The tracks of a data set as flat arrays: what training draws from.

A data set of a million boxes as Python objects is copied page by page into every forked worker; as arrays it is
shared. All arrays of an index are plain and immutable in use, and mostly lie in a mapped file
(:mod:`siamtrack.data.cache`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.sequence import DataError, ImageFrames, Sequence


@dataclass(frozen=True, eq=False)
class TrackTable:
    """All annotated frames of a data set, one row each, in any order. N rows, T tracks, V videos, K categories.

    Attributes:
        boxes: ``[N, 4]`` float32 xywh, frame px, 0-based; NaN where unknown.
        tracks: ``[N]`` int32, the track of each row.
        frames: ``[N]`` int32 position of the frame in its sequence.
        paths: of the N rows' image files.
        names: of the T tracks.
        videos: ``[T]`` int32, the video of each track, numbered 0 .. V - 1.
        video_names: of the V videos.
        shown: ``[N]`` bool, False where the target is known to be hidden; ``None``: never.
        categories: ``[T]`` int32 into ``category_names``, -1 where unknown; ``None``: nowhere known.
        category_names: of the K categories, or ``None`` likewise.
    """

    boxes: np.ndarray
    tracks: np.ndarray
    frames: np.ndarray
    paths: PathTable
    names: StringTable
    videos: np.ndarray
    video_names: StringTable
    shown: np.ndarray | None = None
    categories: np.ndarray | None = None
    category_names: StringTable | None = None


@dataclass(frozen=True, eq=False)
class TrackIndex:
    """Tracks of one data set, grouped into the videos they come from.

    A track holds the frames whose box training can use (finite, with an area, and not marked as hidden), and apart from
    them the others, which some samplers want: frames that do not show the target. N boxes, M other frames, T tracks, V
    videos; tracks of one video stand together, boxes of one track in the order of its frames.

    Attributes:
        name: of the data set.
        boxes: ``[N, 4]`` float32 xywh, frame px, 0-based.
        frames: ``[N]`` int32 position of the frame in its sequence.
        paths: the image files of the N boxes.
        rows: ``[T + 1]`` int64: boxes ``rows[t] .. rows[t + 1] - 1`` are track t.
        tracks: ``[V + 1]`` int64: tracks ``tracks[v] .. tracks[v + 1] - 1`` are video v.
        names: of the T tracks.
        categories: ``[T]`` int32 into ``category_names``, -1 where unknown.
        category_names: what the targets are.
        hidden_boxes: ``[M, 4]`` as ``boxes``, NaN where a box is not finite or has no area.
        hidden_frames: ``[M]`` as ``frames``.
        hidden_paths: as ``paths``.
        hidden_rows: ``[T + 1]`` as ``rows``, of the other frames.
        file: the mapped file it lies in, or nothing. An index with a file travels to another process by its name.
    """

    name: str
    boxes: np.ndarray
    frames: np.ndarray
    paths: PathTable
    rows: np.ndarray
    tracks: np.ndarray
    names: StringTable
    categories: np.ndarray
    category_names: StringTable
    hidden_boxes: np.ndarray
    hidden_frames: np.ndarray
    hidden_paths: PathTable
    hidden_rows: np.ndarray
    file: str = ""

    @property
    def videos(self) -> int:
        """V."""
        return len(self.tracks) - 1

    def path(self, row: int) -> str:
        """The image file of a box; from N on, of the other frames."""
        boxes = len(self.boxes)
        return self.paths[row] if row < boxes else self.hidden_paths[row - boxes]

    def box(self, rows: np.ndarray) -> np.ndarray:
        """``[B, 4]`` boxes of ``rows``; from N on, of the other frames."""
        boxes = len(self.boxes)
        found = np.empty((len(rows), 4), np.float32)
        hidden = rows >= boxes
        found[~hidden], found[hidden] = self.boxes[rows[~hidden]], self.hidden_boxes[rows[hidden] - boxes]
        return found

    def locate(self, row: int) -> tuple[int, int]:
        """The track of a box and its frame; from N on, of the other frames."""
        boxes = len(self.boxes)
        rows, frames = (self.rows, self.frames) if row < boxes else (self.hidden_rows, self.hidden_frames)
        local = row if row < boxes else row - boxes
        return int(np.searchsorted(rows, local, side="right")) - 1, int(frames[local])

    def track_name(self, row: int) -> str:
        """The sequence a box belongs to."""
        return self.names[self.locate(row)[0]]

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file} if self.file else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        if set(state) == {"file"}:
            from siamtrack.data.cache import read_index  # it reads what this module defines

            state = read_index(state["file"]).__dict__
        self.__dict__.update(state)


def has_area(boxes_xywh: np.ndarray) -> np.ndarray:
    """``[n]`` bool: boxes ``[n, 4]`` that are finite and not empty."""
    good: np.ndarray = np.isfinite(boxes_xywh).all(1) & (boxes_xywh[:, 2] > 0) & (boxes_xywh[:, 3] > 0)
    return good


def index_sequences(name: str, sequences: Iterable[Sequence]) -> TrackIndex:
    """The index of a data set; no image is opened.

    Args:
        name: of the data set.
        sequences: its sequences, each read once.

    Raises:
        DataError: a sequence is a video file, whose frames cannot be read in any order, or no box can be used.
    """
    return index_table(name, _tabulate(name, sequences))


def index_table(name: str, table: TrackTable) -> TrackIndex:
    """The index of a data set from all its annotated frames at once.

    Raises:
        DataError: no box can be used.
    """
    good = has_area(table.boxes)
    shown = good if table.shown is None else good & table.shown
    if not shown.any():
        raise DataError(
            f"data set {name}: no sequence has a box that training can use (finite, width and height above 0, target "
            "visible); is it a test set, whose annotation is secret?"
        )
    # tracks in their final order: by video, and only those that show their target at all
    kept = np.flatnonzero(np.bincount(table.tracks[shown], minlength=len(table.names)) > 0)
    kept = kept[np.argsort(table.videos[kept], kind="stable")]
    place = np.full(len(table.names), -1, np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    track = place[table.tracks]

    seen, rows = _grouped(np.flatnonzero(shown), track, table.frames, len(kept))
    unseen, hidden_rows = _grouped(np.flatnonzero(~shown & (track >= 0)), track, table.frames, len(kept))
    hidden_boxes = table.boxes[unseen].astype(np.float32)
    hidden_boxes[~good[unseen]] = np.nan
    categories = np.full(len(kept), -1, np.int32) if table.categories is None else table.categories[kept]
    return TrackIndex(
        name=name,
        boxes=table.boxes[seen].astype(np.float32),
        frames=table.frames[seen].astype(np.int32),
        paths=table.paths.take(seen),
        rows=rows,
        tracks=_offsets(np.unique(table.videos[kept], return_counts=True)[1]),
        names=table.names.take(kept),
        categories=categories.astype(np.int32),
        category_names=table.category_names or StringTable.of(()),
        hidden_boxes=hidden_boxes,
        hidden_frames=table.frames[unseen].astype(np.int32),
        hidden_paths=table.paths.take(unseen),
        hidden_rows=hidden_rows,
    )


def _grouped(rows: np.ndarray, track: np.ndarray, frames: np.ndarray, tracks: int) -> tuple[np.ndarray, np.ndarray]:
    """``rows`` by track and then frame, and where in them each track begins."""
    mine = track[rows]
    key = mine.astype(np.int64) << 32 | frames[rows].astype(np.int64)
    if (np.diff(key) < 0).any():
        rows = rows[np.argsort(key, kind="stable")]
    return rows, _offsets(np.bincount(mine, minlength=tracks))


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


# Sequences ----------------------------------------------------------------------------------------------------------


def _tabulate(name: str, sequences: Iterable[Sequence]) -> TrackTable:
    """One sequence after the other as rows of a table."""
    names: list[str] = []
    boxes, frames, shown, paths = [], [], [], []
    videos: dict[str, int] = {}
    video, category = [], []
    categories: dict[str, int] = {}
    for sequence in sequences:
        if not isinstance(sequence.frames, ImageFrames):
            raise DataError(
                f"data set {name}, sequence {sequence.name}: training reads frames in any order, which a video file "
                "cannot give; extract its frames to images."
            )
        count = len(sequence)
        names.append(sequence.name)
        boxes.append(sequence.boxes.astype(np.float32))
        frames.append(np.arange(count, dtype=np.int32))
        visible = sequence.visible
        shown.append(np.ones(count, bool) if visible is None else np.asarray(visible, bool))
        paths.append(sequence.frames.paths)
        video.append(videos.setdefault(sequence.group, len(videos)))
        known = sequence.category
        category.append(categories.setdefault(known, len(categories)) if known else -1)
    lengths = [len(part) for part in boxes]
    return TrackTable(
        boxes=np.concatenate(boxes) if boxes else np.empty((0, 4), np.float32),
        tracks=np.repeat(np.arange(len(names), dtype=np.int32), lengths),
        frames=np.concatenate(frames) if frames else np.empty(0, np.int32),
        paths=PathTable.of(paths),
        names=StringTable.of(names),
        videos=np.array(video, np.int32),
        video_names=StringTable.of(videos),
        shown=np.concatenate(shown) if shown else np.empty(0, bool),
        categories=np.array(category, np.int32),
        category_names=StringTable.of(categories),
    )
