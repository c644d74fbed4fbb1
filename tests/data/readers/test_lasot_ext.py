"""LaSOT's extension: its own list, files like LaSOT's."""

from __future__ import annotations

from pathlib import Path

import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.lasot_ext import SEQUENCES
from siamtrack.data.sequence import DataError


def write(home: Path, name: str, images, text) -> None:
    folder = home / name.rpartition("-")[0] / name
    images(folder / "img", "%08d.jpg", (1, 2))
    text(folder / "groundtruth.txt", "1,2,3,4\n0,0,0,0\n")
    text(folder / "full_occlusion.txt", "0,0")
    text(folder / "out_of_view.txt", "0,1")


def test_the_extension_alone(tmp_path: Path, images, text) -> None:
    home = tmp_path / "LaSOT_extension_subset"
    for name in ("atv-2", "atv-10", "wingsuit-1", "airplane-1"):
        write(home, name, images, text)
    for root in (tmp_path, home):
        dataset = open_dataset("LaSOT-ext", root)
        assert list(dataset.names) == ["atv-2", "atv-10", "wingsuit-1"]
        assert len(dataset.missing) == len(SEQUENCES) - 3 == 147
        assert dataset["atv-2"].visible.tolist() == [True, False]
    text(home / "att" / "atv-2.txt", "0,0,0,0,1,0,0,1,1,0,0,0,0,0\n")
    assert dataset["atv-2"].attributes == ("Camera Motion", "Viewpoint Change", "Scale Variation")


def test_lasot_is_not_its_extension(tmp_path: Path, images, text) -> None:
    write(tmp_path, "airplane-1", images, text)
    with pytest.raises(DataError, match=r"data set lasot_ext: .*expected is\nLaSOT_extension_subset/"):
        open_dataset("lasot_ext", tmp_path)
