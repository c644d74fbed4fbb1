"""An index is made once, shared as a mapped file, and made anew when anything it rests on changes."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from siamtrack.data import cache
from siamtrack.data.cache import index_file, open_index, read_index, write_index
from siamtrack.data.index import TrackIndex, index_sequences
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.readers import open_dataset
from siamtrack.data.readers.folder import Folder
from siamtrack.data.sequence import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIAMTRACK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    """Three videos of GOT-10k's layout, a target hidden in one of them; frames of one byte, which nobody opens."""
    home = tmp_path / "GOT-10k" / "train"
    for v in range(3):
        folder = home / f"GOT-10k_Train_{v + 1:06d}"
        folder.mkdir(parents=True)
        for f in range(1, 6):
            (folder / f"{f:08d}.jpg").write_bytes(b".")
        (folder / "groundtruth.txt").write_text("".join(f"{f},2,3,{v + 4}\n" for f in range(5)))
        (folder / "absence.label").write_text("0\n" * 3 + f"{v % 2}\n0\n")
        (folder / "meta_info.ini").write_text(f"[METAINFO]\nobject_class: {'cat' if v else 'bird'}\n")
    return tmp_path


def opened(root, **options) -> TrackIndex:
    return open_index(open_dataset("got10k", root, split="train", **options))


def same(a: TrackIndex, b: TrackIndex) -> None:
    for name, value in vars(a).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(b, name), err_msg=name)
    rows = range(len(a.boxes) + len(a.hidden_boxes))
    assert [a.path(row) for row in rows] == [b.path(row) for row in rows]
    assert [a.track_name(row) for row in rows] == [b.track_name(row) for row in rows]
    assert [a.category_names[i] for i in range(len(a.category_names))] == ["bird", "cat"]


def test_a_mapped_index_is_the_index(root, monkeypatch):
    made = index_sequences("got10k", open_dataset("got10k", root, split="train"))
    first = opened(root)
    monkeypatch.setattr(cache, "_make", lambda data: pytest.fail("annotation was read again"))
    second = opened(root)
    for index in (first, second):
        same(made, index)
        assert isinstance(index.boxes.base, np.ndarray), "windows into the file, not copies"
        assert not index.boxes.flags.writeable


def test_an_index_travels_by_the_name_of_its_file(root):
    index = opened(root)
    sent = pickle.dumps(index)
    assert len(sent) < 600 < len(pickle.dumps(index_sequences("x", open_dataset("got10k", root, split="train"))))
    same(index, pickle.loads(sent))  # noqa: S301 - our own bytes
    mixture = pickle.loads(pickle.dumps(Mixture([MixedSet(index)], 3)))  # noqa: S301
    np.testing.assert_array_equal(mixture.boxes(np.arange(3)), Mixture([MixedSet(index)], 3).boxes(np.arange(3)))


@pytest.mark.parametrize("change", ["rewrite", "touch", "appear", "category", "add", "options", "sequences", "folder"])
def test_whatever_changes_makes_another_file(root, change):
    before = index_file(open_dataset("got10k", root, split="train"))
    folder = root / "GOT-10k" / "train"
    label = folder / "GOT-10k_Train_000002" / "groundtruth.txt"
    options = {}
    if change == "rewrite":
        label.write_text(label.read_text() + "9,9,9,9\n")
    elif change == "touch":
        os.utime(label, ns=(1, time.time_ns() + 10**9))
    elif change == "appear":
        (label.parent / "cover.label").write_text("8\n" * 5)
    elif change == "category":
        (label.parent / "meta_info.ini").write_text("[METAINFO]\nobject_class: dog\n")
    elif change == "add":
        (folder / "GOT-10k_Train_000009").mkdir()
    elif change == "options":
        options["split"] = "vot-train"
    elif change == "sequences":
        options["sequences"] = ["GOT-10k_Train_000001"]
    else:
        (root / "GOT-10k").rename(root / "GOT10k")
    after = index_file(open_dataset("got10k", root, **{"split": "train", **options}))
    assert before is not None
    assert after is not None
    assert before != after
    assert index_file(open_dataset("got10k", root, **{"split": "train", **options})) == after


