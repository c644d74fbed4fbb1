"""``siamtrack eval``: what is wrong with result files is said in a sentence; and the same boxes by every protocol."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamtrack import evaluation
from siamtrack.cli import main

FRAMES = 12


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path]:
    """OTB's layout with two of its sequences, and a tracker's results on them."""
    data, tracker = tmp_path / "data", tmp_path / "results" / "T"
    for name in ("Coke", "Deer"):
        image = data / name / "img" / "0001.jpg"
        image.parent.mkdir(parents=True)
        Image.new("RGB", (96, 72)).save(image)
        for i in range(1, FRAMES):
            (image.parent / f"{i + 1:04d}.jpg").hardlink_to(image)
        boxes = np.column_stack([np.arange(FRAMES) + 20, np.full(FRAMES, 30), np.full((FRAMES, 2), 18)])
        np.savetxt(data / name / "groundtruth_rect.txt", boxes, fmt="%d", delimiter=",")
        tracker.mkdir(parents=True, exist_ok=True)
        np.savetxt(tracker / f"{name}.txt", boxes + np.array([3, 0, 0, 0]), fmt="%d", delimiter=",")
    return data, tracker


def score(world: tuple[Path, Path], *options: str) -> int:
    data, tracker = world
    where = ["--dataset", "OTB100", "--data-root", str(data), "--sequences", "Coke,Deer"]
    return main(["eval", *where, "--results", str(tracker.parent), *options])


def short(tracker: Path) -> None:
    path = tracker / "Deer.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:5]))


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def change(tracker: Path) -> None:
        path = tracker / "Deer.txt"
        path.write_text(path.read_text().replace(old, new, 1))

    return change


def written(content: bytes) -> Callable[[Path], None]:
    return lambda tracker: (tracker / "Deer.txt").write_bytes(content)  # type: ignore[return-value]


def empty(tracker: Path) -> None:
    for path in tracker.iterdir():
        path.unlink()
    tracker.rmdir()


def matlab(tracker: Path) -> None:
    for path in list(tracker.iterdir()):
        path.rename(path.with_suffix(".mat"))


def twice(tracker: Path) -> None:
    (tracker / "deer.txt").write_bytes((tracker / "Deer.txt").read_bytes())


POLYGONS = b"20,30,38,30,38,48,20,48\n" * FRAMES
WRONG = {
    "a short file": (short, "T, sequence Deer: 5 boxes for 12 frames, which pysot refuses"),
    "a NaN box": (replaced("24,30", "NaN,30"), "Deer.txt, row 2: nan is no coordinate; finite numbers expected"),
    "an infinite box": (replaced("24,30", "1e999,30"), "Deer.txt, row 2: inf is no coordinate"),
    "a missing sequence": (
        lambda tracker: (tracker / "Deer.txt").unlink(),
        "T: 1 of 2 sequences have no result in .*, the first is Deer. Run the tracker on them, or score only",
    ),
    "a wrong delimiter": (
        written(b"20:30:18:18\n" * FRAMES),
        "Deer.txt, line 1: '20:30:18:18' is not numbers separated by comma, tab or blank",
    ),
    "an empty directory": (empty, r"results: the folder is empty; <tracker>/<sequence>.txt or .* expected"),
    "polygons": (written(POLYGONS), "Deer.txt: eight numbers a row, polygons; boxes x, y, w, h expected"),
    "restart marks": (written(b"1\n20,30,18,18\n"), "Deer.txt, line 2: 4 numbers, .* mark restarts in VOT's"),
    "an empty file": (written(b""), "Deer.txt: the file is empty; one row per frame expected"),
    "no text": (written(b"\xff\xd8\xff\xe0\x00\x10JFIF"), "Deer.txt: not a text file; rows of x,y,w,h expected"),
    "a missing number": (replaced("24,30", "24,"), "Deer.txt, line 2: a number is missing between two separators"),
    "words": (written(b"x,y,w,h\n" + b"1,2,3,4\n" * FRAMES), "Deer.txt, line 1: 'x,y,w,h' is not numbers"),
    "MATLAB structs": (matlab, r"no result for any of .* The \.mat files there hold MATLAB structs, .* writematrix"),
    "two files": (twice, "Deer.txt and deer.txt both mean sequence Deer; keep one"),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_results_are_a_sentence(what: str, world: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    change, sentence = WRONG[what]
    change(world[1])
    assert score(world) == 2
    error = capsys.readouterr().err
    assert re.search(sentence, error), error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1


def test_no_such_folder(world: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data, _ = world
    assert score((data, tmp_path / "nowhere" / "T")) == 2
    assert "nowhere: no such folder; a folder of results" in capsys.readouterr().err


def test_of_a_test_set_only_the_first_box_is_known(
    tmp_path: Path, world: tuple[Path, Path], capsys: pytest.CaptureFixture
) -> None:
    home = tmp_path / "TrackingNet" / "TEST"
    (home / "frames").mkdir(parents=True)
    (world[0] / "Coke" / "img").rename(home / "frames" / "abc_0")
    (home / "anno").mkdir()
    (home / "anno" / "abc_0.txt").write_text("1,2,3,4\n")
    evaluation.write_boxes(tmp_path / "packed" / "T" / "abc_0.txt", np.ones((FRAMES, 4)))
    where = ["--dataset", "TrackingNet", "--data-root", str(tmp_path), "--results", str(tmp_path / "packed")]
    assert main(["eval", *where]) == 2
    assert "TrackingNet: of abc_0 and the others only the first box is known; the bench" in capsys.readouterr().err


def test_all_protocols_side_by_side(
    world: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    rows, table = tmp_path / "rows.json", tmp_path / "table.md"
    with caplog.at_level(logging.WARNING):
        assert score(world, "--protocol", "all", "--json", str(rows), "--markdown", str(table)) == 0
    printed = capsys.readouterr().out
    for protocol in evaluation.PROTOCOLS:
        assert f" {protocol} " in printed, printed
        assert f"| {protocol} |" in table.read_text()
    assert {row["protocol"] for row in json.loads(rows.read_text())} == set(evaluation.PROTOCOLS)
    assert score(world, "--protocol", "all", "--plots", str(tmp_path)) == 2
    assert "--plots shows numbers of one protocol; name it instead of all" in capsys.readouterr().err


def test_protocols_that_refuse_are_left_out(
    world: tuple[Path, Path], capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    short(world[1])
    with caplog.at_level(logging.WARNING):
        assert score(world, "--protocol", "all") == 0
    assert "pysot is left out: T, sequence Deer: 5 boxes for 12 frames, which pysot refuses" in caplog.text
    printed = capsys.readouterr().out
    assert " got10k " in printed
    assert " pysot " not in printed
    replaced("24,30", "nan,30")(world[1])
    assert score(world, "--protocol", "all") == 2
    assert "row 2: nan is no coordinate" in capsys.readouterr().err
