"""The configurations of NanoTrack and ACM, each from the YAML to a tracked frame: built, two steps, three frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from siamtrack import config
from siamtrack.contracts import Batch, Crop
from siamtrack.engine.learner import Learner
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.targets import labellers
from siamtrack.tracking import build_tracker

ROOT = Path(__file__).resolve().parents[2] / "configs"
WHOLE = ["nanotrack/v1", "nanotrack/v2", "nanotrack/v3"]
LARGE = ["siamban_acm/r50", "siamban_acm/r50_no_prior", "siamrpnpp_acm/r50"]
# the same parts on a backbone that learns in no time
NARROW = [
    *("MODEL.BACKBONE.NAME", "convnet", "MODEL.NECK.OUT", "16", "MODEL.CORRELATION.HIDDEN", "16"),
    *("MODEL.HEAD.HIDDEN", "16", "TRAIN.PHASES", "[]"),
]
CASES = [
    *(pytest.param(name, [], id=name) for name in WHOLE),
    *(pytest.param(name, NARROW, id=f"{name}-narrow") for name in LARGE),
    *(pytest.param(name, [], id=name, marks=pytest.mark.slow) for name in LARGE),
]


class OneProcess:
    """What a learner asks of the processes, for a single one on the CPU."""

    rank, world, main, device = 0, 1, True, torch.device("cpu")

    def wrap(self, model):
        return model


def pairs() -> Batch:
    """Two positive pairs of noise."""
    generator = torch.Generator().manual_seed(0)

    def noise(side: int) -> torch.Tensor:
        return torch.randint(0, 256, (2, 3, side, side), generator=generator, dtype=torch.uint8)

    template = Crop(noise(127), torch.tensor([[39.0, 39.0, 87.0, 87.0], [31.0, 45.0, 95.0, 81.0]]))
    search = Crop(noise(255), torch.tensor([[95.0, 95.0, 159.0, 159.0], [60.0, 80.0, 160.0, 150.0]]))
    return Batch((template,), search, torch.ones(2, dtype=torch.bool), torch.arange(2))


@pytest.mark.parametrize(("name", "overrides"), CASES)
def test_from_the_yaml_to_a_tracked_frame(name: str, overrides: list[str]) -> None:
    torch.manual_seed(0)
    cfg = config.load(ROOT / f"{name}.yaml", [*overrides, "TRAIN.BATCH", "2", "TRAIN.GRADIENT_REDUCTION", "mean"])
    network = build_network(cfg)
    learner = Learner(cfg.TRAIN, network, OneProcess(), Shard.plan(2, 0, 0, 1))
    labeller, criterion, batch = labellers.build(cfg.TARGETS), Criterion(cfg.LOSSES, network.head.makes), pairs()
    learner.enter(0)
    learning = {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}
    for _ in range(2):
        learner.begin_step(0, 0.0)
        prediction = network(batch.templates, batch.search)
        losses = criterion(prediction, labeller(prediction, batch))
        assert all(torch.isfinite(value) for value in losses.values())
        learner.backward(sum(losses.values()))
        _, skipped, _ = learner.finish_step(torch.zeros(()))
        assert not skipped
    moved = {name for name, p in network.named_parameters() if name in learning and not torch.equal(p, learning[name])}
    assert {name.split(".")[0] for name in moved} >= {"correlations", "head"}

    tracker = build_tracker(cfg, network)
    frames = np.random.default_rng(0).integers(0, 256, (4, 240, 320, 3), np.uint8)
    tracker.init(frames[0], (140.0, 100.0, 40.0, 30.0))
    for frame in frames[1:]:
        result = tracker.update(frame)
        x, y, w, h = result.box
        assert 0 <= result.score <= 1
        assert 0 <= x + w / 2 <= 320
        assert 0 <= y + h / 2 <= 240
        assert min(w, h) >= 10
