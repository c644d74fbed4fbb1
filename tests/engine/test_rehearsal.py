"""The rehearsal tries every phase and leaves no trace; what does not fit is said before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from siamtrack.engine.rehearsal import MemoryShort
from tests.engine.forked import together
from tests.engine.test_resume import MIDWAY, assert_same_end, killed
from tests.engine.toy import ToyTask, run


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_it_leaves_no_trace(tmp_path: Path, optimizer: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = (*MIDWAY, "TRAIN.OPTIMIZER.NAME", optimizer, "TRAIN.EMA", 0.9, "TRAIN.PRECISION", "bf16")
    run(tmp_path / "with", *more)
    out = capsys.readouterr().out
    assert "rehearsal of phase 1 (from epoch 1): a step fits, " in out
    assert "rehearsal of phase 2 (from epoch 2): a step fits, " in out
    run(tmp_path / "without", *more, "TRAIN.REHEARSE", False)
    assert "rehearsal" not in capsys.readouterr().out
    assert_same_end(tmp_path / "with", tmp_path / "without")


def test_nor_in_a_resumed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert killed(tmp_path / "run", "os.replace:10") < 0  # in the second epoch
    run(tmp_path / "run", *MIDWAY, resume=True)
    assert "rehearsal of phase 1" not in capsys.readouterr().out
    run(tmp_path / "whole", *MIDWAY, "TRAIN.REHEARSE", False)
    assert_same_end(tmp_path / "run", tmp_path / "whole")


def lack_memory(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What learns in the backbone is too much."""
    losses = ToyTask.losses

    def failing(self: ToyTask, model: Any, batch: Any) -> Any:
        if self.model.backbone[0].weight.requires_grad:
            raise error
        return losses(self, model, batch)

    monkeypatch.setattr(ToyTask, "losses", failing)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory: you")],
)
def test_a_later_phase_that_does_not_fit_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    lack_memory(monkeypatch, error)
    with pytest.raises(MemoryShort) as raised:
        run(tmp_path / "run", *MIDWAY, "TRAIN.BATCH", 12)
    assert str(raised.value) == (
        "phase 2 (from epoch 2) does not fit into the memory of cpu: 12 samples a pass are too many. Nothing has been "
        "trained yet. Try TRAIN.DEVICE_BATCH 6 (a step is then 2 passes; batch and learning rate stay what they are); "
        "or TRAIN.PRECISION bf16; or TRAIN.CHECKPOINTING \"['backbone.layer?.*']\" (or other modules whose activations "
        "are many); or more processes."
    )
    assert not list((tmp_path / "run").glob("checkpoints/*"))


def test_another_error_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lack_memory(monkeypatch, RuntimeError("sizes do not agree"))
    with pytest.raises(RuntimeError, match="sizes do not agree"):
        run(tmp_path / "run", *MIDWAY)


def test_processes_rehearse_together(tmp_path: Path) -> None:
    """The wrapped model of a rehearsed phase must not exchange gradients later on."""
    still = ("TASK.DROPOUT", 0.0, "TASK.NOISE", 0.0, "TRAIN.SCHEDULE.NAME", "constant", *MIDWAY)
    assert together(lambda: run(tmp_path / "with", *still)) == [0, 0]
    assert together(lambda: run(tmp_path / "without", *still, "TRAIN.REHEARSE", False)) == [0, 0]
    assert_same_end(tmp_path / "with", tmp_path / "without")
