"""ImageNet's annotation files, one XML per image: those of many images read together."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np

from siamtrack.data.sequence import DataError

_OBJECT = b"<object>"
_SIDES = (b"xmin", b"ymin", b"xmax", b"ymax")
_VALUES = {
    tag: re.compile(rb"<%s>\s*([^<]*?)\s*</%s>" % (tag, tag)) for tag in (*_SIDES, b"name", b"trackid")
}  # each stands once in every object, in whatever order


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of F images, n in all.

    Attributes:
        image: ``[n]`` int64, 0 .. F - 1.
        place: ``[n]`` int64, which of its image's objects it is.
        boxes: ``[n, 4]`` float32 xywh, px, 0-based.
        synsets: ``[n]`` byte strings, WordNet ids such as ``n02118333``.
        tracks: ``[n]`` int64 track ids; ``None`` in files that have none.
    """

    image: np.ndarray
    place: np.ndarray
    boxes: np.ndarray
    synsets: np.ndarray
    tracks: np.ndarray | None


def read_objects(files: SequenceOf[str], tracks: bool) -> Objects:
    """Read annotation files without looking at each object.

    Args:
        files: their paths.
        tracks: whether objects have a ``trackid``.

    Raises:
        DataError: a file cannot be read, or an object in it lacks something; names the file.
    """
    contents = [_content(file) for file in files]
    counts = np.array([content.count(_OBJECT) for content in contents], np.int64)
    tags = (*_SIDES, b"name", b"trackid") if tracks else (*_SIDES, b"name")
    text = b"".join(contents)
    found = {tag: _VALUES[tag].findall(text) for tag in tags}
    if any(len(values) != counts.sum() for values in found.values()):
        raise DataError(_blame(files, contents, counts, tags))
    try:
        left, top, right, bottom = (np.array(found[tag], "S").astype(np.float32) for tag in _SIDES)
        ids = np.array(found[b"trackid"], "S").astype(np.int64) if tracks else None
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{os.path.dirname(files[0])}: the XML files hold a box or track id like this: {error}."
        ) from None
    return Objects(
        image=np.repeat(np.arange(len(files)), counts),
        place=np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts),
        boxes=np.stack([left, top, right - left, bottom - top], 1).reshape(-1, 4),
        synsets=np.array(found[b"name"], "S"),
        tracks=ids,
    )


def xml_files(folder: str | os.PathLike[str]) -> list[str]:
    """Names without suffix of the XML files in a folder, sorted."""
    return sorted(name[:-4] for name in os.listdir(folder) if name.endswith(".xml"))


def _content(file: str) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); expected is an ImageNet annotation.") from None


def _blame(files: SequenceOf[str], contents: list[bytes], counts: np.ndarray, tags: SequenceOf[bytes]) -> str:
    for file, content, count in zip(files, contents, counts, strict=True):
        for tag in tags:
            values = len(_VALUES[tag].findall(content))
            if values != count:
                return (
                    f"{file}: has {values} <{tag.decode()}> for {count} objects; one in each is right. "
                    "Fetch the file again."
                )
    return f"{files[0]}: is no ImageNet annotation."
