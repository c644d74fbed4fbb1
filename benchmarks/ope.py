"""One-pass evaluation against the straightforward way: lists, a conversion per metric, a loop over thresholds.

    python benchmarks/ope.py --json benchmarks/results/ope.json

100 sequences of together 59,035 frames (as many as OTB100 has) and 10 trackers, by the protocol of pysot: success,
precision and normalised precision. The other side is what toolkits do, written for this comparison: boxes are lists,
each metric of each tracker makes arrays of them again, thresholds are looped over, and files are read number by number
with ``float``. Rows:

- ``ope metrics``: boxes in memory (arrays for ours, lists for the other) to scores.
- ``ope files cold``: 1,000 text files to scores, nothing cached by us.
- ``ope files cached``: the same files a second time; found by the hash of their contents.

Curves of all sequences and the scores are compared before anything is timed, and must be equal to the last bit. Sides
alternate; times are medians of rounds, in milliseconds of CPU time of the process, on one thread. Files are in the
operating system's cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import row, write

from siamtrack import evaluation
from siamtrack.evaluation import Scores, TrackerResults, Truth

SEQUENCES, FRAMES, TRACKERS = 100, 59_035, 10
Rows = list[list[float]]
Curves = dict[str, dict[str, list[list[float]]]]  # tracker -> curve -> sequence -> share of frames
NAMES = ("success", "precision", "norm_precision")
# how trackers write: full precision, our own four decimals, two decimals, whole numbers behind tabs
STYLES = ("%r,%r,%r,%r", "%.4f,%.4f,%.4f,%.4f", "%.2f,%.2f,%.2f,%.2f", "%d\t%d\t%d\t%d")
TRACKER_STYLES = [STYLES[i] for i in (0, 0, 0, 0, 1, 1, 1, 2, 2, 3)]


# What is scored -----------------------------------------------------------------------------------------------------


def truths(rng: np.random.Generator) -> list[Truth]:
    """Walks of whole numbers, of lengths as unequal as those of OTB100."""
    weights = rng.lognormal(0, 0.7, SEQUENCES)
    lengths = np.maximum((weights / weights.sum() * FRAMES).astype(int), 71)
    lengths[lengths.argmax()] += FRAMES - lengths.sum()
    made = []
    for i, length in enumerate(lengths.tolist()):
        corner = np.cumsum(rng.normal(0, 3, (length, 2)), 0) % 300 + 50
        size = 60 * np.exp(np.cumsum(rng.normal(0, 0.01, (length, 2)), 0)).clip(0.4, 2.5)
        made.append(Truth(f"Sequence{i:03d}", np.concatenate([corner, size], 1).round()))
    return made


def tracked(rng: np.random.Generator, sequences: list[Truth]) -> dict[str, dict[str, np.ndarray]]:
    """Boxes around the truth, off by more for each tracker, and by much now and then."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for i, style in enumerate(TRACKER_STYLES):
        boxes = {}
        for truth in sequences:
            off = rng.normal(0, 2 + 2 * i, truth.boxes.shape) * rng.lognormal(0, 1, (len(truth.boxes), 1))
            text = style_text(np.abs(truth.boxes + off), style)
            boxes[truth.name] = np.array([line.replace("\t", ",").split(",") for line in text.splitlines()], float)
        found[f"tracker{i}"] = boxes
    return found


def style_text(boxes: np.ndarray, style: str) -> str:
    """Boxes as a tracker writes them."""
    return "".join(style % tuple(box) + "\n" for box in boxes.tolist())


# The straightforward way --------------------------------------------------------------------------------------------


def overlap_curve(truth: Rows, result: Rows) -> list[float]:
    """Share of frames whose overlap is above each threshold."""
    a, b = np.array(result), np.array(truth)
    left, top = np.maximum(a[:, 0], b[:, 0]), np.maximum(a[:, 1], b[:, 1])
    right = np.minimum(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2])
    bottom = np.minimum(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3])
    shared = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    overlap = np.clip(shared / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - shared), 0, 1)
    overlap[~((b[:, 2] > 0) & (b[:, 3] > 0))] = -1
    return [float(np.sum(overlap > t) / len(truth)) for t in np.arange(0, 1.05, 0.05)]


def error_curve(truth: Rows, result: Rows, normalized: bool) -> list[float]:
    """Share of frames whose centre error is within each threshold."""
    a, b = np.array(result), np.array(truth)
    mine, right = a[:, :2] + (a[:, 2:] - 1) / 2, b[:, :2] + (b[:, 2:] - 1) / 2
    if normalized:
        mine, right = mine / (b[:, 2:] + 1e-16), right / (b[:, 2:] + 1e-16)
    error = np.sqrt(np.sum((mine - right) ** 2, 1))
    error[~((right[:, 0] > 0) & (right[:, 1] > 0))] = -1
    thresholds = np.arange(51) / 100 if normalized else np.arange(51)
    return [float(np.sum(error <= t) / len(truth)) for t in thresholds]


