"""pysot's json files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


def write(folder: Path, name: str, **entry: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{folder.name}.json").write_text(json.dumps({name: entry}))


def test_only_annotated_frames_count(tmp_path: Path, images) -> None:
    images(tmp_path / "OTB100" / "Board" / "img", "%05d.jpg", (1, 2, 3))
    files = [f"Board/img/{n:05d}.jpg" for n in (1, 2, 3)]
    rows = [[1, 2, 3, 4], [5, 6, 7, 8]]
    write(tmp_path / "OTB100", "Board", img_names=files, gt_rect=rows, attr=["Blur"], init_rect=[1, 2, 3, 4])
    sequence = open_dataset("pysot", tmp_path)["Board"]
    np.testing.assert_array_equal(sequence.file_boxes, rows)
    assert (sequence.offset, sequence.attributes, sequence.tags) == (1.0, ("Blur",), None)
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [1, 2]


def test_polygons_tags_and_absent(tmp_path: Path) -> None:
    write(
        tmp_path / "VOT2018", "ants", img_names=["a", "b"], gt_rect=[[0, 0, 4, 0, 4, 4, 0, 4]] * 2,
        occlusion=[0, 1], motion_change=[], absent=[1, 0],
    )  # fmt: skip
    sequence = open_dataset("pysot", tmp_path, benchmark="VOT2018")["ants"]
    assert sequence.polygons is not None
    assert sequence.polygons.shape == (2, 8)
    np.testing.assert_allclose(sequence.init_box, [-0.5, -0.5, 5, 5])
    assert sequence.offset == 0.0
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]
    assert sequence.tags is not None
    assert list(sequence.tags) == ["occlusion"]


def test_sentences(tmp_path: Path) -> None:
    write(tmp_path / "OTB100", "Board", img_names=["a"], gt_rect=[[1, 2, 3, 4]] * 2)
    with pytest.raises(DataError, match=r"sequence Board has a gt_rect of shape \(2, 4\) for 1 images"):
        open_dataset("pysot", tmp_path)["Board"]
    write(tmp_path / "OTB100", "Board", img_names=["a"])
    with pytest.raises(DataError, match=r"sequence Board cannot be used \(KeyError\('gt_rect'\)\)"):
        open_dataset("pysot", tmp_path)["Board"]
    write(tmp_path / "OTB100", "Board", img_names=["a"], gt_rect=[[1, 2, 3, 4]], attr=5)
    with pytest.raises(DataError, match=r"sequence Board cannot be used \(TypeError"):
        open_dataset("pysot", tmp_path)["Board"]
    write(tmp_path / "OTB100", "Board", img_names=["a"], gt_rect=[[1, 2, 3, 10**400]])
    with pytest.raises(DataError, match=r"sequence Board cannot be used \(OverflowError"):
        open_dataset("pysot", tmp_path)["Board"]
    write(tmp_path / "OTB100", "Board", img_names=["a"], gt_rect=[[1, 2, 3, 4]], attr=None)
    assert open_dataset("pysot", tmp_path)["Board"].attributes == ()
    (tmp_path / "OTB100" / "OTB100.json").write_text("{")
    with pytest.raises(DataError, match=r"OTB100.json: is not JSON"):
        len(open_dataset("pysot", tmp_path))
