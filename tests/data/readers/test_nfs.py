"""NFS: both cameras, both layouts in use, corners, and every eighth row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import DataError


def corners(rows: int) -> str:
    return "".join(f'0 {10 + i} 20 {40 + i} 60 {i} 0 0 1 "ball"\n' for i in range(rows))


@pytest.fixture
def root(tmp_path: Path, images, text) -> Path:
    """17 rows of the fast camera: 3 frames of the slow one."""
    home = tmp_path / "NFS" / "shuffle"
    for fps, frames in (("240", 17), ("30", 3)):
        images(home / fps / "shuffle", "%05d.jpg", range(1, frames + 1))
        text(home / fps / "shuffle.txt", corners(17))
    return tmp_path


@pytest.mark.parametrize(("name", "frames", "step"), [("NFS30", 3, 8), ("NFS240", 17, 1)])
def test_as_downloaded(root: Path, name: str, frames: int, step: int) -> None:
    dataset = open_dataset(name, root)
    assert list(dataset.names) == ["shuffle"]
    sequence = dataset["shuffle"]
    expected = [[10 + step * i, 20, 30, 40] for i in range(frames)]
    assert sequence.file_boxes.tolist() == expected
    assert [int(sequence.frames[i][0, 0, 0]) for i in range(frames)] == list(range(1, frames + 1))
    assert sequence.offset == 0


@pytest.mark.parametrize(("frames", "rows", "kept"), [(3, 25, 3), (4, 17, 3), (3, 3, 3), (3, 4, 3)])
def test_one_row_or_frame_too_many_is_cut(tmp_path: Path, images, text, frames: int, rows: int, kept: int) -> None:
    images(tmp_path / "a" / "30" / "a", "%05d.jpg", range(1, frames + 1))
    text(tmp_path / "a" / "30" / "a.txt", corners(rows))
    sequence = open_dataset("nfs", tmp_path)["a"]
    assert len(sequence) == len(sequence.frames) == kept


def test_the_layout_of_pytracking(tmp_path: Path, images, text) -> None:
    home = tmp_path / "NFS30"
    for name, file in (("a", "nfs_a.txt"), ("b", "b.txt")):
        images(home / "sequences" / name, "%05d.jpg", (1, 2))
        text(home / "anno" / file, "1.5\t2\t3\t4\n5\t6\t7\t8\n")
    dataset = open_dataset("NFS30", tmp_path)
    assert list(dataset.names) == ["a", "b"]
    for sequence in dataset:
        np.testing.assert_array_equal(sequence.file_boxes, [[1.5, 2, 3, 4], [5, 6, 7, 8]])


def test_sentences(root: Path, images, text) -> None:
    home = root / "NFS" / "shuffle"
    text(home / "30" / "shuffle.txt", corners(60))
    with pytest.raises(DataError, match=r"shuffle.txt: has 8 boxes, taken at the rate of the frames, but .* 3 images"):
        open_dataset("nfs30", root)["shuffle"]
    for wrong in ("0 1 2 3\n", 'x 1 2 3 4 "a"\n', "1,2,3,4\n"):
        text(home / "30" / "shuffle.txt", corners(1) + wrong)
        with pytest.raises(DataError, match=r"shuffle.txt, line 2: .*expected is id x1 y1 x2 y2"):
            open_dataset("nfs30", root)["shuffle"]
    with pytest.raises(DataError, match=r"data set nfs: .*expected is\nNFS/"):
        open_dataset("nfs", root / "NFS" / "shuffle" / "30")
