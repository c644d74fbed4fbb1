"""OTB: frame windows, targets that share a folder, separators, lists, and parts of the benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.otb import CVPR13, TARGETS, TB50, TB100, WINDOWS
from siamtrack.data.sequence import DataError


def rows(count: int, separator: str = ",", end: str = "\n", start: int = 0) -> str:
    return end.join(separator.join(map(str, (start + i + 1, 2, 30, 40))) for i in range(count)) + end


@pytest.fixture
def put(tmp_path: Path, images, text):
    """``put(name, numbers, boxes)`` adds a sequence to a miniature OTB."""

    def write(name: str, numbers, boxes: str, file: str = "groundtruth_rect.txt", pattern: str = "%04d.jpg") -> Path:
        images(tmp_path / "OTB100" / name / "img", pattern, numbers, size=(4, 4))
        text(tmp_path / "OTB100" / name / file, boxes)
        return tmp_path

    return write


def test_the_lists_of_the_three_versions() -> None:
    assert (len(TB100), len(TB50), len(CVPR13)) == (100, 50, 51)
    assert len(set(TB100)) == 100
    assert set(TB50) < set(TB100)
    assert set(CVPR13) < set(TB100)
    assert {name for name in TB100 if "-" in name} == {"Jogging-1", "Jogging-2", "Skating2-1", "Skating2-2", "Human4-2"}
    assert len({name.split("-")[0] for name in TB100}) == 98  # folders
    assert set(WINDOWS) < set(TB100)


@pytest.mark.parametrize("separator", [",", "\t", " "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_boxes_count_from_one_whatever_the_separator(put, separator: str, end: str) -> None:
    sequence = open_dataset("otb", put("Crossing", (1, 2), rows(2, separator, end)))["Crossing"]
    np.testing.assert_array_equal(sequence.file_boxes, [[1, 2, 30, 40], [2, 2, 30, 40]])
    np.testing.assert_array_equal(sequence.boxes, [[0, 1, 30, 40], [1, 1, 30, 40]])
    assert sequence.offset == 1.0
    assert sequence.visible is None


@pytest.mark.parametrize(
    ("name", "files", "boxes", "first_file", "first_box"),
    [
        ("David", range(1, 771), 471, 300, 1),  # whole, files before the window on disk
        ("David", range(300, 771), 471, 300, 1),  # whole, without them
        ("David", range(300, 360), 60, 300, 1),  # cut
        ("David", range(1, 472), 471, 1, 1),  # cut and numbered anew
        ("Football1", range(1, 82), 74, 1, 1),  # more frames than boxes
        ("Diving", range(1, 232), 215, 1, 1),
        ("Freeman3", range(1, 462), 460, 1, 1),
        ("Tiger1", range(1, 355), 354, 6, 6),  # boxes for the frames before the window
        ("Tiger1", range(1, 355), 349, 6, 1),  # boxes for the window alone
        ("BlurCar1", range(247, 989), 742, 247, 1),
        ("BlurCar3", range(3, 360), 357, 3, 1),
        ("Coke", range(1, 296), 291, 1, 1),  # in the list: boxes begin at frame 1
    ],
)
def test_windows(put, name: str, files: range, boxes: int, first_file: int, first_box: int) -> None:
    root = put(name, [], rows(boxes))
    for number in files:
        (root / "OTB100" / name / "img" / f"{number:04d}.jpg").touch()
    sequence = open_dataset("otb", root)[name]
    count = boxes - first_box + 1
    assert len(sequence) == len(sequence.frames) == count
    assert Path(sequence.frames.path(0)).name == f"{first_file:04d}.jpg"
    assert Path(sequence.frames.path(count - 1)).name == f"{first_file + count - 1:04d}.jpg"
    assert sequence.file_boxes[0, 0] == first_box


def test_two_targets_share_frames_and_group(put, text) -> None:
    root = put("Jogging", (1, 2), rows(2), "groundtruth_rect.1.txt")
    text(root / "OTB100" / "Jogging" / "groundtruth_rect.2.txt", rows(2, start=50))
    put("Human4", (1,), rows(1, start=7), "groundtruth_rect.2.txt")
    text(root / "OTB100" / "Human4" / "groundtruth_rect1.txt", "")  # lies in the official archive
    with pytest.raises(DataError, match=r"Human4-9|groundtruth_rect.9.txt"):
        open_dataset("otb", root, sequences=["Human4-9"])[0]
    dataset = open_dataset("otb", root)
    assert list(dataset.names) == ["Human4-2", "Jogging-1", "Jogging-2"]
    one, two = dataset["Jogging-1"], dataset["Jogging-2"]
    assert (one.group, two.group) == ("Jogging", "Jogging")
    assert (one.file_boxes[0, 0], two.file_boxes[0, 0], dataset["Human4-2"].file_boxes[0, 0]) == (1, 51, 8)
    assert one.frames.path(1) == two.frames.path(1)
    chosen = open_dataset("otb", root, sequences=["Jogging"])
    assert list(chosen.names) == ["Jogging-1", "Jogging-2"]
    with pytest.raises(DataError, match=r"holds no groundtruth_rect.3.txt but .*name the target, such as Jogging-1"):
        dataset["Jogging-3"]


def test_no_target_gets_the_boxes_of_another(put) -> None:
    root = put("Jogging", (1,), rows(1), "groundtruth_rect.2.txt")
    with pytest.raises(DataError, match=r"groundtruth_rect.1.txt: cannot be read"):
        open_dataset("otb", root)["Jogging-1"]
    put("Human4", (1,), rows(1, start=7))  # some copies drop the number; the list knows one target only
    assert open_dataset("otb", root)["Human4-2"].file_boxes[0, 0] == 8


def test_a_part_of_the_benchmark_and_a_sequence_of_ones_own(put, caplog: pytest.LogCaptureFixture) -> None:
    put("Crossing", (1,), rows(1))
    put("Board", (1, 2), rows(2), pattern="%05d.jpg")
    root = put("mine-2", (1, 2, 3), rows(3))
    dataset = open_dataset("OTB100", root)
    assert list(dataset.names) == ["Board", "Crossing"]
    assert len(dataset.missing) == 98
    assert "98 of the 100 sequences of otb are not there and are left out" in caplog.text
    assert len(open_dataset("otb", root, sequences=["mine-2"])[0]) == 3
    assert list(open_dataset("OTB2013", root).names) == ["Crossing"]
    assert [len(TARGETS[version]) for version in ("100", "50", "2013")] == [100, 50, 51]


def test_attributes_come_from_the_json_beside(put) -> None:
    root = put("Crossing", (1,), rows(1))
    (root / "OTB100" / "OTB100.json").write_text(json.dumps({"Crossing": {"attr": ["Deformation"]}}))
    assert open_dataset("otb", root)["Crossing"].attributes == ("Deformation",)
    (root / "OTB100" / "OTB100.json").write_text("[1]")
    with pytest.raises(DataError, match=r"OTB100.json: is not pysot's annotation file"):
        open_dataset("otb", root)


def test_boxes_without_frames_get_a_sentence(put) -> None:
    root = put("Crossing", (1, 2), rows(3))
    folder = root / "OTB100" / "Crossing"
    with pytest.raises(DataError) as caught:
        open_dataset("otb", root)["Crossing"]
    assert str(caught.value) == (
        f"{folder / 'groundtruth_rect.txt'}: has 3 boxes, but {folder / 'img'} holds 2 images, of which 2 fit; "
        "every box needs its frame."
    )
    put("mine", (1, 2, 3), rows(2))  # unknown to the benchmark: nobody says which frames the boxes belong to
    with pytest.raises(DataError, match=r"has 2 boxes, but .* holds 3 images"):
        open_dataset("otb", root, sequences=["mine"])[0]
