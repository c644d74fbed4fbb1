"""``siamtrack data``: options reach the data set, and exit codes say how it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from siamtrack.cli import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """GOT-10k's training part with three frames of a sequence, one of them no image."""
    folder = tmp_path / "GOT-10k" / "train" / "GOT-10k_Train_000001"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f"{number:08d}.jpg"), np.zeros((40, 60, 3), np.uint8))
    (folder / "00000002.jpg").write_bytes(b"<html>")
    (folder / "groundtruth.txt").write_text("5,5,20,20\n" * 3)
    return tmp_path


def test_check_takes_split_sequences_and_a_sample(root, capsys):
    assert main(["data", "check", "got10k", str(root), "--split", "train"]) == 1
    assert "00000002.jpg: is not an image" in capsys.readouterr().out
    assert main(["data", "check", "got10k", str(root), "--split", "train", "--sample", "2"]) == 0, (
        "first and last frame"
    )
    assert "1 sequence, 2 sound frames" in capsys.readouterr().out
    assert main(["data", "check", "got10k", str(root), "--split", "train", "--sequences", "nobody"]) == 1
    assert main(["data", "check", "got10k", str(root), "--split", "trian"]) == 2
    assert "'trian' does not fit" in capsys.readouterr().err


def test_check_looks_at_all_sets_of_a_configuration(root, tmp_path, capsys):
    cfg = tmp_path / "two.yaml"
    cfg.write_text("DATA: {SETS: [{NAME: got10k, SPLIT: train, NUM_USE: 9}, {NAME: vid, FRAME_RANGE: 3}]}\n")
    assert main(["data", "check", "--cfg", str(cfg), "--data-root", str(root), "--sample", "1"]) == 1
    said = capsys.readouterr().out
    assert "data set got10k" in said
    assert "everything is in order" in said
    assert "data set vid" in said
    assert "ILSVRC2015/" in said
    assert main(["data", "check"]) == 2
    assert "name one data set and its folder, or a configuration" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["vid", "det", "youtubebb", "trackingnet", "coco", "lasot", "got10k"])
def test_check_shows_what_should_be_there(name, tmp_path, capsys):
    assert main(["data", "check", name, str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "expected layout:" in said
    assert "the data set is not in it" in said
