"""A training step on a GPU that is only pretended: every shape and device is followed, no number is computed.

Fake tensors refuse what a real device would refuse or wait for: a tensor that stayed on the host, a shape or a branch
that hangs on values. So a step that runs here leaves nothing behind and never asks the device, whatever the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from siamtrack import config
from siamtrack.contracts import map_tensors
from siamtrack.data.batches import RawBatch
from siamtrack.data.synthetic import write_dataset
from siamtrack.tracking.task import TrackingTask

CONFIGS = Path(__file__).parents[2] / "configs"
ONE_OF_A_KIND = [
    "nanotrack/v3", "quickstart", "siamban/r50", "siamban_acm/r50", "siamcross/r50", "siamfc/alexnet", "siampw_rbo/r50",
    "siamrpnpp/r50", "siamrpnpp_rbo/r50", "siamsa_rbo/r50", "stark/s50", "stark/st50", "stark/st50_stage2",
]  # fmt: skip
OTHERS = sorted({str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.yaml")} - {*ONE_OF_A_KIND})
GPU = torch.device("cuda", 0)
PRETENDED = FakeTensorMode()  # one for all, since grids are kept from step to step


class Copies(TorchDispatchMode):
    """Notes the copies from host to device for which the host waits."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        made = function(*args, **kwargs)
        tensors = [value for value in (*args, made) if isinstance(value, torch.Tensor)]
        if {tensor.device.type for tensor in tensors} == {"cpu", "cuda"} and all(tensor.ndim for tensor in tensors):
            waits = not kwargs.get("non_blocking", function is torch.ops.aten.copy_.default and args[2:] == (True,))
            self.found += [f"{function} {tuple(made.shape)}"] * waits
        return made


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("world"), 3, train=4, test=0, train_frames=40)


def step(task: TrackingTask, raw: RawBatch, precision: torch.dtype | None) -> dict[str, torch.Tensor]:
    """Loss terms of a batch, as a training step computes them."""
    batch = task.prepare(raw, GPU)
    torch.set_autocast_enabled("cuda", precision is not None)  # torch.autocast itself looks for a real device
    torch.set_autocast_dtype("cuda", precision or torch.float32)
    try:
        return task.losses(task.model, batch)
    finally:
        torch.set_autocast_enabled("cuda", False)


@pytest.mark.parametrize("name", [*ONE_OF_A_KIND, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_a_step_stays_on_the_device_and_never_waits_for_it(name, world):
    own = ["DATA.SETS", "[{NAME: got10k, SPLIT: train}]", "MODEL.INIT", ""]
    cfg = config.load(CONFIGS / f"{name}.yaml", overrides=own)
    if cfg.MODEL.BACKBONE.get("PRETRAINED"):
        cfg.MODEL.BACKBONE.PRETRAINED = ""
    with PRETENDED, GPU:
        task = TrackingTask(cfg, str(world))
    task.model.train()
    raw = map_tensors(task.data.maker.make(0, 4), PRETENDED.from_tensor)
    with PRETENDED:
        step(task, raw, None)
        with Copies() as copies:
            terms = step(task, raw, torch.bfloat16)
    assert {(value.device, value.dtype, value.ndim) for value in terms.values()} == {(GPU, torch.float32, 0)}
    assert not copies.found


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda loss: loss.sum().item(), DataDependentOutputException),
        (lambda loss: 2 * loss if (loss > 1).any() else loss, DataDependentOutputException),
        (lambda loss: loss[loss > 1], DynamicOutputShapeException),
        (lambda loss: loss * torch.ones(3), RuntimeError),
    ],
    ids=["item", "branch", "boolean index", "left on the host"],
)
def test_the_pretence_would_refuse(act, error):
    with PRETENDED, pytest.raises(error):
        act(torch.ones(3, device=GPU))


def test_the_inspection_would_see_a_copy():
    with PRETENDED:
        there = torch.ones(3)
        with Copies() as copies:
            there.to(GPU, non_blocking=True)
            torch.zeros(3, device=GPU).copy_(there, True)
        assert not copies.found
        with Copies() as copies:
            there.to(GPU)
            torch.zeros(3, device=GPU).copy_(there)
            torch.tensor([1.0, 2.0], device=GPU)
    assert len(copies.found) == 3, copies.found
