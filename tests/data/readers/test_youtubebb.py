"""YouTube-BB: shares of a frame become pixels, and only what was saved counts."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.cache import index_file
from siamtrack.data.check import check
from siamtrack.data.index import index_table
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError

ROWS = """\
AAA-_bcdefg,3000,0,person,0,present,0.25,0.5,0.5,1.0
AAA-_bcdefg,2000,0,person,0,present,0.0,0.5,0.25,0.5
AAA-_bcdefg,4000,0,person,0,absent,-1.0,-1.0,-1.0,-1.0
AAA-_bcdefg,2000,23,potted plant,1,uncertain,0.5,0.75,0.5,0.75
gone0000000,1000,0,person,0,present,0.1,0.2,0.3,0.4
BBB00000000,0,0,person,2,present,0.5,0.75,0,0.5
"""


@pytest.fixture
def root(tmp_path: Path, images, text) -> Path:
    home = tmp_path / "yt_bb"
    text(home / "yt_bb_detection_train.csv", ROWS)
    frames = home / "yt_bb_detection_train"
    images(frames / "0", "AAA-_bcdefg_%d_0_0.jpg", (2000, 3000, 4000), size=(40, 20))
    images(frames / "23", "AAA-_bcdefg_%d_23_1.jpg", (2000,), size=(40, 20))
    images(frames / "0", "BBB00000000_%d_0_2.jpg", (0,), size=(80, 60))
    return tmp_path


def test_objects_are_sequences_in_pixels(root: Path) -> None:
    dataset = open_dataset("youtubebb", root)
    assert list(dataset.names) == ["AAA-_bcdefg-0-0", "AAA-_bcdefg-23-1", "BBB00000000-0-2"]
    person = dataset["AAA-_bcdefg-0-0"]
    np.testing.assert_array_equal(person.boxes, [[0, 5, 20, 5], [10, 10, 10, 10], [np.nan] * 4])
    assert person.visible is not None
    assert person.visible.tolist() == [True, True, False]
    assert [person.frames.path(i).rsplit("_", 3)[1] for i in range(3)] == ["2000", "3000", "4000"]
    plant = dataset["AAA-_bcdefg-23-1"]
    assert (plant.group, plant.category) == (person.group, "potted plant")
    np.testing.assert_array_equal(dataset["BBB00000000-0-2"].boxes, [[40, 0, 20, 30]])
    with pytest.raises(DataError, match="without a saved frame are left out"):
        dataset["gone0000000-0-0"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_the_csv_under_the_name_that_its_archive_holds(root: Path, suffix: str) -> None:
    home = root / "yt_bb"
    (home / "yt_bb_detection_train.csv").unlink()
    content = gzip.compress(ROWS.encode()) if suffix.endswith("gz") else ROWS.encode()
    (home / f"youtube_boundingboxes_detection_train{suffix}").write_bytes(content)
    assert len(open_dataset("youtubebb", root).names) == 3


def test_as_an_index(root: Path) -> None:
    index = index_table("youtubebb", open_dataset("youtubebb", root).table())
    assert index.videos == 2
    np.testing.assert_array_equal(index.rows, [0, 2, 3, 4])
    np.testing.assert_array_equal(index.frames, [2, 3, 2, 0])
    np.testing.assert_array_equal(index.hidden_frames, [4])
    assert check("youtubebb", root).ok


def test_a_packed_csv_and_more_frames(root: Path, images) -> None:
    home = root / "yt_bb"
    plain = home / "yt_bb_detection_train.csv"
    with gzip.open(f"{plain}.gz", "wb") as packed:
        packed.write(plain.read_bytes())
    plain.unlink()
    before = index_file(open_dataset("youtubebb", root))
    images(home / "yt_bb_detection_train" / "0", "gone0000000_%d_0_0.jpg", (1000,), size=(10, 10))
    dataset = open_dataset("youtubebb", root)
    assert "gone0000000-0-0" in dataset.names
    assert index_file(dataset) != before


def test_sentences(root: Path, text) -> None:
    home = root / "yt_bb"
    with pytest.raises(DataError, match=r"data set youtubebb: .*expected is\nyoutubebb/"):
        open_dataset("youtubebb", root, split="validation")
    text(home / "yt_bb_detection_validation.csv", "a,b,c\n")
    (home / "yt_bb_detection_validation").mkdir()
    with pytest.raises(DataError, match="is not YouTube-BB's csv"):
        len(open_dataset("youtubebb", root, split="validation"))
    text(home / "yt_bb_detection_validation.csv", ROWS)
    with pytest.raises(DataError, match="holds none of the frames"):
        len(open_dataset("youtubebb", root, split="validation"))
