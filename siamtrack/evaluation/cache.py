"""Scores of result files that were scored before, found by the contents of the files.

A key is a hash of everything a score comes from: the bytes of the result files, the truth, the protocol, and the code
of this package. Names and times of files play no part. What is not as it was written is not used.

``SIAMTRACK_CACHE`` says where they lie (default: ``siamtrack`` in the user's cache folder); ``off``: nowhere. Files may
be deleted at any time.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamtrack.files import cache_folder

Arrays = Mapping[str, NDArray]
_DIGEST = 32  # bytes of sha256


def folder() -> Path | None:
    """Where scores are kept; ``None``: nowhere."""
    place = cache_folder()
    return place and place / "scores"


def key(parts: Iterable[bytes]) -> str:
    """A key for what follows from these bytes alone, by the code as it stands."""
    digest = hashlib.sha256(_code())
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def load(key: str) -> dict[str, NDArray] | None:
    """What was kept under a key; ``None`` if there is nothing, or if it was damaged."""
    place = folder()
    if place is None:
        return None
    try:
        content = (place / key).read_bytes()
    except OSError:
        return None
    digest, payload = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(payload).digest() != digest:
        return None
    head, _, data = payload.partition(b"\n")
    arrays, offset = {}, 0
    for name, kind, shape in json.loads(head):
        size = int(np.prod(shape, dtype=np.int64))
        array: NDArray = np.frombuffer(data, kind, size, offset).reshape(shape)
        arrays[name] = array.copy()
        offset += array.nbytes
    return arrays


def save(key: str, arrays: Arrays) -> None:
    """Keep arrays of numbers under a key; a folder that cannot be written to is no error."""
    place = folder()
    if place is None:
        return
    head = json.dumps([[name, array.dtype.str, array.shape] for name, array in arrays.items()])
    payload = b"\n".join([head.encode(), b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())])
    partial = place / f".{key}.{os.getpid()}.partial"
    try:
        place.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(hashlib.sha256(payload).digest() + payload)
        os.replace(partial, place / key)
    except OSError:
        partial.unlink(missing_ok=True)


@functools.cache
def _code() -> bytes:
    """The code that scores, and the arithmetic below it."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