def test_images_of_coco_that_come_later_are_found(tmp_path):
    annotation = tmp_path / "coco" / "annotations" / "instances_train2017.json"
    annotation.parent.mkdir(parents=True)
    boxes = [{"id": 5, "image_id": 1, "bbox": [1, 2, 30, 40]}]
    annotation.write_text(json.dumps({"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": boxes}))
    open_index(open_dataset("coco", tmp_path))
    for folder in (tmp_path / "coco" / "images" / "train2017", tmp_path / "coco" / "train2017"):
        folder.mkdir(parents=True)
        assert open_index(open_dataset("coco", tmp_path)).path(0) == str(folder / "1.jpg")


@pytest.mark.parametrize("module", ["readers/annotation.py", "readers/lasot.py", "index.py"])
def test_other_code_makes_another_file(tmp_path, monkeypatch, module):
    """A reader that was mended must not be given what it read before; it may stand on other modules."""
    folder = tmp_path / "LaSOT_extension_subset" / "atv" / "atv-1"
    folder.mkdir(parents=True)
    (folder / "groundtruth.txt").write_text("1,2,3,4\n")
    read, changed = Path.read_bytes, Path(cache.__file__).parent / module
    before = index_file(open_dataset("lasot_ext", tmp_path))
    cache._code.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * path.samefile(changed))
        after = index_file(open_dataset("lasot_ext", tmp_path))
    cache._code.cache_clear()
    assert after != before == index_file(open_dataset("lasot_ext", tmp_path))


def test_a_damaged_file_is_made_anew(root, caplog):
    file = index_file(open_dataset("got10k", root, split="train"))
    opened(root)
    expected = index_sequences("got10k", open_dataset("got10k", root, split="train"))
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], content[:5], b"", b"\xff" * 100):
        file.write_bytes(damaged)
        same(expected, opened(root))
        assert "made anew" in caplog.text
        assert file.read_bytes() == content
        caplog.clear()


def test_a_folder_that_cannot_be_written_only_costs_time(root, monkeypatch, caplog):
    (root / "file").write_text("")
    monkeypatch.setenv("SIAMTRACK_CACHE", str(root / "file"))
    assert len(opened(root).names) == 3
    assert "SIAMTRACK_CACHE names another folder" in caplog.text


def test_off_and_readers_that_name_no_files_keep_nothing(root, monkeypatch):
    monkeypatch.setenv("SIAMTRACK_CACHE", "off")
    assert opened(root).file == ""
    monkeypatch.setenv("SIAMTRACK_CACHE", str(root / "cache"))
    monkeypatch.setattr(Folder, "annotation_files", lambda self: ())
    assert index_file(open_dataset("folder", root / "GOT-10k" / "train")) is None


def test_a_file_that_is_gone_is_a_sentence(root):
    index = opened(root)
    sent = pickle.dumps(index)
    os.unlink(index.file)
    with pytest.raises(DataError, match="no whole index"):
        pickle.loads(sent)  # noqa: S301
    np.testing.assert_array_equal(index.frames[:2], [0, 1])  # who has it open keeps it


def _open_and_send(root, place, results):
    os.environ["SIAMTRACK_CACHE"] = place
    index = opened(root)
    results.put((index.file, float(index.boxes.sum())))


def test_ranks_that_open_at_once_find_one_whole_file(root):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    place = os.environ["SIAMTRACK_CACHE"]
    ranks = [context.Process(target=_open_and_send, args=(root, place, results)) for _ in range(4)]
    for rank in ranks:
        rank.start()
    found = {results.get(timeout=60) for _ in ranks}
    for rank in ranks:
        rank.join()
        assert rank.exitcode == 0
    assert len(found) == 1
    assert [name for name in os.listdir(os.path.join(place, "indices")) if name.startswith(".")] == []


def test_a_crash_while_writing_leaves_nothing_behind(root, monkeypatch):
    index = index_sequences("toy", open_dataset("got10k", root, split="train"))
    file = root / "cache" / "indices" / "toy.safetensors"
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_index(file, index)
    assert os.listdir(file.parent) == []
    with pytest.raises(DataError):
        read_index(file)
