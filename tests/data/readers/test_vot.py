"""VOT: both layouts, polygons in both senses, rectangles, tags, masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.boxes import quadrilateral_to_cxcywh
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError

POLYGON = "199.0,49.0,287.0,49.0,287.0,113.0,199.0,113.0\n1,2,11,2,11,22,1,22\n"


@pytest.fixture(params=["flat", "color", "sequences/color", "channel"])
def vot(request: pytest.FixtureRequest, tmp_path: Path, images, text) -> tuple[Path, Path]:
    """Root and sequence folder in every layout."""
    home = tmp_path / "VOT2018"
    if "sequences" in request.param:
        home = home / "sequences"
    frames = {"flat": home / "ants", "channel": home / "ants" / "rgb"}.get(request.param, home / "ants" / "color")
    images(frames, "%08d.jpg", (1, 2))
    if request.param == "channel":
        text(home / "ants" / "sequence", "\ufeffchannels.color=rgb/%08d.jpg\r\nname=é\r\n")
    text(home / "ants" / "groundtruth.txt", POLYGON)
    text(home / "list.txt", "ants\n")
    return tmp_path, home / "ants"


def test_polygons_in_every_layout(vot: tuple[Path, Path]) -> None:
    sequence = open_dataset("VOT2018", vot[0])["ants"]
    polygons = np.array([[float(v) for v in line.split(",")] for line in POLYGON.split()])
    assert sequence.polygons is not None
    np.testing.assert_array_equal(sequence.polygons, polygons)
    start = quadrilateral_to_cxcywh(polygons)
    np.testing.assert_allclose(sequence.boxes[:, :2] + sequence.boxes[:, 2:] / 2, start[:, :2])
    np.testing.assert_allclose(sequence.init_box, [198.5, 48.5, 89, 65])
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [1, 2]
    assert sequence.offset == 0.0
    assert sequence.tags is None


def test_rectangles_tags_and_absent_rows(vot: tuple[Path, Path], text) -> None:
    root, folder = vot
    text(folder / "groundtruth.txt", "1,2,3,4\nnan,nan,nan,nan\n")
    text(folder / "occlusion.tag", "0\n1\n")
    text(folder / "camera_motion.label", "1\n1\n")
    text(folder / "empty.tag", "")
    text(folder / "practical.value", "0.5\n0.5\n")
    sequence = open_dataset("vot", root, year=2018)["ants"]
    np.testing.assert_array_equal(sequence.file_boxes, [[1, 2, 3, 4], [np.nan] * 4])
    assert sequence.polygons is None
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]
    assert sequence.tags is not None
    assert {name: flags.tolist() for name, flags in sequence.tags.items()} == {
        "occlusion": [False, True],
        "camera_motion": [True, True],
    }


def test_sentences(vot: tuple[Path, Path], text) -> None:
    root, folder = vot
    text(folder / "blur.tag", "0\n0\n1\n")
    with pytest.raises(DataError, match=r"blur.tag: has 3 flags for 2 frames; one per frame is right."):
        open_dataset("vot", root)["ants"]
    text(folder / "groundtruth.txt", "1,2,3,4\n" * 3)
    with pytest.raises(DataError, match=r"groundtruth.txt: has 3 lines for 2 images in .*; they should agree."):
        open_dataset("vot", root)["ants"]
    text(folder / "groundtruth.txt", "m0,0,4,4,1,3\n")
    with pytest.raises(DataError, match=r"groundtruth.txt: holds masks \(VOT 2020 and later\)"):
        open_dataset("vot", root)["ants"]
    text(folder / "groundtruth.txt", "1,2,3,4,5,6\n")
    with pytest.raises(DataError, match=r"line 1: '1 2 3 4 5 6' is not 4 numbers; expected is 4 or 8 numbers a line"):
        open_dataset("vot", root)["ants"]
    (folder.parent / "list.txt").unlink()
    with pytest.raises(DataError, match=r"list.txt: cannot be read .* expected is the list of sequences"):
        len(open_dataset("vot", root))


def test_the_year_says_which_folder(vot: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match=r"nor in VOT2016"):
        open_dataset("vot2016", vot[0])


@pytest.mark.parametrize("folder", ["VOT2019-LT", "VOT-LT2019"])
def test_long_term_frames_without_the_target(tmp_path: Path, images, text, folder: str) -> None:
    home = tmp_path / folder / "bike"
    images(home / "color", "%08d.jpg", (1, 2, 3))
    text(home / "groundtruth.txt", "1,2,3,4\nnan,nan,nan,nan\n2,2,3,4\n")
    text(tmp_path / folder / "list.txt", "bike\n")
    for name in ("VOT2019-LT", "votlt2019"):
        sequence = open_dataset(name, tmp_path)["bike"]
        assert sequence.visible is not None
        assert sequence.visible.tolist() == [True, False, True]
    with pytest.raises(DataError, match="data set vot:"):
        open_dataset("VOT2019", tmp_path)


def test_anchors(tmp_path: Path, images, text) -> None:
    home = tmp_path / "VOT2022" / "sequences" / "agility"
    images(home / "color", "%08d.jpg", (1, 2, 3))
    text(home / "groundtruth.txt", "1,2,3,4\n" * 3)
    text(home.parent / "list.txt", "agility\n")
    assert open_dataset("VOT2022", tmp_path)["agility"].anchors is None
    text(home / "anchor.value", "1\n0\n-1\n")
    sequence = open_dataset("VOT2022", tmp_path)["agility"]
    assert sequence.anchors is not None
    assert sequence.anchors.tolist() == [1, 0, -1]
    text(home / "anchor.value", "1\n0\n")
    with pytest.raises(DataError, match="3 boxes, but 2 anchors"):
        open_dataset("VOT2022", tmp_path)["agility"]
