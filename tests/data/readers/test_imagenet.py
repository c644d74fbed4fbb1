"""ImageNet VID and DET: XML files of many images at once, tracks by their ids, objects as images of one frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.cache import index_file
from siamtrack.data.check import check
from siamtrack.data.index import index_table
from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.imagenet_xml import read_objects
from siamtrack.data.sequence import DataError


def xml(*objects: tuple, order: int = 0) -> str:
    """An annotation file with objects (xmin, ymin, xmax, ymax, synset[, track id]), tags in one of two orders."""
    parts = []
    for left, top, right, bottom, synset, *track in objects:
        box = [f"<xmax>{right}</xmax>", f"<xmin>{left}</xmin>", f"<ymax>{bottom}</ymax>", f"<ymin> {top} </ymin>"]
        names = [f"<trackid>{t}</trackid>" for t in track] + [f"<name>{synset}</name>"]
        tags = [*names, "<bndbox>", *box, "</bndbox>"] if not order else ["<bndbox>", *box[::-1], "</bndbox>", *names]
        parts.append("<object>\n\t" + "\n\t".join(tags) + "<occluded>0</occluded><generated>0</generated></object>")
    return f"<annotation><folder>x</folder><size><width>64</width></size>{''.join(parts)}</annotation>\n"


@pytest.fixture
def vid(tmp_path: Path, images, text) -> Path:
    home = tmp_path / "ILSVRC2015"
    a, b, c = "train/ILSVRC2015_VID_train_0000/a", "train/ILSVRC2015_VID_train_0001/b", "val/c"
    for snippet, count in ((a, 4), (b, 2), (c, 1)):
        images(home / "Data/VID" / snippet, "%06d.JPEG", range(count))
    one, two = (1, 2, 11, 22, "n1", 0), (5, 5, 9, 9, "n2", 7)
    for frame, objects in enumerate([(two, one), (one,), (), (two,)]):
        text(home / f"Annotations/VID/{a}/{frame:06d}.xml", xml(*objects, order=frame % 2))
    for frame in range(2):
        text(home / f"Annotations/VID/{b}/{frame:06d}.xml", xml((frame, 0, 30, 20, "n1", 3)))
    text(home / f"Annotations/VID/{c}/000000.xml", xml((0, 0, 3, 3, "n9", 0)))
    return tmp_path


def test_vid_tracks_are_sequences_of_the_frames_that_show_them(vid: Path) -> None:
    dataset = open_dataset("vid", vid)
    assert list(dataset.names) == ["a-0", "a-7", "b-3"]
    first = dataset["a-7"]
    np.testing.assert_array_equal(first.boxes, [[5, 5, 4, 4]] * 2)
    assert [int(frame[0, 0, 0]) for frame in first.frames] == [0, 3], "the frames between do not show it"
    assert (first.group, first.category) == ("a", "n2")
    np.testing.assert_array_equal(dataset["a-0"].boxes, [[1, 2, 10, 20]] * 2)
    np.testing.assert_array_equal(dataset["b-3"].boxes, [[0, 0, 30, 20], [1, 0, 29, 20]])
    assert list(open_dataset("vid", vid, split="val").names) == ["c-0"]


def test_vid_as_an_index(vid: Path) -> None:
    index = index_table("vid", open_dataset("vid", vid).table())
    assert index.videos == 2
    np.testing.assert_array_equal(index.rows, [0, 2, 4, 6])
    np.testing.assert_array_equal(index.frames, [0, 1, 0, 3, 0, 1])
    assert index.path(3).endswith("ILSVRC2015_VID_train_0000/a/000003.JPEG")
    assert [index.category_names[int(i)] for i in index.categories] == ["n1", "n2", "n1"]
    assert check("vid", vid).ok


def test_vid_sentences(vid: Path, text) -> None:
    before = index_file(open_dataset("vid", vid))
    home = vid / "ILSVRC2015/Annotations/VID/train/ILSVRC2015_VID_train_0000/a"
    bad = text(home / "000009.xml", "<annotation><object><trackid>1</trackid></object></annotation>")
    assert index_file(open_dataset("vid", vid)) != before, "a new file in a snippet is seen"
    with pytest.raises(DataError, match=rf"{bad}: has 0 <xmin> for 1 objects; one in each is right"):
        len(open_dataset("vid", vid))
    bad.rename(home / "first.xml")
    with pytest.raises(DataError, match="not called by a number"):
        len(open_dataset("vid", vid))
    text(home / "first.xml", xml((1, 2, 3, "many", "n1", 0))).rename(home / "000009.xml")
    with pytest.raises(DataError, match="like this: could not convert"):
        len(open_dataset("vid", vid))
    with pytest.raises(DataError, match=r"data set vid: .*expected is\nILSVRC2015/"):
        open_dataset("vid", vid / "ILSVRC2015" / "Data")


@pytest.fixture
def det(tmp_path: Path, images, text) -> Path:
    home = tmp_path / "ILSVRC2015"
    old, new = "train/ILSVRC2013_train/n1", "train/ILSVRC2014_train_0000"
    images(home / "Data/DET" / old, "n1_%d.JPEG", (4, 12))
    images(home / "Data/DET" / new, "ILSVRC2014_train_%08d.JPEG", (1,))
    images(home / "Data/DET/val", "ILSVRC2013_val_%08d.JPEG", (1,))
    text(home / f"Annotations/DET/{old}/n1_4.xml", xml((1, 2, 11, 22, "n1"), (0, 0, 5, 5, "n2")))
    text(home / f"Annotations/DET/{old}/n1_12.xml", xml())
    text(home / f"Annotations/DET/{new}/ILSVRC2014_train_00000001.xml", xml((3, 3, 9, 4, "n2"), order=1))
    text(home / "Annotations/DET/val/ILSVRC2013_val_00000001.xml", xml((1, 1, 2, 2, "n3")))
    return tmp_path


def test_det_objects_are_sequences_of_one_frame(det: Path) -> None:
    dataset = open_dataset("det", det)
    assert sorted(dataset.names) == ["ILSVRC2014_train_00000001-0", "n1_4-0", "n1_4-1"]
    second = dataset["n1_4-1"]
    np.testing.assert_array_equal(second.boxes, [[0, 0, 5, 5]])
    assert (second.group, second.category, int(second.frames[0][0, 0, 0])) == ("n1_4", "n2", 4)
    index = index_table("det", dataset.table())
    assert index.videos == 2
    assert len(index.names) == len(index.boxes) == 3
    assert check("det", det).ok
    assert list(open_dataset("det", det, split="val").names) == ["ILSVRC2013_val_00000001-0"]


def test_det_sentence_and_key(det: Path, text) -> None:
    before = index_file(open_dataset("det", det))
    bad = text(
        det / "ILSVRC2015/Annotations/DET/train/ILSVRC2014_train_0000/x.xml", xml((1, 2, 3, 4, "n1")) + "<object>"
    )
    assert index_file(open_dataset("det", det)) != before
    with pytest.raises(DataError, match=rf"{bad}: has 1 <xmin> for 2 objects"):
        len(open_dataset("det", det))


def test_many_objects_cost_no_loop(tmp_path: Path, text) -> None:
    """As many objects as an hour of video has, in a few files: read at once, in the order of the files."""
    count = 2000
    files = [
        str(text(tmp_path / f"{i}.xml", xml(*((k, i, k + 10, i + 5, "n1", k) for k in range(count))))) for i in range(3)
    ]
    objects = read_objects(files, tracks=True)
    np.testing.assert_array_equal(objects.image, np.repeat([0, 1, 2], count))
    np.testing.assert_array_equal(objects.place, np.tile(np.arange(count), 3))
    np.testing.assert_array_equal(objects.boxes[count + 5], [5, 1, 10, 5])
