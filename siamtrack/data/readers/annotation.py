"""Text files of benchmarks: boxes in any separator, lists, flags; and the frame files of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from pathlib import Path

import numpy as np

from siamtrack.boxes import cxcywh_to_xywh, quadrilateral_to_cxcywh, xyxy_to_xywh
from siamtrack.data.packed import file_names
from siamtrack.data.sequence import DataError, ImageFrames, NumberedPaths

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
Box = tuple[float, float, float, float]
_DIGITS = re.compile(r"(\d+)")
_SEPARATORS = str.maketrans(",\t", "  ")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key with numbers by value: ``img2`` before ``img10``."""
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in _DIGITS.split(name) if part)


# Text ---------------------------------------------------------------------------------------------------------------


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """A text file without byte-order mark.

    Args:
        path: the file.
        what: what it should be, for the sentence (``the list of sequences, one name a line``).

    Raises:
        DataError: it is missing, unreadable or empty.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not text; expected is {what}.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); expected is {what}.") from None
    if not text.strip():
        raise DataError(f"{path}: is empty; expected is {what}.")
    return text


def read_list(path: str | os.PathLike[str]) -> list[str]:
    """Sequence names, one a line; blank lines do not count.

    Raises:
        DataError: the file is missing or empty.
    """
    text = read_text(path, "the list of sequences, one name a line")
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_rows(path: str | os.PathLike[str], columns: SequenceOf[int] = (4,)) -> np.ndarray:
    """Numbers separated by commas, tabs or blanks, mixed or not, in lines that end in LF or CRLF.

    Args:
        path: the file.
        columns: how many numbers a line may hold; the same in all lines.

    Returns:
        ``[lines, columns]`` float64; blank lines at the end do not count, NaN is a number.

    Raises:
        DataError: a line holds something else; the sentence names it.
    """
    wanted = f"{' or '.join(map(str, columns))} numbers a line, separated by commas, tabs or blanks"
    text = read_text(path, wanted).translate(_SEPARATORS).rstrip()
    if not text:
        raise DataError(f"{path}: holds separators and no number; expected is {wanted}.")
    regular = _parse(text)
    if regular is not None and regular.shape[1] in columns:
        return regular
    rows = [line.split() for line in text.splitlines()]  # slowly, to find the line that is wrong
    width = len(rows[0]) if len(rows[0]) in columns else columns[0]
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataError(
                f"{path}, line {number}: {' '.join(row)[:60]!r} is not {width} numbers; expected is {wanted}."
            )
    try:
        return np.asarray(rows, dtype=np.float64)
    except ValueError:
        number = next(n for n, row in enumerate(rows, 1) if not all(map(_is_number, row)))
        raise DataError(
            f"{path}, line {number}: {' '.join(rows[number - 1])[:60]!r} are not numbers; expected is {wanted}."
        ) from None


def read_regions(path: str | os.PathLike[str], box_format: str = "xywh") -> tuple[np.ndarray, np.ndarray | None]:
    """Boxes or quadrilaterals, as VOT and many home-made files have them.

    Args:
        path: a file with 4 or with 8 numbers a line.
        box_format: what 4 numbers mean, ``xywh`` or ``xyxy``.

    Returns:
        ``boxes [F, 4]`` xywh and ``polygons [F, 8]``, ``None`` for 4 numbers. The box of a polygon is the upright one
        of :func:`siamtrack.boxes.quadrilateral_to_cxcywh`.

    Raises:
        DataError: a line holds something else.
    """
    rows = read_rows(path, (4, 8))
    if rows.shape[1] == 8:
        return polygons_to_boxes(rows), rows
    return (xyxy_to_xywh(rows) if box_format == "xyxy" else rows), None


def polygons_to_boxes(polygons: np.ndarray) -> np.ndarray:
    """``[F, 8]`` corners -> ``[F, 4]`` xywh with which a tracker starts; NaN for a polygon without extent."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        boxes: np.ndarray = cxcywh_to_xywh(quadrilateral_to_cxcywh(polygons))
    return boxes


