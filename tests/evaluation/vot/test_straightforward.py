"""What no oracle holds: pysot's long-term scores and its attributes, against its arithmetic frame by frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from siamtrack.evaluation import vot
from siamtrack.evaluation.vot import Regions, VotResults, VotRun, VotTruth
from tests.evaluation.vot import bitmap

SIZE = (90, 70)


def sequence(rng: np.random.Generator, frames: int) -> list[list[float]]:
    corner = np.array([30, 25]) + np.cumsum(rng.normal(0, 2, (frames, 2)), 0)
    return np.concatenate([corner, rng.uniform(14, 22, (frames, 2))], 1).round(2).tolist()


def near(rng: np.random.Generator, box: list[float], far: float) -> list[float]:
    return (np.array(box) + rng.normal(0, far, 4) * [1, 1, 0.3, 0.3]).round(4).tolist()


# Long-term ----------------------------------------------------------------------------------------------------------


def longterm_pysot(truth: list[list[list[float]]], runs: list[list[list[float]]], scores: list[list[float]]) -> tuple:
    known = sorted(s for of in scores for s in of if not math.isnan(s))
    delta = len(known) // 98
    places = [math.floor(v + 0.5) for v in np.linspace(delta - 1, len(known) - delta, 98)]
    thresholds = [-math.inf, *(known[i] for i in places), math.inf][::-1]
    overlaps = [[overlap(box, g) for box, g in zip(run, gt, strict=True)] for run, gt in zip(runs, truth, strict=True)]
    points = []
    for t in thresholds:
        precision, recall = [], []
        for gt, values, of in zip(truth, overlaps, scores, strict=True):
            chosen, visible = [], sum(len(g) > 1 for g in gt)
            for value, score in zip(values, of, strict=True):
                score = 0.0 if math.isnan(score) else score
                if (score > 0) if t == -math.inf else (score >= t):
                    chosen.append(value)
            precision.append(sum(chosen) / len(chosen) if chosen else 1.0)
            recall.append(sum(chosen) / visible)
        p, r = sum(precision) / len(precision), sum(recall) / len(recall)
        points.append((2 * p * r / (p + r) if p + r else 0.0, p, r))
    return max(points, key=lambda point: point[0])


def overlap(box: list[float], truth: list[float]) -> float:
    value = math.nan if len(box) == 1 or len(truth) == 1 else bitmap.pysot(box, truth, SIZE)
    return 0.0 if math.isnan(value) else value


def test_longterm_as_pysot() -> None:
    rng = np.random.default_rng(3)
    truth, runs, scores = [], [], []
    for frames in (150, 80, 60):
        gt = sequence(rng, frames)
        run = [[1.0], *(near(rng, box, 6) for box in gt[1:])]
        score = [math.nan, *rng.normal(0.4, 0.4, frames - 1).round(3).tolist()]
        score[7] = math.nan
        gt[20:30] = [[0.0]] * 10
        run[40:44] = [[0.0]] * 4
        truth.append(gt), runs.append(run), scores.append(score)
    truths = [VotTruth(f"s{i}", Regions.of(gt), SIZE) for i, gt in enumerate(truth)]
    stored = {f"s{i}": [VotRun(Regions.of(r), np.array(s))] for i, (r, s) in enumerate(zip(runs, scores, strict=True))}
    measured = vot.evaluate_vot(truths, [VotResults("t", stored)], benchmark="VOT2018-LT")[0]
    f, precision, recall = longterm_pysot(truth, runs, scores)
    assert measured.protocol.name == "pysot-vot"
    expected = {"f1": f, "precision": precision, "recall": recall}
    assert measured.metrics() == pytest.approx(expected, rel=0, abs=1e-12)


@pytest.mark.parametrize("protocol", ["pysot-vot", "vot-toolkit"])
def test_an_infinite_confidence_is_at_every_threshold(protocol: str) -> None:
    """Of a tracker that is certain where it is right and doubts where it is wrong, half a sequence each."""
    truth = [[10.0, 10, 20, 20]] * 200
    run = [[1.0], *truth[1:101], *[[60.0, 40, 5, 5]] * 99]
    score = [math.nan, *[math.inf] * 100, *[0.1] * 99]
    f, precision, recall = longterm_pysot([truth], [run], [score])
    assert (precision, recall) == (1, 0.5)
    results = VotResults("t", {"a": [VotRun(Regions.of(run), np.array(score))]})
    measured = vot.evaluate_vot([VotTruth("a", Regions.of(truth), SIZE)], [results], protocol, benchmark="VOT2018-LT")
    assert measured[0].metrics() == {"f1": pytest.approx(f), "precision": 1, "recall": 0.5}


# Attributes ---------------------------------------------------------------------------------------------------------


def eao_pysot(
    overlaps: list[list[float]], failures: list[list[int]], tags: list[list[int]], low: int, high: int
) -> float:
    """One run a sequence; ``tags`` are the weights of frames."""
    longest = max(map(len, overlaps))
    fragments, weights = [], []
    for values, lost, tag in zip(overlaps, failures, tags, strict=True):
        if not lost:
            fragments.append(values + [math.nan] * (longest - len(values)))
            weights.append(sum(tag) / len(values))
            continue
        points = [0] + [f + 5 for f in lost if f + 5 <= len(values)]
        for p, q in zip(points, points[1:]):  # noqa: B905, RUF007
            piece = [0.0 if math.isnan(v) else v for v in values[p : q + 1]]
            fragments.append(piece + [0.0] * (longest - len(piece)))
            weights.append(sum(tag[p : q + 1]) / (q - p + 1))
        piece = [0.0 if math.isnan(v) else v for v in values[points[-1] :]]
        fragments.append(piece + [math.nan] * (longest - len(piece)))
        weights.append(sum(tag[points[-1] :]) / (len(values) - points[-1] + 1e-16))
    curve = [1.0]
    for i in range(1, longest):
        there = [(sum(f[1 : i + 1]) / i, w) for f, w in zip(fragments, weights, strict=True) if not math.isnan(f[i])]
        total = sum(w for _, w in there)
        curve.append(float(np.float32(sum(v * w for v, w in there) / total)) if total else math.nan)
    kept = [v for v in curve[low - 1 : high] if not math.isnan(v)]
    return sum(kept) / len(kept)


def test_attributes_as_pysot() -> None:
    rng = np.random.default_rng(11)
    truths, runs, overlaps, failures, tags = [], {}, [], [], []
    for i, (frames, lost) in enumerate([(160, [30, 155]), (120, []), (140, [17, 60]), (110, [105])]):
        gt = sequence(rng, frames)
        run: list[list[float]] = [[1.0], *(near(rng, box, 3) for box in gt[1:])]
        for f in lost:
            run[f : f + 5] = ([[2.0]] + [[0.0]] * 4)[: frames - f]
            if f + 5 < frames:
                run[f + 5] = [1.0]
        tag = (rng.random(frames) < 0.5).astype(int).tolist()
        other = (rng.random(frames) < 0.2).astype(int).tolist()
        marks = {"occlusion": np.array(tag, bool), "blur": np.array(other, bool)}
        truths.append(VotTruth(f"s{i}", Regions.of(gt), SIZE, marks))
        runs[f"s{i}"] = [VotRun(Regions.of(run))]
        inside = (SIZE[0] - 1, SIZE[1] - 1)
        overlaps.append([bitmap.pysot(r, g, inside) if len(r) > 1 else math.nan for r, g in zip(run, gt, strict=True)])
        failures.append(lost)
        bare = [int(not (a or b)) for a, b in zip(tag, other, strict=True)]
        tags.append({"occlusion": tag, "blur": other, "empty": bare, "": [1] * frames})
    measured = vot.evaluate_vot(truths, [VotResults("t", runs)], benchmark="VOT2018")[0]
    assert list(measured.tags) == ["blur", "occlusion", "empty"]
    assert measured.value("lost_number") == 5
    by_tag = {tag: measured.tags[tag]["eao"] for tag in measured.tags} | {"": measured.value("eao")}
    for tag, value in by_tag.items():
        expected = eao_pysot(overlaps, failures, [of[tag] for of in tags], 100, 356)
        assert value == pytest.approx(expected, abs=1e-6), tag
    assert sum(measured.tags["occlusion"][name] for name in ("lost_number",)) == sum(
        of["occlusion"][f] for of, lost in zip(tags, failures, strict=True) for f in lost
    )
