"""A look over a data set before anything runs: what is missing, unreadable, of the wrong length or without area."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from siamtrack.boxes import clip_xyxy, xywh_to_xyxy
from siamtrack.data.packed import file_names
from siamtrack.data.readers import datasets, open_dataset, resolve
from siamtrack.data.readers.annotation import image_names
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import DataError, ImageFrames, Sequence, VideoFrames, read_image


@dataclass(frozen=True)
class Finding:
    """Something about one sequence (or the data set as a whole: empty ``sequence``).

    Attributes:
        sequence: its name.
        problem: True where training or testing would stumble, False for what is merely worth knowing.
        text: what and where.
    """

    sequence: str
    problem: bool
    text: str


@dataclass
class Report:
    """What :func:`check` found; ``str`` prints it as plain text.

    Attributes:
        name: the data set.
        root: its folder, as given where it was not found.
        layout: the expected layout.
        sequences: how many were looked at.
        frames: how many of their frames were read without fault.
        missing: sequences of the official list that are not on disk.
        findings: in the order of the sequences.
    """

    name: str
    root: str
    layout: str
    sequences: int = 0
    frames: int = 0
    missing: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is no problem; sequences that are merely not there are none."""
        return not any(finding.problem for finding in self.findings)

    def text(self, limit: int = 20) -> str:
        """The report in plain text.

        Args:
            limit: how many problems and how many notes are printed; the others are counted.
        """
        lines = [f"data set {self.name} in {self.root or '(no folder given)'}", "expected layout:"]
        lines += [f"    {line}" for line in self.layout.splitlines()]
        lines.append(f"looked at: {_count(self.sequences, 'sequence')}, {_count(self.frames, 'sound frame')}")
        if self.missing:
            more = f", ... and {len(self.missing) - limit} more" if len(self.missing) > limit else ""
            lines.append(
                f"not there, of the official list: {len(self.missing)}: {', '.join(self.missing[:limit])}{more}"
            )
        for problem, what in ((True, "problem"), (False, "note")):
            found = [f for f in self.findings if f.problem == problem]
            lines += [f"{what}: {f.sequence}: {f.text}" if f.sequence else f"{what}: {f.text}" for f in found[:limit]]
            if len(found) > limit:
                lines.append(f"... and {_count(len(found) - limit, f'more {what}')}")
        problems = sum(f.problem for f in self.findings)
        order = "what is there is in order" if self.missing else "everything is in order"
        lines.append(f"{_count(problems, 'problem')} to repair" if problems else order)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


def check(
    name: str,
    root: str | os.PathLike[str] | None = None,
    *,
    sequences: Iterable[str] | None = None,
    sample: int | None = None,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
    **options: Any,
) -> Report:
    """Read a data set through and report. Bad data is reported, never raised.

    Args:
        name: as for :func:`siamtrack.data.readers.open_dataset`.
        root: likewise.
        sequences: names to look at; ``None`` for all.
        sample: at most so many frames per sequence are decoded, evenly spread; ``None`` for all. Whether files exist
            is seen for all of them in any case.
        progress: wraps the iteration over names, such as ``tqdm``.
        options: of the reader.

    Raises:
        ConfigError: no such data set or option.
    """
    try:
        dataset = open_dataset(name, root, sequences, **options)
        names: Iterable[str] = dataset.names
    except (DataError, OSError) as error:
        layout = datasets.get(resolve(name)[0]).layout  # shown once, not again inside the sentence
        sentence = str(error).replace(f"; expected is\n{layout}", ".")
        where = os.fspath(root or os.environ.get("SIAMTRACK_DATA", ""))
        return Report(name, where, layout, findings=[Finding("", True, sentence)])
    report = Report(name, str(dataset.root), dataset.layout, missing=dataset.missing)
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        inspector = _Inspector(report, pool, sample)
        for sequence in progress(names):
            report.sequences += 1
            inspector.inspect(dataset, sequence)
    return report


