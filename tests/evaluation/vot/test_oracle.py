"""VOT's experiments, scored end to end, give what both toolkits gave for the same runs."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

import numpy as np
import pytest

from siamtrack.evaluation import vot
from siamtrack.evaluation.vot import Regions, VotProtocol, VotResults, VotRun, VotScores, VotTruth
from tests.external import external

TRACKERS = ("good", "mid", "bad")


@functools.cache
def oracle() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((external("ORACLE") / "vot.json").read_text())
    return stored


def truths(absent: bool = False) -> list[VotTruth]:
    """With ``absent``, as the long-term experiment was run: codes where the target is away."""
    made = []
    for name, s in oracle()["sequences"].items():
        rows = [[0] if absent and away else row for row, away in zip(s["groundtruth"], s["lt_absent"], strict=True)]
        made.append(VotTruth(name, Regions.of(rows), (s["width"], s["height"]), anchors=np.array(s["anchors"])))
    return made


def scores(protocol: str, benchmark: str, results: VotResults, absent: bool = False) -> VotScores:
    """The oracle's interval is 20 to 80, its sequences being short."""
    about = vot.edition(benchmark)
    assert about is not None
    rules: VotProtocol = vot.resolve_vot(protocol, about)
    rules = dataclasses.replace(rules, interval=rules.interval and (20, 80))
    return vot.evaluate_vot(truths(absent), [results], rules, benchmark=benchmark)[0]


def supervised(tracker: str, runs: int) -> VotResults:
    stored = oracle()["supervised"][tracker]
    return VotResults(tracker, {name: [VotRun(Regions.of(rows)) for rows in of[:runs]] for name, of in stored.items()})


def official(experiment: str, analysis: str, tracker: str) -> Any:
    name = {"longterm": "longterm/longterm"}.get(experiment, f"baseline/{experiment}")
    return oracle()["outputs"]["official"][experiment][f"{name}.{analysis}"][tracker]


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("tracker", TRACKERS)
def test_supervised_as_pysot(tracker: str, runs: int) -> None:
    expected = oracle()["outputs"]["pysot"]["supervised"][f"runs_{runs}"][tracker]
    measured = scores("pysot-vot", "VOT2018", supervised(tracker, runs)).metrics()
    assert measured == pytest.approx(expected, rel=0, abs=1e-6)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_supervised_as_the_official_toolkit(tracker: str) -> None:
    measured = scores("vot-toolkit", "VOT2018", supervised(tracker, 3))
    accuracy, failures, point, _ = official("supervised", "AverageAccuracyRobustness", tracker)
    assert measured.value("accuracy") == pytest.approx(accuracy, abs=1e-9)
    assert measured.value("robustness") == pytest.approx(failures, abs=1e-9)
    assert measured.ar == pytest.approx(point, abs=1e-9)
    assert measured.value("eao") == pytest.approx(official("supervised", "EAOScore", tracker)[0], abs=1e-6)
    np.testing.assert_allclose(measured.curves["eao"], official("supervised", "EAOCurve", tracker)[0], atol=1e-6)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_multistart(tracker: str) -> None:
    stored = oracle()["multistart"][tracker]
    runs = {name: [VotRun(Regions.of(r), anchor=int(a)) for a, r in of.items()] for name, of in stored.items()}
    measured = scores("vot-toolkit", "VOT2021", VotResults(tracker, runs))
    accuracy, robustness, point, *_ = official("multistart", "AverageAccuracyRobustness", tracker)
    assert measured.value("accuracy") == pytest.approx(accuracy, abs=1e-9)
    assert measured.value("robustness") == pytest.approx(robustness, abs=1e-9)
    assert measured.ar == pytest.approx(point, abs=1e-9)
    assert measured.value("eao") == pytest.approx(official("multistart", "EAOScore", tracker)[0], abs=1e-9)
    np.testing.assert_allclose(measured.curves["eao"], official("multistart", "EAOCurve", tracker)[0], atol=1e-9)


def longterm(tracker: str) -> VotResults:
    stored = oracle()["longterm"][tracker]
    return VotResults(
        tracker,
        {name: [VotRun(Regions.of(r["boxes"]), np.array(r["confidence"], float))] for name, r in stored.items()},
    )


@pytest.mark.parametrize("tracker", TRACKERS)
def test_longterm_as_the_official_toolkit(tracker: str) -> None:
    measured = scores("vot-toolkit", "VOT2019-LT", longterm(tracker), absent=True)
    precision, recall, f = official("longterm", "PrecisionRecall", tracker)
    expected = {"f1": f, "precision": precision, "recall": recall}
    assert measured.metrics() == pytest.approx(expected, rel=0, abs=1e-9)
    points, thresholds = official("longterm", "PrecisionRecallCurve", tracker)
    curve = np.stack([measured.curves["recall"], measured.curves["precision"]], 1)
    np.testing.assert_allclose(curve, points, atol=1e-9)
    np.testing.assert_array_equal(measured.curves["thresholds"], thresholds)
    np.testing.assert_allclose(measured.curves["f1"], official("longterm", "FScoreCurve", tracker)[0], atol=1e-9)


def test_no_output_is_left_out() -> None:
    outputs = oracle()["outputs"]
    analyses = {name.partition(".")[2] for kind in ("supervised", "multistart") for name in outputs["official"][kind]}
    assert analyses == {"AverageAccuracyRobustness", "EAOScore", "EAOCurve"}
    names = {name.partition(".")[2] for name in outputs["official"]["longterm"]}
    assert names == {"PrecisionRecall", "PrecisionRecallCurve", "FScoreCurve"}
    assert set(outputs["pysot"]["supervised"]) == {"runs_1", "runs_3"}
    assert set(outputs["official"]["supervised"]["baseline/supervised.EAOScore"]) == set(TRACKERS)
