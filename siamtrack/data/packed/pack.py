"""Packing a data set: every image once into shards, JPEGs as tiles, all other files as they lie.

::

    report = pack("got10k", root, output)
    open_dataset("got10k", output)  # as the original, and faster to train on
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import local
from typing import Any, NamedTuple

from siamtrack.data.errors import DataError
from siamtrack.data.jpeg.remux import Remuxer
from siamtrack.data.packed.index import Location, Shard, write_index
from siamtrack.data.packed.store import FOLDER, forget
from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.annotation import IMAGE_SUFFIXES
from siamtrack.files import replacing

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_JPEG = (".jpg", ".jpeg")


@dataclass
class Report:
    """What packing did.

    Attributes:
        root: the data set's own folder.
        output: where it is packed.
        found: images of the data set.
        before: images that an earlier run had packed.
        tiled: of the others, JPEGs whose rectangles can now be decoded alone.
        kept: why images were packed as they were, and how many.
        bytes_in: of the images that this run packed.
        bytes_out: of the same in the shards.
        left_out: archives in the folder, which were not copied.
    """

    root: Path
    output: Path
    found: int = 0
    before: int = 0
    tiled: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0
    left_out: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.output}: {self.found} images of {self.root} in shards"]
        if self.before:
            lines.append(f"  {self.before} were there already")
        if self.tiled:
            change = 100 * (self.bytes_out / max(self.bytes_in, 1) - 1)
            lines.append(f"  {self.tiled} now as tiles, every pixel compared; bytes {change:+.1f} %")
        lines += [f"  {number} as they were: {reason}" for reason, number in self.kept.most_common()]
        if self.left_out:
            lines.append(f"  not copied: {', '.join(self.left_out)}")
        return "\n".join(lines)


def pack(
    name: str,
    root: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    shard_size: int = 1 << 30,
    jobs: int | None = None,
    progress: Callable[[Iterable[Path], int], Iterable[Path]] | None = None,
    **options: Any,
) -> Report:
    """Pack a data set's folder, or go on with it: shards that are whole are kept.

    Args:
        name: of the data set, as in :func:`open_dataset`.
        root: its folder, or one that holds it.
        output: the packed data set's own folder.
        shard_size: bytes after which a shard is closed.
        jobs: processes that tile; ``None``: one per core.
        progress: wraps the images, given their number.
        options: of the data set's reader, such as ``split``, where it needs them to find the data set.

    Raises:
        DataError: the data set is not there, or ``output`` lies in it.
        OSError: a file cannot be read or written.
    """
    source, target = open_dataset(name, root, **options).root.resolve(), Path(output).resolve()
    if target == source or source in target.parents:
        raise DataError(f"{output}: lies in the data set itself ({source}); pack into a folder beside it.")
    report = Report(source, target)
    images = _copy_tree(source, target, report)
    folder = target / FOLDER
    folder.mkdir(exist_ok=True)
    for name_ in ("index.json", *(p.name for p in folder.glob("*.tmp"))):
        (folder / name_).unlink(missing_ok=True)

    shards = {path: _members(path) for path in sorted(folder.glob("*.tar"))}
    done = {member for members in shards.values() for member in members}
    todo = [image for image in images if image.as_posix() not in done]
    report.found, report.before = len(images), len(images) - len(todo)
    files = _tiled(source, progress(todo, len(todo)) if progress else todo, jobs or _cores(), report)
    for number in count(len(shards)):
        path = folder / f"{number:06}.tar"
        members = _write_shard(path, files, shard_size)
        if not members:
            break
        shards[path] = members
    _index(folder, shards, {image.as_posix() for image in images})
    forget()
    return report


# The tree -----------------------------------------------------------------------------------------------------------


def _copy_tree(source: Path, target: Path, report: Report) -> list[Path]:
    """Make the folders and copy all but images and archives; the images' paths, in order, relative to ``source``."""
    images = []
    for folder, inner, files in os.walk(source, followlinks=True):
        inner.sort()
        here = Path(folder).relative_to(source)
        (target / here).mkdir(parents=True, exist_ok=True)
        for file in sorted(files):
            suffix = os.path.splitext(file)[1].lower()
            if suffix in IMAGE_SUFFIXES and not file.startswith("."):
                images.append(here / file)
            elif suffix in _ARCHIVES:
                report.left_out.append(str(here / file))
            else:
                _copy(source / here / file, target / here / file)
    return images


def _copy(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


# The images ---------------------------------------------------------------------------------------------------------


class _File(NamedTuple):
    name: str
    data: bytes
    modified: int


def _tiled(source: Path, images: Iterable[Path], jobs: int, report: Report) -> Iterator[_File]:
    """The images in order, tiled where that can be done, by several processes some files ahead."""
    own = local()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(jobs))

        def one(image: Path) -> tuple[_File, int, str | None]:
            path = source / image
            if not hasattr(own, "remuxer"):
                own.remuxer = Remuxer()
                stack.callback(own.remuxer.close)
            made = own.remuxer.tile(str(path)) if path.suffix.lower() in _JPEG else "not a JPEG"
            data = path.read_bytes() if isinstance(made, str) else made
            status = path.stat()
            reason = made if isinstance(made, str) else None
            return _File(image.as_posix(), data, int(status.st_mtime)), status.st_size, reason

        waiting: deque[Future[tuple[_File, int, str | None]]] = deque()
        ahead = iter(images)
        while True:
            while len(waiting) < 4 * jobs and (image := next(ahead, None)) is not None:
                waiting.append(pool.submit(one, image))
            if not waiting:
                return
            file, before, reason = waiting.popleft().result()
            report.bytes_in, report.bytes_out = report.bytes_in + before, report.bytes_out + len(file.data)
            if reason is None:
                report.tiled += 1
            else:
                report.kept[reason] += 1
            yield file


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# Shards -------------------------------------------------------------------------------------------------------------


def _write_shard(path: Path, files: Iterator[_File], size: int) -> list[str]:
    """Write files until a shard is full; the names of those in it, none if there was nothing left."""
    file = next(files, None)
    if file is None:
        return []
    names = []
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT) as shard:
        while file is not None:
            member = tarfile.TarInfo(file.name)
            member.size, member.mtime = len(file.data), file.modified
            shard.addfile(member, io.BytesIO(file.data))
            names.append(file.name)
            file = next(files, None) if shard.offset < size else None
    return names


def _members(path: Path) -> list[str]:
    return [name for name, _ in _locations(path, 0)]


def _locations(path: Path, number: int) -> Iterator[tuple[str, Location]]:
    """Where each file of a shard lies.

    Raises:
        DataError: the shard is no whole tar archive.
    """
    try:
        with tarfile.open(path, "r:") as shard:
            for member in shard:
                yield member.name, Location(number, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise DataError(
            f"{path}: the shard is damaged ({error}); delete it, and its images are packed again."
        ) from error


def _index(folder: Path, paths: Iterable[Path], wanted: set[str]) -> None:
    shards, files = [], []
    for number, path in enumerate(sorted(paths)):
        shards.append(Shard(path.name, path.stat().st_size))
        files += [(name, place) for name, place in _locations(path, number) if name in wanted]
    write_index(folder, shards, files)
