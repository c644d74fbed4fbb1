"""Millions of names as a few arrays: strings end to end, and image files as patterns with a number in them."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from siamtrack.data.sequence import NumberedPaths

# the last digits of a file name, as many as an int64 holds
_NUMBERED = re.compile(r"(.*?)(\d{1,18})(\D*)", re.DOTALL)
_WITHOUT = -1  # number of a file whose name holds none


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

    @classmethod
    def from_bytes(cls, strings: np.ndarray) -> StringTable:
        """Pack an array of byte strings (dtype ``S``), keeping its order."""
        if not len(strings):
            return cls.of(())
        lengths = np.char.str_len(strings)
        characters = np.ascontiguousarray(strings).view(np.uint8).reshape(len(strings), -1)
        data = characters[np.arange(characters.shape[1]) < lengths[:, None]]
        return cls(data, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(f"string {index} of {len(self)}")
        return os.fsdecode(self.data[self.offsets[index] : self.offsets[index + 1]].tobytes())

    def take(self, rows: np.ndarray) -> StringTable:
        """The strings ``rows [n]``, in that order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        at = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return StringTable(self.data[at], offsets)


@dataclass(frozen=True, eq=False)
class PathTable:
    """Image files, twelve bytes each: ``patterns[pattern[i]] % number[i]``.

    Attributes:
        patterns: paths with one %-format for a number, every other % doubled; without a format where the file's name
            holds no digit.
        pattern: ``[files]`` int32 into ``patterns``.
        number: ``[files]`` int64, -1 without a format.
    """

    patterns: StringTable
    pattern: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, parts: Iterable[Sequence[str | os.PathLike[str]]]) -> PathTable:
        """Pack the files of one sequence after the other; numbered ones without looking at each."""
        known: dict[str, int] = {}
        patterns, numbers = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
        for part in parts:
            if isinstance(part, NumberedPaths):
                pattern = known.setdefault(part.pattern, len(known))
                patterns.append(np.full(len(part), pattern, np.int32))
                numbers.append(np.arange(part.first, part.first + len(part), dtype=np.int64))
                continue
            split = [split_path(os.fspath(path)) for path in part]
            patterns.append(np.array([known.setdefault(text, len(known)) for text, _ in split], np.int32))
            numbers.append(np.array([number for _, number in split], np.int64))
        return cls(StringTable.of(known), np.concatenate(patterns), np.concatenate(numbers))

    def __len__(self) -> int:
        return len(self.pattern)

    def __getitem__(self, index: int) -> str:
        pattern, number = self.patterns[int(self.pattern[index])], int(self.number[index])
        return pattern % (() if number == _WITHOUT else number)

    def take(self, rows: np.ndarray) -> PathTable:
        """The files ``rows [n]``, in that order."""
        return PathTable(self.patterns, self.pattern[rows], self.number[rows])


def split_path(path: str) -> tuple[str, int]:
    """A path as a pattern and the number in it: the last digits of the file's name; -1 where it has none."""
    folder, name = os.path.split(path)
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return path.replace("%", "%%"), _WITHOUT
    head, digits, tail = match.groups()
    number = f"%0{len(digits)}d" if digits[0] == "0" and len(digits) > 1 else "%d"
    return os.path.join(folder, head).replace("%", "%%") + number + tail.replace("%", "%%"), int(digits)
