"""A training run leaves pictures of its samples, and a list of the images that it could not read."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from siamtrack import config
from siamtrack.data.quarantine import FILE
from siamtrack.data.sequence import DataError
from siamtrack.engine.train import train
from siamtrack.tracking.task import TrackingTask
from tests.tiny import TINY


@pytest.fixture
def root(tmp_path):
    """Two sequences of twelve frames, one frame of which is no image."""
    rng = np.random.default_rng(0)
    for v in range(2):
        folder = tmp_path / "GOT-10k" / "train" / f"GOT-10k_Train_{v + 1:06d}"
        folder.mkdir(parents=True)
        for f in range(12):
            cv2.imwrite(str(folder / f"{f + 1:08d}.jpg"), rng.integers(60, 200, (90, 120, 3), np.uint8))
        (folder / "groundtruth.txt").write_text("40,30,24,20\n" * 12)
    (tmp_path / "GOT-10k/train/GOT-10k_Train_000001/00000004.jpg").write_bytes(b"<html>")
    return tmp_path


def settings(*pairs: str):
    words = [word for item in TINY.items() for word in item]
    return config.load(overrides=[*words, "DATA.SAMPLES_PER_EPOCH", "40", "TRAIN.EPOCHS", "1", *pairs])


def test_samples_are_shown_and_bad_images_listed(root, tmp_path):
    cfg, output = settings("TRAIN.PICTURE_EVERY", "4", "TRAIN.REHEARSE", "False"), tmp_path / "run"
    train(cfg, TrackingTask(cfg, str(root)), output, device="cpu")
    rows = [json.loads(line) for line in (output / FILE).read_text().splitlines()]
    assert [row["file"] for row in rows] == [str(root / "GOT-10k/train/GOT-10k_Train_000001/00000004.jpg")]
    board = EventAccumulator(str(output / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    events = board.Images("samples")
    assert [event.step for event in events] == [4, 8]
    image = np.asarray(Image.open(io.BytesIO(events[0].encoded_image_string)))
    assert image.shape[0] == 58 + 2 * (160 + 40 + 18), "four samples in two columns"
    assert image.std() > 20


def test_too_many_bad_images_end_the_run_with_a_sentence(root, tmp_path):
    for file in (root / "GOT-10k/train/GOT-10k_Train_000001").glob("*.jpg"):
        file.write_bytes(b"<html>")
    cfg = settings("DATA.UNREADABLE", "0.001")
    with pytest.raises(DataError, match=r"more than DATA\.UNREADABLE allows"):
        train(cfg, TrackingTask(cfg, str(root)), tmp_path / "run", device="cpu")
