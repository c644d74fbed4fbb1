"""One step: what a called-off one leaves untouched, how gradients are summed and clipped, and reduced precision."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from siamtrack.config import ConfigError
from siamtrack.engine.distributed import Processes
from siamtrack.engine.learner import Learner
from siamtrack.engine.monitor import TrainingStopped
from siamtrack.engine.optimizer import optimizers
from siamtrack.engine.report import StepReport
from siamtrack.engine.task import Shard
from tests.engine.toy import ToyNet, run, settings

ALONE = Processes(rank=0, world=1, device=torch.device("cpu"))


def learner(*overrides: Any, model: nn.Module | None = None) -> Learner:
    torch.manual_seed(3)
    cfg = settings("TRAIN.SCHEDULE.NAME", "constant", *overrides)
    shard = Shard.plan(cfg.TRAIN.BATCH, cfg.TRAIN.DEVICE_BATCH, 0, 1)
    made = Learner(cfg.TRAIN, model or ToyNet(0.0), ALONE, shard)
    made.enter(0)
    return made


def step(made: Learner, x: torch.Tensor, times: float = 1.0, limit: float = 1e4) -> tuple[float, float, float]:
    """One step on mean squared outputs; (norm, skipped, blame)."""
    made.begin_step(0, 0.0)
    report = StepReport(1, limit)
    with made.autocast():
        loss = times * made.wrapped(x).float().square().mean()
    made.backward(loss)
    report.add({"square": loss})
    norms, skipped, blame = made.finish_step(report.agree(ALONE))
    return float(norms[0]), float(skipped), float(blame)


def everything(made: Learner) -> dict[str, Any]:
    """Model and optimiser. State that is zero is left out: it is as good as state not made yet."""
    optimizer = copy.deepcopy(made.optimizer.state_dict())
    optimizer["state"] = {
        (index, key): value
        for index, state in optimizer["state"].items()
        for key, value in state.items()
        if value.any()
    }
    return {"model": copy.deepcopy(made.model.state_dict()), "optimizer": optimizer}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@optimizers.register("toy_unfused")
class Unfused(torch.optim.RMSprop):
    """An optimiser that knows no flag, as a plug-in may bring one."""

    def __init__(self, groups: Any, *, lr: float = 0.01) -> None:
        super().__init__(groups, lr=lr, momentum=0.9)


GOOD, BAD = torch.ones(4, 3, 5, 5), torch.full((4, 3, 5, 5), torch.nan)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["sgd", "adamw", "toy_unfused"])
@pytest.mark.parametrize("first", [True, False])
def test_a_skipped_step_changes_nothing(name: str, precision: str, first: bool) -> None:
    made = learner("TRAIN.OPTIMIZER.NAME", name, "TRAIN.OPTIMIZER.LR", 0.01, "TRAIN.PRECISION", precision)
    draw = torch.Generator().manual_seed(1)
    if not first:
        for _ in range(3):
            assert step(made, torch.randn(GOOD.shape, generator=draw))[1] == 0
    before = everything(made)
    assert step(made, BAD)[1] == 1
    assert same(before, everything(made))
    made.scaler.load_state_dict({**made.scaler.state_dict(), "scale": 1.0} if made.scaler.is_enabled() else {})
    norm, skipped, _ = step(made, torch.randn(GOOD.shape, generator=draw), limit=1e-6)  # too large, but finite
    assert skipped == 1
    assert np.isfinite(norm) == (precision != "fp16")  # the scaler is told by a gradient
    assert same(before, everything(made))
    assert step(made, torch.randn(GOOD.shape, generator=draw))[1] == 0
    assert not same(before, everything(made))


class Watch(TorchDispatchMode):
    """Notes every operation by which the host would wait for a device."""

    WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique", "index.Tensor")

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(word in str(function) for word in self.WAITS):
            self.waits.append(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["sgd", "adamw", "toy_unfused"])
def test_the_host_never_waits_within_a_step(name: str, precision: str) -> None:
    made = learner("TRAIN.OPTIMIZER.NAME", name, "TRAIN.PRECISION", precision)
    step(made, GOOD)
    made.begin_step(0, 0.0)
    with Watch() as watch:
        report = StepReport(1, limit=1e4)
        with made.autocast():
            loss = made.wrapped(GOOD).float().square().mean()
        made.backward(loss)
        report.add({"square": loss})
        report.close(*made.finish_step(report.agree(ALONE)), made.groups)
    assert bool(watch.waits) == (name == "toy_unfused"), watch.waits


def test_a_gradient_that_is_not_finite_is_blamed() -> None:
    made = learner()
    before = everything(made)
    made.begin_step(0, 0.0)
    report = StepReport(1, limit=1e4)
    loss = (made.wrapped(GOOD) * 0).abs().sum().sqrt()  # 0, with an infinite slope
    made.backward(loss)
    report.add({"root": loss})
    report.close(*made.finish_step(report.agree(ALONE)), made.groups)
    assert same(before, everything(made))
    outcome = report.read()
    assert outcome.skipped
    assert outcome.fault.startswith("the gradient is not finite")
    assert outcome.own_fault


def test_summed_gradients_are_those_of_replicas_added_up() -> None:
    model, x = nn.Linear(3, 2), torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    made = learner("TRAIN.GRADIENT_REDUCTION", "sum", "TRAIN.REPLICA_BATCH", 2, "TRAIN.CLIP", 0.0, model=model)
    made.begin_step(0, 0.0)
    made.backward(made.wrapped(x).square().mean())
    expected = torch.zeros_like(model.weight)
    for part in x.split(2):  # four replicas of two samples, each with the mean of its own
        expected += torch.autograd.grad(model(part).square().mean(), model.weight)[0]
    torch.testing.assert_close(model.weight.grad, expected)


@pytest.mark.parametrize(("reduction", "device_batch"), [("mean", 8), ("sum", 8), ("sum", 2)])
def test_clipping_sees_the_reduced_gradient(reduction: str, device_batch: int) -> None:
    model, x = nn.Linear(3, 2), 5 * torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    options = ("TRAIN.GRADIENT_REDUCTION", reduction, "TRAIN.REPLICA_BATCH", 2, "TRAIN.DEVICE_BATCH", device_batch)
    made = learner(*options, "TRAIN.CLIP", 0.5, "TRAIN.OPTIMIZER.WEIGHT_DECAY", 0.0, model=model)
    before = [p.detach().clone() for p in model.parameters()]
    full = torch.autograd.grad(model(x).square().mean(), list(model.parameters()))
    norm = float(torch.cat([g.flatten() for g in full]).norm()) * (4 if reduction == "sum" else 1)
    made.begin_step(0, 0.0)
    for part in x.split(device_batch):
        made.backward(made.wrapped(part).square().mean())
    norms, *_ = made.finish_step(torch.zeros(()))
    assert float(norms[0]) == pytest.approx(norm, rel=1e-5)
    moved = torch.cat([(a - b.detach()).flatten() for a, b in zip(before, model.parameters(), strict=True)]).norm()
    assert norm > 0.5
    assert float(moved) == pytest.approx(0.05 * 0.5, rel=1e-4)  # learning rate x CLIP


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_follows_full_precision(precision: str) -> None:
    full, half = learner(), learner("TRAIN.PRECISION", precision)
    half.scaler.load_state_dict({**half.scaler.state_dict(), "scale": 256.0} if half.scaler.is_enabled() else {})
    draw = torch.Generator().manual_seed(2)
    for _ in range(5):
        x = torch.randn(GOOD.shape, generator=draw)
        (norm, *_), (other, skipped, _) = step(full, x), step(half, x)
        assert not skipped
        assert other == pytest.approx(norm, rel=0.05)
        assert other != norm
    for a, b in zip(full.learning, half.learning, strict=True):
        assert a.dtype == b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0, atol=0.02)


def test_fp16_finds_its_scale_without_being_blamed() -> None:
    made = learner("TRAIN.PRECISION", "fp16")
    _, skipped, blame = step(made, 100 * GOOD, times=100.0)  # a loss below SKIP_ABOVE x 65536 is above 65504
    assert (skipped, blame) == (1, 0)
    assert made.scaler.get_scale() == 32768


def test_fp16_resumes_with_its_scale() -> None:
    made, other = learner("TRAIN.PRECISION", "fp16"), learner("TRAIN.PRECISION", "fp16")
    step(made, BAD)
    other.load_state_dict(made.state_dict())
    assert other.scaler.get_scale() == made.scaler.get_scale() == 32768


def test_the_run_stops_after_k_and_saves_the_batch(tmp_path: Path) -> None:
    sentence = r"3 steps in a row were skipped, the last one step 6 \(epoch 1\): loss term 'second' is not finite"
    with pytest.raises(TrainingStopped, match=sentence):
        run(tmp_path, "TASK.POISON", "[1, 3, 4, 5]", "TRAIN.STOP_AFTER", 3)
    (batch,) = torch.load(tmp_path / "bad-batch-step-6-process-0.pt", weights_only=True)
    assert batch["x"].shape == (8, 3, 5, 5)
    assert batch["y"].isnan().sum() == 1


def test_a_large_loss_is_skipped_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path, "TASK.POISON", "[3]", "TASK.POISON_VALUE", 1e7)
    assert "step 4 (epoch 1) is skipped: the loss is above TRAIN.SKIP_ABOVE 10000" in caplog.text
    assert [row["skipped"] for row in rows(tmp_path)] == [0, 1, 1, 1, 1, 1, 1, 1]
    assert all(row["loss"]["total"] < 100 for row in rows(tmp_path))


def test_terms_must_be_scalars_of_constant_names() -> None:
    with pytest.raises(ValueError, match=r"'a' has shape \(2,\)"):
        StepReport(1, 1e4).add({"a": torch.zeros(2)})
    report = StepReport(1, 1e4)
    report.add({"a": torch.zeros(())})
    with pytest.raises(ValueError, match=r"\['b'\], but were \['a'\]"):
        report.add({"b": torch.zeros(())})


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (("TRAIN.PRECISION", "half"), "TRAIN.PRECISION is 'half'; it should be one of fp32, bf16, fp16"),
        (("TRAIN.GRADIENT_REDUCTION", "add"), "TRAIN.GRADIENT_REDUCTION is 'add'"),
        (("TRAIN.OPTIMIZER.MOMENTUN", 0.9), "MOMENTUN: optimizer 'sgd' has no such option. Did you mean 'MOMENTUM'"),
        (("TRAIN.OPTIMIZER.NAME", "sdg"), "no optimizer 'sdg'. Did you mean 'sgd'"),
        (("TRAIN.CLIP", -1.0), "TRAIN.CLIP is -1; it is the largest gradient norm, and 0 for no clipping"),
        (("TRAIN.SCHEDULE.NAME", "cosin"), "no schedule 'cosin'. Did you mean 'cosine'"),
    ],
)
def test_wrong_settings_are_sentences(overrides: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        learner(*overrides)


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
