"""The index of a packed data set: memory-mapped arrays, so that millions of files open at once and cost no memory.

``names.npy``
    uint8, the paths one after the other, in ascending order: relative to the data set, ``/`` between folders.
``files.npy``
    one record per file in that order, and one behind the last: where its name begins, its shard, offset and size.
``hashes.npy``
    ``[2, files]`` uint64: hashes of the names, ascending, and the numbers of their files.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from siamtrack.data.errors import DataError
from siamtrack.files import replacing, write_text

FORMAT = 1
_FILE = np.dtype([("name", "<i8"), ("offset", "<i8"), ("size", "<i8"), ("shard", "<i4")])


class Location(NamedTuple):
    """A file's bytes: ``size`` from ``offset`` of the shard of this number on."""

    shard: int
    offset: int
    size: int


@dataclass(frozen=True)
class Shard:
    """A shard's file name in the folder of the index, and its size in bytes."""

    file: str
    size: int


class Index:
    """Where the files of a packed data set lie.

    Args:
        folder: with the arrays and ``index.json``.

    Attributes:
        shards: in the order of their numbers.

    Raises:
        DataError: the index is not whole.
    """

    def __init__(self, folder: Path) -> None:
        try:
            about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self._names, self._files, self._hashes = (
                np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in ("names", "files", "hashes")
            )
            self.shards = tuple(Shard(shard["file"], int(shard["size"])) for shard in about["shards"])
            count, version = int(about["files"]), about["format"]
        except FileNotFoundError as error:
            raise DataError(
                f"{folder}: packing did not come to its end ({Path(error.filename).name} is missing); give the same "
                "siamtrack data pack command again, it goes on where it stopped."
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder}: the index is damaged ({error!r}); {REPAIR}") from error
        if version != FORMAT:
            raise DataError(f"{folder}: the index is of format {version}, but this siamtrack reads {FORMAT}; {REPAIR}")
        if len(self._files) != count + 1 or self._hashes.shape != (2, count) or len(self._names) != self._files[-1][0]:
            raise DataError(f"{folder}: the arrays of the index do not belong together; {REPAIR}")

    def __len__(self) -> int:
        """Files."""
        return len(self._files) - 1

    def find(self, name: str) -> Location | None:
        """Where a file lies; ``None`` if it is not among them."""
        wanted = encoded(name)
        key = name_hash(wanted)
        hashes, numbers = self._hashes
        at = int(hashes.searchsorted(key))
        while at < len(hashes) and hashes[at] == key:
            number = int(numbers[at])
            begin, offset, size, shard = self._files[number].item()
            if self._names[begin : begin + len(wanted)].tobytes() == wanted:
                return Location(shard, offset, size)
            at += 1
        return None

    def names_in(self, folder: str) -> list[str]:
        """The names, without folder, of the files that lie directly in a folder, ascending."""
        prefix = encoded(folder) + b"/" if folder else b""
        names = _Names(self)
        first = bisect_left(names, prefix)
        last = bisect_left(names, prefix[:-1] + b"0") if prefix else len(self)  # "0" follows "/"
        rest = (names[i][len(prefix) :] for i in range(first, last))
        return [decoded(name) for name in rest if b"/" not in name]

    def _name(self, number: int) -> bytes:
        begin, end = self._files["name"][number : number + 2]
        return bytes(self._names[begin:end])


class _Names(Sequence[bytes]):
    """All names in order, for bisection."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]
        return self._index._name(number)


REPAIR = "delete the folder's index.json and give the same siamtrack data pack command again."


def write_index(folder: Path, shards: Sequence[Shard], files: Iterable[tuple[str, Location]]) -> int:
    """Write the index of files in any order; of two with one name the later counts. Returns how many there are."""
    ordered = sorted({encoded(name): location for name, location in files}.items())
    records = np.zeros(len(ordered) + 1, _FILE)
    records["name"][1:] = np.cumsum([len(name) for name, _ in ordered])
    for key in Location._fields:
        records[key][:-1] = [getattr(location, key) for _, location in ordered]
    hashes = np.array([name_hash(name) for name, _ in ordered], np.uint64)
    order = np.argsort(hashes, kind="stable")
    arrays = {
        "names": np.frombuffer(b"".join(name for name, _ in ordered), np.uint8),
        "files": records,
        "hashes": np.stack([hashes[order], order.astype(np.uint64)]),
    }
    for name, array in arrays.items():
        with replacing(folder / f"{name}.npy") as temporary, open(temporary, "wb") as file:
            np.save(file, array)
    about = {
        "format": FORMAT,
        "files": len(ordered),
        "shards": [{"file": shard.file, "size": shard.size} for shard in shards],
    }
    write_text(folder / "index.json", json.dumps(about, indent=1) + "\n")
    return len(ordered)


def name_hash(name: bytes) -> np.uint64:
    """64 bits of a name; a Python integer would turn the hashes that it is looked for in into floats."""
    digest = hashlib.blake2b(name, digest_size=8).digest()
    number: np.uint64 = np.frombuffer(digest, "<u8")[0]
    return number


def encoded(name: str) -> bytes:
    """A name as in the index."""
    return name.encode("utf-8", "surrogateescape")


def decoded(name: bytes) -> str:
    """A name as in the file system."""
    return name.decode("utf-8", "surrogateescape")
