"""The published scores that come with the package, and what is said when ours stand beside them."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import BENCHMARKS, PROTOCOLS, Scores, Truth
from siamtrack.evaluation.published import METRICS, UNSTATED, beside, published, published_name, published_on
from tests.external import external


def _scores(tracker: str, benchmark: str, protocol: str = "") -> Scores:
    boxes = np.tile([30.0, 40.0, 20.0, 20.0], (12, 1))
    results = evaluation.TrackerResults.of(tracker, {"s": boxes + np.array([2, 0, 0, 0])})
    return evaluation.evaluate_all([Truth("s", boxes, resolution=(90, 90))], [results], protocol, benchmark=benchmark)[
        0
    ]


def test_every_row_is_whole() -> None:
    benchmarks = {b.name for b in BENCHMARKS} | {"GOT-10k-val", "GOT-10k-test", "TrackingNet"}
    for row in published():
        assert row.benchmark in benchmarks or row.benchmark.startswith("VOT20"), row
        assert row.metric in {*METRICS.values(), "eao", "accuracy", "robustness"}, row
        assert row.protocol in {*PROTOCOLS, UNSTATED, "pysot-vot", "got10k-server", "trackingnet-server"}, row
        assert 0 < row.value < (2 if row.metric == "robustness" else 1), row
        assert row.source, row
        assert row.year is None or 2000 < row.year < 2030, row


def test_no_number_stands_twice() -> None:
    keys = [dataclasses.astuple(dataclasses.replace(row, value=0.0)) for row in published()]
    assert len(keys) == len(set(keys))


def test_published_numbers_are_those_of_the_archives() -> None:
    """Where an archive's results reach the published number, it is in the list, by the protocol that gives it."""
    expected = external("GOLDEN") / "EXPECTED.tsv"
    listed = {(r.tracker, r.benchmark, r.metric, r.protocol): r.value for r in published() if "SiamSA" not in r.source}
    named = METRICS | {"eao": "eao", "accuracy": "accuracy", "robustness": "robustness"}
    rows = [r for r in csv.DictReader(expected.open(), delimiter="\t") if r["agrees"] == "yes"]
    assert rows
    for row in rows:
        value = listed[row["tracker"], row["benchmark"], named[row["metric"]], row["protocol"]]
        assert value == pytest.approx(float(row["value"]), abs=6e-4)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("otb100", "OTB100"), ("LaSOT", "LaSOT-test"), ("GOT-10k", "GOT-10k-val"), ("UAV_123", "UAV123")],
)
def test_benchmarks_are_found_however_they_are_written(asked: str, found: str) -> None:
    assert {row.benchmark for row in published_on(asked)} == {found}


def test_an_unknown_benchmark_has_none() -> None:
    assert published_on("synthetic") == []


def test_the_same_protocol_is_compared_without_a_word_and_others_with_a_warning() -> None:
    pairs = beside([_scores("siam_ban", "OTB100")])
    same = [pair for pair in pairs if pair.same_protocol]
    assert {pair.published.metric for pair in same} == {"success", "precision"}
    assert all(not pair.warning() for pair in same)
    (other,) = [pair for pair in pairs if not pair.same_protocol]
    assert "does not state its protocol, ours is by pysot" in other.warning()


def test_per_cent_is_held_against_fractions() -> None:
    percent = _scores("SiamBAN", "OTB100", "pytracking")
    ours = {pair.published.metric: pair.ours for pair in beside([percent])}
    assert ours["success"] == percent.value("auc_percent") / 100 < 1
    assert all(
        "is by pysot, ours is by pytracking" in p.warning()
        for p in beside([percent])
        if p.published.protocol == "pysot"
    )


def test_robustness_of_the_official_toolkit_is_another_number() -> None:
    assert published_name("robustness", "pysot-vot") == "robustness"
    assert published_name("robustness", "vot-toolkit") is None
    assert published_name("eao", "vot-toolkit") == "eao"
