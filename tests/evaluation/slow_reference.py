"""The toolkits' arithmetic frame by frame and threshold by threshold, written for reading and not for speed.

Each function scores one sequence and returns ``(success, precision, norm_precision)``, lists of floats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Box = Sequence[float]
INF = math.inf
EPS = 2.220446049250313e-16

OVERLAPS = [i * 0.05 for i in range(21)]
OVERLAPS_TORCH = [math.nextafter(t, 2) if i in (13, 15) else t for i, t in enumerate(OVERLAPS)]
OVERLAPS_MATLAB = [i * 0.05 for i in range(11)] + [1 - i * 0.05 for i in range(9, -1, -1)]
PIXELS = [float(i) for i in range(51)]
SIDES = [i / 100 for i in range(51)]
SIDES_LINSPACE = np.linspace(0, 0.5, 51).tolist()


def divide(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(INF, a)
    return a / b


def smaller(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)


def larger(a: float, b: float) -> float:
    return math.nan if math.isnan(a) or math.isnan(b) else max(a, b)


def iou(p: Box, g: Box, pixel: float = 0.0, guard: float = 0.0) -> float:
    w = smaller(p[0] + p[2] - pixel, g[0] + g[2] - pixel) - larger(p[0], g[0]) + pixel
    h = smaller(p[1] + p[3] - pixel, g[1] + g[3] - pixel) - larger(p[1], g[1]) + pixel
    inter = larger(w, 0) * larger(h, 0)
    return divide(inter, p[2] * p[3] + g[2] * g[3] - inter + guard)


def clipped(value: float) -> float:
    return larger(smaller(value, 1.0), 0.0)


def center(box: Box) -> tuple[float, float]:
    return box[0] + (box[2] - 1) / 2, box[1] + (box[3] - 1) / 2


def distance(a: Box, b: Box) -> float:
    dx, dy = a[0] - b[0], a[1] - b[1]
    return math.sqrt(dx * dx + dy * dy)


def share(values: Sequence[float], thresholds: Sequence[float], above: bool, frames: float) -> list[float]:
    return [sum((v > t) if above else (v <= t) for v in values) / frames for t in thresholds]


def pysot(pred: Sequence[Box], truth: Sequence[Box], visible: Sequence[bool] | None = None) -> tuple[list[float], ...]:
    overlaps, errors, norms = [], [], []
    for i, (p, g) in enumerate(zip(pred, truth, strict=True)):
        if visible is not None and not visible[i]:
            continue
        overlaps.append(clipped(iou(p, g)) if g[2] > 0 and g[3] > 0 else -1.0)
        cp, cg = center(p), center(g)
        errors.append(distance(cp, cg) if cg[0] > 0 and cg[1] > 0 else -1.0)
        ncp = [c / (s + 1e-16) for c, s in zip(cp, g[2:], strict=True)]
        ncg = [c / (s + 1e-16) for c, s in zip(cg, g[2:], strict=True)]
        norms.append(distance(ncp, ncg) if ncg[0] > 0 and ncg[1] > 0 else -1.0)
    frames = len(truth)
    return (
        share(overlaps, OVERLAPS, True, frames),
        share(errors, PIXELS, False, frames),
        share(norms, SIDES, False, frames),
    )


def got10k(pred: Sequence[Box], truth: Sequence[Box], drop_nan: bool) -> tuple[list[float], ...]:
    overlaps, errors, norms = [], [], []
    for i, g in enumerate(truth[: len(pred)]):
        if drop_nan and any(map(math.isnan, g)):
            continue
        p = g if i == 0 else pred[i]
        overlaps.append(clipped(iou(p, g, guard=EPS)))
        cp, cg = center(p), center(g)
        errors.append(distance(cp, cg))
        off = [(a - b) / larger(1.0, s) for a, b, s in zip(cp, cg, g[2:], strict=True)]
        norms.append(distance(off, (0.0, 0.0)))
    frames = len(overlaps)
    return (
        share(overlaps, OVERLAPS, True, frames),
        share(errors, PIXELS, False, frames),
        share(norms, SIDES_LINSPACE, False, frames),
    )


def pytracking(
    pred: Sequence[Box],
    truth: Sequence[Box],
    dataset: str = "otb",
    visible: Sequence[bool] | None = None,
    valid_only: bool = False,
) -> tuple[list[float], ...]:
    rows = [list(p) for p in pred]
    for i in range(1, min(len(rows), len(truth))):
        if (rows[i][2] == 0 or rows[i][3] == 0) and not any(map(math.isnan, truth[i])):
            rows[i] = rows[i - 1]
    rows = (rows + [[0.0] * 4] * len(truth))[: len(truth)]
    rows[0] = list(truth[0])
    overlaps, errors, norms, count = [], [], [], 0
    for i, (p, g) in enumerate(zip(rows, truth, strict=True)):
        seen = visible is None or visible[i]
        valid = all(v > 0 for v in g) and seen
        count += valid
        cp, cg = center(p), center(g)
        overlaps.append(iou(p, g, 1.0) if valid else -1.0)
        errors.append(distance(cp, cg) if valid else (-1.0 if dataset == "uav" else INF))
        ncp = [divide(c, s) for c, s in zip(cp, g[2:], strict=True)]
        ncg = [divide(c, s) for c, s in zip(cg, g[2:], strict=True)]
        norms.append(distance(ncp, ncg) if valid else -1.0)
        if dataset == "lasot" and not seen:
            errors[-1] = norms[-1] = INF
    frames = np.float32(count if valid_only else len(truth))

    def single(values: list[float], thresholds: list[float], above: bool) -> list[float]:
        return [float(np.float32(hits) / frames) for hits in share(values, thresholds, above, 1)]

    return single(overlaps, OVERLAPS_TORCH, True), single(errors, PIXELS, False), single(norms, SIDES, False)


def matlab(
    pred: Sequence[Box], truth: Sequence[Box], repair_any: bool, visible: Sequence[bool] | None = None
) -> tuple[list[float], ...]:
    rows = [list(p) for p in pred][: len(truth)]
    for i in range(1, len(rows)):
        nans = [math.isnan(v) for v in rows[i]]
        broken = rows[i][2] <= 0 or rows[i][3] <= 0 or (any(nans) if repair_any else all(nans))
        if broken and not any(map(math.isnan, truth[i])):
            rows[i] = rows[i - 1]
    rows[0] = list(truth[0])
    overlaps, errors, norms = [], [], []
    for i, (p, g) in enumerate(zip(rows, truth)):  # noqa: B905  a result may be shorter
        if visible is not None and not visible[i]:
            continue
        valid = all(v > 0 for v in g)
        cp, cg = center(p), center(g)
        overlaps.append(iou(p, g, 1.0) if valid else -1.0)
        errors.append(distance(cp, cg) if valid else -1.0)
        ncp = [divide(c, s) for c, s in zip(cp, g[2:], strict=True)]
        ncg = [divide(c, s) for c, s in zip(cg, g[2:], strict=True)]
        norms.append(distance(ncp, ncg) if valid else -1.0)
    frames = len(truth) + EPS
    return (
        share(overlaps, OVERLAPS_MATLAB, True, frames),
        share(errors, PIXELS, False, frames),
        share(norms, SIDES, False, frames),
    )


def score(protocol: str, benchmark: str, pred: Any, truth: Any, visible: Any) -> tuple[list[float], ...]:
    """One sequence by one protocol, as it holds for a benchmark."""
    pred, truth = np.asarray(pred).tolist(), np.asarray(truth).tolist()
    lasot = benchmark == "LaSOT-test"
    if protocol == "pysot":
        return pysot(pred, truth, visible if lasot else None)
    if protocol == "got10k":
        return got10k(pred, truth, drop_nan=benchmark in ("UAV123", "LaSOT-test"))
    if protocol in ("pytracking", "pytracking-valid"):
        dataset = {"UAV123": "uav", "LaSOT-test": "lasot"}.get(benchmark, "otb")
        return pytracking(pred, truth, dataset, visible if lasot else None, protocol == "pytracking-valid")
    if protocol == "official":
        return matlab(pred, truth, True, visible)
    return matlab(pred, truth, False)
