"""The look over a data set finds every kind of damage, names it, and never raises."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.config import ConfigError
from siamtrack.data.check import Report, check
from siamtrack.data.readers import datasets
from tests.external import external


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A GOT-10k val set of two sound sequences of five frames, 32 x 24."""
    val = tmp_path / "GOT-10k" / "val"
    for name in ("V_1", "V_2"):
        (val / name).mkdir(parents=True)
        for number in range(1, 6):
            noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
            cv2.imwrite(str(val / name / f"{number:08d}.jpg"), noise)
        (val / name / "groundtruth.txt").write_text("4,4,8,8\n" * 5)
        (val / name / "absence.label").write_text("0\n" * 5)
    (val / "list.txt").write_text("V_1\nV_2\n")
    return tmp_path


def problems(report: Report) -> list[tuple[str, str]]:
    return [(f.sequence, f.text) for f in report.findings if f.problem]


def notes(report: Report) -> list[tuple[str, str]]:
    return [(f.sequence, f.text) for f in report.findings if not f.problem]


def test_a_sound_set_is_in_order(root: Path) -> None:
    report = check("got10k", root)
    assert report.ok
    assert not report.findings
    assert (report.sequences, report.frames) == (2, 10)
    lines = str(report).splitlines()
    assert lines[0] == f"data set got10k in {root / 'GOT-10k'}"
    for line in datasets.get("got10k").layout.splitlines():
        assert f"    {line}" in lines
    assert lines[-2:] == ["looked at: 2 sequences, 10 sound frames", "everything is in order"]


@pytest.mark.parametrize(("sample", "frames"), [(1, 2), (2, 4), (3, 6), (99, 10), (None, 10)])
def test_a_sample_decodes_less(root: Path, sample: int | None, frames: int) -> None:
    assert check("got10k", root, sample=sample).frames == frames


def test_a_sample_still_sees_every_missing_file(root: Path) -> None:
    (root / "GOT-10k" / "val" / "V_2" / "00000003.jpg").unlink()
    report = check("got10k", root, sample=2)
    path = root / "GOT-10k" / "val" / "V_2" / "00000003.jpg"
    assert problems(report) == [("V_2", f"{path}: the frame is missing.")]
    assert not report.ok
    assert str(report).endswith("1 problem to repair")


def test_unreadable_frames_are_named_and_counted(root: Path) -> None:
    folder = root / "GOT-10k" / "val" / "V_1"
    whole = (folder / "00000002.jpg").read_bytes()
    (folder / "00000002.jpg").write_bytes(whole[:-30])
    report = check("got10k", root)
    assert problems(report) == [
        ("V_1", f"{folder / '00000002.jpg'}: the image is cut short (its end marker is missing); fetch the file again.")
    ]
    assert report.frames == 9
    for number in range(1, 6):
        (folder / f"{number:08d}.jpg").write_bytes(b"not an image")
    found = problems(check("got10k", root))
    assert len(found) == 4
    assert found[0][1].endswith("00000001.jpg: is not an image that OpenCV can decode (12 bytes).")
    assert found[3] == ("V_1", "2 more frames cannot be read.")


def test_boxes_of_every_bad_kind(root: Path) -> None:
    folder = root / "GOT-10k" / "val" / "V_1"
    (folder / "groundtruth.txt").write_text("4,4,8,8\n4,4,0,8\n0,0,0,0\nNaN,NaN,NaN,NaN\n40,4,8,8\n")
    (folder / "absence.label").write_text("0\n0\n1\n1\n0\n")
    (root / "GOT-10k" / "val" / "V_2" / "groundtruth.txt").write_text("-90,4,8,8\n" + "28,4,8,8\n" * 4)
    report = check("got10k", root)
    assert problems(report) == [
        ("V_1", "boxes have no area although the target is there in 1 frame (counted from 0): 1."),
        ("V_2", "the first box [-90.0, 4.0, 8.0, 8.0] is no start for a tracker."),
    ]
    assert notes(report) == [
        ("V_1", "boxes are NaN in 1 frame (counted from 0): 3."),
        ("V_1", "boxes have no area and the target is absent in 1 frame (counted from 0): 2."),
        ("V_1", "boxes lie outside the frame in 1 frame (counted from 0): 4."),
        ("V_2", "boxes lie outside the frame in 1 frame (counted from 0): 0."),
        ("V_2", "boxes cross the border of the frame in 4 frames (counted from 0): 1, 2, 3, 4."),
    ]


