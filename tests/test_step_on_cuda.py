"""A training step on a simulated GPU: nothing lies on the wrong device, and the host neither waits nor copies.

From a batch on the device to the weights, through the learner; ``test_configs_on_cuda.py`` comes from the other side,
from files to losses. Tests of the losses and of the engine look for waits in the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    unset_fake_temporarily,
)

from siamtrack import config
from siamtrack.contracts import map_tensors
from siamtrack.engine.distributed import Processes
from siamtrack.engine.learner import Learner
from siamtrack.engine.report import StepReport
from siamtrack.engine.task import Shard
from siamtrack.losses import Criterion, terms
from siamtrack.models import SiameseNetwork
from siamtrack.targets import labellers
from tests.combination import Combination, batch, built, serving
from tests.simulated_gpu import GPU, Crossings, no_gpu_here, simulation

pytestmark = no_gpu_here

# heads, correlations, enhancers and labellers, each at least once
CHOSEN = [
    (Combination("depthwise", "none", "ban", levels=2), "points"),
    (Combination("pixelwise", "self_attention", "tower"), "centre"),
    (Combination("up_channel", "none", "anchor"), "anchors"),
    (Combination("asymmetric", "none", "acm"), "points"),
    (Combination("depthwise", "scan", "oain"), "centre"),
    (Combination("transformer", "none", "corner"), "corners"),
    (Combination("cross", "none", "response"), "response"),
]


class Unread:
    """In place of the copy to the host, which is the one place where a step may start one."""

    def __init__(self, values: torch.Tensor) -> None:
        assert values.device == GPU


@pytest.fixture(autouse=True)
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("siamtrack.engine.report.Reading", Unread)
    for mode in simulation(monkeypatch):
        with mode:
            yield


def on_gpu(model: torch.nn.Module) -> torch.nn.Module:
    """Its parameters and buffers as fake ones on the GPU."""
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = torch.nn.Parameter(torch.empty(p.shape, device=GPU), p.requires_grad)
        for name, b in module._buffers.items():
            if b is not None:
                module._buffers[name] = torch.empty(b.shape, dtype=b.dtype, device=GPU)
    return model


def crossings(cfg: Any, network: SiameseNetwork, labeller: str, losses: list[str]) -> list[str]:
    """What a step copies between devices, once its grids are there."""
    sections = [{"NAME": name, **({"NEGATIVES": 8} if name == "cross_entropy" else {})} for name in losses]
    criterion = Criterion(sections, network.head.makes)
    label = labellers.build({"NAME": labeller})
    given = map_tensors(batch(1), lambda t: torch.empty(t.shape, dtype=t.dtype, device=GPU))
    processes = Processes(0, 1, GPU)
    learner = Learner(cfg.TRAIN, on_gpu(network), processes, Shard.plan(2, 0, 0, 1))
    learner.enter(0)
    for _ in range(2):
        with Crossings() as seen:
            learner.begin_step(0, 0.0)
            report = StepReport(1, 1e4)
            prediction = learner.wrapped(given.templates, given.search)
            terms = criterion(prediction, label(prediction, given))
            torch.stack(list(terms.values())).sum()
            report.add(terms)
            for parameter in learner.learning:
                parameter.grad = torch.empty_like(parameter)
            report.close(*learner.finish_step(report.agree(processes)), learner.groups)
    return seen.found


@pytest.mark.parametrize(("combination", "labeller"), CHOSEN, ids=str)
def test_nothing_of_a_step_waits_or_lies_elsewhere(combination: Combination, labeller: str) -> None:
    with unset_fake_temporarily():
        cfg, network = built(combination)
    every = serving(terms, network.head.makes)
    losses = [name for name in every if name != "align" or combination.head == "oain"]
    assert not crossings(cfg, network, labeller, losses)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_of_either_optimizer(optimizer: str) -> None:
    with unset_fake_temporarily():
        cfg, network = built(CHOSEN[0][0])
    cfg = config.override(cfg, ["TRAIN.OPTIMIZER.NAME", optimizer, "TRAIN.EMA", "0.99"])
    assert not crossings(cfg, network, "points", ["cross_entropy", "iou"])


def test_the_simulation_would_see_them() -> None:
    with Crossings() as seen:
        x = torch.ones(3, device=GPU)
        assert not seen.found
        torch.ones(3).to(GPU, non_blocking=True)
        assert not seen.found
        torch.ones(3).to(GPU)
        torch.tensor([1.0, 2.0], device=GPU)
        assert len(seen.found) == 2
        with pytest.raises(DataDependentOutputException):
            bool((x > 0).any())
        with pytest.raises(DynamicOutputShapeException):
            x[x > 0]
        with pytest.raises(RuntimeError, match="device"):
            x + torch.ones(3)
