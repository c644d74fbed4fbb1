"""COCO: one sequence per usable box, grouped by image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.index import index_table
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError

ANNOTATIONS = [
    {"id": 70, "image_id": 5, "bbox": [1.5, 2, 10, 12], "iscrowd": 0},
    {"id": 12, "image_id": 5, "bbox": [3, 4, 9, 8.25], "iscrowd": 0},
    {"id": 13, "image_id": 5, "bbox": [3, 4, 30, 20], "iscrowd": 1},
    {"id": 14, "image_id": 8, "bbox": [3, 4, 30, 3.9], "iscrowd": 0},
    {"id": 15, "image_id": 8, "bbox": [0, 0, 4, 4]},
]


@pytest.fixture(params=["train2017", "images/train2017"])
def root(request: pytest.FixtureRequest, tmp_path: Path, images) -> Path:
    images(tmp_path / "coco" / request.param, "%012d.jpg", (5, 8))
    write(tmp_path, {"annotations": ANNOTATIONS})
    return tmp_path


def write(root: Path, changes: dict) -> None:
    files = [{"id": n, "file_name": f"{n:012d}.jpg"} for n in (5, 8, 9)]
    path = root / "coco" / "annotations" / "instances_train2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"images": files, **changes}))


def test_usable_boxes_by_ascending_id(root: Path) -> None:
    dataset = open_dataset("coco", root)
    assert len(dataset) == 3
    assert list(dataset.names) == ["12", "15", "70"]
    sequence = dataset["70"]
    np.testing.assert_array_equal(sequence.boxes, [[1.5, 2, 10, 12]])
    assert len(sequence.frames) == 1
    assert int(sequence.frames[0][0, 0, 0]) == 5
    assert sequence.group == dataset["12"].group == "000000000005.jpg"
    assert dataset["15"].group == "000000000008.jpg"
    assert [s.name for s in open_dataset("coco", root, sequences=["70", "12"])] == ["70", "12"]


def test_the_table_holds_what_the_sequences_hold(root: Path) -> None:
    write(
        root,
        {
            "annotations": [a | {"category_id": a["id"] % 2} for a in ANNOTATIONS],
            "categories": [{"id": 1, "name": "cat"}],
        },
    )
    dataset = open_dataset("coco", root)
    index = index_table("coco", dataset.table())
    assert index.videos == 2
    assert [index.track_name(row) for row in range(3)] == ["12", "70", "15"], "tracks of an image stand together"
    np.testing.assert_array_equal(index.boxes[1], [1.5, 2, 10, 12])
    assert index.path(1) == dataset["70"].frames.path(0)
    assert [dataset[name].category for name in ("12", "15")] == ["0", "cat"], "without a name its number"
    some = open_dataset("coco", root, sequences=["70"])
    assert len(index_table("coco", some.table()).boxes) == 1


def test_options_say_what_is_usable(root: Path) -> None:
    assert list(open_dataset("coco", root, min_side=1).names) == ["12", "14", "15", "70"]
    assert list(open_dataset("coco", root, crowd=True).names) == ["12", "13", "15", "70"]
    assert list(open_dataset("coco", root, min_side=8.5).names) == ["70"]


def test_sentences(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"holds no sequence 13 with a box that can be used; crowd regions and sides below 4 px"
    ):
        open_dataset("coco", root)["13"]
    with pytest.raises(DataError, match=r"data set coco: .*; expected is\ncoco/"):
        open_dataset("coco", root, split="val2017")
    write(root, {"annotations": [{"id": 1}]})
    with pytest.raises(DataError, match=r"instances_train2017.json: is not in COCO's format \(KeyError"):
        len(open_dataset("coco", root))
    write(root, {"annotations": [{"id": 1, "image_id": 77, "bbox": [0, 0, 9, 9]}]})
    with pytest.raises(DataError, match="annotations name image 77, which is not among its images"):
        len(open_dataset("coco", root))
