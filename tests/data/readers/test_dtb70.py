"""DTB70: folders in OTB's manner, and the attributes of its toolkit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


def test_sequences_and_attributes(tmp_path: Path, images, text) -> None:
    home = tmp_path / "DTB70"
    images(home / "ManRunning1" / "img", "%05d.jpg", (1, 2))
    text(home / "ManRunning1" / "groundtruth_rect.txt", "1005.4,1.13686837721616e-13,63,66\r\n5,6,7,8\r\n\r\n")
    dataset = open_dataset("dtb70", tmp_path)
    sequence = dataset["ManRunning1"]
    np.testing.assert_array_equal(sequence.file_boxes, [[1005.4, 1.13686837721616e-13, 63, 66], [5, 6, 7, 8]])
    np.testing.assert_array_equal(sequence.boxes[1], [4, 5, 7, 8])
    assert sequence.attributes == ()

    flags = text(home / "att" / "ManRunning1.txt", "0,0,1,0,1,0,0,0,0,0,1\n")
    assert list(dataset.names) == ["ManRunning1"]
    assert dataset["ManRunning1"].attributes == ("Occlusion", "Fast Camera Motion", "Motion Blur")
    text(flags, "0,0,1,0,1,0,0,0,0,0\n")
    with pytest.raises(DataError, match=r"ManRunning1.txt: has 10 flags; one for each of Scale Variation, "):
        dataset["ManRunning1"]