def test_wrong_lengths_and_broken_annotation_do_not_stop_the_look(root: Path) -> None:
    val = root / "GOT-10k" / "val"
    (val / "V_1" / "groundtruth.txt").write_text("4;4;8;8\n")
    (val / "V_1" / "absence.label").unlink()
    (val / "V_2" / "groundtruth.txt").write_text("4,4,8,8\n" * 7)
    (val / "V_2" / "absence.label").unlink()
    (val / "list.txt").write_text("V_1\nV_2\nV_3\n")
    report = check("got10k", root)
    assert report.sequences == 2
    assert report.missing == ("V_3",)
    assert problems(report) == [
        (
            "V_1",
            f"{val / 'V_1' / 'groundtruth.txt'}, line 1: '4;4;8;8' is not 4 numbers; expected is 4 numbers a line, "
            "separated by commas, tabs or blanks.",
        ),
        ("V_2", f"{val / 'V_2' / '00000006.jpg'}: the frame is missing."),
        ("V_2", f"{val / 'V_2' / '00000007.jpg'}: the frame is missing."),
    ]
    assert "not there, of the official list: 1: V_3" in str(report)
    (val / "V_2" / "groundtruth.txt").write_text("4,4,8,8\n" * 3)
    assert notes(check("got10k", root)) == [("V_2", "2 images without annotation, not used.")]


def test_a_set_that_is_not_there_is_a_report_too(root: Path, tmp_path: Path) -> None:
    report = check("otb", tmp_path / "none")
    assert problems(report) == [("", f"data set otb: {tmp_path / 'none'}: there is no such folder.")]
    assert report.layout == datasets.get("otb").layout
    (root / "GOT-10k" / "val" / "list.txt").unlink()
    report = check("got10k", root)
    assert problems(report)[0][1].endswith("expected is the list of sequences, one name a line.")
    assert report.layout == datasets.get("got10k").layout
    (root / "GOT-10k" / "val" / "list.txt").write_bytes(b"\xff\xfe\x00")
    assert "is not text" in problems(check("got10k", root))[0][1]
    with pytest.raises(ConfigError, match="Did you mean"):
        check("got01k", root)


def test_what_no_reader_foresaw_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.get("got10k"), "_open", lambda self, name: 1 / 0)
    assert problems(check("got10k", root))[0] == ("V_1", "ZeroDivisionError: division by zero")


def test_a_long_list_is_cut_in_print_and_whole_in_the_report(root: Path) -> None:
    val = root / "GOT-10k" / "val"
    for number in range(3, 40):
        shutil.copytree(val / "V_1", val / f"V_{number}")
        (val / f"V_{number}" / "groundtruth.txt").write_text("x")
    (val / "list.txt").write_text("\n".join(f"V_{n}" for n in range(1, 40)))
    report = check("got10k", root)
    assert len(problems(report)) == 37
    text = report.text(limit=5)
    assert text.count("problem: ") == 5
    assert "... and 32 more problems" in text


def test_a_video_of_another_length(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for _ in range(3):
        writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    (tmp_path / "a_gt.txt").write_text("4,4,8,8\n" * 5)
    report = check("video", tmp_path)
    assert problems(report) == [("a", f"{tmp_path / 'a.avi'}: has 3 frames for 5 boxes.")]
    (tmp_path / "a.avi").write_bytes(b"")
    assert "OpenCV cannot open it" in problems(check("video", tmp_path))[0][1]


@pytest.mark.parametrize(
    ("name", "options", "sequences", "frames"),
    [
        ("otb", {}, 7, 504), ("vot2016", {}, 1, 100), ("vot2018", {}, 1, 40), ("uav123_10fps", {}, 3, 85),
        ("dtb70", {}, 1, 40), ("got10k", {"split": "train"}, 2, 115), ("got10k", {"split": "val"}, 1, 80),
        ("got10k", {"split": "test"}, 1, 24), ("lasot", {}, 1, 70), ("pysot", {}, 7, 504),
    ],
)  # fmt: skip
def test_the_real_sequences_are_in_order(name: str, options: dict[str, str], sequences: int, frames: int) -> None:
    report = check(name, external("SEQUENCES"), **options)
    assert report.ok, str(report)
    assert (report.sequences, report.frames) == (sequences, frames)
