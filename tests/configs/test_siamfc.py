"""SiamFC's configuration: it reads pairs, trains on the smaller searches and tracks on the larger ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.data.index import index_sequences
from siamtrack.data.loader import TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sequence import ImageFrames, Sequence
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

FILE = Path(__file__).resolve().parents[2] / "configs" / "siamfc" / "alexnet.yaml"


@pytest.fixture(scope="module")
def cfg():
    return config.load(FILE, ["TRAIN.BATCH", "4", "DATA.WORKERS", "0"])


@pytest.fixture(scope="module")
def sequence(tmp_path_factory) -> Sequence:
    """A bright square that moves over a grey frame."""
    root = tmp_path_factory.mktemp("frames")
    paths, boxes = [], []
    for f in range(6):
        frame = np.full((120, 160, 3), 90, np.uint8)
        cv2.rectangle(frame, (40 + 5 * f, 50), (69 + 5 * f, 79), (200, 220, 240), -1)
        paths.append(str(root / f"{f}.png"))
        boxes.append([40 + 5 * f, 50, 30, 30])
        cv2.imwrite(paths[-1], frame)
    return Sequence("square", ImageFrames(paths), np.array(boxes, np.float64))


@pytest.mark.parametrize("width", [0.25, pytest.param(1.0, marks=pytest.mark.slow)])
def test_it_reads_trains_and_tracks(cfg, sequence, width: float) -> None:
    torch.manual_seed(0)
    mixture = Mixture([MixedSet(index_sequences("square", [sequence]), frame_range=99)], seed=1)
    data = TrainingData(cfg, mixture=mixture, pin_memory=False)
    raw = data.maker.make(0, 4)
    assert raw.templates[0].pixels.shape[-1] == 127
    assert raw.search.pixels.shape[-1] == 239
    centre = (raw.search.box[:, :2] + raw.search.box[:, 2:]) / 2
    np.testing.assert_array_equal(centre, centre.round())
    assert (centre - 119).abs().max() <= 4, "the search stays about the target"
    for crop in (raw.templates[0], raw.search):
        for pixels, (x0, y0, x1, y1) in zip(crop.pixels, crop.box.round().int().tolist(), strict=True):
            assert (pixels[0, y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] == 240).all(), "the square, in RGB"
            assert (pixels[0, y0 - 4, x0 - 4] == 90).all()

    network = build_network(config.override(cfg, ["MODEL.BACKBONE.WIDTH", str(width)]))
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    batch = data.prepare(raw, "cpu")
    losses = []
    for _ in range(3):
        prediction = network(batch.templates, batch.search)
        assert prediction.logit.shape == (4, 15, 15)
        (loss,) = criterion(prediction, labeller(prediction, batch)).values()
        losses.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]

    tracker = build_tracker(cfg, network)
    tracker.init(sequence.frames[0], sequence.boxes[0])
    for frame in range(1, 4):
        result = tracker.update(sequence.frames[frame])
        assert np.isfinite(result.box).all()
        assert 0 <= result.score <= 1
