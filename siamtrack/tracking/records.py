"""``meta.json`` beside a tracker's results: what produced them, and whether one may go on with them."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import siamtrack
from siamtrack.evaluation.folders import META
from siamtrack.files import write_text


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be tracked, and the sentence that says why."""

    sequence: str
    reason: str


def claim(folder: Path, given: Mapping[str, Any]) -> None:
    """Refuse to mix the results of two checkpoints, or of two settings, under one name.

    Raises:
        ValueError: the folder holds results that were made from something else.
    """
    path = folder / META
    if not path.is_file():
        return
    before = json.loads(path.read_text(encoding="utf-8")).get("given", {})
    differing = sorted(key for key in {*before, *given} if before.get(key) != given.get(key))
    if differing:
        raise ValueError(
            f"{folder}: holds results of another run ({', '.join(differing)} differ: {before.get(differing[0])!r} "
            f"there, {given.get(differing[0])!r} now). Give the tracker another --name, or another --output."
        )


def write_meta(
    folder: Path,
    tracker: str,
    benchmark: str,
    given: Mapping[str, Any],
    failures: Sequence[Failure] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write ``meta.json``.

    Args:
        folder: the tracker's results on the benchmark.
        tracker: its name.
        benchmark: its name.
        given: what the results depend on.
        failures: sequences without a result.
        notes: what every table of these results has to say.
    """
    facts = {
        "tracker": tracker,
        "benchmark": benchmark,
        "box": "x,y,w,h in the numbers of the benchmark's files; row 0 is the start box",
        **versions(),
        "given": dict(given),
        "failures": {failure.sequence: failure.reason for failure in failures},
        **({"notes": list(notes)} if notes else {}),
    }
    write_text(folder / META, json.dumps(facts, indent=1) + "\n")


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {
        "siamtrack": siamtrack.__version__,
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
