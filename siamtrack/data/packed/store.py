"""Reading files that may lie in a folder or in its data set's shards, by the same path."""

from __future__ import annotations

import functools
import mmap
import os
from pathlib import Path

from siamtrack.data.errors import DataError
from siamtrack.data.packed.index import Index, Location, encoded

FOLDER = "siamtrack-shards"  # in a packed data set's own
_TAR_BLOCK = 512
_TAR_NAME = 100  # bytes of a name in a tar header


class Store:
    """The shards of one packed data set, mapped into memory when first asked for.

    Args:
        root: the data set's folder.

    Raises:
        DataError: the index is not whole.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.folder = Path(root) / FOLDER
        self.index = Index(self.folder)
        self._maps: dict[int, memoryview] = {}

    def read(self, path: str) -> memoryview | None:
        """A file's bytes, not copied; ``None`` if the shards do not hold it.

        Raises:
            DataError: its shard is missing or damaged.
        """
        name, found = self._find(path)
        if found is None:
            return None
        shard = self._maps.get(found.shard)
        if shard is None:
            shard = self._maps[found.shard] = self._map(found.shard)
        head = bytes(shard[found.offset - _TAR_BLOCK : found.offset - _TAR_BLOCK + _TAR_NAME]).rstrip(b"\0")
        if head != encoded(name)[:_TAR_NAME]:
            raise DataError(
                f"{self.folder / self.index.shards[found.shard].file}: is damaged: at byte {found.offset - _TAR_BLOCK} "
                f"should be the tar header of {name}; {_REPAIR}"
            )
        return shard[found.offset : found.offset + found.size]

    def where(self, path: str) -> str:
        """Where a file lies, for sentences."""
        _, found = self._find(path)
        return f"{FOLDER}/{self.index.shards[found.shard].file}, byte {found.offset}" if found else ""

    def names(self, folder: str) -> list[str]:
        """The names of the files in one of the data set's folders."""
        return self.index.names_in(self._relative(folder))

    def _find(self, path: str) -> tuple[str, Location | None]:
        name = self._relative(path)
        found = self.index.find(name)
        if found is None:  # spelled with a detour, perhaps
            name = os.path.normpath(name).replace(os.sep, "/")
            found = self.index.find(name)
        return name, found

    def _relative(self, path: str) -> str:
        return path[len(self.root) :].replace(os.sep, "/").lstrip("/")

    def _map(self, number: int) -> memoryview:
        shard = self.index.shards[number]
        path = self.folder / shard.file
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != shard.size:
                    raise DataError(f"{path}: is damaged: it has {size} bytes and should have {shard.size}; {_REPAIR}")
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise DataError(f"{path}: the shard cannot be opened ({error.strerror}); {_REPAIR}") from error


_REPAIR = (
    "fetch it again, or delete it and index.json beside it and give the same siamtrack data pack command again; it "
    "packs what is missing."
)


def read_file(path: str | os.PathLike[str]) -> bytes | memoryview:
    """The bytes of a file, loose or packed.

    Raises:
        OSError: there is no such file, or it cannot be read.
        DataError: it is packed, and index or shard are missing or damaged.
    """
    name = os.fspath(path)
    folder = os.path.dirname(name)
    if folder not in _packed_folders:
        try:
            with open(name, "rb", buffering=0) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            if store_of(folder) is None:
                raise
        _packed_folders.add(folder)
    store = store_of(folder)
    data = store.read(name) if store is not None else None
    if data is None:
        raise FileNotFoundError(2, f"there is no such file, nor does {FOLDER}/ hold it", name)
    return data


def file_names(folder: str | os.PathLike[str]) -> list[str]:
    """The names in a folder, as ``os.listdir``, with those of packed files that belong there.

    Raises:
        OSError: there is no such folder.
        DataError: it is packed, and the index is not whole.
    """
    names = os.listdir(folder)
    store = store_of(os.fspath(folder))
    return names if store is None else sorted({*names, *store.names(os.fspath(folder))})


def where(path: str | os.PathLike[str]) -> str:
    """`` (in siamtrack-shards/000001.tar, byte N)`` for a packed file, nothing for a loose one; for sentences."""
    store = store_of(os.path.dirname(os.fspath(path))) if not os.path.exists(path) else None
    found = store.where(os.fspath(path)) if store else ""
    return f" (in {found})" if found else ""


def forget() -> None:
    """Look anew for what is packed, after packing."""
    _packed_folders.clear()
    store_of.cache_clear()
    _opened.cache_clear()


_packed_folders: set[str] = set()  # whose files were found in shards


@functools.lru_cache(1 << 16)
def store_of(folder: str) -> Store | None:
    """The packed data set that a folder belongs to: the nearest above it that holds shards."""
    if os.path.isdir(os.path.join(folder, FOLDER)):
        return _opened(folder)
    above = os.path.dirname(folder)
    return store_of(above) if above != folder else None


@functools.cache
def _opened(root: str) -> Store:
    return Store(root)