def score_lists(true: dict[str, Rows], found: dict[str, dict[str, Rows]]) -> Curves:
    """Every curve of every tracker and sequence."""
    curves: Curves = {}
    for tracker, results in found.items():
        curves[tracker] = {
            "success": [overlap_curve(true[name], results[name]) for name in true],
            "precision": [error_curve(true[name], results[name], False) for name in true],
            "norm_precision": [error_curve(true[name], results[name], True) for name in true],
        }
    return curves


def read_lists(folder: Path) -> dict[str, dict[str, Rows]]:
    """All results below a folder, number by number."""
    found: dict[str, dict[str, Rows]] = {}
    for tracker in sorted(folder.iterdir()):
        found[tracker.name] = {}
        for path in sorted(tracker.iterdir()):
            with open(path) as file:
                lines = [line.strip().replace("\t", ",").split(",") for line in file]
            found[tracker.name][path.stem] = [[float(number) for number in line] for line in lines]
    return found


def summary(curves: Curves) -> dict[str, tuple[float, ...]]:
    """Success, precision and normalised precision of each tracker: the mean curve, and what is read from it."""
    scores = {}
    for tracker, of in curves.items():
        success, precision, norm = (np.mean(np.array(of[name]), 0) for name in NAMES)
        scores[tracker] = (float(np.mean(success)), float(precision[20]), float(norm[20]))
    return scores


# The measurement ----------------------------------------------------------------------------------------------------


def ours_summary(scores: list[Scores]) -> dict[str, tuple[float, ...]]:
    return {score.tracker: tuple(score.metrics().values()) for score in scores}


def check(scores: list[Scores], curves: Curves) -> None:
    """Refuse to go on unless every curve and every number is equal to the last bit."""
    if ours_summary(scores) != summary(curves):
        raise SystemExit("the scores differ from the straightforward ones.")
    for score in scores:
        for name in NAMES:
            if score.sequence_curves(name).tolist() != curves[score.tracker][name]:
                raise SystemExit(f"{score.tracker}: a curve of {name} differs from the straightforward one.")


def compare(name: str, ours: Callable[[], Any], other: Callable[[], Any], rounds: int, **more: Any) -> dict[str, Any]:
    """A row: a round is the other side once and ours three times."""

    def milliseconds(work: Callable[[], Any], times: int) -> float:
        spent = []
        for _ in range(times):
            start = time.process_time()
            work()
            spent.append(1e3 * (time.process_time() - start))
        return statistics.median(spent)

    measured = [(milliseconds(other, 1), milliseconds(ours, 3)) for _ in range(rounds)]
    theirs, mine = ([m[i] for m in measured] for i in (0, 1))
    more |= {"ours_best": round(min(mine), 2), "other_best": round(min(theirs), 2)}
    return row(name, round(statistics.median(mine), 2), round(statistics.median(theirs), 2), "ms CPU", **more)


def hashing(folder: Path) -> float:
    """Milliseconds for reading and hashing all files and nothing else: the floor of a cache that goes by content."""

    def once() -> float:
        start = time.process_time()
        for path in folder.glob("*/*.txt"):
            hashlib.sha256(path.read_bytes()).digest()
        return 1e3 * (time.process_time() - start)

    return round(min(once() for _ in range(3)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="One-pass evaluation against the straightforward way.")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--rounds", type=int, default=7, help="of both sides in turn (default: %(default)s)")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    sequences = truths(rng)
    boxes = tracked(rng, sequences)
    true_lists = {truth.name: truth.boxes.tolist() for truth in sequences}
    lists = {tracker: {name: b.tolist() for name, b in of.items()} for tracker, of in boxes.items()}
    results = [TrackerResults.of(tracker, of) for tracker, of in boxes.items()]

    def in_memory() -> list[Scores]:
        return evaluation.evaluate_all(sequences, results, "pysot", benchmark="OTB100")

    check(in_memory(), score_lists(true_lists, lists))
    rows = [
        compare(
            "ope metrics",
            lambda: ours_summary(in_memory()),
            lambda: summary(score_lists(true_lists, lists)),
            args.rounds,
        )
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "results")
        for style, (tracker, of) in zip(TRACKER_STYLES, boxes.items(), strict=True):
            for name, b in of.items():
                path = folder / tracker / f"{name}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(style_text(b, style))

        def from_files() -> list[Scores]:
            found = evaluation.find_trackers(folder, list(true_lists))
            return evaluation.evaluate_folders(sequences, found, "pysot", benchmark="OTB100")

        def straightforward() -> Curves:
            return score_lists(true_lists, read_lists(folder))

        size = sum(path.stat().st_size for path in folder.glob("*/*.txt"))
        for name, cache in (("ope files cold", "off"), ("ope files cached", str(Path(place, "cache")))):
            os.environ["SIAMTRACK_CACHE"] = cache
            check(from_files(), straightforward())
            check(from_files(), straightforward())
            more = {"bytes": size, "reading_and_hashing_alone": hashing(folder)}
            ours, other = (lambda: ours_summary(from_files())), (lambda: summary(straightforward()))
            rows.append(compare(name, ours, other, args.rounds, **more))
    write(rows, args.json)


if __name__ == "__main__":
    main()
