"""What all readers share: finding the folder, choosing sequences, opening one when it is asked for."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import ClassVar, overload

from siamtrack.data.index import TrackTable
from siamtrack.data.sequence import DataError, Sequence

log = logging.getLogger(__name__)


class DataSet(ABC, SequenceOf[Sequence]):
    """The sequences of one data set, each read from disk when it is asked for, by index or by name.

    A reader says in ``layout`` and ``folders`` where its files lie and implements ``_recognises``, ``_list`` and
    ``_open``. Options of a reader come after the ``*`` of its constructor, which keeps each under its name and ends
    with ``super().__init__``. A reader of training data also implements ``annotation_files``, and ``table`` where one
    file holds very many boxes.

    Args:
        root: the data set's own folder, or one that holds it under one of ``folders``.
        sequences: names to read, in this order; ``None`` for all. May name sequences that are not in the official
            list but lie in the folder.

    Attributes:
        root: the data set's own folder.
        missing: sequences of the official list that are not on disk.

    Raises:
        DataError: the data set is not there, or a list that it needs is missing.
    """

    layout: ClassVar[str]
    folders: tuple[str, ...]
    registered_name: ClassVar[str]

    def __init__(self, root: str | os.PathLike[str], sequences: SequenceOf[str] | None = None) -> None:
        self.root = self._locate(Path(root))
        self.missing: tuple[str, ...] = ()
        self._chosen = None if sequences is None else self._choose(sequences)
        self._names: SequenceOf[str] | None = self._chosen

    @property
    def chosen(self) -> SequenceOf[str] | None:
        """The names that the user gave, ``None`` for all."""
        return self._chosen

    @property
    def names(self) -> SequenceOf[str]:
        """Names in the order of the official list, or in natural order where there is none."""
        if self._names is None:
            self._names = self._list()
            if not self._names:
                raise DataError(f"{self.root}: holds no sequence of {self.registered_name}; expected is\n{self.layout}")
        return self._names

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, key: int | str) -> Sequence: ...
    @overload
    def __getitem__(self, key: slice) -> SequenceOf[Sequence]: ...
    def __getitem__(self, key: int | str | slice) -> Sequence | SequenceOf[Sequence]:
        """The sequence of this index or name.

        Raises:
            DataError: its files are missing or wrong; the sentence names the file.
        """
        if isinstance(key, slice):
            return [self._open(name) for name in self.names[key]]
        return self._open(key if isinstance(key, str) else self.names[key])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r}, {len(self)} sequences)"

    def annotation_files(self) -> Iterable[str | os.PathLike[str]]:
        """Files, or folders of very many, whose size or time changes when the annotation does; also absent ones.

        By them :mod:`siamtrack.data.cache` knows an index again. None: it is made anew by every run.
        """
        return ()

    def table(self) -> TrackTable | None:
        """All annotation at once, for a reader that has it as arrays; ``None``: sequence by sequence."""
        return None

    @abstractmethod
    def _recognises(self, folder: Path) -> bool:
        """Whether a folder looks like this data set; cheap."""

    @abstractmethod
    def _list(self) -> SequenceOf[str]:
        """The names of all sequences that can be read."""

    @abstractmethod
    def _open(self, name: str) -> Sequence:
        """Read one sequence."""

    def _choose(self, sequences: SequenceOf[str]) -> tuple[str, ...]:
        """The sequences that the user named; a reader may take one name for several sequences."""
        return tuple(sequences)

    def _locate(self, root: Path) -> Path:
        """The data set's own folder."""
        for folder in (*(root / name for name in self.folders), root):
            if folder.exists() and self._recognises(folder):
                return folder
        state = "there is no such folder" if not root.exists() else "the data set is not in it"
        places = f" (nor in {' or '.join(self.folders)} below it)" if root.exists() and self.folders else ""
        raise DataError(f"data set {self.registered_name}: {root}: {state}{places}; expected is\n{self.layout}")

    def _present(self, official: SequenceOf[str], on_disk: Container[str]) -> tuple[str, ...]:
        """The official sequences that are there; says how many are not."""
        self.missing = tuple(name for name in official if name not in on_disk)
        if self.missing:
            log.warning(
                "%s: %d of the %d sequences of %s are not there and are left out (%s%s)",
                self.root, len(self.missing), len(official), self.registered_name,
                ", ".join(self.missing[:3]), ", ..." if len(self.missing) > 3 else "",
            )  # fmt: skip
        return tuple(name for name in official if name in on_disk)
