"""Data sets whose annotation is read at once, as one table; a sequence is some rows of it."""

from __future__ import annotations

import dataclasses
import functools
from abc import abstractmethod
from collections.abc import Sequence as SequenceOf

import numpy as np

from siamtrack.data.index import TrackTable
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, ImageFrames, Sequence


class TabularDataSet(DataSet):
    """What readers of very many boxes share: they implement ``_recognises`` and ``_read``."""

    @abstractmethod
    def _read(self) -> TrackTable:
        """All annotation of the data set."""

    def table(self) -> TrackTable:
        """All annotation, or that of the chosen sequences."""
        whole = self._table
        if self.chosen is None:
            return whole
        wanted = np.zeros(len(whole.names), bool)
        wanted[[self._find(name) for name in self.chosen]] = True
        rows = np.flatnonzero(wanted[whole.tracks])
        return dataclasses.replace(
            whole,
            boxes=whole.boxes[rows],
            tracks=whole.tracks[rows],
            frames=whole.frames[rows],
            paths=whole.paths.take(rows),
            shown=None if whole.shown is None else whole.shown[rows],
        )

    def _list(self) -> SequenceOf[str]:
        return tuple(self._numbers)

    def _open(self, name: str) -> Sequence:
        table, track = self._table, self._find(name)
        first, last = self._offsets[track : track + 2]
        rows = self._order[first:last]
        category = -1 if table.categories is None else int(table.categories[track])
        return Sequence(
            name,
            ImageFrames([table.paths[row] for row in rows]),
            table.boxes[rows],
            visible=None if table.shown is None else table.shown[rows],
            group=table.video_names[int(table.videos[track])],
            category=table.category_names[category] if table.category_names and category >= 0 else "",
        )

    def _find(self, name: str) -> int:
        """The number of a track."""
        if name not in self._numbers:
            raise DataError(f"{self.root}: holds no sequence {name} with a box that can be used; {self._unused}")
        return self._numbers[name]

    _unused = "is the name right?"  # what to think of where a sequence is not there

    @functools.cached_property
    def _table(self) -> TrackTable:
        return self._read()

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        names = self._table.names
        return {names[i]: i for i in range(len(names))}

    @functools.cached_property
    def _order(self) -> np.ndarray:
        return np.lexsort((self._table.frames, self._table.tracks))

    @functools.cached_property
    def _offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.bincount(self._table.tracks, minlength=len(self._table.names)))])
