"""One row per compared output of every recorded case, and the word on cases that nobody compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.external import FOLDERS

ROWS: list[dict[str, Any]] = []  # of this process


def add(system: str, case: str, output: str, error: float, tolerance: float, note: str) -> None:
    """Keep a row."""
    ROWS.append(
        {
            "system": system, "case": case, "output": output, "error": float(error), "tolerance": float(tolerance),
            "passed": bool(error <= tolerance), "note": note,
        }
    )  # fmt: skip


def write(path: str) -> None:
    """All rows as a JSON list."""
    rows = sorted(ROWS, key=lambda row: (row["system"], row["case"], row["output"]))
    Path(path).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def recorded() -> set[tuple[str, str]]:
    """(system, case) of every committed recording."""
    files = FOLDERS["PARITY"].glob("*.json")
    return {(path.stem, case) for path in files for case in json.loads(path.read_text())["cases"]}


def missing() -> list[str]:
    """The recorded cases without a row."""
    seen = {(row["system"], row["case"]) for row in ROWS}
    return sorted(f"{system} {case}" for system, case in recorded() - seen)


def summary() -> str:
    """``parity: 321 of 321 cases of 15 systems compared, 2345 outputs``."""
    every = recorded()
    compared = every - {tuple(name.split(" ", 1)) for name in missing()}
    systems = len({system for system, _ in every})
    return f"parity: {len(compared)} of {len(every)} cases of {systems} systems compared, {len(ROWS)} outputs"
