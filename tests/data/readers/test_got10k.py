"""GOT-10k's layout: lists, labels, and test sequences of which only the first box is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.annotation import NumberedPaths
from siamtrack.data.sequence import DataError, ImageFrames


@pytest.fixture
def root(tmp_path: Path, images, text) -> Path:
    for split, names in {"train": ("T_2", "T_10"), "val": ("V_1",), "test": ("E_1", "E_2")}.items():
        for name in names:
            folder = tmp_path / "GOT-10k" / split / name
            images(folder, "%08d.jpg", (1, 2, 3))
            whole = split != "test" or name == "E_2"
            text(folder / "groundtruth.txt", "1.5,2,3,4\n" + ("0,0,0,0\n5,6,7,8.25\n" if whole else ""))
            if split != "test":
                text(folder / "absence.label", "0\n1\n0\n")
                text(folder / "cover.label", "8\n0\n5\n")
        if split != "train":
            text(tmp_path / "GOT-10k" / split / "list.txt", "\n".join(names) + "\n")
    return tmp_path


def test_train_without_a_list_takes_the_folders(root: Path, text) -> None:
    assert list(open_dataset("got10k", root, split="train").names) == ["T_2", "T_10"]
    text(root / "GOT-10k" / "train" / "list.txt", "T_10\nT_11\n")
    dataset = open_dataset("got10k", root, split="train")
    assert list(dataset.names) == ["T_10"]
    assert dataset.missing == ("T_11",)


def test_boxes_and_labels(root: Path) -> None:
    sequence = open_dataset("GOT-10k", root)["V_1"]
    np.testing.assert_array_equal(sequence.boxes, [[1.5, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8.25]])
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True]
    assert sequence.cover is not None
    assert sequence.cover.tolist() == [8, 0, 5]
    assert [int(frame[0, 0, 0]) for frame in sequence.frames] == [1, 2, 3]
    assert isinstance(sequence.frames._paths, NumberedPaths)


def test_of_a_test_sequence_only_the_first_box_is_known(root: Path) -> None:
    dataset = open_dataset("got10k", root, split="test")
    sequence = dataset["E_1"]
    assert len(sequence) == len(sequence.frames) == 3
    np.testing.assert_array_equal(sequence.boxes, [[1.5, 2, 3, 4], [np.nan] * 4, [np.nan] * 4])
    assert (sequence.visible, sequence.cover) == (None, None)
    assert np.isfinite(dataset["E_2"].boxes).all()  # a test set of one's own may have them all


def test_sentences(root: Path, text) -> None:
    val = root / "GOT-10k" / "val"
    (val / "V_1" / "cover.label").write_text("8\n")
    with pytest.raises(DataError, match=r"sequence V_1: 3 boxes, but 1 cover; they should agree\."):
        open_dataset("got10k", root)["V_1"]
    for number in (1, 2, 3):
        (val / "V_1" / f"{number:08d}.jpg").rename(val / "V_1" / f"{number}.jpg")
    (val / "V_1" / "cover.label").unlink()
    frames = open_dataset("got10k", root)["V_1"].frames  # other names, as many as boxes
    assert isinstance(frames, ImageFrames)
    assert frames.path(2).endswith("3.jpg")
    (val / "V_1" / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"V_1: holds 2 images for 3 annotated frames, and none is called 00000001.jpg"):
        open_dataset("got10k", root)["V_1"]
    (val / "list.txt").unlink()
    with pytest.raises(DataError) as caught:
        len(open_dataset("got10k", root))
    assert str(caught.value) == (
        f"{val / 'list.txt'}: cannot be read (No such file or directory); expected is the list of sequences, one name "
        "a line."
    )


def test_opening_does_not_touch_the_frames(root: Path, text, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand sequences open in seconds because a sequence costs its label files and one look."""
    monkeypatch.setattr("os.listdir", lambda *_: pytest.fail("a folder was listed"))
    assert len(open_dataset("got10k", root, split="train")["T_2"]) == 3


def test_vot_train_leaves_out_what_the_challenge_shows(tmp_path: Path, images, text) -> None:
    home = tmp_path / "GOT-10k" / "train"
    for number in (1, 4, 5, 9334):  # 4 and 9334 show videos of VOT
        text(home / f"GOT-10k_Train_{number:06d}" / "groundtruth.txt", "1,2,3,4\n")
        text(home / f"GOT-10k_Train_{number:06d}" / "meta_info.ini", "[METAINFO]\nobject_class: JetSki \n")
    kept = ["GOT-10k_Train_000001", "GOT-10k_Train_000005"]
    assert list(open_dataset("got10k", tmp_path, split="vot-train").names) == kept
    assert len(open_dataset("got10k", tmp_path, split="train")) == 4
    images(home / kept[0], "%08d.jpg", (1,))
    assert open_dataset("got10k", tmp_path, split="vot-train")[kept[0]].category == "JetSki"


def test_subsets_by_place_and_by_name_and_the_guard(root: Path, text) -> None:
    train = root / "GOT-10k" / "train"
    text(root / "GOT-10k" / "split.txt", "1\n")
    assert list(open_dataset("got10k", root, split="train", subset="split.txt").names) == ["T_10"]
    names = text(root / "elsewhere.txt", "T_2\n")
    assert list(open_dataset("got10k", root, split="vot-train", subset=str(names)).names) == ["T_2"]
    text(names, "7\n")
    with pytest.raises(DataError, match=r"elsewhere.txt: names place 7, but train has 2 sequences"):
        len(open_dataset("got10k", root, split="train", subset=str(names)))
    (train / "T_2").rename(train / "GOT-10k_Train_000004")
    text(names, "GOT-10k_Train_000004\n")
    with pytest.raises(DataError, match="1 of its sequences show videos of the VOT challenge, such as GOT-10k_Train_0"):
        len(open_dataset("got10k", root, split="vot-train", subset=str(names)))
    assert len(open_dataset("got10k", root, split="train", subset=str(names))) == 1


def test_a_thousand_sequences_are_guarded() -> None:
    from siamtrack.data.readers.got10k_vot import NUMBERS, shows_vot

    assert len(NUMBERS) == 1000
    assert min(NUMBERS) >= 1
    assert max(NUMBERS) <= 9335
    assert shows_vot("GOT-10k_Train_000004")
    assert not shows_vot("GOT-10k_Train_000005")
    assert not shows_vot("GOT-10k_Val_000004")


def test_the_category_is_that_of_its_own_line(root: Path, text) -> None:
    about = root / "GOT-10k" / "val" / "V_1" / "meta_info.ini"
    for line, category in (("object_class: giant panda ", "giant panda"), ("object_class:", ""), ("", "")):
        text(about, f"[METAINFO]\r\n{line}\r\nmotion_class: walking\r\n")
        assert open_dataset("GOT-10k", root)["V_1"].category == category
