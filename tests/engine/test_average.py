"""The moving average of the weights: its formula, what a skipped step leaves, and that it survives."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from siamtrack.config import ConfigError
from siamtrack.engine.average import Average
from siamtrack.engine.checkpoint import Checkpoints
from siamtrack.models.weights import read_weights
from tests.engine.test_resume import assert_same_end, killed
from tests.engine.test_steps import BAD, GOOD, learner, step
from tests.engine.toy import ToyNet, run

EMA = ("TRAIN.EMA", 0.9)


def test_it_follows_the_formula() -> None:
    model = ToyNet(0.0)
    average, weight = Average(model, 0.5), model.head.weight
    expected, draw = weight.detach().clone(), torch.Generator().manual_seed(0)
    for n in range(1, 20):
        with torch.no_grad():
            weight.copy_(torch.randn(weight.shape, generator=draw))
            model.backbone[1].running_mean.fill_(float(n))
        average.update(torch.zeros(()))
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * weight.detach()
        torch.testing.assert_close(average.weights()["head.weight"], expected)
    assert 18 < float(average.weights()["backbone.1.running_mean"][0]) < 19


def test_a_skipped_step_leaves_it_and_the_model_gets_its_own_weights_back() -> None:
    made = learner(*EMA)
    step(made, GOOD)
    before = copy.deepcopy(made.weights())
    assert step(made, BAD)[1] == 1
    assert all(torch.equal(before[name], tensor) for name, tensor in made.weights().items())
    own = copy.deepcopy(made.model.state_dict())
    with made.at_its_best():
        assert all(torch.equal(before[name], tensor) for name, tensor in made.model.state_dict().items())
    assert all(torch.equal(own[name], tensor) for name, tensor in made.model.state_dict().items())


def test_it_is_what_is_kept_and_validated_and_it_survives_a_kill(tmp_path: Path) -> None:
    more = ("TRAIN.SAVE_STEPS", 2, *EMA)
    run(tmp_path / "whole", *more)
    end = Checkpoints(tmp_path / "whole/checkpoints").newest()
    kept, learning = read_weights(end.weights), end.state["learner"]["average"]["learning"]
    assert not torch.equal(kept.state["head.weight"], learning["head.weight"])
    net = ToyNet(0.0).eval()
    net.load_state_dict(kept.state)
    with torch.no_grad():
        assert kept.meta["metrics"]["validation"]["output"] == float(net(torch.ones(1, 3, 5, 5)).sum())
    assert killed(tmp_path / "run", "os.replace:4", more) < 0
    run(tmp_path / "run", *more, resume=True)
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def test_learning_itself_is_not_touched(tmp_path: Path) -> None:
    run(tmp_path / "with", *EMA)
    run(tmp_path / "without")
    averaged = Checkpoints(tmp_path / "with/checkpoints").newest().state["learner"]["average"]["learning"]
    plain = read_weights(tmp_path / "without/checkpoints/epoch-0002.safetensors").state
    assert all(torch.equal(averaged[name], tensor) for name, tensor in plain.items())


def test_a_decay_of_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"TRAIN.EMA is 1; it is a decay from 0 \(no average\) to below 1"):
        learner("TRAIN.EMA", 1.0)
