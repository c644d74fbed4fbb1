"""Video files as data sets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for grey in (20, 120, 220):
        writer.write(np.full((24, 32, 3), grey, np.uint8))
    writer.release()
    return tmp_path / "clip.avi"


def test_a_first_box_starts_a_video_file(clip: Path) -> None:
    sequence = open_dataset("video", clip, init=(1, 2, 3, 4))["clip"]
    assert len(sequence) == len(sequence.frames) == 3
    np.testing.assert_array_equal(sequence.boxes, [[1, 2, 3, 4], [np.nan] * 4, [np.nan] * 4])


def test_ground_truth_beside_the_file_or_in_the_folder(clip: Path, text) -> None:
    text(clip.with_name("clip_gt.txt"), "1,2,11,22\nNaN,NaN,NaN,NaN\n-3,2,11,22\n")
    for root in (clip, clip.parent):
        sequence = open_dataset("video", root, box_format="xyxy")["clip"]
        np.testing.assert_array_equal(sequence.boxes, [[1, 2, 10, 20], [np.nan] * 4, [-3, 2, 14, 20]])
        assert sequence.visible is not None
        assert sequence.visible.tolist() == [True, False, True]
        assert [round(float(frame.mean()) / 100) for frame in sequence.frames] == [0, 1, 2]
    assert np.isnan(open_dataset("video", clip, init=(5, 6, 7, 8))["clip"].boxes[2]).all()


def test_sentences(clip: Path, text) -> None:
    with pytest.raises(DataError, match=r"clip.avi: has neither ground truth beside it nor a first box"):
        open_dataset("video", clip)["clip"]
    text(clip.with_name("clip_gt.txt"), "1,2,3,4\n" * 5)
    sequence = open_dataset("video", clip)["clip"]
    with pytest.raises(DataError, match=r"clip.avi: frame 3 \(counted from 0\) cannot be read; the video ends before"):
        list(sequence.frames)
    clip.write_bytes(b"")
    with pytest.raises(DataError, match=r"clip.avi: OpenCV cannot open it"):
        open_dataset("video", clip, init=(1, 2, 3, 4))["clip"]
    with pytest.raises(DataError, match=r"holds no video 'x'; there are clip."):
        open_dataset("video", clip)["x"]
    with pytest.raises(DataError, match="there is no such folder"):
        open_dataset("video", clip.with_name("none.avi"))
