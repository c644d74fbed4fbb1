"""SiamRPN++'s configurations: each builds, trains in both its phases and tracks; rates are the published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Anchors, Batch, Crop
from siamtrack.engine.learner import Learner
from siamtrack.engine.schedule import schedules
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "siamrpnpp"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
NARROW = ["MODEL.NECK.OUT", "16", "MODEL.CORRELATION.HIDDEN", "16", "MODEL.HEAD.HIDDEN", "16"]
RESNET = ["MODEL.BACKBONE.NAME", "resnet18", "MODEL.BACKBONE.USED_LAYERS", "[2, 3, 4]"]
SMALL = {
    "r50": RESNET + NARROW, "r50_16gpu": RESNET + NARROW, "r50_otb": RESNET + NARROW,
    "alexnet": ["MODEL.BACKBONE.WIDTH", "0.25", *NARROW[2:]], "alexnet_up_channel": ["MODEL.BACKBONE.WIDTH", "0.25"],
    "mobilenetv2": ["MODEL.BACKBONE.WIDTH", "0.35", *NARROW],
}  # fmt: skip
PUBLISHED = {  # batch, replicas, rates of epochs 0, 5 and the last, penalty, window and rate of the tracker
    "r50": (224, 8, (0.001, 0.005, 0.0005), (0.05, 0.42, 0.38)),
    "r50_16gpu": (384, 16, (0.001, 0.005, 0.0005), (0.01, 0.40, 0.38)),
    "r50_otb": (128, 8, (0.001, 0.005, 0.0025), (0.24, 0.5, 0.25)),
    "alexnet": (2048, 16, (0.005, 0.01, 0.0005), (0.16, 0.40, 0.30)),
    "alexnet_up_channel": (2048, 16, (0.005, 0.01, 0.0005), (0.16, 0.40, 0.30)),
    "mobilenetv2": (224, 8, (0.001, 0.005, 0.0005), (0.04, 0.4, 0.5)),
}


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


def trained_and_tracking(cfg) -> None:
    """Two steps on random crops, one in each phase, then three frames."""
    torch.manual_seed(0)
    network = build_network(cfg)
    assert network.head.makes is Anchors
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, Anchors)
    alone = config.override(cfg, ["TRAIN.BATCH", "2", "TRAIN.GRADIENT_REDUCTION", "mean"])
    learner = Learner(alone.TRAIN, network, OneProcess(), Shard.plan(2, 0, 0, 1))
    random = np.random.default_rng(0)
    search_size = cfg.CROP.get("TRAIN_SEARCH_SIZE", 255)
    template, search = (
        torch.from_numpy(random.integers(0, 256, (2, 3, s, s), dtype=np.uint8)) for s in (127, search_size)
    )
    box = torch.tensor([[95.0, 100, 159, 164], [80.0, 80, 170, 160]])
    batch = Batch((Crop(template),), Crop(search, box), torch.tensor([True, False]), torch.arange(2))
    for epoch in (0, 10):
        learner.enter(epoch)
        learner.begin_step(epoch, 0.0)
        before = {name: p.detach().clone() for name, p in network.named_parameters()}
        prediction = network(batch.templates, batch.search)
        terms = criterion(prediction, labeller(prediction, batch))
        assert set(terms) == {"cross_entropy", "weighted_l1"}
        learner.backward(sum(terms.values()))
        _, skipped, _ = learner.finish_step(torch.zeros(()))
        assert not skipped
        moved = {name.split(".")[0] for name, p in network.named_parameters() if not torch.equal(p, before[name])}
        parts = {name.split(".")[0] for name, _ in network.named_parameters()}
        assert moved == (parts if epoch >= 10 else parts - {"backbone"})

    tracker = build_tracker(cfg, network)
    frames = random.integers(0, 256, (4, 90, 120, 3), dtype=np.uint8)
    tracker.init(frames[0], (40, 30, 30, 20))
    for frame in frames[1:]:
        result = tracker.update(frame)
        assert np.isfinite(result.box).all()
        assert 0 <= result.score <= 1


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_and_tracks_in_small(name: str) -> None:
    trained_and_tracking(config.load(FOLDER / f"{name}.yaml", SMALL[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_and_tracks(name: str) -> None:
    trained_and_tracking(config.load(FOLDER / f"{name}.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_batches_rates_and_tracker_are_as_published(name: str) -> None:
    cfg = config.load(FOLDER / f"{name}.yaml")
    train, track = cfg.TRAIN, cfg.TRACK
    schedule = schedules.build(train.SCHEDULE, epochs=train.EPOCHS)
    rates = tuple(round(train.OPTIMIZER.LR * schedule.factor(epoch), 9) for epoch in (0, 5, train.EPOCHS - 1))
    tracker = (track.PENALTY_K, track.WINDOW_INFLUENCE, track.LR)
    ours = (train.BATCH, train.BATCH / train.REPLICA_BATCH, rates, tracker)
    assert ours == PUBLISHED[name]
    assert [term.WEIGHT for term in cfg.LOSSES] == [1.0, 1.2]