def boxes_or_first(
    annotation: Path | None, init: Box | None, box_format: str, where: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Boxes and polygons of a file (:func:`read_regions`), or the one box that the user gave instead.

    Raises:
        DataError: there is neither, or the user's box has no extent.
    """
    if init is None:
        if annotation is None:
            raise DataError(
                f"{where}: has neither ground truth beside it nor a first box; give the first box as x, y, w, h "
                "(init in Python, --init of siamtrack demo)."
            )
        return read_regions(annotation, box_format)
    boxes = np.array([init], np.float64)
    if not (np.isfinite(boxes).all() and (boxes[0, 2:] > 0).all()):
        raise DataError(f"{where}: the first box {init} has no area; give x, y, w, h with w and h above 0.")
    return boxes, None


def first_only(boxes: np.ndarray, frames: int) -> np.ndarray:
    """The first box, then NaN: nothing is known of the other frames."""
    return np.concatenate([boxes[:1], np.full((frames - 1, 4), np.nan)])


def visibility(boxes: np.ndarray) -> np.ndarray | None:
    """``[F]`` bool, False for rows with NaN, by which benchmarks mark a hidden target; ``None`` if there are none."""
    absent = np.isnan(boxes).any(1)
    return ~absent if absent.any() else None


def read_flags(path: str | os.PathLike[str]) -> np.ndarray | None:
    """Integers in any arrangement (one a line, or one line with commas); ``None`` if there is no such file.

    Raises:
        DataError: it holds something else.
    """
    if not os.path.isfile(path):
        return None
    what = "whole numbers, one per frame"
    try:
        return np.array(read_text(path, what).translate(_SEPARATORS).split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise DataError(f"{path}: holds something that is no whole number; expected is {what}.") from None


def read_attributes(path: str | os.PathLike[str], attributes: SequenceOf[str]) -> tuple[str, ...]:
    """The attributes that a sequence has, by a flag for each; none if there is no such file.

    Args:
        path: the file, such as ``att/<sequence>.txt``.
        attributes: names, in the order of the flags.

    Raises:
        DataError: it holds something else than one flag for each.
    """
    flags = read_flags(path)
    if flags is None:
        return ()
    if len(flags) != len(attributes):
        raise DataError(f"{path}: has {len(flags)} flags; one for each of {', '.join(attributes)} is right.")
    return tuple(attribute for attribute, flag in zip(attributes, flags, strict=True) if flag)


def _parse(text: str) -> np.ndarray | None:
    """``[lines, n]`` float64 of a text that holds n numbers in every line; ``None`` if it is anything else."""
    data = np.frombuffer(text.encode(), np.uint8)
    blank = data <= 32
    begins = np.diff(blank.astype(np.int8), prepend=1) < 0  # the first byte of every word
    ends = np.append(np.flatnonzero(data == 10), len(data) - 1)
    words = np.diff(np.cumsum(begins)[ends], prepend=0)
    if (words != words[0]).any():
        return None
    try:
        numbers = np.fromstring(text, np.float64, sep=" ")
    except (ValueError, DeprecationWarning):  # a word that is no number, in newer and in older NumPy
        return None
    return numbers.reshape(-1, words[0]) if len(numbers) == words.sum() else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# Files --------------------------------------------------------------------------------------------------------------


def folders_in(folder: Path) -> list[str]:
    """Names of the folders in a folder, in natural order, hidden ones left out."""
    with os.scandir(folder) as entries:
        return sorted((e.name for e in entries if e.is_dir() and not e.name.startswith(".")), key=natural_key)


def image_names(folder: str | os.PathLike[str]) -> list[str]:
    """Names of the image files in a folder, in natural order; none if there is no such folder."""
    if not os.path.isdir(folder):
        return []
    return sorted(
        (n for n in file_names(folder) if n.lower().endswith(IMAGE_SUFFIXES) and not n.startswith(".")), key=natural_key
    )


def frame_number(name: str) -> int:
    """The last number in a file name, -1 if there is none."""
    digits: list[str] = _DIGITS.findall(os.path.splitext(name)[0])
    return int(digits[-1]) if digits else -1


def image_frames(folder: str | os.PathLike[str], names: Iterable[str]) -> ImageFrames:
    """Frames of files in a folder; as a numbered pattern, without an object per frame, where the names follow one."""
    names = list(names)
    if names:
        stem, suffix = os.path.splitext(names[0])
        head, digits = re.fullmatch(r"(.*?)(\d*)", stem, re.DOTALL).groups()  # type: ignore[union-attr]
        pattern = f"{head.replace('%', '%%')}%0{len(digits)}d{suffix.replace('%', '%%')}"
        if digits and all(pattern % number == name for number, name in enumerate(names, int(digits))):
            return ImageFrames(NumberedPaths(folder, pattern, int(digits), len(names)))
    return ImageFrames([os.path.join(folder, name) for name in names])


def numbered_frames(folder: Path, pattern: str, count: int, first: int = 1) -> ImageFrames:
    """``count`` frames by the data set's pattern, unseen if the ``first`` is there; else what is there.

    One look instead of a listing, so that ten thousand sequences open fast; whether all frames exist is for
    ``siamtrack data check`` to say.

    Raises:
        DataError: the files are named otherwise and are not ``count``.
    """
    if os.path.isfile(os.path.join(folder, pattern % first)):
        return ImageFrames(NumberedPaths(folder, pattern, first, count))
    names = image_names(folder)
    if len(names) != count:
        raise DataError(
            f"{folder}: holds {len(names)} images for {count} annotated frames, and none is called {pattern % first}; "
            f"expected is one file per frame, {pattern}, counted from {first}."
        )
    return image_frames(folder, names)
