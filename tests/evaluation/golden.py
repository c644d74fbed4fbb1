"""The table of published scores: what raw results at hand should give, and what they gave.

The rows of VOT's challenges are compared in ``test_golden_vot.py``, all others in ``test_golden.py``.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import re
from pathlib import Path
from typing import Any

from tests.external import FOLDERS

Row = dict[str, str]
_NAMES = ("tracker", "benchmark", "protocol", "metric")
REPORT: list[dict[str, Any]] = []  # of this process


def folder() -> Path:
    """Where the table and its archives lie."""
    return Path(os.environ.get("SIAMTRACK_GOLDEN") or FOLDERS["GOLDEN"])


@functools.cache
def table() -> tuple[Row, ...]:
    """All rows of the table; none where it is missing."""
    file = folder() / "EXPECTED.tsv"
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines, delimiter="\t"))


def is_one_pass(row: Row) -> bool:
    """Whether a row is scored by one-pass evaluation, which is what all benchmarks but VOT's have."""
    return not key(row["benchmark"]).startswith("vot")


def name(row: Row) -> str:
    """The identifier of a row among the tests."""
    return "-".join(row[column] for column in _NAMES) if row else "missing"


def compare(row: Row, ours: float) -> bool:
    """Keep a row for the report; whether ours is the expected value within its tolerance.

    A tolerance below the last printed digit cannot be asked of the printed value.
    """
    printed = 0.5 * 10.0 ** -len(row["value"].partition(".")[2])
    expected, tolerance = float(row["value"]), max(float(row["tolerance"]), printed)
    agrees = bool(abs(ours - expected) <= tolerance)
    named = {column: row[column] for column in _NAMES}
    numbers = {"expected": expected, "ours": ours, "difference": ours - expected, "tolerance": tolerance}
    published = {"published": row.get("published", ""), "where": row.get("published_where", "")}
    REPORT.append({**named, **numbers, "passed": agrees, **published})
    return agrees


def write_report(path: str) -> None:
    """The rows compared so far, in the order of the table, as a JSON list."""
    order = {name(row): i for i, row in enumerate(table())}
    rows = sorted(REPORT, key=lambda row: order.get(name(row), len(order)))
    Path(path).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def key(text: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", text.lower())
