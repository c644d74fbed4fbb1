"""Every configuration on a simulated GPU, from files to losses: nothing stays on the host, and the host never waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from siamtrack import config
from siamtrack.contracts import map_tensors
from siamtrack.data.batches import RawBatch
from siamtrack.data.synthetic import write_dataset
from siamtrack.tracking.task import TrackingTask
from tests.simulated_gpu import GPU, Crossings, no_gpu_here, simulation

pytestmark = no_gpu_here

CONFIGS = Path(__file__).parents[1] / "configs"
ONE_OF_A_KIND = [
    "nanotrack/v3", "quickstart", "siamban/r50", "siamban_acm/r50", "siamcross/r50", "siamfc/alexnet", "siampw_rbo/r50",
    "siamrpnpp/r50", "siamrpnpp_rbo/r50", "siamsa_rbo/r50", "stark/s50", "stark/st50", "stark/st50_stage2",
]  # fmt: skip
OTHERS = sorted({str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.yaml")} - {*ONE_OF_A_KIND})


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("world"), 3, train=4, test=0, train_frames=40)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    yield from simulation(monkeypatch)


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
def test_a_step_stays_on_the_device_and_never_waits_for_it(name, world, simulated):
    own = ["DATA.SETS", "[{NAME: got10k, SPLIT: train}]", "MODEL.INIT", ""]
    cfg = config.load(CONFIGS / f"{name}.yaml", overrides=own)
    if cfg.MODEL.BACKBONE.get("PRETRAINED"):
        cfg.MODEL.BACKBONE.PRETRAINED = ""
    with simulated, GPU:
        task = TrackingTask(cfg, str(world))
    task.model.train()
    raw = map_tensors(task.data.maker.make(0, 4), simulated.from_tensor)
    with simulated:
        step(task, raw, None)
        with Crossings() as seen:
            terms = step(task, raw, torch.bfloat16)
    assert {(value.device, value.dtype, value.ndim) for value in terms.values()} == {(GPU, torch.float32, 0)}
    assert not seen.found
