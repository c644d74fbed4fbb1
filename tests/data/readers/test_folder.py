"""Home-made folders of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


@pytest.mark.parametrize("inner", ["", "img"])
@pytest.mark.parametrize("single", [False, True])
def test_frames_in_numerical_order_with_a_first_box(tmp_path: Path, images, inner: str, single: bool) -> None:
    images(tmp_path / "surfer" / inner, "f%d.png", (1, 2, 10))
    root = tmp_path / "surfer" if single else tmp_path
    dataset = open_dataset("folder", root, init=(1, 2, 3, 4))
    assert list(dataset.names) == ["surfer"]
    sequence = dataset["surfer"]
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [1, 2, 10]
    np.testing.assert_array_equal(sequence.boxes, [[1, 2, 3, 4], [np.nan] * 4, [np.nan] * 4])
    assert sequence.visible is None


def test_ground_truth_whole_or_first_row_in_any_format(tmp_path: Path, images, text) -> None:
    images(tmp_path / "a", "%d.jpg", (1, 2))
    truth = tmp_path / "a" / "groundtruth.txt"
    text(truth, "1,2,11,22\nNaN,NaN,NaN,NaN\n")
    sequence = open_dataset("folder", tmp_path, box_format="xyxy", offset=1)["a"]
    np.testing.assert_array_equal(sequence.file_boxes, [[1, 2, 10, 20], [np.nan] * 4])
    np.testing.assert_array_equal(sequence.init_box, [0, 1, 10, 20])
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]
    text(truth, "1,2,11,22\n")
    np.testing.assert_array_equal(open_dataset("folder", tmp_path)["a"].boxes[0], [1, 2, 11, 22])
    text(truth, "0,0,4,0,4,4,0,4\n" * 2)
    assert open_dataset("folder", tmp_path)["a"].polygons is not None
    np.testing.assert_array_equal(open_dataset("folder", tmp_path, init=(5, 6, 7, 8))["a"].init_box, [5, 6, 7, 8])


def test_sentences(tmp_path: Path, images, text) -> None:
    images(tmp_path / "a", "%d.jpg", (1, 2, 3))
    with pytest.raises(DataError) as caught:
        open_dataset("folder", tmp_path)["a"]
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: has neither ground truth beside it nor a first box; give the first box as x, y, w, h "
        "(init in Python, --init of siamtrack demo)."
    )
    with pytest.raises(DataError, match=r"a: the first box \(1.0, 2.0, 0.0, 4.0\) has no area; give x, y, w, h"):
        open_dataset("folder", tmp_path, init=(1, 2, 0, 4))["a"]
    text(tmp_path / "a" / "groundtruth.txt", "1,2,3,4\n" * 2)
    with pytest.raises(DataError, match="has 2 lines for 3 images; one line per image, or one for the first"):
        open_dataset("folder", tmp_path)["a"]
    with pytest.raises(DataError, match=r"b: holds no image; expected is"):
        open_dataset("folder", tmp_path)["b"]
