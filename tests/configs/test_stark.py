"""STARK's configurations: both stages train, the second from the first, and the result tracks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.config import ConfigError
from siamtrack.data.index import index_sequences
from siamtrack.data.loader import TrainingData
from siamtrack.data.mixture import MixedSet, Mixture
from siamtrack.data.sequence import ImageFrames, Sequence
from siamtrack.engine.train import train
from siamtrack.models import build_network
from siamtrack.models.weights import read_weights
from siamtrack.tracking import build_tracker, load_tracker, task
from siamtrack.tracking.task import TrackingTask

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "stark"
TINY = [
    *("CROP.TEMPLATE_SIZE", "64", "CROP.SEARCH_SIZE", "128"),
    *("MODEL.CORRELATION.FEEDFORWARD", "64", "MODEL.CORRELATION.ENCODER_LAYERS", "1"),
    *("MODEL.CORRELATION.DECODER_LAYERS", "1", "MODEL.HEAD.HIDDEN", "32", "MODEL.NECK.OUT", "64"),
    *("DATA.WORKERS", "0", "DATA.SAMPLES_PER_EPOCH", "8", "TRAIN.BATCH", "4", "TRAIN.EPOCHS", "1"),
]


def tiny(name: str, *pairs: str):
    return config.load(FOLDER / f"{name}.yaml", [*TINY, *pairs])


@pytest.fixture(scope="module")
def sequences(tmp_path_factory) -> list[Sequence]:
    """Two videos of 24 frames with a bright square, hidden in the last four."""
    root = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    videos = []
    for v in range(2):
        paths, boxes = [], []
        for f in range(24):
            frame = rng.integers(80, 100, (96, 128, 3), np.uint8)
            if f < 20:
                cv2.rectangle(frame, (30 + 2 * f, 40), (51 + 2 * f, 59), (60, 220 - 90 * v, 240), -1)
            paths.append(str(root / f"{v}_{f}.png"))
            boxes.append([30 + 2 * f, 40, 22, 20])
            cv2.imwrite(paths[-1], frame)
        visible = np.arange(24) < 20
        videos.append(Sequence(f"square{v}", ImageFrames(paths), np.array(boxes, np.float64), visible=visible))
    return videos


@pytest.fixture
def on_squares(sequences, monkeypatch) -> None:
    """Training reads the two videos, whatever DATA.SETS says."""
    mixture = Mixture([MixedSet(index_sequences("squares", sequences))], seed=1)
    monkeypatch.setattr(task, "TrainingData", lambda cfg, root: TrainingData(cfg, mixture=mixture, pin_memory=False))


def followed(tracker, sequence: Sequence) -> None:
    tracker.init(sequence.frames[0], sequence.boxes[0])
    for frame in range(1, 4):
        result = tracker.update(sequence.frames[frame])
        assert np.isfinite(result.box).all()
        assert 0 <= result.score <= 1


def test_s50_trains_and_tracks(on_squares, sequences, tmp_path) -> None:
    cfg = tiny("s50")
    made = TrackingTask(cfg)
    before = {name: p.detach().clone() for name, p in made.model.named_parameters()}
    file = train(cfg, made, tmp_path, device="cpu")
    after = read_weights(file).state
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    still = {name for name in before if name.startswith(("backbone.conv1", "backbone.layer1"))}
    # the only query begins as zeros and attends to nobody but itself: the first of these weights has no effect
    still.add("correlations.0.shared.decoder.0.self_attention.in_proj.weight")
    assert moved == set(before) - still
    followed(load_tracker(file, "cpu"), sequences[0])


def test_stage_two_teaches_the_score_alone_and_starts_from_stage_one(on_squares, sequences, tmp_path) -> None:
    one = tiny("st50")
    first = train(one, TrackingTask(one), tmp_path / "one", device="cpu")
    two = tiny("st50_stage2", "MODEL.INIT", str(first))
    second = train(two, TrackingTask(two), tmp_path / "two", device="cpu")
    before, after = read_weights(first).state, read_weights(second).state
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved == {name for name in before if name.startswith("head.score.")}
    followed(load_tracker(second, "cpu"), sequences[1])

    # taking a run up again must not put stage 1's score head back
    again = TrackingTask(two)
    train(two, again, tmp_path / "two", resume=True, device="cpu")
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, after[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["st101", "st101_stage2"])
def test_st101_trains_and_tracks(on_squares, sequences, tmp_path, name) -> None:
    cfg = tiny(name, "MODEL.INIT", "")
    followed(load_tracker(train(cfg, TrackingTask(cfg), tmp_path, device="cpu"), "cpu"), sequences[0])


def test_the_published_sizes() -> None:
    """Parameters, buffer elements and entries of the original's state dict, as measured there."""
    for name, expected in {"s50": (28095554, 63112, 460), "st50_stage2": (28227395, 63112, 466)}.items():
        with torch.device("meta"):  # no arithmetic, no memory
            network = build_network(config.load(FOLDER / f"{name}.yaml"))
        counts = (
            sum(p.numel() for p in network.parameters()),
            sum(b.numel() for b in network.state_dict().values()) - sum(p.numel() for p in network.parameters()),
            len(network.state_dict()),
        )
        assert counts == expected, name


@pytest.mark.parametrize(
    ("name", "pairs", "sentence"),
    [
        ("s50", ["TRACK.UPDATE_INTERVALS", "[200]"], "SCORE"),
        ("st50_stage2", ["TRACK.UPDATE_INTERVALS", "[200, 0]"], "1 or more"),
        ("s50", ["MODEL.CORRELATION.HEADS", "7"], "multiple of HEADS"),
        ("s50", ["MODEL.CORRELATION.ENCODER_LAYERS", "0"], "1 or more"),
        ("s50", ["MODEL.HEAD.HIDDEN", "12"], "multiple of 8"),
        ("s50", ["CROP.SEARCH_FACTOR", "0.0"], r"CROP\.SEARCH_FACTOR"),
        ("s50", ["MODEL.BACKBONE.SHAPE", "torchvision", "MODEL.BACKBONE.USED_LAYERS", "[3, 4]"], "transformer"),
        ("st50", ["MODEL.CORRELATION.NAME", "depthwise"], "decoder"),
    ],
)
def test_what_does_not_fit_is_refused(name, pairs, sentence) -> None:
    with torch.device("meta"), pytest.raises(ConfigError, match=sentence):
        build_tracker(config.load(FOLDER / f"{name}.yaml", pairs), device="meta")
