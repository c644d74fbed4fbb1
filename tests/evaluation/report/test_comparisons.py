"""Tables of one tracker against another, and of ours beside published scores."""

from __future__ import annotations

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import Scores, Truth
from siamtrack.evaluation.compare import compare
from siamtrack.evaluation.report import tables
from siamtrack.evaluation.report.comparisons import comparison_tables, published_tables


@pytest.fixture(scope="module")
def scores() -> list[Scores]:
    boxes = np.tile([30.0, 40.0, 20.0, 20.0], (10, 1))
    truths = [Truth(f"s{i}", boxes) for i in range(6)]
    results = [
        evaluation.TrackerResults.of(name, {f"s{i}": boxes + np.array([shift + i / 9, 0, 0, 0]) for i in range(6)})
        for name, shift in (("near", 1), ("SiamBAN", 4), ("far", 12))
    ]
    return evaluation.evaluate_all(truths, results, "pysot", benchmark="OTB100")


def test_everybody_is_held_against_one(scores: list[Scores]) -> None:
    table = comparison_tables(scores, "SiamBAN")[0]
    assert table.labels == (("near", "yes"), ("far", "yes"))
    found = compare(scores[0], scores[1])[0]
    assert table.values[0] == (found.difference.mean, found.difference.low, found.difference.high, 6, 0)
    assert "minus that of SiamBAN, paired over 6 sequences, 95% bootstrap interval" in table.title
    text = tables.markdown(table)
    assert f"| near | yes | +{found.difference.mean:.3f} |" in text
    assert "| far | yes | -" in text
    assert rf"far & yes & $-${abs(table.values[1][0] or 0):.3f} &" in tables.latex(table)


def test_who_is_not_there_is_said(scores: list[Scores]) -> None:
    with pytest.raises(ValueError, match="no scores of 'KCF' to compare to; there are scores of near, SiamBAN, far"):
        comparison_tables(scores, "KCF")


def test_published_scores_stand_beside_ours_with_their_source(scores: list[Scores]) -> None:
    (table,) = published_tables(scores)
    rows = dict(zip(table.labels, table.values, strict=True))
    (mark,) = [note.split()[0] for note in table.notes if note.endswith("hqucv/siamban MODEL_ZOO.md")]
    assert rows["SiamBAN", "pysot", "2020", mark] == (0.696, 0.91)
    assert table.notes[0] == "ours: on 6 sequences"
    assert rows["near", "pysot", "", "ours"][0] == scores[0].value("success")
    assert {place for row in table.cells() for _, place in row} == {""}
    values = [row[0] for row in table.values if row[0] is not None]
    assert values == sorted(values, reverse=True)


def test_a_benchmark_without_published_scores_has_no_table(scores: list[Scores]) -> None:
    boxes = np.full((9, 4), 20.0)
    assert published_tables([evaluation.evaluate([Truth("a", boxes)], {"a": boxes}, benchmark="synthetic")]) == []
