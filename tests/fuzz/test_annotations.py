"""Annotation files of data sets that keep many boxes in one, broken in many ways: a sentence, or a data set."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.data.index import index_table
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError
from tests.fuzz.inputs import MUTATIONS, NUMBERS

COUNT = 400  # broken files of each kind; tens of thousands were tried

IMAGES = [{"id": 1, "file_name": "000000000009.jpg"}, {"id": 2, "file_name": "b.jpg"}]
BOXES = [
    {"id": 5, "image_id": 1, "bbox": [1, 2, 30, 40], "category_id": 1, "iscrowd": 0},
    {"id": 6, "image_id": 2, "bbox": [1.5, 2, 30, 40], "category_id": 7},
]
COCO = json.dumps({"images": IMAGES, "annotations": BOXES, "categories": [{"id": 1, "name": "cat"}]})
OBJECT = """<object><trackid>11</trackid><name>n02691156</name><bndbox><xmax>126</xmax><xmin>1</xmin><ymax>412</ymax>
<ymin>12</ymin></bndbox><occluded>0</occluded><generated>0</generated></object>"""
XML = f"<annotation><folder>a</folder><filename>000001</filename>{OBJECT}\n{OBJECT}</annotation>"
CSV = """\
AAA-_bcdefg,1000,0,person,0,present,0.25,0.5,0.5,1.0
AAA-_bcdefg,2000,0,person,0,absent,-1,-1,-1,-1
"""
RANGES = json.dumps({"bird1_2": {"folder": "bird1", "start_frame": 711, "end_frame": 712}})


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def coco(root: Path) -> Path:
    return put(root / "coco" / "annotations" / "instances_train2017.json", COCO)


def vid(root: Path) -> Path:
    snippet = root / "ILSVRC2015" / "Annotations" / "VID" / "train" / "ILSVRC2015_VID_train_0000" / "ILSVRC2015_train_1"
    put(snippet / "000000.xml", XML)
    return put(snippet / "000001.xml", XML)


def det(root: Path) -> Path:
    return put(root / "ILSVRC2015" / "Annotations" / "DET" / "train" / "ILSVRC2013_train" / "n1" / "n1_1.xml", XML)


def youtubebb(root: Path) -> Path:
    picture = cv2.imencode(".jpg", np.zeros((20, 40, 3), np.uint8))[1].tobytes()
    for ms in (1000, 2000):
        put(root / "yt_bb" / "yt_bb_detection_train" / "0" / f"AAA-_bcdefg_{ms}_0_0.jpg", picture)
    return put(root / "yt_bb" / "yt_bb_detection_train.csv", CSV)


def uav123(root: Path) -> Path:
    put(root / "UAV123" / "anno" / "UAV123" / "bird1_2.txt", "1,2,3,4\n" * 2)
    for number in (711, 712):
        put(root / "UAV123" / "data_seq" / "UAV123" / "bird1" / f"{number:06d}.jpg", b"")
    return put(root / "UAV123" / "sequences.json", RANGES)


def broken(seed: int, good: bytes) -> bytes:
    """A good file, changed up to three times, and now and then with another number in it."""
    rng = random.Random(seed)
    parts = good.split(b"1")
    if seed % 2:
        at = rng.randrange(1, len(parts))
        good = b"1".join(parts[:at]) + rng.choice(NUMBERS) + b"1".join(parts[at:])
    for _ in range(rng.choice([0, 1, 2, 3])):
        good = rng.choice(MUTATIONS)(rng, good)
    return good


def use(name: str, root: Path) -> None:
    dataset = open_dataset(name, root)
    table = dataset.table()
    if table is not None:
        index_table(name, table)
    for sequence in dataset[:3]:
        assert len(sequence.frames) == len(sequence.boxes)


def use_or_sentence(name: str, root: Path) -> str:
    """``""`` if the data set could be used, or why not; anything but a sentence goes on."""
    try:
        use(name, root)
    except DataError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore")  # of NumPy, about infinite boxes
@pytest.mark.parametrize("write", [coco, vid, det, youtubebb, uav123])
def test_a_broken_file_is_a_sentence(write: Callable[[Path], Path], tmp_path: Path) -> None:
    file, name = write(tmp_path), write.__name__
    good = file.read_bytes()
    use(name, tmp_path)
    refused = 0
    for seed in range(COUNT):
        file.write_bytes(broken(seed, good))
        sentence = use_or_sentence(name, tmp_path)
        refused += bool(sentence)
        assert not sentence or str(tmp_path) in sentence or name in sentence, f"input {seed}: {sentence}"
    assert COUNT / 10 < refused < COUNT
