"""VOT's region overlap against painting two bitmaps a pair, and against the official toolkit's compiled raster.

    python benchmarks/vot.py --json benchmarks/results/vot.json
    python benchmarks/vot.py --official --json benchmarks/results/vot_official.json

Pairs are those of a tracker on a set like VOT2018: true quadrilaterals turned by up to 45 degrees, with the heights of
its annotation (median 75 px, a tenth above 175), and upright boxes near them, one frame size a sequence. The bitmap way
is ``tests/evaluation/vot/bitmap.py``: for each pair two masks, painted row by row in Python from sorted nodes, then
counted. Values are compared first, to the last bit. Rounds alternate between the two; times are medians of rounds, in
microseconds of CPU time a pair.

``--official`` needs an environment with the official toolkit (``pip install vot-toolkit==0.9.0 vot-trax==4.0.2
attributee==0.1.9 numpy==2.4.6 numba==0.68.1``; siamtrack itself needs no more there than ``PYTHONPATH=.``). Its raster
is compiled before anything is timed. Two rows: its own function over lists of regions, and the compiled kernel alone
on arrays prepared beforehand, which is its floor.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import row, write

from siamtrack.evaluation.vot import Regions, overlap_official, overlap_pysot

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.evaluation.vot import bitmap

SIZES = ((640, 360), (640, 480), (320, 240), (1280, 720), (480, 360))
Overlap = Callable[[Regions, Regions, Any], np.ndarray]
Painted = Callable[[list[float], list[float], Any], float]


class Pairs:
    """Regions of a tracker and of the truth, and the size of their frames.

    Args:
        count: how many.
        truth: ``polygon`` or ``rectangle``.
        predicted: the same.
    """

    def __init__(self, count: int, truth: str = "polygon", predicted: str = "rectangle") -> None:
        rng = np.random.default_rng(2018)
        self.size = np.repeat(np.array(SIZES, np.float64), -(-count // len(SIZES)), 0)[:count]
        height = np.exp(rng.normal(np.log(75 * 0.85), 0.6, count)).clip(12, 600)
        sides = np.stack([height * rng.uniform(0.5, 1.2, count), height], 1)
        centre = rng.uniform(0.1, 0.9, (count, 2)) * self.size
        moved = centre + rng.normal(0, 0.15, (count, 2)) * sides
        grown = sides * np.exp(rng.normal(0, 0.15, (count, 2)))
        angle = rng.uniform(-np.pi / 4, np.pi / 4, count)
        self.truth = _regions(centre, sides, angle, truth)
        self.predicted = _regions(moved, grown, angle + rng.normal(0, 0.1, count), predicted)
        self.first, self.second = Regions.of(self.predicted), Regions.of(self.truth)

    def __len__(self) -> int:
        return len(self.truth)

    def painted(self, paint: Painted) -> np.ndarray:
        """Pair by pair."""
        frames = [tuple(size) for size in self.size.tolist()]
        return np.array([paint(a, b, s) for a, b, s in zip(self.predicted, self.truth, frames, strict=True)])


def _regions(centre: np.ndarray, sides: np.ndarray, angle: np.ndarray, kind: str) -> list[list[float]]:
    """Numbers with two decimals, as files have them."""
    if kind == "rectangle":
        boxes: list[list[float]] = np.concatenate([centre - sides / 2, sides], 1).round(2).tolist()
        return boxes
    corners = sides[:, None] / 2 * [[-1, -1], [1, -1], [1, 1], [-1, 1]]
    turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], 1).reshape(-1, 2, 2)
    polygons: list[list[float]] = (centre[:, None] + corners @ turn).reshape(-1, 8).round(2).tolist()
    return polygons


def microseconds(work: Callable[[], Any], pairs: int, times: int = 1) -> float:
    """CPU time a pair, the median of some times."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        work()
        spent.append(1e6 * (time.process_time() - start) / pairs)
    return statistics.median(spent)


def interleaved(
    name: str, pairs: int, ours: Callable[[], Any], other: Callable[[], Any], rounds: int, times: int, **more: Any
) -> dict[str, Any]:
    """A row: one of the other and some of ours in turn, after one of each that is not counted."""
    ours(), other()
    measured = [(microseconds(ours, pairs, times), microseconds(other, pairs)) for _ in range(rounds)]
    mine, theirs = ([m[i] for m in measured] for i in (0, 1))
    best = {"ours_best": round(min(mine), 3), "other_best": round(min(theirs), 3)}
    middle = (round(statistics.median(values), 3) for values in (mine, theirs))
    return row(name, *middle, "us CPU/pair", pairs=pairs, **best, **more)


