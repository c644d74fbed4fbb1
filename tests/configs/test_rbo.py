"""RBO's and SiamSA's configurations: each builds, trains in both its phases and tracks; numbers are as published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.engine.learner import Learner
from siamtrack.engine.schedule import schedules
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FOLDERS = ("siampw_rbo", "siamsa_rbo", "siamrpnpp_rbo")
NAMES = sorted(f"{folder}/{path.stem}" for folder in FOLDERS for path in (CONFIGS / folder).glob("*.yaml"))
NAMES.append("siamban/r50_rbo")
NETWORKS = ["siampw_rbo/r50", "siamsa_rbo/r50", "siamrpnpp_rbo/r50", "siamban/r50_rbo"]
SMALL = {
    "siampw_rbo": ["MODEL.NECK.OUT", "16", "MODEL.HEAD.HIDDEN", "32", "MODEL.BACKBONE.USED_LAYERS", "[2, 3]"],
    "siamrpnpp_rbo": [
        *("MODEL.NECK.OUT", "16", "MODEL.CORRELATION.HIDDEN", "16", "MODEL.HEAD.HIDDEN", "16"),
        *("MODEL.BACKBONE.USED_LAYERS", "[2, 3, 4]"),
    ],
}
SMALL |= {"siamsa_rbo": SMALL["siampw_rbo"], "siamban": SMALL["siamrpnpp_rbo"]}
TRACK = {  # penalty, window, rate
    "siampw_rbo/r50": (0.002, 0.441, 0.487), "siampw_rbo/r50_got10k": (0.04, 0.1, 0.94),
    "siampw_rbo/r50_tc128": (0.0285, 0.505, 0.31592), "siampw_rbo/r50_nfs30": (0.06772, 0.1455, 0.94515),
    "siampw_rbo/r50_vot2016": (0.1223, 0.542, 0.67865), "siampw_rbo/r50_uav123": (0.085828, 0.35483, 0.3115735),
    "siampw_rbo/r50_lasot": (0.04, 0.25, 0.7), "siamsa_rbo/r50": (0.002, 0.441, 0.487),
    "siamrpnpp_rbo/r50": (0.0806, 0.4585, 0.3244), "siamrpnpp_rbo/r50_got10k": (0.01, 0.1, 0.8),
    "siamrpnpp_rbo/r50_tc128": (0.157, 0.315, 0.4364), "siamrpnpp_rbo/r50_nfs30": (0.0267, 0.0428, 0.8365),
    "siamrpnpp_rbo/r50_vot2016": (0.0645, 0.4062, 0.42989), "siamrpnpp_rbo/r50_uav123": (0.0074, 0.1277, 0.309),
    "siamrpnpp_rbo/r50_lasot": (0.04, 0.2, 0.5), "siamban/r50_rbo": (0.085137, 0.463253, 0.444182),
}  # fmt: skip


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


def trained_and_tracking(cfg) -> None:
    """Two steps on random crops, one in each phase, then three frames."""
    torch.manual_seed(0)
    network = build_network(cfg)
    labeller, criterion = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes)
    alone = config.override(cfg, ["TRAIN.BATCH", "2", "TRAIN.GRADIENT_REDUCTION", "mean"])
    learner = Learner(alone.TRAIN, network, OneProcess(), Shard.plan(2, 0, 0, 1))
    random = np.random.default_rng(0)
    template, search = (torch.from_numpy(random.integers(0, 256, (2, 3, s, s), dtype=np.uint8)) for s in (127, 255))
    box = torch.tensor([[95.0, 100, 159, 164], [80.0, 80, 170, 160]])
    batch = Batch((Crop(template),), Crop(search, box), torch.tensor([True, False]), torch.arange(2))
    parts = {name.split(".")[0] for name, _ in network.named_parameters()}
    for epoch in (0, 10):
        learner.enter(epoch)
        learner.begin_step(epoch, 0.0)
        before = {name: p.detach().clone() for name, p in network.named_parameters()}
        prediction = network(batch.templates, batch.search)
        terms = criterion(prediction, labeller(prediction, batch))
        assert all(float(terms[name].detach()) > 0 for name in terms if name != "ranking_classification")
        learner.backward(sum(terms.values()))
        _, skipped, _ = learner.finish_step(torch.zeros(()))
        assert not skipped
        moved = {name.split(".")[0] for name, p in network.named_parameters() if not torch.equal(p, before[name])}
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
    small = ["MODEL.BACKBONE.NAME", "resnet18", *SMALL[name.split("/")[0]]]
    trained_and_tracking(config.load(CONFIGS / f"{name}.yaml", small))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_it_trains_and_tracks(name: str) -> None:
    trained_and_tracking(config.load(CONFIGS / f"{name}.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_tracker_has_the_settings_of_its_benchmark(name: str) -> None:
    cfg = config.load(CONFIGS / f"{name}.yaml")
    assert pytest.approx(TRACK[name], rel=1e-5) == [cfg.TRACK.PENALTY_K, cfg.TRACK.WINDOW_INFLUENCE, cfg.TRACK.LR]
    assert cfg.TRACK.NAME == "dense"


@pytest.mark.parametrize(
    ("name", "batch", "replicas", "samples", "gamma"),
    [
        ("siampw_rbo/r50", 112, 4, 1_000_000, 5.0), ("siampw_rbo/r50_got10k", 112, 4, 600_000, 5.0),
        ("siamsa_rbo/r50", 112, 4, 1_000_000, 5.0), ("siamrpnpp_rbo/r50", 128, 4, 800_000, 3.0),
        ("siamrpnpp_rbo/r50_got10k", 128, 4, 600_000, 5.0),
    ],
)  # fmt: skip
def test_training_is_as_published(name: str, batch: int, replicas: int, samples: int, gamma: float) -> None:
    cfg = config.load(CONFIGS / f"{name}.yaml")
    assert batch == cfg.TRAIN.BATCH
    assert replicas == cfg.TRAIN.BATCH / cfg.TRAIN.REPLICA_BATCH
    assert samples == cfg.DATA.SAMPLES_PER_EPOCH
    assert cfg.TRAIN.GRADIENT_REDUCTION == "sum"
    schedule = schedules.build(cfg.TRAIN.SCHEDULE, epochs=cfg.TRAIN.EPOCHS)
    rates = [cfg.TRAIN.OPTIMIZER.LR * schedule.factor(epoch) for epoch in (0, 1, 4, 5, 12, 19)]
    assert rates == pytest.approx([0.001, 0.0013797, 0.0036239, 0.005, 0.0005, 0.00005], rel=1e-4)
    losses = {term.NAME: term for term in cfg.LOSSES}
    weights = [losses[f"ranking_{kind}"].WEIGHT for kind in ("classification", "score_by_iou", "iou_by_score")]
    assert weights == [0.5, 0.25, 0.25]
    assert losses["ranking_score_by_iou"].GAMMA == losses["ranking_iou_by_score"].GAMMA == gamma
    by_anchors = cfg.TARGETS.NAME == "anchors"
    assert ((0, 16) if by_anchors else (48, 0)) == (cfg.TARGETS.NEGATIVES, cfg.TARGETS.NEGATIVE_PAIR)
    assert losses["cross_entropy"].get("NEGATIVES", 0) == (48 if by_anchors else 0)
