"""Phases: what is frozen stays as it is in every respect, and what begins to learn learns."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from siamtrack.config import ConfigError
from siamtrack.engine.optimizer import parameter_groups
from siamtrack.engine.phases import Phase, fits, phase_at, read_phases
from siamtrack.models.weights import read_weights
from tests.engine.test_steps import GOOD, learner, step
from tests.engine.toy import ToyNet, run, settings

FROZEN_THEN_ALL = "[{FROM: 0, LEARN: [neck, head], EVAL: [backbone]}, {FROM: 2, LR: {backbone: 0.1}%s}]"


def test_a_frozen_part_does_not_move_decay_or_drift(tmp_path: Path) -> None:
    heavy = ("TRAIN.OPTIMIZER.WEIGHT_DECAY", 0.5, "TRAIN.EPOCHS", 4, "TRAIN.SCHEDULE.NAME", "constant")
    run(tmp_path, *heavy, "TRAIN.PHASES", FROZEN_THEN_ALL % "")
    states = [read_weights(tmp_path / f"checkpoints/epoch-000{n}.safetensors").state for n in (1, 2, 3)]
    for name, tensor in states[0].items():
        frozen = name.startswith("backbone")
        # also the running statistics, and also after the validation that puts the model into eval mode in between
        assert torch.equal(tensor, states[1][name]) == frozen, name
        assert not torch.equal(states[1][name], states[2][name]), name


def test_a_part_frozen_later_keeps_no_gradient() -> None:
    made = learner("TRAIN.PHASES", "[{FROM: 0}, {FROM: 1, LEARN: [head]}]", "TRAIN.OPTIMIZER.WEIGHT_DECAY", 0.5)
    step(made, GOOD)
    made.model.backbone[0].weight.grad = torch.zeros_like(made.model.backbone[0].weight)
    before = made.model.backbone[0].weight.detach().clone()
    made.enter(1)
    assert made.model.backbone[0].weight.grad is None
    step(made, GOOD)
    assert torch.equal(made.model.backbone[0].weight, before)


def test_modes_are_put_back_after_validation() -> None:
    made = learner("TRAIN.PHASES", "[{FROM: 0, LEARN: [head], EVAL: [backbone]}]")
    made.model.eval()
    made.enter(0)
    modes = {name: module.training for name, module in made.model.named_modules()}
    assert not any(training for name, training in modes.items() if name.startswith("backbone"))
    assert all(training for name, training in modes.items() if not name.startswith("backbone"))


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_momentum_goes_on_unless_a_fresh_optimizer_is_asked_for(name: str, fresh: bool) -> None:
    phases = FROZEN_THEN_ALL % (", FRESH_OPTIMIZER: true" if fresh else "")
    made = learner("TRAIN.PHASES", phases, "TRAIN.OPTIMIZER.NAME", name)
    step(made, GOOD)
    head, backbone = made.model.head.weight, made.model.backbone[0].weight
    key = {"sgd": "momentum_buffer", "adamw": "exp_avg"}[name]
    before = made.optimizer.state[head][key].clone()
    made.enter(1)
    assert torch.equal(made.optimizer.state[head][key], before)
    made.enter(2)
    now = made.optimizer.state[head].get(key, torch.zeros_like(head))
    assert torch.equal(now, torch.zeros_like(head) if fresh else before)
    assert before.any()
    assert not made.optimizer.state[backbone].get(key, torch.zeros(1)).any()
    assert [group["factor"] for group in made.optimizer.param_groups] == [0.1, 1.0, 1.0]


def test_groups_are_parts_of_the_model() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = ToyNet(0.0)

    phase = Phase(rates=(("network.backbone", 0.1), ("*.bias", 2.0)))
    groups = parameter_groups(Wrapped(), phase)
    assert [group["name"] for group in groups] == [
        "backbone x0.1", "backbone x2", "neck x1", "neck x2", "head x1", "head x2",
    ]  # fmt: skip
    assert sum(len(group["params"]) for group in groups) == len(list(ToyNet(0.0).parameters()))


def test_a_pattern_stands_for_all_within() -> None:
    assert fits("backbone", "backbone.layer4.0.conv1.weight")
    assert fits("backbone.layer[234]", "backbone.layer3.0.bn1.bias")
    assert not fits("backbone.layer[234]", "backbone.layer1.0.bn1.bias")
    assert fits("*.bias", "head.bias")
    assert not fits("back", "backbone.weight")


def test_phases_follow_epochs() -> None:
    phases = [Phase(0), Phase(3), Phase(10)]
    assert [phase_at(phases, epoch) for epoch in (0, 2, 3, 9, 10, 99)] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("phases", "sentence"),
    [
        ("[{LEARN: [backbon]}]", r"PHASES.0.LEARN: nothing in the model fits the pattern 'backbon'. Near it: backbone"),
        (
            "[{}, {FROM: 2, EVAL: [qqq]}]",
            r"PHASES.1.EVAL: nothing .* 'qqq'. At the top there are: backbone, head, neck",
        ),
        ("[{LR: {haed: 0.1}}]", r"PHASES.0.LR: nothing .* 'haed'. Near it: head"),
        ("[{LR: {head: fast}}]", r"PHASES.0.LR.head: 'fast' does not fit; a factor is a number above 0"),
        ("[{LEARN: []}]", r"PHASES.0.LEARN is empty"),
        ("[{FROM: 3}]", r"FROM is \[3\]; the first phase begins at 0"),
        ("[{}, {FROM: 5}, {FROM: 5}]", r"FROM is \[0, 5, 5\]"),
        ("[{FORM: 3}]", r"PHASES.0: a phase has no key FORM. Did you mean 'FROM'"),
        ("[{LEARN: head}]", r"PHASES.0.LEARN: 'head' does not fit; it should be a list of patterns"),
        ("[{FRESH_OPTIMIZER: 1}]", r"PHASES.0.FRESH_OPTIMIZER: 1 does not fit; it should be true or false"),
        ("[3]", r"PHASES.0: 3 does not fit; a phase is \{FROM"),
    ],
)
def test_wrong_phases_are_sentences(phases: str, sentence: str) -> None:
    cfg: Any = settings("TRAIN.PHASES", phases)
    with pytest.raises(ConfigError, match=sentence):
        read_phases(cfg.TRAIN.PHASES, ToyNet(0.0))


def test_a_part_without_parameters_may_be_named() -> None:
    model = nn.Sequential(OrderedDict(head=nn.Linear(2, 2), correlations=nn.Identity()))
    (phase,) = read_phases([{"LEARN": ["correlations", "head"]}], model)
    phase.apply(model)
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(ConfigError, match="LEARN is empty: nothing would learn"):
        read_phases([{"LEARN": ["correlations"]}], model)
    with pytest.raises(ConfigError, match="nothing in the model fits the pattern 'correlation'"):
        read_phases([{"LEARN": ["correlation", "head"]}], model)
