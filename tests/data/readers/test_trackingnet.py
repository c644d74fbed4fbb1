"""TrackingNet: twelve parts of training as one set, frames counted from 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.cache import index_file
from siamtrack.data.check import check
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


@pytest.fixture
def root(tmp_path: Path, images, text) -> Path:
    for part, name, rows in (("TRAIN_0", "b_0", 3), ("TRAIN_3", "-a_1", 12), ("TEST", "t_0", 1)):
        home = tmp_path / "TrackingNet" / part
        images(home / "frames" / name, "%d.jpg", range(max(rows, 11)))
        text(home / "anno" / f"{name}.txt", "".join(f"{row}.5,2,3,4\n" for row in range(rows)))
    return tmp_path


def test_chunks_are_one_set(root: Path) -> None:
    dataset = open_dataset("trackingnet", root, split="train", chunks=(0, 3))
    assert sorted(dataset.names) == ["-a_1", "b_0"]
    sequence = dataset["-a_1"]
    np.testing.assert_array_equal(sequence.boxes[:, 0], np.arange(12) + 0.5)
    assert [int(sequence.frames[i][0, 0, 0]) for i in (0, 2, 10)] == [0, 2, 10], "by number, not by letter"
    assert list(open_dataset("trackingnet", root, split="train", chunks=(3,)).names) == ["-a_1"]
    report = check("trackingnet", root, split="train", chunks=[0, 3])
    assert report.ok, report.text()
    assert "8 images without annotation" in report.text()


def test_of_a_test_sequence_only_the_first_box_is_known(root: Path) -> None:
    sequence = open_dataset("TrackingNet", root)["t_0"]
    assert len(sequence) == 11
    assert np.isnan(sequence.boxes[1:]).all()
    assert int(sequence.frames[10][0, 0, 0]) == 10


def test_keys_and_sentences(root: Path, text) -> None:
    three = {"split": "train", "chunks": (3,)}
    before = index_file(open_dataset("trackingnet", root, **three))
    text(root / "TrackingNet" / "TRAIN_3" / "anno" / "-a_1.txt", "1,2,3,4\n")
    assert index_file(open_dataset("trackingnet", root, **three)) != before
    with pytest.raises(DataError, match="fetch TRAIN_1, or leave it out of CHUNKS"):
        len(open_dataset("trackingnet", root, split="train"))
    with pytest.raises(DataError, match=r"holds no anno/b_0.txt for train"):
        open_dataset("trackingnet", root, **three)["b_0"]
    with pytest.raises(DataError, match=r"data set trackingnet: .*expected is\nTrackingNet/"):
        open_dataset("trackingnet", root, split="train", chunks=(7,))
