"""A packed data set is the data set: to its reader, to a tracker, to training, to tar; also after interruptions."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tarfile
import time

import cv2
import numpy as np
import pytest

from siamtrack import cli
from siamtrack.data.errors import DataError
from siamtrack.data.jpeg.remux import Remuxer
from siamtrack.data.packed import store
from siamtrack.data.packed.pack import pack
from siamtrack.data.picture import Picture
from siamtrack.data.readers import open_dataset


@pytest.fixture(scope="module")
def packed(loose, tmp_path_factory):
    output = tmp_path_factory.mktemp("packed") / "GOT-10k"
    report = pack("got10k", loose, output, split="train", jobs=1)
    assert (report.found, report.before, report.tiled) == (18, 0, 15)
    assert set(report.kept) == {"rotated by its Exif data", "four components (CMYK)", "not a JPEG of 8 bits"}
    assert abs(report.bytes_out / report.bytes_in - 1) < 0.25
    return output


def _same(a, b) -> None:
    assert list(a.names) == list(b.names)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.boxes, y.boxes)
        for one, other in zip(x.frames, y.frames, strict=True):
            np.testing.assert_array_equal(one, other)


def test_its_reader_finds_the_same_sequences_boxes_and_pixels(loose, packed):
    assert not list(packed.rglob("*.jpg"))
    _same(open_dataset("got10k", loose, split="train"), open_dataset("got10k", packed, split="train"))


def test_check_finds_it_in_order(packed, capsys):
    from siamtrack.data.check import check

    report = check("got10k", packed, split="train")
    assert report.ok, str(report)
    assert report.frames == 18


def test_tar_and_any_decoder_read_it(loose, packed):
    with tarfile.open(packed / store.FOLDER / "000000.tar") as shard:
        members = shard.getmembers()
        assert len(members) == 18
        for member in members:
            ours = cv2.imdecode(np.frombuffer(shard.extractfile(member).read(), np.uint8), cv2.IMREAD_COLOR)
            np.testing.assert_array_equal(ours, cv2.imread(str(loose / member.name)))


def test_a_rectangle_of_a_packed_frame_is_that_of_the_loose_one(loose, packed):
    rng = np.random.default_rng(0)
    for name in ("a", "b", "odd"):
        for number in range(1, 7):
            file = f"train/{name}/{number:08}.jpg"
            whole = cv2.cvtColor(cv2.imread(str(loose / file)), cv2.COLOR_BGR2RGB)
            ways = Picture(str(packed / file)), Picture(str(loose / file)), Picture(str(loose / file), "whole")
            for picture in ways:
                assert picture.shape == whole.shape
                np.testing.assert_array_equal(picture.mean_colour(), cv2.mean(whole)[:3])
            for _ in range(5):
                (x0, x1), (y0, y1) = (np.sort(rng.choice(n, 2, replace=False)) for n in whole.shape[1::-1])
                for picture in ways:
                    np.testing.assert_array_equal(picture[y0:y1, x0:x1], whole[y0:y1, x0:x1])


def test_packing_again_packs_nothing_and_one_more_image_only_that(loose, tmp_path):
    source, output = tmp_path / "GOT-10k", tmp_path / "packed"
    shutil.copytree(loose, source)
    pack("got10k", source, output, split="train", jobs=1)
    report = pack("got10k", source, output, split="train", jobs=1)
    assert (report.found, report.before, report.tiled) == (18, 18, 0)
    shutil.copy(source / "train/a/00000001.jpg", source / "train/a/00000007.jpg")
    report = pack("got10k", source, output, split="train", jobs=1)
    assert (report.found, report.before, report.tiled) == (19, 18, 1)
    assert np.array_equal(
        store.read_file(output / "train/a/00000007.jpg"), store.read_file(output / "train/a/00000001.jpg")
    )


def test_killed_while_packing_it_goes_on_with_what_was_whole(loose, tmp_path):
    output = tmp_path / "packed"
    command = [sys.executable, "-m", "siamtrack.cli", "data", "pack", "got10k", str(loose), str(output)]
    options = ["--split", "train", "--shard-size", "0.02", "--jobs", "1"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shards = output / store.FOLDER
    while not (shards / "000001.tar").exists():
        assert process.poll() is None, "it was too fast to be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(DataError, match="give the same siamtrack data pack command again"):
        open_dataset("got10k", output, split="train")["a"].frames[0]
    whole = {path.name: path.stat().st_mtime_ns for path in shards.glob("*.tar")}

    report = pack("got10k", loose, output, split="train", jobs=2, shard_size=1 << 14)
    assert report.before >= 2
    assert report.before + report.tiled + report.kept.total() == report.found == 18
    assert not list(output.rglob("*.tmp"))
    assert {path.name: path.stat().st_mtime_ns for path in shards.glob("*.tar")}.items() >= whole.items()
    _same(open_dataset("got10k", loose, split="train"), open_dataset("got10k", output, split="train"))


def test_a_file_that_ends_libjpeg_is_kept_as_it_was(loose, tmp_path):
    source, output = tmp_path / "GOT-10k", tmp_path / "packed"
    shutil.copytree(loose, source)
    bad = source / "train/a/00000003.jpg"
    data = bytearray(bad.read_bytes())
    table = data.index(b"\xff\xc4")
    data[table + 4] = 0x77  # a Huffman table of no known kind
    bad.write_bytes(data)
    remuxer = Remuxer()
    assert remuxer.tile(str(bad)) == "OpenCV cannot decode it"
    remuxer.close()
    report = pack("got10k", source, output, split="train", jobs=1)
    assert report.tiled == 14
    assert report.kept["OpenCV cannot decode it"] == 1
    assert bytes(store.read_file(output / "train/a/00000003.jpg")) == bytes(data)


def test_a_process_that_ends_is_replaced(loose, tmp_path):
    """libjpeg's way out, met for real: the process is told to transcode a file with a broken table."""
    bad = tmp_path / "bad.jpg"
    data = bytearray((loose / "train/a/00000003.jpg").read_bytes())
    data[data.index(b"\xff\xc4") + 4] = 0x77
    bad.write_bytes(data)
    script = "import sys; from siamtrack.data.jpeg.remux import transcode; transcode(open(sys.argv[1],'rb').read(), 1)"
    ended = subprocess.run([sys.executable, "-c", script, str(bad)], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "Bogus" in ended.stderr
    remuxer = Remuxer()
    good = str(loose / "train/a/00000003.jpg")
    assert isinstance(remuxer.tile(good), bytes)
    remuxer._process.kill()
    remuxer._process.wait()
    assert remuxer.tile(good) == "libjpeg ends at it"
    assert isinstance(remuxer.tile(good), bytes)
    remuxer.close()


@pytest.fixture
def copy(packed, tmp_path):
    """A packed data set that may be damaged."""
    shutil.copytree(packed, tmp_path / "copy")
    return tmp_path / "copy"


def _first(root) -> np.ndarray:
    return open_dataset("got10k", root, split="train")["a"].frames[0]


def test_a_shard_that_was_cut_is_a_sentence(copy):
    shard = copy / store.FOLDER / "000000.tar"
    shard.write_bytes(shard.read_bytes()[:-1024])
    with pytest.raises(
        DataError, match=r"000000\.tar: is damaged: it has \d+ bytes and should have \d+; fetch it again"
    ):
        _first(copy)


def test_a_shard_that_is_gone_is_a_sentence(copy):
    (copy / store.FOLDER / "000000.tar").unlink()
    with pytest.raises(DataError, match=r"000000\.tar: the shard cannot be opened \(No such file"):
        _first(copy)


def test_a_shard_with_other_bytes_in_it_is_a_sentence(copy):
    shard = copy / store.FOLDER / "000000.tar"
    shard.write_bytes(bytes(512) + shard.read_bytes()[512:])
    with pytest.raises(DataError, match=r"should be the tar header of train/a/00000001\.jpg"):
        _first(copy)


def test_a_damaged_image_in_a_shard_is_named_with_its_place(copy):
    shard = copy / store.FOLDER / "000000.tar"
    data = bytearray(shard.read_bytes())
    data[512:4096] = bytes(4096 - 512)
    shard.write_bytes(data)
    with pytest.raises(
        DataError, match=r"00000001\.jpg \(in siamtrack-shards/000000\.tar, byte 512\): is not an image"
    ):
        _first(copy)


def test_a_damaged_index_is_a_sentence(copy):
    (copy / store.FOLDER / "names.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="the index is damaged"):
        _first(copy)


def test_a_frame_that_nobody_packed_is_a_sentence(packed):
    with pytest.raises(DataError, match=r"00000099\.jpg: the frame cannot be opened"):
        Picture(str(packed / "train/a/00000099.jpg"))


def test_packing_into_the_data_set_itself_is_refused(loose):
    with pytest.raises(DataError, match="lies in the data set itself"):
        pack("got10k", loose, loose / "train" / "packed", split="train")


def test_archives_are_left_out_and_other_files_copied(loose, tmp_path):
    source = tmp_path / "GOT-10k"
    shutil.copytree(loose, source)
    (source / "train.zip").write_bytes(b"archive")
    (source / "train" / "a" / "meta_info.ini").write_text("[META]")
    report = pack("got10k", source, tmp_path / "out", split="train", jobs=1)
    assert report.left_out == ["train.zip"]
    assert "not copied: train.zip" in str(report)
    assert (tmp_path / "out/train/a/meta_info.ini").read_text() == "[META]"
    assert not (tmp_path / "out/train.zip").exists()


def test_the_command_says_what_it_did(loose, tmp_path, capsys):
    assert cli.main(["data", "pack", "got10k", str(loose), str(tmp_path / "out"), "--split", "train"]) == 0
    said = capsys.readouterr().out
    assert "18 images" in said
    assert "15 now as tiles, every pixel compared" in said
