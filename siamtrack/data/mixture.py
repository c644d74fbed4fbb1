"""Several data sets as one: how much of each is used, and which video is a sample's turn.

As in pysot (``datasets/dataset.py``) every set puts ``NUM_USE`` of its videos on a list, repeating them if it has
fewer; the lists of all sets, joined and shuffled, are one round, and training goes through round after round. Other
than there the next round goes on where a set's list was cut, so that a large set is used whole. ``WEIGHT`` says the
same as shares: a round is then an epoch. With ``BY_CATEGORY`` a set's list takes every category of targets in turn.

Videos, tracks and rows (annotated frames) are numbered through over all sets, in the order of the sets; after the last
row come the frames that do not show their target, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from siamtrack.config import ConfigError
from siamtrack.data import streams
from siamtrack.data.index import TrackIndex

_KEPT_ROUNDS = 2  # a batch may reach from one round into the next


@dataclass(frozen=True, eq=False)
class MixedSet:
    """One data set's part in a mixture.

    Attributes:
        index: its tracks.
        frame_range: largest distance of search and template in a track, counted in its usable frames.
        num_use: videos it contributes to a round; -1: every video once.
        by_category: whether every category is drawn as often as any other, however many tracks it has. Every track
            then counts as a video of its own, since targets of one video may be of several categories.
    """

    index: TrackIndex
    frame_range: int = 100
    num_use: int = -1
    by_category: bool = False

    @property
    def tracks(self) -> np.ndarray:
        """``[V + 1]`` int64: tracks ``tracks[v] .. tracks[v + 1] - 1`` are video v."""
        return np.arange(len(self.index.names) + 1) if self.by_category else self.index.tracks

    @property
    def videos(self) -> int:
        """V."""
        return len(self.index.names) if self.by_category else self.index.videos

    @cached_property
    def categories(self) -> tuple[np.ndarray, ...]:
        """The tracks of each category, one ``[n]`` int64 each; those of no known category are one as well."""
        order = np.argsort(self.index.categories, kind="stable")
        return tuple(np.split(order, np.flatnonzero(np.diff(self.index.categories[order])) + 1))


@dataclass(frozen=True, eq=False)
class Track:
    """The frames of one track, numbered from 0 to n + m - 1 wherever in its video it begins, and over its pauses.

    Attributes:
        shown: ``[n]`` numbers of the frames whose box can be used, ascending.
        hidden: ``[m]`` numbers of the others, ascending.
        first_row: row of ``shown[0]``; the others follow.
        first_hidden_row: likewise of ``hidden[0]``.
    """

    shown: np.ndarray
    hidden: np.ndarray
    first_row: int
    first_hidden_row: int

    def __len__(self) -> int:
        """Frames."""
        return len(self.shown) + len(self.hidden)

    def row(self, frame: int) -> int:
        """The row of a frame."""
        at = int(np.searchsorted(self.shown, frame))
        if at < len(self.shown) and self.shown[at] == frame:
            return self.first_row + at
        return self.first_hidden_row + int(np.searchsorted(self.hidden, frame))


class Mixture:
    """The data sets of a run.

    Args:
        sets: at least one.
        seed: of the run.

    Raises:
        ConfigError: no set, or a number out of range.
    """

    def __init__(self, sets: Sequence[MixedSet], seed: int) -> None:
        if not sets:
            raise ConfigError(
                "DATA.SETS: names no data set to train on; add one, such as {NAME: got10k, SPLIT: train}."
            )
        for part in sets:
            if part.num_use < 1 and part.num_use != -1:
                raise ConfigError(
                    f"DATA.SETS, {part.index.name}: NUM_USE {part.num_use} should be above 0, or -1 for all."
                )
            if part.frame_range < 0:
                raise ConfigError(f"DATA.SETS, {part.index.name}: FRAME_RANGE {part.frame_range} should be 0 or more.")
            if part.by_category and (part.index.categories < 0).all():
                raise ConfigError(
                    f"DATA.SETS, {part.index.name}: BY_CATEGORY asks for what the data set does not say: the category "
                    "of its targets."
                )
        self.sets = tuple(sets)
        self.seed = seed
        self.num_use = np.array([s.videos if s.num_use == -1 else s.num_use for s in sets])
        self.round_length = int(self.num_use.sum())
        self._frame_range = np.array([part.frame_range for part in sets])
        # offsets as in TrackIndex, numbered through
        self._set_videos = _joined([np.array([0, part.videos]) for part in sets])
        self._set_rows = _joined([np.array([0, len(part.index.boxes)]) for part in sets])
        self._tracks = _joined([part.tracks for part in sets])
        self._rows = _joined([part.index.rows for part in sets])
        self._set_tracks = _joined([np.array([0, len(part.index.names)]) for part in sets])
        self._set_hidden = _joined([np.array([0, len(part.index.hidden_boxes)]) for part in sets])
        self._hidden = _joined([part.index.hidden_rows for part in sets])
        self._rounds: dict[tuple[int, bool], np.ndarray] = {}

    # Which video ----------------------------------------------------------------------------------------------------

    def turns(self, first: int, count: int, fixed: bool = False) -> np.ndarray:
        """``[count]`` int64: the videos whose turn it is.

        Args:
            first: number of the first sample since the beginning of training.
            count: samples.
            fixed: the same videos in every round, only in another order, as in pysot.
        """
        parts = []
        while count > 0:
            number, position = divmod(first, self.round_length)
            part = self._round(number, fixed)[position : position + count]
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return np.concatenate(parts).astype(np.int64)

    def any_video(self, bits: np.ndarray) -> np.ndarray:
        """``[B]`` videos from random words ``[B, 2]``: the set uniformly over sets, then the video uniformly in it."""
        chosen = streams.integers(bits[:, 0], np.full(len(bits), len(self.sets)))
        return _within(self._set_videos, chosen, bits[:, 1])

    def substitute(self, sample: int, bits: np.ndarray) -> int:
        """Another sample of the same round, whose turn a sample may take that cannot be had; from a word ``[1]``."""
        start = sample // self.round_length * self.round_length
        return start + int(streams.integers(bits, np.array([self.round_length]))[0])

    def _round(self, number: int, fixed: bool) -> np.ndarray:
        """``[round_length]`` int32 videos."""
        if (number, fixed) not in self._rounds:
            videos = np.concatenate([self._list(part, 0 if fixed else number) for part in range(len(self.sets))])
            (order,) = streams.permutations(self.seed, streams.ORDER, number, 1, len(videos))
            while len(self._rounds) >= _KEPT_ROUNDS:
                del self._rounds[next(iter(self._rounds))]
            self._rounds[number, fixed] = videos[order]
        return self._rounds[number, fixed]

    def _list(self, part: int, number: int) -> np.ndarray:
        """``[num_use]`` int32: the videos that a set contributes to a round, cut from shuffles laid end to end."""
        start, wanted = int(number * self.num_use[part]), int(self.num_use[part])
        if self.sets[part].by_category:
            videos = self._by_category(part, start, wanted)
        else:
            videos = self._shuffled(streams.LISTS + part, self.sets[part].videos, start, wanted)
        listed: np.ndarray = (videos + self._set_videos[part]).astype(np.int32)
        return listed

    def _shuffled(self, stream: int, length: int, start: int, wanted: int) -> np.ndarray:
        """``[wanted]`` int64 from position ``start`` of shuffles of 0 .. length - 1 laid end to end."""
        first, last = start // length, (start + wanted - 1) // length
        shuffles = streams.permutations(self.seed, stream, first, last - first + 1, length)
        return shuffles.reshape(-1)[start - first * length :][:wanted]

    def _by_category(self, part: int, start: int, wanted: int) -> np.ndarray:
        """``[wanted]`` int64 tracks: shuffles of the categories laid end to end; of each, its tracks likewise."""
        categories = self.sets[part].categories
        turns = self._shuffled(streams.CATEGORIES + (part << 32), len(categories), start, wanted)
        # every shuffle holds every category once, so the n-th shuffle takes the n-th track of each
        times = np.arange(start, start + wanted) // len(categories)
        tracks = np.empty(wanted, np.int64)
        for category, members in enumerate(categories):
            mine = np.flatnonzero(turns == category)
            if len(mine):
                first, last = int(times[mine[0]]), int(times[mine[-1]])
                stream = streams.CATEGORIES + (part << 32) + 1 + category
                drawn = self._shuffled(stream, len(members), first, last - first + 1)
                tracks[mine] = members[drawn[times[mine] - first]]
        return tracks

    # Which frame ----------------------------------------------------------------------------------------------------

    def any_row(self, videos: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """``[B]`` rows from random words ``[B, 2]``: the track uniformly in the video, then the frame in the track."""
        return _within(self._rows, _within(self._tracks, videos, bits[:, 0]), bits[:, 1])

    def row_near(self, rows: np.ndarray, bits: np.ndarray, other: bool = False) -> np.ndarray:
        """``[B]`` rows of the same tracks, uniformly at most FRAME_RANGE usable frames away, from words ``[B]``.

        Args:
            rows: ``[B]``.
            bits: ``[B]`` random words.
            other: not the row itself, unless it is the only one there.
        """
        track = np.searchsorted(self._rows, rows, side="right") - 1
        reach = self._frame_range[self.set_of(rows)]
        low = np.maximum(rows - reach, self._rows[track])
        high = np.minimum(rows + reach, self._rows[track + 1] - 1)
        if not other:
            near: np.ndarray = low + streams.integers(bits, high - low + 1)
            return near
        near = low + streams.integers(bits, np.maximum(high - low, 1))
        return np.where(high > low, near + (near >= rows), rows)

    # What is there --------------------------------------------------------------------------------------------------

    def set_of(self, rows: np.ndarray) -> np.ndarray:
        """``[B]`` the set each row with a usable box belongs to."""
        return np.searchsorted(self._set_rows, rows, side="right") - 1

    def boxes(self, rows: np.ndarray) -> np.ndarray:
        """``[B, 4]`` float64 xywh, frame px; NaN for frames that do not show their target and have no box."""
        owner, local = self._locate(rows)
        boxes = np.empty((len(rows), 4))
        for part in np.unique(owner):
            mine = owner == part
            boxes[mine] = self.sets[part].index.box(local[mine])
        return boxes

    def path(self, row: int) -> str:
        """The image file of a row."""
        shown = int(self._set_rows[-1])  # as _locate, for a single row without arrays
        offsets, inside = (self._set_rows, row) if row < shown else (self._set_hidden, row - shown)
        part = int(offsets.searchsorted(inside, side="right")) - 1
        index, local = self.sets[part].index, inside - int(offsets[part])
        return index.path(local if row < shown else len(index.boxes) + local)

    def describe(self, row: int) -> tuple[str, str, int]:
        """Of a row the data set, the sequence, and the frame, counted from 0."""
        owner, local = self._locate(np.array([row]))
        index = self.sets[int(owner[0])].index
        track, frame = index.locate(int(local[0]))
        return index.name, index.names[track], frame

    def track(self, number: int) -> Track:
        """A track by number."""
        part = int(np.searchsorted(self._set_tracks, number, side="right")) - 1
        index, local = self.sets[part].index, number - int(self._set_tracks[part])
        shown = index.frames[index.rows[local] : index.rows[local + 1]]
        hidden = index.hidden_frames[index.hidden_rows[local] : index.hidden_rows[local + 1]]
        if max(*shown[-1:], *hidden[-1:], -1) + 1 != len(shown) + len(hidden):
            shown, hidden = _places(shown, hidden)
        return Track(shown, hidden, int(self._rows[number]), int(self._set_rows[-1] + self._hidden[number]))

    def tracks_of(self, part: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of one set: numbers of its tracks, and for each the frames that show the target and those that do not."""
        tracks = np.arange(self._set_tracks[part], self._set_tracks[part + 1])
        return tracks, np.diff(self._rows)[tracks], np.diff(self._hidden)[tracks]

    def category_of(self, tracks: np.ndarray) -> np.ndarray:
        """``[B]`` what the targets of one set's tracks are; all alike where the set is not drawn by category."""
        part = int(np.searchsorted(self._set_tracks, tracks[0], side="right")) - 1
        known = self.sets[part].index.categories[tracks - self._set_tracks[part]]
        return known if self.sets[part].by_category else np.zeros(len(tracks), np.int32)

    def set_of_video(self, videos: np.ndarray) -> np.ndarray:
        """``[B]`` the set each video belongs to."""
        return np.searchsorted(self._set_videos, videos, side="right") - 1

    def video_of(self, track: int) -> int:
        """The video a track belongs to."""
        return int(np.searchsorted(self._tracks, track, side="right")) - 1

    def _locate(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``[B]`` the set of each row, and its row in that set's index."""
        hidden = rows - self._set_rows[-1]
        sets = np.searchsorted(self._set_hidden, hidden, side="right") - 1
        owner = np.where(hidden < 0, self.set_of(rows), sets)
        inside = np.diff(self._set_rows)[owner] + hidden - self._set_hidden[owner]
        return owner, np.where(hidden < 0, rows - self._set_rows[owner], inside)


def _places(shown: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where ``[n]`` and ``[m]`` ascending numbers come among all n + m; of equal ones the shown first."""
    before_shown, before_hidden = np.searchsorted(hidden, shown), np.searchsorted(shown, hidden, side="right")
    return np.arange(len(shown)) + before_shown, np.arange(len(hidden)) + before_hidden


def _within(offsets: np.ndarray, parents: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """One child of each parent, uniformly; the children of p are ``offsets[p] .. offsets[p + 1] - 1``."""
    low = offsets[parents]
    child: np.ndarray = low + streams.integers(bits, offsets[parents + 1] - low)
    return child


def _joined(offsets: Sequence[np.ndarray]) -> np.ndarray:
    """Offset arrays one after the other as one."""
    lengths = np.concatenate([np.diff(part) for part in offsets])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
