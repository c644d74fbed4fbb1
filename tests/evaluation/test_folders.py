"""Folders of results: recognised by content, in every layout, under every spelling of a sequence's name."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from siamtrack import evaluation
from siamtrack.evaluation import ResultError
from siamtrack.evaluation.results import SequenceNames

FRAMES = {"Jogging-1": 5, "Human4-2": 5, "GOT-10k_Val_000001": 5, "bird1_1": 5}
BOXES = np.arange(20.0).reshape(5, 4)


def fill(folder: Path, *files: str, rows: int = 5) -> None:
    for name in files:
        evaluation.write_boxes(folder / name, np.resize(BOXES, (rows, 4)))


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("Jogging-1", "Jogging-1"),
        ("jogging_1", "Jogging-1"),
        ("Jogging.1", "Jogging-1"),
        ("human4_2", "Human4-2"),
        ("Human4", "Human4-2"),
        ("uav_bird1_1", "bird1_1"),
        ("got-10k_val_000001", "GOT-10k_Val_000001"),
        ("Jogging", None),
        ("bird1", None),
    ],
)
def test_names(stem: str, name: str | None) -> None:
    assert SequenceNames(FRAMES).find(stem) == name


def test_names_that_differ_in_punctuation_alone_are_told_apart() -> None:
    names = SequenceNames(["car-1", "car_1", "uav_boat"])
    assert names.find("car_1") == "car_1"
    assert names.find("Car.1") is None
    assert names.find("boat") == "uav_boat"


def test_flat_folder(tmp_path: Path) -> None:
    fill(tmp_path, "jogging_1.txt", "Human4-2.txt", "notes_of_mine.txt")
    evaluation.write_times(tmp_path / "jogging_1_time.txt", np.full(5, 0.1))
    (tmp_path / "meta.json").write_text("{}")
    found = evaluation.load_results(tmp_path, FRAMES)
    assert found.tracker == tmp_path.name
    assert sorted(found.boxes) == ["Human4-2", "Jogging-1"]
    assert found.times["Jogging-1"].tolist() == [0.1] * 5


def test_got10k_folder(tmp_path: Path) -> None:
    name = "GOT-10k_Val_000001"
    fill(tmp_path / name, f"{name}_001.txt", f"{name}_002.txt")
    evaluation.write_times(tmp_path / name / f"{name}_time.txt", np.full(5, 0.1))
    found = evaluation.load_results(tmp_path, FRAMES, "mine")
    assert found.tracker == "mine"
    assert [len(runs) for runs in found.boxes.values()] == [2]
    assert list(found.times) == [name]


def test_times_folder(tmp_path: Path) -> None:
    fill(tmp_path, "bird1_1.txt")
    evaluation.write_times(tmp_path / "times" / "bird1_1_time.txt", np.full(5, 0.1))
    found = evaluation.load_results(tmp_path, FRAMES)
    assert list(found.times) == list(found.boxes) == ["bird1_1"]


def test_our_own_layout(tmp_path: Path) -> None:
    folder = evaluation.tracker_folder(tmp_path, "OTB100", "siamban")
    evaluation.write_boxes(evaluation.boxes_file(folder, "Jogging-1"), BOXES)
    evaluation.write_times(evaluation.times_file(folder, "Jogging-1"), np.full(5, 0.1))
    for root in (tmp_path, tmp_path / "OTB100", folder):
        assert evaluation.find_trackers(root, list(FRAMES)) == {"siamban": folder}
    assert evaluation.load_results(folder, FRAMES).boxes["Jogging-1"][0].tolist() == BOXES.tolist()


def test_several_trackers(tmp_path: Path) -> None:
    fill(tmp_path / "A", "bird1_1.txt")
    fill(tmp_path / "B" / "bird1_1", "bird1_1_001.txt")
    fill(tmp_path / "other", "something.txt")
    assert list(evaluation.find_trackers(tmp_path, list(FRAMES))) == ["A", "B"]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """As pytracking leaves them: tracker, setting and run."""
    for tracker in ("atom", "dimp"):
        fill(tmp_path / tracker / "default_000", "bird1_1.txt")
    fill(tmp_path / "dimp" / "super_000", "bird1_1.txt")
    found = evaluation.find_trackers(tmp_path, list(FRAMES))
    assert found == {
        "atom/default_000": tmp_path / "atom" / "default_000",
        "dimp/default_000": tmp_path / "dimp" / "default_000",
        "super_000": tmp_path / "dimp" / "super_000",
    }


def test_tabs_and_prefixes_of_pytracking(tmp_path: Path) -> None:
    (tmp_path / "uav_bird1_1.txt").write_text("".join("1\t2\t3\t4\n" for _ in range(5)))
    (tmp_path / "uav_bird1_1_time.txt").write_text("0.1\n" * 5)
    found = evaluation.load_results(tmp_path, FRAMES)
    assert found.boxes["bird1_1"][0].tolist() == [[1, 2, 3, 4]] * 5
    assert list(found.times) == ["bird1_1"]
    assert found.whole


@pytest.mark.parametrize(("rows", "rule"), [(6, "the last row is left out"), (4, "the last row is repeated")])
def test_one_row_too_many_or_too_few(tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: int, rule: str) -> None:
    fill(tmp_path, "bird1_1.txt", rows=rows)
    with caplog.at_level(logging.WARNING):
        (boxes,) = evaluation.load_results(tmp_path, FRAMES).boxes["bird1_1"]
    assert len(boxes) == 5
    assert boxes[3].tolist() == BOXES[3].tolist()
    assert boxes[4].tolist() == BOXES[4 if rows == 6 else 3].tolist()
    assert f"{rows} rows for 5 frames; {rule}" in caplog.text


def test_larger_differences_are_left_to_the_protocol(tmp_path: Path) -> None:
    fill(tmp_path, "bird1_1.txt", rows=3)
    assert len(evaluation.load_results(tmp_path, FRAMES).boxes["bird1_1"][0]) == 3


def test_bad_folders(tmp_path: Path) -> None:
    names = list(FRAMES)
    with pytest.raises(ResultError, match="nowhere: no such folder"):
        evaluation.find_trackers(tmp_path / "nowhere", names)
    with pytest.raises(ResultError, match=r"the folder is empty; <tracker>/<sequence>.txt or"):
        evaluation.find_trackers(tmp_path, names)
    fill(tmp_path / "A", "unknown.txt")
    with pytest.raises(ResultError, match=r"no result for any of the 4 sequences \(Jogging-1, Human4-2, GOT"):
        evaluation.find_trackers(tmp_path, names)
    with pytest.raises(ResultError, match="no result for any of the 4 sequences"):
        evaluation.load_results(tmp_path / "A", FRAMES)
    fill(tmp_path / "B", "Jogging-1.txt", "jogging_1.txt")
    with pytest.raises(ResultError, match=r"Jogging-1.txt and jogging_1.txt both mean sequence Jogging-1; keep one"):
        evaluation.load_results(tmp_path / "B", FRAMES)
