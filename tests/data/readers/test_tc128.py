"""TC128: the range of frames that belongs to the annotation."""

from __future__ import annotations

from pathlib import Path

import pytest

from siamtrack.data.check import check
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


@pytest.fixture
def root(tmp_path: Path, images, text) -> Path:
    home = tmp_path / "TC128"
    for name in ("Ball_ce1", "Ball_ce2"):
        images(home / name / "img", "%04d.jpg", range(1, 7))
    text(home / "Ball_ce1" / "Ball_ce1_gt.txt", "11,12,13,14\n12,12,13,14\n13,12,13,14\n")
    text(home / "Ball_ce1" / "Ball_ce1_frames.txt", "3,5\n")
    text(home / "Ball_ce2" / "Ball_ce2_gt.txt", "11,12,13,14\n" * 6)
    return tmp_path


def test_frames_are_those_of_the_range(root: Path) -> None:
    dataset = open_dataset("TC128", root)
    assert list(dataset.names) == ["Ball_ce1", "Ball_ce2"]
    sequence = dataset["Ball_ce1"]
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [3, 4, 5]
    assert sequence.file_boxes[:, 0].tolist() == [11, 12, 13]
    assert sequence.init_box.tolist() == [10, 11, 13, 14]
    assert len(dataset["Ball_ce2"]) == 6
    assert check("tc128", root).ok


def test_sentences(root: Path, text) -> None:
    text(root / "TC128" / "Ball_ce1" / "Ball_ce1_frames.txt", "3,6\n")
    with pytest.raises(DataError, match=r"Ball_ce1_gt.txt: has 3 boxes, but .* holds 4 images of the range"):
        open_dataset("tc128", root)["Ball_ce1"]
    text(root / "TC128" / "Ball_ce1" / "Ball_ce1_frames.txt", "3\n")
    with pytest.raises(DataError, match="is not 2 numbers"):
        open_dataset("tc128", root)["Ball_ce1"]
    with pytest.raises(DataError, match=r"data set tc128: .*expected is\nTC128/"):
        open_dataset("tc128", root / "TC128" / "Ball_ce1" / "img")
