"""Tables and plots: what is marked best, what is escaped, what is refused, and what a picture shows."""

from __future__ import annotations

import dataclasses
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from siamtrack import evaluation
from siamtrack.evaluation import Scores, TrackerResults, Truth
from siamtrack.evaluation.report import plots, tables, write_report
from siamtrack.evaluation.report.tables import Column, Table


@pytest.fixture(scope="module")
def scores() -> list[Scores]:
    rng = np.random.default_rng(0)
    truth = Truth(
        "a", np.concatenate([rng.uniform(20, 60, (60, 2)), rng.uniform(20, 40, (60, 2))], 1), resolution=(200, 200)
    )
    results = [
        TrackerResults.of(name, {"a": truth.boxes + rng.normal(0, noise, (60, 4))}, {"a": np.full(60, 0.02)})
        for name, noise in (("rough", 9.0), ("fine_1", 1.0), ("middling", 4.0))
    ]
    return evaluation.evaluate_all([truth], results, "pysot", benchmark="OTB100")


TABLE = Table(
    "T & U, protocol p",
    ("Tracker",),
    (Column("A"), Column("FPS", 1, ranked=False)),
    (("a_1",), ("b|",), ("c",), ("[d]",)),
    ((0.70049, 10.0), (0.7004, 20.0), (0.5, None), (float("nan"), 5.0)),
)


def test_places_follow_what_is_read() -> None:
    cells = TABLE.cells()
    assert [row[0] for row in cells] == [("0.700", "best"), ("0.700", "best"), ("0.500", "second"), ("–", "")]
    assert [row[1] for row in cells] == [("10.0", ""), ("20.0", ""), ("–", ""), ("5.0", "")]


def test_a_lone_row_is_not_best() -> None:
    lone = dataclasses.replace(TABLE, labels=TABLE.labels[:1], values=TABLE.values[:1])
    assert lone.cells()[0][0] == ("0.700", "")


def test_markdown() -> None:
    lines = tables.markdown(TABLE).splitlines()
    assert lines[2:5] == ["| Tracker | A | FPS |", "| --- | ---: | ---: |", "| a_1 | **0.700** | 10.0 |"]
    assert lines[5].startswith("| b\\| |")
    assert "<u>0.500</u>" in lines[6]


def test_latex() -> None:
    text = tables.latex(TABLE)
    assert r"a\_1 & \textbf{0.700} & 10.0 \\" in text
    assert r"c & \underline{0.500} & -- \\" in text
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\end{tabular}") == 1


def test_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")
    console.print(tables.terminal(TABLE))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1m0.700" in shown
    assert "\x1b[4m0.500" in shown
    assert "[d]" in shown  # a name is not mark-up


def test_a_narrow_terminal_cuts_no_number() -> None:
    console = Console(file=io.StringIO(), width=22)
    console.print(tables.terminal(TABLE))
    assert "\N{HORIZONTAL ELLIPSIS}" not in console.file.getvalue().split("\n", 4)[-1]  # type: ignore[attr-defined]


def test_tables_are_sorted_and_carry_the_protocol(scores: list[Scores]) -> None:
    (table,) = tables.scores_tables(scores)
    assert table.title == "OTB100, protocol pysot"
    assert [label for (label,) in table.labels] == ["fine_1", "middling", "rough"]
    assert [column.label for column in table.columns] == ["Success", "Precision", "Norm. precision", "FPS"]
    assert [row[3] for row in table.values] == pytest.approx([50.0] * 3)


def test_the_table_of_protocols(scores: list[Scores]) -> None:
    percent = dataclasses.replace(scores[1], protocol=evaluation.resolve("pytracking"))
    table = tables.protocols_table([scores[0], percent, scores[1]])
    assert table.labels == (
        ("fine_1", "OTB100", "pytracking"),
        ("fine_1", "OTB100", "pysot"),
        ("rough", "OTB100", "pysot"),
    )
    assert table.values[0] == pytest.approx(table.values[1], abs=1e-6)  # the same hits, one of them in per cent
    assert table.values[2][0] == scores[0].value("success")
    assert {place for row in table.cells() for _, place in row} == {""}


def test_rows_are_json(scores: list[Scores], tmp_path: Path) -> None:
    evaluation.write_rows(tmp_path / "new" / "rows.json", scores)
    rows = json.loads((tmp_path / "new" / "rows.json").read_text())
    assert rows == evaluation.rows(scores)
    assert len(rows) == 3 * 4
    assert rows[0] == {
        "tracker": "rough",
        "benchmark": "OTB100",
        "protocol": "pysot",
        "metric": "success",
        "value": scores[0].value("success"),
    }


def test_plot_shows_every_tracker_in_its_colour(scores: list[Scores], tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = plots.plot_overview(scores, tmp_path / "plot.png")
    with Image.open(path) as image:
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.width > image.height
    used = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in plots.COLORS]
    assert colors.issuperset(used[:3])
    assert not colors.intersection(used[3:6])
    assert path.stat().st_size < 100_000


def test_a_tracker_may_bring_its_colour(scores: list[Scores], tmp_path: Path) -> None:
    path = plots.plot_curve(scores, "success", tmp_path / "plot.png", {scores[0].tracker: "#FF7A00"})
    with Image.open(path) as image:
        inks = {ink for _, ink in image.convert("RGB").getcolors(1 << 24)}
    assert (255, 122, 0) in inks


def test_legend_is_sorted_by_score(scores: list[Scores], tmp_path: Path) -> None:
    text = plots.plot_curve(scores, "precision", tmp_path / "plot.svg").read_text()
    listed = [
        f"{s.value('precision@20'):.3f}  {s.tracker}" for s in sorted(scores, key=lambda s: -s.value("precision@20"))
    ]
    places = [text.index(entry) for entry in listed]
    assert places == sorted(places)
    assert "OTB100 · one-pass evaluation, protocol pysot" in text
    assert "at 20 px" in text


def test_what_one_plot_cannot_show(scores: list[Scores], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no scores to plot"):
        plots.plot_overview([], tmp_path / "a.png")
    mixed = [scores[0], dataclasses.replace(scores[1], benchmark="UAV123")]
    with pytest.raises(ValueError, match="these are OTB100 by pysot, UAV123 by pysot"):
        plots.plot_overview(mixed, tmp_path / "a.png")
    with pytest.raises(ValueError, match="Protocol pysot has no overlap curve; it has success, precision"):
        plots.plot_curve(scores, "overlap", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_report_writes_everything(scores: list[Scores], tmp_path: Path) -> None:
    truth = Truth("a", np.full((9, 4), 20.0), resolution=(99, 99))
    got10k = evaluation.evaluate([truth], {"a": truth.boxes}, benchmark="GOT-10k")
    written = write_report(tmp_path / "report", [*scores, got10k])
    assert sorted(path.name for path in written) == [
        "GOT-10k-got10k.png",
        "OTB100-pysot.png",
        "rows.json",
        "tables.md",
        "tables.tex",
    ]
    assert all(path.stat().st_size for path in written)
    assert (tmp_path / "report" / "tables.md").read_text().count("| Tracker |") == 2
