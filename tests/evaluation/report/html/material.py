"""A small benchmark with everything the page can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from siamtrack import evaluation
from siamtrack.evaluation import Scores, TrackerResults, Truth
from siamtrack.evaluation.report.html import Evidence

HOSTILE = "<script>document.title='taken'</script>&\"'</script><img src=x onerror=alert(1)>"
LONG = "a-tracker-whose-name-nobody-thought-about-when-the-table-was-drawn_v2_final"
NAMES = ("SiamBAN", HOSTILE, LONG, "opencv-mil")
NOISE = (2.0, 4.0, 6.0, 9.0)
FRAMES = 30
SIZE = (160, 120)
TAGS = ("occlusion", "fast motion", "scale <variation>", "low resolution")


@dataclass(frozen=True)
class Material:
    """Truths, results and scores of the same four trackers."""

    truths: list[Truth]
    results: list[TrackerResults]
    scores: list[Scores]

    def evidence(self, **options: Any) -> Evidence:
        return Evidence(self.truths, self.results, **options)


def image(sequence: str, frame: int) -> np.ndarray:
    """A frame that is told from others by its colour."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:] = (40 + 3 * frame, 90, 200 - 10 * int(sequence[-1]))
    return pixels


def make() -> Material:
    """Six sequences, four trackers of which two have names that a page could stumble over."""
    rng = np.random.default_rng(5)
    truths, found = [], {name: {} for name in NAMES}
    for i in range(6):
        path = np.cumsum(rng.normal(0, 1.2, (FRAMES, 2)), 0) + np.array([60.0, 45.0])
        boxes = np.concatenate([path, np.tile([34.0, 26.0], (FRAMES, 1))], 1)
        if i == 2:
            boxes[12:15] = np.nan
        truths.append(Truth(f"sequence_{i}", boxes, resolution=SIZE, attributes=frozenset(TAGS[i % 3 :])))
        drift = np.linspace(0, 1 + i, FRAMES)[:, None]
        for name, noise in zip(NAMES, NOISE, strict=True):
            moved = np.nan_to_num(boxes, nan=20.0) + rng.normal(0, noise, (FRAMES, 4)) + drift
            found[name][f"sequence_{i}"] = np.maximum(moved, 1)
    seconds = {
        name: {f"sequence_{i}": np.full(FRAMES, 0.01 * (k + 1)) for i in range(6)} for k, name in enumerate(NAMES)
    }
    results = [TrackerResults.of(name, found[name], seconds[name]) for name in NAMES]
    return Material(truths, results, evaluation.evaluate_all(truths, results, "pysot", benchmark="OTB100"))
