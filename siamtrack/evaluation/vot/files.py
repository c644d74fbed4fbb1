"""Text files of VOT runs: a row per frame with one, four, or six and more numbers, and the values beside them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from siamtrack.evaluation.results import ResultError
from siamtrack.evaluation.vot.regions import FAILURE, LARGEST, Array, Regions
from siamtrack.files import write_text

_SEPARATORS = str.maketrans(",;\t", "   ")
_ROW = "1 (initialisation), 2 (failure), 0 (skipped), x,y,w,h, or the corners of a polygon"


def read_run(path: str | os.PathLike[str]) -> Regions:
    """The rows of a run.

    Raises:
        ResultError: no such file, no text, no rows; a row that is none of a run's, or holds NaN, infinity, a number no
            frame reaches, an unknown code, or a mask.
    """
    return parse_run(_text(path), str(path))


def parse_run(text: str, source: str) -> Regions:
    """As :func:`read_run`, from the text of a file; ``source`` is its name in sentences."""
    lines = text.rstrip().translate(_SEPARATORS).splitlines()
    if not lines:
        raise ResultError(f"{source}: the file is empty; one row per frame expected.")
    rows = [line.split() for line in lines]
    try:
        numbers = [[_number(field) for field in row] for row in rows]
        regions = Regions.of(numbers)
    except ValueError:
        raise ResultError(_complaint(rows, source)) from None
    # Regions takes NaN for an absent target, which only the truth can say
    wrong = np.array([any(math.isnan(value) for value in row) for row in numbers])
    wrong |= (~np.isfinite(regions.values) | (np.abs(regions.values) > LARGEST)).any(1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ResultError(f"{source}, row {row + 1}: {' '.join(rows[row])[:60]!r} has a number that is no coordinate.")
    unknown = regions.special & ~np.isin(regions.values[:, 0], range(FAILURE + 1))
    if unknown.any():
        row = int(unknown.argmax())
        raise ResultError(f"{source}, row {row + 1}: {rows[row][0][:60]!r} is no code; a row is {_ROW}.")
    return regions


def read_values(path: str | os.PathLike[str], rows: int) -> Array:
    """``[rows]`` numbers that a run has beside its rows, such as confidences; NaN for empty lines.

    The official toolkit leaves the line of the initialisation empty; where it is missing altogether, the first value is
    NaN.

    Raises:
        ResultError: no such file, another number of lines, or a line that is no number.
    """
    lines = _text(path).splitlines()
    while len(lines) > rows and not lines[-1].strip():
        lines.pop()
    if len(lines) == rows - 1:
        lines.insert(0, "")
    if len(lines) != rows:
        raise ResultError(f"{path}: {len(lines)} values for {rows} rows of the run; one per row is right.")
    values = np.full(rows, np.nan)
    for i, line in enumerate(lines):
        if line.strip():
            try:
                values[i] = _number(line.strip())
            except ValueError:
                raise ResultError(f"{path}, line {i + 1}: {line.strip()[:60]!r} is not a number.") from None
    return values


def write_run(path: str | os.PathLike[str], rows: Iterable[Sequence[float]]) -> None:
    """Write a run, codes as whole numbers and regions with four decimals; the file appears whole or not at all.

    Raises:
        ResultError: a row that :func:`read_run` would refuse.
    """
    lines = [f"{row[0]:g}" if len(row) == 1 else ",".join(f"{value:.4f}" for value in row) for row in rows]
    parse_run("\n".join(lines), str(path))
    _write_lines(path, lines)


def write_values(path: str | os.PathLike[str], values: Iterable[float]) -> None:
    """Write one number per row of a run, NaN as an empty line; the file appears whole or not at all."""
    _write_lines(path, ["" if np.isnan(value) else f"{value:.6f}" for value in values])


def _write_lines(path: str | os.PathLike[str], lines: Sequence[str]) -> None:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_text(target, "".join(f"{line}\n" for line in lines))


def _text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ResultError(f"{path}: not a text file; a row is {_ROW}.") from None
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); a text file of VOT is expected.") from None


def _number(field: str) -> float:
    if "_" in field:  # which Python would read as a number
        raise ValueError(field)
    return float(field)


def _complaint(rows: Sequence[Sequence[str]], source: str) -> str:
    """What is wrong with the first row that is."""
    for number, row in enumerate(rows, 1):
        where, shown = f"{source}, row {number}", " ".join(row)[:60]
        if not row:
            return f"{where}: the line is empty; a row is {_ROW}."
        if row[0].startswith("m"):
            return f"{where}: holds a mask (VOT 2020 and later); boxes and polygons are scored."
        try:
            [_number(field) for field in row]
        except ValueError:
            return f"{where}: {shown!r} is not numbers separated by comma, tab or blank; a row is {_ROW}."
        if len(row) not in (1, 4) and (len(row) < 6 or len(row) % 2):
            return f"{where}: {len(row)} numbers; a row is {_ROW}."
    return f"{source}: not rows of a VOT run; a row is {_ROW}."
