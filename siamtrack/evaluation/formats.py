"""Text files of boxes and times: what is found in the wild is read, one format is written.

Read: one row per frame; comma, semicolon, tab, blank or a mixture between the numbers; any line ending. Written:
``x,y,w,h`` with four decimals, and one time in seconds per row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.digits import parse_tables
from siamtrack.evaluation.results import Array, ResultError

_SEPARATORS = str.maketrans(",;\t", "   ")
_EMPTY_FIELD = re.compile(r"[,;][ \t]*[,;]|^[ \t]*[,;]", re.MULTILINE)


def read_boxes(path: str | os.PathLike[str], allow_nan: bool = False) -> Array:
    """Boxes of a result file: ``[F, 4]`` x, y, w, h as they stand there.

    Args:
        path: the file.
        allow_nan: annotation files mark absent targets by NaN; results should have none.

    Raises:
        ResultError: no such file, no text, no rows, other than four numbers a row, NaN or infinity.
    """
    return parse_many([read_bytes(path)], [str(path)], allow_nan)[0]


def parse_many(contents: Sequence[bytes], sources: Sequence[str], allow_nan: bool = False) -> list[Array]:
    """As :func:`read_boxes`, from the contents of several files, of which ``sources`` are the names in sentences."""
    boxes = []
    for table, content, source in zip(parse_tables(contents), contents, sources, strict=True):
        if table is None or table.shape[1] != 4:
            table = parse_boxes(_decoded(content, source), source, allow_nan)
        boxes.append(table)
    return boxes


def parse_boxes(text: str, source: str, allow_nan: bool = False) -> Array:
    """As :func:`read_boxes`, from the text of a file; ``source`` is its name in sentences."""
    table = _table(text, source)
    columns = table.shape[1]
    if columns != 4:
        raise ResultError(f"{source}: {_COLUMNS.get(columns, f'{columns} numbers a row')}; boxes x, y, w, h expected.")
    return _finite(table, source, allow_nan)


def read_times(path: str | os.PathLike[str]) -> Array:
    """Seconds per frame: ``[F]``, or ``[F, runs]`` where got10k recorded several runs side by side.

    NaN and zeros mark frames without a time. Raises ``ResultError`` as :func:`read_boxes`.
    """
    return parse_times(read_bytes(path), str(path))


def parse_times(content: bytes, source: str) -> Array:
    """As :func:`read_times`, from the content of a file."""
    (table,) = parse_tables([content])
    if table is None:
        table = _finite(_table(_decoded(content, source), source), source, allow_nan=True)
    return table[:, 0] if table.shape[1] == 1 else table


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, in one go; raises ``ResultError`` if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(file).st_size
            content = os.read(file, size + 1)
            while len(content) != size and (more := os.read(file, 1 << 20)):  # a pipe, or a file that grew
                content += more
        finally:
            os.close(file)
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); a text file of x,y,w,h expected.") from None
    return content


def write_boxes(path: str | os.PathLike[str], boxes: Array) -> None:
    """Write ``[F, 4]`` x, y, w, h, one row per frame; the file appears whole or not at all.

    Raises:
        ResultError: not ``[F, 4]``, or a number that is not finite, with its frame.
    """
    rows = np.asarray(boxes, np.float64)
    if rows.ndim != 2 or rows.shape[1] != 4:
        raise ResultError(f"{path}: boxes to write should be [frames, 4], these are {list(rows.shape)}.")
    _write(path, _finite(rows, str(path), allow_nan=False), "%.4f,%.4f,%.4f,%.4f\n")


def write_times(path: str | os.PathLike[str], seconds: Array) -> None:
    """Write ``[F]`` seconds, one per row; the file appears whole or not at all."""
    _write(path, np.asarray(seconds, np.float64).reshape(-1, 1), "%.6f\n")


def _write(path: str | os.PathLike[str], rows: Array, form: str) -> None:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.write_text(form * len(rows) % tuple(rows.ravel().tolist()), encoding="ascii", newline="\n")
    os.replace(partial, target)


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ResultError(f"{source}: not a text file; rows of x,y,w,h expected.") from None


def _table(text: str, source: str) -> Array:
    """``[rows, columns]`` of the numbers in a text; blank lines do not count."""
    lines = [line for line in text.translate(_SEPARATORS).splitlines() if line and not line.isspace()]
    if not lines:
        raise ResultError(f"{source}: the file is empty; one row per frame expected.")
    if _EMPTY_FIELD.search(text) is None:
        try:
            return np.loadtxt(lines, np.float64, comments=None, ndmin=2)
        except (ValueError, OverflowError):
            pass
    raise ResultError(_complaint(text, source))


def _complaint(text: str, source: str) -> str:
    """What is wrong with the first line that is."""
    first: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        shown = line.strip()[:60]
        if not shown:
            continue
        if _EMPTY_FIELD.search(line):
            return f"{source}, line {number}: a number is missing between two separators: {shown!r}."
        fields = line.translate(_SEPARATORS).split()
        if not all(map(_is_number, fields)):
            return f"{source}, line {number}: {shown!r} is not numbers separated by comma, tab or blank."
        if first is None:
            first = len(fields)
        if len(fields) != first:
            hint = " Rows of one number mark restarts in VOT's reset-based runs." if 1 in (first, len(fields)) else ""
            return f"{source}, line {number}: {len(fields)} numbers, the rows before have {first}.{hint}"
    return f"{source}: not rows of numbers separated by comma, tab or blank."


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field


def _finite(table: Array, source: str, allow_nan: bool) -> Array:
    bad: NDArray[np.bool_] = np.isinf(table) if allow_nan else ~np.isfinite(table)
    if bad.any():
        row = int(bad.any(1).argmax())
        value = table[row][bad[row]][0]
        raise ResultError(f"{source}, row {row + 1}: {value} is no coordinate; finite numbers expected.")
    return table


_COLUMNS = {
    1: "one number a row (restart marks, or confidences)",
    8: "eight numbers a row, polygons",
    2: "two numbers a row, points or a decimal comma",
}
