"""``siamtrack demo``: boxes in a file, and drawn where they are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.cli import main
from siamtrack.evaluation.formats import read_boxes
from siamtrack.preview.paint import PREDICTED

FRAMES = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Grey frames of 161 x 121 px: odd sides, which encoders refuse."""
    made = tmp_path / "walk"
    made.mkdir()
    for number in range(FRAMES):
        cv2.imwrite(str(made / f"{number + 1:04d}.jpg"), np.full((121, 161, 3), 90, np.uint8))
    return made


def shown(path: Path) -> list[np.ndarray]:
    """The video's pictures, RGB."""
    capture, pictures = cv2.VideoCapture(str(path)), []
    while (picture := capture.read()[1]) is not None:
        pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    return pictures


def test_a_folder_becomes_a_video_with_boxes(folder, tmp_path, capsys):
    output = tmp_path / "out" / "walk.mp4"
    assert main(["demo", str(folder), "--baseline", "static", "--init", "40,50,60,40", "-o", str(output)]) == 0
    np.testing.assert_array_equal(read_boxes(output.with_suffix(".txt")), [[40, 50, 60, 40]] * FRAMES)
    video, boxes = map(Path, capsys.readouterr().out.splitlines()[-2:])
    assert (video.stem, boxes) == ("walk", output.with_suffix(".txt"))
    pictures = shown(video)
    assert [picture.shape for picture in pictures] == [(120, 160, 3)] * FRAMES
    for x, y in ((40, 70), (99, 70), (70, 50), (70, 89)):  # on each side of the box, nearly its colour
        near = pictures[-1][y - 2 : y + 3, x - 2 : x + 3].astype(int) - np.array(PREDICTED)
        assert np.abs(near).sum(-1).min() < 150
    assert np.abs(pictures[-1][62:78, 55:85].astype(int) - 90).max() < 12
    # a video file is as good as a folder
    again = tmp_path / "again.mp4"
    assert main(["demo", str(video), "--baseline", "static", "--init", "40,50,60,40", "-o", str(again)]) == 0
    assert len(read_boxes(again.with_suffix(".txt"))) == FRAMES


def test_ground_truth_beside_the_frames_gives_the_first_box(folder, tmp_path):
    (folder / "groundtruth.txt").write_text("10,20,30,40\n" * FRAMES)
    assert main(["demo", str(folder), "--baseline", "static", "-o", str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(read_boxes(tmp_path / "out.txt")[0], [10, 20, 30, 40])


@pytest.mark.parametrize(
    ("init", "sentence"),
    [
        (["--init", "1,2,3"], "--init '1,2,3': should be X,Y,W,H, as in 120,80,60,40."),
        (["--init", "a,b,c,d"], "should be X,Y,W,H"),
        (["--init", "1,2,0,4"], "has no area"),
        (["--init", "900,2,10,10"], "lies outside the frame"),
        ([], "neither ground truth beside it nor a first box"),
    ],
)
def test_a_wrong_first_box_is_a_sentence(folder, tmp_path, capsys, init, sentence):
    assert main(["demo", str(folder), "--baseline", "static", *init, "-o", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_a_missing_video_and_several_of_them_are_sentences(folder, tmp_path, capsys):
    assert main(["demo", str(tmp_path / "no.mp4"), "--baseline", "static", "--init", "1,2,3,4"]) == 2
    assert "no.mp4" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (folder / "groundtruth.txt").write_text("10,20,30,40\n" * FRAMES)
    folder.rename(tmp_path / "run" / "a")
    (tmp_path / "run" / "b").mkdir()
    cv2.imwrite(str(tmp_path / "run" / "b" / "1.jpg"), np.zeros((9, 9, 3), np.uint8))
    assert main(["demo", str(tmp_path / "run"), "--baseline", "static"]) == 2
    assert "holds 2 sequences" in capsys.readouterr().err
