"""Folders with material that is not part of the repository: found, skipped with a reason, or insisted on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
FOLDERS = {
    "PARITY": ROOT / "tests" / "fixtures" / "parity",  # our own numbers, committed: a fresh clone tests itself
    "ORACLE": ROOT / "tests" / "fixtures" / "oracle",
    "GOLDEN": SHARED / "golden",
    "SEQUENCES": SHARED / "data" / "sequences",
    "IMAGES": SHARED / "data" / "images",
    "WEIGHTS": SHARED / "data" / "weights",
    "NANOTRACK": SHARED / "data" / "nanotrack",
}


def external(name: str) -> Path:
    """The folder behind ``SIAMTRACK_<name>``.

    Where it is missing the running test is skipped with the reason; with ``SIAMTRACK_STRICT=1`` it fails.
    """
    variable = f"SIAMTRACK_{name}"
    folder = Path(os.environ.get(variable) or FOLDERS[name])
    if folder.is_dir():
        return folder
    reason = f"{variable} names no folder ({folder}): give it the folder with this material"
    if os.environ.get("SIAMTRACK_STRICT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
