"""``siamtrack eval`` on VOT's challenges, from files to tables, rows and plots."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.cli import main
from siamtrack.evaluation import vot

FRAMES = 130
BOX = np.array([20.0, 15, 30, 20])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sequences of VOT2018, a slanted target and an upright one."""
    root = tmp_path / "VOT2018"
    for name, corners in (("ants1", [20, 15, 50, 18, 48, 38, 18, 35]), ("bag", [20, 15, 50, 15, 50, 35, 20, 35])):
        (root / name / "color").mkdir(parents=True)
        for i in range(FRAMES):
            cv2.imwrite(str(root / name / "color" / f"{i + 1:08d}.jpg"), np.zeros((60, 80, 3), np.uint8))
        (root / name / "groundtruth.txt").write_text(",".join(map(str, corners)) + "\n" + (
            ",".join(map(str, corners)) + "\n") * (FRAMES - 1))  # fmt: skip
        (root / name / "occlusion.tag").write_text("1\n" * 40 + "0\n" * (FRAMES - 40))
    (root / "list.txt").write_text("ants1\nbag\n")
    return tmp_path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """``Steady`` never fails, ``Lossy`` fails once in each sequence."""
    root = tmp_path / "results"
    for name in ("ants1", "bag"):
        steady = [(1,), *[tuple(BOX)] * (FRAMES - 1)]
        lossy = [*steady[:60], (2,), (0,), (0,), (0,), (0,), (1,), *steady[66:]]
        for tracker, rows in (("Steady", steady), ("Lossy", lossy)):
            path = vot.run_file(root / "VOT2018" / tracker, name)
            vot.save_run(path, rows, np.full(FRAMES, 0.01))
    return root


def evaluate(data: Path, results: Path, *more: str) -> int:
    return main(["eval", "--dataset", "VOT2018", "--data-root", str(data), "--results", str(results), *more])


def test_the_default_protocol_is_that_of_papers(
    data: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--json", str(tmp_path / "rows.json"), "--plots", str(tmp_path / "plots")]
    tables = ["--markdown", str(tmp_path / "t.md"), "--latex", str(tmp_path / "t.tex"), "--attributes"]
    assert evaluate(data, results, *files, *tables) == 0
    assert "VOT2018, supervised, protocol pysot-vot" in capsys.readouterr().out
    rows = {(row["tracker"], row["metric"]): row["value"] for row in json.loads((tmp_path / "rows.json").read_text())}
    assert rows["Steady", "lost_number"] == 0
    assert rows["Lossy", "lost_number"] == 2
    assert rows["Lossy", "robustness"] == pytest.approx(100 * 2 / (2 * FRAMES))
    assert 0.7 < rows["Steady", "accuracy"] < 1
    assert rows["Steady", "eao"] > rows["Lossy", "eao"] > 0
    assert rows["Steady", "fps"] == pytest.approx(100)
    markdown = (tmp_path / "t.md").read_text()
    assert "| Steady | **" in markdown
    assert "EAO of each attribute" in markdown
    lossy = next(line for line in markdown.splitlines() if line.startswith("| Lossy"))
    assert lossy.endswith("| <u>2</u> | 100.0 |"), "fewer lost is better"
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "VOT2018-pysot-vot.pdf",
        "VOT2018-pysot-vot.png",
    ]


def test_all_protocols_stand_beside_each_other(data: Path, results: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    assert evaluate(data, results, "--protocol", "all", "--trackers", "Lossy", "--json", str(file)) == 0
    rows = {(row["protocol"], row["metric"]): row["value"] for row in json.loads(file.read_text())}
    assert {protocol for protocol, _ in rows} == {"pysot-vot", "vot-toolkit"}
    assert rows["vot-toolkit", "robustness"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--trackers", "Absent"], "--trackers: no runs of Absent; there are runs of Lossy, Steady."),
        (["--protocol", "pysot-votes"], "Did you mean 'pysot-vot'?"),
        (["--compare-to", "Lossy"], "--compare-to is for one-pass protocols"),
    ],
)
def test_sentences(
    data: Path, results: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert evaluate(data, results, *more) == 2
    assert sentence in capsys.readouterr().err


def test_published_scores_stand_beside(
    data: Path, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "t.md"
    assert evaluate(data, results, "--compare", "published", "--markdown", str(file)) == 0
    assert "ours by protocol pysot-vot, and published scores" in file.read_text()


def test_the_page_shows_both_protocols(data: Path, results: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert evaluate(data, results, "--protocol", "all", "--html", str(page)) == 0
    text = page.read_text()
    assert '"name":"pysot-vot"' in text
    assert '"name":"vot-toolkit"' in text
