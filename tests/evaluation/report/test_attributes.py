"""Per-attribute tables and the radar plot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamtrack import evaluation
from siamtrack.evaluation import Scores, TrackerResults, Truth
from siamtrack.evaluation.report import plots, tables, write_report
from siamtrack.evaluation.report.attributes import attribute_tables, plot_attributes

TAGS = {"a": {"occlusion", "fast motion"}, "b": {"occlusion"}, "c": {"low resolution"}}


@pytest.fixture(scope="module")
def scores() -> list[Scores]:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(20, 60, (30, 2)), rng.uniform(20, 40, (30, 2))], 1)
    truths = [Truth(name, boxes, attributes=frozenset(tags)) for name, tags in TAGS.items()]
    results = [
        TrackerResults.of(name, {s: boxes + rng.normal(0, noise, (30, 4)) for s in TAGS})
        for name, noise in (("rough", 9.0), ("fine", 1.0), ("middling", 4.0))
    ]
    return evaluation.evaluate_all(truths, results, "pysot", benchmark="OTB100")


def test_a_row_holds_the_scores_on_its_sequences(scores: list[Scores]) -> None:
    table = attribute_tables(scores)[0]
    assert table.title == "OTB100, protocol pysot: Success by attribute"
    assert [column.label for column in table.columns] == ["fine", "middling", "rough"]
    assert table.labels == (("fast motion", "1"), ("low resolution", "1"), ("occlusion", "2"))
    by_name = {score.tracker: score for score in scores}
    assert table.values[2] == tuple(by_name[n].only({"a", "b"}).value("success") for n in ("fine", "middling", "rough"))


def test_the_best_of_each_row_is_marked(scores: list[Scores]) -> None:
    table = attribute_tables(scores)[0]
    for row in table.cells():
        assert [place for _, place in row] == ["best", "second", ""]
    assert tables.markdown(table).count("**") == 2 * len(table.labels)


def test_there_is_a_table_for_every_metric_and_none_without_attributes(scores: list[Scores]) -> None:
    assert len(attribute_tables(scores)) == len(scores[0].protocol.metrics)
    plain = evaluation.evaluate([Truth("a", np.full((9, 4), 20.0))], {"a": np.full((9, 4), 20.0)})
    assert attribute_tables([plain]) == []


def test_the_report_holds_them_and_a_radar_in_the_colours_of_the_curves(scores: list[Scores], tmp_path: Path) -> None:
    write_report(tmp_path, scores)
    assert "Success by attribute" in (tmp_path / "tables.md").read_text()
    with Image.open(tmp_path / "OTB100-pysot-attributes.png") as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
    used = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in plots.COLORS]
    assert colors.issuperset(used[:3])
    assert not colors.intersection(used[3:6])


def test_radar_names_its_attributes_and_protocol(scores: list[Scores], tmp_path: Path) -> None:
    text = plot_attributes(scores, tmp_path / "radar.svg", "precision@20").read_text()
    for words in ("Precision by attribute", "OTB100 · protocol pysot", "occlusion (2)", "fine"):
        assert words in text


def test_radar_of_too_few_attributes_is_refused(scores: list[Scores], tmp_path: Path) -> None:
    few = [score.only({"b"}) for score in scores]
    with pytest.raises(ValueError, match="needs 3 attributes or more; OTB100 has occlusion"):
        plot_attributes(few, tmp_path / "radar.png")
