"""Opening a data set: roots, editions, names, and the sentences for what cannot be opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.config import ConfigError
from siamtrack.data.readers import EDITIONS, datasets, open_dataset, resolve
from siamtrack.data.sequence import DataError

ALL = [
    "coco",
    "det",
    "dtb70",
    "folder",
    "got10k",
    "lasot",
    "otb",
    "pysot",
    "trackingnet",
    "uav123",
    "uav123_10fps",
    "uav20l",
    "vid",
    "video",
    "vot",
    "youtubebb",
]


@pytest.fixture
def home(tmp_path: Path, text, images) -> Path:
    """A folder that holds DTB70 with two sequences."""
    for name in ("Animal2", "Animal10"):
        images(tmp_path / "DTB70" / name / "img", "%05d.jpg", (1, 2))
        text(tmp_path / "DTB70" / name / "groundtruth_rect.txt", "1,2,3,4\n2,3,4,5\n")
    return tmp_path


def test_every_reader_is_known_and_says_its_layout() -> None:
    assert set(ALL) <= set(datasets)
    for name in datasets:
        assert len(datasets.get(name).layout.splitlines()) >= 3


def test_names_with_an_edition_lead_to_a_reader_that_takes_it() -> None:
    for name in EDITIONS:
        registered, options = resolve(name.upper())
        assert registered in datasets
        datasets.options(datasets.get(registered), {k.upper(): v for k, v in options.items()} | {"NAME": registered})


@pytest.mark.parametrize("below", ["", "DTB70"])
def test_a_root_is_the_folder_itself_or_holds_it(home: Path, below: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_dataset("dtb70", home / below).root == home / "DTB70"
    monkeypatch.setenv("SIAMTRACK_DATA", str(home / below))
    dataset = open_dataset("DTB70")
    assert dataset.root == home / "DTB70"
    assert list(dataset.names) == ["Animal2", "Animal10"]  # natural order
    assert len(dataset) == 2
    assert [s.name for s in dataset] == ["Animal2", "Animal10"]
    np.testing.assert_array_equal(dataset["Animal2"].file_boxes, [[1, 2, 3, 4], [2, 3, 4, 5]])
    np.testing.assert_array_equal(dataset["Animal2"].boxes, [[0, 1, 3, 4], [1, 2, 4, 5]])  # the files count from 1
    assert dataset["Animal10"].name == dataset[1].name == dataset[-1].name == dataset[1:][0].name == "Animal10"


def test_a_choice_of_sequences_keeps_its_order(home: Path) -> None:
    dataset = open_dataset("dtb70", home, sequences=["Animal10", "Animal2"])
    assert [s.name for s in dataset] == ["Animal10", "Animal2"]
    with pytest.raises(DataError, match=r"Animal3/groundtruth_rect.txt: cannot be read"):
        open_dataset("dtb70", home, sequences=["Animal3"])[0]


def test_a_missing_root_gets_the_expected_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = datasets.get("dtb70").layout
    with pytest.raises(DataError) as caught:
        open_dataset("dtb70", tmp_path / "none")
    assert str(caught.value) == f"data set dtb70: {tmp_path / 'none'}: there is no such folder; expected is\n{layout}"
    with pytest.raises(DataError) as caught:
        open_dataset("dtb70", tmp_path)
    assert str(caught.value) == (
        f"data set dtb70: {tmp_path}: the data set is not in it (nor in DTB70 or dtb70 below it); expected is\n{layout}"
    )
    monkeypatch.delenv("SIAMTRACK_DATA", raising=False)
    with pytest.raises(DataError, match="no folder was given; use --data-root or set SIAMTRACK_DATA"):
        open_dataset("dtb70")


def test_unknown_names_and_options_get_the_nearest(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no data set 'dtb7'. Did you mean 'dtb70'\?"):
        open_dataset("dtb7", home)
    with pytest.raises(ConfigError, match=r"there is no data set 'OTB1000'. Did you mean 'otb100'\?"):
        open_dataset("OTB1000", home)
    with pytest.raises(
        ConfigError, match=r"data set got10k, key DATA.SETS.SPLT: .*no such option. Did you mean 'SPLIT'\?"
    ):
        open_dataset("got10k", home, splt="val")
    with pytest.raises(ConfigError, match=r"'vel' does not fit; it should be one of train, vot-train, val, test."):
        open_dataset("got10k", home, split="vel")


def test_frames_and_boxes_that_disagree(home: Path, images) -> None:
    images(home / "DTB70" / "Animal2" / "img", "%05d.jpg", (3,))
    with pytest.raises(DataError, match=r"Animal2: holds 3 images in img/ for 2 boxes; they should agree."):
        open_dataset("dtb70", home)["Animal2"]
