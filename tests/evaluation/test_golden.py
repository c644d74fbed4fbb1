"""Published raw results give the numbers their reference toolkit gives: every one-pass row of the golden table.

``pytest tests/evaluation -k golden --golden-report FILE`` writes expected, ours and their difference for every row.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from siamtrack import evaluation
from tests.evaluation import golden, golden_archives, test_golden_vot
from tests.evaluation.golden_archives import Library
from tests.external import external

pytestmark = pytest.mark.slow
CLAIMED = [row for row in golden.table() if golden.is_one_pass(row)]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    external("GOLDEN")
    return Library(tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("row", CLAIMED or [{}], ids=golden.name)
def test_golden(row: golden.Row, library: Library) -> None:
    scores = library.scores(library.results_folder(row), row["protocol"], row["benchmark"])
    ours = scores.value(row["metric"])
    assert golden.compare(row, ours), f"{ours} instead of {row['value']}"


def test_every_row_is_claimed_by_one_of_the_golden_tests() -> None:
    external("GOLDEN")
    claims = [golden.name(row) for row in (*CLAIMED, *test_golden_vot.CLAIMED)]
    assert sorted(claims) == sorted(map(golden.name, golden.table()))
    assert claims


def test_results_alone_are_scored_on_the_annotations_of_another_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sequences of two benchmarks have the same names; the lengths say which one a tracker was run on."""
    long, short = np.tile([10.0, 10, 20, 20], (30, 1)), np.tile([50.0, 50, 20, 20], (10, 1))
    files = {
        "full.tar.gz": {"anno/a.txt": long, "anno/b.txt": long},
        "third.tar.gz": {"annotation/a.txt": short, "annotation/b.txt": short},
        "runs.tar.gz": {"T/uav_a.txt": short, "T/uav_b.txt": short[:-2]},
    }
    row = {"tracker": "T", "benchmark": "UAV123@10fps", "archive_member": "runs.tar.gz:T/"}
    for archive, content in files.items():
        with tarfile.open(tmp_path / archive, "w:gz") as tar:
            for name, boxes in content.items():
                evaluation.write_boxes(tmp_path / "plain" / name, boxes)
                tar.add(tmp_path / "plain" / name, name)
    monkeypatch.setenv("SIAMTRACK_GOLDEN", str(tmp_path))
    monkeypatch.setattr(golden_archives, "table", lambda: (row,))
    library = Library(tmp_path / "unpacked")
    scores = library.scores(library.results_folder(row), "pysot", row["benchmark"])
    assert scores.sequences == ("a", "b")
    assert scores.value("precision@20") == 1
