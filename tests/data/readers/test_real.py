"""Every real sequence and image at hand, against the facts that lie beside them (not in the repository)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from siamtrack.boxes import quadrilateral_to_cxcywh, xyxy_to_xywh
from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.base import DataSet
from siamtrack.data.sequence import VideoFrames
from tests.external import FOLDERS, external

NAMES = (
    "Crossing Couple Football1 David Man Bird2 FaceOcc1 bag book building5 wakeboard7 group2_2 MountainBike6 "
    "GOT-10k_Train_900001 GOT-10k_Train_900002 GOT-10k_Val_900001 GOT-10k_Test_900001 person-900 surfer "
    "video/bag video/pedestrian2 video/pedestrian3 video/car"
)
INIT = (275.0, 137.0, 23.0, 26.0)


def facts() -> dict[str, dict[str, Any]]:
    folder = Path(os.environ.get("SIAMTRACK_SEQUENCES") or FOLDERS["SEQUENCES"])
    index = folder / "index.json"
    entries = json.loads(index.read_text()) if index.is_file() else []
    return {("video/" if e["layout"] == "video" else "") + e["name"]: e for e in entries}


def opened(root: Path, fact: dict[str, Any]) -> DataSet:
    """Opened as a user would, from the folder that holds all data sets."""
    layout, first, *rest = fact["layout"], *fact.get("images", fact.get("video", "")).split("/")
    if layout in ("vot-flat", "vot-channels"):
        return open_dataset(first, root)
    if layout == "got10k":
        return open_dataset("got10k", root, split=rest[0])
    if layout == "uav123":
        return open_dataset("uav123@10fps", root)
    if layout == "folder":
        return open_dataset("folder", root / first, init=INIT)
    if layout == "video":
        corners = fact["box_format"] == "xyxy"
        return open_dataset("video", root / first / rest[0], box_format="xyxy" if corners else "xywh")
    return open_dataset(layout, root)


def numbers(path: Path) -> np.ndarray:
    """The annotation, parsed in another way than the reader does."""
    return np.genfromtxt(path.read_text().replace("\t", ",").splitlines(), delimiter=",", ndmin=2)


def test_the_list_of_this_test_is_complete() -> None:
    external("SEQUENCES")
    assert sorted(facts()) == sorted(NAMES.split())


@pytest.mark.parametrize("name", NAMES.split())
def test_real_sequence(name: str) -> None:
    root = external("SEQUENCES")
    fact = facts()[name]
    dataset = opened(root, fact)
    assert fact["name"] in dataset.names
    sequence = dataset[fact["name"]]
    whole_truth = fact["boxes"] > 1
    frames = fact["boxes"] if whole_truth else fact["frames"]  # Football1 has more frames than boxes
    assert len(sequence) == len(sequence.frames) == frames
    check_boxes(root, fact, sequence)
    if isinstance(sequence.frames, VideoFrames):
        assert Path(sequence.frames.file) == root / fact["video"]
        sizes = {frame.shape for frame in sequence.frames}
        assert len(sizes) == 1
        assert len(VideoFrames(sequence.frames.file)) == fact["frames"]
        return
    for index in (0, frames // 2, frames - 1):
        path = root / (fact["images"] % (fact["first"] + index))
        assert Path(sequence.frames.path(index)) == path
        np.testing.assert_array_equal(sequence.frames[index], cv2.imread(str(path))[..., ::-1])
    assert len({frame.shape for frame in sequence.frames}) == 1


def check_boxes(root: Path, fact: dict[str, Any], sequence: Any) -> None:
    boxes = sequence.file_boxes
    if fact["layout"] == "folder":
        np.testing.assert_array_equal(boxes[0], INIT)
        assert np.isnan(boxes[1:]).all()
        return
    rows = numbers(root / fact["annotation"])
    if fact["box_format"] == "polygon8":
        np.testing.assert_array_equal(sequence.polygons, rows)
        start = quadrilateral_to_cxcywh(rows)
        np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:] / 2, start[:, :2], rtol=0, atol=1e-9)
        np.testing.assert_allclose(boxes[:, 2:], start[:, 2:], rtol=0, atol=1e-9)
    else:
        rows = xyxy_to_xywh(rows) if fact["box_format"] == "xyxy" else rows
        np.testing.assert_array_equal(boxes[: len(rows)], rows)
        assert np.isnan(boxes[len(rows) :]).all()
    one_based = fact["layout"] in ("otb", "uav123", "dtb70")
    np.testing.assert_array_equal(sequence.boxes[:, :2], boxes[:, :2] - one_based)
    if fact["nan_boxes"]:
        assert (~sequence.visible).sum() == fact["nan_boxes"]
    height, width = sequence.frames[0].shape[:2]
    x, y, w, h = sequence.init_box
    assert min(w, h) > 0
    assert 0 <= x < x + w <= width
    assert 0 <= y < y + h <= height


@pytest.mark.parametrize(
    ("name", "absent"), [("GOT-10k_Val_900001", 6), ("GOT-10k_Train_900001", 56), ("person-900", 28)]
)
def test_real_flags_hide_the_empty_rows(name: str, absent: int) -> None:
    root = external("SEQUENCES")
    sequence = opened(root, facts()[name])[name]
    assert sequence.visible is not None
    assert (~sequence.visible).sum() == absent
    if sequence.cover is not None:
        np.testing.assert_array_equal(sequence.cover > 0, sequence.visible)


def test_real_tags_attributes_and_pysot_file() -> None:
    root = external("SEQUENCES")
    book = open_dataset("vot2018", root)["book"]
    assert book.tags is not None
    assert sorted(book.tags) == ["camera_motion", "illum_change", "motion_change", "occlusion", "size_change"]
    assert all(len(flags) == 40 for flags in book.tags.values())
    ours, theirs = open_dataset("otb", root), open_dataset("pysot", root)
    assert sorted(ours.names) == sorted(theirs.names)
    for sequence in ours:
        other = theirs[sequence.name]
        np.testing.assert_array_equal(sequence.file_boxes, other.file_boxes)
        assert sequence.attributes == other.attributes != ()
        assert [sequence.frames.path(i) for i in range(len(sequence))] == [
            other.frames.path(i) for i in range(len(other))
        ]


@pytest.mark.parametrize(
    ("split", "boxes", "crowd", "images"), [("train2017", 1216, 16, 121), ("val2017", 1072, 11, 106)]
)
def test_real_images(split: str, boxes: int, crowd: int, images: int) -> None:
    root = external("IMAGES")
    everything = open_dataset("coco", root, split=split, min_side=0, crowd=True)
    assert len(everything) == boxes
    assert len(open_dataset("coco", root, split=split, min_side=0)) == boxes - crowd
    usable = open_dataset("coco", root, split=split)
    assert 0.8 * boxes < len(usable) < boxes - crowd
    shapes: dict[str, tuple[int, ...]] = {}
    for sequence in usable:
        assert len(sequence) == 1
        if sequence.group not in shapes:
            shapes[sequence.group] = sequence.frames[0].shape
        height, width = shapes[sequence.group][:2]
        x, y, w, h = sequence.init_box
        assert min(w, h) >= 4
        assert min(x, y) >= 0
        assert x + w <= width + 0.02
        assert y + h <= height + 0.02  # two decimals
    assert len(shapes) <= images
    assert max(max(shape[:2]) for shape in shapes.values()) == 384