def against_painting(name: str, pairs: Pairs, overlap: Overlap, paint: Painted, rounds: int) -> dict[str, Any]:
    """Refuses to go on where a pair differs in any bit."""
    differing = int((overlap(pairs.first, pairs.second, pairs.size) != pairs.painted(paint)).sum())
    if differing:
        raise SystemExit(f"{name}: {differing} of {len(pairs)} overlaps differ from those that were painted.")
    return interleaved(
        name,
        len(pairs),
        lambda: overlap(pairs.first, pairs.second, pairs.size),
        lambda: pairs.painted(paint),
        rounds,
        5,
        largest_difference=0.0,
    )


def against_official(count: int, rounds: int) -> list[dict[str, Any]]:
    """The official toolkit in this environment; its overlaps are equal to the last bit, or nothing is timed."""
    from importlib import metadata

    here = Path(__file__).resolve().parent  # where this file would be taken for the toolkit, by its name
    sys.path = [place for place in sys.path if Path(place).resolve() != here]
    from vot.region import calculate_overlaps
    from vot.region.raster import _calculate_overlap, _infer_meta
    from vot.region.shapes import Polygon, Rectangle

    pairs = Pairs(count)
    bounds = [tuple(map(int, size)) for size in pairs.size.tolist()]
    first = [Rectangle(*values) for values in pairs.predicted]
    second = [Polygon(list(zip(values[::2], values[1::2], strict=True))) for values in pairs.truth]
    by_size = {size: [i for i, b in enumerate(bounds) if b == size] for size in dict.fromkeys(bounds)}
    prepared = [(_infer_meta(a), _infer_meta(b), size) for a, b, size in zip(first, second, bounds, strict=True)]

    def theirs() -> list[float]:
        """One call for each frame size, as the toolkit makes one for each sequence."""
        lists = [([first[i] for i in which], [second[i] for i in which], size) for size, which in by_size.items()]
        return [value for a, b, size in lists for value in calculate_overlaps(a, b, size)]

    def kernel() -> list[float]:
        return [_calculate_overlap(a[0], b[0], a[2], b[2], a[1], b[1], size) for a, b, size in prepared]

    ours = overlap_official(pairs.first, pairs.second, pairs.size)
    order = [i for which in by_size.values() for i in which]
    if not (np.array_equal(ours[order], theirs()) and np.array_equal(ours, kernel())):
        raise SystemExit("our overlaps differ from those of the official toolkit.")
    installed = {f"{name}_version": metadata.version(name) for name in ("vot-toolkit", "numba")}
    return [
        interleaved(
            name,
            count,
            lambda: overlap_official(pairs.first, pairs.second, pairs.size),
            other,
            rounds,
            5,
            largest_difference=0.0,
            **installed,
        )
        for name, other in (("vot overlap, official numba", theirs), ("vot overlap, official numba kernel", kernel))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="VOT's region overlap against bitmaps and the official toolkit.")
    parser.add_argument("--json", metavar="FILE", help="write the rows there")
    parser.add_argument("--pairs", type=int, default=21_356, help="default: %(default)s, the frames of VOT2018")
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn (default: %(default)s)")
    parser.add_argument("--official", action="store_true", help="against the official toolkit instead of bitmaps")
    args = parser.parse_args()
    if args.official:
        write(against_official(args.pairs, args.rounds), args.json)
        return
    usual, fewer = Pairs(args.pairs), args.pairs // 4
    polygons, boxes = Pairs(fewer, predicted="polygon"), Pairs(fewer, "rectangle", "rectangle")
    rows = [
        against_painting("vot overlap", usual, overlap_pysot, bitmap.pysot, args.rounds),
        against_painting("vot overlap, two polygons", polygons, overlap_pysot, bitmap.pysot, args.rounds),
        against_painting("vot overlap, two rectangles", boxes, overlap_pysot, bitmap.pysot, args.rounds),
        against_painting("vot overlap, official raster", Pairs(fewer), overlap_official, bitmap.official, args.rounds),
    ]
    write(rows, args.json)


if __name__ == "__main__":
    main()
