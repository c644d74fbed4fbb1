"""``siamtrack eval``: tables, comparisons and the page, from files on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamtrack.cli import main

FRAMES, SIZE = 12, (96, 72)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """OTB2013's layout with two of its sequences, and results of three trackers on them."""
    root = tmp_path_factory.mktemp("eval")
    rng = np.random.default_rng(0)
    for name in ("Coke", "Deer"):
        folder = root / "data" / name
        (folder / "img").mkdir(parents=True)
        for i in range(FRAMES):
            Image.new("RGB", SIZE, (20 * i, 80, 120)).save(folder / "img" / f"{i + 1:04d}.jpg")
        boxes = np.round(np.concatenate([rng.uniform(20, 40, (FRAMES, 2)), np.full((FRAMES, 2), 18.0)], 1))
        np.savetxt(folder / "groundtruth_rect.txt", boxes, fmt="%d", delimiter=",")
        for tracker, shift in (("near", 1), ("SiamFC", 4), ("far", 9)):
            place = root / "results" / "OTB2013" / tracker
            place.mkdir(parents=True, exist_ok=True)
            np.savetxt(place / f"{name}.txt", boxes + [shift, 0, 0, 0], fmt="%.4f", delimiter=",")  # noqa: RUF005
    return root / "data", root / "results"


def _eval(benchmark: tuple[Path, Path], *options: str) -> int:
    data, results = benchmark
    where = ["--dataset", "OTB2013", "--data-root", str(data), "--sequences", "Coke,Deer", "--results", str(results)]
    return main(["eval", *where, *options])


def test_a_page_with_the_data_sets_own_images(
    benchmark: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    page = tmp_path / "report.html"
    assert _eval(benchmark, "--html", str(page), "--compare-to", "SiamFC") == 0
    assert f"{page}: 0." in capsys.readouterr().out
    text = page.read_text()
    assert text.count('"image":') > 1
    assert '"reference":"SiamFC"' in text
    assert _eval(benchmark, "--html", str(page), "--html-images", "0") == 0
    assert '"image":' not in page.read_text()


def test_images_that_are_gone_leave_the_boxes(
    benchmark: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, results = benchmark
    for file in (data / "Coke" / "img").iterdir():
        file.write_bytes(b"no image")
    with caplog.at_level(logging.WARNING):
        assert _eval((data, results), "--html", str(tmp_path / "report.html")) == 0
    assert "frames are shown as boxes alone; the first: " in caplog.text
    assert '"image":' in (tmp_path / "report.html").read_text()  # of the other sequence


def test_comparisons_go_into_every_kind_of_table(
    benchmark: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    files = ["--markdown", str(tmp_path / "t.md"), "--latex", str(tmp_path / "t.tex")]
    assert _eval(benchmark, "--compare-to", "SiamFC", *files) == 0
    assert "bootstrap interval" in capsys.readouterr().out
    assert "minus that of SiamFC, paired over 2 sequences" in (tmp_path / "t.md").read_text()
    assert "minus that of SiamFC" in (tmp_path / "t.tex").read_text()
    assert _eval(benchmark, "--compare-to", "KCF") == 2
    assert "no scores of 'KCF' to compare to; there are scores of SiamFC, far, near" in capsys.readouterr().err


def test_published_scores_beside_ours_with_a_warning_where_protocols_differ(
    benchmark: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert _eval(benchmark, "--compare", "published", "--markdown", str(tmp_path / "t.md")) == 0
    assert "huanglianghua/siamfc-pytorch README.md" in (tmp_path / "t.md").read_text()
    assert (
        "SiamFC on OTB2013: success 0.589 of huanglianghua/siamfc-pytorch README.md is by got10k, ours" in caplog.text
    )


def test_the_page_of_all_protocols(benchmark: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert _eval(benchmark, "--protocol", "all", "--html", str(page), "--html-images", "0") == 0
    text = page.read_text()
    assert all(f'"protocol":{{"name":"{name}"' in text for name in ("pysot", "got10k", "pytracking", "matlab-otb"))
