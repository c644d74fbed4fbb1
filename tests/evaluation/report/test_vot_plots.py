"""Plots of VOT's experiments: what they show can be read back from the figure's vector file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.evaluation import vot
from siamtrack.evaluation.report.vot_plots import plot_vot
from siamtrack.evaluation.report.vot_tables import ranked, vot_tables
from siamtrack.evaluation.vot import VotScores


def scores(tracker: str, benchmark: str, **values: float) -> VotScores:
    about = vot.edition(benchmark)
    assert about is not None
    curve = np.linspace(0.8, 0.2, 400)
    longterm = about.experiment == "longterm"
    return VotScores(
        tracker,
        benchmark,
        vot.resolve_vot("", about),
        ("ants1",),
        values,
        {},
        dict.fromkeys(("precision", "recall", "f1") if longterm else ("eao",), curve),
        ar=None if longterm else (0.9, values["accuracy"]),
    )


def two(benchmark: str) -> list[VotScores]:
    numbers = {"robustness": 0.2, "lost_number": 3.0, "accuracy": 0.6, "precision": 0.5, "recall": 0.4}
    return [scores(name, benchmark, eao=0.1 + i / 4, f1=0.1 + i / 4, **numbers) for i, name in enumerate("AB")]


@pytest.mark.parametrize(
    ("benchmark", "titles", "best"),
    [
        ("VOT2018", ("Accuracy and robustness", "mean over 100 to 356 frames", "30 failures / frames"), "0.350  B"),
        ("VOT2020", ("mean over 115 to 755 frames", "Robustness, share of frames reached"), "0.350  B"),
        ("VOT2018-LT", ("Precision and recall", "F by threshold"), "0.350  B"),
    ],
)
def test_what_is_drawn(tmp_path: Path, benchmark: str, titles: tuple[str, ...], best: str) -> None:
    drawn = plot_vot(two(benchmark), tmp_path / "plots" / "p.svg").read_text(encoding="utf-8")
    for text in (*titles, best, "0.100  A", benchmark, "protocol"):
        assert text in drawn, text
    assert drawn.index(best) < drawn.index("0.100  A"), "the better one first"


def test_trackers_without_a_number_come_last() -> None:
    numbers = {"robustness": 0.2, "lost_number": 3.0, "accuracy": 0.6}
    found = [scores(name, "VOT2018", eao=eao, **numbers) for name, eao in (("A", np.nan), ("B", 0.1), ("C", 0.3))]
    assert [score.tracker for score in ranked(found)] == ["C", "B", "A"]
    (table,) = vot_tables(found)
    assert table.labels == (("C",), ("B",), ("A",))
    assert [cells[0] for cells in table.cells()] == [("0.300", "best"), ("0.100", "second"), ("–", "")]


def test_a_picture_is_written(tmp_path: Path) -> None:
    assert plot_vot(two("VOT2018"), tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_one_plot_shows_one_protocol(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one edition by one protocol; these are VOT2018 by pysot-vot, VOT2020"):
        plot_vot([*two("VOT2018"), *two("VOT2020")], tmp_path / "p.png")
    with pytest.raises(ValueError, match="no scores to plot"):
        plot_vot([], tmp_path / "p.png")
