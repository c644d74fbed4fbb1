"""UAV123: sequences are ranges of folders, whose start must not be guessed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.uav123 import RANGES
from siamtrack.data.sequence import DataError


@pytest.fixture
def put(tmp_path: Path, text):
    """``put(edition, name, boxes, folder, numbers)``; frames stay empty files."""

    def write(edition: str, name: str, boxes: int, folder: str, numbers, hidden: int = -1) -> Path:
        frames = tmp_path / "UAV123" / "data_seq" / edition / folder
        frames.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            (frames / f"{number:06d}.jpg").touch()
        lines = ["NaN,NaN,NaN,NaN" if i == hidden else f"{i + 1},2,3.5,4" for i in range(boxes)]
        text(tmp_path / "UAV123" / "anno" / edition / f"{name}.txt", "\n".join(lines))
        return tmp_path

    return write


def first_and_last(sequence) -> tuple[str, str]:
    return Path(sequence.frames.path(0)).name, Path(sequence.frames.path(len(sequence) - 1)).name


def test_facts_of_the_table() -> None:
    assert RANGES["bird1"] == ((1, 253), (775, 1477), (1573, 2437))
    assert sum(len(parts) for parts in RANGES.values()) == 51  # 123 - 51 = 72 sequences have a folder of their own
    for parts in RANGES.values():
        assert all(1 <= first < last for first, last in parts)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(parts))


@pytest.mark.parametrize(
    ("edition", "reader", "name", "folder", "files", "first", "last"),
    [
        ("UAV123", "uav123", "bird1_2", "bird1", 2437, 775, 1477),
        ("UAV123", "uav123", "bird1_1", "bird1", 2437, 1, 253),
        ("UAV123_10fps", "uav123@10fps", "group2_2", "group2", 895, 303, 591),
        ("UAV123_10fps", "uav123_10fps", "building5", "building5", 161, 1, 161),
        ("UAV123_10fps", "uav123_10fps", "wakeboard7", "wakeboard7", 67, 1, 67),
        ("UAV123", "uav123", "car1_s", "car1_s", 5, 1, 5),
    ],
)
def test_official_ranges(put, edition, reader, name, folder, files, first, last) -> None:
    root = put(edition, name, last - first + 1, folder, range(1, files + 1))
    sequence = open_dataset(reader, root)[name]
    assert first_and_last(sequence) == (f"{first:06d}.jpg", f"{last:06d}.jpg")
    assert sequence.group == folder
    assert sequence.offset == 1.0


def test_uav20l_uses_the_frames_of_uav123(put, text) -> None:
    root = put("UAV123", "bird1_1", 253, "bird1", range(1, 2438))
    text(root / "UAV123" / "anno" / "UAV20L" / "bird1.txt", "1,2,3,4\n" * 2437)
    assert first_and_last(open_dataset("uav20l", root)["bird1"]) == ("000001.jpg", "002437.jpg")


def test_nan_rows_are_hidden_targets(put) -> None:
    sequence = open_dataset("uav123", put("UAV123", "bike1", 3, "bike1", (1, 2, 3), hidden=1))["bike1"]
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True]
    assert np.isnan(sequence.boxes[1]).all()


def test_ranges_given_beside_come_first(put) -> None:
    root = put("UAV123_10fps", "group2_2", 30, "group2", range(400, 500))
    ranges = root / "UAV123" / "sequences.json"
    ranges.write_text(json.dumps({"group2_2": {"folder": "group2", "start_frame": 458, "end_frame": 487}}))
    assert first_and_last(open_dataset("uav123_10fps", root)["group2_2"]) == ("000458.jpg", "000487.jpg")
    ranges.write_text(json.dumps({"group2_2": {"folder": "group2", "start_frame": 458, "end_frame": 488}}))
    with pytest.raises(DataError, match=r"has 30 boxes, but .*sequences.json gives group2_2 the frames 458 to 488"):
        open_dataset("uav123_10fps", root)["group2_2"]
    ranges.write_text(json.dumps({"group2_2": {"folder": "group2"}}))
    with pytest.raises(DataError, match="every sequence needs folder, start_frame and end_frame"):
        open_dataset("uav123_10fps", root)["group2_2"]


def test_a_cut_folder_is_taken_whole_if_it_fits_and_refused_if_not(put) -> None:
    root = put("UAV123_10fps", "group2_2", 30, "group2", range(458, 488))
    assert first_and_last(open_dataset("uav123_10fps", root)["group2_2"]) == ("000458.jpg", "000487.jpg")
    put("UAV123_10fps", "group2_2", 30, "group2", (500,))
    folder = root / "UAV123" / "data_seq" / "UAV123_10fps" / "group2"
    with pytest.raises(DataError) as caught:
        open_dataset("uav123_10fps", root)["group2_2"]
    assert str(caught.value) == (
        f"{root}/UAV123/anno/UAV123_10fps/group2_2.txt: has 30 boxes, but {folder} holds 31 images for them; complete "
        f"the folder, or give the range of group2_2 in {root}/UAV123/sequences.json."
    )


def test_attributes(put, text) -> None:
    root = put("UAV123", "boat1", 2, "boat1", (1, 2))
    assert open_dataset("uav123", root)["boat1"].attributes == ()
    flags = root / "UAV123" / "anno" / "UAV123" / "att" / "boat1.txt"
    text(flags, "1,0,0,0,0,0,0,0,0,0,0,1\n")
    dataset = open_dataset("uav123", root)
    assert list(dataset.names) == ["boat1"]
    assert dataset["boat1"].attributes == ("Scale Variation", "Similar Object")
    text(flags, "1,0\n")
    with pytest.raises(DataError, match=r"boat1.txt: has 2 flags; one for each of Scale Variation"):
        dataset["boat1"]