class _Inspector:
    """Looks at one sequence after the other and writes into the report."""

    def __init__(self, report: Report, pool: ThreadPoolExecutor, sample: int | None) -> None:
        self._report = report
        self._pool = pool
        self._sample = sample
        self._listing = functools.lru_cache(maxsize=4)(_listing)
        self._size = functools.lru_cache(maxsize=200_000)(_size)  # several boxes of one image: decode it once

    def inspect(self, dataset: DataSet, name: str) -> None:
        try:
            sequence = dataset[name]
            size = self._frames(sequence)
            self._boxes(sequence, size)
        except (DataError, OSError) as error:
            self._problem(name, str(error))
        except Exception as error:  # a reader met something that nobody thought of: report it and go on
            self._problem(name, f"{type(error).__name__}: {error}")

    def _problem(self, name: str, text: str) -> None:
        self._report.findings.append(Finding(name, True, text))

    def _note(self, name: str, text: str) -> None:
        self._report.findings.append(Finding(name, False, text))

    def _frames(self, sequence: Sequence) -> tuple[int, int] | None:
        """Decode frames; width and height of the first one that can be read."""
        frames = sequence.frames
        if not len(sequence):
            self._problem(sequence.name, "has no frame.")
        results = self._video(sequence, frames) if isinstance(frames, VideoFrames) else self._images(sequence, frames)
        sizes: list[tuple[int, int]] = []
        errors = []
        for result in results:
            if isinstance(result, str):
                errors.append(result)
            else:
                sizes.append(result)
        self._report.frames += len(sizes)
        for text in errors[:3]:
            self._problem(sequence.name, text)
        if len(errors) > 3:
            self._problem(sequence.name, f"{len(errors) - 3} more frames cannot be read.")
        if len(set(sizes)) > 1:
            self._note(sequence.name, f"frames differ in size: {', '.join(f'{w}x{h}' for w, h in sorted(set(sizes)))}.")
        return sizes[0] if sizes else None

    def _images(self, sequence: Sequence, frames: Any) -> Iterator[tuple[int, int] | str]:
        if not isinstance(frames, ImageFrames):
            return (_size_of(functools.partial(frames.__getitem__, i)) for i in _spread(len(frames), self._sample))
        paths = [frames.path(i) for i in range(len(frames))]
        missing = [p for p in paths if os.path.basename(p) not in self._listing(os.path.dirname(p))]
        for path in missing[:3]:
            self._problem(sequence.name, f"{path}: the frame is missing.")
        if len(missing) > 3:
            self._problem(sequence.name, f"{len(missing)} of {len(paths)} frames are missing.")
        folders = {os.path.dirname(path) for path in paths}
        if len(folders) == 1 and sequence.group == sequence.name:
            spare = len(image_names(next(iter(folders)))) - (len(paths) - len(missing))
            if spare:
                self._note(sequence.name, f"{_count(spare, 'image')} without annotation, not used.")
        absent = set(missing)
        there = [p for p in paths if p not in absent]
        return self._pool.map(self._size, [there[i] for i in _spread(len(there), self._sample)])

    def _video(self, sequence: Sequence, frames: VideoFrames) -> Iterator[tuple[int, int] | str]:
        """All frames of a video, for they are to be counted, and shapes cost little more."""
        count = 0
        try:
            for frame in VideoFrames(frames.file):
                count += 1
                yield frame.shape[1], frame.shape[0]
        except DataError as error:
            yield str(error)
        if count and count != len(sequence):
            self._problem(
                sequence.name, f"{frames.file}: has {_count(count, 'frame')} for {_count(len(sequence), 'box')}."
            )

    def _boxes(self, sequence: Sequence, size: tuple[int, int] | None) -> None:
        boxes = sequence.boxes
        shown = np.ones(len(boxes), bool) if sequence.visible is None else sequence.visible
        unknown = np.isnan(boxes).any(1)
        empty = ~unknown & (boxes[:, 2:] <= 0).any(1)
        outside = partly = np.zeros(len(boxes), bool)
        if size is not None:
            corners = xywh_to_xyxy(boxes)
            inside = clip_xyxy(corners, *size)
            outside = ~unknown & ~empty & (inside[:, 2:] <= inside[:, :2]).any(1)
            partly = ~unknown & ~empty & ~outside & (inside != corners).any(1)
        if len(boxes) and (unknown | empty | outside)[0]:
            self._problem(sequence.name, f"the first box {boxes[0].tolist()} is no start for a tracker.")
        if len(boxes) > 1 and unknown[1:].all():
            self._note(sequence.name, "only the first box is known.")
        elif unknown.any():
            self._note(sequence.name, f"boxes are NaN {_where(unknown)}.")
        if (empty & shown).any():
            self._problem(sequence.name, f"boxes have no area although the target is there {_where(empty & shown)}.")
        if (empty & ~shown).any():
            self._note(sequence.name, f"boxes have no area and the target is absent {_where(empty & ~shown)}.")
        if outside.any():
            self._note(sequence.name, f"boxes lie outside the frame {_where(outside)}.")
        if partly.any():
            self._note(sequence.name, f"boxes cross the border of the frame {_where(partly)}.")


def _listing(folder: str) -> frozenset[str]:
    return frozenset(file_names(folder)) if os.path.isdir(folder) else frozenset()


def _size(path: str) -> tuple[int, int] | str:
    return _size_of(lambda: read_image(path))


def _size_of(decode: Callable[[], np.ndarray]) -> tuple[int, int] | str:
    """Width and height of a frame, or the sentence for why it cannot be read."""
    try:
        frame = decode()
    except DataError as error:
        return str(error)
    return frame.shape[1], frame.shape[0]


def _spread(count: int, sample: int | None) -> list[int]:
    """Indices of at most ``sample`` of ``count`` frames, first and last among them."""
    if sample is None or sample >= count:
        return list(range(count))
    return sorted(set(np.linspace(0, count - 1, max(sample, 1)).round().astype(int).tolist()))


def _where(flags: np.ndarray) -> str:
    """``in 3 frames (counted from 0): 4, 5, 9``."""
    index = np.flatnonzero(flags)
    listed = ", ".join(map(str, index[:8])) + (", ..." if len(index) > 8 else "")
    return f"in {_count(len(index), 'frame')} (counted from 0): {listed}"


def _count(number: int, what: str) -> str:
    plural = {"box": "boxes"}.get(what, f"{what}s")
    return f"{number} {what if number == 1 else plural}"
