"""Checkpoint files: what they carry, what is refused, and what a full disk leaves behind."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
import torch

from siamtrack import config
from siamtrack.engine.checkpoint import CheckpointError, Checkpoints
from siamtrack.models.weights import read_weights, save_weights
from tests.engine.forked import forked
from tests.engine.toy import run, settings, toy


def test_weights_alone_are_enough(tmp_path: Path) -> None:
    task = run(tmp_path / "run", "TRAIN.EPOCHS", 1)
    saved = read_weights(tmp_path / "run/checkpoints/epoch-0001.safetensors")
    cfg, meta = config.loads(saved.config, "the checkpoint"), saved.meta
    assert cfg == settings("TRAIN.EPOCHS", 1)
    assert (meta["name"], meta["epoch"], meta["total"]) == ("run", 1, 6)
    assert meta["metrics"]["loss"].keys() == {"total", "first", "second"}
    assert "torch" in meta["versions"]
    other = toy(cfg)
    other.model.load_state_dict(saved.state)
    with torch.no_grad():
        assert meta["metrics"]["validation"] == task.validate(task.model.eval()) == other.validate(other.model.eval())


def test_a_tensor_under_two_names_is_stored_once(tmp_path: Path) -> None:
    shared, alone = torch.randn(1000), torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    save_weights(tmp_path / "w.safetensors", {"a": shared, "b": shared, "c": alone}, "", {})
    assert (tmp_path / "w.safetensors").stat().st_size < 6000
    weights = read_weights(tmp_path / "w.safetensors").state
    assert weights.keys() == {"a", "b", "c"}
    assert torch.equal(weights["b"], shared)
    assert torch.equal(weights["c"], alone)


def test_keep_removes_the_oldest(tmp_path: Path) -> None:
    run(tmp_path / "run", "TRAIN.EPOCHS", 4, "TRAIN.KEEP", 2, "TASK.STEPS", 3, "TRAIN.SAVE_STEPS", 1)
    names = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert names == [f"epoch-000{n}.{kind}" for n in (3, 4) for kind in ("safetensors", "state.pt")]


@pytest.mark.parametrize("limit", [1000, 5000])  # bytes: too few for the weights; enough for them, not for the state
def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path, limit: int) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    weights = {"w": torch.randn(500)}
    state = {"learner": {"momentum": torch.randn(3000)}}
    checkpoints.save((1, 0), weights, state, "SEED: 1", {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fill_up() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(CheckpointError, match=r"cannot be written.*--resume"):
            checkpoints.save((2, 0), weights, state, "SEED: 1", {})

    assert forked(fill_up) == 0
    assert checkpoints.newest().weights.name == "epoch-0001.safetensors"
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name in before}
    assert left == before
    assert {path.name for path in tmp_path.iterdir()} == set(before)  # nothing unfinished takes up what room is left


def test_training_outlives_a_failed_save_but_not_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Checkpoints.save

    def full_at(*epochs: int):
        def save(self, position, *rest):
            if position[0] in epochs:
                raise CheckpointError("the disk is full.")
            return written(self, position, *rest)

        return save

    monkeypatch.setattr(Checkpoints, "save", full_at(1))
    run(tmp_path / "a")
    assert [path.name for path in (tmp_path / "a/checkpoints").glob("*.pt")] == ["epoch-0002.state.pt"]
    monkeypatch.setattr(Checkpoints, "save", full_at(2))
    with pytest.raises(CheckpointError, match="disk is full"):
        run(tmp_path / "b")
