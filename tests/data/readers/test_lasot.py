"""LaSOT: splits by the testing list, flags in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


@pytest.fixture(params=["by class", "flat"])
def root(request: pytest.FixtureRequest, tmp_path: Path, images, text) -> Path:
    home = tmp_path / "LaSOT"
    for kind, number in (("cat", 2), ("cat", 10), ("ship", 1)):
        folder = home / kind / f"{kind}-{number}" if request.param == "by class" else home / f"{kind}-{number}"
        images(folder / "img", "%08d.jpg", (1, 2, 3))
        text(folder / "groundtruth.txt", "1,2,3,4\n0,0,0,0\n5,6,7,8\n")
        text(folder / "full_occlusion.txt", "0,0,1\n")
        text(folder / "out_of_view.txt", "0,1,0")
    text(home / "testing_set.txt", "ship-1\ncat-10\nshoe-4\n")
    return tmp_path


def test_splits(root: Path) -> None:
    test = open_dataset("lasot", root)
    assert list(test.names) == ["ship-1", "cat-10"]
    assert test.missing == ("shoe-4",)
    assert list(open_dataset("lasot", root, split="train").names) == ["cat-2"]
    (root / "LaSOT" / "testing_set.txt").unlink()
    assert list(open_dataset("lasot", root, split="all").names) == ["cat-2", "cat-10", "ship-1"]
    with pytest.raises(DataError, match=r"testing_set.txt: cannot be read"):
        len(open_dataset("lasot", root, split="train"))


def test_flags_make_visible_and_numbers_stay(root: Path, text) -> None:
    sequence = open_dataset("lasot", root)["cat-10"]
    np.testing.assert_array_equal(sequence.file_boxes, [[1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]])
    np.testing.assert_array_equal(sequence.boxes, sequence.file_boxes)
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, False]
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [1, 2, 3]
    flags = next((root / "LaSOT").rglob("cat-10/out_of_view.txt"))
    text(flags, "0,1")
    with pytest.raises(DataError) as caught:
        open_dataset("lasot", root)["cat-10"]
    assert str(caught.value) == f"{flags}: has 2 flags for 3 boxes; one per frame is right."


def test_attributes_of_the_toolkit(root: Path, text) -> None:
    assert open_dataset("lasot", root)["cat-10"].attributes == ()
    flags = text(root / "LaSOT" / "att" / "cat-10.txt", "0,1,0,0,0,1,0,0,1,0,0,0,1,0\n")
    for split in ("test", "all"):
        dataset = open_dataset("lasot", root, split=split)
        assert not any(name.startswith("att") for name in dataset.names)
        assert dataset["cat-10"].attributes == ("Partial Occlusion", "Rotation", "Scale Variation", "Low Resolution")
    text(flags, "0,1,0\n")
    with pytest.raises(DataError, match=r"cat-10.txt: has 3 flags; one for each of Illumination Variation, "):
        open_dataset("lasot", root)["cat-10"]
