"""Annotations indexed once: a data set's index in a mapped file that all processes share.

The file's name says what is in it: the reader with its options, the folder, size and time of every file that
:meth:`siamtrack.data.readers.base.DataSet.annotation_files` names, and the code that reads them. Whatever changes gets
another name, so a file is never out of date, and never written twice. It may be deleted at any time when nobody trains.

``SIAMTRACK_CACHE`` says where they lie (default: ``siamtrack`` in the user's cache folder); ``off``: nowhere.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from siamtrack.data.index import TrackIndex, index_sequences, index_table
from siamtrack.data.paths import PathTable, StringTable
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError
from siamtrack.files import cache_folder
from siamtrack.registry import configurable

log = logging.getLogger(__name__)

_FORMAT = 1  # of the file; another number makes every older file a stranger
_THREADS = 16  # that ask for the times of files: on a network disk each answer takes a while
_TYPES = {"F32": np.float32, "I32": np.int32, "I64": np.int64, "U8": np.uint8}  # of safetensors
_ARRAYS = ("boxes", "frames", "rows", "tracks", "categories", "hidden_boxes", "hidden_frames", "hidden_rows")
_STRINGS = ("names", "category_names", "paths.patterns", "hidden_paths.patterns")
_PATHS = ("paths", "hidden_paths")
_READING = ("data/readers/*.py", "data/index.py", "data/paths.py", "data/sequence.py", "boxes.py")


def open_index(data: DataSet) -> TrackIndex:
    """The index of a data set: from its file, or made and left there for the next time.

    Raises:
        DataError: annotation is missing or wrong, or no box can be used.
    """
    file = index_file(data)
    if file is None:
        return _make(data)
    if file.exists():
        try:
            return read_index(file)
        except DataError as error:
            log.warning("%s It is made anew.", error)
    index = _make(data)
    try:
        write_index(file, index)
        return read_index(file)
    except OSError as error:
        log.warning(
            "%s: the index of %s cannot be kept (%s) and will be made again by the next run; SIAMTRACK_CACHE names "
            "another folder.", file.parent, index.name, error.strerror,
        )  # fmt: skip
        return index


def index_file(data: DataSet) -> Path | None:
    """Where the index of a data set lies or would lie; ``None`` if it is not to be kept."""
    folder = cache_folder()
    files = [os.fspath(file) for file in data.annotation_files()]
    if folder is None or not files:
        return None
    reader = type(data)
    options = {name: getattr(data, name) for name in configurable(reader)}
    chosen = None if data.chosen is None else list(data.chosen)
    about = [_FORMAT, reader.registered_name, os.path.abspath(data.root), options, chosen]
    digest = hashlib.sha256(json.dumps(about, default=str).encode())
    digest.update(_code(reader))
    for state in _states(files):
        digest.update(state)
    return folder / "indices" / f"{reader.registered_name}-{digest.hexdigest()[:32]}.safetensors"


def write_index(file: Path, index: TrackIndex) -> None:
    """Write an index; it appears as a whole or not at all, however many processes write it at once.

    Raises:
        OSError: the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        save_file(dict(_arrays(index)), draft, metadata={"name": index.name})
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def read_index(file: str | os.PathLike[str]) -> TrackIndex:
    """An index whose arrays are windows into the mapped file.

    Raises:
        DataError: it is gone, or not whole.
    """
    try:
        content = np.memmap(file, np.uint8, mode="r")
        start = 8 + int(content[:8].view("<u8")[0])
        header = json.loads(content[8:start].tobytes())
        name = header.pop("__metadata__")["name"]
        found = {key: _window(content[start:], **entry) for key, entry in header.items()}
        return _index(name, found, os.fspath(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{os.fspath(file)}: is no whole index of a data set ({error}).") from error


def _make(data: DataSet) -> TrackIndex:
    name = type(data).registered_name
    table = data.table()
    return index_sequences(name, data) if table is None else index_table(name, table)


@functools.cache
def _code(reader: type[DataSet]) -> bytes:
    """The code that an index follows from; a plug-in's reader lies elsewhere."""
    home = Path(__file__).parents[1]
    files = {path for pattern in _READING for path in home.glob(pattern)} | {Path(inspect.getfile(reader))}
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files))).digest()


def _states(files: list[str]) -> Iterator[bytes]:
    """Name, size and time of each file, as bytes to be hashed."""
    parts = [files[i::_THREADS] for i in range(_THREADS)] if len(files) > 1000 else [files]
    with ThreadPoolExecutor(len(parts)) as pool:
        for part, states in zip(parts, pool.map(_stat, parts), strict=True):
            yield "\0".join(part).encode("utf-8", "surrogateescape")
            yield np.array(states, np.int64).tobytes()


def _stat(files: Iterable[str]) -> list[tuple[int, int]]:
    states = []
    for file in files:
        try:
            state = os.stat(file)
            states.append((state.st_size, state.st_mtime_ns))
        except OSError:
            states.append((-1, -1))  # not there is a state as well
    return states


# The file -----------------------------------------------------------------------------------------------------------


def _arrays(index: TrackIndex) -> Iterator[tuple[str, np.ndarray]]:
    for key in _ARRAYS:
        yield key, np.ascontiguousarray(getattr(index, key))
    for key in _PATHS:
        table: PathTable = getattr(index, key)
        yield f"{key}.pattern", np.ascontiguousarray(table.pattern)
        yield f"{key}.number", np.ascontiguousarray(table.number)
    for key in _STRINGS:
        owner, _, field = key.rpartition(".")
        strings: StringTable = getattr(getattr(index, owner) if owner else index, field)
        yield f"{key}.data", np.ascontiguousarray(strings.data)
        yield f"{key}.offsets", np.ascontiguousarray(strings.offsets)


def _index(name: str, found: dict[str, np.ndarray], file: str) -> TrackIndex:
    strings = {key: StringTable(found[f"{key}.data"], found[f"{key}.offsets"]) for key in _STRINGS}
    parts: dict[str, Any] = {key: found[key] for key in _ARRAYS}
    for key in _PATHS:
        parts[key] = PathTable(strings[f"{key}.patterns"], found[f"{key}.pattern"], found[f"{key}.number"])
    return TrackIndex(name=name, names=strings["names"], category_names=strings["category_names"], file=file, **parts)


def _window(content: np.ndarray, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    first, last = data_offsets
    window: np.ndarray = np.asarray(content[first:last]).view(_TYPES[dtype]).reshape(shape)
    return window
